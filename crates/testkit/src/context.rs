//! What the engine gives to components, without an engine.

use crate::SimulatedClock;
use forebay_core::component::{NodeContext, ProcessorContext};
use forebay_core::{Health, Ledger, NodeId, ShutdownTrigger, SignalSet, Spawn, Tasks};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Processors under test have no runtime: a task that they start is let go.
struct NoTasks;

impl Spawn for NoTasks {
    fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}
}

/// The context of a processor at node 0, of which all signals are taken from the main port and from `ports` others, and which may
/// keep `memory` bytes for itself.
pub fn processor_context(
    ledger: &Ledger,
    clock: &SimulatedClock,
    ports: usize,
    memory: u64,
) -> ProcessorContext {
    let (_, shutdown) = ShutdownTrigger::new();
    ProcessorContext {
        node: NodeContext {
            node: NodeId(0),
            name: "it".into(),
            clock: clock.clock(),
            tasks: Tasks::new(Arc::new(NoTasks)),
            ledger: ledger.clone(),
            shutdown,
            health: Health::default(),
            reloads: Arc::default(),
            instruments: Default::default(),
        },
        taken: vec![SignalSet::ALL; ports + 1].into(),
        shard: 0,
        memory,
        names: ["it".into()].into(),
        predecessor: None,
    }
}
