//! How long to wait between attempts: full jitter below a bound that grows.

use forebay_core::settings::RetryConfig;
use std::time::Duration;

/// The least bound of a wait between attempts: with none, a destination that fails at once would keep a thread busy.
const BOUND_MIN: Duration = Duration::from_millis(10);

/// The bounds of the waits.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    initial: Duration,
    multiplier: f64,
    max: Duration,
}

impl Backoff {
    pub(super) fn new(retry: &RetryConfig) -> Self {
        // TOML knows `nan`.
        let multiplier = if retry.multiplier.is_nan() {
            1.0
        } else {
            retry.multiplier.clamp(1.0, 100.0)
        };
        Backoff {
            initial: retry.initial_interval.0,
            multiplier,
            max: retry.max_interval.0,
        }
    }

    /// The bound of the first wait.
    pub(super) fn first(&self) -> Duration {
        self.within(self.initial)
    }

    /// The bound of the wait after one with `bound`.
    pub(super) fn next(&self, bound: Duration) -> Duration {
        self.within(bound.mul_f64(self.multiplier))
    }

    fn within(&self, bound: Duration) -> Duration {
        bound.min(self.max).max(BOUND_MIN)
    }
}

/// Full jitter: anywhere between zero and `bound`.
pub(super) fn jittered(bound: Duration) -> Duration {
    bound.mul_f64(fastrand::f64())
}
