//! Made-up traffic, and what a controller makes of it.

use crate::adaptive::{Controller, Settings, Tally, Target};
use crate::probability::{Randomness, Threshold};
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds from one look at the clock to the next.
const STEP: f64 = 0.001;

/// How the rate goes over time, as a share of its height.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Always the same.
    Flat,
    /// A tenth for 10 seconds, the whole for 10 seconds.
    Steps,
    /// From a tenth to the whole within 10 seconds, and back.
    Ramp,
    /// Between a tenth and the whole, smoothly, every 20 seconds.
    Wave,
    /// All the traffic of a second comes in a tenth of it.
    Bursts,
}

impl Shape {
    fn at(self, seconds: f64) -> f64 {
        let phase = seconds % 20.0 / 20.0;
        match self {
            Shape::Flat => 1.0,
            Shape::Steps if phase < 0.5 => 0.1,
            Shape::Steps => 1.0,
            Shape::Ramp => 0.1 + 0.9 * (1.0 - (2.0 * phase - 1.0).abs()),
            Shape::Wave => 0.55 + 0.45 * (phase * std::f64::consts::TAU).sin(),
            Shape::Bursts if seconds % 1.0 < 0.1 => 10.0,
            Shape::Bursts => 0.0,
        }
    }
}

/// An item to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) key: u64,
    pub(super) weight: u64,
    /// The threshold that it passed before.
    pub(super) arrived: Threshold,
}

impl Item {
    pub(super) fn of(key: u64) -> Item {
        Item {
            key,
            weight: 1,
            arrived: Threshold::ALWAYS,
        }
    }
}

/// Makes one item, given the time and a source of chance.
pub(super) type Source = dyn Fn(f64, &mut fastrand::Rng) -> Item;

/// When items come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) shape: Shape,
    /// Items per second at its height.
    pub(super) rate: f64,
    /// Items in a batch.
    pub(super) batch: usize,
    pub(super) seconds: f64,
}

pub(super) fn settings(target: Target) -> Settings {
    Settings {
        target,
        max_keys: 1000,
        min_per_key: 0.0,
        adjust_interval: Duration::from_millis(100),
        window: Duration::from_secs(5),
    }
}

/// One key.
pub(super) fn single() -> Box<Source> {
    Box::new(|_, _| Item::of(7))
}

/// Keys of which the k-th comes 1/k as often as the first.
pub(super) fn zipf(keys: usize) -> Box<Source> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=keys)
        .map(|k| {
            sum += 1.0 / k as f64;
            sum
        })
        .collect();
    Box::new(move |_, rng| {
        let point = rng.f64() * sum;
        Item::of(sums.partition_point(|sum| *sum < point) as u64)
    })
}

/// What became of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) at: f64,
    pub(super) item: Item,
    /// The threshold that it left with.
    pub(super) threshold: Threshold,
    pub(super) kept: bool,
}

/// What a controller made of some traffic.
pub(super) struct Run {
    pub(super) controller: Controller,
    pub(super) fates: Vec<Fate>,
    seconds: f64,
}

impl Run {
    pub(super) fn new(settings: Settings, traffic: Traffic, source: &Source, seed: u64) -> Run {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut run = Run {
            controller: Controller::new(settings),
            fates: Vec::new(),
            seconds: traffic.seconds,
        };
        let mut now = 0.0;
        while now < traffic.seconds {
            now += STEP;
            let expected = traffic.rate * traffic.shape.at(now) * STEP / traffic.batch as f64;
            let batches = expected as usize + usize::from(rng.f64() < expected.fract());
            for _ in 0..batches {
                let items = (0..traffic.batch).map(|_| source(now, &mut rng)).collect();
                run.batch(now, items, &mut rng);
            }
        }
        run
    }

    /// A batch, each item of a trace of its own.
    pub(super) fn batch(&mut self, now: f64, items: Vec<Item>, rng: &mut fastrand::Rng) {
        let mut tally = Tally::new();
        let add = |item: Item| (item, tally.add(item.key, item.weight, item.arrived));
        let placed: Vec<(Item, usize)> = items.into_iter().map(add).collect();
        self.controller.offer(Duration::from_secs_f64(now), &mut tally);
        let mut kept_weight = 0;
        for (item, place) in placed {
            let threshold = tally.threshold(place).max(item.arrived);
            // What comes has passed its threshold.
            let randomness = Randomness::new(rng.u64(item.arrived.value()..1 << 56)).unwrap();
            let kept = threshold.keeps(randomness);
            kept_weight += if kept { item.weight } else { 0 };
            self.fates.push(Fate {
                at: now,
                item,
                threshold,
                kept,
            });
        }
        self.controller.settle(kept_weight as f64);
    }

    /// The weight kept per second in each window of `length` seconds that begins on a full second from `from` on.
    pub(super) fn windows(&self, from: f64, length: f64) -> Vec<(f64, f64)> {
        let mut milliseconds = vec![0; (self.seconds / STEP) as usize + 2];
        for fate in self.fates.iter().filter(|fate| fate.kept) {
            milliseconds[(fate.at / STEP) as usize] += fate.item.weight;
        }
        let count = (self.seconds - from - length) as usize + 1;
        let window = |index: usize| {
            let begin = from + index as f64;
            let places = (begin / STEP) as usize..((begin + length) / STEP) as usize;
            (begin, milliseconds[places].iter().sum::<u64>() as f64 / length)
        };
        (0..count).map(window).collect()
    }

    /// By key, what arrived since `from`, and what was kept of it.
    pub(super) fn by_key(&self, from: f64) -> BTreeMap<u64, (u64, u64)> {
        let mut keys: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for fate in self.fates.iter().filter(|fate| fate.at >= from) {
            let sums = keys.entry(fate.item.key).or_default();
            sums.0 += fate.item.weight;
            sums.1 += if fate.kept { fate.item.weight } else { 0 };
        }
        keys
    }
}
