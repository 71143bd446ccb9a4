//! What a `cardinality_limit` processor measures.
//!
//! Labels have few values, but for those of [`OFFENDER_POINTS`], which come from senders: at any moment ten samples of each node at
//! most have them.

use super::{Metric, NODE, NODE_ALONE, counter, gauge, in_unit};

/// Live series.
pub const LIVE_SERIES: Metric = gauge(
    "forebay_cardinality_live_series",
    NODE_ALONE,
    "Series of metrics that have a place.",
);
/// Their bound.
pub const SERIES_MAX: Metric = gauge(
    "forebay_cardinality_series_max",
    NODE_ALONE,
    "The most series of metrics that may have a place, over all metrics and groups.",
);
/// Series without a place that are remembered.
pub const MEMBERS: Metric = gauge(
    "forebay_cardinality_members",
    NODE_ALONE,
    "Series without a place whose last point is remembered, so that what they add to their overflow series can be told: those of \
     cumulative metrics and gauges.",
);
/// Streams.
pub const STREAMS: Metric = gauge(
    "forebay_cardinality_streams",
    NODE_ALONE,
    "Streams that are known: metrics by resource, scope, unit, kind and temporality.",
);
/// Metrics that overflow.
pub const OVERFLOWING: Metric = gauge(
    "forebay_cardinality_overflowing_metrics",
    NODE_ALONE,
    "Metrics of groups of which data points have found no place in the last two minutes.",
);
/// Groups.
pub const GROUPS: Metric = gauge(
    "forebay_cardinality_groups",
    NODE_ALONE,
    "Groups that are known: resources, or values of `group_by`.",
);
/// Memory of the state.
pub const MEMORY: Metric = in_unit(
    gauge(
        "forebay_cardinality_memory_bytes",
        NODE_ALONE,
        "Memory that streams, series and what is remembered of them take.",
    ),
    "bytes",
);
/// Its bound.
pub const MEMORY_MAX: Metric = in_unit(
    gauge(
        "forebay_cardinality_memory_max_bytes",
        NODE_ALONE,
        "The most memory that these may take.",
    ),
    "bytes",
);
/// Points whose series had no place.
pub const LIMITED_POINTS: Metric = counter(
    "forebay_cardinality_limited_points",
    &["node", "outcome"],
    "Data points whose series had no place, or that became one with another by a rule, by what became of them: folded (their measurements go \
     on in another point), dropped (as `action` says), observed (they passed, as `action` says).",
);
/// Points of overflow series.
pub const OVERFLOW_POINTS: Metric = counter(
    "forebay_cardinality_overflow_points",
    NODE_ALONE,
    "Data points of overflow series that were written.",
);
/// Points that could not be folded.
pub const UNSUMMABLE_POINTS: Metric = counter(
    "forebay_cardinality_unsummable_points",
    &["node", "flaw"],
    "Data points that had to be folded and were dropped, by why they could not be: unreadable, no_value, not_finite, buckets (they contradict \
     themselves), scale, count, or unremembered (cumulative, and it cannot be known how much of them was counted before).",
);
/// Series that got a place.
pub const ADMITTED: Metric = counter(
    "forebay_cardinality_admitted_series",
    NODE_ALONE,
    "Series that were given a place.",
);
/// Series that lost it.
pub const RETIRED: Metric = counter(
    "forebay_cardinality_retired_series",
    &["node", "cause"],
    "Series that lost their place: idle (for `idle_timeout`), or displaced (by one that comes more often, where \
     heavy hitters are admitted).",
);
/// Series that are not remembered any more.
pub const FORGOTTEN: Metric = counter(
    "forebay_cardinality_forgotten_series",
    NODE_ALONE,
    "Series whose last point was forgotten for want of memory. Points of cumulative series that come back after that may have to be \
     dropped: see `forebay_cardinality_unsummable_points`, unremembered.",
);
/// Who is to blame.
pub const OFFENDER_POINTS: Metric = gauge(
    "forebay_cardinality_offender_folded_points",
    &["node", "metric", "attribute", "group"],
    "Data points that found no place since the start, of the ten metrics at most that are above their limits now and have had most of them \
     lately; with the attribute whose removal would save most series, if any would: several where only together they \
     would, `(other)` for keys that are too many to be told apart.",
);

// Spans and log records.

/// Distinct values.
pub const VALUES: Metric = gauge(
    "forebay_cardinality_values",
    NODE,
    "Distinct values of limited span names and attributes that have a place.",
);
/// Values without a place.
pub const OVERFLOWED_VALUES: Metric = counter(
    "forebay_cardinality_overflowed_values",
    NODE,
    "Span names and values of attributes that were replaced, as there was no place for another value.",
);
/// Values that were templated.
pub const TEMPLATED_VALUES: Metric = counter(
    "forebay_cardinality_templated_values",
    NODE,
    "Span names and values of attributes in which something was replaced by a placeholder.",
);

/// The most samples of [`OFFENDER_POINTS`] that one node has at a time.
pub const OFFENDERS: usize = 10;

/// Every metric of the processor, in the order of exposition.
pub(super) const ALL: &[Metric] = &[
    LIVE_SERIES,
    SERIES_MAX,
    MEMBERS,
    STREAMS,
    OVERFLOWING,
    GROUPS,
    MEMORY,
    MEMORY_MAX,
    LIMITED_POINTS,
    OVERFLOW_POINTS,
    UNSUMMABLE_POINTS,
    ADMITTED,
    RETIRED,
    FORGOTTEN,
    OFFENDER_POINTS,
    VALUES,
    OVERFLOWED_VALUES,
    TEMPLATED_VALUES,
];
