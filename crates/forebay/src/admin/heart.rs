//! Whether the runtime that the data runs on still turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often it beats.
const BEAT: Duration = Duration::from_secs(1);
/// Without a beat for so long, the runtime stands still. Long enough for a stopped or starved container to come back.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// A task that notes the time again and again, and the note that it leaves.
#[derive(Debug)]
pub(super) struct Heart {
    began: Instant,
    /// Milliseconds from `began` to the last beat.
    last_beat: Arc<AtomicU64>,
}

impl Heart {
    /// Starts beating on the runtime that it is called on, until the heart is let go.
    pub(super) fn beat() -> Heart {
        Heart::beat_every(BEAT)
    }

    fn beat_every(pause: Duration) -> Heart {
        let began = Instant::now();
        let last_beat = Arc::new(AtomicU64::new(0));
        let note = Arc::downgrade(&last_beat);
        tokio::spawn(async move {
            while let Some(note) = note.upgrade() {
                let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                note.store(passed, Ordering::Relaxed);
                drop(note);
                tokio::time::sleep(pause).await;
            }
        });
        Heart { began, last_beat }
    }

    /// How long it has been silent if that is too long.
    pub(super) fn silence(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.last_beat.load(Ordering::Relaxed));
        let silence = self.began.elapsed().saturating_sub(last);
        (silence > SILENCE_MAX).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_does_not_turn_has_no_beat() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut heart = {
            let _inside = runtime.enter();
            Heart::beat()
        };
        assert_eq!(heart.silence(), None);
        // As if it had begun long ago: the runtime was never run, so the task never was.
        heart.began -= SILENCE_MAX + BEAT;
        assert!(heart.silence().is_some_and(|silence| silence > SILENCE_MAX));
        assert_eq!(heart.last_beat.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_runtime_that_turns_beats_until_the_heart_is_let_go() {
        let pause = Duration::from_millis(1);
        let heart = Heart::beat_every(pause);
        heart.last_beat.store(u64::MAX, Ordering::Relaxed);
        while heart.last_beat.load(Ordering::Relaxed) == u64::MAX {
            tokio::time::sleep(pause).await;
        }
        assert_eq!(heart.silence(), None);
        let note = Arc::downgrade(&heart.last_beat);
        drop(heart);
        while note.upgrade().is_some() {
            tokio::time::sleep(pause).await;
        }
    }
}
