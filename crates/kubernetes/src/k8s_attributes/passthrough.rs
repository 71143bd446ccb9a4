//! Agents in front of a gateway: the address of the sender is put, and nothing is known of the cluster.

use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, Outputs};
use forebay_otlp::edit::{AttributeSet, AttributeValue, Editor, Level, Present};
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::k8s_attributes::PASSED_THROUGH;
use forebay_telemetry::{Family, Instruments};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts addresses, and counts the resources that have got one.
#[derive(Debug, Default)]
pub(super) struct Passthrough {
    put: AtomicU64,
}

impl Passthrough {
    /// Puts the address that `batch` came from, where it is one that a pod can have.
    pub(super) fn process(&self, mut batch: Batch, present: Present, out: &mut Outputs) {
        let Some(address) = sender(&batch).filter(|address| is_of_a_pod(*address)) else {
            return out.emit(batch);
        };
        let address = address.to_string();
        let set = AttributeSet::new([("k8s.pod.ip", AttributeValue::String(&address))]);
        let (input, mut put) = (batch.payload().contiguous(), 0);
        let mut editor = Editor::new();
        let edited = editor.edit_level(batch.signal(), &input, Level::Resource, |resource| {
            put += resource.put_attributes(&[&set], present)? as u64;
            Ok(())
        });
        match edited {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        self.put.fetch_add(put, Ordering::Relaxed);
        out.emit(batch);
    }
}

/// The address that a batch came from: one of IPv4 as such, even where it came in over IPv6.
pub(super) fn sender(batch: &Batch) -> Option<IpAddr> {
    batch.origin().peer.map(|peer| peer.ip().to_canonical())
}

/// Whether a pod can have this address: what comes from this host itself comes from no pod, or from one without an address of its own.
fn is_of_a_pod(address: IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

impl Instruments for Passthrough {
    fn families(&self) -> &'static [&'static Metric] {
        &[&PASSED_THROUGH]
    }

    fn write(&self, _: &'static Metric, node: &str, family: &mut Family<'_>) {
        family.count(&[node], self.put.load(Ordering::Relaxed));
    }
}
