//! The process: where its config comes from, how it starts and ends.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Answer, Client, Export, Forebay, Sink, admin};
use forebay_core::Signal;
use std::net::TcpListener;
use std::time::Duration;

fn config(sink: &Sink) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

#[tokio::test]
async fn the_config_may_be_in_a_variable() {
    let sink = Sink::start();
    let mut forebay = Forebay::spawn_with_variable(&config(&sink));
    forebay.until_started().await;
    let reply = Client::grpc(forebay.grpc())
        .send(&Export::numbered(Signal::Logs, 1..10))
        .await;
    assert!(reply.is_taken(), "{reply:?}");
    assert_eq!(sink.read(|taken| taken.count(Signal::Logs)), 9);
}

#[tokio::test]
async fn a_wrong_config_is_explained_and_ends_the_process() {
    let ended = Forebay::spawn("[receivers.otlp]\ngrcp.listen = \"127.0.0.1:0\"\n")
        .end()
        .await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let text = ended.log.join("\n");
    assert!(
        text.contains("grcp") && text.contains("grpc") && text.contains("2:1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_port_in_use_ends_the_process_and_is_named() {
    let sink = Sink::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = config(&sink).replacen(
        "grpc.listen = \"127.0.0.1:0\"",
        &format!("grpc.listen = \"{address}\""),
        1,
    );
    let ended = Forebay::spawn(&config).end().await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.log.join("\n").contains(&address), "{ended:?}");
}

#[tokio::test]
async fn an_admin_port_in_use_ends_the_process_and_is_named() {
    let sink = Sink::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = config(&sink).replacen(ADMIN, &format!("[admin]\nlisten = \"{address}\"\n"), 1);
    let ended = Forebay::spawn(&config).end().await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.log.join("\n").contains(&address), "{ended:?}");
}

#[tokio::test]
async fn an_idle_process_ends_when_told_to() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink)).await;
    // A connection that is open and idle holds nothing up.
    let client = Client::grpc(forebay.grpc());
    assert!(
        client
            .send(&Export::numbered(Signal::Traces, 1..2))
            .await
            .is_taken()
    );
    forebay.terminate();
    let ended = forebay.end().await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.line("drained")["lost"], 0, "{ended:?}");
    // Not the drain deadline, which is ten seconds.
    assert!(ended.took < Duration::from_secs(9), "{ended:?}");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let sink = Sink::start();
    sink.answer(|_| Answer::Hang);
    let forebay = Forebay::start(&(config(&sink) + "\n[shutdown]\ndeadline = \"1h\"")).await;
    let client = Client::grpc(forebay.grpc());
    let sending = tokio::spawn(async move { client.send(&Export::numbered(Signal::Traces, 1..2)).await });
    sink.until("the request arrives", |taken| taken.attempts > 0)
        .await;
    forebay.terminate();
    forebay.until_logged("draining").await;
    forebay.terminate();
    let ended = forebay.end().await;
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert!(!sending.await.unwrap().is_taken());
}

#[tokio::test]
async fn what_the_deadline_cuts_off_is_refused_and_reported() {
    let sink = Sink::start();
    sink.answer(|_| Answer::Hang);
    let forebay = Forebay::start(&(config(&sink) + "\n[shutdown]\ndeadline = \"300ms\"")).await;
    let client = Client::grpc(forebay.grpc());
    let sending = tokio::spawn(async move { client.send(&Export::numbered(Signal::Traces, 1..6)).await });
    sink.until("the request arrives", |taken| taken.attempts > 0)
        .await;
    forebay.terminate();
    let ended = forebay.end().await;
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    let reply = sending.await.unwrap();
    assert!(reply.is_retryable_with_delay(), "{reply:?}");
    let (drained, loss) = (
        ended.line("drained"),
        ended.line("refused: the sender was told and still has them"),
    );
    assert_eq!(drained["lost"], 0, "the sender knows: {ended:?}");
    assert_eq!((&loss["items"], &loss["reason"]), (&5.into(), &"shutdown".into()));
}

#[tokio::test]
async fn the_admin_endpoint_answers() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink)).await;
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        let (code, _) = admin::page(forebay.admin(), path).await.unwrap();
        assert_eq!(code, 200, "{path}");
    }
    let status = admin::status(forebay.admin()).await;
    assert_eq!(status["unaccounted"], 0);
    assert_eq!(status["phase"], "running");
}
