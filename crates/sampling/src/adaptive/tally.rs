//! What arrived with one batch, by key.

use super::mixture::Mixture;
use crate::probability::Threshold;

/// What arrived of one key.
#[derive(Debug)]
pub(super) struct Arrivals {
    pub(super) key: u64,
    pub(super) mixture: Mixture,
    /// The key's place in the controller, while one batch is offered.
    pub(super) place: Option<usize>,
    pub(super) threshold: Threshold,
}

/// What arrived with one batch, by key; after [`Controller::offer`](super::Controller::offer), the thresholds.
///
/// Keys are hashes of 64 bits. Those that are equal are one key; a caller whose senders could choose what collides hashes with a seed that
/// they do not know.
#[derive(Debug, Default)]
pub struct Tally {
    arrivals: Vec<Arrivals>,
    /// Where in `arrivals` a key may be, plus 1: an open-addressed table of twice as many slots or more, their number a power of 2.
    slots: Vec<u32>,
    /// Where the last key is: batches bring many items of a key in a row.
    last: usize,
    items: u64,
}

impl Tally {
    /// Nothing yet. Holds no memory.
    pub fn new() -> Self {
        Tally::default()
    }

    /// Adds an item of `key`. `arrived` is the threshold that it passed before, [`Threshold::ALWAYS`] if none is known.
    ///
    /// Returns the place by which [`Tally::threshold`] tells what its threshold is.
    #[inline]
    pub fn add(&mut self, key: u64, weight: u64, arrived: Threshold) -> usize {
        let place = match self.arrivals.get(self.last) {
            Some(arrivals) if arrivals.key == key => self.last,
            _ => self.find(key),
        };
        self.last = place;
        self.items += 1;
        if let Some(arrivals) = self.arrivals.get_mut(place) {
            arrivals.mixture.add(weight as f64, arrived);
        }
        place
    }

    /// The threshold of the key that stands at `place`; that keeps everything until one was given.
    #[inline]
    pub fn threshold(&self, place: usize) -> Threshold {
        self.arrivals
            .get(place)
            .map_or(Threshold::ALWAYS, |arrivals| arrivals.threshold)
    }

    /// Whether no key is thinned.
    pub fn keeps_all(&self) -> bool {
        self.arrivals
            .iter()
            .all(|arrivals| arrivals.threshold == Threshold::ALWAYS)
    }

    /// The weight of all items.
    pub(super) fn weight(&self) -> f64 {
        self.arrivals
            .iter()
            .map(|arrivals| arrivals.mixture.weight())
            .sum()
    }

    /// How many items there are.
    pub(super) fn items(&self) -> f64 {
        self.items as f64
    }

    pub(super) fn arrivals_mut(&mut self) -> impl Iterator<Item = &mut Arrivals> {
        self.arrivals.iter_mut()
    }

    /// The place of a key that is not the last one's; a new one if need be.
    fn find(&mut self, key: u64) -> usize {
        if self.slots.len() <= self.arrivals.len() * 2 {
            self.grow();
        }
        let place = self.arrivals.len();
        let mask = self.slots.len() - 1;
        let mut slot = key as usize & mask;
        while let Some(entry) = self.slots.get_mut(slot) {
            if *entry == 0 {
                *entry = place as u32 + 1;
                break;
            }
            let found = *entry as usize - 1;
            if self
                .arrivals
                .get(found)
                .is_some_and(|arrivals| arrivals.key == key)
            {
                return found;
            }
            slot = (slot + 1) & mask;
        }
        self.arrivals.push(Arrivals {
            key,
            mixture: Mixture::default(),
            place: None,
            threshold: Threshold::ALWAYS,
        });
        place
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(16);
        self.slots.clear();
        self.slots.resize(size, 0);
        for (place, arrivals) in self.arrivals.iter().enumerate() {
            let mut slot = arrivals.key as usize & (size - 1);
            while self.slots.get(slot).is_some_and(|entry| *entry != 0) {
                slot = (slot + 1) & (size - 1);
            }
            if let Some(entry) = self.slots.get_mut(slot) {
                *entry = place as u32 + 1;
            }
        }
    }
}
