use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::component::{BuiltProcessor, Partition, StatefulProcessor};
use forebay_core::{Batch, Clock, Outputs, Signal, Time, Verdict};
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

    fn flush(&mut self, _: Time, out: &mut Outputs) {
        self.held.drain(..).for_each(|(_, batch)| out.emit(batch));
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
