//! The closed list of detectors.

use crate::{Spec, cloud, local};

/// A kind of place that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Environment variables.
    Env,
    /// This process.
    Process,
    /// The operating system.
    Os,
    /// The machine.
    Host,
    /// The container.
    Container,
    /// The pod.
    Kubernetes,
    /// An instance of Amazon EC2.
    Ec2,
    /// A task of Amazon ECS.
    Ecs,
    /// A node of Amazon EKS.
    Eks,
    /// An instance of Google Compute Engine.
    Gce,
    /// A node of Google Kubernetes Engine.
    Gke,
    /// A virtual machine of Azure.
    Azure,
    /// A node of Azure Kubernetes Service.
    Aks,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Kind; 13] = [
        Kind::Env,
        Kind::Process,
        Kind::Os,
        Kind::Host,
        Kind::Container,
        Kind::Kubernetes,
        Kind::Ec2,
        Kind::Ecs,
        Kind::Eks,
        Kind::Gce,
        Kind::Gke,
        Kind::Azure,
        Kind::Aks,
    ];

    /// The word that configs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Env => "env",
            Kind::Process => "process",
            Kind::Os => "os",
            Kind::Host => "host",
            Kind::Container => "container",
            Kind::Kubernetes => "kubernetes",
            Kind::Ec2 => "ec2",
            Kind::Ecs => "ecs",
            Kind::Eks => "eks",
            Kind::Gce => "gce",
            Kind::Gke => "gke",
            Kind::Azure => "azure",
            Kind::Aks => "aks",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it can find: no other attribute is ever taken from it.
    pub const fn specs(self) -> &'static [Spec] {
        match self {
            Kind::Env => local::env::SPECS,
            Kind::Process => local::process::SPECS,
            Kind::Os => local::os::SPECS,
            Kind::Host => local::host::SPECS,
            Kind::Container => local::container::SPECS,
            Kind::Kubernetes => local::kubernetes::SPECS,
            Kind::Ec2 => cloud::ec2::SPECS,
            Kind::Ecs => cloud::ecs::SPECS,
            Kind::Eks => cloud::eks::SPECS,
            Kind::Gce => cloud::gce::SPECS,
            Kind::Gke => cloud::gke::SPECS,
            Kind::Azure => cloud::azure::SPECS,
            Kind::Aks => cloud::aks::SPECS,
        }
    }
}
