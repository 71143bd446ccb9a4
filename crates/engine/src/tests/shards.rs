use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::component::{BuiltProcessor, Flushed, Partition, ProcessorContext, StatefulProcessor};
use forebay_core::{Batch, Clock, Holding, Outcome, Outputs, Payload, Signal, Time, TraceReport, Verdict};
use forebay_core::{ComponentError, Lease};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use std::sync::Arc;
use std::time::Duration;

/// Holds every batch for ten seconds.
#[derive(Default)]
struct Hold {
    held: Vec<(Time, Batch)>,
}

impl StatefulProcessor for Hold {
    fn process(&mut self, batch: Batch, now: Time, _: &mut Outputs) {
        assert!(batch.signal() != Signal::Logs, "told to");
        self.held.push((now.after(Duration::from_secs(10)), batch));
    }

    fn next_tick(&self) -> Option<Time> {
        self.held.first().map(|(until, _)| *until)
    }

    fn tick(&mut self, now: Time, out: &mut Outputs) {
        let due = self.held.iter().take_while(|(until, _)| *until <= now).count();
        self.held.drain(..due).for_each(|(_, batch)| out.emit(batch));
    }

    fn flush(&mut self, _: Time, out: &mut Outputs) -> Flushed {
        self.held.drain(..).for_each(|(_, batch)| out.emit(batch));
        Flushed::All
    }
}

struct BySize;

impl Partition for BySize {
    fn partition(&self, batch: Batch, shards: usize, parts: &mut Vec<(usize, Batch)>) {
        parts.push((batch.items() as usize % shards, batch));
    }
}

fn hold() -> Vec<(bool, BuiltProcessor)> {
    let shards: Vec<Box<dyn StatefulProcessor>> = vec![Box::<Hold>::default(), Box::<Hold>::default()];
    vec![(
        true,
        BuiltProcessor::Stateful {
            shards,
            partition: Arc::new(BySize),
        },
    )]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_holds_and_emits_when_its_moment_comes() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: hold(),
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let answer = feed.send(Signal::Traces, 0, 5).await;
    assert_eq!(clock.somebody_sleeps().await.0, Duration::from_secs(10));
    assert_eq!(books(&running, "p0").held, 5);
    clock.skip_to_next().await;
    assert_eq!(answer.await, Verdict::delivered());
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: D-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_flushes_what_shards_hold() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: hold(),
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, SimulatedClock::default().clock()).await;
    let (even, odd) = (
        feed.send(Signal::Traces, 0, 4).await,
        feed.send(Signal::Metrics, 0, 5).await,
    );
    let drained = running.drain(Duration::from_secs(10)).await;
    assert!(drained.in_time);
    assert_eq!(
        (even.await, odd.await),
        (Verdict::delivered(), Verdict::delivered())
    );
    assert_eq!((drained.total.delivered, drained.total.held), (9, 0));
}

// spec: D-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_panics_is_out_of_service_and_the_process_says_so() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: hold(),
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, Clock::system()).await;
    assert!(running.healthy());
    assert!(
        feed.send(Signal::Logs, 0, 4)
            .await
            .await
            .failure
            .unwrap()
            .retryable
    );
    while running.healthy() {
        tokio::task::yield_now().await;
    }
    let refused = feed.send(Signal::Traces, 0, 4).await.await.failure.unwrap();
    assert!(refused.retryable, "what comes to it is refused, not lost");
    assert!(!running.ready());
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

/// Takes items out of their batches, holds four at most, and lets two go every second.
#[derive(Default)]
struct Basin {
    held: Option<Holding>,
    since: Option<Time>,
    shard: Option<usize>,
}

impl Basin {
    fn let_go(&mut self, now: Time, out: &mut Outputs) {
        let Some(held) = &mut self.held else { return };
        let payload = || Payload::new();
        out.emit(held.emit(1, payload(), Lease::none(), now));
        held.leave(1, Outcome::SampledOut);
    }

    fn items(&self) -> u64 {
        self.held.as_ref().map_or(0, Holding::items)
    }
}

impl StatefulProcessor for Basin {
    fn start(&mut self, context: &ProcessorContext) -> Result<(), ComponentError> {
        self.shard = Some(context.shard);
        assert!(
            context
                .taken_from(forebay_core::Port::MAIN)
                .contains(Signal::Traces)
        );
        Ok(())
    }

    fn process(&mut self, batch: Batch, now: Time, _: &mut Outputs) {
        let (_, holding) = batch.hold();
        match &mut self.held {
            Some(held) => assert!(held.absorb(holding).is_none()),
            none => *none = Some(holding),
        }
        self.since.get_or_insert(now);
    }

    fn next_tick(&self) -> Option<Time> {
        self.since.map(|since| since.after(Duration::from_secs(1)))
    }

    fn tick(&mut self, now: Time, out: &mut Outputs) {
        self.let_go(now, out);
        self.since = (self.items() > 0).then_some(now);
    }

    fn flush(&mut self, now: Time, out: &mut Outputs) -> Flushed {
        self.let_go(now, out);
        if self.items() > 0 {
            return Flushed::More;
        }
        self.since = None;
        Flushed::All
    }

    fn is_full(&self) -> bool {
        self.items() >= 4
    }

    fn report(&self, trace: [u8; 16], _: Time) -> Option<TraceReport> {
        (trace == [7; 16]).then(|| TraceReport {
            state: "waiting".to_owned(),
            items: Some(self.items()),
            ..TraceReport::default()
        })
    }
}

fn basin() -> Vec<(bool, BuiltProcessor)> {
    vec![(
        true,
        BuiltProcessor::Stateful {
            shards: vec![Box::<Basin>::default()],
            partition: Arc::new(BySize),
        },
    )]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_full_is_given_nothing_before_its_tick() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: basin(),
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, clock.clock()).await;
    assert_eq!(feed.send(Signal::Traces, 0, 4).await.await, Verdict::delivered());
    let waits = feed.send(Signal::Traces, 0, 2).await;
    assert_eq!(clock.somebody_sleeps().await.0, Duration::from_secs(1));
    let (inside, _) = running.nodes[1].inboxes[0].read();
    assert_eq!(inside.items, 2, "the second batch is still before the shard");
    let reports = running.trace([7; 16]).await;
    assert_eq!((reports.silent, reports.found.len()), (0, 1));
    assert_eq!((&*reports.found[0].node, reports.found[0].items), ("p0", Some(4)));
    assert!(running.trace([8; 16]).await.found.is_empty());
    clock.skip_to_next().await;
    assert_eq!(waits.await, Verdict::delivered(), "its tick has made room");
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shard_holds_is_flushed_in_portions_and_accounted_for() {
    let out = FakeExporter::new(Answer::Take);
    let parts = Parts {
        processors: basin(),
        exporters: vec![(out.clone(), one_at_a_time())],
    };
    let (running, feed) = start(parts, SimulatedClock::default().clock()).await;
    assert_eq!(feed.send(Signal::Traces, 0, 3).await.await, Verdict::delivered());
    assert_eq!(books(&running, "p0").held, 3);
    let drained = running.drain(Duration::from_secs(10)).await;
    assert!(drained.in_time);
    let total = &drained.total;
    assert_eq!((total.delivered, total.sampled_out, total.held), (2, 1, 0));
    assert_eq!(total.unaccounted(), 0);
}
