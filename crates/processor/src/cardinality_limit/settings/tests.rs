use super::{limits, settings};
use crate::cardinality_limit::config::CardinalityLimitConfig;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{Action, Admission, Limits};
use forebay_core::Section;
use forebay_core::diagnostic::Source;
use forebay_otlp::views::{Resource, View};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as Decoded;
use prost::Message;
use std::sync::Arc;

fn config(text: &str) -> CardinalityLimitConfig {
    let source = Arc::new(Source {
        name: "f.toml".to_owned(),
        text: text.to_owned(),
    });
    Section::whole(source).read().unwrap()
}

/// The policy for a metric of a service: its number and limit.
fn chosen(limits: &Limits, metric: &str, service: &str) -> (usize, u32) {
    let resource = Decoded {
        attributes: vec![KeyValue {
            key: "service.name".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(service.to_owned())),
            }),
            ..KeyValue::default()
        }],
        ..Decoded::default()
    };
    let resource = resource.encode_to_vec();
    let number = (limits.policies.choose)(metric.as_bytes(), Resource::new(&resource));
    (number, limits.policies.list[number].limit)
}

const OVERRIDES: &str = r#"
    limit = 100
    idle_timeout = "5m"
    action = "observe"
    overrides = [
        { metric = "http.server.duration", limit = 1 },
        { metric = "glob:http.*", group = { "service.name" = "glob:check*" }, limit = 2, action = "drop" },
        { metric = "glob:http.*", admission = "heavy_hitters", idle_timeout = "1h" },
        { group = { "service.name" = "cart" }, limit = 4 },
    ]
"#;

#[test]
fn the_first_override_that_matches_wins() {
    let limits = limits(&config(OVERRIDES));
    assert_eq!(chosen(&limits, "http.server.duration", "checkout"), (1, 1));
    assert_eq!(chosen(&limits, "http.client.duration", "checkout"), (2, 2));
    assert_eq!(chosen(&limits, "http.client.duration", "cart"), (3, 100));
    assert_eq!(chosen(&limits, "rpc.duration", "cart"), (4, 4));
    assert_eq!(chosen(&limits, "rpc.duration", "checkout"), (0, 100));
}

#[test]
fn an_override_replaces_what_it_says_and_nothing_else() {
    let list = limits(&config(OVERRIDES)).policies.list;
    let told = list
        .iter()
        .map(|policy| (policy.limit, policy.action, policy.admission, policy.idle_timeout));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (100, Action::Observe, Admission::FirstCome, 300),
            (1, Action::Observe, Admission::FirstCome, 300),
            (2, Action::Drop, Admission::FirstCome, 300),
            (100, Action::Observe, Admission::HeavyHitters, 3600),
            (4, Action::Observe, Admission::FirstCome, 300),
        ]
    );
}

#[test]
fn a_resource_that_cannot_be_read_satisfies_no_condition() {
    let limits = limits(&config(OVERRIDES));
    let choose = |metric: &[u8]| (limits.policies.choose)(metric, Resource::new(b"\x0a\xff"));
    assert_eq!(choose(b"http.server.duration"), 1);
    assert_eq!(choose(b"rpc.duration"), 0);
}

#[test]
fn every_setting_comes_from_the_config() {
    let text = r#"
        group_by = ["tenant"]
        group_limit = 5000
        total_limit = 7000
        exemplars = 9
        examples = 0
        rules = [{ drop = "a" }]
    "#;
    let hasher = SeriesHasher::with_seed(1);
    let made = settings(&config(text), 12_345, hasher.clone()).unwrap();
    assert_eq!(
        (made.limits.group_limit, made.limits.total_limit, made.max_bytes),
        (5000, 7000, 12_345)
    );
    assert_eq!(made.group_by, ["tenant"]);
    assert_eq!(made.exemplars, 9);
    assert!(made.rules.is_some());
    let made = settings(&config(""), 1, hasher).unwrap();
    assert_eq!(made.limits.group_limit, u64::MAX);
    assert!(made.rules.is_none());
}
