//! Adaptive thresholds: how much of each key to keep, so that what is kept in total meets a target while traffic swings.
//!
//! The caller says for each batch how much arrived of which key ([`Tally`]) and gets a [`Threshold`] for each of them
//! ([`Controller::offer`]) before it decides about any item; afterwards it says how much it kept ([`Controller::settle`]).
//! The time is passed in. Amounts are in any unit that the caller chooses, items or bytes.
//!
//! # How the target is divided
//!
//! Max-min fairness, as water finds its level: there is one level such that, if each key gives as much as it has but at most the
//! level, all together give the target. Keys below it are kept whole; those above are thinned to it, whatever they have. No key can
//! get more without another one that has less getting less.
//!
//! # How the rates are known
//!
//! By two estimates of different speed, and one correction.
//!
//! - How the traffic is divided among the keys is estimated over [`Settings::window`], by weights that fade with it. That is slow on
//!   purpose: clients send in bursts of seconds, and a key is not heavy because its batch has just come.
//! - How much traffic there is in total is estimated over a few [`Settings::adjust_interval`]s, or over as many batches as make an
//!   estimate, if they are rare. It includes the batch at hand: so a tenfold step is met in the batch that begins it, and costs about
//!   half a second's worth of the target until it has been seen whole.
//! - What was kept is compared with the target. The difference adds up, within bounds of one window's worth of the target, and
//!   raises or lowers what is aimed at until it is made up for. So estimates that are off in one direction (bursts, spans of a
//!   trace that are kept together) do not shift the long-term average.
//!
//! # Why counts stay right
//!
//! The threshold of an item is set before its randomness is looked at, and written into the item. So the sum of the adjusted counts
//! of what was kept is an unbiased estimate of what arrived, however thresholds move.
//!
//! # Items that were sampled before
//!
//! An item that arrives with a threshold above the key's own passes unchanged; one with a lower threshold leaves with the key's. So what a
//! threshold lets through depends on the thresholds that items arrive with, and they are kept count of, in classes of a factor
//! of two in adjusted count. The level is compared with what is there, items as they arrive, and not with what they stand for: it is
//! the output that has a target.

mod keys;
mod level;
mod mixture;
mod pace;
mod tally;
#[cfg(test)]
mod tests;

pub use tally::Tally;

use crate::probability::{Precision, Threshold};
use keys::Keys;
use level::Levels;
use pace::Pace;
use std::time::Duration;

/// What is to be kept, in total.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// So much in a second, above 0, in the unit of the tally's weights.
    PerSecond(f64),
    /// This share of what arrives, above 0 and at most 1.
    Share(f64),
}

/// How a [`Controller`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What is to be kept.
    pub target: Target,
    /// How many keys are told apart at most. Those beyond it share one level, like a single key.
    pub max_keys: usize,
    /// So much per second of each key is kept even if the target is exceeded by it. 0 for none.
    pub min_per_key: f64,
    /// How often the level is computed from scratch, and the time that the fast estimate is about.
    pub adjust_interval: Duration,
    /// Over what time the shares of the keys are estimated, and deviations from the target are made up for.
    pub window: Duration,
}

/// What a [`Controller`] does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// What arrives in a second, over the window.
    pub arriving: f64,
    /// What is kept in a second, over the window.
    pub kept: f64,
    /// Most that is kept of a key in a second; infinite while everything is kept.
    pub level: f64,
    /// How many keys are told apart.
    pub keys: usize,
    /// How many keys of batches, each counted once for each batch, found no place of their own since the beginning.
    pub overflowed: u64,
}

/// By how much the target is raised at most, to make up for what is missing.
const BOOST_MAX: f64 = 8.0;
/// What can be saved up, in windows' worths of the target; and what at most by who has less than the target to give over the whole
/// window, so that a burst is thinned all the same.
const SAVED_MAX: f64 = 0.5;
const SAVED_WHEN_WHOLE: f64 = 0.0;
/// How far the debt can go.
const DEBT_MAX: f64 = 1.0;
/// What one batch may take in addition to what is saved up, in windows' worths.
const BATCH_MAX: f64 = 0.5;
/// The least number of average items that the account spans, so that single ones do not shake a low target.
const ACCOUNT_ITEMS: f64 = 50.0;
/// How many batches make an estimate of the total rate.
const ESTIMATE_BATCHES: f64 = 8.0;
/// How many intervals make one.
const ESTIMATE_INTERVALS: f64 = 2.0;

/// Gives thresholds to the keys of batches. See the module for how.
#[derive(Debug)]
pub struct Controller {
    settings: Settings,
    keys: Keys,
    levels: Levels,
    /// The total rate over a few intervals.
    brief: Pace,
    /// The total rate over the window.
    steady: Pace,
    /// What was kept, over the window.
    kept: Pace,
    /// What was kept since the last batch was offered.
    settled: f64,
    /// What could have been kept in addition, since the beginning and within bounds; negative for a debt.
    account: f64,
    /// A window's worth of the target, when the account was last brought up to date.
    account_span: f64,
    /// What the last batch adds to the account, to be set against what is kept of it.
    earned: f64,
    last: Option<Duration>,
    due: Duration,
    level: f64,
}

impl Controller {
    /// One that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        let first = settings.window.as_secs_f64() / 5.0;
        Controller {
            keys: Keys::new(settings.max_keys, settings.window),
            levels: Levels::default(),
            brief: Pace::new(first),
            steady: Pace::new(first),
            kept: Pace::new(first),
            settled: 0.0,
            account: 0.0,
            account_span: 0.0,
            earned: 0.0,
            last: None,
            due: Duration::ZERO,
            level: f64::INFINITY,
            settings,
        }
    }

    /// Takes note of what arrived with a batch at `now`, and gives a threshold to each of its keys. Time that runs backwards stands
    /// still.
    pub fn offer(&mut self, now: Duration, tally: &mut Tally) {
        let now = self.last.map_or(now, |last| now.max(last));
        let elapsed = self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last = Some(now);
        self.measure(elapsed, tally);
        let due = now >= self.due;
        self.keys.turn(now, due);
        self.keys.note(now, tally);
        if due || self.levels.is_empty() {
            self.levels.compute(self.keys.weights());
            self.due = now.saturating_add(self.settings.adjust_interval);
        }
        let share = self.levels.at(self.fraction(tally.weight()));
        let arriving = self.brief.rate();
        let floor = self.settings.min_per_key / arriving;
        let share = if floor.is_nan() { share } else { share.max(floor) };
        self.level = share * arriving;
        self.keys.give_thresholds(share, tally);
    }

    /// Takes note that `kept` of what was offered was kept in fact.
    pub fn settle(&mut self, kept: f64) {
        self.settled += kept;
    }

    /// What it does at the moment, which is `now`.
    pub fn reading(&self, now: Duration) -> Reading {
        let since = self
            .last
            .map_or(0.0, |last| now.saturating_sub(last).as_secs_f64());
        let window = self.settings.window.as_secs_f64();
        Reading {
            arriving: self.steady.rate_after(since, window),
            kept: self.kept.rate_after(since, window),
            level: self.level,
            keys: self.keys.len(),
            overflowed: self.keys.overflowed(),
        }
    }

    /// Brings the total rates and the account up to date.
    fn measure(&mut self, elapsed: Duration, tally: &Tally) {
        let window = self.settings.window.as_secs_f64();
        let interval = self.settings.adjust_interval.as_secs_f64();
        let elapsed = elapsed.as_secs_f64();
        let horizon = (ESTIMATE_BATCHES * self.brief.gap())
            .max(ESTIMATE_INTERVALS * interval)
            .min(window / 2.0);
        let (weight, items) = (tally.weight(), tally.items());
        self.brief.push(elapsed.min(window), (weight, items), horizon);
        self.steady.push(elapsed.min(window), (weight, items), window);
        let settled = std::mem::take(&mut self.settled);
        self.kept.push(elapsed.min(window), (settled, 0.0), window);
        let earned = match self.settings.target {
            Target::PerSecond(target) => target * elapsed,
            Target::Share(share) => std::mem::replace(&mut self.earned, share * weight),
        };
        let saved_max = if self.target() < self.steady.rate() {
            SAVED_MAX
        } else {
            SAVED_WHEN_WHOLE
        };
        let span = self.span();
        let before = std::mem::replace(&mut self.account_span, span);
        if span < before {
            // What was owed of much is not made up for with little.
            self.account *= span / before;
        }
        let account = self.account + earned - settled;
        self.account = account.min(saved_max * span).max(-DEBT_MAX * span);
    }

    /// The target as a rate.
    fn target(&self) -> f64 {
        match self.settings.target {
            Target::PerSecond(target) => target,
            Target::Share(share) => share * self.steady.rate(),
        }
    }

    /// A window's worth of the target.
    fn span(&self) -> f64 {
        let window = self.target() * self.settings.window.as_secs_f64();
        window.max(ACCOUNT_ITEMS * self.steady.mean_item())
    }

    /// The share of what arrives that is to be kept, of a batch of this weight: that of the target, corrected by the account. No
    /// single batch is given much more than what is saved up, however long the silence was before it.
    fn fraction(&self, weight: f64) -> f64 {
        let saved = self.account / self.span();
        let boost = BOOST_MAX.powf(saved / SAVED_MAX);
        match self.settings.target {
            Target::PerSecond(target) => {
                let most = (BATCH_MAX + saved.max(0.0)) * self.span();
                (boost * target / self.brief.rate()).min(most / weight)
            }
            Target::Share(1.0..) => 1.0,
            Target::Share(share) => boost * share,
        }
    }
}

/// The threshold of a probability, in as many digits as the specification recommends.
fn threshold_of(probability: f64) -> Threshold {
    Threshold::from_probability(probability, Precision::DEFAULT).unwrap_or(Threshold::HIGHEST)
}
