//! The closed list of detectors.

use crate::{Spec, local};

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
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Kind; 6] = [
        Kind::Env,
        Kind::Process,
        Kind::Os,
        Kind::Host,
        Kind::Container,
        Kind::Kubernetes,
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
        }
    }
}
