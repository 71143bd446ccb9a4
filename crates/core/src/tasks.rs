//! Spawning: passed in, so that every task is named, counted, joined at shutdown, and its panic contained.

use futures_util::future::BoxFuture;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

/// What runs tasks. The engine has one for each node, which knows whose panic it was.
pub trait Spawn: Send + Sync {
    /// Runs `task` to its end in the background. `name` is a fixed word for what it does: `connection`, `accept`, ...
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
}

/// The handle with which one node starts its tasks.
#[derive(Clone)]
pub struct Tasks(Arc<dyn Spawn>);

impl Tasks {
    /// A handle over any spawner.
    pub fn new(spawner: Arc<dyn Spawn>) -> Self {
        Tasks(spawner)
    }

    /// Runs `task` to its end in the background.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(name, Box::pin(task));
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tasks")
    }
}

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// At work.
    Running,
    /// Nothing new is taken; what is held is delivered.
    Draining,
    /// The deadline has passed: let go.
    Stopped,
}

/// The side that says how far the shutdown has come.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<Phase>);

impl ShutdownTrigger {
    /// A trigger, and the first of its listeners.
    pub fn new() -> (ShutdownTrigger, Shutdown) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (ShutdownTrigger(sender), Shutdown(receiver))
    }

    /// Moves on to `phase`. Never moves back.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }
}

/// A listener for the shutdown. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Phase>);

impl Shutdown {
    /// How far it has come.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Ready once draining has begun.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Ready once the deadline has passed.
    pub async fn stopped(&self) {
        self.reached(Phase::Stopped).await;
    }

    async fn reached(&self, phase: Phase) {
        // An error means that the trigger is gone, and so is the engine: there is nothing more to wait for.
        let _ = self.0.clone().wait_for(|current| *current >= phase).await;
    }
}
