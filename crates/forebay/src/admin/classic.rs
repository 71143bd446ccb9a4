//! The classic text format of Prometheus (version 0.0.4), for clients that know nothing newer.
//!
//! It differs from OpenMetrics, as far as this process uses either, in three ways: a counter's family is named as its
//! samples are, with `_total`; there is no `# UNIT`; there is no `# EOF`.

use http::{HeaderMap, header};

/// The media type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the client asks for it: it accepts plain text and does not accept OpenMetrics.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .map(str::trim)
        .collect();
    accepted.contains(&"text/plain") && !accepted.contains(&"application/openmetrics-text")
}

/// The same metrics in this format.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut counter = "";
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "UNIT", ..] | ["#", "EOF"] => continue,
            ["#", "TYPE", name, "counter"] => {
                counter = *name;
                out.push_str(&format!("# TYPE {name}_total counter"));
            }
            ["#", "HELP", name, help] if *name == counter => {
                out.push_str(&format!("# HELP {name}_total {help}"));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}
