//! What to do about the metric that is worst off.

use super::table::short;
use super::{METRIC, NAME};
use forebay_config::inline;
use forebay_core::{AttributeUse, CardinalityReport, MetricUse};
use serde_json::Value;
use std::fmt::Write as _;

/// The attribute whose removal would save most of a metric's series, if any would save some.
pub(super) fn blamed(metric: &MetricUse) -> Option<&AttributeUse> {
    let all = metric.attributes.iter().filter(|attribute| attribute.saved > 0);
    all.max_by_key(|attribute| attribute.saved)
}

/// What is the matter with the worst metric of a report, and the config that ends it.
pub(super) fn advice(report: &CardinalityReport) -> String {
    let Some(worst) = worst(report) else {
        return "Nothing that is shown here exceeds its limit.\n".to_owned();
    };
    let (metric, group) = (short(&worst.metric, METRIC), short(&worst.group, NAME));
    let mut out = format!(
        "`{metric}` of {group} is at its limit of {} series: {} data points {}.\n",
        worst.limit,
        worst.folded,
        done(&worst.action)
    );
    // Writing to a string cannot fail.
    let _ = match blamed(worst) {
        Some(attribute) => writeln!(out, "{}", without(report, worst, attribute)),
        None => writeln!(
            out,
            "No attribute alone makes its series. Look at its senders, or give it more with `overrides` in [processors.{}].",
            report.node
        ),
    };
    out
}

/// The metric that most points find no place in now; if none overflows now, nothing is to be done.
fn worst(report: &CardinalityReport) -> Option<&MetricUse> {
    let overflowing = report.metrics.iter().filter(|metric| metric.overflowing);
    overflowing.max_by_key(|metric| metric.folded)
}

fn done(action: &str) -> &'static str {
    match action {
        "drop" => "were dropped",
        "drop_attribute" => "lost an attribute to be folded",
        "observe" => "would have been folded",
        _ => "were folded into its overflow series",
    }
}

fn without(report: &CardinalityReport, metric: &MetricUse, attribute: &AttributeUse) -> String {
    let enough = if attribute.remaining > metric.limit {
        format!(", which is still above the limit of {}", metric.limit)
    } else {
        String::new()
    };
    format!(
        "Without the attribute `{}` it has {} series{enough}. To take it away, write in [processors.{}]:\n\n  {}",
        short(&attribute.key, NAME),
        attribute.remaining,
        report.node,
        rule(&metric.metric, &attribute.key)
    )
}

/// The line of config that takes the attribute `key` from `metric`.
fn rule(metric: &str, key: &str) -> String {
    let text = |text: &str| inline(&Value::String(text.to_owned()));
    format!(
        "rules = [{{ metric = {}, drop = [{}] }}]",
        text(metric),
        text(key)
    )
}
