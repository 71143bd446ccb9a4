//! `forebay metrics`: the catalogue of metrics.

use crate::cli::{Exit, Format};
use crate::out::Out;
use forebay_telemetry::Reason;
use forebay_telemetry::catalog::{Kind, Metric, all};
use serde_json::json;
use std::fmt::Write as _;

pub(crate) fn metrics(format: Format, out: Out) -> Exit {
    let text = match format {
        Format::Text => text(),
        Format::Json => {
            let metrics: Vec<_> = all().map(object).collect();
            format!("{:#}\n", json!(metrics))
        }
        Format::Markdown => markdown(),
    };
    out.print(&text, Exit::Done)
}

/// The name of the metric's samples.
fn name(metric: &Metric) -> String {
    let suffix = if metric.kind == Kind::Counter {
        "_total"
    } else {
        ""
    };
    format!("{}{suffix}", metric.name)
}

fn object(metric: &Metric) -> serde_json::Value {
    json!({
        "name": name(metric),
        "kind": metric.kind.as_str(),
        "unit": metric.unit,
        "labels": metric.labels,
        "help": metric.help,
    })
}

fn text() -> String {
    let mut out = String::new();
    for metric in all() {
        // Writing to a string cannot fail, here and below.
        let labels = metric.labels.join(", ");
        let _ = writeln!(out, "{}{{{labels}}}  {}", name(metric), metric.kind.as_str());
        let _ = writeln!(out, "    {}", metric.help);
    }
    out
}

fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         Printed by `forebay metrics --format markdown`. `/metrics` of the admin endpoint shows these and no others, as\n\
         OpenMetrics text, or in the classic format of Prometheus for clients that accept only `text/plain`.\n\n\
         | metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in all() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            name(metric),
            metric.kind.as_str(),
            labels.join(" "),
            metric.help
        );
    }
    let reasons: Vec<String> = Reason::ALL.iter().map(|reason| format!("`{reason}`")).collect();
    let _ = writeln!(
        out,
        "\nFor each node and signal, in every scrape: received + copied + entered = left + delivered + refused + dropped +\n\
         sampled out + folded + held.\n\nThe label `reason` is one of: {}.",
        reasons.join(", ")
    );
    out
}
