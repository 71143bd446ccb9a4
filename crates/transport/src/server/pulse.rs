//! What one connection is doing: written by its stream and its requests, read by whoever decides whether it goes on.

use super::roster::Standing;
use forebay_core::{Clock, Time};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Nobody owes anything.
const NOTHING: u64 = u64::MAX;

/// What a connection is doing.
pub(super) struct Pulse {
    clock: Clock,
    standing: Arc<Standing>,
    /// Requests under way.
    requests: AtomicUsize,
    /// Requests that were answered well.
    succeeded: AtomicU64,
    /// Since when there is no request, in nanoseconds of the clock. Of meaning only while there is none.
    idle_since: AtomicU64,
    /// Since when the client owes the rest of something, likewise; [`NOTHING`] if it does not.
    owing_since: AtomicU64,
    flooded: AtomicBool,
    unflushed: AtomicBool,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Pulse>);

/// What a connection is doing, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doing {
    /// Since when the client owes the rest of something: a preface, the head of a request.
    pub(super) owing_since: Option<Time>,
    /// Since when there is no request.
    pub(super) idle_since: Option<Time>,
}

impl Pulse {
    /// Of a connection that begins now: its client owes a first request.
    pub(super) fn new(clock: Clock, standing: Arc<Standing>) -> Arc<Self> {
        let now = nanos(clock.now());
        Arc::new(Pulse {
            clock,
            standing,
            requests: AtomicUsize::new(0),
            succeeded: AtomicU64::new(0),
            idle_since: AtomicU64::new(now),
            owing_since: AtomicU64::new(now),
            flooded: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
        })
    }

    /// The moment now.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The connection has shown its worth: it does not have to make room for others any more.
    pub(super) fn prove(&self) {
        self.standing.prove();
    }

    /// The client has begun something, if it had not already.
    pub(super) fn owes(&self) {
        if self.owing_since.load(Ordering::Relaxed) == NOTHING {
            self.owing_since.store(nanos(self.now()), Ordering::Relaxed);
        }
    }

    /// The client has ended what it had begun.
    pub(super) fn owes_nothing(&self) {
        self.owing_since.store(NOTHING, Ordering::Relaxed);
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.requests.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// How many requests were answered well.
    pub(super) fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// The client has sent more frames of no use than it may.
    pub(super) fn flood(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        self.unflushed.store(true, Ordering::Relaxed);
    }

    /// All that was to be written has been. HTTP flushes its stream when it has written all that it has.
    pub(super) fn flushed(&self) {
        self.unflushed.store(false, Ordering::Relaxed);
    }

    /// Whether the connection waits for its next request, and has done so for `time`.
    pub(super) fn rests(&self, time: Duration) -> bool {
        let Doing {
            owing_since,
            idle_since,
        } = self.doing();
        let long = idle_since.is_some_and(|since| self.now().since(since) >= time);
        long && owing_since.is_none() && !self.unflushed.load(Ordering::Relaxed)
    }

    /// What the connection is doing now.
    pub(super) fn doing(&self) -> Doing {
        let owing = self.owing_since.load(Ordering::Relaxed);
        // The date is written before the last request is counted off.
        let idle = self.requests.load(Ordering::Acquire) == 0;
        Doing {
            owing_since: (owing != NOTHING).then(|| time(owing)),
            idle_since: idle.then(|| time(self.idle_since.load(Ordering::Relaxed))),
        }
    }
}

impl UnderWay {
    /// It was answered well.
    pub(super) fn succeed(&self) {
        self.0.succeeded.fetch_add(1, Ordering::Relaxed);
        self.0.prove();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let pulse = &self.0;
        pulse.idle_since.store(nanos(pulse.now()), Ordering::Relaxed);
        pulse.requests.fetch_sub(1, Ordering::Release);
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse")
            .field("doing", &self.doing())
            .finish_non_exhaustive()
    }
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.0.as_nanos()).unwrap_or(NOTHING - 1)
}

fn time(nanos: u64) -> Time {
    Time(Duration::from_nanos(nanos))
}
