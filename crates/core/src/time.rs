//! The clock: passed in, so that everything that waits or measures can run under a simulated one.

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment on a [`Clock`]: the time since the clock began. Moments of two clocks do not compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub Duration);

impl Time {
    /// How long it is from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `duration` later.
    pub fn after(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration))
    }
}

/// What a clock must be able to do.
pub trait TimeSource: Send + Sync {
    /// The moment now.
    fn now(&self) -> Time;
    /// Nanoseconds since the Unix epoch, for what is written into data.
    fn unix_nanos(&self) -> u64;
    /// Ready once `until` has come.
    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()>;
}

/// A clock. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// A clock over any source of time: for tests.
    pub fn new(source: Arc<dyn TimeSource>) -> Self {
        Clock(source)
    }

    /// The machine's own clock, with tokio's timer. Sleeping needs a tokio runtime.
    pub fn system() -> Self {
        Clock(Arc::new(SystemClock {
            began: Instant::now(),
        }))
    }

    /// The moment now.
    pub fn now(&self) -> Time {
        self.0.now()
    }

    /// Nanoseconds since the Unix epoch.
    pub fn unix_nanos(&self) -> u64 {
        self.0.unix_nanos()
    }

    /// Ready once `until` has come.
    pub fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        self.0.sleep_until(until)
    }

    /// Ready once `duration` has passed.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().after(duration))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

struct SystemClock {
    began: Instant,
}

impl TimeSource for SystemClock {
    fn now(&self) -> Time {
        Time(self.began.elapsed())
    }

    fn unix_nanos(&self) -> u64 {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        let deadline = self
            .began
            .checked_add(until.0)
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}
