//! Components and settings at their worst: what they do must stay theirs.

use super::bench::{Parts, books, one_at_a_time, prepared, start, start_with};
use forebay_core::component::{
    BuiltProcessor, ExportError, Exporter, Flushed, NodeContext, Partition, Receipt, Request,
    StatefulProcessor,
};
use forebay_core::registry::PreparedExporter;
use forebay_core::settings::{Count, Period};
use forebay_core::{Batch, Clock, ComponentError, Outputs, Reason, Signal, Time, Verdict};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn busy() -> Answer {
    Answer::Fail(ExportError::Retryable {
        after: None,
        message: "busy".into(),
    })
}

/// Panics before it gives its future, the first time; never closes.
struct Hasty(AtomicU64);

impl Exporter for Hasty {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "told to");
        Box::pin(std::future::ready(Ok(Receipt::default())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::pending())
    }
}

// spec: D-14
#[tokio::test]
async fn an_exporter_that_panics_before_its_future_is_made_goes_on() {
    let exporter = prepared(Hasty(AtomicU64::new(0)), one_at_a_time());
    let (running, feed) = start_with(Vec::new(), vec![exporter], Clock::system()).await;
    assert!(feed.send(Signal::Traces, 0, 5).await.await.failure.is_some());
    assert_eq!(feed.send(Signal::Traces, 5, 5).await.await, Verdict::delivered());
    assert_eq!(books(&running, "out0").refused[Reason::Panicked as usize], 5);
}

// spec: D-10
#[tokio::test]
async fn a_multiplier_that_is_no_number_and_waits_of_zero_do_no_harm() {
    for (multiplier, initial, most) in [(f64::NAN, 1, 4), (f64::INFINITY, 1, 4), (1.5, 0, 0), (1.5, 60, 4)] {
        let clock = SimulatedClock::default();
        let out = FakeExporter::new(Answer::Take);
        out.then((0..20).map(|_| busy()));
        let mut settings = one_at_a_time();
        settings.retry.multiplier = multiplier;
        settings.retry.initial_interval = Period(Duration::from_secs(initial));
        settings.retry.max_interval = Period(Duration::from_secs(most));
        let exporters = vec![(out.clone(), settings)];
        let parts = Parts {
            exporters,
            ..Parts::default()
        };
        let (_running, feed) = start(parts, clock.clock()).await;
        let answer = feed.send(Signal::Traces, 0, 5).await;
        for attempt in 1..=20 {
            out.attempts(attempt).await;
            let wait = clock.somebody_sleeps().await.since(clock.clock().now());
            assert!(wait <= Duration::from_secs(4), "{wait:?}");
            clock.skip_to_next().await;
        }
        assert_eq!(answer.await, Verdict::delivered());
        assert!(clock.clock().now() > Time::default(), "it waits between attempts");
    }
}

/// Ticks every second, if it is let; panics on logs, in a tick when told to, and while asked for its next one after that.
#[derive(Default)]
struct Ticking {
    due: Time,
    held: Vec<Batch>,
    ticks: Arc<AtomicU64>,
    panics_at: Option<u64>,
    /// Batches wait while the test has this.
    hold: Arc<Mutex<()>>,
    /// How many ticks there had been at each batch.
    seen: Arc<Mutex<Vec<u64>>>,
}

impl StatefulProcessor for Ticking {
    fn process(&mut self, batch: Batch, _: Time, out: &mut Outputs) {
        let _held = self.hold.lock().unwrap();
        self.seen.lock().unwrap().push(self.ticks.load(Ordering::Relaxed));
        match batch.signal() {
            Signal::Traces => out.emit(batch),
            _ => self.held.push(batch),
        }
    }

    fn next_tick(&self) -> Option<Time> {
        Some(self.due)
    }

    fn tick(&mut self, _: Time, _: &mut Outputs) {
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(self.panics_at != Some(ticks), "told to");
    }

    fn flush(&mut self, _: Time, out: &mut Outputs) -> Flushed {
        self.held.drain(..).for_each(|batch| out.emit(batch));
        Flushed::All
    }
}

struct ToFirst;

impl Partition for ToFirst {
    fn partition(&self, batch: Batch, _: usize, parts: &mut Vec<(usize, Batch)>) {
        assert!(batch.signal() != Signal::Metrics, "told to");
        parts.push((0, batch));
    }
}

fn shards(shards: Vec<Box<dyn StatefulProcessor>>) -> Vec<(bool, BuiltProcessor)> {
    let partition = Arc::new(ToFirst);
    vec![(true, BuiltProcessor::Stateful { shards, partition })]
}

fn taking() -> (FakeExporter, Vec<PreparedExporter>) {
    let out = FakeExporter::new(Answer::Take);
    (out.clone(), vec![prepared(out, one_at_a_time())])
}

// spec: D-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_and_the_batches_take_turns() {
    let (hold, seen) = (Arc::<Mutex<()>>::default(), Arc::<Mutex<Vec<u64>>>::default());
    // It is always due: neither side may starve the other.
    let shard = Ticking {
        hold: Arc::clone(&hold),
        seen: Arc::clone(&seen),
        ..Ticking::default()
    };
    let (_out, exporters) = taking();
    let clock = SimulatedClock::default().clock();
    let (running, feed) = start_with(shards(vec![Box::new(shard)]), exporters, clock).await;
    let held = hold.lock().unwrap();
    let mut answers = Vec::new();
    for number in 0..50 {
        answers.push(feed.send(Signal::Traces, number, 1).now_or_never().unwrap());
    }
    drop(held);
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
    let seen = seen.lock().unwrap().clone();
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: D-14, A-2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broken_shard_held_is_booked_and_its_senders_are_told() {
    let clock = SimulatedClock::default();
    let ticks = Arc::new(AtomicU64::new(0));
    let shard = Ticking {
        due: Time(Duration::from_secs(1)),
        ticks: Arc::clone(&ticks),
        panics_at: Some(1),
        ..Ticking::default()
    };
    let (_out, exporters) = taking();
    let (running, feed) = start_with(shards(vec![Box::new(shard)]), exporters, clock.clock()).await;
    let held = feed.send(Signal::Logs, 0, 7).await;
    while books(&running, "p0").held < 7 || clock.somebody_sleeps().await != Time(Duration::from_secs(1)) {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(1));
    assert!(held.await.failure.unwrap().retryable);
    assert_eq!(books(&running, "p0").dropped[Reason::Panicked as usize], 7);
    assert!(feed.send(Signal::Traces, 0, 1).await.await.failure.is_some());
    assert_eq!(ticks.load(Ordering::Relaxed), 1, "it is not run again");
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
    assert_eq!(running.ledger.read().used, 0);
}

// spec: D-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_panics_is_the_fault_of_its_node() {
    let shard = || {
        let due = Time(Duration::from_secs(1));
        Box::new(Ticking {
            due,
            ..Ticking::default()
        }) as Box<dyn StatefulProcessor>
    };
    let (_out, exporters) = taking();
    let (running, feed) = start_with(
        shards(vec![shard(), shard()]),
        exporters,
        SimulatedClock::default().clock(),
    )
    .await;
    assert!(
        feed.send(Signal::Metrics, 0, 7)
            .await
            .await
            .failure
            .unwrap()
            .retryable
    );
    assert_eq!(books(&running, "p0").dropped[Reason::Panicked as usize], 7);
    assert_eq!(feed.send(Signal::Traces, 0, 7).await.await, Verdict::delivered());
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: B-3, B-11
#[tokio::test]
async fn of_two_full_branches_the_one_that_gets_room_goes_on() {
    let (dead, slow) = (FakeExporter::new(Answer::Hang), FakeExporter::new(Answer::Take));
    let clock = SimulatedClock::default();
    slow.then([busy()]);
    let mut small = one_at_a_time();
    small.queue.max_items = Count(10);
    let exporters = vec![prepared(dead, small.clone()), prepared(slow.clone(), small)];
    let (running, feed) = start_with(Vec::new(), exporters, clock.clock()).await;
    drop(feed.send(Signal::Traces, 0, 10).await);
    slow.attempts(1).await;
    let waits = feed.send(Signal::Traces, 10, 10);
    let mut waits = std::pin::pin!(waits);
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    clock.skip_to_next().await;
    for _ in 0..100 {
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(
        books(&running, "out1").delivered,
        20,
        "the first is dead for ever"
    );
}

// spec: D-18
#[tokio::test]
async fn an_exporter_that_never_closes_does_not_hold_up_the_end() {
    let clock = SimulatedClock::default();
    let exporter = prepared(Hasty(AtomicU64::new(1)), one_at_a_time());
    let (running, _feed) = start_with(Vec::new(), vec![exporter], clock.clock()).await;
    let drain = running.drain(Duration::from_secs(10));
    let (drained, ()) = futures_util::join!(drain, async {
        // Its tasks have ended, and only it is left.
        while running.tasks() > 0 {
            tokio::task::yield_now().await;
        }
        clock.skip_to_next().await;
    });
    assert!(drained.in_time && drained.took <= Duration::from_secs(10));
}

// spec: D-18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shards_hold_when_the_deadline_passes_is_given_up_too() {
    let clock = SimulatedClock::default();
    let shard = Ticking {
        due: Time(Duration::from_secs(3_600)),
        ..Ticking::default()
    };
    let out = FakeExporter::new(Answer::Hang);
    let mut small = one_at_a_time();
    small.queue.max_items = Count(1);
    let exporters = vec![prepared(out.clone(), small)];
    let (running, feed) = start_with(shards(vec![Box::new(shard)]), exporters, clock.clock()).await;
    let mut answers = Vec::new();
    for number in 0..20 {
        // The first is under way, the second waits for room with its worker, the others wait in the inbox.
        answers.push(feed.send(Signal::Traces, number, 5).await);
    }
    out.attempts(1).await;
    let drain = running.drain(Duration::from_secs(10));
    let (drained, ()) = futures_util::join!(drain, async {
        while clock.somebody_sleeps().await != Time(Duration::from_secs(10)) {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(10));
    });
    assert_eq!((drained.in_time, drained.total.held), (false, 0));
    for answer in answers {
        assert!(answer.await.failure.unwrap().retryable);
    }
    assert_eq!(running.ledger.read().used, 0);
}

// spec: D-14
#[tokio::test]
async fn a_request_that_panicked_does_not_mark_its_receiver_for_ever() {
    let (_out, exporters) = taking();
    let (running, feed) = start_with(Vec::new(), exporters, Clock::system()).await;
    let condition = || running.status().nodes[0].condition;
    let finished = async || {
        while running.tasks() > 2 {
            tokio::task::yield_now().await;
        }
    };
    let tasks = &feed.context.node.tasks;
    tasks.spawn("request", async {
        std::panic::resume_unwind(Box::new("told to"))
    });
    finished().await;
    assert_eq!((condition(), running.status().nodes[0].panics), ("degraded", 1));
    for _ in 0..1_000 {
        tasks.spawn("request", async {});
    }
    finished().await;
    assert_eq!((condition(), running.status().nodes[0].panics), ("working", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_senders_waited_for_any_shard_is_in_the_metrics() {
    let shard = || Box::<Ticking>::default() as Box<dyn StatefulProcessor>;
    let (_out, exporters) = taking();
    let processors = shards(vec![shard(), shard()]);
    let (running, _feed) = start_with(processors, exporters, SimulatedClock::default().clock()).await;
    running.nodes[1].inboxes[1].waited.record(Duration::from_secs(3));
    let mut out = forebay_telemetry::Exposition::new();
    running.write_metrics(&mut out);
    let line = format!(
        "{}_count{{edge=\"p0\"}} 1",
        forebay_telemetry::catalog::EDGE_WAIT_SECONDS.name
    );
    let text = out.finish();
    assert!(text.contains(&line), "{line}\n{text}");
}

#[tokio::test]
async fn at_the_limit_of_memory_readiness_does_not_flap() {
    let (_out, exporters) = taking();
    let (running, _feed) = start_with(Vec::new(), exporters, Clock::system()).await;
    let leasable = running.ledger.read().leasable;
    let most = running.ledger.lease(leasable / 100 * 79).unwrap();
    assert!(running.ready());
    let rest = running.ledger.lease(leasable / 100 * 17).unwrap();
    assert!(!running.ready());
    rest.shrink_to(leasable / 100 * 10);
    assert!(!running.ready(), "one batch less is no recovery");
    drop(rest);
    assert!(running.ready());
    drop(most);
}
