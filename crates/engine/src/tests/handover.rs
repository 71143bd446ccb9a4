use super::bench::{Parts, built, one_at_a_time, start, start_in_place_of};
use crate::blueprint::Bound;
use forebay_core::component::{BuiltProcessor, Processor, ProcessorContext};
use forebay_core::{Batch, Clock, ComponentError, Handover, NodeId, Outputs, Signal, Verdict};
use forebay_testkit::{Answer, FakeExporter, FakeReceiver};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Counts all items that it and those before it have seen.
#[derive(Default)]
struct Counting {
    seen: OnceLock<Arc<AtomicU64>>,
}

impl Counting {
    fn seen(&self) -> &Arc<AtomicU64> {
        self.seen.get_or_init(Arc::default)
    }
}

impl Processor for Counting {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        if let Some(seen) = context.predecessor.as_ref().and_then(Handover::state) {
            self.seen.set(seen).unwrap();
        }
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        self.seen().fetch_add(batch.items(), Ordering::Relaxed);
        out.emit(batch);
    }

    fn hand_over(&self) -> Option<Handover> {
        Some(Handover::new(Arc::clone(self.seen())))
    }
}

struct Pass;

impl Processor for Pass {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        assert!(context.predecessor.is_none(), "one of another name");
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        out.emit(batch);
    }
}

fn inline(processor: &Arc<Counting>) -> (bool, BuiltProcessor) {
    let processor = Arc::clone(processor) as Arc<dyn Processor>;
    (false, BuiltProcessor::Stateless(processor))
}

fn parts(processors: Vec<(bool, BuiltProcessor)>) -> Parts {
    Parts {
        processors,
        exporters: vec![(FakeExporter::new(Answer::Take), one_at_a_time())],
    }
}

#[tokio::test]
async fn what_a_processor_has_learned_goes_to_the_one_that_takes_its_place() {
    let (old, new) = (Arc::<Counting>::default(), Arc::<Counting>::default());
    let (before, feed) = start(parts(vec![inline(&old)]), Clock::system()).await;
    assert_eq!(feed.send(Signal::Metrics, 0, 7).await.await, Verdict::delivered());

    // A node more: it has no predecessor.
    let pass = (false, BuiltProcessor::Stateless(Arc::new(Pass)));
    let both = parts(vec![inline(&new), pass]);
    let (after, next) = start_in_place_of(&before, both).await;
    assert_eq!(new.seen().load(Ordering::Relaxed), 7);
    let earlier = before.clock.now();
    assert!(after.clock.now() >= earlier, "moments keep their meaning");

    // Both are at work until the old graph has drained, and know of one another.
    assert_eq!(next.send(Signal::Metrics, 0, 2).await.await, Verdict::delivered());
    assert_eq!(feed.send(Signal::Metrics, 0, 1).await.await, Verdict::delivered());
    for graph in [before, after] {
        assert!(graph.drain(Duration::from_secs(10)).await.in_time);
        assert_eq!(new.seen().load(Ordering::Relaxed), 10);
    }
}

#[tokio::test]
async fn a_graph_that_takes_nobodys_place_begins_anew() {
    let processor = Arc::<Counting>::default();
    let (running, _feed) = start(parts(vec![inline(&processor)]), Clock::system()).await;
    assert_eq!(processor.seen().load(Ordering::Relaxed), 0);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

/// Notes the memory that it may keep for itself.
#[derive(Default)]
struct Keeps(AtomicU64);

impl Processor for Keeps {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        self.0.store(context.memory, Ordering::Relaxed);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        out.emit(batch);
    }
}

#[tokio::test]
async fn a_processor_in_line_is_given_the_memory_that_it_declares() {
    let keeps = Arc::<Keeps>::default();
    let processor = Arc::clone(&keeps) as Arc<dyn Processor>;
    let inline = vec![(false, BuiltProcessor::Stateless(processor))];
    let (receiver, _context) = FakeReceiver::new();
    let mut graph = built(receiver, inline, Vec::new());
    let bound = Bound {
        what: "processors.p0".to_owned(),
        bytes: 4096,
    };
    graph.bounds.reserved.push((NodeId(1), bound));
    let running = graph.start(Clock::system()).unwrap();
    assert_eq!(keeps.0.load(Ordering::Relaxed), 4096);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}
