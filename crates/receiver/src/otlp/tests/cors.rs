//! What browsers are told.

use super::client::*;
use super::rig::*;
use bytes::Bytes;
use forebay_core::settings::Period;
use http::Method;
use http_body_util::Full;
use std::time::Duration;

fn sharing(origins: &[&str]) -> Setup {
    Setup::configured(|config| {
        config.http.cors = Some(crate::otlp::CorsConfig {
            allowed_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allowed_headers: vec!["X-Tenant".into()],
            exposed_headers: vec!["retry-after".into()],
            max_age: Period(Duration::from_secs(600)),
        });
    })
}

/// A browser's question, whether a page may POST with these headers.
async fn preflight(rig: &Rig, origin: &str, headers: &str) -> Answer {
    let host = rig.http.to_string();
    let all = [
        ("host", host.as_str()),
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", headers),
    ];
    let body = Full::new(Bytes::new());
    send_http1(
        rig.http,
        request(Method::OPTIONS, "/v1/traces".into(), &all, body),
    )
    .await
}

fn allowed(answer: &Answer) -> Option<&str> {
    let origin = answer.headers.get("access-control-allow-origin")?;
    Some(origin.to_str().unwrap())
}

#[tokio::test]
async fn a_page_that_may_send_is_told_so_and_may_read_the_answer() {
    let rig = sharing(&["https://*.example.com"]).start();
    let page = "https://shop.example.com";
    let answer = preflight(&rig, page, "content-type,x-tenant").await;
    assert_eq!(answer.status, 204);
    assert_eq!(allowed(&answer), Some(page));
    for (name, value) in [
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type,x-tenant"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(answer.headers[name], value);
    }

    let wire = &spans(1, 5);
    let sent = post(
        rig.http,
        "/v1/traces",
        &[PROTOBUF, ("origin", page)],
        prost::Message::encode_to_vec(wire),
    )
    .await;
    assert_eq!((sent.status.as_u16(), allowed(&sent)), (200, Some(page)));
    assert_eq!(sent.headers["access-control-expose-headers"], "retry-after");
    assert_eq!(sent.headers["vary"], "origin");
    let failed = post(rig.http, "/v1/traces", &[PROTOBUF, ("origin", page)], "x").await;
    assert_eq!((failed.status.as_u16(), allowed(&failed)), (400, Some(page)));
}

#[tokio::test]
async fn other_pages_and_other_headers_are_not_allowed() {
    let rig = sharing(&["https://*.example.com", "http://localhost:8080"]).start();
    for page in [
        "https://example.com",
        "https://.example.com",
        "http://shop.example.com",
        "https://shop.example.com.evil.net",
        "https://evil.net/.example.com",
        "http://localhost",
        "null",
    ] {
        let answer = preflight(&rig, page, "content-type").await;
        assert_eq!((answer.status.as_u16(), allowed(&answer)), (204, None), "{page}");
    }
    for page in [
        "https://a.b.example.com",
        "HTTPS://A.example.com",
        "http://localhost:8080",
    ] {
        assert_eq!(allowed(&preflight(&rig, page, "content-type").await), Some(page));
    }
    let answer = preflight(&rig, "http://localhost:8080", "content-type, authorization").await;
    assert_eq!(allowed(&answer), None);
}

#[tokio::test]
async fn any_page_may_send_where_asked_for_but_without_credentials() {
    let rig = sharing(&["*"]).start();
    let answer = preflight(&rig, "https://anywhere.net", "content-type").await;
    assert_eq!(allowed(&answer), Some("https://anywhere.net"));
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn nothing_is_said_to_browsers_unless_asked_for() {
    let rig = Rig::start();
    let answer = preflight(&rig, "https://shop.example.com", "content-type").await;
    assert_eq!((answer.status.as_u16(), allowed(&answer)), (405, None));
    assert_eq!(answer.headers["allow"], "POST");
}
