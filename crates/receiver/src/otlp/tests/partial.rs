//! Requests of which some items are refused at the door.

use super::client::*;
use super::rig::*;
use forebay_core::{Failure, Reason, Signal};
use forebay_otlp::MAX_FLAWS;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, metric::Data};
use prost::Message;
use tonic::Code;

/// Ten spans, of which the third has a trace id of 3 bytes and the last no span id.
fn two_of_ten() -> ExportTraceServiceRequest {
    let mut request = spans(10, 5);
    let list = &mut request.resource_spans[0].scope_spans[0].spans;
    list[2].trace_id = vec![7; 3];
    list[9].span_id = Vec::new();
    request
}

const TWO_OF_TEN: &str = "2 of 10 spans refused: \
    resourceSpans[0].scopeSpans[0].spans[2]: traceId has 3 bytes, not 16; \
    resourceSpans[0].scopeSpans[0].spans[9]: spanId is missing";

// conformance: S9
#[tokio::test]
async fn siblings_of_an_item_with_a_wrong_id_are_delivered() {
    let rig = Rig::start();
    let wire = two_of_ten().encode_to_vec();
    let (status, message) = call(rig.grpc, method(Signal::Traces), &wire).await;
    assert_eq!(status.code, Code::Ok);
    let response = ExportTraceServiceResponse::decode(message.unwrap()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (2, TWO_OF_TEN)
    );

    let mut expected = two_of_ten();
    let list = &mut expected.resource_spans[0].scope_spans[0].spans;
    list.remove(9);
    list.remove(2);
    let seen = rig.pipeline.seen().pop().unwrap();
    assert_eq!((seen.items, seen.bytes), (8, expected.encode_to_vec().into()));

    let total = rig.accounts.total();
    assert_eq!((total.received, total.delivered), (10, 8));
    assert_eq!(total.refused[Reason::Malformed as usize], 2);
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
}

// conformance: S9
#[tokio::test]
async fn over_http_a_partial_success_is_200_in_both_formats() {
    let rig = Rig::start();
    let wire = two_of_ten().encode_to_vec();
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], wire).await;
    assert_eq!(answer.status, 200);
    let response = ExportTraceServiceResponse::decode(answer.body).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_spans, 2);

    let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"abcd"},{},{"spanId":""}]}]}]}"#;
    let answer = post(rig.http, "/v1/logs", &[JSON], text).await;
    assert_eq!(answer.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let words = "1 of 3 log records refused: \
        resourceLogs[0].scopeLogs[0].logRecords[0]: traceId has 2 bytes, not 16";
    let expected = serde_json::json!({"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": words}});
    assert_eq!(body, expected);
    assert_eq!(rig.pipeline.seen().pop().unwrap().items, 2);
}

// conformance: S9
#[tokio::test]
async fn a_point_with_a_wrong_exemplar_is_refused_alone() {
    let rig = Rig::start();
    let mut request = points(5);
    let data = &mut request.resource_metrics[0].scope_metrics[0].metrics[0].data;
    let Some(Data::Gauge(gauge)) = data else {
        panic!("a gauge")
    };
    gauge.data_points[1].exemplars.push(Exemplar {
        span_id: vec![1],
        ..Default::default()
    });
    let (_, message) = call(rig.grpc, method(Signal::Metrics), &request.encode_to_vec()).await;
    let response = ExportMetricsServiceResponse::decode(message.unwrap()).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_data_points, 1);
    assert_eq!(rig.pipeline.seen()[0].items, 4);
}

// conformance: S9
#[tokio::test]
async fn what_the_door_and_the_destination_refuse_adds_up() {
    let rig = Setup::then(Then::Reject(3, "too old")).start();
    let wire = two_of_ten().encode_to_vec();
    let (_, message) = call(rig.grpc, method(Signal::Traces), &wire).await;
    let response = ExportTraceServiceResponse::decode(message.unwrap()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 5);
    assert_eq!(partial.error_message, format!("{TWO_OF_TEN}; too old"));
}

// conformance: S12
#[tokio::test]
async fn a_request_without_a_sound_item_is_malformed() {
    let rig = Rig::start();
    let mut request = spans(2, 5);
    for span in &mut request.resource_spans[0].scope_spans[0].spans {
        span.trace_id = vec![0; 16];
    }
    let wire = request.encode_to_vec();
    let (status, _) = call(rig.grpc, method(Signal::Traces), &wire).await;
    assert_eq!(status.code, Code::InvalidArgument);
    assert!(status.message.starts_with("2 of 2 spans refused: "), "{status:?}");
    let violation = status.violation.unwrap();
    assert_eq!(violation.field, "resourceSpans[0].scopeSpans[0].spans[0]");
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], wire).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.status_message().code, Code::InvalidArgument);

    assert!(rig.pipeline.seen().is_empty());
    assert_eq!(rig.refused(Reason::Malformed), 2);
    assert_eq!(rig.accounts.total().refused[Reason::Malformed as usize], 4);
}

#[tokio::test]
async fn a_failure_of_the_rest_is_the_failure_of_the_request() {
    let rig = Setup::then(Then::Fail(Failure::retryable(Reason::QueueFull, "full"))).start();
    let wire = two_of_ten().encode_to_vec();
    let (status, _) = call(rig.grpc, method(Signal::Traces), &wire).await;
    assert_eq!(status.code, Code::Unavailable);
    assert!(status.is_retryable());
}

// conformance: S12
#[tokio::test]
async fn more_flawed_items_than_the_bound_are_refused_with_their_siblings() {
    let rig = Rig::start();
    let mut request = spans(1, 5);
    let list = &mut request.resource_spans[0].scope_spans[0].spans;
    let nameless = opentelemetry_proto::tonic::trace::v1::Span {
        kind: 1,
        ..Default::default()
    };
    list.resize(1 + MAX_FLAWS + 1, nameless);
    let (status, _) = call(rig.grpc, method(Signal::Traces), &request.encode_to_vec()).await;
    assert_eq!(status.code, Code::InvalidArgument);
    assert!(status.message.contains("too many items"), "{status:?}");
    assert!(rig.pipeline.seen().is_empty());
}
