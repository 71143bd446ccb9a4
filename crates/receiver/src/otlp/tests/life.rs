//! Start, drain, stop, and clients that go away.

use super::rig::*;
use crate::otlp::door::Door;
use crate::otlp::{OtlpConfig, OtlpFactory};
use forebay_core::registry::ReceiverFactory;
use forebay_core::settings::Count;
use forebay_core::{Condition, Phase, Reason, Signal};
use forebay_transport::auth::Guard;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::transport::Channel;

async fn client(rig: &Rig) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(format!("http://{}", rig.grpc))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let rig = Rig::start();
    let mut setup = Setup::default();
    setup.config.http.listen = rig.grpc.to_string().try_into().unwrap();
    let error = OtlpFactory::build(setup.config).unwrap().bind().unwrap_err();
    assert!(
        error
            .0
            .contains(&format!("cannot listen on {} for HTTP", rig.grpc)),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_off_listens_nowhere() {
    let mut setup = Setup::default();
    setup.config.grpc.enabled = false;
    let mut receiver = OtlpFactory::build(setup.config).unwrap();
    assert_eq!(receiver.bind().unwrap().len(), 1);
}

#[tokio::test]
async fn draining_answers_what_is_under_way_and_then_ends() {
    let rig = Setup::then(Then::Hold).start();
    let mut client = client(&rig).await;
    let under_way = tokio::spawn(async move { client.export(spans(5, 5)).await });
    rig.pipeline.has_seen(1).await;
    assert_eq!(rig.context.node.health.condition(), Condition::Working);
    rig.shutdown.advance(Phase::Draining);
    while TcpStream::connect(rig.grpc).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!rig.run.is_finished());
    rig.pipeline.let_go();
    under_way.await.unwrap().unwrap();
    rig.run.await.unwrap().unwrap();
    let reading = rig.context.node.ledger.read();
    assert_eq!(reading.used, 0);
}

#[tokio::test]
async fn a_request_that_comes_while_draining_is_sent_elsewhere() {
    let rig = Rig::start();
    let door = Door::new(rig.context.clone(), &OtlpConfig::default(), Guard::default());
    door.check_open(Signal::Traces).unwrap();
    rig.shutdown.advance(Phase::Draining);
    let refused = door.check_open(Signal::Traces).unwrap_err();
    assert_eq!(refused.reason, Reason::Draining);
    assert!(refused.status.is_retryable());
    assert_eq!(refused.status.retry_after, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn draining_ends_idle_connections() {
    let rig = Rig::start();
    let mut client = client(&rig).await;
    client.export(spans(5, 5)).await.unwrap();
    let _silent = TcpStream::connect(rig.http).await.unwrap();
    rig.shutdown.advance(Phase::Draining);
    rig.run.await.unwrap().unwrap();
    assert_eq!(rig.context.node.ledger.read().used, 0);
}

#[tokio::test]
async fn stopping_does_not_wait_for_answers() {
    let rig = Setup::then(Then::Hold).start();
    let mut client = client(&rig).await;
    let under_way = tokio::spawn(async move { client.export(spans(5, 5)).await });
    rig.pipeline.has_seen(1).await;
    rig.shutdown.advance(Phase::Stopped);
    rig.run.await.unwrap().unwrap();
    under_way.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_batch_goes_on_when_its_sender_gives_up() {
    let rig = Setup {
        room: 0,
        ..Setup::default()
    }
    .start();
    let mut client = client(&rig).await;
    let under_way = tokio::spawn(async move { client.export(spans(5, 5)).await });
    rig.pipeline
        .until(|pipeline| *pipeline.waiting.lock().unwrap() == 1)
        .await;
    under_way.abort();
    under_way.await.unwrap_err();
    rig.shutdown.advance(Phase::Draining);
    rig.run.await.unwrap().unwrap();
    assert!(rig.pipeline.seen().is_empty());
    rig.pipeline.room.add_permits(1);
    rig.pipeline.has_seen(1).await;
    assert_eq!(rig.accounts.total().delivered, 5);
    assert_eq!(rig.accounts.total().unaccounted(), 0);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let rig = Setup::configured(|config| config.limits.max_connections = Count(1)).start();
    let mut client = client(&rig).await;
    client.export(spans(1, 5)).await.unwrap();
    let mut second = TcpStream::connect(rig.grpc).await.unwrap();
    assert_eq!(second.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert_eq!(rig.refused(Reason::TooManyConnections), 1);
    client.export(spans(1, 5)).await.unwrap();
}

#[tokio::test]
async fn connections_that_the_budget_has_no_room_for_are_closed() {
    let rig = Setup {
        budget: 800 << 10,
        ..Setup::default()
    }
    .start();
    let mut client = client(&rig).await;
    client.export(spans(1, 5)).await.unwrap();
    let mut second = TcpStream::connect(rig.grpc).await.unwrap();
    assert_eq!(second.read(&mut [0; 8]).await.unwrap_or(0), 0);
    client.export(spans(1, 5)).await.unwrap();
    let reading = rig.ledger().read();
    assert!(reading.connections <= reading.leasable / 4);
}
