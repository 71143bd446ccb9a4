//! Tasks of one running graph: named, counted, joined at shutdown; a panic is contained and shown.

use crate::probation::Probation;
use forebay_core::{Health, Spawn, Tasks};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Counts the tasks that run, and ends those that are left when the graph is let go.
#[derive(Debug)]
pub(crate) struct TaskSet {
    running: AtomicUsize,
    idle: Notify,
    abort: watch::Sender<bool>,
    runtime: Handle,
}

impl TaskSet {
    pub(crate) fn new(runtime: Handle) -> Arc<Self> {
        let (abort, _) = watch::channel(false);
        Arc::new(TaskSet {
            running: AtomicUsize::new(0),
            idle: Notify::new(),
            abort,
            runtime,
        })
    }

    /// The handle with which one node starts its tasks.
    pub(crate) fn for_node(
        self: &Arc<Self>,
        name: Arc<str>,
        health: Health,
        panics: Arc<AtomicU64>,
    ) -> Tasks {
        Tasks::new(Arc::new(NodeTasks {
            set: Arc::clone(self),
            name,
            probation: Arc::new(Probation::new(health, PANICKED)),
            panics,
        }))
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Ready once none runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            let mut idle = std::pin::pin!(idle);
            idle.as_mut().enable();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends every task at its next wait.
    pub(crate) fn abort(&self) {
        self.abort.send_replace(true);
    }
}

/// Counts a task as running while it exists.
struct Running(Arc<TaskSet>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

struct NodeTasks {
    set: Arc<TaskSet>,
    name: Arc<str>,
    probation: Arc<Probation>,
    panics: Arc<AtomicU64>,
}

/// What a node's health says after a panic in one of its tasks; which one it was is in the log.
const PANICKED: &str = "one of its tasks panicked; what it held was booked as dropped";

impl Spawn for NodeTasks {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.set.running.fetch_add(1, Ordering::AcqRel);
        let running = Running(Arc::clone(&self.set));
        let mut abort = self.set.abort.subscribe();
        let (node, probation, panics) = (
            Arc::clone(&self.name),
            Arc::clone(&self.probation),
            Arc::clone(&self.panics),
        );
        self.set.runtime.spawn(async move {
            let _running = running;
            let work = AssertUnwindSafe(task).catch_unwind();
            let outcome = tokio::select! {
                biased;
                outcome = work => outcome,
                _ = abort.wait_for(|abort| *abort) => Ok(()),
            };
            if outcome.is_ok() {
                probation.went_well();
            } else {
                panics.fetch_add(1, Ordering::Relaxed);
                probation.panicked();
                tracing::error!(node = &*node, task = name, "a task panicked");
            }
        });
    }
}
