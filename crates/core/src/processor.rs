//! Processors: with and without state, what they are given, and where they put what they emit.

use crate::batch::Batch;
use crate::cardinality_report::{CardinalityQuery, CardinalityReport};
use crate::component::{ComponentError, NodeContext};
use crate::handover::Handover;
use crate::signals::SignalSet;
use crate::time::Time;
use crate::trace_report::TraceReport;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// What a processor is given when it starts: a processor without state once, one with state for each shard.
#[derive(Clone, Debug)]
pub struct ProcessorContext {
    /// What every node is given.
    pub node: NodeContext,
    /// The signals that are taken from each of its ports, by their numbers. What is emitted on a port from which nothing
    /// is taken fails.
    pub taken: Arc<[SignalSet]>,
    /// Which shard this is; 0 where there is no state.
    pub shard: usize,
    /// The bytes that this shard may hold by itself: its share of what the declaration asks for. The ledger knows of them.
    pub memory: u64,
    /// The names of all nodes of the graph, by their ids.
    pub names: Arc<[Arc<str>]>,
    /// What the processor has learned whose place this one takes, as the config was loaded again: one of the same name and type that
    /// [hands something over](Processor::hand_over). Nothing: there was none.
    pub predecessor: Option<Handover>,
}

impl ProcessorContext {
    /// The signals that are taken from `port`.
    pub fn taken_from(&self, port: Port) -> SignalSet {
        self.taken.get(usize::from(port.0)).copied().unwrap_or_default()
    }
}

/// A processor without state: runs where the batch is, from many threads at once.
pub trait Processor: Send + Sync {
    /// Called once, before the first batch.
    fn start(&self, _context: &ProcessorContext) -> Result<(), ComponentError> {
        Ok(())
    }

    /// What it has to find out before data comes: asked once, after [`Processor::start`]. Receivers take nothing in until it has ended, and
    /// the process is not ready. It has to end by itself, by a limit of the processor's own: what could not be found out by then is said by
    /// the node's health. `None`: nothing.
    fn ready(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// Changes the batch and emits it, emits parts of it on several ports, or discards it. Must not block.
    fn process(&self, batch: Batch, out: &mut Outputs);

    /// What it has learned, for the processor of the same name and type that takes its place when the config is loaded again: nothing,
    /// unless it would be missed. Whoever takes it over goes on from it if it can, given its own config, and begins anew if it cannot.
    /// May be asked while batches are processed, and goes on processing them until its graph has drained.
    fn hand_over(&self) -> Option<Handover> {
        None
    }

    /// What it sees of the cardinality of its data, for people: nothing, unless it limits it. Asked while batches are processed; must
    /// not hold them up for longer than it takes to read what is asked for.
    fn cardinality(&self, _query: &CardinalityQuery) -> Option<CardinalityReport> {
        None
    }
}

/// One shard of a processor with state: owned by a worker thread, which runs nothing else meanwhile.
pub trait StatefulProcessor: Send {
    /// Called once, before the first batch.
    fn start(&mut self, _context: &ProcessorContext) -> Result<(), ComponentError> {
        Ok(())
    }

    /// Takes a batch, to emit it now, later, in parts or never.
    fn process(&mut self, batch: Batch, now: Time, out: &mut Outputs);

    /// When it wants [`StatefulProcessor::tick`] next, if it does.
    fn next_tick(&self) -> Option<Time>;

    /// The moment that it asked for has come.
    fn tick(&mut self, now: Time, out: &mut Outputs);

    /// The process is draining: emit or discard what is held. Called again as long as there is [`Flushed::More`], so that what
    /// is emitted at once stays small.
    fn flush(&mut self, now: Time, out: &mut Outputs) -> Flushed;

    /// Whether it takes no batch for now: its inbox fills up, and its senders have to wait. It is asked again after each
    /// tick, and has to ask for one: a shard that is full and wants no tick is given batches all the same.
    fn is_full(&self) -> bool {
        false
    }

    /// What it knows of one trace, for people: what it holds of it, or how it has decided.
    fn report(&self, _trace: [u8; 16], _now: Time) -> Option<TraceReport> {
        None
    }
}

/// Whether a shard has flushed all that it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// It holds nothing any more.
    All,
    /// There is more to come.
    More,
}

/// Chooses the shard for each item, by the key that the processor's state is kept by.
pub trait Partition: Send + Sync {
    /// Splits `batch` into parts for the shards `0..shards`. One that needs no splitting goes whole.
    fn partition(&self, batch: Batch, shards: usize, parts: &mut Vec<(usize, Batch)>);
}

/// A processor, as its factory builds it.
pub enum BuiltProcessor {
    /// Runs in line.
    Stateless(Arc<dyn Processor>),
    /// Runs in shards, each on a worker thread behind a bounded edge.
    Stateful {
        /// The shards.
        shards: Vec<Box<dyn StatefulProcessor>>,
        /// Who goes where. With one shard it is not asked.
        partition: Arc<dyn Partition>,
    },
}

impl fmt::Debug for BuiltProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BuiltProcessor::Stateless(_) => "Stateless",
            BuiltProcessor::Stateful { .. } => "Stateful",
        })
    }
}

/// A port: the place of its name in the component's declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(pub u8);

impl Port {
    /// The port that every component has, and that a pipeline goes on from.
    pub const MAIN: Port = Port(0);
}

/// Where a processor puts what it emits.
#[derive(Debug, Default)]
pub struct Outputs(SmallVec<[(Port, Batch); 2]>);

impl Outputs {
    /// Nothing emitted yet.
    pub fn new() -> Self {
        Outputs::default()
    }

    /// Emits on the main port.
    pub fn emit(&mut self, batch: Batch) {
        self.emit_on(Port::MAIN, batch);
    }

    /// Emits on `port`.
    pub fn emit_on(&mut self, port: Port, batch: Batch) {
        self.0.push((port, batch));
    }

    /// Takes out all that was emitted, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = (Port, Batch)> + '_ {
        self.0.drain(..)
    }

    /// Whether nothing was emitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
