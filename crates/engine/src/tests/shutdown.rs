use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::settings::{Count, Period};
use forebay_core::{Reason, Signal, Verdict};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use std::time::Duration;
use tokio::sync::oneshot;

// spec: D-17
// conformance: C12
#[tokio::test]
async fn draining_delivers_what_is_held() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let mut answers = Vec::new();
    for number in 0..100 {
        answers.push(feed.send(Signal::Traces, number, 1).await);
    }
    let drained = running.drain(Duration::from_secs(10)).await;
    assert!(drained.in_time);
    assert_eq!(drained.total.delivered, 100);
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
}

// spec: D-7, D-18
#[tokio::test]
async fn what_cannot_be_delivered_in_time_is_reported_exactly() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Hang);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, mut feed) = start(parts, clock.clock()).await;
    let waiting = feed.send(Signal::Traces, 0, 3).await;
    out.attempts(1).await;
    feed.acknowledge = forebay_core::Acknowledge::Accepted;
    feed.send(Signal::Logs, 0, 4).await.await;
    let drain = running.drain(Duration::from_secs(10));
    let (drained, ()) = futures_util::join!(drain, clock.skip_to_next());
    assert!(!drained.in_time);
    assert_eq!(drained.total.held, 0);
    assert_eq!(
        drained.lost(),
        4,
        "those whose sender was told that they are safe"
    );
    assert!(waiting.await.failure.unwrap().retryable);
    let out = books(&running, "out0");
    assert_eq!(out.refused[Reason::Shutdown as usize], 3);
    assert_eq!(out.dropped[Reason::Shutdown as usize], 4);
}

// spec: D-17
#[tokio::test]
async fn draining_does_not_wait_for_company() {
    let out = FakeExporter::new(Answer::Take);
    let mut settings = one_at_a_time();
    settings.batch.min_items = Count(1_000);
    settings.batch.flush_timeout = Period(Duration::from_secs(3_600));
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (running, feed) = start(parts, SimulatedClock::default().clock()).await;
    // As a receiver does that waits for delivery before it answers.
    let answer = feed.send(Signal::Traces, 0, 3).await;
    let (told, tell) = oneshot::channel();
    feed.context.node.tasks.spawn("request", async move {
        // Nobody listens if the test has failed.
        let _ = told.send(answer.await);
    });
    let drained = running.drain(Duration::from_secs(10));
    let (drained, verdict) = futures_util::join!(drained, tell);
    assert_eq!((drained.in_time, verdict.unwrap()), (true, Verdict::delivered()));
}

// spec: D-18
#[tokio::test]
async fn asking_twice_to_drain_is_asking_once() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let answer = feed.send(Signal::Traces, 0, 3).await;
    let (first, second) = futures_util::join!(
        running.drain(Duration::from_secs(10)),
        running.drain(Duration::from_secs(1))
    );
    assert_eq!(answer.await, Verdict::delivered());
    assert_eq!(first, second);
    assert_eq!(running.drain(Duration::ZERO).await, first);
}

// spec: D-18
#[tokio::test]
async fn a_deadline_of_zero_gives_up_what_is_held_at_once() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Hang);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let answer = feed.send(Signal::Traces, 0, 3).await;
    out.attempts(1).await;
    let drained = running.drain(Duration::ZERO).await;
    assert_eq!(
        (drained.in_time, drained.took, drained.total.held),
        (false, Duration::ZERO, 0)
    );
    assert!(answer.await.failure.unwrap().retryable);
}
