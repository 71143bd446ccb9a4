//! What to do about the metric that is worst off.

use super::table::short;
use super::{METRIC, NAME, about};
use forebay_config::inline;
use forebay_core::{AttributeUse, CardinalityReport, MetricUse, ValueUse};
use serde_json::Value;
use std::fmt::Write as _;

/// The attribute whose removal would save most of a metric's series, if any would save some.
pub(super) fn blamed(metric: &MetricUse) -> Option<&AttributeUse> {
    let all = metric.attributes.iter().filter(|attribute| attribute.saved > 0);
    all.max_by_key(|attribute| attribute.saved)
}

/// What is the matter with the worst metric of a report, and with the worst values, and the config that ends it.
pub(super) fn advice(report: &CardinalityReport) -> String {
    let metric = worst(report).map(|worst| of_metric(report, worst));
    let value = worst_value(report).map(|worst| of_value(report, worst));
    let all: Vec<String> = metric.into_iter().chain(value).collect();
    if all.is_empty() {
        return "Nothing that is shown here exceeds its limit.\n".to_owned();
    }
    all.join("\n")
}

fn of_metric(report: &CardinalityReport, worst: &MetricUse) -> String {
    let (metric, group) = (short(&worst.metric, METRIC), short(&worst.group, NAME));
    let mut out = format!(
        "`{metric}` of {group} is at its limit of {} series: {} data points {}.\n",
        worst.limit,
        worst.folded,
        done(&worst.action)
    );
    // Writing to a string cannot fail.
    let _ = match blamed(worst) {
        Some(attribute) => write!(out, "{}", without(report, worst, attribute)),
        None => writeln!(
            out,
            "No attribute alone makes its series. Look at its senders; or, to give it more, write in [processors.{}]:\n\n  \
             overrides = [{{ metric = {}, limit = {} }}]",
            report.node,
            toml(&exactly(&worst.metric)),
            worst.limit.saturating_mul(2)
        ),
    };
    out
}

/// The metric that most points find no place in now; if none overflows now, nothing is to be done.
fn worst(report: &CardinalityReport) -> Option<&MetricUse> {
    let overflowing = report.metrics.iter().filter(|metric| metric.overflowing);
    overflowing.max_by_key(|metric| metric.folded)
}

/// The values that most often found no place, of those of which all places are taken.
fn worst_value(report: &CardinalityReport) -> Option<&ValueUse> {
    let full = report
        .values
        .iter()
        .filter(|value| value.overflowed > 0 && value.live >= value.limit);
    full.max_by_key(|value| value.overflowed)
}

fn of_value(report: &CardinalityReport, worst: &ValueUse) -> String {
    let limit = worst.limit;
    let (what, line) = if worst.signal == "traces" && worst.key == ValueUse::NAME {
        let line = format!("spans.names = {{ template = true, limit = {limit} }}");
        ("Names of spans".to_owned(), line)
    } else {
        let table = if worst.signal == "logs" { "logs" } else { "spans" };
        let key = toml(&worst.key);
        let line = format!("{table}.attributes = [{{ key = {key}, template = true, limit = {limit} }}]");
        (
            format!("Values of `{}` in {}", short(&worst.key, METRIC), worst.signal),
            line,
        )
    };
    format!(
        "{what} of `{}` have taken all {limit} places: {} times one was replaced. A template makes them few, and a higher limit \
         gives them room, in [processors.{}]:\n\n  {line}\n",
        short(&worst.service, NAME),
        worst.overflowed,
        report.node
    )
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
    let attributes = if attribute.keys.len() > 1 {
        "attributes"
    } else {
        "attribute"
    };
    let mut out = format!(
        "Without the {attributes} `{}` it has about {} series{enough}. To take it away, write in [processors.{}]:\n\n  {}\n",
        short(&attribute.name(), METRIC),
        about(attribute.remaining),
        report.node,
        rule(metric, attribute)
    );
    // Writing to a string cannot fail.
    if has_names(attribute) && attribute.examples.iter().any(|value| value.contains('/')) {
        let _ = writeln!(
            out,
            "\nOr, if its values are paths of which parts are ids, make them few:\n\n  {}",
            written(metric, "template", &attribute.keys)
        );
    }
    out
}

/// The line of config that takes an attribute from a metric.
fn rule(metric: &MetricUse, attribute: &AttributeUse) -> String {
    if has_names(attribute) {
        return written(metric, "drop", &attribute.keys);
    }
    let named = metric.attributes.iter().filter(|one| has_names(one));
    let mut keys: Vec<String> = named.flat_map(|one| one.keys.clone()).collect();
    keys.sort();
    keys.dedup();
    written(metric, "keep", &keys)
}

/// Whether all its keys are known by name.
fn has_names(attribute: &AttributeUse) -> bool {
    attribute.keys.iter().all(|key| key != AttributeUse::OTHER)
}

fn written(metric: &MetricUse, action: &str, keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| toml(key)).collect();
    let name = toml(&exactly(&metric.metric));
    format!(
        "rules = [{{ metric = {name}, {action} = [{}] }}]",
        keys.join(", ")
    )
}

/// A text as a config has it.
fn toml(text: &str) -> String {
    inline(&Value::String(text.to_owned()))
}

/// The pattern that stands for a name and no other: see the key `metric` of the rules.
fn exactly(name: &str) -> String {
    let reads_like_one = ["exact:", "glob:", "regex:"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    if reads_like_one || name.contains(['*', '?']) {
        format!("exact:{name}")
    } else {
        name.to_owned()
    }
}
