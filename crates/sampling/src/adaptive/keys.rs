//! The keys, their weights, and the bound on how many there are.

use super::mixture::Mixture;
use super::tally::Tally;
use super::threshold_of;
use std::collections::HashMap;
use std::time::Duration;

/// A key that has sent nothing for so many windows is forgotten, at the earliest; at the latest, for twice as many.
const IDLE_WINDOWS: u32 = 2;
/// The exponent at which the growing unit of weights is taken back.
const GROWTH_MAX: f64 = 30.0;

#[derive(Debug)]
struct Key {
    hash: u64,
    mixture: Mixture,
    seen: Duration,
}

impl Key {
    /// How much longer than others it is remembered, at most `most`. Differs from key to key: if those that came together left
    /// together, the flood of new ones in their places would all be kept whole at once.
    fn patience(&self, most: Duration) -> Duration {
        most.mul_f64(self.hash as f64 / u64::MAX as f64)
    }
}

/// The keys that are told apart, and the one that stands for all others.
///
/// Weights fade with the window. Rather than to shrink all of them as time goes by, what is added grows: a weight is worth
/// `exp(-age / window)` of what is added now.
#[derive(Debug)]
pub(super) struct Keys {
    max: usize,
    window: Duration,
    keys: Vec<Key>,
    places: HashMap<u64, usize>,
    other: Mixture,
    total: f64,
    origin: Duration,
    overflowed: u64,
}

impl Keys {
    /// None yet, at most `max`.
    pub(super) fn new(max: usize, window: Duration) -> Self {
        Keys {
            max,
            window,
            keys: Vec::new(),
            places: HashMap::new(),
            other: Mixture::default(),
            total: 0.0,
            origin: Duration::ZERO,
            overflowed: 0,
        }
    }

    /// How many have a place of their own.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many places there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.keys.capacity().max(self.places.capacity())
    }

    /// How many found none, each counted once for each batch.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The weights of all keys; together, the ones without a place have one.
    pub(super) fn weights(&self) -> impl Iterator<Item = f64> + '_ {
        let other = Some(self.other.weight()).filter(|weight| *weight > 0.0);
        self.keys.iter().map(|key| key.mixture.weight()).chain(other)
    }

    /// Takes the unit of weights back when it has grown far, and, if `due`, forgets idle keys.
    pub(super) fn turn(&mut self, now: Duration, due: bool) {
        let exponent = self.exponent(now);
        if exponent > GROWTH_MAX {
            self.origin = now;
            let factor = (-exponent).exp();
            self.other.scale(factor);
            for key in &mut self.keys {
                key.mixture.scale(factor);
            }
        }
        if due {
            self.forget_idle(now);
            self.total = self.weights().sum();
        }
    }

    /// Adds what arrived with a batch.
    pub(super) fn note(&mut self, now: Duration, tally: &mut Tally) {
        let unit = self.exponent(now).exp();
        self.total += tally.weight() * unit;
        for arrivals in tally.arrivals_mut() {
            arrivals.place = self.place(arrivals.key, now);
            let mixture = match arrivals.place.and_then(|place| self.keys.get_mut(place)) {
                Some(key) => {
                    key.seen = now;
                    &mut key.mixture
                }
                None => &mut self.other,
            };
            mixture.merge(&arrivals.mixture, unit);
        }
    }

    /// Gives each key of a batch that was noted its threshold, for a level at this share of the total weight.
    pub(super) fn give_thresholds(&self, level: f64, tally: &mut Tally) {
        let allowed = level * self.total;
        for arrivals in tally.arrivals_mut() {
            let key = arrivals.place.and_then(|place| self.keys.get(place));
            let mixture = key.map_or(&self.other, |key| &key.mixture);
            arrivals.threshold = threshold_of(mixture.probability(allowed));
        }
    }

    fn exponent(&self, now: Duration) -> f64 {
        now.saturating_sub(self.origin).as_secs_f64() / self.window.as_secs_f64()
    }

    /// The place of a key, which it gets if there is one left.
    fn place(&mut self, hash: u64, now: Duration) -> Option<usize> {
        if let Some(place) = self.places.get(&hash) {
            return Some(*place);
        }
        if self.keys.len() >= self.max {
            self.overflowed += 1;
            return None;
        }
        let place = self.keys.len();
        self.places.insert(hash, place);
        self.keys.push(Key {
            hash,
            mixture: Mixture::default(),
            seen: now,
        });
        Some(place)
    }

    fn forget_idle(&mut self, now: Duration) {
        let least = self.window.saturating_mul(IDLE_WINDOWS);
        let before = self.keys.len();
        self.keys
            .retain(|key| now.saturating_sub(key.seen) <= least.saturating_add(key.patience(least)));
        if self.keys.len() < before {
            self.places.clear();
            let places = self.keys.iter().enumerate().map(|(place, key)| (key.hash, place));
            self.places.extend(places);
        }
    }
}
