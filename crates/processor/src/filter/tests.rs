//! Filters against a filter over decoded requests.

use super::FilterMode;
use crate::testing::{self, Condition, Decoded, ITEM, OUTER, SCOPE, View, attribute};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::collection::vec;
use proptest::prelude::*;

fn spans(names: &[&str]) -> Decoded {
    let spans = names.iter().map(|name| Span {
        name: (*name).to_owned(),
        attributes: vec![attribute("k", Value::StringValue("v".repeat(100)))],
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans {
        spans: spans.collect(),
        ..ScopeSpans::default()
    }];
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    })
}

fn filter(config: &str, request: &Decoded) -> testing::Outcome {
    testing::run("filter", config, request.signal(), &[request.encode()])
}

fn names_of(outcome: &testing::Outcome) -> Vec<String> {
    let (payload, items) = outcome.emitted.as_ref().expect("something is kept");
    let views = testing::flatten(&Decoded::decode(Signal::Traces, &payload.contiguous()));
    assert_eq!(views.len() as u64, *items);
    views.into_iter().map(|view| view.name).collect()
}

#[test]
fn drops_what_a_rule_matches_and_says_so() {
    let outcome = filter(r#"rules = [{ names = ["b"] }]"#, &spans(&["a", "b", "c", "b"]));
    assert_eq!(names_of(&outcome), ["a", "c"]);
    assert_eq!(outcome.balance.dropped[Reason::Filtered as usize], 2);
    assert_eq!(outcome.balance.delivered, 2);
    assert!(outcome.verdict.failure.is_none());
}

#[test]
fn keeps_what_a_rule_matches() {
    let config = "mode = \"keep\"\nrules = [{ names = [\"b\"] }, { names = [\"c\"] }]";
    let outcome = filter(config, &spans(&["a", "b", "c", "b"]));
    assert_eq!(names_of(&outcome), ["b", "c", "b"]);
    assert_eq!(outcome.balance.dropped[Reason::Filtered as usize], 1);
}

#[test]
fn nothing_dropped_leaves_the_bytes_alone() {
    let request = spans(&["a"]).encode();
    let slices = [request.clone(), request];
    let outcome = testing::run(
        "filter",
        r#"rules = [{ names = ["z"] }]"#,
        Signal::Traces,
        &slices,
    );
    let (payload, _) = outcome.emitted.expect("all is kept");
    for (before, after) in slices.iter().zip(payload.slices()) {
        assert_eq!(before.as_ptr(), after.as_ptr());
    }
    assert_eq!(outcome.leased, payload.len() as u64);
}

#[test]
fn everything_dropped_is_a_success_to_the_sender() {
    let outcome = filter(r#"rules = [{ signals = ["traces"] }]"#, &spans(&["a", "b"]));
    assert!(outcome.emitted.is_none());
    assert_eq!(outcome.balance.dropped[Reason::Filtered as usize], 2);
    assert!(outcome.verdict.failure.is_none());
}

#[test]
fn signals_that_no_rule_can_match_pass_in_either_mode() {
    for mode in ["drop", "keep"] {
        let config = format!("mode = \"{mode}\"\nrules = [{{ severity_max = 8 }}]");
        assert_eq!(names_of(&filter(&config, &spans(&["a"]))), ["a"]);
    }
}

#[test]
fn memory_of_a_mostly_dropped_request_is_given_back() {
    let mut names = vec!["drop"; 99];
    names.push("keep");
    let request = spans(&names);
    let outcome = filter(r#"rules = [{ names = ["drop"] }]"#, &request);
    let (payload, _) = outcome.emitted.expect("one is kept");
    assert_eq!(outcome.leased, payload.len() as u64);
}

#[test]
fn shared_pieces_keep_the_memory_on_the_books() {
    let mut names = vec!["keep"; 200];
    names[100] = "drop";
    let request = spans(&names);
    let outcome = filter(r#"rules = [{ names = ["drop"] }]"#, &request);
    let (payload, _) = outcome.emitted.expect("most are kept");
    assert!(payload.slices().len() > 1);
    let before = request.encode().len() as u64;
    assert!(
        outcome.leased > before && outcome.leased < before + 8192,
        "{} and {before}",
        outcome.leased
    );
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let config = r#"rules = [{ names = ["b"] }]"#;
    let outcome = testing::run(
        "filter",
        config,
        Signal::Traces,
        &[Bytes::from_static(&[0x0a, 0x7f, 1])],
    );
    assert!(outcome.emitted.is_none());
    let failure = outcome.verdict.failure.expect("it fails");
    assert_eq!((failure.reason, failure.retryable), (Reason::Malformed, false));
}

#[test]
fn mistakes_have_places() {
    let cases = [
        ("rules = []", "a filter without rules", "[]"),
        ("rules = [{}]", "rule 1 has no condition", "[{}]"),
        (
            "rules = [{ kinds = [\"server\"], severity_min = 3 }]",
            "rule 1: no item can",
            "severity_min = 3",
        ),
        (
            "rules = [{ names = [\"regex:(\"] }]",
            "is not a regular expression",
            "\"regex:(\"",
        ),
        (
            "rules = [{ status = [\"failed\"] }]",
            "unknown value `failed`",
            "\"failed\"",
        ),
        ("rules = [{ severity_min = 25 }]", "25 is not a severity", "25"),
        (
            "rules = [{ attributes = { a = [] } }]",
            "empty list of conditions",
            "[]",
        ),
        ("rules = [{ name = [\"x\"] }]", "unknown key `name`", "name"),
    ];
    for (config, message, blamed) in cases {
        let (said, place) = testing::mistake("filter", config);
        assert!(said.contains(message), "{config}: {said}");
        assert!(place.contains(blamed), "{config}: {said}: `{place}`");
    }
    let many = format!("rules = [{}]", "{ names = [\"a\"] },".repeat(65));
    assert!(testing::mistake("filter", &many).0.contains("65 rules"));
}

#[test]
fn the_example_reads_back_as_it_was_written() {
    let prepared = testing::prepare("filter", include_str!("example.toml")).expect("valid");
    assert_eq!(prepared.resolved["rules"][0]["names"][1], "glob:GET /ready*");
    assert_eq!(prepared.resolved["rules"][1]["severity_max"], "debug");
}

fn rule_matches(rule: &[Condition], signal: Signal, view: &View) -> bool {
    rule.iter().all(|condition| (condition.holds)(signal, view))
}

/// The signals that a rule can match, by the words for it.
fn speaks_of(rule: &[Condition], signal: Signal) -> bool {
    rule.iter().all(|condition| match condition.key {
        "kinds" | "status" => signal == Signal::Traces,
        "severity_min" | "severity_max" => signal == Signal::Logs,
        "metric_types" => signal == Signal::Metrics,
        "signals" => (condition.holds)(signal, &View::default()),
        _ => true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_filter_keeps_exactly_what_the_rules_select(
        request in testing::request(),
        rules in vec(testing::conditions([&OUTER[..], &SCOPE, &ITEM].concat()), 1..4),
        keep in any::<bool>(),
        places in any::<(usize, usize)>(),
    ) {
        let mode = if keep { FilterMode::Keep } else { FilterMode::Drop };
        let tables: Vec<String> = rules.iter().map(|rule| testing::selector(rule)).collect();
        let word = if keep { "keep" } else { "drop" };
        let config = format!("mode = \"{word}\"\nrules = [{}]", tables.join(", "));
        let signal = request.signal();
        let views = testing::flatten(&request);
        let bytes = request.encode();
        let outcome = testing::run("filter", &config, signal, &testing::cut(&bytes, places));

        let idle = !rules.iter().any(|rule| speaks_of(rule, signal));
        let kept: Vec<View> = views.iter().filter(|view| {
            let matched = rules.iter().any(|rule| rule_matches(rule, signal, view));
            idle || matched == (mode == FilterMode::Keep)
        }).cloned().collect();
        let dropped = (views.len() - kept.len()) as u64;
        prop_assert_eq!(outcome.balance.dropped[Reason::Filtered as usize], dropped);
        prop_assert_eq!(outcome.balance.delivered, kept.len() as u64);
        prop_assert!(outcome.verdict.failure.is_none());
        match outcome.emitted {
            None => prop_assert!(kept.is_empty() && dropped > 0),
            Some((payload, items)) => {
                prop_assert_eq!(items, kept.len() as u64);
                prop_assert_eq!(payload.len() as u64 == bytes.len() as u64, dropped == 0);
                let after = Decoded::decode(signal, &payload.contiguous());
                prop_assert_eq!(testing::flatten(&after), kept);
            }
        }
    }
}
