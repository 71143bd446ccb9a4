//! One malformed item among ten thousand, of many senders in one request: it alone is refused, and its sender is named.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Export, Forebay, PATIENCE, Scrape, eventually};
use forebay_core::Signal;
use forebay_testkit::scripted::{Answer, Backend, Form, Received, RpcStatus, Scripted, Told};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;

/// Senders, and spans from each.
const SENDERS: u64 = 20;
const SPANS: u64 = 500;
const ALL: u64 = SENDERS * SPANS;

/// A receiver that does not look into items, and an exporter that makes one request of all that waits.
fn config(exporter: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        validation = \"shallow\"
        auth.bearer = [
            {{ token = \"one\", name = \"billing\", tenant = \"north\" }},
            {{ token = \"two\", name = \"checkout\", tenant = \"south\" }},
        ]
        [exporters.backend]
        {exporter}
        max_in_flight = 1
        batch = {{ max_bytes = \"32MiB\" }}
        retry = {{ initial_interval = \"10ms\", max_interval = \"50ms\" }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]"
    )
}

/// A destination that is not ready at first, and then takes what prost can decode.
#[derive(Default)]
struct Strict {
    ready: AtomicBool,
    /// Requests since it is ready.
    judged: AtomicUsize,
    /// The numbers of the spans that it took.
    taken: Mutex<Vec<u64>>,
}

impl Strict {
    fn judge(&self, request: &Received) -> Answer {
        let grpc = request.path.contains("TraceService");
        let refuse = |code, status, message: &str| match grpc {
            true => Answer::grpc(code, message),
            false => Answer::http_status(status, &RpcStatus::new(code, message)),
        };
        if !self.ready.load(Ordering::Relaxed) {
            return refuse(14, 503, "not ready");
        }
        self.judged.fetch_add(1, Ordering::Relaxed);
        match ExportTraceServiceRequest::decode(request.message().unwrap()) {
            Ok(request) => {
                let numbers = Export::Traces(request).numbers();
                self.taken.lock().unwrap().extend(numbers);
                match grpc {
                    true => Answer::grpc_message(&[]),
                    false => Answer::http(200),
                }
            }
            Err(error) => refuse(3, 400, &error.to_string()),
        }
    }
}

/// A request with spans of these numbers. The last one is malformed if `guilty`: its name is a number.
fn spans(first: u64, count: u64, guilty: bool) -> Vec<u8> {
    let well = count - u64::from(guilty);
    let mut bytes = Export::numbered(Signal::Traces, first..first + well)
        .encode()
        .to_vec();
    if guilty {
        // resource_spans = 1 { scope_spans = 2 { spans = 2 { name = 5: varint } } }
        bytes.extend_from_slice(&[0x0a, 6, 0x12, 4, 0x12, 2, 5 << 3, 7]);
    }
    bytes
}

/// Sends over a connection of its own; the sender's address, and what it is told.
async fn send(to: SocketAddr, token: &str, bytes: Vec<u8>) -> (SocketAddr, Told) {
    let stream = TcpStream::connect(to).await.unwrap();
    let from = stream.local_addr().unwrap();
    let form = Form::grpc(Signal::Traces, &bytes).header("authorization", &format!("Bearer {token}"));
    let told = tokio::time::timeout(PATIENCE, form.send_over(stream, "backend"));
    (from, told.await.unwrap().unwrap())
}

/// Items that the receiver's senders have in the process.
async fn held(forebay: &Forebay) -> f64 {
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.sum("forebay_items_held", &[("node", "backend")])
}

/// What the log says of the refusal.
async fn log_line(forebay: &Forebay) -> Value {
    let line = forebay
        .until_logged("the destination refused items for good")
        .await;
    serde_json::from_str(&line).unwrap()
}

async fn find_the_guilty(over_http: bool) {
    let strict = Arc::new(Strict::default());
    let judge = Arc::clone(&strict);
    let scripted = Scripted::new(move |request| judge.judge(request));
    let backend = Backend::start(scripted).await.unwrap();
    let exporter = match over_http {
        true => format!("type = \"otlp_http\"\nendpoint = \"http://{}\"", backend.http1()),
        false => format!("type = \"otlp_grpc\"\nendpoint = \"http://{}\"", backend.http2()),
    };
    let forebay = Forebay::start(&config(&exporter)).await;
    let grpc = forebay.grpc();
    let sending = |first, count, guilty| {
        let token = if guilty { "two" } else { "one" };
        tokio::spawn(async move { send(grpc, token, spans(first, count, guilty)).await })
    };
    // One request is in the destination's way while the others gather behind it.
    let first = sending(ALL + 1, 1, false);
    eventually("the first is there", async || held(&forebay).await == 1.0).await;
    let guilty = SENDERS * 2 / 3;
    let answers: Vec<_> = (0..SENDERS)
        .map(|sender| sending(1 + sender * SPANS, SPANS, sender == guilty))
        .collect();
    let all = (ALL + 1) as f64;
    eventually("all are there", async || held(&forebay).await == all).await;
    strict.ready.store(true, Ordering::Relaxed);

    assert_eq!(first.await.unwrap().1.grpc_code(), Some(0));
    for (sender, answer) in (0..).zip(answers) {
        let (from, told) = answer.await.unwrap();
        assert_eq!(told.grpc_code(), Some(0), "{told:?}");
        let response = ExportTraceServiceResponse::decode(told.message().unwrap()).unwrap();
        let rejected = response.partial_success.map(|partial| partial.rejected_spans);
        assert_eq!(rejected, (sender == guilty).then_some(1));
        if sender == guilty {
            let line = log_line(&forebay).await;
            assert_eq!(line["peer"], from.to_string(), "{line}");
            assert_eq!(
                (&line["name"], &line["tenant"]),
                (&"checkout".into(), &"south".into())
            );
            assert_eq!(
                (&line["items"], &line["exporter"]),
                (&1.into(), &"backend".into())
            );
        }
    }
    let taken = strict.taken.lock().unwrap().clone();
    let distinct: BTreeSet<u64> = taken.iter().copied().collect();
    assert_eq!(
        (taken.len() as u64, distinct.len() as u64),
        (ALL, ALL),
        "9,999, and the first"
    );
    // The first, the one that was refused, and what it took to find out.
    let extra = strict.judged.load(Ordering::Relaxed) - 2;
    assert!(
        extra as f64 <= 2.0 * (ALL as f64).log2(),
        "{extra} extra requests"
    );
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let rejected = [("node", "backend"), ("reason", "rejected")];
    assert_eq!(scrape.sum("forebay_items_refused_total", &rejected), 1.0);
    assert_eq!(
        scrape.sum("forebay_exporter_isolation_requests_total", &[]),
        extra as f64
    );
}

#[tokio::test]
async fn one_malformed_span_among_ten_thousand_is_found_over_grpc() {
    find_the_guilty(false).await;
}

#[tokio::test]
async fn one_malformed_span_among_ten_thousand_is_found_over_http() {
    find_the_guilty(true).await;
}
