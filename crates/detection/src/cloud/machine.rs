//! What the machine's own firmware says of whose it is, where nobody answers at the address of a metadata service: whether
//! that is no wonder, or something that should be tried again.

use crate::fetch::{FetchError, Place};
use crate::{Outcome, Surroundings};
use forebay_transport::client::AskError;

/// Where the kernel shows what the firmware says (SMBIOS, by the kernel's `dmi-id`). Everybody may read these.
const FIRMWARE: &str = "/sys/class/dmi/id/";

/// What every virtual machine of Azure has as its asset tag, and other machines of Hyper-V do not.
const AZURE_ASSET_TAG: &str = "7783-7084-3265-9085-8269-3286-77";

/// Whose machine it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Amazon,
    Google,
    Microsoft,
}

impl Maker {
    /// Whether the machine says that it is this one's. Nothing: it does not say whose it is.
    fn is_that_of(self, surroundings: &Surroundings) -> Option<bool> {
        let read = |name: &str| {
            let text = surroundings.read(&format!("{FIRMWARE}{name}")).ok().flatten();
            text.unwrap_or_default().trim().to_ascii_lowercase()
        };
        let any = |names: &[&str], word: &str| names.iter().any(|name| read(name).contains(word));
        if read("sys_vendor").is_empty() {
            return None;
        }
        Some(match self {
            // Older instances (Xen) say it in their versions only.
            Maker::Amazon => any(
                &["sys_vendor", "bios_vendor", "bios_version", "product_version"],
                "amazon",
            ),
            Maker::Google => any(&["sys_vendor", "product_name"], "google"),
            Maker::Microsoft => read("chassis_asset_tag") == AZURE_ASSET_TAG,
        })
    }

    /// What it means that there is no answer at `place` that could be this one's.
    pub(super) async fn without_answer(
        self,
        surroundings: &Surroundings,
        place: &Place,
        error: FetchError,
    ) -> Outcome {
        let failed = |error: FetchError| Outcome::Failed(format!("{place}: {error}"));
        let (nobody, unconnected) = match &error {
            FetchError::Silent(AskError::Nobody(_)) => (true, false),
            FetchError::Silent(AskError::Unconnected(_)) => (false, true),
            _ => return failed(error),
        };
        if place.is_given() {
            return failed(error);
        }
        let around = surroundings.clone();
        let looking = tokio::task::spawn_blocking(move || self.is_that_of(&around));
        match looking.await.ok().flatten() {
            Some(false) if nobody || unconnected => Outcome::Absent,
            None if nobody => Outcome::Absent,
            _ => failed(error),
        }
    }
}
