//! A hundred deaths under load: no item that was acknowledged is missing.

use crate::support::forebay::{ADMIN, receiver_of_its_own};
use crate::support::{Answer, Client, Forebay, Load, Shape, Sink};
use forebay_core::Signal;
use std::time::Duration;

const DEATHS: usize = 50;
const AT_ONCE: usize = 5;
const SHAPE: Shape = Shape {
    items: 5,
    padding: 10,
    signals: &Signal::ALL,
};

fn config(sink: &Sink, acknowledge: &str) -> String {
    let receiver = receiver_of_its_own();
    format!(
        "{ADMIN}{receiver}acknowledge = \"{acknowledge}\"
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

/// Starts, sends until some requests are through, ends in the middle of it, and compares.
async fn die_under_load(acknowledge: &'static str, death: usize) {
    let sink = Sink::counting();
    sink.answer(|request| Answer::TakeAfter(Duration::from_millis(request % 3)));
    let forebay = Forebay::start(&config(&sink, acknowledge)).await;
    let (grpc, http) = (Client::grpc(forebay.grpc()), Client::http(forebay.http()));
    let load = Load::start(
        [grpc.clone(), grpc.clone(), grpc, http.clone(), http.clone(), http],
        SHAPE,
    );
    // Each dies at another moment.
    let enough = 3 + u64::try_from(death % 17).unwrap() * 4;
    load.until_taken(enough).await;
    forebay.terminate();
    let ended = forebay.end().await;
    let outcome = load.finish().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let drained = ended.line("drained");
    assert_eq!(
        (&drained["lost"], &drained["in_time"]),
        (&0.into(), &true.into()),
        "{ended:?}"
    );
    sink.read(|taken| {
        let missing: Vec<_> = outcome
            .taken
            .iter()
            .filter(|item| !taken.items.contains_key(item))
            .collect();
        assert!(
            missing.is_empty(),
            "acknowledged, but not there: {missing:?}; {:#?}",
            ended.log
        );
        assert!(
            taken.is_without_duplicates(),
            "sent twice, although every attempt succeeded"
        );
    });
    let wrong = outcome
        .refusals
        .iter()
        .find(|refusal| !refusal.is_retryable_with_delay());
    assert!(
        wrong.is_none(),
        "a shutdown is no reason to refuse for good: {wrong:?}"
    );
}

async fn die_often(acknowledge: &'static str) {
    let mut deaths = tokio::task::JoinSet::new();
    for death in 0..DEATHS {
        if deaths.len() == AT_ONCE {
            deaths.join_next().await.unwrap().unwrap();
        }
        deaths.spawn(die_under_load(acknowledge, death));
    }
    deaths.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_on_delivery_is_lost() {
    die_often("delivered").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_on_acceptance_is_lost() {
    die_often("accepted").await;
}
