//! Memory is a budget: a destination goes dead under fifty senders, and the process stays within what it was given.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Answer, Client, Forebay, Load, Shape, Sink};
use forebay_core::Signal;
use std::time::{Duration, Instant};

const BUDGET: u64 = 64 << 20;
const CONNECTIONS: usize = 50;

/// How long the senders push: ten seconds, or as many as `FOREBAY_MEMORY_SECONDS` says.
fn duration() -> Duration {
    let seconds = std::env::var("FOREBAY_MEMORY_SECONDS").map_or(10, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

fn config(sink: &Sink) -> String {
    format!(
        "{ADMIN}{RECEIVER}acknowledge = \"accepted\"
        [memory]
        budget = \"64MiB\"
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        timeout = \"2s\"
        retry = {{ initial_interval = \"100ms\", max_interval = \"500ms\", max_age = \"0s\" }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

async fn peak_while(forebay: &Forebay, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut peak = 0;
    while Instant::now() < end {
        peak = peak.max(forebay.resident());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    peak
}

/// Requests of `items` items of 10 kB each: many more bytes at once than the budget has.
async fn stay_within_budget(forebay: Forebay, sink: Sink, senders: Vec<Client>, items: u64) {
    let shape = Shape {
        items,
        padding: 10_000,
        signals: &[Signal::Traces, Signal::Logs],
    };
    let idle = forebay.resident();
    let load = Load::start(senders, shape);
    let peak = peak_while(&forebay, duration()).await;
    assert!(
        load.taken() > 0 && load.refused() > 0,
        "{} taken, {} refused",
        load.taken(),
        load.refused()
    );
    load.stop();
    sink.answer(|_| Answer::Take);
    let outcome = load.finish().await;
    sink.until("everything acknowledged is there", |taken| {
        taken.has_all(&outcome.taken)
    })
    .await;
    assert_eq!(outcome.broken, 0);
    let wrong = outcome
        .refusals
        .iter()
        .find(|refusal| !refusal.is_retryable_with_delay());
    assert!(
        wrong.is_none(),
        "every refusal must say when to come back: {wrong:?}"
    );
    let figures = format!("{peak} bytes resident at most, {idle} when idle, a budget of {BUDGET}");
    assert!(peak <= BUDGET + idle, "{figures}");
}

async fn with_a_dead_destination() -> (Forebay, Sink) {
    let sink = Sink::counting();
    sink.answer(|_| Answer::Hang);
    (Forebay::start(&config(&sink)).await, sink)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_grpc_connections_stay_within_the_budget() {
    let (forebay, sink) = with_a_dead_destination().await;
    let connections = (0..CONNECTIONS).map(|_| Client::grpc(forebay.grpc()));
    let eight_at_once = connections.flat_map(|client| std::iter::repeat_n(client, 8));
    let senders = eight_at_once.collect();
    stay_within_budget(forebay, sink, senders, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_http_connections_stay_within_the_budget() {
    let (forebay, sink) = with_a_dead_destination().await;
    let senders = (0..CONNECTIONS).map(|_| Client::http(forebay.http())).collect();
    stay_within_budget(forebay, sink, senders, 100).await;
}
