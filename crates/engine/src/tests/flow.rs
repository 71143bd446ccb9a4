use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::component::{BuiltProcessor, Processor};
use forebay_core::settings::{Count, OnFull};
use forebay_core::{Batch, Clock, Outcome, Outputs, Reason, Signal, Verdict};
use forebay_testkit::{Answer, FakeExporter};
use std::sync::Arc;
use std::time::Duration;

struct Half;

impl Processor for Half {
    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let half = batch.items() / 2;
        batch.discard_items(half, Outcome::SampledOut);
        out.emit(batch);
    }
}

struct PanicOnLogs;

impl Processor for PanicOnLogs {
    fn process(&self, batch: Batch, out: &mut Outputs) {
        assert!(batch.signal() != Signal::Logs, "told to");
        out.emit(batch);
    }
}

fn inline(processor: impl Processor + 'static) -> (bool, BuiltProcessor) {
    (false, BuiltProcessor::Stateless(Arc::new(processor)))
}

// spec: D-1, A-1, M-2
#[tokio::test]
async fn what_comes_in_goes_out_and_the_sender_is_told() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    for signal in Signal::ALL {
        assert_eq!(feed.send(signal, 0, 10).await.await, Verdict::delivered());
    }
    assert_eq!(out.items(), 30);
    assert_eq!(books(&running, "in").received, 30);
    assert_eq!(books(&running, "out0").delivered, 30);
    let drained = running.drain(Duration::from_secs(10)).await;
    assert!(drained.in_time);
    assert_eq!((drained.total.held, drained.lost()), (0, 0));
    assert_eq!(running.ledger.read().used, 0, "every lease was given back");
}

// spec: D-8, A-1
#[tokio::test]
async fn a_processor_in_line_may_take_items_out() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: vec![inline(Half)],
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, Clock::system()).await;
    assert_eq!(feed.send(Signal::Traces, 0, 10).await.await, Verdict::delivered());
    let p0 = books(&running, "p0");
    assert_eq!((p0.entered, p0.left, p0.sampled_out, p0.held), (10, 5, 5, 0));
    assert_eq!(books(&running, "out0").delivered, 5);
}

// spec: D-14, A-2
#[tokio::test]
async fn a_panic_is_contained_counted_and_shown() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: vec![inline(PanicOnLogs)],
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, Clock::system()).await;
    let verdict = feed.send(Signal::Logs, 0, 4).await.await;
    assert!(verdict.failure.unwrap().retryable);
    assert_eq!(feed.send(Signal::Traces, 0, 6).await.await, Verdict::delivered());
    assert_eq!(books(&running, "p0").dropped[Reason::Panicked as usize], 4);
    let status = running.status();
    let node = status.nodes.iter().find(|node| node.name == "p0").unwrap();
    assert_eq!((node.panics, node.condition), (1, "degraded"));
}

// spec: A-4, B-5, B-11, B-13
#[tokio::test]
async fn a_dead_branch_does_not_hold_up_the_others() {
    let (dead, live, slow) = (
        FakeExporter::new(Answer::Hang),
        FakeExporter::new(Answer::Take),
        FakeExporter::new(Answer::Take),
    );
    let mut small = one_at_a_time();
    small.queue.max_items = Count(100);
    small.queue.on_full = OnFull::DropNewest;
    let exporters = vec![
        (dead.clone(), small),
        (live.clone(), one_at_a_time()),
        (slow.clone(), one_at_a_time()),
    ];
    let (running, mut feed) = start(
        Parts {
            exporters,
            ..Parts::default()
        },
        Clock::system(),
    )
    .await;
    feed.acknowledge = forebay_core::Acknowledge::Accepted;
    for first in 0..50 {
        feed.send(Signal::Traces, first * 10, 10).await.await;
    }
    while books(&running, "out1").delivered < 500 || books(&running, "out2").delivered < 500 {
        tokio::task::yield_now().await;
    }
    let dead = books(&running, "out0");
    assert_eq!(dead.held, 100, "the dead branch holds its bound");
    assert_eq!(
        dead.dropped[Reason::QueueFull as usize],
        400,
        "and says what it dropped"
    );
    assert_eq!(books(&running, "in").copied, 1000);
    assert_eq!(running.status().bottleneck.as_deref(), Some("out0"));
}

// spec: B-3, B-11
#[tokio::test]
async fn with_wait_a_full_branch_makes_its_senders_wait_after_the_others_were_served() {
    let (dead, live) = (FakeExporter::new(Answer::Hang), FakeExporter::new(Answer::Take));
    let mut small = one_at_a_time();
    small.queue.max_items = Count(10);
    let exporters = vec![(dead.clone(), small), (live.clone(), one_at_a_time())];
    let (running, feed) = start(
        Parts {
            exporters,
            ..Parts::default()
        },
        Clock::system(),
    )
    .await;
    drop(feed.send(Signal::Traces, 0, 10).await);
    let waits = feed.send(Signal::Traces, 10, 10);
    let mut waits = std::pin::pin!(waits);
    assert!(
        futures_util::poll!(waits.as_mut()).is_pending(),
        "the first branch has no room"
    );
    while books(&running, "out1").delivered < 20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(live.items(), 20, "the second branch has it all");
    assert_eq!(running.status().edges[0].waiting_senders, 1);
}

// spec: B-4
#[tokio::test]
async fn on_full_refuse_tells_the_sender_when_to_come_again() {
    let dead = FakeExporter::new(Answer::Hang);
    let mut small = one_at_a_time();
    small.queue.max_items = Count(10);
    small.queue.on_full = OnFull::Refuse;
    let (running, feed) = start(
        Parts {
            exporters: vec![(dead, small)],
            ..Parts::default()
        },
        Clock::system(),
    )
    .await;
    drop(feed.send(Signal::Traces, 0, 10).await);
    let failure = feed.send(Signal::Traces, 10, 10).await.await.failure.unwrap();
    assert!(failure.retryable && failure.after.is_some());
    assert_eq!(books(&running, "out0").refused[Reason::QueueFull as usize], 10);
}
