//! The edge before an exporter: one bounded queue, three lanes, any number of senders and takers.
//!
//! A request has one signal, so each signal has a lane of its own; the bound is common. What a taker has taken counts as
//! inside until it is done with it: the bound is on all that the edge answers for, not only on what waits.

pub use share::Entering;

use crate::gate::{Decision, Fill, Gate, Limits, Place};
use forebay_core::settings::OnFull;
use forebay_core::{Batch, Clock, Failure, Reason, Time};
use forebay_telemetry::Recorder;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How much to take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Take when this many items wait; 0 for at once.
    pub min_items: u64,
    /// Or when the oldest has waited this long.
    pub patience: Duration,
    /// Take no more items than this; 0 for no limit. The first batch is taken whatever its size.
    pub max_items: u64,
    /// Take no more bytes than this; 0 for one batch at a time.
    pub max_bytes: u64,
}

/// A batch that was taken, with its place: let go of the place when done with the batch.
#[derive(Debug)]
pub struct Taken {
    /// The batch.
    pub batch: Batch,
    /// Its place inside.
    pub place: Place,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    place: Place,
    since: Time,
}

/// What waits of one signal, and how much it is.
#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Waiting>,
    items: u64,
    bytes: u64,
}

impl Lane {
    fn push(&mut self, waiting: Waiting) {
        self.items += waiting.batch.items();
        self.bytes += waiting.batch.bytes();
        self.queue.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.queue.pop_front()?;
        self.items -= waiting.batch.items();
        self.bytes -= waiting.batch.bytes();
        Some(waiting)
    }

    /// Since when the first has waited.
    fn since(&self) -> Option<Time> {
        self.queue.front().map(|first| first.since)
    }
}

#[derive(Debug, Default)]
struct Lanes {
    lanes: [Lane; 3],
    hurried: bool,
    closed: bool,
    /// Whether what comes is given back: see [`Edge::divert`].
    diverted: bool,
}

impl Lanes {
    fn fill(&self) -> Fill {
        Fill {
            items: self.lanes.iter().map(|lane| lane.items).sum(),
            bytes: self.lanes.iter().map(|lane| lane.bytes).sum(),
            batches: self.lanes.iter().map(|lane| lane.queue.len() as u64).sum(),
            waiting: 0,
        }
    }

    fn pop_oldest(&mut self) -> Option<Waiting> {
        let lanes = self.lanes.iter_mut().filter(|lane| !lane.queue.is_empty());
        lanes.min_by_key(|lane| lane.since()).and_then(Lane::pop)
    }
}

/// What an edge says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeReading {
    /// What is inside: waiting and being sent.
    pub fill: Fill,
    /// The most that may be.
    pub limits: Limits,
    /// How long the oldest waiting batch has waited.
    pub oldest: Duration,
    /// Batches that wait, not counting those being sent.
    pub queued: u64,
}

/// A bounded queue. See the module's words.
#[derive(Debug)]
pub struct Edge {
    gate: Arc<Gate>,
    on_full: OnFull,
    clock: Clock,
    lanes: Mutex<Lanes>,
    filled: Notify,
    /// How long senders had to wait for room; those that had not to are not in it.
    pub waited: Recorder,
}

enum Look {
    Take(Vec<Taken>),
    Wait(Option<Time>),
    Closed,
}

impl Edge {
    /// An edge with these bounds.
    pub fn new(limits: Limits, on_full: OnFull, clock: Clock) -> Self {
        Edge {
            gate: Gate::new(limits),
            on_full,
            clock,
            lanes: Mutex::default(),
            filled: Notify::new(),
            waited: Recorder::default(),
        }
    }

    /// Puts `batch` in if that can be done, or decided, at once; gives it back if its sender has to wait.
    pub fn try_push(&self, batch: Batch) -> Option<Batch> {
        let (items, bytes) = (batch.items(), batch.bytes());
        let oldest = || self.make_room(items, bytes);
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

    /// The next portion, all of one signal, once there is one; nothing once the edge is closed and empty.
    pub async fn take(&self, portion: &Portion) -> Option<Vec<Taken>> {
        loop {
            let filled = self.filled.notified();
            let mut filled = std::pin::pin!(filled);
            filled.as_mut().enable();
            match self.look(portion) {
                Look::Take(taken) => return Some(taken),
                Look::Closed => return None,
                Look::Wait(None) => filled.await,
                Look::Wait(Some(until)) => {
                    tokio::select! {
                        () = filled => {}
                        () = self.clock.sleep_until(until) => {}
                    }
                }
            }
        }
    }

    /// From now on nothing waits for company: who drains waits for what is in here.
    pub fn hurry(&self) {
        self.lock().hurried = true;
        self.filled.notify_waiters();
        self.filled.notify_one();
    }

    /// Takes nothing new; takers get what is left, at once, and then nothing.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_waiters();
        self.filled.notify_one();
    }

    /// Fails all that waits with `failure`. What takers have is theirs.
    pub fn fail_all(&self, failure: &Failure) {
        loop {
            let oldest = self.lock().pop_oldest();
            let Some(waiting) = oldest else { return };
            waiting.batch.fail(failure.clone());
        }
    }

    /// How full it is.
    pub fn read(&self) -> EdgeReading {
        let (oldest, queued) = {
            let lanes = self.lock();
            (
                lanes.lanes.iter().filter_map(Lane::since).min(),
                lanes.fill().batches,
            )
        };
        EdgeReading {
            fill: self.gate.fill(),
            limits: self.gate.limits(),
            oldest: oldest.map_or(Duration::ZERO, |since| self.clock.now().since(since)),
            queued,
        }
    }

    fn put(&self, batch: Batch, place: Place) {
        let since = self.clock.now();
        {
            let mut lanes = self.lock();
            if lanes.closed {
                drop(lanes);
                batch.fail(Failure::retryable(
                    Reason::Shutdown,
                    "the process is shutting down",
                ));
                return;
            }
            if let Some(lane) = lanes.lanes.get_mut(batch.signal() as usize) {
                lane.push(Waiting { batch, place, since });
            }
        }
        self.filled.notify_one();
    }

    /// Takes out what has waited longest, if a batch of this size would fit once enough has been taken out.
    fn make_room(&self, items: u64, bytes: u64) -> Option<Batch> {
        let oldest = {
            let mut lanes = self.lock();
            if !self.gate.fits_without(&lanes.fill(), items, bytes) {
                return None;
            }
            lanes.pop_oldest()
        };
        oldest.map(|oldest| oldest.batch)
    }

    fn look(&self, portion: &Portion) -> Look {
        let now = self.clock.now();
        let mut lanes = self.lock();
        let closed = lanes.closed;
        let patient = !closed && !lanes.hurried;
        let mut until: Option<Time> = None;
        let mut ready: Option<(Time, &mut Lane)> = None;
        for lane in &mut lanes.lanes {
            let Some(since) = lane.since() else { continue };
            let due = since.after(portion.patience);
            if patient && now < due && lane.items < portion.min_items {
                until = Some(until.map_or(due, |until| until.min(due)));
            } else if ready.as_ref().is_none_or(|(oldest, _)| since < *oldest) {
                ready = Some((since, lane));
            }
        }
        match ready {
            Some((_, lane)) => {
                let taken = portion.cut(lane);
                let more = lanes.lanes.iter().any(|lane| !lane.queue.is_empty());
                drop(lanes);
                if more {
                    // Another taker may have slept through the notice that this one woke up by.
                    self.filled.notify_one();
                }
                Look::Take(taken)
            }
            None if closed => {
                self.filled.notify_one();
                Look::Closed
            }
            None => Look::Wait(until),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Portion {
    /// Takes a portion off the front of `lane`, which is not empty.
    fn cut(&self, lane: &mut Lane) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(1);
        let (mut items, mut bytes) = (0, 0);
        while let Some(next) = lane.queue.front() {
            items += next.batch.items();
            bytes += next.batch.bytes();
            let fits = bytes <= self.max_bytes && (self.max_items == 0 || items <= self.max_items);
            if !taken.is_empty() && !fits {
                break;
            }
            if let Some(Waiting { batch, place, .. }) = lane.pop() {
                taken.push(Taken { batch, place });
            }
        }
        taken
    }
}

mod share;
#[cfg(test)]
mod tests;
