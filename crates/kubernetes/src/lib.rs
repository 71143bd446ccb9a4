//! What a Kubernetes cluster knows of its pods, kept small and up to date, and the processor that tells it of what they send.
//!
//! | file | holds |
//! |---|---|
//! | `wanted.rs` | what is asked of the cluster, and how it is reached |
//! | `objects/` | objects as the API server writes them, borrowed from its bytes while they are looked at |
//! | `extract.rs` | what is kept of them |
//! | `known/` | the store: what lookups find |
//! | `watch/` | who fills it: lists and watches, and what becomes of them when the API server fails |
//! | `meter.rs` | what operators see of it |
//! | `k8s_attributes/` | the processor |

mod extract;
pub mod k8s_attributes;
mod known;
mod meter;
mod objects;
#[cfg(test)]
mod rig;
mod wanted;
mod watch;

pub use extract::{Extract, Extracted};
pub use known::{Container, ContainerRef, Known, Pod, Run};
pub use objects::{
    ContainerObject, ContainerSpec, ContainerState, ContainerStatus, Metadata, Owner, Pairs, PodIp,
    PodObject, PodSpec, PodStatus, Role, Terminated, Text,
};
pub use wanted::{Access, Kind, Scope, Settings, Wanted};
pub use watch::follow;

use forebay_core::registry::Registry;

/// Registers the processors of this crate.
pub fn register(registry: &mut Registry) {
    registry.processor::<k8s_attributes::K8sAttributesFactory>();
}
