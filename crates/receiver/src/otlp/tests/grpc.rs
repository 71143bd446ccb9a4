use super::client::{call, method, post_http2};
use super::rig::*;
use crate::otlp::Validation;
use bytes::Bytes;
use forebay_core::settings::Size;
use forebay_core::{Acknowledge, Failure, Fault, Reason, Signal, SignalSet};
use forebay_transport::status::Status;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn traces(address: SocketAddr) -> TraceServiceClient<Channel> {
    TraceServiceClient::new(channel(address).await)
}

/// What the status says beside its code.
fn details(status: &tonic::Status) -> Status {
    Status::from_protobuf(status.details()).unwrap()
}

// conformance: S7
#[tokio::test]
async fn all_signals_arrive_as_they_were_sent() {
    let rig = Rig::start();
    let channel = channel(rig.grpc).await;
    let response = TraceServiceClient::new(channel.clone())
        .export(spans(10, 8))
        .await
        .unwrap();
    assert_eq!(response.into_inner().partial_success, None);
    MetricsServiceClient::new(channel.clone())
        .export(points(3))
        .await
        .unwrap();
    LogsServiceClient::new(channel).export(records(2)).await.unwrap();

    let seen = rig.pipeline.seen();
    let summary: Vec<_> = seen.iter().map(|seen| (seen.signal, seen.items)).collect();
    assert_eq!(
        summary,
        [(Signal::Traces, 10), (Signal::Metrics, 3), (Signal::Logs, 2)]
    );
    assert_eq!(seen[0].bytes, spans(10, 8).encode_to_vec());
    assert_eq!(seen[1].bytes, points(3).encode_to_vec());
    assert_eq!(seen[2].bytes, records(2).encode_to_vec());
    assert!(seen.iter().all(|seen| seen.peer.unwrap().ip() == rig.grpc.ip()));
    assert!(seen.iter().all(|seen| seen.sender_waits));
    assert_eq!(rig.context.requests.succeeded(), 3);
    assert_eq!(rig.accounts.total().delivered, 15);
    assert_eq!(rig.accounts.total().unaccounted(), 0);
}

// conformance: S1
#[tokio::test]
async fn compressed_requests_of_all_sizes_arrive() {
    let rig = Rig::start();
    let client = traces(rig.grpc).await;
    for encoding in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut client = match encoding {
            Some(encoding) => client.clone().send_compressed(encoding),
            None => client.clone(),
        };
        for count in [1, 100, 5_000, 40_000] {
            client.export(spans(count, 40)).await.unwrap();
            let seen = rig.pipeline.seen().pop().unwrap();
            assert_eq!(seen.items, count as u64);
            assert_eq!(seen.bytes, spans(count, 40).encode_to_vec(), "{encoding:?}");
        }
    }
    // Windows of the connection only.
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_on_one_connection_are_all_answered() {
    let rig = Rig::start();
    let client = traces(rig.grpc).await;
    let calls = (0..300).map(|_| {
        let mut client = client.clone();
        async move { client.export(spans(50, 30)).await.map(|_| ()) }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(rig.accounts.total().delivered, 300 * 50);
}

// conformance: S8
#[tokio::test]
async fn an_empty_request_succeeds_and_nothing_is_sent_on() {
    let rig = Rig::start();
    let mut client = traces(rig.grpc).await;
    client.export(spans(0, 0)).await.unwrap();
    client.export(spans(0, 1)).await.unwrap();
    assert!(rig.pipeline.seen().is_empty());
    assert_eq!(rig.context.requests.succeeded(), 2);
}

// conformance: S2, S3
#[tokio::test]
async fn a_request_over_the_limit_is_refused_for_good() {
    let rig = Setup::configured(|config| config.max_request_bytes = Size(10_000)).start();
    let client = traces(rig.grpc).await;
    for encoding in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut client = match encoding {
            Some(encoding) => client.clone().send_compressed(encoding),
            None => client.clone(),
        };
        client.export(spans(10, 100)).await.unwrap();
        let status = client.export(spans(10, 5_000)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?} {status}");
        assert!(
            status.details().is_empty(),
            "no delay: it will not fit later either"
        );
    }
    assert_eq!(rig.refused(Reason::TooLarge), 3);
}

// conformance: S2
#[tokio::test]
async fn a_bomb_is_refused_and_its_memory_given_back() {
    let mut setup = Setup::configured(|config| config.max_request_bytes = Size(4 << 20));
    setup.budget = 64 << 20;
    let rig = setup.start();
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = traces(rig.grpc).await.send_compressed(encoding);
        let status = client.export(spans(1, 30 << 20)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
    }
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
    assert!(reading.peak < 24 << 20, "{reading:?}");
}

// conformance: S11
#[tokio::test]
async fn overload_is_told_before_the_body_is_read_with_a_delay() {
    let rig = Setup {
        budget: 8 << 20,
        ..Setup::default()
    }
    .start();
    let others = rig.ledger().lease(4 << 20).unwrap();
    let mut client = traces(rig.grpc).await;
    // More than the window in all: what is refused must not use it up.
    for refused in 1..=20 {
        let status = client.export(spans(1, 2 << 20)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert_eq!(details(&status).retry_after, Some(Duration::from_secs(1)));
        assert_eq!(rig.refused(Reason::OverBudget), refused);
    }
    assert!(rig.ledger().read().peak < (4 << 20) + (256 << 10));
    client.export(spans(1, 1000)).await.unwrap();
    drop(others);
    client.export(spans(1, 2 << 20)).await.unwrap();
}

// conformance: S3
#[tokio::test]
async fn what_can_never_fit_the_memory_budget_is_not_asked_to_come_again() {
    let rig = Setup {
        budget: 2 << 20,
        ..Setup::default()
    }
    .start();
    let status = traces(rig.grpc)
        .await
        .export(spans(1, 2 << 20))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(details(&status).retry_after, None);
    assert_eq!(rig.refused(Reason::TooLarge), 1);
}

// conformance: S12
#[tokio::test]
async fn a_malformed_request_is_told_where() {
    let rig = Rig::start();
    let mut wire = spans(2, 5).encode_to_vec();
    let last = wire.len() - 1;
    wire[last] = 0xff; // The name of the last span is not text.
    let (status, _) = call(rig.grpc, method(Signal::Traces), &wire).await;
    assert_eq!(status.code, Code::InvalidArgument);
    let violation = status.violation.unwrap();
    assert_eq!(violation.field, "resourceSpans[0].scopeSpans[0].spans[1]");
    assert_eq!(
        violation.description,
        format!("string is not valid UTF-8 at byte {}", last - 7)
    );
    assert_eq!(rig.refused(Reason::Malformed), 1);
    assert!(rig.pipeline.seen().is_empty());
}

#[tokio::test]
async fn shallow_validation_looks_at_the_envelopes_only() {
    let rig = Setup::configured(|config| config.validation = Validation::Shallow).start();
    let mut request = spans(1, 5);
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = vec![1; 5];
    traces(rig.grpc).await.export(request).await.unwrap();
    assert_eq!(rig.pipeline.seen()[0].items, 1);
}

// conformance: S10
#[tokio::test]
async fn a_warning_of_the_destination_is_passed_on() {
    let rig = Setup::then(Then::Reject(0, "the clock is late")).start();
    let response = traces(rig.grpc).await.export(spans(1, 5)).await.unwrap();
    let partial = response.into_inner().partial_success.unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (0, "the clock is late")
    );
}

// conformance: S9
#[tokio::test]
async fn rejected_items_are_a_partial_success() {
    let rig = Setup::then(Then::Reject(3, "too old")).start();
    let response = traces(rig.grpc)
        .await
        .export(spans(10, 5))
        .await
        .unwrap()
        .into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (3, "too old")
    );
    let response = LogsServiceClient::new(channel(rig.grpc).await)
        .export(records(9))
        .await
        .unwrap();
    assert_eq!(
        response
            .into_inner()
            .partial_success
            .unwrap()
            .rejected_log_records,
        3
    );
}

#[tokio::test]
async fn failures_downstream_are_told_as_what_they_are() {
    let failure = |retryable| match retryable {
        true => Failure::retryable(Reason::QueueFull, "full"),
        false => Failure::permanent(Reason::Rejected, "no such tenant"),
    };
    let delayed = failure(true).after(Duration::from_secs(7));
    let blaming = |fault| failure(false).by(fault);
    for (failure, code, delay) in [
        (failure(true), Code::Unavailable, Some(Duration::from_secs(1))),
        (delayed, Code::Unavailable, Some(Duration::from_secs(7))),
        (failure(false), Code::Internal, None),
        (blaming(Fault::Destination), Code::Internal, None),
        (blaming(Fault::Content), Code::InvalidArgument, None),
        (blaming(Fault::TooLarge), Code::ResourceExhausted, None),
    ] {
        let rig = Setup::then(Then::Fail(failure.clone())).start();
        let status = traces(rig.grpc).await.export(spans(1, 5)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, &*failure.message));
        let told = if status.details().is_empty() {
            None
        } else {
            details(&status).retry_after
        };
        assert_eq!(told, delay);
        assert_eq!(rig.refused(failure.reason), 1);
    }
}

#[tokio::test]
async fn a_signal_without_a_pipeline_is_unimplemented() {
    let rig = Setup {
        accepts: SignalSet::of(Signal::Logs),
        ..Setup::default()
    }
    .start();
    let channel = channel(rig.grpc).await;
    let status = TraceServiceClient::new(channel.clone())
        .export(spans(1, 5))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    LogsServiceClient::new(channel).export(records(1)).await.unwrap();
    assert_eq!(rig.refused(Reason::NoPipeline), 1);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let rig = Rig::start();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Import";
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = post_http2(rig.grpc, path, &headers, Bytes::from_static(&[0; 5])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        Status::from_trailers(&answer.headers).unwrap().code,
        Code::Unimplemented
    );
}

#[tokio::test]
async fn broken_framing_is_told() {
    let rig = Rig::start();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let cases: [(&str, &[u8], Code); 7] = [
        ("", &[], Code::InvalidArgument),
        ("", &[0, 0, 0], Code::InvalidArgument),
        ("", &[7, 0, 0, 0, 0], Code::InvalidArgument),
        ("", &[1, 0, 0, 0, 1, 9], Code::InvalidArgument),
        ("gzip", &[1, 0, 0, 0, 1, 9], Code::InvalidArgument),
        ("br", &[1, 0, 0, 0, 1, 9], Code::Unimplemented),
        ("", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Code::InvalidArgument),
    ];
    for (encoding, body, code) in cases {
        let mut headers = vec![("content-type", "application/grpc+proto")];
        if !encoding.is_empty() {
            headers.push(("grpc-encoding", encoding));
        }
        let answer = post_http2(rig.grpc, path, &headers, Bytes::from_static(body)).await;
        let status = Status::from_trailers(&answer.headers).unwrap();
        assert_eq!(status.code, code, "{body:?} {status:?}");
        if code == Code::Unimplemented {
            assert_eq!(
                answer.headers["grpc-accept-encoding"],
                "identity,gzip,zstd,deflate"
            );
        }
    }
}

#[tokio::test]
async fn accepted_is_told_once_the_pipeline_has_it() {
    let mut setup = Setup::configured(|config| config.acknowledge = Acknowledge::Accepted);
    setup.then = Then::Hold;
    let rig = setup.start();
    traces(rig.grpc).await.export(spans(4, 5)).await.unwrap();
    assert!(!rig.pipeline.seen()[0].sender_waits);
    assert_eq!(rig.accounts.total().held, 4);
}

#[tokio::test]
async fn what_is_not_grpc_is_told_so() {
    let rig = Rig::start();
    let headers = [("content-type", "application/x-protobuf")];
    let answer = post_http2(rig.grpc, "/v1/traces", &headers, Bytes::new()).await;
    assert_eq!(answer.status, 415);
}
