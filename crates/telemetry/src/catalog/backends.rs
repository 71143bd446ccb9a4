//! Metrics of exporters that have several destinations.

use super::{Metric, counter, gauge, histogram, in_unit};

const BACKEND: &[&str] = &["node", "endpoint"];

/// How many destinations a load balancer has.
pub const OTELCOL_NUM_BACKENDS: Metric = gauge(
    "otelcol_loadbalancer_num_backends",
    &["exporter"],
    "The backends that the exporter spreads its data over.",
);
/// How often they changed.
pub const OTELCOL_NUM_BACKEND_UPDATES: Metric = counter(
    "otelcol_loadbalancer_num_backend_updates",
    &["exporter"],
    "How often backends have joined or left.",
);
/// How often they were looked for.
pub const OTELCOL_NUM_RESOLUTIONS: Metric = counter(
    "otelcol_loadbalancer_num_resolutions",
    &["exporter", "resolver", "success"],
    "How often the backends were looked for. A search that fails changes nothing.",
);
/// What they answered.
pub const OTELCOL_BACKEND_OUTCOME: Metric = counter(
    "otelcol_loadbalancer_backend_outcome",
    &["exporter", "endpoint", "success"],
    "Attempts at a backend. Backends that have left are not shown.",
);
/// How long attempts at one of several destinations took.
pub const BACKEND_SECONDS: Metric = histogram(
    "forebay_backend_attempt_duration_seconds",
    BACKEND,
    "How long one attempt at a backend took.",
);
/// Items in its queue.
pub const BACKEND_ITEMS: Metric = gauge(
    "forebay_backend_items",
    BACKEND,
    "Items in a backend's queue, those being sent included.",
);
/// Bytes in its queue.
pub const BACKEND_BYTES: Metric = in_unit(
    gauge(
        "forebay_backend_bytes",
        BACKEND,
        "Payload bytes in a backend's queue, those being sent included.",
    ),
    "bytes",
);
/// Its circuit breaker.
pub const BACKEND_CIRCUIT: Metric = gauge(
    "forebay_backend_circuit_open",
    BACKEND,
    "A backend's circuit breaker. 0: closed. 1: open, what is for it goes to others. 0.5: one request is under way to find out.",
);
/// Items that went to another destination.
pub const REROUTED_ITEMS: Metric = counter(
    "forebay_exporter_rerouted_items",
    &["node"],
    "Items that went to another backend, as the one that they had been meant for had left or failed.",
);

/// All of them, in the order of exposition.
pub(super) const ALL: &[Metric] = &[
    OTELCOL_NUM_BACKENDS,
    OTELCOL_NUM_BACKEND_UPDATES,
    OTELCOL_NUM_RESOLUTIONS,
    OTELCOL_BACKEND_OUTCOME,
    BACKEND_SECONDS,
    BACKEND_ITEMS,
    BACKEND_BYTES,
    BACKEND_CIRCUIT,
    REROUTED_ITEMS,
];
