//! A node of Azure Kubernetes Service, by the metadata service of its machine, and what AKS may tell the pod.
//!
//! That Kubernetes runs on a machine of Azure does not make it AKS. What does is the cluster's resource id, where the pod is given
//! it (the config map `aks-cluster-metadata`, as the variable `CLUSTER_RESOURCE_ID` or mounted at
//! `/etc/kubernetes/aks-cluster-metadata`), or that the machine is of AKS's making: its resource group has a name of the form
//! `MC_GROUP_CLUSTER_LOCATION`, or it has tags that begin with `aks-managed-`.
//!
//! The name of the cluster is certain where the config or the resource id says it. In `MC_GROUP_CLUSTER_LOCATION` it is not:
//! names of groups and of clusters may have underscores themselves. Where there is more than one way to take the name apart,
//! or the group has a name of the user's own, the whole name of the group stands for the cluster's, as the Collector has it: no two
//! clusters of a subscription have the same.

use super::facts::Facts;
use super::microsoft::{self, Compute};
use super::{is_in_kubernetes, spec, stable};
use crate::fetch::Place;
use crate::{Detector, Outcome, Spec, Surroundings, Wanted};
use futures_util::future::BoxFuture;

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`azure`", true),
    spec("cloud.platform", "`azure.aks`", true),
    spec("cloud.account.id", "compute, `subscriptionId`", true),
    spec("cloud.region", "compute, `location`", true),
    spec(
        "cloud.resource_id",
        "the cluster's resource id, where the pod is given it",
        true,
    ),
    stable(
        "k8s.cluster.name",
        "the key `cluster_name`, else the end of the cluster's resource id, else from compute, `resourceGroupName`",
    ),
];

/// Where a pod may be given the cluster's resource id.
const RESOURCE_ID_VARIABLE: &str = "CLUSTER_RESOURCE_ID";
const RESOURCE_ID_FILE: &str = "/etc/kubernetes/aks-cluster-metadata/clusterResourceId";

/// How tags that AKS sets begin.
const MANAGED_TAG: &str = "aks-managed-";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Aks {
    /// Where the metadata service is; where Azure says if nothing is said.
    pub endpoint: Option<Place>,
    /// The name of the cluster, where it cannot be found out for certain.
    pub cluster_name: Option<String>,
}

impl Detector for Aks {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if !is_in_kubernetes(surroundings) {
                return Outcome::Absent;
            }
            let resource = resource_id(surroundings).await;
            let place = microsoft::place(self.endpoint.as_ref());
            match (microsoft::compute(surroundings, &place).await, resource) {
                (Ok(compute), resource) => self.of_machine(&compute, resource.as_deref(), wanted),
                (Err(outcome), Some(resource)) => self.of_resource(&outcome, &resource, wanted),
                (Err(outcome), None) => outcome,
            }
        })
    }
}

impl Aks {
    fn of_machine(&self, compute: &Compute, resource: Option<&str>, wanted: &Wanted) -> Outcome {
        let group = compute.resource_group_name.as_deref().unwrap_or_default();
        let managed = compute
            .tags_list
            .iter()
            .any(|tag| tag.name.to_ascii_lowercase().starts_with(MANAGED_TAG));
        let parted = compute
            .location
            .as_deref()
            .and_then(|location| cluster_and_group(group, location));
        if resource.is_none() && !managed && parted.is_none() {
            return Outcome::Absent;
        }
        let mut facts = Facts::new(wanted);
        self.begin(&mut facts, resource);
        facts.text("cloud.account.id", Some(&compute.subscription_id));
        facts.text("cloud.region", compute.location.as_deref());
        if self.cluster_name.is_none() && resource.is_none() {
            let certain = parted.and_then(|parted| in_two(parted));
            facts.text(
                "k8s.cluster.name",
                Some(certain.map_or(group, |(_, cluster)| cluster)),
            );
        }
        facts.outcome()
    }

    /// What is known without the metadata service.
    fn of_resource(&self, machine: &Outcome, resource: &str, wanted: &Wanted) -> Outcome {
        let mut facts = Facts::new(wanted);
        self.begin(&mut facts, Some(resource));
        facts.text("cloud.account.id", segment_after(resource, "subscriptions"));
        if let Some(failure) = machine.failure() {
            facts.failed("metadata service", &failure);
        }
        facts.outcome()
    }

    fn begin(&self, facts: &mut Facts<'_>, resource: Option<&str>) {
        facts.text("cloud.provider", Some("azure"));
        facts.text("cloud.platform", Some("azure.aks"));
        facts.text("cloud.resource_id", resource);
        let told = resource.and_then(|resource| segment_after(resource, "managedClusters"));
        facts.text("k8s.cluster.name", self.cluster_name.as_deref().or(told));
    }
}

/// The cluster's resource id, if the pod is given one:
/// `/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME`.
async fn resource_id(surroundings: &Surroundings) -> Option<String> {
    let told = match surroundings.variable(RESOURCE_ID_VARIABLE) {
        Some(told) => told.to_owned(),
        None => {
            let around = surroundings.clone();
            let reading = tokio::task::spawn_blocking(move || around.read(RESOURCE_ID_FILE).ok().flatten());
            reading.await.ok()??
        }
    };
    let told = told.trim();
    segment_after(told, "managedClusters").map(|_| told.to_owned())
}

/// The segment of a resource id that follows the one called `name`. Their case does not matter.
fn segment_after<'a>(resource: &'a str, name: &str) -> Option<&'a str> {
    let mut segments = resource
        .split('/')
        .skip_while(|segment| !segment.eq_ignore_ascii_case(name));
    segments.nth(1).filter(|segment| !segment.is_empty())
}

/// `GROUP_CLUSTER` of `MC_GROUP_CLUSTER_LOCATION`.
fn cluster_and_group<'a>(name: &'a str, location: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(3)?;
    let (middle, end) = rest.split_at_checked(rest.len().checked_sub(location.len())?)?;
    let fits = start.eq_ignore_ascii_case("MC_") && end.eq_ignore_ascii_case(location);
    middle
        .strip_suffix('_')
        .filter(|middle| fits && middle.contains('_'))
}

/// Group and cluster, if there is only one way to tell them apart.
fn in_two(parted: &str) -> Option<(&str, &str)> {
    let (group, cluster) = parted.split_once('_')?;
    (!group.is_empty() && !cluster.is_empty() && !cluster.contains('_')).then_some((group, cluster))
}
