//! Which keys are meant by which patterns.

use super::*;
use KeyPattern::{Exact, Glob, Regex};

const KEYS: [KeyPattern<'_>; 6] = [
    Glob("http.request.header.*"),
    Exact("user.email"),
    Regex("(?i)(^|[._-])(token|secret)s?$"),
    Exact("http.request.header.cookie"),
    Glob("a?c"),
    Glob("(x)[y]"),
];

#[test]
fn names_globs_and_regexes_are_one_set() {
    let set = KeySet::new(&KEYS).unwrap();
    let cases = [
        ("user.email", Some(1)),
        ("user.emails", None),
        ("User.email", None),
        ("http.request.header.cookie", Some(0)),
        ("http.request.header.", Some(0)),
        ("my.http.request.header.x", None),
        ("httpXrequest.header.x", None),
        ("api_token", Some(2)),
        ("API-SECRETS", Some(2)),
        ("tokenizer", None),
        ("abc", Some(4)),
        ("a\u{e9}c", Some(4)),
        ("ac", None),
        ("a\nc", Some(4)),
        ("(x)[y]", Some(5)),
        ("", None),
    ];
    for (key, expected) in &cases {
        assert_eq!(set.find(key.as_bytes()), *expected, "{key}");
        assert_eq!(set.contains(key.as_bytes()), expected.is_some(), "{key}");
    }
}

#[test]
fn nothing_is_in_an_empty_set() {
    let set = KeySet::new(&[]).unwrap();
    assert!(set.is_empty() && !set.contains(b"") && set.find(b"a").is_none());
    assert!(!KeySet::new(&KEYS).unwrap().is_empty());
}

#[test]
fn what_is_no_regex_is_told_with_its_place() {
    let error = KeySet::new(&[Exact("a"), Regex("b"), Regex("c(d")]).unwrap_err();
    assert_eq!((error.pattern, error.offset), (2, Some(1)));
    assert_eq!(error.to_string(), "unclosed group, at byte 1 of the pattern");
    let error = KeySet::new(&[Regex("a{1000}{1000}")]).unwrap_err();
    assert_eq!((error.pattern, error.offset), (0, None));
    assert!(error.message.contains("more than 4 MiB"), "{error}");
}
