//! Lists of what stays, lengths, keyed hashes and defaults.

use super::{act, sorted, string};
use crate::testing::{self, attribute, first, text};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn list(values: Vec<Value>) -> Value {
    Value::ArrayValue(ArrayValue {
        values: values.into_iter().map(any).collect(),
    })
}

fn map(entries: Vec<KeyValue>) -> Value {
    Value::KvlistValue(KeyValueList { values: entries })
}

#[test]
fn keep_removes_all_others() {
    let before: Vec<KeyValue> = ["a", "b", "http.route", "http.method"]
        .map(|key| attribute(key, string("x")))
        .to_vec();
    for (action, left) in [
        (r#"action = "keep", keys = ["b", "none"]"#, &["b"][..]),
        (
            r#"action = "keep", pattern = "^http\\.""#,
            &["http.method", "http.route"],
        ),
        (
            r#"action = "keep", keys = ["a"], pattern = "route$""#,
            &["a", "http.route"],
        ),
        (r#"action = "keep", keys = ["none"]"#, &[]),
    ] {
        let after = act(action, &before);
        let keys: Vec<&str> = after.iter().map(|own| &*own.key).collect();
        assert_eq!(keys, left, "{action}");
    }
}

#[test]
fn truncate_counts_characters_of_texts_and_bytes_of_bytes() {
    let cut = |value: Value| {
        act(
            r#"action = "truncate", key = "a", length = 3"#,
            &[attribute("a", value)],
        )
    };
    let cases = [
        (string("gr\u{f6}\u{df}e"), string("gr\u{f6}")),
        (
            string("\u{65e5}\u{672c}\u{8a9e}"),
            string("\u{65e5}\u{672c}\u{8a9e}"),
        ),
        (string("abc"), string("abc")),
        (
            Value::BytesValue(vec![1, 2, 3, 4]),
            Value::BytesValue(vec![1, 2, 3]),
        ),
        (Value::IntValue(123_456), Value::IntValue(123_456)),
        (
            list(vec![
                string("long"),
                Value::IntValue(12_345),
                string("ok"),
                list(vec![string("inner")]),
            ]),
            list(vec![
                string("lon"),
                Value::IntValue(12_345),
                string("ok"),
                list(vec![string("inn")]),
            ]),
        ),
        (
            map(vec![
                attribute("a key", string("long")),
                attribute("b", Value::BytesValue(vec![7; 9])),
            ]),
            map(vec![
                attribute("a key", string("lon")),
                attribute("b", Value::BytesValue(vec![7; 3])),
            ]),
        ),
        (list(vec![string("ok")]), list(vec![string("ok")])),
    ];
    for (before, after) in cases {
        assert_eq!(first(&cut(before.clone()), "a"), Some(&after), "{before:?}");
    }
}

#[test]
fn truncate_by_pattern_is_for_all_keys_that_it_is_found_in() {
    let before = [
        attribute("db.query.text", string("SELECT 1")),
        attribute("db.namespace", string("shop")),
        attribute("url.path", string("/a/long/way")),
    ];
    let after = act(r#"action = "truncate", pattern = "^db\\.", length = 4"#, &before);
    let expected = [
        before[1].clone(),
        attribute("db.query.text", string("SELE")),
        before[2].clone(),
    ];
    assert_eq!(after, expected);
}

#[test]
fn a_value_that_is_nested_beyond_all_measure_stays() {
    let mut value = string("long");
    for _ in 0..300 {
        value = list(vec![value]);
    }
    let before = [attribute("a", value)];
    let bytes = super::span_with(before.to_vec()).encode();
    let config = r#"item = [{ action = "truncate", key = "a", length = 1 }]"#;
    let outcome = testing::run(
        "attributes",
        config,
        forebay_core::Signal::Traces,
        std::slice::from_ref(&bytes),
    );
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    assert_eq!(payload.contiguous(), bytes);
}

/// The digest is that of `openssl dgst -sha256 -hmac "a key of 16 bytes or more"` over `user@example.com`.
#[test]
fn keyed_hashes_are_hmac_sha_256() {
    let hash = |key: &str, value: Value| {
        let action = format!(r#"action = "hash", key = "a", hash_key = "{key}""#);
        first(&act(&action, &[attribute("a", value)]), "a").cloned()
    };
    let key = "a key of 16 bytes or more";
    let digest = hash(key, string("user@example.com"));
    assert_eq!(
        digest,
        Some(string(
            "3ceee294d6593c61d2304ae517b73e7b5399eeb56ee02e8f302fb0e7dfbd6e3b"
        ))
    );
    assert_ne!(hash("another key, as long", string("user@example.com")), digest);
    // As without a key, the bytes of an integer and not its digits.
    assert_ne!(hash(key, Value::IntValue(17)), hash(key, string("17")));
    assert_eq!(hash(key, list(vec![])), Some(string("")));
}

#[test]
fn hash_by_pattern_is_for_all_keys_that_it_is_found_in() {
    let before = [attribute("enduser.id", string("")), attribute("x", string(""))];
    let after = act(r#"action = "hash", pattern = "^enduser""#, &before);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(first(&after, "enduser.id"), Some(&string(empty)));
    assert_eq!(first(&after, "x"), Some(&string("")));
}

#[test]
fn a_default_is_put_where_the_source_has_nothing() {
    let region = r#"key = "region", from_attribute = "cloud.region", default_value = "unknown""#;
    let known = [attribute("cloud.region", Value::IntValue(4))];
    for (word, before, after) in [
        ("insert", &known[..], Some(Value::IntValue(4))),
        ("insert", &[], Some(string("unknown"))),
        ("update", &[], None),
        (
            "upsert",
            &[attribute("region", string("old"))][..],
            Some(string("unknown")),
        ),
    ] {
        let done = act(&format!(r#"action = "{word}", {region}"#), before);
        assert_eq!(first(&done, "region"), after.as_ref(), "{word} {before:?}");
    }
    let tenant = r#"action = "upsert", key = "tenant", from_context = "auth.tenant", default_value = "none""#;
    assert_eq!(act(tenant, &[]), sorted(&[attribute("tenant", string("none"))]));
    assert_eq!(text("none"), act(tenant, &[])[0].value);
}

#[test]
fn a_key_for_hashes_is_not_shown() {
    let config = r#"item = [{ action = "hash", key = "a", hash_key = "0123456789abcdef-secret" }]"#;
    let prepared = testing::prepare("attributes", config).expect("valid");
    let shown = format!("{:?}", prepared.resolved);
    assert!(shown.contains("***") && !shown.contains("secret"), "{shown}");
}
