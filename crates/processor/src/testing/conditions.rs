//! Conditions, as a config writes them and as the tests understand them.

use super::{View, first};
use forebay_core::Signal;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A condition as a config writes it, and as the tests understand it.
#[derive(Clone, Copy)]
pub(crate) struct Condition {
    /// The key of the selector, and the value.
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) holds: fn(Signal, &View) -> bool,
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

fn has_text(attributes: &[KeyValue], key: &str, test: impl Fn(&str) -> bool) -> bool {
    match first(attributes, key) {
        Some(Value::StringValue(text)) => test(text),
        Some(Value::IntValue(value)) => test(&value.to_string()),
        Some(Value::BoolValue(value)) => test(&value.to_string()),
        _ => false,
    }
}

/// Conditions on what items stand in.
pub(crate) const OUTER: [Condition; 5] = [
    Condition {
        key: "resource",
        value: r#"{ a = "x" }"#,
        holds: |_, v| has_text(&v.resource, "a", |t| t == "x"),
    },
    Condition {
        key: "resource",
        value: "{ b = { present = false } }",
        holds: |_, v| !v.resource.iter().any(|a| a.key == "b"),
    },
    Condition {
        key: "resource",
        value: r#"{ a = ["regex:^1", true, 17] }"#,
        holds: |_, v| {
            has_text(&v.resource, "a", |t| t.starts_with('1'))
                || matches!(first(&v.resource, "a"), Some(Value::BoolValue(true)))
                || matches!(first(&v.resource, "a"), Some(Value::DoubleValue(n)) if *n == 17.0)
        },
    },
    Condition {
        key: "signals",
        value: r#"["traces", "logs"]"#,
        holds: |s, _| s != Signal::Metrics,
    },
    Condition {
        key: "signals",
        value: r#"["metrics"]"#,
        holds: |s, _| s == Signal::Metrics,
    },
];

/// Conditions on scopes.
pub(crate) const SCOPE: [Condition; 2] = [
    Condition {
        key: "scope",
        value: r#"{ names = ["glob:*orders"] }"#,
        holds: |_, v| v.scope.name.ends_with("orders"),
    },
    Condition {
        key: "scope",
        value: r#"{ versions = ["glob:?", "exact:1.5"], attributes = { "ключ" = { present = true } } }"#,
        holds: |_, v| {
            (v.scope.version.chars().count() == 1 || v.scope.version == "1.5")
                && v.scope.attributes.iter().any(|a| a.key == "ключ")
        },
    },
];

/// Conditions on items.
pub(crate) const ITEM: [Condition; 10] = [
    Condition {
        key: "names",
        value: r#"["glob:GET *", "größe"]"#,
        holds: |_, v| v.name.starts_with("GET ") || v.name == "größe",
    },
    Condition {
        key: "names",
        value: r#"["regex:(?i)ORDERS$"]"#,
        holds: |_, v| v.name.ends_with("orders"),
    },
    Condition {
        key: "kinds",
        value: r#"["server", "internal"]"#,
        holds: |s, v| s == Signal::Traces && [1, 2].contains(&v.kind),
    },
    Condition {
        key: "status",
        value: r#"["unset"]"#,
        holds: |s, v| s == Signal::Traces && v.status == 0,
    },
    Condition {
        key: "severity_min",
        value: r#""warn""#,
        holds: |s, v| s == Signal::Logs && v.severity >= 13,
    },
    Condition {
        key: "severity_max",
        value: r#""debug""#,
        holds: |s, v| s == Signal::Logs && (1..=8).contains(&v.severity),
    },
    Condition {
        key: "metric_types",
        value: r#"["sum", "summary"]"#,
        holds: |_, v| ["sum", "summary"].contains(&v.metric_type),
    },
    Condition {
        key: "attributes",
        value: r#"{ a = "x" }"#,
        holds: |_, v| has_text(&v.attributes, "a", |t| t == "x"),
    },
    Condition {
        key: "attributes",
        value: r#"{ "ключ" = ["glob:*本*", { present = false }] }"#,
        holds: |_, v| {
            has_text(&v.attributes, "ключ", |t| t.contains('本'))
                || !v.attributes.iter().any(|a| a.key == "ключ")
        },
    },
    Condition {
        key: "attributes",
        value: "{ c = 1.5, b = { present = true } }",
        holds: |_, v| {
            matches!(first(&v.attributes, "c"), Some(Value::DoubleValue(n)) if *n == 1.5)
                && v.attributes.iter().any(|a| a.key == "b")
        },
    },
];

/// The signal that conditions with these keys are about.
fn own_signal(key: &str) -> Option<Signal> {
    match key {
        "kinds" | "status" => Some(Signal::Traces),
        "severity_min" | "severity_max" => Some(Signal::Logs),
        "metric_types" => Some(Signal::Metrics),
        _ => None,
    }
}

/// Conditions with different keys that are no contradiction.
pub(crate) fn conditions(from: Vec<Condition>) -> impl Strategy<Value = Vec<Condition>> {
    vec(select(from), 1..4).prop_map(|mut chosen| {
        chosen.sort_by_key(|condition| condition.key);
        chosen.dedup_by_key(|condition| condition.key);
        if let Some(signal) = chosen.iter().find_map(|condition| own_signal(condition.key)) {
            chosen.retain(|condition| {
                condition.key != "signals" && own_signal(condition.key).is_none_or(|own| own == signal)
            });
        }
        if chosen.iter().any(|condition| condition.key == "severity_min") {
            chosen.retain(|condition| condition.key != "severity_max");
        }
        chosen
    })
}

/// Conditions as the table of a selector.
pub(crate) fn selector(conditions: &[Condition]) -> String {
    let keys: Vec<String> = conditions
        .iter()
        .map(|condition| format!("{condition:?}"))
        .collect();
    format!("{{ {} }}", keys.join(", "))
}
