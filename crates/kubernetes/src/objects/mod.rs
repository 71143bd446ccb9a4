//! Objects as the API server writes them, of which only what may be asked for is read.
//!
//! They borrow from the bytes that came in and live no longer than it takes to make attributes of them: what is not named here,
//! such as `managedFields`, is skipped while it is parsed and never built. Field names are those of the Kubernetes API, v1.

mod page;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use page::{Page, each_item};
pub use text::{Pairs, Text};

use serde::Deserialize;
use std::net::IpAddr;

/// Who is responsible for an object: `metadata.ownerReferences[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner<'a> {
    /// Its kind: `ReplicaSet`.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its uid.
    #[serde(borrow)]
    pub uid: Text<'a>,
    /// Whether it is the one that manages the object: there is one such owner at most.
    pub controller: bool,
}

/// What every object has: `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata<'a> {
    /// Its name, unique in its namespace among objects of its kind that exist.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its namespace; empty for what is in none.
    #[serde(borrow)]
    pub namespace: Text<'a>,
    /// Its uid, unique for all time.
    #[serde(borrow)]
    pub uid: Text<'a>,
    /// The version of the object, from which a watch may go on.
    #[serde(borrow)]
    pub resource_version: Text<'a>,
    /// When it was made, as RFC 3339.
    #[serde(borrow)]
    pub creation_timestamp: Text<'a>,
    /// Its labels.
    #[serde(borrow)]
    pub labels: Pairs<'a>,
    /// Its annotations.
    #[serde(borrow)]
    pub annotations: Pairs<'a>,
    /// Its owners.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub owner_references: Vec<Owner<'a>>,
}

impl<'a> Metadata<'a> {
    /// The owner that manages it; of several without that mark, the first.
    pub fn controller(&self) -> Option<&Owner<'a>> {
        let owners = &self.owner_references;
        owners.iter().find(|owner| owner.controller).or(owners.first())
    }
}

/// An object of which only `metadata` is known, whatever its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct MetaObject<'a> {
    #[serde(borrow)]
    pub(crate) metadata: Metadata<'a>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodObject<'a> {
    /// `metadata`.
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    /// `spec`; empty where only metadata are watched.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub spec: PodSpec<'a>,
    /// `status`; empty where only metadata are watched.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub status: PodStatus<'a>,
}

/// What a pod is meant to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec<'a> {
    /// The node that it is bound to; empty before it is.
    #[serde(borrow)]
    pub node_name: Text<'a>,
    /// Its host name, if it has one other than its name.
    #[serde(borrow)]
    pub hostname: Text<'a>,
    /// Whether its addresses are those of its node.
    pub host_network: bool,
    /// Its containers.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub containers: Vec<ContainerSpec<'a>>,
    /// Those that run before, and sidecars.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub init_containers: Vec<ContainerSpec<'a>>,
    /// Those that were added for debugging.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub ephemeral_containers: Vec<ContainerSpec<'a>>,
}

/// What a container is meant to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerSpec<'a> {
    /// Its name, unique in the pod.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its image, as the manifest names it.
    #[serde(borrow)]
    pub image: Text<'a>,
    /// Whether it is started again by a policy of its own: `Always` makes a sidecar of one that runs before the others.
    #[serde(borrow, rename = "restartPolicy")]
    pub restart_policy: Text<'a>,
}

/// What a pod is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus<'a> {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(borrow)]
    pub phase: Text<'a>,
    /// Its first address; empty before it has one.
    #[serde(borrow, rename = "podIP")]
    pub pod_ip: Text<'a>,
    /// All of its addresses, one of each family.
    #[serde(borrow, rename = "podIPs", deserialize_with = "text::nullable")]
    pub pod_ips: Vec<PodIp<'a>>,
    /// The address of its node.
    #[serde(borrow, rename = "hostIP")]
    pub host_ip: Text<'a>,
    /// When the node took it on, as RFC 3339.
    #[serde(borrow)]
    pub start_time: Text<'a>,
    /// Its containers.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub container_statuses: Vec<ContainerStatus<'a>>,
    /// Those that run before, and sidecars.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub init_container_statuses: Vec<ContainerStatus<'a>>,
    /// Those that were added for debugging.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub ephemeral_container_statuses: Vec<ContainerStatus<'a>>,
}

/// One address of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodIp<'a> {
    /// The address.
    #[serde(borrow)]
    pub ip: Text<'a>,
}

/// What a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The image that runs, as the runtime names it.
    #[serde(borrow)]
    pub image: Text<'a>,
    /// The image by digest: `registry/name@sha256:...`, with or without a scheme before it.
    #[serde(borrow, rename = "imageID")]
    pub image_id: Text<'a>,
    /// The runtime's name and its id: `containerd://...`; empty before it was made.
    #[serde(borrow, rename = "containerID")]
    pub container_id: Text<'a>,
    /// How often it was started anew.
    pub restart_count: u32,
    /// What it is now.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub state: ContainerState<'a>,
    /// What it was before.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub last_state: ContainerState<'a>,
}

/// How it stands with one run of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerState<'a> {
    /// How it ended; empty before it has.
    #[serde(borrow, deserialize_with = "text::nullable")]
    pub terminated: Terminated<'a>,
}

/// How a run of a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated<'a> {
    /// The id that it had.
    #[serde(borrow, rename = "containerID")]
    pub container_id: Text<'a>,
    /// When it ended, as RFC 3339.
    #[serde(borrow)]
    pub finished_at: Text<'a>,
}

/// Which list of a pod a container stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `containers`, and of `initContainers` those that go on running: sidecars.
    Main,
    /// `initContainers`.
    Init,
    /// `ephemeralContainers`.
    Ephemeral,
}

/// A container: what it is meant to be, and what it is as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct ContainerObject<'p, 'a> {
    /// Which list it stands in.
    pub role: Role,
    /// What it is meant to be.
    pub spec: &'p ContainerSpec<'a>,
    /// What it is. Nothing: it was never seen to run.
    pub status: Option<&'p ContainerStatus<'a>>,
}

impl<'a> PodObject<'a> {
    /// Whether it has ended for good: its phase is `Succeeded` or `Failed`.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Its addresses, each once. Those of its node are among them if it is on the host's network.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let status = &self.status;
        let first = &status.pod_ip;
        let others = status.pod_ips.iter().map(|ip| &ip.ip);
        let others = others.filter(move |ip| *ip != first);
        std::iter::once(first)
            .chain(others)
            .filter_map(|ip| ip.parse().ok())
    }

    /// Its containers of all lists, in the order of the spec.
    pub fn containers(&self) -> impl Iterator<Item = ContainerObject<'_, 'a>> {
        let (spec, status) = (&self.spec, &self.status);
        let main = merged(Role::Main, &spec.containers, &status.container_statuses);
        let init = merged(Role::Init, &spec.init_containers, &status.init_container_statuses);
        let ephemeral = merged(
            Role::Ephemeral,
            &spec.ephemeral_containers,
            &status.ephemeral_container_statuses,
        );
        main.chain(init).chain(ephemeral)
    }
}

/// What the two lists say of each container.
fn merged<'p, 'a>(
    role: Role,
    specs: &'p [ContainerSpec<'a>],
    statuses: &'p [ContainerStatus<'a>],
) -> impl Iterator<Item = ContainerObject<'p, 'a>> {
    let status_of = |name: &str| statuses.iter().find(|status| status.name == *name);
    let role_of = move |spec: &ContainerSpec<'_>| match spec.restart_policy == "Always" {
        true => Role::Main,
        false => role,
    };
    specs.iter().map(move |spec| ContainerObject {
        role: role_of(spec),
        spec,
        status: status_of(&spec.name),
    })
}
