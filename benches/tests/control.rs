//! The sink's control address.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use forebay_benches::generate::{Generator, Options};
use forebay_benches::sink::{self, Sink};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

async fn ask(method: &str, uri: String, body: &str) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = http::Request::builder().method(method).uri(uri);
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn serves_stats_takes_a_mode_and_checks_a_log() {
    let sink = Sink::start(&sink::Options::local(true)).unwrap();
    let base = format!("http://{}", sink.control);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ask =
        |method: &str, path: &str, body: &str| runtime.block_on(ask(method, format!("{base}{path}"), body));
    let send = |requests| {
        let options = Options {
            items: 10,
            requests: Some(requests),
            sequence: true,
            ..Options::new(sink.grpc.to_string())
        };
        Generator::start(options).unwrap().finish().unwrap().report
    };

    assert_eq!(send(3).items_acknowledged, 30);
    let (status, stats) = ask("GET", "/stats", "");
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(
        (status, &stats["spans"], &stats["verified"]["distinct"]),
        (200, &30.into(), &30.into())
    );

    assert_eq!(
        ask("POST", "/check", "1 0 10\n1 20 20\n"),
        (200, "{\"missing\":10}".to_owned())
    );
    assert_eq!(ask("POST", "/check", "nonsense").0, 400);
    assert_eq!(ask("GET", "/elsewhere", "").0, 404);

    assert_eq!(ask("POST", "/mode", r#"{"fail_ratio":1.0,"status":3}"#).0, 200);
    assert_eq!(ask("POST", "/mode", r#"{"no_such":1}"#).0, 400);
    assert_eq!(send(2).refusals["grpc 3"].attempts, 2);
}
