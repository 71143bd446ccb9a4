//! What components measure by themselves: a family is exposed where a component that has it runs.

use super::{Metric, NODE, NODE_ALONE, counter, gauge, in_unit};

const SAMPLED: &[&str] = &["processor", "policy", "sampled"];

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

// An `adaptive_sampler`, in the unit of its target: items, or bytes where that is in bytes per second.

/// What arrives at an `adaptive_sampler`.
pub const ADAPTIVE_SAMPLER_ARRIVING: Metric = gauge(
    "forebay_adaptive_sampler_arriving_per_second",
    NODE,
    "What arrives at an `adaptive_sampler` in a second, over its window: items, or bytes where its target is in bytes.",
);
/// What an `adaptive_sampler` keeps.
pub const ADAPTIVE_SAMPLER_KEPT: Metric = gauge(
    "forebay_adaptive_sampler_kept_per_second",
    NODE,
    "What an `adaptive_sampler` keeps in a second, over its window, in the same unit.",
);
/// The most that an `adaptive_sampler` keeps of one key.
pub const ADAPTIVE_SAMPLER_LEVEL: Metric = gauge(
    "forebay_adaptive_sampler_level_per_second",
    NODE,
    "The most that an `adaptive_sampler` keeps of one key in a second, in the same unit; no sample while it keeps everything.",
);
/// The keys of an `adaptive_sampler`.
pub const ADAPTIVE_SAMPLER_KEYS: Metric = gauge(
    "forebay_adaptive_sampler_keys",
    NODE,
    "Keys that an `adaptive_sampler` tells apart at the moment.",
);
/// The keys that found no place in an `adaptive_sampler`.
pub const ADAPTIVE_SAMPLER_OVERFLOWED: Metric = counter(
    "forebay_adaptive_sampler_overflowed_keys",
    NODE,
    "Keys that shared one place because `max_keys` others were there, each counted once for each batch that had it.",
);

// What is added to items about where they came from.

/// Paths that a `lineage` processor left as they were.
pub const LINEAGE_FULL_PATHS: Metric = counter(
    "forebay_lineage_full_paths",
    NODE_ALONE,
    "Paths of resources that a `lineage` processor made no longer, as they had `max_hops` hops already: a loop, or too small a limit.",
);

/// Attempts of detectors.
pub const RESOURCE_DETECTION_ATTEMPTS: Metric = counter(
    "forebay_resource_detection_attempts",
    &["node", "detector", "outcome"],
    "Looks of the detectors of a `resource_detection` by what came of them: `found`, `partial` (something of it could not be found out), \
     `absent` (this is not such a place) or `failed`.",
);
/// How old their answers are.
pub const RESOURCE_DETECTION_AGE: Metric = in_unit(
    gauge(
        "forebay_resource_detection_age_seconds",
        &["node", "detector"],
        "How long ago a detector of a `resource_detection` last answered in full, be it that this is not such a place; no sample if it \
         never did.",
    ),
    "seconds",
);
/// What is known.
pub const RESOURCE_DETECTION_ATTRIBUTES: Metric = gauge(
    "forebay_resource_detection_attributes",
    NODE_ALONE,
    "Attributes of the place that a `resource_detection` gives to resources at the moment.",
);

/// Every metric of components, in the order of exposition.
pub(super) const ALL: &[Metric] = &[
    ADAPTIVE_SAMPLER_ARRIVING,
    ADAPTIVE_SAMPLER_KEPT,
    ADAPTIVE_SAMPLER_LEVEL,
    ADAPTIVE_SAMPLER_KEYS,
    ADAPTIVE_SAMPLER_OVERFLOWED,
    COUNT_TRACES_SAMPLED,
    COUNT_LOGS_SAMPLED,
    LINEAGE_FULL_PATHS,
    RESOURCE_DETECTION_ATTEMPTS,
    RESOURCE_DETECTION_AGE,
    RESOURCE_DETECTION_ATTRIBUTES,
];
