//! The health service, as probes and load balancers use it.

use super::client::{Ends, call, open_stream};
use super::rig::*;
use bytes::Bytes;
use forebay_core::{Phase, Signal, SignalSet};
use tonic::Code;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// `HealthCheckRequest` for a service.
fn about(service: &str) -> Vec<u8> {
    [&[0x0a, service.len() as u8], service.as_bytes()].concat()
}

/// `HealthCheckResponse`.
fn serving(status: u8) -> Bytes {
    Bytes::copy_from_slice(&[8, status])
}

#[tokio::test]
async fn health_is_told_of_the_server_and_of_each_service() {
    let rig = Setup {
        accepts: SignalSet::of(Signal::Traces),
        ..Setup::default()
    }
    .start();
    let traces = about("opentelemetry.proto.collector.trace.v1.TraceService");
    let logs = about("opentelemetry.proto.collector.logs.v1.LogsService");
    for (request, expected) in [(&Vec::new(), 1), (&about(""), 1), (&traces, 1), (&logs, 2)] {
        let (status, message) = call(rig.grpc, CHECK, request).await;
        assert_eq!((status.code, message.unwrap()), (Code::Ok, serving(expected)));
    }
    let (status, _) = call(rig.grpc, CHECK, &about("a.B")).await;
    assert_eq!(status.code, Code::NotFound);
    let (status, _) = call(rig.grpc, CHECK, &[0x0a, 9]).await;
    assert_eq!(status.code, Code::InvalidArgument);
}

#[tokio::test]
async fn a_watcher_hears_of_the_drain() {
    let rig = Rig::start();
    let mut server = open_stream(rig.grpc, WATCH, &[about("")], Ends::Yes).await;
    assert_eq!(server.next().await.unwrap(), serving(1));
    let mut unknown = open_stream(rig.grpc, WATCH, &[about("a.B")], Ends::Yes).await;
    assert_eq!(unknown.next().await.unwrap(), serving(3));

    rig.shutdown.advance(Phase::Draining);
    assert_eq!(server.next().await.unwrap(), serving(2));
    assert_eq!(server.next().await, None);
    assert_eq!(server.status().code, Code::Unavailable);
    assert_eq!(unknown.next().await, None);
    rig.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn health_may_be_off() {
    let rig = Setup::configured(|config| config.grpc.health = false).start();
    let (status, _) = call(rig.grpc, CHECK, &[]).await;
    assert_eq!(status.code, Code::Unimplemented);
}
