//! The closed list of metrics: name, type, unit, labels, meaning. No other name is ever exposed.
//!
//! Names that the OpenTelemetry Collector gives to the same thing are used as they are (`otelcol_*`), so that existing
//! dashboards work; the rest begin with `forebay_`. Counters carry the suffix `_total` of OpenMetrics.

pub mod cardinality;
pub mod components;
pub mod grouping;
pub mod k8s_attributes;
pub mod kubernetes;
pub mod lookup;
pub mod redaction;
pub mod tail_sampling;

mod backends;
mod collector;

pub use backends::*;
pub use collector::*;

/// What a metric's values do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// The word of OpenMetrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family's name, without `_total`.
    pub name: &'static str,
    /// What its values do.
    pub kind: Kind,
    /// The unit that ends its name; empty for none.
    pub unit: &'static str,
    /// The labels of its samples.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        unit: "",
        labels,
        help,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit: "",
        labels,
        help,
    }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram,
        unit: "seconds",
        labels,
        help,
    }
}

const fn in_unit(metric: Metric, unit: &'static str) -> Metric {
    Metric { unit, ..metric }
}

const NODE: &[&str] = &["node", "signal"];
const NODE_ALONE: &[&str] = &["node"];
const NODE_REASON: &[&str] = &["node", "signal", "reason"];
const EDGE: &[&str] = &["edge"];

// The books: per node and signal. received + copied + entered = left + delivered + refused + dropped + sampled_out + folded + held.

/// Items taken in from outside.
pub const ITEMS_RECEIVED: Metric = counter(
    "forebay_items_received",
    NODE,
    "Items that a receiver took in from outside and counted.",
);
/// Items added by fan-out.
pub const ITEMS_COPIED: Metric = counter(
    "forebay_items_copied",
    NODE,
    "Items added because a fan-out gives each branch its own.",
);
/// Items that came from another node.
pub const ITEMS_ENTERED: Metric = counter(
    "forebay_items_entered",
    NODE,
    "Items that came from another node.",
);
/// Items that went on to another node.
pub const ITEMS_LEFT: Metric = counter("forebay_items_left", NODE, "Items that went on to another node.");
/// Items delivered.
pub const ITEMS_DELIVERED: Metric = counter(
    "forebay_items_delivered",
    NODE,
    "Items that an exporter's destination has taken.",
);
/// Items refused.
pub const ITEMS_REFUSED: Metric = counter(
    "forebay_items_refused",
    NODE_REASON,
    "Items given back: the sender was told and still has them, by reason.",
);
/// Items dropped.
pub const ITEMS_DROPPED: Metric = counter(
    "forebay_items_dropped",
    NODE_REASON,
    "Items that are gone although their sender believes them safe, or that were not wanted, by reason.",
);
/// Items sampled out.
pub const ITEMS_SAMPLED_OUT: Metric = counter(
    "forebay_items_sampled_out",
    NODE,
    "Items that a sampler decided against.",
);
/// Items folded.
pub const ITEMS_FOLDED: Metric = counter(
    "forebay_items_folded",
    NODE,
    "Items that are gone as what they measured went on in another item: data points folded into an overflow series, or into one another where an attribute was taken away.",
);
/// Items held.
pub const ITEMS_HELD: Metric = gauge(
    "forebay_items_held",
    NODE,
    "Items at the node now: in its hands or in the queue before it.",
);
/// Items unaccounted for.
pub const ITEMS_UNACCOUNTED: Metric = gauge(
    "forebay_items_unaccounted",
    &[],
    "Items in, less all that they became. Not zero: a fault in Forebay.",
);
/// Payload bytes in.
pub const BYTES_IN: Metric = in_unit(
    counter(
        "forebay_in_bytes",
        NODE,
        "Payload bytes that came to the node, uncompressed.",
    ),
    "bytes",
);
/// Payload bytes out.
pub const BYTES_OUT: Metric = in_unit(
    counter(
        "forebay_out_bytes",
        NODE,
        "Payload bytes that went on from the node or were delivered, uncompressed.",
    ),
    "bytes",
);

// Requests, edges, attempts, memory, health.

/// Requests at a receiver.
pub const REQUESTS: Metric = counter(
    "forebay_receiver_requests",
    &["node", "outcome", "reason"],
    "Requests answered; those refused before their body was read have no items that could be counted.",
);
/// How long requests took.
pub const REQUEST_SECONDS: Metric = histogram(
    "forebay_receiver_request_duration_seconds",
    &["node"],
    "From the start of a request to its successful answer.",
);
/// Items on an edge.
pub const EDGE_ITEMS: Metric = gauge(
    "forebay_edge_items",
    EDGE,
    "Items in the queue at the end of the edge.",
);
/// Its bound.
pub const EDGE_ITEMS_MAX: Metric = gauge(
    "forebay_edge_items_max",
    EDGE,
    "The most items that the queue takes.",
);
/// Bytes on an edge.
pub const EDGE_BYTES: Metric = in_unit(
    gauge(
        "forebay_edge_bytes",
        EDGE,
        "Payload bytes in the queue at the end of the edge.",
    ),
    "bytes",
);
/// Its bound.
pub const EDGE_BYTES_MAX: Metric = in_unit(
    gauge(
        "forebay_edge_max_bytes",
        EDGE,
        "The most payload bytes that the queue takes.",
    ),
    "bytes",
);
/// Age of the oldest.
pub const EDGE_OLDEST: Metric = in_unit(
    gauge(
        "forebay_edge_oldest_age_seconds",
        EDGE,
        "How long the oldest batch has waited.",
    ),
    "seconds",
);
/// Senders waiting.
pub const EDGE_WAITING: Metric = gauge(
    "forebay_edge_waiting_senders",
    EDGE,
    "Senders that wait for room now.",
);
/// How long senders waited.
pub const EDGE_WAIT_SECONDS: Metric = histogram(
    "forebay_edge_wait_duration_seconds",
    EDGE,
    "How long senders waited for room; those that had not to are not counted.",
);
/// Attempts.
pub const ATTEMPTS: Metric = counter(
    "forebay_exporter_attempts",
    &["node", "outcome"],
    "Attempts: success, retryable or permanent failure.",
);
/// The bound on requests under way.
pub const IN_FLIGHT_LIMIT: Metric = gauge(
    "forebay_exporter_in_flight_limit",
    &["node"],
    "How many requests may be under way now: between min_in_flight and max_in_flight, as the destination keeps up.",
);
/// The circuit breaker.
pub const CIRCUIT: Metric = gauge(
    "forebay_exporter_circuit_open",
    &["node"],
    "The circuit breaker. 0: closed. 1: open, nothing is attempted. 0.5: one request is under way to find out.",
);
/// How often it opened.
pub const CIRCUIT_OPENINGS: Metric = counter(
    "forebay_exporter_circuit_openings",
    &["node"],
    "How often the circuit breaker has opened.",
);
/// Requests to find what a destination blames.
pub const ISOLATION_REQUESTS: Metric = counter(
    "forebay_exporter_isolation_requests",
    &["node"],
    "Requests sent in parts, to find out what the destination had refused an earlier one for.",
);
/// The size of requests that a destination takes.
pub const REQUEST_LIMIT: Metric = in_unit(
    gauge(
        "forebay_exporter_request_limit_bytes",
        &["node"],
        "The most payload bytes that the destination is taken to accept in one request, learned from what it refused. 0: not known.",
    ),
    "bytes",
);
/// How long an attempt took.
pub const ATTEMPT_SECONDS: Metric = histogram(
    "forebay_exporter_attempt_duration_seconds",
    &["node"],
    "How long one attempt took, successful or not.",
);
/// End to end.
pub const END_TO_END_SECONDS: Metric = histogram(
    "forebay_end_to_end_duration_seconds",
    &["node"],
    "From the receiver's door to the destination's yes, per batch.",
);
/// Memory budget.
pub const MEMORY_BUDGET: Metric = in_unit(
    gauge(
        "forebay_memory_budget_bytes",
        &[],
        "The memory budget of the process.",
    ),
    "bytes",
);
/// The part that data may take.
pub const MEMORY_LEASABLE: Metric = in_unit(
    gauge(
        "forebay_memory_leasable_bytes",
        &[],
        "The part of the budget that data may take.",
    ),
    "bytes",
);
/// What is leased.
pub const MEMORY_LEASED: Metric = in_unit(
    gauge(
        "forebay_memory_leased_bytes",
        &[],
        "Bytes leased now by data and connections.",
    ),
    "bytes",
);
/// The most that was leased.
pub const MEMORY_LEASED_PEAK: Metric = in_unit(
    gauge(
        "forebay_memory_leased_peak_bytes",
        &[],
        "The most bytes that were ever leased at once.",
    ),
    "bytes",
);
/// Leases refused.
pub const MEMORY_REFUSALS: Metric = counter(
    "forebay_memory_lease_refusals",
    &[],
    "Leases refused as the budget had no room.",
);
/// Whether a node works.
pub const NODE_WORKING: Metric = gauge(
    "forebay_node_working",
    &["node", "role", "type"],
    "1: works. 0.5: degraded. 0: failed or not started.",
);
/// Panics.
pub const NODE_PANICS: Metric = counter(
    "forebay_node_panics",
    &["node"],
    "How often the node's code has panicked.",
);
/// Files read again.
pub const FILE_RELOADS: Metric = counter(
    "forebay_file_reloads",
    &["node", "outcome"],
    "Changes of certificates, keys and tokens in files: taken into use (success), or of no use, so that the last good content \
     stays (failure).",
);
/// Expiry of certificates.
pub const CERTIFICATE_EXPIRY: Metric = in_unit(
    gauge(
        "forebay_certificate_not_after_seconds",
        &["node", "file"],
        "When the node's own certificate that is in use expires, in seconds since the Unix epoch.",
    ),
    "seconds",
);
/// Tasks.
pub const TASKS: Metric = gauge("forebay_tasks", &[], "Tasks that the graph runs now.");
/// Open descriptors.
pub const OPEN_FDS: Metric = gauge("forebay_process_open_fds", &[], "Open file descriptors.");
/// The most descriptors.
pub const MAX_FDS: Metric = gauge(
    "forebay_process_max_fds",
    &[],
    "The most file descriptors that the process may open.",
);
/// The build.
pub const BUILD_INFO: Metric = gauge(
    "forebay_build_info",
    &["version"],
    "1, with the version as a label.",
);

/// Every metric, in the order of exposition: for the reference and for tests.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    const SINGLE: &[Metric] = &[
        ITEMS_RECEIVED,
        ITEMS_COPIED,
        ITEMS_ENTERED,
        ITEMS_LEFT,
        ITEMS_DELIVERED,
        ITEMS_REFUSED,
        ITEMS_DROPPED,
        ITEMS_SAMPLED_OUT,
        ITEMS_FOLDED,
        ITEMS_HELD,
        ITEMS_UNACCOUNTED,
        BYTES_IN,
        BYTES_OUT,
        OTELCOL_PROCESSOR_INCOMING,
        OTELCOL_PROCESSOR_OUTGOING,
        OTELCOL_QUEUE_SIZE,
        OTELCOL_QUEUE_CAPACITY,
        OTELCOL_IN_FLIGHT,
        OTELCOL_UPTIME,
        OTELCOL_CPU,
        OTELCOL_RSS,
        REQUESTS,
        REQUEST_SECONDS,
        EDGE_ITEMS,
        EDGE_ITEMS_MAX,
        EDGE_BYTES,
        EDGE_BYTES_MAX,
        EDGE_OLDEST,
        EDGE_WAITING,
        EDGE_WAIT_SECONDS,
        ATTEMPTS,
        IN_FLIGHT_LIMIT,
        CIRCUIT,
        CIRCUIT_OPENINGS,
        ISOLATION_REQUESTS,
        REQUEST_LIMIT,
        ATTEMPT_SECONDS,
        END_TO_END_SECONDS,
        MEMORY_BUDGET,
        MEMORY_LEASABLE,
        MEMORY_LEASED,
        MEMORY_LEASED_PEAK,
        MEMORY_REFUSALS,
        NODE_WORKING,
        NODE_PANICS,
        FILE_RELOADS,
        CERTIFICATE_EXPIRY,
        TASKS,
        OPEN_FDS,
        MAX_FDS,
        BUILD_INFO,
    ];
    const PER_SIGNAL: &[[Metric; 3]] = &[
        OTELCOL_ACCEPTED,
        OTELCOL_REFUSED,
        OTELCOL_SENT,
        OTELCOL_SEND_FAILED,
        OTELCOL_ENQUEUE_FAILED,
    ];
    SINGLE
        .iter()
        .chain(PER_SIGNAL.iter().flatten())
        .chain(backends::ALL)
        .chain(of_components())
}

/// The metrics that components have by themselves, in the order of exposition. See [`crate::Instruments`].
pub fn of_components() -> impl Iterator<Item = &'static Metric> {
    components::ALL
        .iter()
        .chain(tail_sampling::ALL)
        .chain(cardinality::ALL)
        .chain(lookup::ALL)
        .chain(grouping::ALL)
        .chain(redaction::ALL)
        .chain(kubernetes::ALL)
        .chain(k8s_attributes::ALL)
}
