//! What a `tail_sampling` processor measures. The Collector's names where the meaning is the same.

use super::{Metric, counter, gauge, histogram, in_unit};

const POLICY: &[&str] = &["processor", "policy", "sampled", "decision"];

/// Traces by what each policy said.
pub const TRACES_SAMPLED: Metric = counter(
    "otelcol_processor_tail_sampling_count_traces_sampled",
    POLICY,
    "Traces by what each policy said of them when they were decided: sampled, not_sampled, dropped, or not_asked. Several policies may \
     say yes to one trace.",
);
/// Spans by what each policy said of their traces.
pub const SPANS_SAMPLED: Metric = counter(
    "otelcol_processor_tail_sampling_count_spans_sampled",
    POLICY,
    "Spans of traces when they were decided, by what each policy said of the trace.",
);
/// Bytes by what each policy said of their traces.
pub const BYTES_SAMPLED: Metric = in_unit(
    counter(
        "forebay_tail_sampling_policy_bytes",
        POLICY,
        "Wire bytes of the spans of traces when they were decided, by what each policy said of the trace.",
    ),
    "bytes",
);
/// Decisions by cause.
pub const DECISIONS: Metric = counter(
    "otelcol_processor_tail_sampling_global_count_traces_sampled",
    &["processor", "sampled", "cause"],
    "Traces decided, by what led to the decision at that moment: policy (nothing to come can change it), quiet (the root is there and \
     nothing more came), decision_wait, trace_size, memory (the oldest made room), shutdown, alone (no valid trace id).",
);
/// New traces.
pub const NEW_TRACES: Metric = counter(
    "otelcol_processor_tail_sampling_new_trace_id_received",
    &["processor"],
    "Traces of which a first item came.",
);
/// Late items.
pub const LATE: Metric = counter(
    "otelcol_processor_tail_sampling_early_releases_from_cache_decision",
    &["processor", "sampled"],
    "Spans and log records that came after their trace had been decided, and followed the decision.",
);
/// Traces without a root.
pub const ROOTLESS: Metric = counter(
    "forebay_tail_sampling_rootless_traces",
    &["processor"],
    "Traces that were decided without their root span: it came elsewhere, came late or was lost. Many of them after a change of \
     gateways are traces that moved.",
);
/// Age at decision.
pub const AGE_SECONDS: Metric = histogram(
    "forebay_tail_sampling_decision_age_seconds",
    &["processor"],
    "How old traces were when they were decided, from the arrival of their first item on.",
);
/// Traces held.
pub const TRACES_HELD: Metric = gauge(
    "otelcol_processor_tail_sampling_sampling_traces_on_memory",
    &["processor"],
    "Traces that are held undecided.",
);
/// Bytes of items held.
pub const ITEM_BYTES: Metric = in_unit(
    gauge(
        "forebay_tail_sampling_held_bytes",
        &["processor"],
        "Wire bytes of the items that are held undecided.",
    ),
    "bytes",
);
/// Memory of the buffer.
pub const MEMORY: Metric = in_unit(
    gauge(
        "forebay_tail_sampling_memory_bytes",
        &["processor"],
        "Memory of the trace buffer, with all its tables.",
    ),
    "bytes",
);
/// The most memory of the buffer.
pub const MEMORY_MAX: Metric = in_unit(
    gauge(
        "forebay_tail_sampling_memory_max_bytes",
        &["processor"],
        "The most memory that the trace buffer may take: max_bytes of the config.",
    ),
    "bytes",
);

/// What tail sampling measures.
pub const FAMILIES: &[&Metric] = &[
    &TRACES_SAMPLED,
    &SPANS_SAMPLED,
    &BYTES_SAMPLED,
    &DECISIONS,
    &NEW_TRACES,
    &LATE,
    &ROOTLESS,
    &AGE_SECONDS,
    &TRACES_HELD,
    &ITEM_BYTES,
    &MEMORY,
    &MEMORY_MAX,
];

/// The same, in the order of exposition.
pub(super) const ALL: &[Metric] = &[
    TRACES_SAMPLED,
    SPANS_SAMPLED,
    BYTES_SAMPLED,
    DECISIONS,
    NEW_TRACES,
    LATE,
    ROOTLESS,
    AGE_SECONDS,
    TRACES_HELD,
    ITEM_BYTES,
    MEMORY,
    MEMORY_MAX,
];
