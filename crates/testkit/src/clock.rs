//! A clock that stands still until it is told to move.

use forebay_core::{Clock, Time, TimeSource};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Simulated time. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct SimulatedClock {
    now: Arc<watch::Sender<Time>>,
    sleepers: Arc<Mutex<Vec<Time>>>,
}

impl Default for SimulatedClock {
    fn default() -> Self {
        SimulatedClock {
            now: Arc::new(watch::channel(Time::default()).0),
            sleepers: Arc::default(),
        }
    }
}

impl SimulatedClock {
    /// The clock to pass in.
    pub fn clock(&self) -> Clock {
        Clock::new(Arc::new(self.clone()))
    }

    /// Moves time on by `duration`: who sleeps until then wakes up.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = now.after(duration));
    }

    /// Ready once somebody sleeps, with the moment that the first one waits for.
    pub async fn somebody_sleeps(&self) -> Time {
        loop {
            if let Some(first) = self.sleepers().iter().min().copied() {
                return first;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until somebody sleeps, and moves time on to when the first one wants to wake up.
    pub async fn skip_to_next(&self) {
        // Those that were woken last time have to run before they are off the list.
        tokio::task::yield_now().await;
        let until = self.somebody_sleeps().await;
        self.now.send_modify(|now| *now = (*now).max(until));
    }

    fn sleepers(&self) -> MutexGuard<'_, Vec<Time>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a sleeper off the list when it wakes up or gives up.
struct Asleep {
    clock: SimulatedClock,
    until: Time,
}

impl Drop for Asleep {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers();
        if let Some(index) = sleepers.iter().position(|until| *until == self.until) {
            sleepers.swap_remove(index);
        }
    }
}

impl TimeSource for SimulatedClock {
    fn now(&self) -> Time {
        *self.now.borrow()
    }

    fn unix_nanos(&self) -> u64 {
        1_700_000_000_000_000_000 + u64::try_from(self.now().0.as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let mut now = self.now.subscribe();
        Box::pin(async move {
            if *now.borrow() >= until {
                return;
            }
            clock.sleepers().push(until);
            let _asleep = Asleep { clock, until };
            // The sender lives as long as the clock that this future holds.
            let _ = now.wait_for(|now| *now >= until).await;
        })
    }
}
