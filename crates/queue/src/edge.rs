//! The edge before an exporter: one bounded queue, three lanes, any number of senders and takers.
//!
//! A request has one signal, so each signal has a lane of its own; the bound is common. What a taker has taken counts as
//! inside until it is done with it: the bound is on all that the edge answers for, not only on what waits.

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

#[derive(Debug, Default)]
struct Lanes {
    lanes: [VecDeque<Waiting>; 3],
    closed: bool,
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
        match self.gate.decide(batch, self.on_full, || {
            self.take_oldest().map(|oldest| oldest.batch)
        }) {
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

    /// Takes nothing new; takers get what is left, at once, and then nothing.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_waiters();
        self.filled.notify_one();
    }

    /// Fails all that waits with `failure`. What takers have is theirs.
    pub fn fail_all(&self, failure: &Failure) {
        while let Some(waiting) = self.take_oldest() {
            waiting.batch.fail(failure.clone());
        }
    }

    /// How full it is.
    pub fn read(&self) -> EdgeReading {
        let (oldest, queued) = {
            let lanes = self.lock();
            let oldest = lanes
                .lanes
                .iter()
                .filter_map(|lane| lane.front())
                .map(|first| first.since)
                .min();
            (oldest, lanes.lanes.iter().map(|lane| lane.len() as u64).sum())
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
                lane.push_back(Waiting { batch, place, since });
            }
        }
        self.filled.notify_one();
    }

    fn take_oldest(&self) -> Option<Waiting> {
        let mut lanes = self.lock();
        let lane = lanes.lanes.iter_mut().filter(|lane| !lane.is_empty());
        lane.min_by_key(|lane| lane.front().map(|first| first.since))
            .and_then(VecDeque::pop_front)
    }

    fn look(&self, portion: &Portion) -> Look {
        let now = self.clock.now();
        let mut lanes = self.lock();
        let closed = lanes.closed;
        let mut until: Option<Time> = None;
        let mut ready: Option<(Time, &mut VecDeque<Waiting>)> = None;
        for lane in &mut lanes.lanes {
            let Some(since) = lane.front().map(|first| first.since) else {
                continue;
            };
            let due = since.after(portion.patience);
            if !closed && now < due && !has_items(lane, portion.min_items) {
                until = Some(until.map_or(due, |until| until.min(due)));
            } else if ready.as_ref().is_none_or(|(oldest, _)| since < *oldest) {
                ready = Some((since, lane));
            }
        }
        match ready {
            Some((_, lane)) => {
                let taken = portion.cut(lane);
                let more = lanes.lanes.iter().any(|lane| !lane.is_empty());
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
    fn cut(&self, lane: &mut VecDeque<Waiting>) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(1);
        let (mut items, mut bytes) = (0, 0);
        while let Some(next) = lane.front() {
            items += next.batch.items();
            bytes += next.batch.bytes();
            let fits = bytes <= self.max_bytes && (self.max_items == 0 || items <= self.max_items);
            if !taken.is_empty() && !fits {
                break;
            }
            if let Some(Waiting { batch, place, .. }) = lane.pop_front() {
                taken.push(Taken { batch, place });
            }
        }
        taken
    }
}

fn has_items(lane: &VecDeque<Waiting>, enough: u64) -> bool {
    let mut items = 0;
    enough == 0
        || lane.iter().any(|waiting| {
            items += waiting.batch.items();
            items >= enough
        })
}

#[cfg(test)]
mod tests;
