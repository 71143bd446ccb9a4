use crate::testing::{
    Kept, Rig, logs_request, metrics_request, payload, prepare, sliced, trace_payload, trace_request,
};
use bytes::Bytes;
use forebay_core::component::{ExportError, Receipt, Request};
use forebay_core::{Condition, Fault, Payload, Signal};
use futures_util::future::join_all;
use http::{HeaderMap, Response};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::transport::server::TcpIncoming;
use tonic_types::{ErrorDetails, StatusExt};

/// A tonic server until it is dropped or stopped.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

async fn serve(kept: &Kept, address: &str) -> Server {
    let address: SocketAddr = address.parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(16).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let traces = TraceServiceServer::new(kept.clone())
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .max_decoding_message_size(64 << 20);
    let metrics = MetricsServiceServer::new(kept.clone())
        .accept_compressed(Gzip)
        .accept_compressed(Zstd);
    let logs = LogsServiceServer::new(kept.clone())
        .accept_compressed(Gzip)
        .accept_compressed(Zstd);
    let served = tonic::transport::Server::builder()
        .add_service(traces)
        .add_service(metrics)
        .add_service(logs)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            let _ = stopped.await;
        });
    let done = tokio::spawn(async move { served.await.unwrap() });
    Server { address, stop, done }
}

fn config(address: SocketAddr) -> String {
    format!("endpoint = \"http://{address}\"\n")
}

fn rig(address: SocketAddr) -> Rig {
    Rig::start("otlp_grpc", &config(address))
}

#[tokio::test]
async fn every_signal_arrives_field_by_field_with_every_compression() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    for extra in [
        "",
        "compression = \"gzip\"",
        "compression = \"gzip\"\ncompression_level = 9",
        "compression = \"zstd\"",
        "compression = \"zstd\"\nconnections = 3",
    ] {
        let rig = Rig::start("otlp_grpc", &format!("{}{extra}", config(server.address)));
        for spans in [1, 5000] {
            let outcome = rig.send(Signal::Traces, trace_payload(spans)).await;
            assert_eq!(outcome, Ok(Receipt::default()), "{extra}");
            assert_eq!(kept.traces.lock().unwrap().pop(), Some(trace_request(spans)));
        }
        rig.send(Signal::Metrics, payload(&metrics_request()))
            .await
            .unwrap();
        assert_eq!(kept.metrics.lock().unwrap().pop(), Some(metrics_request()));
        rig.send(Signal::Logs, payload(&logs_request())).await.unwrap();
        assert_eq!(kept.logs.lock().unwrap().pop(), Some(logs_request()));
        rig.close().await;
    }
}

#[tokio::test]
async fn slices_arrive_as_their_concatenation() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    let whole = trace_request(3000);
    for size in [1000, 7919, 65_536, 1 << 30] {
        rig.send(Signal::Traces, sliced(&whole, size)).await.unwrap();
        assert_eq!(kept.traces.lock().unwrap().pop().as_ref(), Some(&whole));
    }
    rig.send(Signal::Traces, sliced(&trace_request(20), 3))
        .await
        .unwrap();
    assert_eq!(kept.traces.lock().unwrap().pop(), Some(trace_request(20)));
}

#[tokio::test]
async fn headers_agent_and_timeout_are_sent() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let extra = "timeout = \"2500ms\"\nheaders = { authorization = \"Bearer x\", X-Scope = \"a\" }";
    let rig = Rig::start("otlp_grpc", &format!("{}{extra}", config(server.address)));
    rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
    let metadata = kept.metadata.lock().unwrap().clone();
    let value = |name: &str| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(value("authorization").as_deref(), Some("Bearer x"));
    assert_eq!(value("x-scope").as_deref(), Some("a"));
    assert_eq!(value("grpc-timeout").as_deref(), Some("2500m"));
    let agent = concat!("Forebay/", env!("CARGO_PKG_VERSION"));
    assert_eq!(value("user-agent").as_deref(), Some(agent));
}

// conformance: C14
#[tokio::test]
async fn an_empty_payload_is_never_sent() {
    // Nothing listens there: an attempt to send would fail.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(
        rig(address).send(Signal::Logs, Payload::new()).await,
        Ok(Receipt::default())
    );
}

// conformance: C8
#[tokio::test]
async fn partial_success_is_a_receipt() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let plain = rig(server.address);
    let packed = format!("{}compression = \"gzip\"", config(server.address));
    let packed = Rig::start("otlp_grpc", &packed);
    for (rejected, message) in [(3, "three"), (0, "a warning"), (2, ""), (-1, "odd")] {
        let partial = ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: message.to_owned(),
        };
        *kept.answer.lock().unwrap() = Some(Ok(ExportTraceServiceResponse {
            partial_success: Some(partial),
        }));
        let expected = Receipt {
            rejected_items: u64::try_from(rejected).unwrap_or(0),
            message: (!message.is_empty()).then(|| message.into()),
        };
        for rig in [&plain, &packed] {
            let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
            assert_eq!(outcome, Ok(expected.clone()));
        }
    }
}

// conformance: C4, C5, C7
#[tokio::test]
async fn codes_are_retryable_as_the_specification_says() {
    use tonic::Code;
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    let retryable = [
        (Code::Cancelled, "CANCELLED"),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Code::Aborted, "ABORTED"),
        (Code::OutOfRange, "OUT_OF_RANGE"),
        (Code::Unavailable, "UNAVAILABLE"),
        (Code::DataLoss, "DATA_LOSS"),
    ];
    let permanent = [
        (Code::Unknown, "UNKNOWN"),
        (Code::InvalidArgument, "INVALID_ARGUMENT"),
        (Code::NotFound, "NOT_FOUND"),
        (Code::AlreadyExists, "ALREADY_EXISTS"),
        (Code::PermissionDenied, "PERMISSION_DENIED"),
        (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
        (Code::FailedPrecondition, "FAILED_PRECONDITION"),
        (Code::Unimplemented, "UNIMPLEMENTED"),
        (Code::Internal, "INTERNAL"),
        (Code::Unauthenticated, "UNAUTHENTICATED"),
    ];
    for (code, name) in retryable {
        *kept.answer.lock().unwrap() = Some(Err(tonic::Status::new(code, "it said \u{e9}%")));
        let expected = ExportError::Retryable {
            after: None,
            message: format!("{name}: it said \u{e9}%").into(),
        };
        assert_eq!(rig.send(Signal::Traces, trace_payload(1)).await, Err(expected));
    }
    for (code, name) in permanent {
        *kept.answer.lock().unwrap() = Some(Err(tonic::Status::new(code, "no")));
        let expected = ExportError::Permanent {
            message: format!("{name}: no").into(),
            fault: match code {
                Code::InvalidArgument => Fault::Content,
                Code::ResourceExhausted => Fault::TooLarge,
                Code::Internal | Code::Unknown => Fault::Unclear,
                _ => Fault::Destination,
            },
        };
        assert_eq!(rig.send(Signal::Traces, trace_payload(1)).await, Err(expected));
    }
}

// conformance: C5, C10
#[tokio::test]
async fn retry_info_is_kept_to_and_makes_resource_exhausted_retryable() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    for (code, asked, kept_to) in [
        (tonic::Code::Unavailable, 1500, 1500),
        (tonic::Code::ResourceExhausted, 0, 0),
        (tonic::Code::ResourceExhausted, 7000, 7000),
        (tonic::Code::Unavailable, 86_400_000, 120_000),
    ] {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(asked)));
        let status = tonic::Status::with_error_details(code, "later", details);
        *kept.answer.lock().unwrap() = Some(Err(status));
        let Err(ExportError::Retryable { after, .. }) = rig.send(Signal::Traces, trace_payload(1)).await
        else {
            panic!("{code:?} is not retryable");
        };
        assert_eq!(after, Some(Duration::from_millis(kept_to)));
    }
}

/// `google.rpc.Status` with a `RetryInfo` whose delay is these bytes of a `google.protobuf.Duration`; nothing: without delay.
fn retry_info(duration: Option<&[u8]>) -> Bytes {
    let field = |number: u8, content: &[u8]| {
        let mut field = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        field.extend(content);
        field
    };
    let info = duration.map_or(Vec::new(), |duration| field(1, duration));
    let kind = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let any = [kind, field(2, &info)].concat();
    [vec![0x08, 8], field(3, &any)].concat().into()
}

// conformance: C5, C10
#[tokio::test]
async fn a_retry_info_without_a_sound_delay_is_a_retry_info_all_the_same() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    let most = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let negative = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for (duration, kept_to) in [
        (None, 0),
        (Some(&[][..]), 0),
        (Some(&negative), 0),
        (Some(&most), 120),
    ] {
        let details = retry_info(duration);
        let status = tonic::Status::with_details(tonic::Code::ResourceExhausted, "later", details);
        *kept.answer.lock().unwrap() = Some(Err(status));
        let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
        let Err(ExportError::Retryable { after, .. }) = outcome else {
            panic!("{duration:?}: {outcome:?}");
        };
        assert_eq!(after, Some(Duration::from_secs(kept_to)), "{duration:?}");
    }
    // What is no `google.rpc.Status` at all is no `RetryInfo`.
    let status =
        tonic::Status::with_details(tonic::Code::ResourceExhausted, "no", Bytes::from_static(b"\xff"));
    *kept.answer.lock().unwrap() = Some(Err(status));
    let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
    assert!(
        matches!(outcome, Err(ExportError::Permanent { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_restarted_server_is_found_again_and_health_tells() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let address = server.address;
    let rig = rig(address);
    rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
    assert_eq!(rig.health.condition(), Condition::Working);
    server.stop.send(()).unwrap();
    server.done.await.unwrap();
    let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
    assert!(
        matches!(outcome, Err(ExportError::Retryable { after: Some(_), .. })),
        "{outcome:?}"
    );
    assert!(matches!(rig.health.condition(), Condition::Degraded(_)));
    let _server = serve(&kept, &address.to_string()).await;
    rig.send_until_reached().await;
    assert_eq!(rig.health.condition(), Condition::Working);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_exports_share_one_connection() {
    let kept = Kept::default();
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    let sends = (0..1000).map(|index| rig.send(Signal::Traces, trace_payload(1 + index % 50)));
    for outcome in join_all(sends).await {
        assert_eq!(outcome, Ok(Receipt::default()));
    }
    assert_eq!(kept.traces.lock().unwrap().len(), 1000);
}

#[tokio::test]
async fn a_cancelled_export_leaves_the_connection_usable() {
    let kept = Kept::default();
    let hold = Arc::new(Notify::new());
    let server = serve(&kept, "127.0.0.1:0").await;
    let rig = rig(server.address);
    // Far more cancelled bytes than any window: what was cancelled must give its room back.
    for _ in 0..20 {
        *kept.hold.lock().unwrap() = Some(Arc::clone(&hold));
        let request = Request {
            signal: Signal::Traces,
            payload: trace_payload(5000),
            items: 5000,
        };
        tokio::select! {
            outcome = rig.exporter.export(&request) => panic!("{outcome:?}"),
            () = kept.came.notified() => {}
        }
        *kept.hold.lock().unwrap() = None;
        rig.send(Signal::Traces, trace_payload(5000)).await.unwrap();
        kept.came.notified().await;
    }
    assert_eq!(kept.traces.lock().unwrap().len(), 20);
}

// ------------------------------------------------------- a server that follows a script, on h2 itself

type Respond = h2::server::SendResponse<Bytes>;

/// Answers connections one after the other, each by one step of the script; nothing after the last.
async fn scripted<F>(steps: Vec<F>) -> SocketAddr
where
    F: FnOnce(
            h2::server::Connection<tokio::net::TcpStream, Bytes>,
        ) -> futures_util::future::BoxFuture<'static, ()>
        + Send
        + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for step in steps {
            let (socket, _) = listener.accept().await.unwrap();
            let connection = h2::server::handshake(socket).await.unwrap();
            tokio::spawn(step(connection));
        }
    });
    address
}

type Step = Box<
    dyn FnOnce(
            h2::server::Connection<tokio::net::TcpStream, Bytes>,
        ) -> futures_util::future::BoxFuture<'static, ()>
        + Send,
>;

/// Answers every request on a connection with `answer`, once its body is read.
fn answering(answer: impl Fn(Respond) + Send + Sync + Clone + 'static) -> Step {
    Box::new(move |mut connection| {
        Box::pin(async move {
            while let Some(Ok((request, respond))) = connection.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    while let Some(Ok(piece)) = body.data().await {
                        let _ = body.flow_control().release_capacity(piece.len());
                    }
                    answer(respond);
                });
            }
        })
    })
}

/// Sends a GOAWAY at the first request, which it does not process.
fn going_away() -> Step {
    Box::new(|mut connection| {
        Box::pin(async move {
            connection.graceful_shutdown();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            }
        })
    })
}

fn head(status: u16) -> Response<()> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/grpc");
    response.body(()).unwrap()
}

fn send_ok(mut respond: Respond) {
    let mut stream = respond.send_response(head(200), false).unwrap();
    stream.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
}

#[tokio::test]
async fn requests_that_a_closing_server_turns_away_go_to_a_new_connection() {
    let address = scripted(vec![going_away(), going_away(), answering(send_ok)]).await;
    let rig = rig(address);
    assert_eq!(
        rig.send(Signal::Traces, trace_payload(10)).await,
        Ok(Receipt::default())
    );
}

#[tokio::test]
async fn a_server_that_turns_everything_away_is_retryable() {
    let refuse = |mut respond: Respond| respond.send_reset(h2::Reason::REFUSED_STREAM);
    let address = scripted(vec![answering(refuse)]).await;
    let outcome = rig(address).send(Signal::Traces, trace_payload(1)).await;
    assert!(
        matches!(outcome, Err(ExportError::Retryable { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn answers_that_break_off_are_retryable() {
    let reset_before = |mut respond: Respond| respond.send_reset(h2::Reason::INTERNAL_ERROR);
    let reset_within = |mut respond: Respond| {
        let mut stream = respond.send_response(head(200), false).unwrap();
        stream
            .send_data(Bytes::from_static(&[0, 0, 0, 0, 9]), false)
            .unwrap();
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    };
    let without_status = |mut respond: Respond| {
        let mut stream = respond.send_response(head(200), false).unwrap();
        stream.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    };
    let hang_up: Step = Box::new(|mut connection| {
        Box::pin(async move {
            let _first = connection.accept().await;
        })
    });
    for step in [
        answering(reset_before),
        answering(reset_within),
        answering(without_status),
        hang_up,
    ] {
        let address = scripted(vec![step]).await;
        let outcome = rig(address).send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(outcome, Err(ExportError::Retryable { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn answers_of_proxies_count_as_grpc_maps_them() {
    for (status, retryable) in [
        (503, true),
        (502, true),
        (429, true),
        (404, false),
        (401, false),
        (500, false),
    ] {
        let answer = move |mut respond: Respond| {
            respond.send_response(head(status), true).unwrap();
        };
        let address = scripted(vec![answering(answer)]).await;
        let outcome = rig(address).send(Signal::Traces, trace_payload(1)).await;
        assert_eq!(
            matches!(outcome, Err(ExportError::Retryable { .. })),
            retryable,
            "{outcome:?}"
        );
        assert!(outcome.unwrap_err().to_string().contains(&status.to_string()));
    }
}

#[tokio::test]
async fn a_status_without_a_body_and_one_without_a_message_are_read() {
    let trailers_only = |mut respond: Respond| {
        let mut head = head(200);
        head.headers_mut().insert("grpc-status", "14".parse().unwrap());
        head.headers_mut()
            .insert("grpc-message", "shut%20down".parse().unwrap());
        respond.send_response(head, true).unwrap();
    };
    let address = scripted(vec![answering(trailers_only)]).await;
    let outcome = rig(address).send(Signal::Traces, trace_payload(1)).await;
    let expected = ExportError::Retryable {
        after: None,
        message: "UNAVAILABLE: shut down".into(),
    };
    assert_eq!(outcome, Err(expected));
    let bare = |mut respond: Respond| {
        let mut stream = respond.send_response(head(200), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    };
    let address = scripted(vec![answering(bare)]).await;
    assert_eq!(
        rig(address).send(Signal::Traces, trace_payload(1)).await,
        Ok(Receipt::default())
    );
}

// conformance: C2
#[tokio::test]
async fn an_answer_that_is_too_long_or_not_grpc_is_permanent() {
    let endless = |mut respond: Respond| {
        let mut stream = respond.send_response(head(200), false).unwrap();
        stream.send_data(Bytes::from(vec![0; 5 << 20]), true).unwrap();
    };
    let html = |mut respond: Respond| {
        let page = Response::builder()
            .header("content-type", "text/html")
            .body(())
            .unwrap();
        respond.send_response(page, true).unwrap();
    };
    for step in [answering(endless), answering(html)] {
        let address = scripted(vec![step]).await;
        let outcome = rig(address).send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(outcome, Err(ExportError::Permanent { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_unreadable_message_with_status_ok_is_a_delivery_with_a_warning() {
    let garbage = |mut respond: Respond| {
        let mut stream = respond.send_response(head(200), false).unwrap();
        stream
            .send_data(Bytes::from_static(&[0, 0, 0, 0, 2, 0x0a, 0x7f]), false)
            .unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    };
    let address = scripted(vec![answering(garbage)]).await;
    let receipt = rig(address).send(Signal::Traces, trace_payload(1)).await.unwrap();
    assert_eq!(receipt.rejected_items, 0);
    assert!(receipt.message.unwrap().starts_with("accepted, but"));
}

// ------------------------------------------------------------------------------------------ config

fn refusal(config: &str) -> String {
    let problems = prepare("otlp_grpc", config).unwrap_err();
    assert!(
        problems.iter().all(|problem| problem.place.is_some()),
        "{problems:?}"
    );
    problems
        .iter()
        .map(|problem| format!("{}\n", problem.message))
        .collect()
}

#[test]
fn wrong_configs_are_refused_with_a_position() {
    let good = "endpoint = \"http://a:1\"\n";
    assert!(refusal(&format!("{good}tls = {{}}")).contains("`tls` has no effect"));
    assert!(refusal(&format!("{good}dns_refresh_interval = \"10ms\"")).contains("looked up"));
    assert!(refusal(&format!("{good}max_request_bytes = 0")).contains("no request is that small"));
    assert!(refusal(&format!("{good}proxy_url = \"socks5://a\"")).contains("a proxy is reached by"));
    assert!(refusal(&format!("{good}keepalive = {{ time = \"10ms\" }}")).contains("1s apart"));
    assert!(refusal(&format!("{good}keepalive = {{ timeout = \"0s\" }}")).contains("more than 0s"));
    let twice = "auth = { bearer_token = \"a\" }\nheaders = { Authorization = \"b\" }";
    assert!(refusal(&format!("{good}{twice}")).contains("is set by `auth`"));
    assert!(refusal("endpoint = \"localhost:4317\"").contains("is not an endpoint"));
    assert!(refusal("endpoint = \"http://a:0\"").contains("port"));
    assert!(refusal("endpoint = \"http://me:pw@a\"").contains("headers"));
    assert!(refusal("endpoint = \"http://a/v1\"").contains("has no path"));
    assert!(refusal(&format!("{good}max_in_flight = 0")).contains("max_in_flight"));
    assert!(refusal(&format!("{good}connections = 65")).contains("connections"));
    assert!(refusal(&format!("{good}compression_level = 3")).contains("without compression"));
    assert!(
        refusal(&format!("{good}compression = \"gzip\"\ncompression_level = 10")).contains("no level 10")
    );
    assert!(refusal(&format!("{good}headers = {{ te = \"x\" }}")).contains("`te`"));
    assert!(refusal(&format!("{good}headers = {{ \"a b\" = \"x\" }}")).contains("`a b`"));
    assert!(refusal(&format!("{good}endpoints = 1")).contains("endpoints"));
}

#[test]
fn secrets_do_not_show_in_the_resolved_config() {
    let config = "endpoint = \"http://a:1\"\nheaders = { authorization = \"Bearer hush\" }\n\
                  proxy_url = \"http://me:hush@proxy\"";
    let prepared = prepare("otlp_grpc", config).unwrap();
    assert!(!prepared.resolved.to_string().contains("hush"));
    assert_eq!(prepared.declaration.delivery.timeout, Duration::from_secs(10));
    assert_eq!(prepared.declaration.delivery.max_in_flight, 8);
}

#[test]
fn the_example_is_read() {
    assert!(prepare("otlp_grpc", include_str!("example.toml")).is_ok());
}
