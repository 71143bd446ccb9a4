//! What components measure by themselves: a family is exposed where a component that has it runs.

use super::{Metric, counter};

const SAMPLED: &[&str] = &["node", "policy", "sampled"];

/// Spans that a `probabilistic_sampler` has decided about.
pub const COUNT_TRACES_SAMPLED: Metric = counter(
    "otelcol_processor_probabilistic_sampler_count_traces_sampled",
    SAMPLED,
    "Spans that a `probabilistic_sampler` has decided about, by what decided and whether they were kept.",
);
/// Log records that a `probabilistic_sampler` has decided about.
pub const COUNT_LOGS_SAMPLED: Metric = counter(
    "otelcol_processor_probabilistic_sampler_count_logs_sampled",
    SAMPLED,
    "Log records that a `probabilistic_sampler` has decided about, by what decided and whether they were kept.",
);

/// Every metric of components, in the order of exposition.
pub(super) const ALL: &[Metric] = &[COUNT_TRACES_SAMPLED, COUNT_LOGS_SAMPLED];
