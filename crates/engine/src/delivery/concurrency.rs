//! How many requests may be under way at once: as many as the config allows while the destination keeps up, fewer while it
//! does not. Additive increase, multiplicative decrease; knows no clock and no task.
//!
//! Two things count as overload: a failure that another attempt may cure, timeouts among them, and answers that take several
//! times as long as requests of their size have taken so far. The limit begins at its most and falls on such a sign only, so
//! that a destination that is steady never meets it.

use forebay_core::Time;
use forebay_core::settings::DeliverySettings;
use std::time::Duration;

/// What is left of the limit after a sign of overload.
const DECREASE: f64 = 0.7;
/// So many rounds that go well raise it by one.
const ROUNDS: f64 = 4.0;
/// Answers are slow from so many times the usual on,
const TOLERANCE: f64 = 3.0;
/// one that took longer than so many times the usual counts as so many,
const RATIO_MAX: f64 = 8.0;
/// and none that took less than this is slow, whatever is usual: below it is noise.
const FLOOR: f64 = 0.005;
/// Over so many answers the slowness of the last ones is averaged,
const SHORT: f64 = 16.0;
/// and over so many what is usual.
const LONG: f64 = 128.0;
/// So many answers of a size have to be known first.
const KNOWN: u32 = 20;

/// The limit.
#[derive(Debug)]
pub(super) struct Limit {
    adaptive: bool,
    min: f64,
    max: f64,
    now: f64,
    /// Below it the limit doubles with each round.
    threshold: f64,
    /// When it was lowered last: attempts from before say nothing new.
    lowered: Option<Time>,
    /// Whether anything went well since.
    recovering: bool,
    pace: Pace,
}

impl Limit {
    pub(super) fn new(settings: &DeliverySettings) -> Self {
        let max = settings.max_in_flight.max(1);
        let min = settings.min_in_flight.clamp(1, max);
        Limit {
            adaptive: settings.adaptive_concurrency,
            min: min as f64,
            max: max as f64,
            now: max as f64,
            threshold: max as f64,
            lowered: None,
            recovering: true,
            pace: Pace::default(),
        }
    }

    /// How many requests may be under way.
    pub(super) fn read(&self) -> usize {
        self.now as usize
    }

    /// An attempt that began at `began` failed in a way that another may cure.
    pub(super) fn failed(&mut self, began: Time, now: Time) {
        if !self.adaptive || self.lowered.is_some_and(|lowered| began <= lowered) {
            return;
        }
        let lower = (self.now * DECREASE).max(self.min);
        // In a row of failures the first says where the limit was too high.
        if self.recovering {
            self.threshold = lower;
        }
        self.now = lower;
        self.lowered = Some(now);
        self.recovering = false;
    }

    /// A request of `bytes` bytes that left at `began` was answered.
    pub(super) fn answered(&mut self, began: Time, now: Time, bytes: u64) {
        if !self.adaptive {
            return;
        }
        self.recovering = true;
        if self.pace.is_slow(bytes, now.since(began)) {
            return self.failed(began, now);
        }
        let more = if self.now < self.threshold {
            1.0
        } else {
            1.0 / (ROUNDS * self.now)
        };
        self.now = (self.now + more).min(self.max);
    }
}

/// How long answers take, for each size of requests: a large one may take longer than a small one.
#[derive(Debug)]
struct Pace {
    usual: [Usual; 65],
    /// How many times the usual the last answers took.
    ratio: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    seconds: f64,
    known: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            usual: [Usual::default(); 65],
            ratio: 1.0,
        }
    }
}

impl Pace {
    /// Takes note of an answer; whether the last ones were slow.
    fn is_slow(&mut self, bytes: u64, took: Duration) -> bool {
        let took = took.as_secs_f64();
        let class = (u64::BITS - bytes.leading_zeros()) as usize;
        let Some(usual) = self.usual.get_mut(class) else {
            return false;
        };
        if usual.known < KNOWN {
            usual.known += 1;
            usual.seconds += (took - usual.seconds) / f64::from(usual.known);
            return false;
        }
        let expected = usual.seconds.max(FLOOR);
        let ratio = (took / expected).min(RATIO_MAX);
        usual.seconds += (took.min(expected * RATIO_MAX) - usual.seconds) / LONG;
        self.ratio += (ratio - self.ratio) / SHORT;
        let slow = self.ratio > TOLERANCE;
        if slow {
            self.ratio = 1.0;
        }
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    fn limit(min: usize, max: usize) -> Limit {
        Limit::new(&DeliverySettings {
            min_in_flight: min,
            max_in_flight: max,
            adaptive_concurrency: true,
            ..DeliverySettings::default()
        })
    }

    /// Answers one after the other, each to a request that left when the one before was answered.
    struct Run {
        limit: Limit,
        now: Time,
    }

    impl Run {
        fn new(min: usize, max: usize) -> Self {
            let (limit, now) = (limit(min, max), Time::default());
            Run { limit, now }
        }

        fn answered(&mut self, bytes: u64, millis: f64) {
            let began = self.now;
            self.now = began.after(Duration::from_secs_f64(millis / 1e3));
            self.limit.answered(began, self.now, bytes);
        }

        fn failed(&mut self) {
            let began = self.now.after(Duration::from_millis(1));
            self.now = began.after(Duration::from_millis(1));
            self.limit.failed(began, self.now);
        }
    }

    /// Milliseconds around `usual`, now and then ten times as many.
    fn noisy(rng: &mut Rng, usual: f64) -> f64 {
        let spread = (0..6).map(|_| rng.f64()).sum::<f64>() - 3.0;
        let tail = if rng.u8(..) < 3 { 10.0 } else { 1.0 };
        usual * (spread * 0.7).exp() * tail
    }

    // spec: D-28
    #[test]
    fn property_a_destination_that_answers_as_it_always_did_never_meets_the_limit() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let mut run = Run::new(1, 64);
            for _ in 0..20_000 {
                // Requests of all sizes: larger ones take longer.
                let bytes = 1 << rng.u32(6..22);
                let usual = 1.0 + bytes as f64 / 20_000.0;
                run.answered(bytes, noisy(&mut rng, usual));
                assert_eq!(run.limit.read(), 64, "seed {seed}");
            }
        }
    }

    // spec: D-28
    #[test]
    fn failures_lower_it_to_its_least_and_no_further() {
        let mut run = Run::new(3, 64);
        for _ in 0..50 {
            run.failed();
        }
        assert_eq!(run.limit.read(), 3);
    }

    // spec: D-28
    #[test]
    fn failures_of_one_round_count_once() {
        let mut limit = limit(1, 10);
        let (began, now) = (Time(Duration::from_secs(1)), Time(Duration::from_secs(2)));
        for _ in 0..10 {
            limit.failed(began, now);
        }
        assert_eq!(limit.read(), 7);
        let later = |seconds| now.after(Duration::from_secs(seconds));
        limit.failed(later(1), later(2));
        assert_eq!(limit.read(), 4);
    }

    // spec: D-28
    #[test]
    fn it_grows_back_fast_at_first_and_then_by_one_in_four_rounds() {
        let mut run = Run::new(1, 100);
        (0..50).for_each(|_| run.failed());
        assert_eq!(run.limit.read(), 1);
        (0..70).for_each(|_| run.answered(1_000, 10.0));
        assert_eq!(run.limit.read(), 70, "to where it was too high");
        (0..4 * 71).for_each(|_| run.answered(1_000, 10.0));
        assert_eq!(run.limit.read(), 71);
        (0..20_000).for_each(|_| run.answered(1_000, 10.0));
        assert_eq!(run.limit.read(), 100);
    }

    // spec: D-28
    #[test]
    fn answers_that_take_much_longer_lower_it_until_that_is_usual() {
        let mut run = Run::new(1, 32);
        (0..1_000).for_each(|_| run.answered(1_000, 20.0));
        assert_eq!(run.limit.read(), 32);
        (0..50).for_each(|_| run.answered(1_000, 200.0));
        assert!(run.limit.read() < 16, "{}", run.limit.read());
        (0..5_000).for_each(|_| run.answered(1_000, 200.0));
        assert_eq!(run.limit.read(), 32);
    }

    #[test]
    fn without_adaptation_it_never_moves() {
        let mut run = Run::new(1, 8);
        run.limit.adaptive = false;
        (0..100).for_each(|_| run.failed());
        assert_eq!(run.limit.read(), 8);
    }
}
