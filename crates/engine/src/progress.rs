//! Whether a worker's component comes back: health is tied to progress.

use crate::running::Running;
use forebay_core::{Clock, Time};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A component that keeps its worker for so long in one turn is stuck: a turn is a matter of milliseconds.
const TURN_MAX: Duration = Duration::from_secs(30);

/// When the turn that a worker's component is in began, if it is in one. Waiting for data or for room is no turn.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Option<Time>>);

impl Progress {
    /// A turn begins.
    pub(crate) fn enter(&self, now: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// The component has come back.
    pub(crate) fn leave(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_stuck(&self, clock: &Clock) -> bool {
        let entered = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entered.is_some_and(|entered| clock.now().since(entered) > TURN_MAX)
    }
}

impl Running {
    /// The first node of which a worker has not come back from its component for 30 seconds, if there is one.
    pub fn stuck(&self) -> Option<Arc<str>> {
        let stuck = |progress: &Arc<Progress>| progress.is_stuck(&self.clock);
        self.nodes
            .iter()
            .find(|node| node.progress.iter().any(stuck))
            .map(|node| Arc::clone(&node.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_testkit::SimulatedClock;

    #[test]
    fn a_worker_is_stuck_once_its_component_has_not_come_back_for_long() {
        let simulated = SimulatedClock::default();
        let clock = simulated.clock();
        let progress = Progress::default();
        assert!(!progress.is_stuck(&clock), "it is in no turn");
        progress.enter(clock.now());
        simulated.advance(TURN_MAX);
        assert!(!progress.is_stuck(&clock));
        simulated.advance(Duration::from_millis(1));
        assert!(progress.is_stuck(&clock));
        progress.leave();
        assert!(!progress.is_stuck(&clock));
    }
}
