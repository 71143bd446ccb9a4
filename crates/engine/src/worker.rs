//! A worker: the thread that owns one shard of a processor with state.

use crate::flow::Flow;
use crate::progress::Progress;
use forebay_core::component::{Outputs, StatefulProcessor};
use forebay_core::{Batch, Clock, Failure, NodeId, Phase, Reason, Shutdown};
use forebay_queue::Inbox;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Handle;

/// One shard, and what its worker needs.
pub(crate) struct Worker {
    pub(crate) node: NodeId,
    pub(crate) shard: Box<dyn StatefulProcessor>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) flow: Arc<Flow>,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) progress: Arc<Progress>,
}

enum Turn {
    Batch(Batch),
    Tick,
    Flush,
    Closed,
}

impl Worker {
    /// Starts the thread. It ends once the inbox is closed and empty and the shard is flushed.
    pub(crate) fn start(self, name: String, runtime: Handle) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(name)
            .spawn(move || runtime.block_on(self.run()))
    }

    async fn run(mut self) {
        let mut out = Outputs::new();
        let mut sound = true;
        let mut flushed = false;
        loop {
            let turn = self.next_turn(flushed).await;
            let ended = matches!(turn, Turn::Closed);
            flushed = matches!(turn, Turn::Flush | Turn::Closed);
            match turn {
                Turn::Batch(batch) if !sound => batch.fail(broken()),
                turn if sound => sound = self.turn(turn, &mut out),
                _ => {}
            }
            for (port, batch) in out.drain() {
                self.flow.send(self.node, port, batch).await;
            }
            if ended {
                return;
            }
        }
    }

    /// Waits for what comes first. While draining, a shard that has nothing to do is flushed: its senders may be waiting
    /// for what it holds.
    async fn next_turn(&self, flushed: bool) -> Turn {
        let tick = self.shard.next_tick();
        let tick = async {
            match tick {
                Some(at) => self.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let drain = async {
            if flushed && self.shutdown.phase() >= Phase::Draining {
                std::future::pending::<()>().await;
            }
            self.shutdown.draining().await;
        };
        tokio::select! {
            biased;
            batch = self.inbox.take() => batch.map_or(Turn::Closed, Turn::Batch),
            () = tick => Turn::Tick,
            () = drain => Turn::Flush,
        }
    }

    /// One turn of the component; whether it survived. One that panicked is not run again: its state is anybody's guess.
    fn turn(&mut self, turn: Turn, out: &mut Outputs) -> bool {
        let now = self.clock.now();
        let Some(node) = self.flow.nodes.get(usize::from(self.node.0)) else {
            return false;
        };
        let shard = &mut self.shard;
        self.progress.enter(now);
        let survived = node.contain(|| match turn {
            Turn::Batch(batch) => shard.process(batch, now, out),
            Turn::Tick => shard.tick(now, out),
            Turn::Flush | Turn::Closed => shard.flush(now, out),
        });
        self.progress.leave();
        if !survived {
            node.health
                .failed("a shard panicked and was taken out of service; what comes to it is refused");
        }
        survived
    }
}

fn broken() -> Failure {
    Failure::retryable(Reason::Panicked, "a processor on the way has failed")
}
