//! What each rule does, and what it leaves alone.

use super::support::{METRIC, Rig, attribute, attributes, point, text, texts};
use crate::rules::{AllowedValue, CHANGED_KEYS_MAX, OVERFLOW_VALUE, RULES_MAX, RuleError};
use crate::rules::{AttributeRules, MetricRule, Rewritten, Rule, RuleContext, RuleState};
use crate::{Identity, SeriesHasher};
use forebay_otlp::WireErrorKind;
use forebay_otlp::views::{Repeated, View};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue as Decoded};
use std::sync::Arc;

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn cap(key: &str, limit: usize) -> Rule {
    Rule::Cap {
        keys: keys(&[key]),
        limit,
    }
}

fn allow(key: &str, values: Vec<AllowedValue>) -> Rule {
    Rule::Allow {
        keys: keys(&[key]),
        values,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn dropped_keys_go_wherever_they_stand() {
    let mut rig = Rig::new(&[Rule::Drop(keys(&["user.id", "pod"]))]);
    let set = [
        ("user.id", "u1"),
        ("a", "1"),
        ("pod", "p"),
        ("b", "2"),
        ("pod", "q"),
    ];
    assert_eq!(rig.texts(&set), pairs(&[("a", "1"), ("b", "2")]));
    assert_eq!(rig.texts(&[("pod", "p")]), []);
}

#[test]
fn only_kept_keys_stay_and_each_list_counts() {
    let mut rig = Rig::new(&[Rule::Keep(keys(&["a", "b", "c"]))]);
    let set = [("c", "3"), ("x", "1"), ("a", "1"), ("user.id", "2")];
    assert_eq!(rig.texts(&set), pairs(&[("c", "3"), ("a", "1")]));
    let mut rig = Rig::new(&[
        Rule::Keep(keys(&["a", "b", "c"])),
        Rule::Keep(keys(&["b", "c", "x"])),
        Rule::Drop(keys(&["c"])),
    ]);
    let set = [("a", "1"), ("b", "2"), ("c", "3"), ("x", "4"), ("y", "5")];
    assert_eq!(rig.texts(&set), pairs(&[("b", "2")]));
}

#[test]
fn keys_are_named_exactly() {
    let mut rig = Rig::new(&[Rule::Drop(keys(&["user.id"]))]);
    // Also one of a length that agrees with it modulo 64.
    let long = "x".repeat(64 + "user.id".len());
    let set = [
        ("user.ID", "1"),
        ("user.i", "2"),
        ("user.idx", "3"),
        ("user/id", "4"),
        (&long, "5"),
    ];
    let (changed, out) = rig.apply(&texts(&set));
    assert!(!changed);
    assert_eq!(out, texts(&set));
    assert!(rig.out.attributes().is_none(), "nothing is copied");
}

#[test]
fn long_keys_and_values_are_read_and_written() {
    let key = "k".repeat(300);
    let value = format!("{}/1", "word/".repeat(200));
    let mut rig = Rig::new(&[Rule::Template(vec![key.clone()])]);
    let out = rig.texts(&[("a", "1"), (&key, &value)]);
    assert_eq!(out, pairs(&[("a", "1"), (&key, &value.replace('1', "{id}"))]));
}

#[test]
fn a_cap_lets_the_first_values_through_and_keeps_the_key_of_the_rest() {
    let mut rig = Rig::new(&[cap("client", 2)]);
    let mut client = |value: &str, now: u32| {
        rig.now = now;
        let out = rig.texts(&[("a", "1"), ("client", value)]);
        assert_eq!(
            (out.len(), out[0].0.as_str(), out[1].0.as_str()),
            (2, "a", "client")
        );
        out[1].1.clone()
    };
    assert_eq!(client("one", 0), "one");
    assert_eq!(client("two", 0), "two");
    assert_eq!(client("three", 0), OVERFLOW_VALUE);
    assert_eq!(client("one", 30), "one");
    assert_eq!(client("three", 60), "three", "two was not seen for a minute");
    assert_eq!(client("two", 60), OVERFLOW_VALUE);
}

#[test]
fn what_has_overflowed_before_takes_no_place() {
    let mut rig = Rig::new(&[cap("client", 1), allow("env", Vec::new())]);
    let set = [("client", OVERFLOW_VALUE), ("env", OVERFLOW_VALUE)];
    let (changed, _) = rig.apply(&texts(&set));
    assert!(!changed);
    assert_eq!(rig.texts(&[("client", "one")]), pairs(&[("client", "one")]));
}

#[test]
fn values_of_different_types_are_different_values() {
    let mut rig = Rig::new(&[cap("port", 2)]);
    let set = |value| [attribute("port", value)];
    assert!(!rig.apply(&set(Value::IntValue(80))).0);
    assert!(!rig.apply(&set(Value::StringValue("80".into()))).0);
    assert!(rig.apply(&set(Value::DoubleValue(80.0))).0);
    assert!(!rig.apply(&set(Value::IntValue(80))).0);
}

#[test]
fn caps_of_different_keys_have_places_of_their_own() {
    let mut rig = Rig::new(&[cap("a", 1), cap("b", 1)]);
    assert_eq!(
        rig.texts(&[("a", "1"), ("b", "2")]),
        pairs(&[("a", "1"), ("b", "2")])
    );
    let out = rig.texts(&[("a", "2"), ("b", "2")]);
    assert_eq!(out, pairs(&[("a", OVERFLOW_VALUE), ("b", "2")]));
}

#[test]
fn only_allowed_values_stay_and_types_count() {
    let values = vec![
        AllowedValue::Text("prod".into()),
        AllowedValue::Text("dev".into()),
        AllowedValue::Int(-1),
        AllowedValue::Bool(false),
    ];
    let mut rig = Rig::new(&[allow("env", values)]);
    for fine in [
        Value::StringValue("prod".into()),
        Value::StringValue("dev".into()),
        Value::IntValue(-1),
        Value::BoolValue(false),
    ] {
        assert!(!rig.apply(&[attribute("env", fine.clone())]).0, "{fine:?}");
    }
    for other in [
        Value::StringValue("Prod".into()),
        Value::StringValue("-1".into()),
        Value::IntValue(0),
        Value::BoolValue(true),
        Value::DoubleValue(-1.0),
        Value::ArrayValue(ArrayValue::default()),
    ] {
        let (changed, out) = rig.apply(&[text("a", "1"), attribute("env", other.clone())]);
        assert!(changed, "{other:?}");
        assert_eq!(out, [text("a", "1"), text("env", OVERFLOW_VALUE)]);
    }
    // No value at all is none of them, in both of its forms.
    for none in [None, Some(AnyValue { value: None })] {
        let set = [Decoded {
            key: "env".into(),
            value: none,
            ..Decoded::default()
        }];
        assert_eq!(rig.apply(&set).1, [text("env", OVERFLOW_VALUE)]);
    }
}

#[test]
fn templates_rewrite_texts_and_leave_other_values() {
    let mut rig = Rig::new(&[Rule::Template(keys(&["path"]))]);
    let out = rig.texts(&[("path", "/users/123"), ("other", "/users/123")]);
    assert_eq!(out, pairs(&[("path", "/users/{id}"), ("other", "/users/123")]));
    assert!(!rig.apply(&texts(&[("path", "/users")])).0);
    assert!(!rig.apply(&[attribute("path", Value::IntValue(123))]).0);
}

#[test]
fn each_rule_for_a_key_sees_what_the_ones_before_it_made() {
    let path = || Rule::Template(keys(&["path"]));
    let mut rig = Rig::new(&[path(), cap("path", 1)]);
    assert_eq!(
        rig.texts(&[("path", "/users/1")]),
        pairs(&[("path", "/users/{id}")])
    );
    assert_eq!(
        rig.texts(&[("path", "/users/2")]),
        pairs(&[("path", "/users/{id}")])
    );
    assert_eq!(rig.texts(&[("path", "/a")]), pairs(&[("path", OVERFLOW_VALUE)]));
    let mut rig = Rig::new(&[cap("path", 1), path()]);
    assert_eq!(
        rig.texts(&[("path", "/users/1")]),
        pairs(&[("path", "/users/{id}")])
    );
    assert_eq!(
        rig.texts(&[("path", "/users/2")]),
        pairs(&[("path", OVERFLOW_VALUE)])
    );
    let allowed = vec![AllowedValue::Text("/users/{id}".into())];
    let mut rig = Rig::new(&[path(), allow("path", allowed)]);
    assert_eq!(
        rig.texts(&[("path", "/users/1")]),
        pairs(&[("path", "/users/{id}")])
    );
    assert_eq!(
        rig.texts(&[("path", "/orders/12")]),
        pairs(&[("path", OVERFLOW_VALUE)])
    );
}

#[test]
fn a_dropped_attribute_takes_no_place_of_a_cap() {
    let mut rig = Rig::new(&[cap("a", 1), Rule::Drop(keys(&["a"]))]);
    assert_eq!(rig.texts(&[("a", "1"), ("b", "2")]), pairs(&[("b", "2")]));
    let nothing = rig.memory();
    for number in 0..1000 {
        rig.texts(&[("a", &number.to_string())]);
    }
    assert_eq!(rig.memory(), nothing);
}

#[test]
fn of_a_key_that_occurs_twice_the_first_counts_and_takes_the_only_place() {
    let mut rig = Rig::new(&[cap("a", 1), Rule::Keep(keys(&["a", "b"]))]);
    let out = rig.texts(&[("a", "1"), ("b", "x"), ("a", "2"), ("b", "y")]);
    assert_eq!(out, pairs(&[("a", "1"), ("b", "x"), ("b", "y")]));
    assert_eq!(
        rig.texts(&[("a", "2"), ("a", "1")]),
        pairs(&[("a", OVERFLOW_VALUE)])
    );
}

#[test]
fn of_two_keys_in_one_attribute_the_last_counts() {
    let mut rig = Rig::new(&[Rule::Drop(keys(&["user.id"]))]);
    // Key "a", then the value "1", then key "user.id": what readers of protobuf take for `user.id = 1`.
    let attribute = b"\x0a\x01a\x12\x03\x0a\x011\x0a\x07user.id";
    let mut point = vec![7 << 3 | 2, u8::try_from(attribute.len()).unwrap()];
    point.extend(attribute);
    assert_eq!(rig.apply_to(&point), Ok(true));
    assert_eq!(rig.came_out(&point), []);
}

#[test]
fn a_rule_for_other_metrics_does_nothing_and_remembers_nothing() {
    let only = |name: &'static [u8], rule: Rule| MetricRule {
        metrics: Some(Arc::new(move |metric: &[u8]| metric == name)),
        rule,
    };
    let others = [
        only(b"other", Rule::Drop(keys(&["a"]))),
        only(b"other", Rule::Keep(keys(&["b"]))),
        only(b"other", cap("c", 0)),
        only(b"other", Rule::Template(keys(&["d"]))),
    ];
    let set = texts(&[("a", "1"), ("c", "/c/2"), ("d", "3"), ("d", "4"), ("e", "5")]);
    let mut rig = Rig::of(&others);
    assert!(rig.state.is_none(), "no rule is for the metric");
    assert_eq!(rig.apply(&set), (false, set.clone()));
    let mut rules = others.to_vec();
    rules.push(only(METRIC, Rule::Drop(keys(&["e"]))));
    rules.push(Rule::Template(keys(&["c"])).into());
    let mut rig = Rig::of(&rules);
    let (_, out) = rig.apply(&set);
    assert_eq!(
        out,
        texts(&[("a", "1"), ("c", "/c/{id}"), ("d", "3"), ("d", "4")])
    );
}

#[test]
fn a_cap_of_several_keys_has_as_many_places_for_each() {
    let mut rig = Rig::new(&[Rule::Cap {
        keys: keys(&["a", "b"]),
        limit: 1,
    }]);
    assert_eq!(
        rig.texts(&[("a", "1"), ("b", "2")]),
        pairs(&[("a", "1"), ("b", "2")])
    );
    let out = rig.texts(&[("a", "2"), ("b", "1")]);
    assert_eq!(out, pairs(&[("a", OVERFLOW_VALUE), ("b", OVERFLOW_VALUE)]));
}

#[test]
fn templates_of_a_key_learn_by_themselves_within_the_scope() {
    let mut rig = Rig::new(&[Rule::Template(keys(&["a", "b"]))]);
    let mut learn = |key: &str, scope, words: [&str; 3]| {
        rig.scope = scope;
        words.map(|word| rig.texts(&[(key, &format!("/to/{word}"))])[0].1.clone())
    };
    let (one, other) = (Identity(1), Identity(2));
    let three = ["/to/red", "/to/green", "/to/{var}"];
    assert_eq!(learn("a", one, ["red", "green", "blue"]), three);
    assert_eq!(learn("b", one, ["red", "green", "blue"]), three, "another key");
    assert_eq!(
        learn("a", other, ["red", "green", "blue"]),
        three,
        "another scope"
    );
    assert_eq!(
        learn("a", one, ["red", "green", "white"]),
        three,
        "the first again"
    );
    assert!(rig.rules.have_templates());
    assert!(!Rig::new(&[cap("a", 1)]).rules.have_templates());
}

#[test]
fn without_a_templater_texts_stay() {
    let rules = AttributeRules::new(&[Rule::Template(keys(&["a"])).into()]).unwrap();
    let mut state = RuleState::new(&rules, METRIC, 60).unwrap();
    let point = point(&texts(&[("a", "/a/1")]));
    let mut context = RuleContext {
        hasher: &SeriesHasher::with_seed(1),
        now: 0,
        scope: Identity(1),
        templater: None,
    };
    let changed = rules.rewrite(
        &mut state,
        attributes(&point),
        &mut context,
        &mut Rewritten::new(),
    );
    assert_eq!(changed, Ok(false));
}

#[test]
fn no_rules_are_for_no_metric() {
    let rules = AttributeRules::new(&[]).unwrap();
    assert!(RuleState::new(&rules, METRIC, 60).is_none());
}

#[test]
fn keys_are_taken_out_of_a_set() {
    let rig = Rig::new(&[]);
    let mut out = Rewritten::new();
    let point = point(&texts(&[("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")]));
    assert_eq!(out.without(attributes(&point), &[b"x"], &rig.hasher), Ok(false));
    assert!(out.attributes().is_none());
    assert_eq!(out.set(), rig.hasher.attributes(attributes(&point)).unwrap());
    assert_eq!(
        out.without(attributes(&point), &[b"a", b"c"], &rig.hasher),
        Ok(true)
    );
    let rig = Rig { out, ..rig };
    assert_eq!(rig.came_out(&point), texts(&[("b", "2")]));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let mut rig = Rig::new(&[cap("a", 1)]);
    for (damaged, kind) in [
        (&b"\x3a\x02\x0a\x05"[..], WireErrorKind::Truncated),
        (b"\x3a\x05\x0a\x01", WireErrorKind::Truncated),
        (b"\x3a\x02\x08\x01", WireErrorKind::Mismatch),
        (b"\x38\x01", WireErrorKind::Mismatch),
    ] {
        assert_eq!(rig.apply_to(damaged).unwrap_err().kind, kind, "{damaged:?}");
    }
    // The next set is not the worse for it.
    assert_eq!(rig.texts(&[("a", "1")]), pairs(&[("a", "1")]));
}

#[test]
fn the_state_of_a_cap_is_bounded_and_told() {
    let mut rig = Rig::new(&[cap("a", 1000)]);
    assert!(rig.memory() < 200, "{}", rig.memory());
    for number in 0..10_000 {
        rig.texts(&[("a", &number.to_string())]);
    }
    assert!((12_000..16_200).contains(&rig.memory()), "{}", rig.memory());
}

#[test]
fn a_large_set_does_not_stay_in_the_buffers() {
    let mut rig = Rig::new(&[Rule::Template(keys(&["path"]))]);
    rig.texts(&[("path", "/users/1"), ("other", &"1".repeat(1 << 20))]);
    rig.texts(&[("path", "/users/1")]);
    let debug = format!("{:?}", rig.out);
    assert!(debug.len() < 1000, "{debug}");
    let after: Repeated<'_, _> = rig.out.attributes().unwrap();
    assert_eq!(
        after
            .map(|attribute| attribute.unwrap().bytes().len())
            .sum::<usize>(),
        21
    );
}

#[test]
fn rules_and_keys_whose_values_change_are_counted() {
    let many = |count: usize| -> Vec<String> { (0..count).map(|key| key.to_string()).collect() };
    let templates = |count| AttributeRules::new(&[Rule::Template(many(count)).into()]);
    assert!(templates(CHANGED_KEYS_MAX).is_ok());
    let error = templates(CHANGED_KEYS_MAX + 1).unwrap_err();
    assert_eq!(error, RuleError::TooManyKeys);
    assert!(error.to_string().contains("64"));
    // Keys that only go or stay are not among them.
    assert!(AttributeRules::new(&[Rule::Keep(many(1000)).into()]).is_ok());
    let rules = |count| AttributeRules::new(&vec![MetricRule::from(cap("a", 1)); count]);
    assert!(rules(RULES_MAX).is_ok());
    assert_eq!(rules(RULES_MAX + 1).unwrap_err(), RuleError::TooManyRules);
}

#[test]
fn the_last_of_the_most_rules_and_keys_works_as_the_first() {
    let all: Vec<String> = (0..CHANGED_KEYS_MAX).map(|key| format!("{key:02}")).collect();
    let mut rules = vec![Rule::Template(all.clone()); RULES_MAX - 1];
    rules.push(Rule::Drop(keys(&["63", "x"])));
    let mut rig = Rig::new(&rules);
    let set = [
        ("00", "/a/1"),
        ("62", "/a/2"),
        ("63", "3"),
        ("62", "4"),
        ("x", "5"),
    ];
    assert_eq!(rig.texts(&set), pairs(&[("00", "/a/{id}"), ("62", "/a/{id}")]));
}
