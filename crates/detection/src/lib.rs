//! What can be found out about the place that a process runs at: its host, container, cluster and cloud.
//!
//! A [`Detector`] looks at one kind of place. It is given its [`Surroundings`], which tests make up, and answers by an [`Outcome`].
//! [`Kind`] is the closed list of detectors; each has its closed list of attributes ([`Spec`]), of which a config switches some on
//! and others off ([`Wanted`]). A [`Detection`] runs several of them side by side, tries again what failed, and puts together what
//! they have found.
//!
//! A detector never fails a process: what it cannot find out is said and tried again, and what it has found out before stays.

mod attribute;
pub mod cloud;
mod detector;
mod fetch;
mod kind;
pub mod local;
mod runner;
mod surroundings;
#[cfg(test)]
mod tests;

pub use attribute::{Attribute, Spec, Stability, Value, ValueType, Wanted};
pub use detector::{ATTRIBUTES_MAX, BYTES_MAX, Detector, Outcome};
pub use fetch::Place;
pub use kind::Kind;
pub use runner::{Detection, Observer, Pace, Planned, Retry};
pub use surroundings::{FILE_MAX, Surroundings, Uname};
