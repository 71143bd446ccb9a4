//! A virtual machine of Azure, by its metadata service.

use super::facts::Facts;
use super::microsoft::{self, Compute};
use super::spec;
use crate::fetch::{Place, value};
use crate::{Detector, Outcome, Spec, Stability, Surroundings, Wanted};
use futures_util::future::BoxFuture;

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`azure`", true),
    spec("cloud.platform", "`azure.vm`", true),
    spec("cloud.account.id", "compute, `subscriptionId`", true),
    spec("cloud.region", "compute, `location`", true),
    spec(
        "cloud.availability_zone",
        "compute, `zone`: a number, which means something else for each subscription",
        true,
    ),
    spec("cloud.resource_id", "compute, `resourceId`", true),
    spec("azure.resource_group.name", "compute, `resourceGroupName`", true),
    spec("host.id", "compute, `vmId`", true),
    spec(
        "host.name",
        "compute, `osProfile.computerName`, else `name`",
        true,
    ),
    spec("host.type", "compute, `vmSize`", true),
    unlisted("azure.vm.name", "compute, `name`", true),
    unlisted("azure.vm.scaleset.name", "compute, `vmScaleSetName`", true),
    unlisted(
        "azure.vm.size",
        "compute, `vmSize`: the Collector's name for `host.type`",
        false,
    ),
    unlisted(
        "azure.resourcegroup.name",
        "compute, `resourceGroupName`: the Collector's name for it",
        false,
    ),
    unlisted(TAGS, "compute, `tagsList`", false),
];

const fn unlisted(key: &'static str, source: &'static str, default: bool) -> Spec {
    Spec {
        stability: Stability::Unlisted,
        ..spec(key, source, default)
    }
}

const TAGS: &str = "azure.tag.<key>";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Azure {
    /// Where the metadata service is; where Azure says if nothing is said.
    pub endpoint: Option<Place>,
}

impl Detector for Azure {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let place = microsoft::place(self.endpoint.as_ref());
            match microsoft::compute(surroundings, &place).await {
                Ok(compute) => describe(&compute, wanted),
                Err(outcome) => outcome,
            }
        })
    }
}

fn describe(compute: &Compute, wanted: &Wanted) -> Outcome {
    let mut facts = Facts::new(wanted);
    facts.text("cloud.provider", Some("azure"));
    facts.text("cloud.platform", Some("azure.vm"));
    facts.text("cloud.account.id", Some(&compute.subscription_id));
    facts.text("cloud.region", compute.location.as_deref());
    facts.text("cloud.availability_zone", compute.zone.as_deref());
    facts.text("cloud.resource_id", compute.resource_id.as_deref());
    facts.text(
        "azure.resource_group.name",
        compute.resource_group_name.as_deref(),
    );
    facts.text("host.id", Some(&compute.vm_id));
    let computer = compute
        .os_profile
        .computer_name
        .as_deref()
        .filter(|name| !name.is_empty());
    facts.text("host.name", computer.or(compute.name.as_deref()));
    facts.text("host.type", compute.vm_size.as_deref());
    facts.text("azure.vm.name", compute.name.as_deref());
    facts.text("azure.vm.scaleset.name", compute.vm_scale_set_name.as_deref());
    facts.text("azure.vm.size", compute.vm_size.as_deref());
    facts.text("azure.resourcegroup.name", compute.resource_group_name.as_deref());
    for tag in &compute.tags_list {
        if let Ok(Some(name)) = value(&tag.name) {
            facts.text(&format!("azure.tag.{name}"), Some(&tag.value));
        }
    }
    facts.outcome()
}
