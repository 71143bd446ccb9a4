//! Patterns, conditions, severities.

use super::{AttributeCondition, Pattern, Severity};
use forebay_otlp::edit::AttributeValue;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::parse(pattern).unwrap().matches(text.as_bytes())
}

#[test]
fn patterns_are_exact_unless_they_say_otherwise() {
    let cases = [
        ("GET /", "GET /", true),
        ("GET *", "GET /", false),
        ("exact:glob:x", "glob:x", true),
        ("glob:GET *", "GET /a\nb", true),
        ("glob:GET *", "POST /", false),
        ("glob:*", "", true),
        ("glob:*.js", "a.js", true),
        ("glob:*.js", "a.jsx", false),
        ("glob:a?c", "aßc", true),
        ("glob:a?c", "ac", false),
        ("glob:/api/*/items", "/api/17/items", true),
        ("glob:a.c", "abc", false),
        ("glob:(a)*[b]", "(a)x[b]", true),
        ("glob:", "", true),
        ("regex:b", "abc", true),
        ("regex:^b", "abc", false),
        ("regex:(?i)^STRASSE$", "strasse", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn expressions_that_take_too_much_memory_are_refused() {
    let error = Pattern::parse("regex:(a{1000}){1000}").unwrap_err();
    assert!(
        error.contains("cannot") || error.contains("regular expression"),
        "{error}"
    );
}

#[derive(Deserialize)]
struct Conditions {
    when: BTreeMap<String, AttributeCondition>,
    severity: Option<Severity>,
}

fn condition(written: &str) -> AttributeCondition {
    let read: Conditions = toml::from_str(&format!("when = {{ a = {written} }}")).unwrap();
    read.when["a"].clone()
}

fn holds(written: &str, value: AttributeValue<'_>) -> bool {
    let mut body = Vec::new();
    value.encode(&mut body);
    condition(written).matches(Some(&body))
}

#[test]
fn conditions_compare_values_of_their_type() {
    use AttributeValue::{Bool, Bytes, Double, Int, String};
    let cases = [
        ("\"500\"", Int(500), true),
        ("\"500\"", String("500"), true),
        ("500", String("500"), false),
        ("500", Int(500), true),
        ("500", Double(500.0), true),
        ("500.0", Int(500), true),
        ("0.5", Double(0.5), true),
        ("0.5", Double(0.25), false),
        ("true", Bool(true), true),
        ("true", String("true"), false),
        ("\"true\"", Bool(true), true),
        ("\"regex:^5..$\"", Int(503), true),
        ("\"-9223372036854775808\"", Int(i64::MIN), true),
        ("\"0\"", Int(0), true),
        ("\"glob:*\"", Double(1.0), false),
        ("{ present = true }", Bytes(&[1]), true),
        ("{ present = false }", Bytes(&[1]), false),
        ("[\"a\", 1, { present = false }]", Int(1), true),
        ("[\"a\", 1, { present = false }]", Int(2), false),
    ];
    for (written, value, expected) in cases {
        assert_eq!(holds(written, value), expected, "{written} on {value:?}");
    }
    assert!(condition("{ present = false }").matches(None));
    assert!(condition("[1, { present = false }]").matches(None));
    assert!(!condition("\"glob:*\"").matches(None));
}

#[test]
fn conditions_that_cannot_be_meant_are_refused() {
    for (written, message) in [
        ("[]", "empty list"),
        ("{ here = true }", "unknown field `here`"),
        ("{}", "missing field `present`"),
        ("1979-05-27", "a pattern, a number"),
    ] {
        let Err(error) = toml::from_str::<Conditions>(&format!("when = {{ a = {written} }}")) else {
            panic!("{written} is accepted")
        };
        assert!(error.message().contains(message), "{written}: {error}");
    }
}

#[test]
fn severities_are_words_for_four_numbers() {
    let read = |written: &str| {
        toml::from_str::<Conditions>(&format!("when = {{}}\nseverity = {written}"))
            .map(|read| read.severity.unwrap())
    };
    let warn = read("\"warn\"").unwrap();
    assert_eq!((warn.low(), warn.high()), (13, 16));
    let exact = read("14").unwrap();
    assert_eq!((exact.low(), exact.high()), (14, 14));
    for wrong in ["0", "25", "-1", "\"warning\""] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// Globs by their definition: the slow way.
fn glob_matches(glob: &[char], text: &[char]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skipped| glob_matches(rest, &text[skipped..])),
        Some(('?', rest)) => !text.is_empty() && glob_matches(rest, &text[1..]),
        Some((one, rest)) => text.first() == Some(one) && glob_matches(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_globs_match_what_their_definition_says(glob in "[ab.ß*?]{0,6}", text in "[ab.ß]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(matches(&format!("glob:{glob}"), &text), glob_matches(&chars(&glob), &chars(&text)));
    }

    #[test]
    fn property_integers_match_their_decimal_text(value in any::<i64>()) {
        let written = format!("\"{value}\"");
        prop_assert!(holds(&written, AttributeValue::Int(value)));
    }
}
