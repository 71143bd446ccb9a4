//! `/metrics` of a running Forebay against the rules of OpenMetrics 1.0 and against the catalogue.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use forebay_telemetry::catalog::{self, Kind, Metric};
use std::collections::{BTreeMap, BTreeSet};
use support::{Process, get};

/// A sample's labels.
type Labels = Vec<(String, String)>;

/// A family as it was exposed.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: String,
    help: String,
    /// Suffix of the name, labels, value.
    samples: Vec<(String, Labels, f64)>,
}

/// Splits `name{a="b",c="d"} 1` in its parts.
fn sample(line: &str) -> (&str, Labels, f64) {
    let name_end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            let (value, behind) = quoted(value);
            labels.push((label.to_owned(), value));
            match behind.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = behind.strip_prefix('}').unwrap();
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    (name, labels, value.parse().unwrap())
}

/// The text up to the closing quote, and what is behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                'n' => out.push('\n'),
                c => out.push(c),
            },
            c => out.push(c),
        }
    }
    panic!("no closing quote: {text}");
}

/// Reads an exposition, checking what holds for every line.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    assert!(body.is_empty() || body.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        assert!(!line.is_empty(), "an empty line");
        if let Some(description) = line.strip_prefix("# ") {
            let words: Vec<&str> = description.splitn(3, ' ').collect();
            if words[0] == "TYPE" {
                current = words[1].to_owned();
                let new = Family {
                    kind: words[2].to_owned(),
                    ..Family::default()
                };
                let before = families.insert(current.clone(), new);
                assert!(before.is_none(), "{current} is not in one piece");
                continue;
            }
            assert_eq!(words[1], current, "TYPE comes first: {line}");
            let family = families.get_mut(&current).unwrap();
            assert!(
                family.samples.is_empty(),
                "descriptions come before samples: {line}"
            );
            match words[0] {
                "UNIT" => family.unit = words[2].to_owned(),
                "HELP" => family.help = words[2].to_owned(),
                other => panic!("# {other}"),
            }
        } else {
            let (name, labels, value) = sample(line);
            let suffix = name
                .strip_prefix(&current)
                .unwrap_or_else(|| panic!("{name} in the family {current}"));
            let family = families.get_mut(&current).unwrap();
            family.samples.push((suffix.to_owned(), labels, value));
        }
    }
    families
}

/// Checks a family against what the catalogue says of it.
fn check(name: &str, family: &Family, metric: &Metric) {
    assert_eq!(family.kind, metric.kind.as_str(), "{name}");
    assert_eq!(family.unit, metric.unit, "{name}");
    assert_eq!(family.help, metric.help, "{name}");
    assert!(
        family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)),
        "{name} does not end in its unit"
    );
    let mut seen = BTreeSet::new();
    for (suffix, labels, value) in &family.samples {
        let allowed: &[&str] = match metric.kind {
            Kind::Counter => &["_total"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["_bucket", "_count", "_sum"],
        };
        assert!(allowed.contains(&suffix.as_str()), "{name}{suffix}");
        let mut names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        if suffix == "_bucket" {
            assert_eq!(names.pop(), Some("le"), "{name}");
        }
        assert_eq!(names, metric.labels, "{name}{suffix}");
        assert!(metric.kind == Kind::Gauge || *value >= 0.0, "{name}");
        assert!(
            seen.insert((suffix.clone(), labels.clone())),
            "{name}{labels:?} twice"
        );
    }
    if metric.kind == Kind::Histogram {
        check_buckets(name, family);
    }
}

/// Buckets grow, and the last one holds all.
fn check_buckets(name: &str, family: &Family) {
    let mut last: Option<(f64, f64)> = None;
    let mut infinite = None;
    for (suffix, labels, value) in &family.samples {
        match suffix.as_str() {
            "_bucket" => {
                let bound: f64 = labels.last().unwrap().1.parse().unwrap();
                if let Some((before, below)) = last {
                    assert!(bound > before && *value >= below, "{name}{labels:?}");
                }
                last = Some((bound, *value));
                infinite = bound.is_infinite().then_some(*value);
            }
            "_count" => {
                assert_eq!(infinite, Some(*value), "{name}{labels:?}");
                last = None;
            }
            _ => {}
        }
    }
}

const GRAPH: &str = r#"
[admin]
listen = "127.0.0.1:0"

[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"

[processors.tidy]
type = "attributes"
resource = [{ action = "upsert", key = "a", value = "b" }]

[exporters.null]

[exporters.second]
type = "null"

[pipelines.all]
from = ["otlp"]
via = ["tidy"]
to = ["null", "second"]
"#;

#[test]
fn the_exposition_is_open_metrics_and_what_the_catalogue_says() {
    let mut process = Process::listening(GRAPH);
    assert_eq!(process.send_span(), 200);
    let (status, head, body) = process.ask("/metrics");
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    let families = parse(&body);
    let known: BTreeMap<&str, &Metric> = catalog::all().map(|metric| (metric.name, metric)).collect();
    for (name, family) in &families {
        let metric = known
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        check(name, family, metric);
    }
    let exposed: BTreeSet<&str> = families.keys().map(String::as_str).collect();
    let of_components: BTreeSet<&str> = catalog::of_components().map(|metric| metric.name).collect();
    let missing: Vec<&&str> = known
        .keys()
        .filter(|name| !exposed.contains(*name) && !of_components.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "in the catalogue and not exposed: {missing:?}"
    );
}

#[test]
fn the_books_balance_in_a_scrape() {
    let mut process = Process::listening(GRAPH);
    for _ in 0..3 {
        assert_eq!(process.send_span(), 200);
    }
    let families = parse(&process.ask("/metrics").2);
    let of = |name: &str, node: Option<&str>| -> f64 {
        let here = |labels: &Labels| node.is_none_or(|node| labels[0].1 == node);
        let samples = families[name].samples.iter().filter(|sample| here(&sample.1));
        samples.map(|sample| sample.2).sum()
    };
    for node in ["otlp", "tidy", "null", "second"] {
        let sum = |names: &[&str]| -> f64 {
            names
                .iter()
                .map(|name| of(&format!("forebay_items_{name}"), Some(node)))
                .sum()
        };
        let came = sum(&["received", "copied", "entered"]);
        let went = sum(&[
            "left",
            "delivered",
            "refused",
            "dropped",
            "sampled_out",
            "folded",
            "held",
        ]);
        assert_eq!(came, went, "{node}");
    }
    assert_eq!(of("forebay_items_received", None), 3.0);
    assert_eq!(of("forebay_items_delivered", Some("second")), 3.0);
    assert_eq!(of("forebay_items_unaccounted", None), 0.0);
    assert_eq!(of("otelcol_receiver_accepted_spans", Some("otlp")), 3.0);
    assert_eq!(of("otelcol_exporter_sent_spans", Some("null")), 3.0);
}

#[test]
fn a_client_of_the_classic_format_gets_it() {
    let mut process = Process::listening(GRAPH);
    let address = process.address("admin", 0);
    let (status, head, body) = get(address, "/metrics", "Accept: text/plain; version=0.0.4\r\n");
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    assert!(body.contains("# TYPE forebay_items_received_total counter\n"));
    assert!(body.contains("\nforebay_items_received_total{node=\"otlp\",signal=\"traces\"} 0\n"));
    assert!(!body.contains("# EOF") && !body.contains("# UNIT"));
}

#[test]
fn every_metric_of_the_catalogue_can_be_exposed() {
    let mut names = BTreeSet::new();
    for metric in catalog::all() {
        let name = metric.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(
            name.starts_with("forebay_") || name.starts_with("otelcol_"),
            "{name}"
        );
        assert!(
            metric.unit.is_empty() || name.ends_with(&format!("_{}", metric.unit)),
            "{name}"
        );
        assert!(!name.ends_with("_total"), "{name}: the exposition adds it");
        // What OpenMetrics would have escaped.
        assert!(
            !metric.help.contains(['"', '\\', '\n']),
            "{name}: {}",
            metric.help
        );
        let labels: BTreeSet<&str> = metric.labels.iter().copied().collect();
        assert_eq!(labels.len(), metric.labels.len(), "{name}");
    }
}
