//! What is left of URLs.

use super::*;

fn rules(query: QueryRule) -> UrlRules {
    UrlRules {
        user_info: true,
        query,
        fragment: false,
        path_ids: false,
    }
}

fn left(rules: &UrlRules, url: &str) -> String {
    let mut out = b"before".to_vec();
    let outcome = rules.sanitize(url.as_bytes(), &mut out);
    let written = String::from_utf8(out.split_off(6)).unwrap();
    match outcome {
        UrlOutcome::Changed => written,
        UrlOutcome::Unchanged => {
            assert_eq!(written, "");
            url.to_owned()
        }
        UrlOutcome::NotUrl => "no url".to_owned(),
    }
}

#[test]
fn the_conventions_are_kept() {
    let rules = UrlRules::conventional().unwrap();
    let cases = [
        (
            "https://www.example.com/a?b=c#d",
            "https://www.example.com/a?b=c#d",
        ),
        (
            "https://user:word@www.example.com/",
            "https://REDACTED:REDACTED@www.example.com/",
        ),
        (
            "https://user@www.example.com/",
            "https://REDACTED@www.example.com/",
        ),
        (
            "postgres://a:b@c:d@host:5432/db",
            "postgres://REDACTED:REDACTED@host:5432/db",
        ),
        (
            "https://host/?q=OpenTelemetry&sig=abc",
            "https://host/?q=OpenTelemetry&sig=REDACTED",
        ),
        ("https://host/?SIG=abc", "https://host/?SIG=abc"),
        (
            "https://host/?s%69g=abc&Signature=",
            "https://host/?s%69g=REDACTED&Signature=",
        ),
        ("https://host/p@th?x=a@b", "https://host/p@th?x=a@b"),
        (
            "https://host?sig=a=b;X-Goog-Signature=c",
            "https://host?sig=REDACTED;X-Goog-Signature=REDACTED",
        ),
        ("//user:word@host/x", "//REDACTED:REDACTED@host/x"),
        ("/path?AWSAccessKeyId=x&y", "/path?AWSAccessKeyId=REDACTED&y"),
        (
            "https://REDACTED:REDACTED@host/?sig=REDACTED",
            "https://REDACTED:REDACTED@host/?sig=REDACTED",
        ),
        ("https://host/?a&&=b&%zz=1", "https://host/?a&&=b&%zz=1"),
        ("https://@host", "https://@host"),
    ];
    for (url, expected) in cases {
        assert_eq!(left(&rules, url), expected);
    }
}

#[test]
fn what_is_no_url_is_told() {
    let rules = UrlRules::conventional().unwrap();
    for text in [
        "",
        "word",
        "user:word@host",
        "a b",
        "https://host/a b",
        "1a://x",
        "://x",
        "mailto:a@b.example",
        "http:/x\n",
    ] {
        assert_eq!(left(&rules, text), "no url", "{text}");
    }
}

#[test]
fn values_stay_by_name_only_where_told() {
    let keep = KeySet::new(&[KeyPattern::Exact("page"), KeyPattern::Glob("utm_*")]).unwrap();
    let rules = rules(QueryRule::KeepOnly(keep));
    let long = format!("/?{}=1", "p".repeat(200));
    assert_eq!(
        left(&rules, "/x?page=2&utm_source=a&name=b&+=c"),
        "/x?page=2&utm_source=a&name=REDACTED&+=REDACTED"
    );
    assert_eq!(left(&rules, &long), format!("{}REDACTED", &long[..203]));
    let mut out = Vec::new();
    assert_eq!(rules.sanitize_query(b"page=1&b=2", &mut out), UrlOutcome::Changed);
    assert_eq!(out, b"page=1&b=REDACTED");
    assert_eq!(
        rules.sanitize_query(b"page=1", &mut Vec::new()),
        UrlOutcome::Unchanged
    );
}

#[test]
fn paths_and_fragments_are_hidden_where_told() {
    let all = UrlRules {
        fragment: true,
        path_ids: true,
        ..rules(QueryRule::KeepAll)
    };
    let cases = [
        ("/users/12345/orders", "/users/REDACTED/orders"),
        (
            "/v1/0123456789abcdef/deadbeefdeadbeef",
            "/v1/REDACTED/deadbeefdeadbeef",
        ),
        (
            "https://h/00000000-0000-4000-8000-00000000000a",
            "https://h/REDACTED",
        ),
        ("https://h:8080/a2b#access_token=x", "https://h:8080/a2b#REDACTED"),
        ("https://h/#", "https://h/#"),
    ];
    for (url, expected) in cases {
        assert_eq!(left(&all, url), expected);
    }
}

#[test]
fn property_what_is_left_has_nothing_more_to_hide_and_no_secret() {
    let rules = UrlRules {
        fragment: true,
        path_ids: true,
        ..UrlRules::conventional().unwrap()
    };
    let pieces = [
        "https://", "//", "/", "?", "#", "&", ";", "=", "@", ":", "sig", "s%69g", "host", "777", "q", "%",
        "+",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let tail: String = (0..random.usize(..12))
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        let url = format!("https://{tail}&sig=hidden7&z");
        let once = left(&rules, &url);
        assert_eq!(left(&rules, &once), once, "{url}");
        // With no `?` before it, it is part of a path or host and no parameter.
        assert!(!url.contains('?') || !once.contains("hidden7"), "{url} {once}");
    }
}
