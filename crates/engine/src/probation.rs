//! How a node that panicked comes to be called working again: by doing its work.

use forebay_core::{Condition, Health};
use std::sync::atomic::{AtomicU32, Ordering};

/// So many turns without a panic, one after the other, and a node is called working again. How often it panicked stays in
/// its metrics.
const TURNS: u32 = 1_000;

/// Counts the turns of a node after a panic.
#[derive(Debug)]
pub(crate) struct Probation {
    health: Health,
    words: &'static str,
    left: AtomicU32,
}

impl Probation {
    /// Of a node that has not panicked; one that has is degraded with these words.
    pub(crate) fn new(health: Health, words: &'static str) -> Self {
        let left = AtomicU32::new(0);
        Probation { health, words, left }
    }

    /// It has panicked.
    pub(crate) fn panicked(&self) {
        self.left.store(TURNS, Ordering::Relaxed);
        self.health.degraded(self.words);
    }

    /// A turn went well. Costs one load while there was no panic.
    pub(crate) fn went_well(&self) {
        if self.left.load(Ordering::Relaxed) == 0 {
            return;
        }
        let one_less = |left: u32| left.checked_sub(1);
        let last = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            == Ok(1);
        // Something else may be wrong by now: that is not over.
        if last && matches!(self.health.condition(), Condition::Degraded(why) if *why == *self.words) {
            self.health.working();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: D-14
    #[test]
    fn many_good_turns_make_up_for_a_panic_and_for_nothing_else() {
        let health = Health::default();
        let probation = Probation::new(health.clone(), "panicked");
        let turns = |count| (0..count).for_each(|_| probation.went_well());
        probation.panicked();
        turns(TURNS - 1);
        probation.panicked();
        turns(TURNS - 1);
        assert_eq!(health.condition(), Condition::Degraded("panicked".into()));
        turns(1);
        assert_eq!(health.condition(), Condition::Working);
        probation.panicked();
        health.degraded("cannot reach anybody");
        turns(2 * TURNS);
        assert_eq!(
            health.condition(),
            Condition::Degraded("cannot reach anybody".into())
        );
        health.failed("for good");
        probation.panicked();
        turns(TURNS);
        assert_eq!(health.condition(), Condition::Failed("for good".into()));
    }
}
