//! The pause after a failure to connect.

use super::CallError;
use forebay_core::Time;
use std::sync::Arc;
use std::time::Duration;

/// The bound of the first pause after a failed connect.
const FIRST: Duration = Duration::from_millis(200);
/// How much the bound grows with each further failure.
const GROWTH: f64 = 1.6;
/// Where the bound stops growing.
const LONGEST: Duration = Duration::from_secs(10);

/// How often something has failed in a row, and until when it is left alone. Many requests to a destination that is down
/// make one attempt to connect, not many.
#[derive(Debug)]
pub(super) struct Pause {
    failures: i32,
    until: Time,
    why: Arc<str>,
}

impl Default for Pause {
    fn default() -> Self {
        Pause {
            failures: 0,
            until: Time::default(),
            why: "".into(),
        }
    }
}

impl Pause {
    /// How much longer it lasts.
    pub(super) fn left(&self, now: Time) -> Duration {
        self.until.since(now)
    }

    /// Whether there was a failure after the last success.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// The failure that it is for, while it lasts.
    pub(super) fn refusal(&self, now: Time) -> Option<CallError> {
        let left = self.left(now);
        (!left.is_zero()).then(|| CallError::Unreachable {
            message: Arc::clone(&self.why),
            after: Some(left),
        })
    }

    /// Begins one: the bound grows from failure to failure, and half of it is random, so that a fleet does not come back as
    /// one (OTLP specification, "All Response Codes": jitter).
    /// What fails while one lasts failed together with what began it, and does not lengthen it.
    pub(super) fn begin(&mut self, (now, random): (Time, &mut fastrand::Rng), why: Arc<str>) -> Duration {
        self.why = why;
        let left = self.left(now);
        if !left.is_zero() {
            return left;
        }
        let grown = FIRST.as_secs_f64() * GROWTH.powi(self.failures);
        let bound = grown.min(LONGEST.as_secs_f64());
        let length = Duration::from_secs_f64(bound * (0.5 + 0.5 * random.f64()));
        self.failures = (self.failures + 1).min(64);
        self.until = now.after(length);
        length
    }
}
