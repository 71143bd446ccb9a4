//! The closed list of detectors.

use crate::{Spec, local};

/// A kind of place that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The operating system.
    Os,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Kind; 1] = [Kind::Os];

    /// The word that configs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Os => "os",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it can find: no other attribute is ever taken from it.
    pub const fn specs(self) -> &'static [Spec] {
        match self {
            Kind::Os => local::os::SPECS,
        }
    }
}
