use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::{Reason, Signal, Verdict};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use std::time::Duration;

// spec: D-17
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
