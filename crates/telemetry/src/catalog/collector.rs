//! What the OpenTelemetry Collector measures too, under its names.

use super::{Metric, counter, gauge, in_unit};

/// Spans accepted.
pub const OTELCOL_ACCEPTED: [Metric; 3] = [
    counter(
        "otelcol_receiver_accepted_spans",
        &["receiver"],
        "Spans taken into the pipeline.",
    ),
    counter(
        "otelcol_receiver_accepted_metric_points",
        &["receiver"],
        "Metric points taken into the pipeline.",
    ),
    counter(
        "otelcol_receiver_accepted_log_records",
        &["receiver"],
        "Log records taken into the pipeline.",
    ),
];
/// Items refused at a receiver.
pub const OTELCOL_REFUSED: [Metric; 3] = [
    counter(
        "otelcol_receiver_refused_spans",
        &["receiver"],
        "Spans that the receiver counted and refused.",
    ),
    counter(
        "otelcol_receiver_refused_metric_points",
        &["receiver"],
        "Metric points that the receiver counted and refused.",
    ),
    counter(
        "otelcol_receiver_refused_log_records",
        &["receiver"],
        "Log records that the receiver counted and refused.",
    ),
];
/// Items sent.
pub const OTELCOL_SENT: [Metric; 3] = [
    counter(
        "otelcol_exporter_sent_spans",
        &["exporter"],
        "Spans that the destination has taken.",
    ),
    counter(
        "otelcol_exporter_sent_metric_points",
        &["exporter"],
        "Metric points that the destination has taken.",
    ),
    counter(
        "otelcol_exporter_sent_log_records",
        &["exporter"],
        "Log records that the destination has taken.",
    ),
];
/// Items that could not be sent.
pub const OTELCOL_SEND_FAILED: [Metric; 3] = [
    counter(
        "otelcol_exporter_send_failed_spans",
        &["exporter"],
        "Spans given up after the last attempt.",
    ),
    counter(
        "otelcol_exporter_send_failed_metric_points",
        &["exporter"],
        "Metric points given up after the last attempt.",
    ),
    counter(
        "otelcol_exporter_send_failed_log_records",
        &["exporter"],
        "Log records given up after the last attempt.",
    ),
];
/// Items that found no room in an exporter's queue.
pub const OTELCOL_ENQUEUE_FAILED: [Metric; 3] = [
    counter(
        "otelcol_exporter_enqueue_failed_spans",
        &["exporter"],
        "Spans refused or dropped as the queue was full.",
    ),
    counter(
        "otelcol_exporter_enqueue_failed_metric_points",
        &["exporter"],
        "Metric points refused or dropped as the queue was full.",
    ),
    counter(
        "otelcol_exporter_enqueue_failed_log_records",
        &["exporter"],
        "Log records refused or dropped as the queue was full.",
    ),
];
/// Items into a processor.
pub const OTELCOL_PROCESSOR_INCOMING: Metric = counter(
    "otelcol_processor_incoming_items",
    &["processor", "otel_signal"],
    "Items that came to the processor.",
);
/// Items out of a processor.
pub const OTELCOL_PROCESSOR_OUTGOING: Metric = counter(
    "otelcol_processor_outgoing_items",
    &["processor", "otel_signal"],
    "Items that the processor passed on.",
);
/// An exporter's queue.
pub const OTELCOL_QUEUE_SIZE: Metric = gauge(
    "otelcol_exporter_queue_size",
    &["exporter"],
    "Items in the exporter's queue, those being sent included.",
);
/// An exporter's queue's bound.
pub const OTELCOL_QUEUE_CAPACITY: Metric = gauge(
    "otelcol_exporter_queue_capacity",
    &["exporter"],
    "The most items that the exporter's queue takes.",
);
/// Requests under way.
pub const OTELCOL_IN_FLIGHT: Metric = gauge(
    "otelcol_exporter_in_flight_requests",
    &["exporter"],
    "Requests under way, those waiting for their next attempt included.",
);
/// Uptime.
pub const OTELCOL_UPTIME: Metric = in_unit(
    counter(
        "otelcol_process_uptime_seconds",
        &[],
        "Time since the process started.",
    ),
    "seconds",
);
/// CPU time.
pub const OTELCOL_CPU: Metric = in_unit(
    counter(
        "otelcol_process_cpu_seconds",
        &[],
        "CPU time of the process, user and system.",
    ),
    "seconds",
);
/// Resident memory.
pub const OTELCOL_RSS: Metric = in_unit(
    gauge(
        "otelcol_process_memory_rss_bytes",
        &[],
        "Resident memory of the process.",
    ),
    "bytes",
);
