//! Who gets how much, and what the kept stands for.

use super::super::level::Levels;
use super::super::mixture::Mixture;
use super::traffic::{Item, Run, Shape, Source, Traffic, settings, zipf};
use super::{TARGET, traffic};
use crate::adaptive::{Settings, Tally, Target};
use crate::probability::{Precision, Threshold};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn property_the_level_is_max_min_fair(weights in vec(1e-3_f64..1e6, 1..200), fraction in 0.001_f64..1.5) {
        let mut levels = Levels::default();
        levels.compute(weights.iter().copied());
        let total: f64 = weights.iter().sum();
        let level = levels.at(fraction) * total;
        // No key gives more than the level, each below it gives all, and together they give what is wanted.
        let given: f64 = weights.iter().map(|weight| weight.min(level)).sum();
        let wanted = (fraction * total).min(total);
        prop_assert!((given - wanted).abs() <= wanted * 1e-9, "{given} for {wanted}");
        prop_assert_eq!(level.is_infinite(), fraction >= 1.0);
    }

    #[test]
    fn property_a_mixture_lets_through_what_is_allowed(
        items in vec((1.0_f64..100.0, prop_oneof![Just(1.0), 1e-6_f64..1.0]), 1..50),
        share in 0.001_f64..1.0,
    ) {
        let mut mixture = Mixture::default();
        for (weight, probability) in &items {
            mixture.add(*weight, Threshold::from_probability(*probability, Precision::FULL).unwrap());
        }
        let total: f64 = items.iter().map(|(weight, _)| weight).sum();
        let allowed = share * total;
        let found = mixture.probability(allowed);
        let given: f64 = items.iter().map(|(weight, p)| weight * (found / p).min(1.0)).sum();
        // Exact but for what is in one class with others: within a factor of two in adjusted counts.
        prop_assert!(given <= allowed * 1.001 && given >= allowed * 0.7, "{given} for {allowed}");
    }

    #[test]
    fn property_a_tally_adds_up(keys in vec(0_u64..40, 0..500)) {
        let mut tally = Tally::new();
        let places: Vec<usize> = keys.iter().map(|key| tally.add(*key, 2, Threshold::ALWAYS)).collect();
        for (one, place) in keys.iter().zip(&places) {
            for (other, elsewhere) in keys.iter().zip(&places) {
                prop_assert_eq!(one == other, place == elsewhere);
            }
        }
        prop_assert_eq!(tally.weight(), keys.len() as f64 * 2.0);
        prop_assert_eq!(tally.items(), keys.len() as f64);
    }
}

#[test]
fn rare_keys_are_kept_whole_and_heavy_ones_get_the_same() {
    let traffic = traffic(Shape::Flat, 20);
    let run = Run::new(settings(Target::PerSecond(TARGET)), traffic, &zipf(100), 1);
    let rates: Vec<(f64, f64)> = run
        .by_key(20.0)
        .into_values()
        .map(|(arrived, kept)| (arrived as f64 / 32.0, kept as f64 / 32.0))
        .collect();
    // The level for 100 such keys with 3000/s in all: the 100th has 5.8/s.
    let level = 2.0;
    for (arrived, kept) in &rates {
        assert!((kept / level - 1.0).abs() < 0.35, "{kept}/s of {arrived}/s");
    }
    let run = Run::new(settings(Target::PerSecond(1500.0)), traffic, &zipf(100), 1);
    let whole = run.by_key(20.0).into_values().skip(40);
    for (arrived, kept) in whole {
        assert!(kept as f64 >= arrived as f64 * 0.97, "{kept} of {arrived}");
    }
}

#[test]
fn a_key_that_grows_tenfold_is_thinned_to_the_level_again() {
    // Key 0 goes from a tenth of the traffic to most of it at 30 seconds.
    let source: Box<Source> = Box::new(|now, rng| {
        let heavy = if now < 30.0 { 0.1 } else { 0.9 };
        Item::of(if rng.f64() < heavy { 0 } else { 1 + rng.u64(0..9) })
    });
    let traffic = traffic(Shape::Flat, 20);
    let run = Run::new(settings(Target::PerSecond(TARGET)), traffic, &source, 1);
    for (key, (arrived, kept)) in run.by_key(45.0) {
        let rate = kept as f64 / 7.0;
        assert!(
            (rate / 20.0 - 1.0).abs() < 0.3,
            "key {key}: {rate}/s of {arrived}"
        );
    }
}

#[test]
fn some_of_each_key_is_kept_even_above_the_target() {
    let settings = Settings {
        min_per_key: 5.0,
        ..settings(Target::PerSecond(TARGET))
    };
    // 100 keys with 30 items per second each: 5 of each are more than the target.
    let source: Box<Source> = Box::new(|_, rng| Item::of(rng.u64(0..100)));
    let run = Run::new(settings, traffic(Shape::Flat, 20), &source, 1);
    for (key, (_, kept)) in run.by_key(20.0) {
        let rate = kept as f64 / 32.0;
        assert!((rate / 5.0 - 1.0).abs() < 0.3, "key {key}: {rate}/s");
    }
}

/// That the adjusted counts of what was kept add up to what arrived, within three standard errors; in items as they arrive, each
/// of which stands for as many as its own adjusted count says.
fn assert_unbiased(run: &Run, which: impl Fn(u64) -> bool) {
    let (mut arrived, mut estimate, mut variance) = (0.0, 0.0, 0.0);
    for fate in run.fates.iter().filter(|fate| which(fate.item.key)) {
        let stands_for = fate.item.arrived.adjusted_count();
        let kept_as = fate.threshold.adjusted_count();
        let probability = stands_for / kept_as;
        arrived += stands_for;
        estimate += if fate.kept { kept_as } else { 0.0 };
        variance += stands_for * stands_for * (1.0 - probability) / probability;
    }
    let error = estimate - arrived;
    assert!(
        error * error <= 9.0 * variance,
        "{estimate} for {arrived}, standard error {}",
        variance.sqrt()
    );
}

#[test]
fn property_counts_estimated_from_the_kept_are_unbiased() {
    let tenth = Threshold::from_probability(0.1, Precision::DEFAULT).unwrap();
    let plain = zipf(50);
    let thinned = zipf(50);
    let mixed: Box<Source> = Box::new(move |now, rng| Item {
        arrived: if rng.bool() { tenth } else { Threshold::ALWAYS },
        ..thinned(now, rng)
    });
    for shape in [Shape::Steps, Shape::Wave, Shape::Bursts] {
        for source in [&plain, &mixed] {
            let traffic = Traffic {
                rate: 5000.0,
                ..traffic(shape, 20)
            };
            let run = Run::new(settings(Target::PerSecond(TARGET)), traffic, source, 1);
            assert_unbiased(&run, |_| true);
            for key in [0, 1, 5, 20, 49] {
                assert_unbiased(&run, |other| other == key);
            }
        }
    }
}
