//! The alerts of `deploy/prometheus` ask for metrics that there are, by labels that these have. What they do is tested with promtool
//! where it is installed (`.ci/run deploy`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use forebay_telemetry::catalog::{self, Kind, Metric};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use support::root;

/// Labels that Prometheus adds by itself.
const OF_TARGETS: [&str; 2] = ["instance", "job"];

/// The names that a metric's samples have, and the labels of each.
fn samples() -> BTreeMap<String, BTreeSet<&'static str>> {
    let names = |metric: &Metric| match metric.kind {
        Kind::Counter => vec![format!("{}_total", metric.name)],
        Kind::Gauge => vec![metric.name.to_owned()],
        Kind::Histogram => ["bucket", "sum", "count"]
            .map(|suffix| format!("{}_{suffix}", metric.name))
            .to_vec(),
    };
    let with_labels = |metric: &'static Metric| {
        let labels: BTreeSet<&str> = metric.labels.iter().copied().chain(OF_TARGETS).collect();
        names(metric).into_iter().map(move |name| (name, labels.clone()))
    };
    catalog::all().flat_map(with_labels).collect()
}

/// The rules of the file: from one `- alert:` to the next.
fn rules() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("deploy/prometheus/alerts.yaml")).unwrap();
    let uncommented: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = uncommented.join("\n");
    let rules = text.split("- alert: ").skip(1);
    rules
        .map(|rule| {
            let (name, body) = rule.split_once('\n').unwrap();
            (name.to_owned(), body.to_owned())
        })
        .collect()
}

/// What `pattern` finds in its first group.
fn found<'t>(pattern: &str, text: &'t str) -> Vec<&'t str> {
    let pattern = Regex::new(pattern).unwrap();
    let matches = pattern.captures_iter(text);
    matches.map(|found| found.get(1).unwrap().as_str()).collect()
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let samples = samples();
    let rules = rules();
    assert!(rules.len() > 10, "{rules:#?}");
    for (alert, body) in &rules {
        let names = found(r"\b((?:forebay|otelcol)_[a-z_]+)", body);
        assert!(!names.is_empty(), "{alert}");
        for name in names {
            assert!(
                samples.contains_key(name),
                "{alert}: {name} is not in the catalogue"
            );
        }
    }
}

#[test]
fn alerts_name_labels_that_their_metrics_have() {
    let samples = samples();
    for (alert, body) in rules() {
        for (name, matchers) in matchers(&body) {
            for label in found(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers) {
                assert!(samples[name].contains(label), "{alert}: {name} has no `{label}`");
            }
        }
        let names = found(r"\b((?:forebay|otelcol)_[a-z_]+)", &body);
        let grouped = found(r"\bby \(([^)]*)\)", &body);
        let kept: Option<BTreeSet<&str>> =
            (!grouped.is_empty()).then(|| grouped.iter().flat_map(|by| by.split(", ")).collect());
        let shown = found(r"\$labels\.([a-z_]+)", &body);
        for label in shown.iter().chain(kept.iter().flatten()) {
            // In a sum over labels every metric has them; a join keeps those of its left side.
            assert!(
                samples[names[0]].contains(label),
                "{alert}: {} has no `{label}`",
                names[0]
            );
        }
        for label in shown {
            let is_kept = kept.as_ref().is_none_or(|kept| kept.contains(label));
            assert!(is_kept, "{alert}: `{label}` is gone from the sum");
        }
    }
}

/// The metrics that are asked for by labels, with what stands in their braces.
fn matchers(body: &str) -> Vec<(&str, &str)> {
    let pattern = Regex::new(r"\b((?:forebay|otelcol)_[a-z_]+)\{([^}]*)\}").unwrap();
    let matches = pattern.captures_iter(body);
    matches
        .map(|found| (found.get(1).unwrap().as_str(), found.get(2).unwrap().as_str()))
        .collect()
}

#[test]
fn every_alert_says_what_is_wrong_and_where_to_read_on() {
    for (alert, body) in rules() {
        for part in ["severity: ", "summary: ", "description: ", "runbook_url: "] {
            assert_eq!(body.matches(part).count(), 1, "{alert}: {part}");
        }
        let page = found(r"runbook_url: \S+/blob/main/(docs/[a-z0-9_/]+\.md)", &body);
        assert!(root().join(page[0]).exists(), "{alert}: {page:?}");
    }
}

#[test]
fn the_alert_about_a_limit_blames_and_mends() {
    let rules: BTreeMap<String, String> = rules().into_iter().collect();
    let rule = &rules["ForebayCardinalityLimit"];
    for part in [
        "$labels.metric",
        "$labels.attribute",
        "$labels.group",
        "$labels.node",
        "drop = [",
    ] {
        assert!(rule.contains(part), "{part}");
    }
}

#[test]
fn every_alert_is_tested() {
    let tests = std::fs::read_to_string(root().join("deploy/prometheus/alerts_test.yaml")).unwrap();
    for (alert, _) in rules() {
        let named = found(&format!(r"\b({alert})\b"), &tests);
        assert!(!named.is_empty(), "{alert}");
    }
}
