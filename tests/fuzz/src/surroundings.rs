//! What the code under test needs around it: a ledger, clocks, tasks.

use forebay_core::component::{NodeContext, ProcessorContext};
use forebay_core::{
    Clock, Health, Ledger, NodeId, ShutdownTrigger, SignalSet, Spawn, Tasks, Time, TimeSource,
};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// Time that passes as soon as somebody waits for it.
#[derive(Debug, Default)]
struct Hasty(Mutex<Time>);

impl TimeSource for Hasty {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }

    fn unix_nanos(&self) -> u64 {
        0
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        let mut now = self.0.lock().unwrap();
        *now = until.max(*now);
        Box::pin(std::future::ready(()))
    }
}

/// A clock on which nobody waits.
pub(crate) fn hasty() -> Clock {
    Clock::new(Arc::new(Hasty::default()))
}

/// Runs tasks on the current runtime. Clones share the tasks.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<JoinSet<()>>>);

impl Spawn for Running {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

impl Running {
    /// Waits for the end of all tasks. A panic in one of them goes on here.
    pub(crate) async fn ended(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *self.0.lock().unwrap());
            if tasks.is_empty() {
                return;
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        }
    }
}

/// Runs no tasks: what they would follow never changes.
struct Idle;

impl Spawn for Idle {
    fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}
}

/// What a processor is started with whose background tasks are not under test.
pub(crate) fn processor() -> ProcessorContext {
    let (node, _, _) = node(Ledger::new(1));
    ProcessorContext {
        node: NodeContext {
            tasks: Tasks::new(Arc::new(Idle)),
            ..node
        },
        taken: [SignalSet::ALL].into(),
        shard: 0,
        memory: 1 << 20,
        names: ["fuzz".into()].into(),
        predecessor: None,
    }
}

/// A node, with the tasks that it starts. It runs until the trigger goes.
pub(crate) fn node(ledger: Ledger) -> (NodeContext, Running, ShutdownTrigger) {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let tasks = Running::default();
    let node = NodeContext {
        node: NodeId(0),
        name: "fuzz".into(),
        clock: Clock::system(),
        tasks: Tasks::new(Arc::new(tasks.clone())),
        ledger,
        shutdown,
        health: Health::default(),
        reloads: Arc::default(),
        instruments: Default::default(),
    };
    (node, tasks, trigger)
}
