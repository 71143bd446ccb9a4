//! Requests that are made to cost more than they weigh. What they cost is measured in the documentation, not here.

use super::client::*;
use super::rig::*;
use forebay_core::{Reason, Signal};
use forebay_transport::compression::{Compressors, Encoding};
use prost::Message;
use tonic::Code;

/// A field of wire type 2.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// Messages in a request of one resource and one scope.
fn enveloped(messages: &[u8]) -> Vec<u8> {
    field(1, &field(2, messages))
}

// conformance: S12
#[tokio::test]
async fn millions_of_empty_messages_in_a_few_kilobytes_are_malformed() {
    let rig = Rig::start();
    let size = 4 << 20;
    let empty = |tag: u8| [tag, 0].repeat(size / 2);
    let record = field(2, &empty(0x32));
    let gauge = field(2, &field(5, &empty(0x0a)));
    for (path, wire) in [
        ("/v1/traces", enveloped(&empty(0x12))),
        ("/v1/logs", enveloped(&record)),
        ("/v1/metrics", enveloped(&gauge)),
    ] {
        let gzip = Compressors::new()
            .compress(Encoding::Gzip, 6, &[wire.into()])
            .unwrap();
        assert!(gzip.len() < 64 << 10, "{}", gzip.len());
        let headers = [PROTOBUF, ("content-encoding", "gzip")];
        let answer = post(rig.http, path, &headers, gzip).await;
        assert_eq!(answer.status, 400, "{path}");
        let status = answer.status_message();
        assert_eq!(status.code, Code::InvalidArgument);
        assert!(!status.is_retryable() && status.violation.is_some());
    }
    let json = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(size / 3));
    assert_eq!(post(rig.http, "/v1/traces", &[JSON], json).await.status, 400);
    assert_eq!(rig.refused(Reason::Malformed), 4);
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
}

// conformance: S12
#[tokio::test]
async fn nesting_without_end_is_malformed() {
    let rig = Rig::start();
    let value = (0..20_000).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    let wire = enveloped(&field(2, &field(5, &value)));
    let (status, _) = call(rig.grpc, method(Signal::Logs), &wire).await;
    assert_eq!(status.code, Code::InvalidArgument);
    assert!(status.message.contains("nested too deeply"), "{status:?}");
    let json = format!(r#"{{"resourceLogs":{}"#, "[".repeat(100_000));
    assert_eq!(post(rig.http, "/v1/logs", &[JSON], json).await.status, 400);
}

#[tokio::test]
async fn a_million_attributes_on_one_item_are_taken() {
    let rig = Rig::start();
    let attribute = [0x32, 8, 0x0a, 1, b'k', 0x12, 3, 0x0a, 1, b'v'];
    let wire = enveloped(&field(2, &attribute.repeat(1 << 20)));
    let (status, _) = call(rig.grpc, method(Signal::Logs), &wire).await;
    assert_eq!(status.code, Code::Ok);
    assert_eq!(rig.pipeline.seen()[0].items, 1);
}

#[tokio::test]
async fn a_head_without_end_is_refused_and_the_server_goes_on() {
    let rig = Rig::start();
    let long = "x".repeat(64 << 10);
    let answer = post(rig.http, "/v1/logs", &[JSON, ("x-long", long.as_str())], "{}").await;
    assert_eq!(answer.status, 431);
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], spans(1, 5).encode_to_vec()).await;
    assert_eq!(answer.status, 200);
}
