//! Decides which request is next and when it is due.

use super::Options;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The next request.
pub(super) struct Ticket {
    pub(super) sequence: u64,
    /// When it was due: the start of its latency.
    pub(super) due: Instant,
}

pub(super) struct Pace {
    start: Instant,
    interval: Option<Duration>,
    duration: Option<Duration>,
    requests: u64,
    next: AtomicU64,
    stopped: AtomicBool,
}

impl Pace {
    pub(super) fn new(options: &Options) -> Pace {
        let interval =
            (options.rate > 0).then(|| Duration::from_secs_f64(options.items as f64 / options.rate as f64));
        Pace {
            start: Instant::now(),
            interval,
            duration: options.duration,
            requests: options.requests.unwrap_or(u64::MAX),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || self.duration.is_some_and(|limit| self.start.elapsed() >= limit)
    }

    /// Waits for the next request, or says that there is none.
    pub(super) async fn next(&self) -> Option<Ticket> {
        if self.stopped() {
            return None;
        }
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        if sequence >= self.requests {
            return None;
        }
        let Some(interval) = self.interval else {
            return Some(Ticket {
                sequence,
                due: Instant::now(),
            });
        };
        let due = self.start + Duration::from_secs_f64(interval.as_secs_f64() * sequence as f64);
        tokio::time::sleep_until(due.into()).await;
        (!self.stopped()).then_some(Ticket { sequence, due })
    }
}
