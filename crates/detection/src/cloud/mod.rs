//! Detectors that ask the metadata service of a cloud's provider.
//!
//! | detector | asks | is there if |
//! |---|---|---|
//! | [`ec2`] | `169.254.169.254`, else `fd00:ec2::254` | a token is given (IMDSv2), and with it an instance identity document |
//! | [`ecs`] | where `ECS_CONTAINER_METADATA_URI_V4` (or that of version 3) says, if that is on this host or link | that variable is set |
//! | [`eks`] | as `ec2` | Kubernetes runs this process, and its token or a tag of the instance says that it is EKS |
//! | [`gce`] | `169.254.169.254` | what answers says that it is Google |
//! | [`gke`] | as `gce` | Kubernetes runs this process, and the instance belongs to a cluster |
//! | [`azure`] | `169.254.169.254` | what answers has a document of the virtual machine |
//! | [`aks`] | as `azure` | Kubernetes runs this process, and the machine is one that AKS has made |
//!
//! All clouds use the same address, so each detector must be able to tell that it is another's service that answers: this is
//! [`Outcome::Absent`](crate::Outcome), like nobody there. What is there and does not answer as its documentation says is
//! [`Outcome::Failed`](crate::Outcome): it is asked again later.

pub mod aks;
mod amazon;
pub mod azure;
pub mod ec2;
pub mod ecs;
pub mod eks;
mod facts;
pub mod gce;
pub mod gke;
mod google;
mod machine;
mod microsoft;
#[cfg(test)]
mod tests;

use crate::{Spec, Stability, Surroundings, ValueType};

/// Set in every container that Kubernetes runs (Kubernetes documentation, "Accessing the API from within a Pod").
const KUBERNETES: &str = "KUBERNETES_SERVICE_HOST";

/// Whether Kubernetes runs this process.
fn is_in_kubernetes(surroundings: &Surroundings) -> bool {
    surroundings.variable(KUBERNETES).is_some()
}

/// A string, by a name of the conventions: those about clouds, machines and containers may still change.
const fn spec(key: &'static str, source: &'static str, default: bool) -> Spec {
    Spec {
        key,
        value: ValueType::String,
        source,
        stability: Stability::Development,
        default,
    }
}

/// A string, by a name of the conventions that does not change any more.
const fn stable(key: &'static str, source: &'static str) -> Spec {
    Spec {
        stability: Stability::Stable,
        ..spec(key, source, true)
    }
}
