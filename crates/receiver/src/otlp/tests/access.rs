//! Who may send, and by what kind of socket.

use super::client::*;
use super::rig::*;
use crate::otlp::OtlpFactory;
use bytes::Bytes;
use forebay_core::component::ListenAddress;
use forebay_core::registry::ReceiverFactory;
use forebay_core::settings::{AuthConfig, BearerConfig, Secret};
use forebay_core::{Reason, Signal};
use forebay_transport::server::grpc;
use forebay_transport::status::Status;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tonic::Code;

fn guarded() -> Setup {
    Setup::configured(|config| {
        config.auth = Some(AuthConfig {
            bearer: vec![BearerConfig {
                token: Some(Secret::new("sesame")),
                token_file: None,
                name: Some("shop".into()),
                tenant: Some("acme".into()),
            }],
            ..AuthConfig::default()
        });
    })
}

// conformance: S13
#[tokio::test]
async fn who_has_not_proved_who_they_are_is_told_how_to() {
    let rig = guarded().start();
    let wire = spans(1, 5).encode_to_vec();
    for headers in [vec![PROTOBUF], vec![PROTOBUF, ("authorization", "Bearer sesam")]] {
        let answer = post(rig.http, "/v1/traces", &headers, wire.clone()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"forebay\"");
        assert_eq!(answer.status_message().code, Code::Unauthenticated);
    }
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    for address in [rig.grpc, rig.http] {
        let answer = post_http2(address, method(Signal::Traces), &headers, grpc::frame(&wire)).await;
        let status = Status::from_trailers(&answer.headers).unwrap();
        assert_eq!(status.code, Code::Unauthenticated);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(rig.refused(Reason::Unauthenticated), 4);
    assert!(rig.pipeline.seen().is_empty());
}

#[tokio::test]
async fn who_they_are_travels_with_what_they_send() {
    let rig = guarded().start();
    let wire = spans(1, 5).encode_to_vec();
    let token = ("authorization", "Bearer sesame");
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF, token], wire.clone()).await;
    assert_eq!(answer.status, 200);
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), token];
    let answer = post_http2(rig.grpc, method(Signal::Traces), &headers, grpc::frame(&wire)).await;
    assert_eq!(Status::from_trailers(&answer.trailers).unwrap().code, Code::Ok);
    for seen in rig.pipeline.seen() {
        let identity = seen.identity.unwrap();
        assert_eq!(
            (&*identity.name, identity.tenant.as_deref()),
            ("shop", Some("acme"))
        );
        assert!(seen.peer.is_some());
    }
    assert_eq!(rig.pipeline.seen().len(), 2);
}

#[tokio::test]
async fn health_is_told_to_everybody_and_reflection_is_not() {
    let mut setup = guarded();
    setup.config.grpc.reflection = true;
    let rig = setup.start();
    let (status, message) = call(rig.grpc, "/grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(
        (status.code, message),
        (Code::Ok, Some(Bytes::from_static(&[8, 1])))
    );
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let (_, status) = call_stream(rig.grpc, path, &[]).await;
    assert_eq!(status.code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_unix_socket_takes_requests() {
    let folder = std::env::temp_dir().join(format!("forebay-otlp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("http.sock");
    let mut setup = Setup::default();
    setup.config.grpc.enabled = false;
    setup.config.http.listen = format!("unix://{}", path.display()).try_into().unwrap();
    let rig = Rig::start();
    let mut receiver = OtlpFactory::build(setup.config).unwrap();
    assert_eq!(receiver.bind().unwrap(), [ListenAddress::Unix(path.clone())]);
    let running = tokio::spawn(receiver.run(rig.context.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
        content-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    running.abort();
    let _ = running.await;
    std::fs::remove_dir_all(&folder).unwrap();
}
