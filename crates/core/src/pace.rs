//! How soon a sender that was refused for want of memory should come again: from how fast memory is given back.

use crate::time::Time;
use std::time::Duration;

/// What is suggested while nothing is known, and without a clock.
pub(crate) const DEFAULT: Duration = Duration::from_secs(1);
/// The least that is suggested: less would make refusing the work.
const LEAST: Duration = Duration::from_millis(100);
/// The most that is suggested: after a longer wait an idle pipeline would go on standing idle.
const MOST: Duration = Duration::from_secs(30);
/// Samples are no closer together than this, so that one large batch is not taken for a pace.
const SAMPLE: Duration = Duration::from_millis(100);
/// The time constant of the moving average.
const MEMORY: Duration = Duration::from_secs(2);
/// A sample older than this says nothing: nobody was refused since, and how little was given back may be for want of data.
const STALE: Duration = Duration::from_secs(60);

/// A moving average of bytes given back per second.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Sample>,
    rate: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Time,
    freed: u64,
}

impl Pace {
    /// How long it takes until `wanted` bytes are given back, if it goes on as it went. `freed` is how many were given back
    /// until `now`, since the start.
    pub(crate) fn delay(&mut self, now: Time, freed: u64, wanted: u64) -> Duration {
        let wanted = wanted as f64;
        self.sample(Sample { at: now, freed }, wanted / DEFAULT.as_secs_f64());
        match self.rate {
            None => DEFAULT,
            // Too slow to tell, or not at all.
            Some(rate) if rate * MOST.as_secs_f64() <= wanted => MOST,
            Some(rate) => Duration::from_secs_f64(wanted / rate).clamp(LEAST, MOST),
        }
    }

    /// The average begins at `usual`, so that one quiet moment at the start is not taken for a standstill.
    fn sample(&mut self, sample: Sample, usual: f64) {
        let last = self.last.filter(|last| sample.at.since(last.at) <= STALE);
        let Some(last) = last else {
            *self = Pace {
                last: Some(sample),
                rate: None,
            };
            return;
        };
        let elapsed = sample.at.since(last.at);
        if elapsed < SAMPLE {
            return;
        }
        let seconds = elapsed.as_secs_f64();
        let fresh = sample.freed.saturating_sub(last.freed) as f64 / seconds;
        let weight = 1.0 - (-seconds / MEMORY.as_secs_f64()).exp();
        let rate = self.rate.unwrap_or(usual);
        self.rate = Some(rate + (fresh - rate) * weight);
        self.last = Some(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn at(millis: u64) -> Time {
        Time(Duration::from_millis(millis))
    }

    // spec: M-7
    #[test]
    fn the_delay_is_as_long_as_the_room_takes_to_come() {
        let mut pace = Pace::default();
        assert_eq!(pace.delay(at(0), 0, 8 * MIB), DEFAULT, "nothing is known yet");
        // 4 MiB a second.
        let mut last = DEFAULT;
        for tenth in 1..=200 {
            let delay = pace.delay(at(tenth * 100), tenth * 4 * MIB / 10, 8 * MIB);
            assert!(delay >= last, "it is found out little by little");
            last = delay;
        }
        assert!((last.as_secs_f64() - 2.0).abs() < 0.01, "{last:?}");
    }

    // spec: M-7
    #[test]
    fn where_nothing_is_given_back_the_delay_grows_to_its_end_and_falls_again() {
        let mut pace = Pace::default();
        pace.delay(at(0), 0, MIB);
        assert!(
            pace.delay(at(100), 0, MIB) < 2 * DEFAULT,
            "a moment is no standstill"
        );
        assert_eq!(pace.delay(at(20_000), 0, MIB), MOST);
        assert_eq!(pace.delay(at(30_000), 1_000 * MIB, MIB), LEAST);
        assert_eq!(
            pace.delay(at(3_600_000), 1_000 * MIB, MIB),
            DEFAULT,
            "that was long ago"
        );
    }

    proptest! {
        #[test]
        fn property_the_delay_is_never_out_of_bounds(
            calls in proptest::collection::vec((0..1_u64 << 40, any::<u64>(), any::<u64>()), 1..50),
        ) {
            let mut pace = Pace::default();
            for (millis, freed, wanted) in calls {
                let delay = pace.delay(at(millis), freed, wanted);
                prop_assert!(delay == DEFAULT || (LEAST..=MOST).contains(&delay));
            }
        }
    }
}
