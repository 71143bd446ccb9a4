//! Where the process runs, by a metadata service that is slow, sends away, or is not the one it should be.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::spans::{request, span};
use crate::support::{Client, Export, Forebay, Scrape, Sink, eventually};
use bytes::Bytes;
use forebay_core::Signal;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A metadata service of the test's own. It ends with the test.
struct Metadata {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    /// Whether it answers; until then those who ask wait.
    open: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Metadata {
    async fn start(
        answer: impl Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Metadata {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let open = watch::Sender::new(true);
        let (answer, count, gate) = (Arc::new(answer), Arc::clone(&asked), open.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (io, _) = listener.accept().await.unwrap();
                let (answer, count, gate) = (Arc::clone(&answer), Arc::clone(&count), gate.subscribe());
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        count.fetch_add(1, Ordering::Relaxed);
                        let (mut gate, response) = (gate.clone(), answer(&request));
                        async move {
                            gate.wait_for(|open| *open).await.unwrap();
                            Ok::<_, Infallible>(response)
                        }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    // A client that gives up is no news.
                    let _ = connection.serve_connection(TokioIo::new(io), service).await;
                });
            }
        });
        Metadata {
            address,
            asked,
            open,
            _serving: serving,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn text(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "text/plain");
    response
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

/// Amazon's instance metadata service, version 2.
fn amazon(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let token = request.headers().get("x-aws-ec2-metadata-token");
    match (request.method().as_str(), request.uri().path()) {
        ("PUT", "/latest/api/token")
            if request
                .headers()
                .contains_key("x-aws-ec2-metadata-token-ttl-seconds") =>
        {
            text(200, "AQAEAIhUmEj0")
        }
        _ if token.is_none_or(|token| token != "AQAEAIhUmEj0") => text(401, ""),
        ("GET", "/latest/dynamic/instance-identity/document") => text(
            200,
            r#"{"instanceId": "i-1234567890abcdef0", "region": "eu-west-1", "accountId": "123456789012"}"#,
        ),
        _ => text(404, ""),
    }
}

/// An agent on an instance whose metadata service is at `endpoint`.
fn config(sink: &Sink, endpoint: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.place]
        type = \"resource_detection\"
        detectors = [\"ec2\"]
        timeout = \"200ms\"
        retry = {{ initial_interval = \"10ms\", max_interval = \"50ms\" }}
        ec2 = {{ endpoint = \"{endpoint}\" }}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"place\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

/// The value of `key` on the resource of the request that arrived last.
fn last(sink: &Sink, key: &str) -> Option<Value> {
    sink.read(|taken| {
        let Some(Export::Traces(request)) = taken.requests.last() else {
            panic!("{:?}", taken.requests)
        };
        let resource = request.resource_spans[0].resource.clone().unwrap_or_default();
        let found = resource
            .attributes
            .into_iter()
            .find(|attribute| attribute.key == key);
        found.and_then(|attribute| attribute.value?.value)
    })
}

/// Sends the nth trace, and waits until it has arrived.
async fn send(forebay: &Forebay, sink: &Sink, number: u64) {
    let client = Client::grpc(forebay.grpc());
    assert!(client.send(&request([span(number, 0)])).await.is_taken());
    let count = usize::try_from(number).unwrap();
    sink.until("the trace arrives", |taken| taken.count(Signal::Traces) == count)
        .await;
}

/// How often looking came to this.
async fn attempts(forebay: &Forebay, outcome: &str) -> f64 {
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.sum(
        "forebay_resource_detection_attempts_total",
        &[("detector", "ec2"), ("outcome", outcome)],
    )
}

#[tokio::test]
async fn a_metadata_service_that_does_not_answer_holds_up_neither_start_nor_data() {
    let (sink, metadata) = (Sink::start(), Metadata::start(amazon).await);
    metadata.open.send_replace(false);
    let forebay = Forebay::start(&config(&sink, &format!("http://{}", metadata.address))).await;
    send(&forebay, &sink, 1).await;
    assert_eq!(last(&sink, "host.id"), None);
    eventually("it is asked again", async || metadata.asked() > 1).await;
    assert!(attempts(&forebay, "failed").await >= 1.0);
    metadata.open.send_replace(true);
    eventually("the retry finds the place", async || {
        attempts(&forebay, "found").await == 1.0
    })
    .await;
    send(&forebay, &sink, 2).await;
    for (key, value) in [
        ("host.id", "i-1234567890abcdef0"),
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_ec2"),
        ("cloud.region", "eu-west-1"),
        ("cloud.account.id", "123456789012"),
    ] {
        assert_eq!(
            last(&sink, key),
            Some(Value::StringValue(value.to_owned())),
            "{key}"
        );
    }
    Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
}

#[tokio::test]
async fn a_metadata_service_that_sends_away_is_not_followed() {
    let (sink, elsewhere) = (Sink::start(), Metadata::start(amazon).await);
    let target = format!("http://{}/latest/api/token", elsewhere.address);
    let metadata = Metadata::start(move |_| {
        let mut response = text(307, "");
        response.headers_mut().insert("location", target.parse().unwrap());
        response
    })
    .await;
    let mut forebay = Forebay::spawn_in(
        &config(&sink, &format!("http://{}", metadata.address)),
        // Nor is a proxy asked.
        &[("http_proxy", &format!("http://{}", elsewhere.address))],
    );
    forebay.until_started().await;
    eventually("it is asked again", async || {
        attempts(&forebay, "failed").await >= 2.0
    })
    .await;
    assert_eq!(elsewhere.asked(), 0);
    forebay.until_logged("redirects are not followed").await;
    assert_eq!(attempts(&forebay, "found").await, 0.0);
}

#[tokio::test]
async fn a_variable_sends_nobody_elsewhere() {
    let (sink, elsewhere) = (Sink::start(), Metadata::start(amazon).await);
    let config = config(&sink, "http://127.0.0.1:9").replace("[\"ec2\"]", "[\"ecs\"]");
    let config = config.replace("ec2 = { endpoint = \"http://127.0.0.1:9\" }", "");
    // On this machine it would be followed: the port alone tells that it is no agent's.
    let name = format!("http://localhost:{}/v4/task", elsewhere.address.port());
    let mut forebay = Forebay::spawn_in(&config, &[("ECS_CONTAINER_METADATA_URI_V4", &name)]);
    forebay.until_started().await;
    send(&forebay, &sink, 1).await;
    assert_eq!(last(&sink, "cloud.provider"), None);
    assert_eq!(elsewhere.asked(), 0);
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    let failed = [("detector", "ecs"), ("outcome", "failed")];
    assert!(scrape.sum("forebay_resource_detection_attempts_total", &failed) >= 1.0);
}
