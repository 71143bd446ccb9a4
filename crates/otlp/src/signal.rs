//! The three signals of OTLP.

use std::fmt;

/// What a request carries: one of the three stable OTLP signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Signal {
    /// Spans (`ExportTraceServiceRequest`).
    Traces = 0,
    /// Metric data points (`ExportMetricsServiceRequest`).
    Metrics = 1,
    /// Log records (`ExportLogsServiceRequest`).
    Logs = 2,
}

impl Signal {
    /// Every signal, in the order of their discriminants.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// The word used in config files, ports, metric labels and URL paths: `traces`, `metrics` or `logs`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }

    /// The field's word for one item of the signal: `span`, `metric_point` or `log_record`.
    pub const fn item(self) -> &'static str {
        match self {
            Signal::Traces => "span",
            Signal::Metrics => "metric_point",
            Signal::Logs => "log_record",
        }
    }

    /// The signal that [`Signal::as_str`] names, if any.
    pub fn parse(word: &str) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.as_str() == word)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
