//! OpenMetrics text (openmetrics.io, version 1.0.0): families with TYPE, UNIT and HELP, their samples, `# EOF`.

use crate::catalog::{Kind, Metric};
use crate::recorder::{Reading, Recorder};
use std::fmt::Write as _;

/// The media type of what [`Exposition::finish`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The bounds of every latency histogram, in seconds.
pub const LATENCY_BOUNDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// A text in the making. All samples of a family are written together, as the format demands.
#[derive(Debug, Default)]
pub struct Exposition(String);

/// The samples of one family.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    metric: &'static Metric,
}

impl Exposition {
    /// An empty text.
    pub fn new() -> Self {
        Exposition::default()
    }

    /// Begins a family. Each may be begun once.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# TYPE {} {}", metric.name, metric.kind.as_str());
        if !metric.unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {} {}", metric.name, metric.unit);
        }
        let _ = writeln!(self.0, "# HELP {} {}", metric.name, metric.help);
        Family {
            text: &mut self.0,
            metric,
        }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

impl Family<'_> {
    /// Writes a sample; `labels` are the values of the metric's labels, in their order.
    pub fn sample(&mut self, labels: &[&str], value: f64) {
        let suffix = if self.metric.kind == Kind::Counter {
            "_total"
        } else {
            ""
        };
        self.line(suffix, labels, None, value);
    }

    /// Writes a count or another whole number.
    pub fn count(&mut self, labels: &[&str], value: u64) {
        self.sample(labels, value as f64);
    }

    /// Writes a histogram's samples.
    pub fn latencies(&mut self, labels: &[&str], recorder: &Recorder) {
        self.sum_of_latencies(labels, std::iter::once(recorder));
    }

    /// Writes one histogram's samples over what several recorders have recorded.
    pub fn sum_of_latencies<'r>(&mut self, labels: &[&str], recorders: impl Iterator<Item = &'r Recorder>) {
        let reading = recorders.fold(Reading::default(), |sum, recorder| {
            sum.plus(recorder.read(&LATENCY_BOUNDS))
        });
        for (bound, below) in LATENCY_BOUNDS.iter().zip(&reading.cumulative) {
            self.line("_bucket", labels, Some(&bound.to_string()), *below as f64);
        }
        self.line("_bucket", labels, Some("+Inf"), reading.count as f64);
        self.line("_count", labels, None, reading.count as f64);
        self.line("_sum", labels, None, reading.sum_seconds);
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.metric.name);
        let named = self.metric.labels.iter().copied().zip(labels.iter().copied());
        let mut separator = '{';
        for (name, value) in named.chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(self.text, "{separator}{name}=\"{}\"", Escaped(value));
            separator = ',';
        }
        let close = if separator == '{' { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

/// A label's value, with what the format escapes.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
