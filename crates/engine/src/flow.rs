//! The graph at work: which way a batch goes from a node's port, and the steps on that way.
//!
//! A batch goes as far as it can in the thread that has it: through every processor without state, in line, until it
//! reaches edges. Those that have room take it at once; where its sender has to wait, it waits only after all other
//! branches have been served, so that a full branch does not hold up the rest.

use crate::balancer::{Balancer, Parts};
use crate::probation::Probation;
use forebay_core::component::{Intake, Outputs, Partition, Processor};
use forebay_core::{Batch, Failure, Health, NodeId, Port, Reason, Signal, SignalSet};
use forebay_queue::{Edge, Inbox};
use futures_util::future::{BoxFuture, join_all};
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What happens to a batch at a node.
pub(crate) enum Step {
    /// A receiver: nothing comes in here.
    Source,
    /// A processor without state, run in line.
    Inline(Arc<dyn Processor>),
    /// A processor with state, behind the inbox of each shard.
    Shards(Arc<[Arc<Inbox>]>, Arc<dyn Partition>),
    /// An exporter, behind its edge.
    Exit(Arc<Edge>),
    /// An exporter of several destinations, each behind its edge.
    Spread(Arc<Balancer>),
}

/// The nodes that a port leads to, per signal.
pub(crate) type Targets = [SmallVec<[NodeId; 2]>; 3];

/// A node, as the flow sees it.
pub(crate) struct FlowNode {
    pub(crate) step: Step,
    /// By port.
    pub(crate) routes: Vec<Targets>,
    pub(crate) health: Health,
    pub(crate) probation: Probation,
    pub(crate) panics: Arc<AtomicU64>,
}

/// What a node's health says after a panic.
pub(crate) const PANICKED: &str = "panicked; the data it held was booked as dropped";

/// All nodes, by their ids.
pub(crate) struct Flow {
    pub(crate) nodes: Box<[FlowNode]>,
}

/// A batch that has to wait for room, and where.
enum Wait<'a> {
    Edge(&'a Edge, Batch),
    Inbox(&'a Inbox, Batch),
    Balancer(&'a Balancer, Parts),
}

type Waiting<'a> = SmallVec<[Wait<'a>; 1]>;

impl Flow {
    /// Moves what a node emitted on `port` on its way, and waits where an edge says so.
    pub(crate) async fn send(&self, from: NodeId, port: Port, batch: Batch) {
        wait_for_room(self.advance(from, port, batch)).await;
    }

    fn advance(&self, from: NodeId, port: Port, batch: Batch) -> Waiting<'_> {
        let mut waiting = Waiting::new();
        let mut todo: SmallVec<[(NodeId, Batch); 4]> = SmallVec::new();
        let mut out = Outputs::new();
        self.route(from, port, batch, &mut todo);
        while let Some((id, batch)) = todo.pop() {
            let Some(node) = self.nodes.get(usize::from(id.0)) else {
                continue;
            };
            match &node.step {
                Step::Source => batch.fail(Failure::permanent(
                    Reason::NoPipeline,
                    "a receiver takes no input",
                )),
                Step::Inline(processor) => {
                    node.contain(|| processor.process(batch, &mut out));
                    for (port, batch) in out.drain() {
                        self.route(id, port, batch, &mut todo);
                    }
                }
                Step::Shards(inboxes, partition) => {
                    node.to_shards(inboxes, partition.as_ref(), batch, &mut waiting)
                }
                Step::Exit(edge) => waiting.extend(edge.try_push(batch).map(|batch| Wait::Edge(edge, batch))),
                Step::Spread(balancer) => {
                    let parts = balancer.try_push(batch);
                    waiting.extend(parts.map(|parts| Wait::Balancer(balancer, parts)));
                }
            }
        }
        waiting
    }

    /// Books the batch over to each node that the port leads to: a branch for each, sharing the payload.
    fn route(&self, from: NodeId, port: Port, mut batch: Batch, todo: &mut SmallVec<[(NodeId, Batch); 4]>) {
        let Some((last, others)) = self.targets(from, port, batch.signal()).split_last() else {
            return batch.fail(Failure::permanent(
                Reason::NoPipeline,
                "no pipeline takes this signal",
            ));
        };
        // The todo list is a stack: the first target is served first.
        let at = todo.len();
        for target in others {
            let mut branch = batch.branch();
            branch.advance(*target);
            todo.insert(at, (*target, branch));
        }
        batch.advance(*last);
        todo.insert(at, (*last, batch));
    }

    /// The signals that are taken from each of a node's ports.
    pub(crate) fn taken(&self, node: NodeId) -> Arc<[SignalSet]> {
        let routes = self.nodes.get(usize::from(node.0)).map(|node| &node.routes);
        let taken = |targets: &Targets| {
            let wanted = Signal::ALL
                .into_iter()
                .zip(targets)
                .filter(|(_, nodes)| !nodes.is_empty());
            wanted.map(|(signal, _)| signal).collect()
        };
        routes.into_iter().flatten().map(taken).collect()
    }

    fn targets(&self, from: NodeId, port: Port, signal: Signal) -> &[NodeId] {
        let node = self.nodes.get(usize::from(from.0));
        let routes = node.and_then(|node| node.routes.get(usize::from(port.0)));
        routes
            .and_then(|signals| signals.get(signal as usize))
            .map_or(&[], SmallVec::as_slice)
    }
}

impl FlowNode {
    /// Runs a component's code. A panic is counted and shown; what the component held is booked by its own drop.
    pub(crate) fn contain(&self, work: impl FnOnce()) -> bool {
        let survived = catch_unwind(AssertUnwindSafe(work)).is_ok();
        if survived {
            self.probation.went_well();
        } else {
            self.panics.fetch_add(1, Ordering::Relaxed);
            self.probation.panicked();
        }
        survived
    }

    fn to_shards<'a>(
        &self,
        inboxes: &'a [Arc<Inbox>],
        partition: &dyn Partition,
        batch: Batch,
        waiting: &mut Waiting<'a>,
    ) {
        let mut push = |inbox: &'a Inbox, batch: Batch| {
            waiting.extend(inbox.try_push(batch).map(|batch| Wait::Inbox(inbox, batch)));
        };
        if let [only] = inboxes {
            return push(only, batch);
        }
        let mut parts = Vec::with_capacity(inboxes.len());
        self.contain(|| partition.partition(batch, inboxes.len(), &mut parts));
        for (shard, part) in parts {
            match inboxes.get(shard) {
                Some(inbox) => push(inbox, part),
                None => part.fail(Failure::retryable(
                    Reason::Abandoned,
                    "a processor named a shard that is not there",
                )),
            }
        }
    }
}

/// Waits in all queues at once: one that stays full does not hold up the others.
async fn wait_for_room(mut waiting: Waiting<'_>) {
    match waiting.pop() {
        Some(only) if waiting.is_empty() => only.push().await,
        Some(last) => {
            let pushes = waiting.into_iter().chain([last]);
            join_all(pushes.map(Wait::push)).await;
        }
        None => {}
    }
}

impl Wait<'_> {
    async fn push(self) {
        match self {
            Wait::Edge(edge, batch) => edge.push(batch).await,
            Wait::Inbox(inbox, batch) => inbox.push(batch).await,
            Wait::Balancer(balancer, parts) => balancer.push(parts).await,
        }
    }
}

/// A receiver's way into the flow.
pub(crate) struct Source {
    pub(crate) flow: Arc<Flow>,
    pub(crate) node: NodeId,
}

impl Intake for Source {
    fn send<'a>(&'a self, batch: Batch) -> BoxFuture<'a, ()> {
        let waiting = self.flow.advance(self.node, Port::MAIN, batch);
        if waiting.is_empty() {
            Box::pin(std::future::ready(()))
        } else {
            Box::pin(wait_for_room(waiting))
        }
    }
}
