//! A destination that goes away, comes back, asks for patience, refuses, or takes a part.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Answer, Client, Export, Forebay, Reply, Scrape, Sink, eventually};
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;
use std::time::Duration;

/// Both exporters, one for gRPC requests and one for HTTP requests, with short waits between attempts.
fn config(exporter: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [exporters.backend]
        {exporter}
        retry = {{ initial_interval = \"20ms\", max_interval = \"100ms\" }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]"
    )
}

fn grpc_exporter(sink: &Sink) -> String {
    format!("type = \"otlp_grpc\"\nendpoint = \"http://{}\"", sink.grpc())
}

fn http_exporter(sink: &Sink) -> String {
    format!("type = \"otlp_http\"\nendpoint = \"http://{}\"", sink.http())
}

async fn attempts(forebay: &Forebay, outcome: &str) -> f64 {
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.sum("forebay_exporter_attempts_total", &[("outcome", outcome)])
}

/// Sends while the destination is away; all of it is there once the destination is back.
async fn assert_survives_a_restart(forebay: &Forebay, client: &Client, mut sink: Sink) {
    assert!(
        client
            .send(&Export::numbered(Signal::Traces, 1..11))
            .await
            .is_taken()
    );
    sink.close();
    let away: Vec<_> = (1..21)
        .map(|request| {
            let (client, first) = (client.clone(), request * 10 + 1);
            tokio::spawn(async move {
                client
                    .send(&Export::numbered(Signal::Traces, first..first + 10))
                    .await
            })
        })
        .collect();
    eventually("it tries again and again", async || {
        attempts(forebay, "retryable").await >= 5.0
    })
    .await;
    sink.open();
    for sending in away {
        let reply = sending.await.unwrap();
        assert!(reply.is_taken(), "{reply:?}");
    }
    let all: Vec<_> = (1..211).map(|number| (Signal::Traces, number)).collect();
    assert!(sink.read(|taken| taken.has_all(&all)), "acknowledged on delivery");
    Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
}

#[tokio::test]
async fn a_grpc_destination_that_restarts_gets_everything() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&grpc_exporter(&sink))).await;
    assert_survives_a_restart(&forebay, &Client::grpc(forebay.grpc()), sink).await;
}

#[tokio::test]
async fn an_http_destination_that_restarts_gets_everything() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&http_exporter(&sink))).await;
    assert_survives_a_restart(&forebay, &Client::http(forebay.http()), sink).await;
}

#[tokio::test]
async fn what_may_be_tried_again_is_tried_again() {
    for over_http in [false, true] {
        let sink = Sink::start();
        sink.answer(|request| match request {
            0..3 => Answer::Retry(Duration::from_millis(1)),
            _ => Answer::Take,
        });
        let exporter = if over_http {
            http_exporter(&sink)
        } else {
            grpc_exporter(&sink)
        };
        let forebay = Forebay::start(&config(&exporter)).await;
        let reply = Client::grpc(forebay.grpc())
            .send(&Export::numbered(Signal::Logs, 1..6))
            .await;
        assert!(reply.is_taken(), "{reply:?}");
        assert_eq!(
            sink.read(|taken| (taken.attempts, taken.count(Signal::Logs))),
            (4, 5)
        );
        assert!(sink.read(|taken| taken.is_without_duplicates()));
    }
}

#[tokio::test]
async fn what_the_destination_blames_reaches_the_sender_as_that() {
    for over_http in [false, true] {
        let sink = Sink::start();
        sink.answer(|_| Answer::Blame("no such unit"));
        let exporter = if over_http {
            http_exporter(&sink)
        } else {
            grpc_exporter(&sink)
        };
        let forebay = Forebay::start(&config(&exporter)).await;
        let request = Export::numbered(Signal::Metrics, 1..2);
        for (client, expected) in [
            (Client::grpc(forebay.grpc()), 3),
            (Client::http(forebay.http()), 400),
        ] {
            let reply = client.send(&request).await;
            let Reply::Refused { code, retryable, .. } = reply else {
                panic!("taken, although the destination blamed it");
            };
            assert_eq!((code, retryable), (expected, false));
        }
    }
}

#[tokio::test]
async fn a_permanent_refusal_reaches_the_sender_as_one() {
    for over_http in [false, true] {
        let sink = Sink::start();
        sink.answer(|_| Answer::Never("no such tenant"));
        let exporter = if over_http {
            http_exporter(&sink)
        } else {
            grpc_exporter(&sink)
        };
        let forebay = Forebay::start(&config(&exporter)).await;
        let request = Export::numbered(Signal::Metrics, 1..6);
        for (client, expected) in [
            (Client::grpc(forebay.grpc()), 13),
            (Client::http(forebay.http()), 500),
        ] {
            let Reply::Refused {
                code,
                retryable,
                message,
                ..
            } = client.send(&request).await
            else {
                panic!("taken, although the destination refused it");
            };
            assert_eq!((code, retryable), (expected, false), "{message}");
            assert!(message.contains("no such tenant"), "{message}");
        }
        assert_eq!(attempts(&forebay, "permanent").await, 2.0);
        let scrape = Scrape::of(forebay.admin()).await.unwrap();
        scrape.assert_balanced();
        assert_eq!(
            scrape.sum(
                "forebay_items_refused_total",
                &[("node", "backend"), ("reason", "rejected")]
            ),
            10.0
        );
    }
}

#[tokio::test]
async fn what_a_destination_rejects_of_a_request_reaches_the_sender() {
    for over_http in [false, true] {
        let sink = Sink::start();
        sink.answer(|_| Answer::Partial(2, "two are too old"));
        let exporter = if over_http {
            http_exporter(&sink)
        } else {
            grpc_exporter(&sink)
        };
        let forebay = Forebay::start(&config(&exporter)).await;
        for client in [Client::grpc(forebay.grpc()), Client::http(forebay.http())] {
            let Reply::Taken(body) = client.send(&Export::numbered(Signal::Logs, 1..6)).await else {
                panic!("refused, although the destination took it");
            };
            let partial = ExportLogsServiceResponse::decode(body)
                .unwrap()
                .partial_success
                .unwrap();
            assert_eq!(partial.rejected_log_records, 2);
            assert_eq!(partial.error_message, "two are too old");
        }
        let scrape = Scrape::of(forebay.admin()).await.unwrap();
        scrape.assert_balanced();
        assert_eq!(
            scrape.sum("forebay_items_delivered_total", &[("node", "backend")]),
            6.0
        );
    }
}
