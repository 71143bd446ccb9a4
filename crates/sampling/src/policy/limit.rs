//! What has passed in this second: the only state that decisions about several traces share.
//!
//! A few words of memory, changed by compare-and-swap: shards share them without a lock, so that a limit holds for all of them together
//! and is not cut into parts too small for a trace.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Spans that have passed in the current second: the low half of a word, and above it the second.
#[derive(Debug, Default)]
pub(super) struct Window(AtomicU64);

impl Window {
    /// Lets `spans` pass at `now`, in nanoseconds, unless more than `most` would pass in this second. A clock that is read by several threads
    /// may seem to go back a little: then the later second goes on.
    pub(super) fn take(&self, spans: u32, most: u32, now: u64) -> bool {
        let second = (now / SECOND) & u64::from(u32::MAX);
        self.change(|word| {
            let (stored, passed) = (word >> 32, word & u64::from(u32::MAX));
            let (current, passed) = if stored >= second {
                (stored, passed)
            } else {
                (second, 0)
            };
            let passed = passed + u64::from(spans);
            (passed <= u64::from(most)).then_some(current << 32 | passed)
        })
    }

    /// Takes back what a [`Window::take`] let pass: not if its second is over.
    pub(super) fn give_back(&self, spans: u32, now: u64) {
        let second = (now / SECOND) & u64::from(u32::MAX);
        self.change(|word| {
            let passed = (word & u64::from(u32::MAX)).checked_sub(u64::from(spans))?;
            (word >> 32 == second).then_some(second << 32 | passed)
        });
    }

    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, to)
            .is_ok()
    }
}

/// An allowance of bytes that fills at a constant rate, up to a burst: the time at which it will be full again, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

/// How fast a [`Bucket`] fills, and how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) bytes_per_second: u64,
    pub(super) burst: u64,
}

impl Flow {
    /// How long it takes for this many bytes to be added, rounded up.
    fn time_for(self, bytes: u64) -> u64 {
        let time =
            (u128::from(bytes) * u128::from(SECOND)).div_ceil(u128::from(self.bytes_per_second.max(1)));
        u64::try_from(time).unwrap_or(u64::MAX)
    }
}

impl Bucket {
    /// Takes `bytes` at `now`, in nanoseconds, unless there are fewer.
    pub(super) fn take(&self, bytes: u64, flow: Flow, now: u64) -> bool {
        let (cost, burst) = (flow.time_for(bytes), flow.time_for(flow.burst));
        let update = |full_at: u64| {
            let then = full_at.max(now).saturating_add(cost);
            (then <= now.saturating_add(burst) && bytes <= flow.burst).then_some(then)
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
            .is_ok()
    }

    /// Puts back what a [`Bucket::take`] took.
    pub(super) fn give_back(&self, bytes: u64, flow: Flow) {
        let cost = flow.time_for(bytes);
        self.0.fetch_sub(cost, Ordering::Relaxed);
    }
}
