//! A worker: the thread that owns one shard of a processor with state.

use crate::flow::Flow;
use crate::progress::Progress;
use forebay_core::component::{ComponentError, Flushed, Outputs, ProcessorContext, StatefulProcessor};
use forebay_core::{Batch, Clock, Failure, NodeId, Phase, Reason, Shutdown, Time, TraceReport};
use forebay_queue::Inbox;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that may wait for a worker.
pub(crate) const QUESTIONS: usize = 8;

/// What somebody wants to know of a shard: what it knows of a trace.
pub(crate) struct Question {
    pub(crate) trace: [u8; 16],
    pub(crate) answer: oneshot::Sender<Option<TraceReport>>,
}

/// One shard, and what its worker needs.
pub(crate) struct Worker {
    pub(crate) node: NodeId,
    /// Nothing once it has panicked: its state is anybody's guess.
    pub(crate) shard: Option<Box<dyn StatefulProcessor>>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) flow: Arc<Flow>,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) progress: Arc<Progress>,
    pub(crate) questions: mpsc::Receiver<Question>,
    /// The timer of the next tick, kept as long as that stays the same: to set one wakes up the runtime.
    pub(crate) timer: Option<(Time, BoxFuture<'static, ()>)>,
}

enum Turn {
    Batch(Batch),
    Tick,
    Flush,
    Question(Question),
    Closed,
}

/// What the last turn was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Batch,
    Tick,
    Flush,
    Question,
    Closed,
}

impl Worker {
    /// Starts the shard, and its thread. It ends once the inbox is closed and empty and the shard is flushed.
    pub(crate) fn start(mut self, context: ProcessorContext) -> Result<WorkerThread, ComponentError> {
        if let Some(shard) = &mut self.shard {
            shard.start(&context)?;
        }
        let (node, runtime) = (self.node, Handle::current());
        let (running, ended) = watch::channel(());
        let thread = std::thread::Builder::new().name(format!("{}-{}", context.node.name, context.shard));
        let worker = move || {
            let _running = running;
            runtime.block_on(self.run());
        };
        thread.spawn(worker).map_err(ComponentError::new)?;
        Ok(WorkerThread { node, ended })
    }

    async fn run(mut self) {
        let mut out = Outputs::new();
        let mut last = Last::Batch;
        loop {
            let turn = self.next_turn(last).await;
            last = turn.kind();
            let mut flushed = match turn {
                Turn::Batch(batch) if self.shard.is_none() => {
                    batch.fail(broken());
                    Flushed::All
                }
                turn => self.turn(turn, &mut out),
            };
            self.send(&mut out).await;
            while flushed == Flushed::More {
                flushed = self.turn(Turn::Flush, &mut out);
                self.send(&mut out).await;
            }
            if last == Last::Closed {
                return;
            }
        }
    }

    async fn send(&self, out: &mut Outputs) {
        for (port, batch) in out.drain() {
            self.flow.send(self.node, port, batch).await;
        }
    }

    /// Waits for what comes first. A tick that is due goes before batches, but never two in a row: neither a full inbox nor
    /// a hasty component keeps the other waiting. A shard that is full is given no batch before its next tick. While draining, a
    /// shard that has nothing to do is flushed: its senders may be waiting for what it holds.
    async fn next_turn(&mut self, last: Last) -> Turn {
        let at = self.next_tick();
        let now = self.clock.now();
        let full = at.is_some() && self.is_full();
        if last != Last::Tick && at.is_some_and(|at| at <= now) {
            return Turn::Tick;
        }
        let mut timer = self.timer(at);
        let tick = async {
            match &mut timer {
                Some((_, timer)) => timer.await,
                None => std::future::pending().await,
            }
        };
        let drain = async {
            if last == Last::Flush && self.shutdown.phase() >= Phase::Draining {
                std::future::pending::<()>().await;
            }
            self.shutdown.draining().await;
        };
        let turn = tokio::select! {
            biased;
            Some(question) = self.questions.recv() => Turn::Question(question),
            batch = self.inbox.take(), if !full => batch.map_or(Turn::Closed, Turn::Batch),
            () = tick => Turn::Tick,
            () = drain => Turn::Flush,
        };
        self.timer = timer.filter(|_| !matches!(turn, Turn::Tick));
        turn
    }

    /// The timer for a tick at `at`: the one that there is, if it is for the same moment.
    fn timer(&mut self, at: Option<Time>) -> Option<(Time, BoxFuture<'static, ()>)> {
        let (at, kept) = (at?, self.timer.take());
        Some(match kept {
            Some((moment, timer)) if moment == at => (moment, timer),
            _ => (at, self.clock.sleep_until(at)),
        })
    }

    fn next_tick(&mut self) -> Option<Time> {
        let mut at = None;
        self.run_shard(|shard| at = shard.next_tick());
        at
    }

    fn is_full(&mut self) -> bool {
        let mut full = false;
        self.run_shard(|shard| full = shard.is_full());
        full
    }

    /// One turn of the component; whether there is more to flush.
    fn turn(&mut self, turn: Turn, out: &mut Outputs) -> Flushed {
        let now = self.clock.now();
        let mut flushed = Flushed::All;
        self.progress.enter(now);
        self.run_shard(|shard| match turn {
            Turn::Batch(batch) => shard.process(batch, now, out),
            Turn::Tick => shard.tick(now, out),
            Turn::Flush | Turn::Closed => flushed = shard.flush(now, out),
            // Who has asked may have gone.
            Turn::Question(Question { trace, answer }) => drop(answer.send(shard.report(trace, now))),
        });
        self.progress.leave();
        flushed
    }

    /// Runs the component's code. A shard that panics is let go as it unwinds: what it held is booked, its senders answered.
    fn run_shard(&mut self, work: impl FnOnce(&mut dyn StatefulProcessor)) {
        let Some(node) = self.flow.nodes.get(usize::from(self.node.0)) else {
            return;
        };
        let Some(mut shard) = self.shard.take() else {
            return;
        };
        let survivor = &mut self.shard;
        let survived = node.contain(|| {
            work(shard.as_mut());
            *survivor = Some(shard);
        });
        if !survived {
            node.health
                .failed("a shard panicked and was taken out of service; what comes to it is refused");
        }
    }
}

/// A worker's thread. Nobody blocks to join it: one that is stuck in its component must not hold up the end of the process.
#[derive(Debug)]
pub(crate) struct WorkerThread {
    pub(crate) node: NodeId,
    ended: watch::Receiver<()>,
}

impl WorkerThread {
    /// Ready once the worker has let go of all that it had.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it changes by the sender's end.
        while ended.changed().await.is_ok() {}
    }
}

impl Turn {
    fn kind(&self) -> Last {
        match self {
            Turn::Batch(_) => Last::Batch,
            Turn::Tick => Last::Tick,
            Turn::Flush => Last::Flush,
            Turn::Question(_) => Last::Question,
            Turn::Closed => Last::Closed,
        }
    }
}

fn broken() -> Failure {
    Failure::retryable(Reason::Panicked, "a processor on the way has failed")
}
