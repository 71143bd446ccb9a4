//! The edge before a shard of a processor with state: a bounded crossbeam channel to one worker thread.

use crate::gate::{Decision, Fill, Gate, Limits, Place};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use forebay_core::settings::OnFull;
use forebay_core::{Batch, Clock, Failure, Reason};
use forebay_telemetry::Recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// A bounded queue to one worker. Many senders, one taker.
#[derive(Debug)]
pub struct Inbox {
    gate: Arc<Gate>,
    on_full: OnFull,
    clock: Clock,
    sender: Sender<(Batch, Place)>,
    receiver: Receiver<(Batch, Place)>,
    filled: Notify,
    closed: AtomicBool,
    /// How long senders had to wait for room; those that had not to are not in it.
    pub waited: Arc<Recorder>,
}

impl Inbox {
    /// An inbox with these bounds.
    pub fn new(limits: Limits, on_full: OnFull, clock: Clock) -> Self {
        let (sender, receiver) = bounded(usize::try_from(limits.batches).unwrap_or(usize::MAX));
        Inbox {
            gate: Gate::new(limits),
            on_full,
            clock,
            sender,
            receiver,
            filled: Notify::new(),
            closed: AtomicBool::new(false),
            waited: Arc::default(),
        }
    }

    /// Records how long senders waited in `waited`: the shards of one processor share one.
    pub fn recording_in(self, waited: &Arc<Recorder>) -> Self {
        Inbox {
            waited: Arc::clone(waited),
            ..self
        }
    }

    /// Puts `batch` in if that can be done, or decided, at once; gives it back if its sender has to wait.
    pub fn try_push(&self, batch: Batch) -> Option<Batch> {
        let oldest = || self.receiver.try_recv().ok().map(|(oldest, _)| oldest);
        match self.gate.decide(batch, self.on_full, oldest) {
            Decision::Enter(batch, place) => self.put(batch, place),
            Decision::Wait(batch) => return Some(batch),
            Decision::Settled => {}
        }
        None
    }

    /// Puts `batch` in, waiting for room if the edge is set to.
    pub async fn push(&self, batch: Batch) {
        let Some(batch) = self.try_push(batch) else { return };
        let began = self.clock.now();
        let place = self.gate.enter(batch.items(), batch.bytes()).await;
        self.waited.record(self.clock.now().since(began));
        self.put(batch, place);
    }

    /// The next batch, once there is one; nothing once the inbox is closed and empty. Its place is free at once: what a
    /// processor holds is bounded by its own declaration.
    pub async fn take(&self) -> Option<Batch> {
        loop {
            let filled = self.filled.notified();
            let mut filled = std::pin::pin!(filled);
            filled.as_mut().enable();
            // Before looking inside: what is put in after this is seen by who puts it in.
            let closed = self.closed.load(Ordering::SeqCst);
            if let Ok((batch, _place)) = self.receiver.try_recv() {
                return Some(batch);
            }
            if closed {
                return None;
            }
            filled.await;
        }
    }

    /// Takes nothing new; the taker gets what is left and then nothing.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.filled.notify_one();
    }

    /// What is inside, and the most that may be.
    pub fn read(&self) -> (Fill, Limits) {
        (self.gate.fill(), self.gate.limits())
    }

    fn put(&self, batch: Batch, place: Place) {
        if self.closed.load(Ordering::SeqCst) {
            return batch.fail(closing());
        }
        match self.sender.try_send((batch, place)) {
            Ok(()) => self.filled.notify_one(),
            // The gate lets no more batches in than the channel holds.
            Err(TrySendError::Full((batch, _)) | TrySendError::Disconnected((batch, _))) => {
                batch.fail(closing())
            }
        }
        // Closed meanwhile, and the taker may have looked for the last time.
        if self.closed.load(Ordering::SeqCst) {
            while let Ok((batch, _place)) = self.receiver.try_recv() {
                batch.fail(closing());
            }
        }
    }
}

fn closing() -> Failure {
    Failure::retryable(Reason::Shutdown, "the process is shutting down")
}

#[cfg(test)]
mod tests;
