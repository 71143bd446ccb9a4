//! What components measure by themselves: a family is exposed where a component that has it runs.

use super::Metric;

/// Every metric of components, in the order of exposition.
pub(super) const ALL: &[Metric] = &[];
