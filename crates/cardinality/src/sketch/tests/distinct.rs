use super::random;
use crate::Identity;
use crate::sketch::Distinct;
use std::collections::HashSet;

/// The root of the mean square of the relative error, and the mean error, at each of these sizes.
fn errors<const BYTES: usize>(sizes: &[usize], rounds: u64) -> Vec<(usize, f64, f64)> {
    let mut sums = vec![(0.0, 0.0); sizes.len()];
    for seed in 0..rounds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut distinct, mut inside) = (Distinct::<BYTES>::new(), 0);
        for (size, (squares, mean)) in sizes.iter().zip(&mut sums) {
            for _ in inside..*size {
                distinct.insert(random(&mut rng));
            }
            inside = *size;
            let error = distinct.estimate() / *size as f64 - 1.0;
            *squares += error * error / rounds as f64;
            *mean += error / rounds as f64;
        }
    }
    sizes
        .iter()
        .zip(sums)
        .map(|(size, (squares, mean))| (*size, f64::sqrt(squares), mean))
        .collect()
}

fn check<const BYTES: usize>(sizes: &[usize], rounds: u64) {
    let theory = 1.04 / f64::sqrt(2.0 * BYTES as f64);
    for (size, spread, mean) in errors::<BYTES>(sizes, rounds) {
        // The spread is itself estimated, to about 1 / sqrt(2 * rounds); the mean to theory / sqrt(rounds).
        assert!(
            spread < theory * 1.15,
            "{BYTES} bytes, {size}: error {spread}, theory {theory}"
        );
        let bias = theory * 4.0 / (rounds as f64).sqrt() + 0.005;
        assert!(mean.abs() < bias, "{BYTES} bytes, {size}: bias {mean}");
    }
}

const SIZES: [usize; 8] = [1, 10, 40, 100, 250, 1_000, 5_000, 20_000];

#[test]
fn the_error_is_that_of_theory_at_every_size() {
    check::<32>(&SIZES, 400);
    check::<64>(&SIZES, 400);
    check::<128>(&SIZES, 200);
    check::<512>(&SIZES, 100);
}

#[test]
fn a_million_are_estimated_as_well_as_a_hundred() {
    check::<64>(&[1_000_000], 12);
}

#[test]
fn nothing_is_zero_and_few_are_exact() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut distinct = Distinct::<64>::new();
    assert!(distinct.estimate().abs() < 1e-9);
    for size in 1..=20 {
        distinct.insert(random(&mut rng));
        let estimate = distinct.estimate();
        assert!((estimate - f64::from(size)).abs() < 2.5, "{size}: {estimate}");
    }
}

#[test]
fn identities_that_agree_in_most_bits_are_told_apart() {
    // As in a partition that was chosen by bits of the identity, whichever they are.
    let theory = 1.04 / f64::sqrt(128.0);
    for shift in [0, 32, 64, 96, 112] {
        let mut rng = fastrand::Rng::with_seed(shift);
        let mut squares = 0.0;
        for _ in 0..60 {
            let mut distinct = Distinct::<64>::new();
            for _ in 0..2_000 {
                let fixed = 0xffff << shift;
                distinct.insert(Identity(rng.u128(..) & !fixed | 0xa5a5 << shift & fixed));
            }
            squares += (distinct.estimate() / 2_000.0 - 1.0).powi(2) / 60.0;
        }
        assert!(
            f64::sqrt(squares) < theory * 1.4,
            "{shift}: {}",
            f64::sqrt(squares)
        );
    }
}

#[test]
fn property_again_changes_nothing() {
    let mut rng = fastrand::Rng::with_seed(2);
    for size in [1, 30, 3_000] {
        let identities: Vec<_> = (0..size).map(|_| random(&mut rng)).collect();
        let mut distinct = Distinct::<32>::new();
        for identity in &identities {
            distinct.insert(*identity);
        }
        let before = distinct.clone();
        assert!(identities.iter().all(|identity| !distinct.insert(*identity)));
        assert_eq!(distinct, before);
    }
}

#[test]
fn property_merged_is_as_if_put_into_one() {
    let mut rng = fastrand::Rng::with_seed(3);
    for round in 0..300 {
        let mut parts = [Distinct::<32>::new(), Distinct::<32>::new()];
        let mut both = Distinct::<32>::new();
        let sizes = [rng.usize(..1 << (round % 14)), rng.usize(..1 << (round / 22))];
        for (part, size) in parts.iter_mut().zip(sizes) {
            for _ in 0..size {
                let identity = random(&mut rng);
                part.insert(identity);
                both.insert(identity);
            }
        }
        let [mut left, right] = parts;
        left.merge(&right);
        // What is 15 above the base stays there when the base rises: nearly the same, not quite.
        let (merged, whole) = (left.estimate(), both.estimate());
        assert!(
            (merged - whole).abs() <= whole * 0.01,
            "{sizes:?}: {merged}, {whole}"
        );
        let before = left.clone();
        left.merge(&right);
        assert_eq!(left, before, "merged again");
    }
}

#[test]
fn property_changed_tells_of_every_new_rank_only() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut distinct = Distinct::<8>::new();
    let mut changes = 0;
    let mut seen = HashSet::new();
    for _ in 0..100_000 {
        let identity = random(&mut rng);
        let before = distinct.clone();
        let changed = distinct.insert(identity);
        assert_eq!(changed, distinct != before);
        assert!(!changed || seen.insert(identity));
        changes += usize::from(changed);
    }
    // 16 registers, each raised about ln(n / 16) / ln(2) times at most.
    assert!((60..320).contains(&changes), "{changes}");
}
