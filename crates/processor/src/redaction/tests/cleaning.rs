//! URLs and statements.

use super::*;

const URLS: &str = r#"urls = {}
rules = [{ name = "mail", patterns = ["email"], action = "mask" }]"#;

fn url_left(config: &str, key: &str, url: &str) -> String {
    let left = attributes_left(config, vec![attribute(key, string(url))]);
    match left.into_iter().next().and_then(|left| left.value?.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn urls_lose_what_the_conventions_hide_and_what_patterns_find() {
    let url = "https://user:word@host/orders?sig=abc&page=2";
    let left = "https://REDACTED:REDACTED@host/orders?sig=REDACTED&page=2";
    for key in ["url.full", "url.original", "http.url"] {
        assert_eq!(url_left(URLS, key, url), left);
    }
    assert_eq!(
        url_left(URLS, "http.target", "/orders?sig=abc"),
        "/orders?sig=REDACTED"
    );
    assert_eq!(url_left(URLS, "url.query", "sig=abc&x=1"), "sig=REDACTED&x=1");
    assert_eq!(url_left(URLS, "other", url), url);
    let url = format!("https://host/find?by={MAIL}&sig=abc");
    let left = url_left(URLS, "url.full", &url);
    assert!(left.ends_with("****&sig=REDACTED"), "{left}");
}

#[test]
fn what_is_no_url_is_hidden_unless_it_may_pass() {
    let foreign = "https://user:word@host/a b";
    assert_eq!(url_left(URLS, "url.full", foreign), "****");
    assert_eq!(url_left(URLS, "url.full", ""), "");
    let config = format!("on_error = \"pass\"\n{URLS}");
    assert_eq!(url_left(&config, "url.full", foreign), foreign);
}

#[test]
fn all_parameters_are_hidden_but_those_that_are_kept() {
    let config =
        r#"urls = { keys = ["glob:*.link"], keep_parameters = ["page"], fragment = true, path_ids = true }"#;
    assert_eq!(
        url_left(config, "my.link", "https://host/users/17/x?page=2&name=eve#top"),
        "https://host/users/REDACTED/x?page=2&name=REDACTED#REDACTED"
    );
}

#[test]
fn statements_are_in_the_language_of_the_system_that_the_item_names() {
    let left = |system: Option<(&str, &str)>, statement: &str| {
        let mut attributes = vec![attribute("db.query.text", string(statement))];
        attributes.extend(system.map(|(key, name)| attribute(key, string(name))));
        let left = attributes_left("statements = {}", attributes).remove(0);
        match left.value.and_then(|value| value.value) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let sql = "SELECT * FROM t WHERE a = 'x' AND b IN (1, 2) -- eve";
    for system in [
        None,
        Some(("db.system.name", "postgresql")),
        Some(("db.system", "oracle")),
    ] {
        let left = left(system, sql);
        assert!(
            left.starts_with("SELECT * FROM t WHERE a = ? AND b IN (?"),
            "{left}"
        );
        assert!(!left.contains("eve"), "{left}");
    }
    // In MySQL double quotes are text, in PostgreSQL names.
    let quoted = r#"SELECT "eve" FROM t"#;
    assert_eq!(left(Some(("db.system.name", "mysql")), quoted), "SELECT ? FROM t");
    assert_eq!(left(Some(("db.system.name", "postgresql")), quoted), quoted);
    assert_eq!(
        left(Some(("db.system.name", "redis")), "SET user:1 eve"),
        "SET user:1 ?"
    );
    assert_eq!(
        left(
            Some(("db.system", "mongodb")),
            r#"{"find": "users", "name": "eve"}"#
        ),
        r#"{"find": "?", "name": "?"}"#
    );
    assert_eq!(left(None, "SELECT a FROM t"), "SELECT a FROM t");
}

#[test]
fn the_language_may_be_said_for_all() {
    let config = r#"statements = { keys = ["q"], language = "mysql" }"#;
    assert_eq!(
        url_left(config, "q", r#"SELECT "eve" FROM t # x"#).trim_end(),
        "SELECT ? FROM t"
    );
}

#[test]
fn rules_for_keys_come_before_and_ignored_keys_are_not_sanitised() {
    let config = r#"urls = {}
ignored_keys = ["http.url"]
rules = [{ name = "u", keys = ["url.full"], action = "mask" }]"#;
    let url = "https://user:word@host/";
    assert_eq!(url_left(config, "url.full", url), "****");
    assert_eq!(url_left(config, "http.url", url), url);
}
