use super::random;
use crate::Identity;
use crate::sketch::Frequency;
use std::collections::HashMap;

#[test]
fn what_is_added_is_counted() {
    let mut frequency = Frequency::new(1 << 12);
    let mut rng = fastrand::Rng::with_seed(1);
    let one = random(&mut rng);
    assert_eq!(frequency.estimate(one), 0);
    for count in 1..=255 {
        assert_eq!(frequency.add(one), count);
        assert_eq!(frequency.estimate(one), count);
    }
    assert_eq!(frequency.add(one), 255, "the end");
}

#[test]
fn memory_is_what_was_asked_for() {
    for (asked, bytes) in [(0, 64), (64, 64), (100, 64), (4096, 4096), (100_000, 99_968)] {
        let mut frequency = Frequency::new(asked);
        let memory = frequency.memory();
        assert_eq!(memory - size_of::<Frequency>(), bytes);
        assert_eq!(frequency.window(), bytes as u64 / 4);
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..bytes {
            frequency.add(random(&mut rng));
        }
        assert_eq!(frequency.memory(), memory);
    }
}

#[test]
fn doubled_it_counts_on() {
    let mut rng = fastrand::Rng::with_seed(7);
    for bytes in [64, 192, 1 << 12, 100_032] {
        let mut frequency = Frequency::new(bytes);
        let identities: Vec<_> = (0..bytes / 8).map(|_| random(&mut rng)).collect();
        for identity in &identities {
            frequency.add(*identity);
        }
        let before = frequency.clone();
        frequency.double();
        assert_eq!(frequency.window(), 2 * before.window());
        assert_eq!(frequency.memory() - size_of::<Frequency>(), 2 * bytes);
        for identity in &identities {
            assert_eq!(frequency.estimate(*identity), before.estimate(*identity));
        }
        for _ in 0..before.window() + before.window() - identities.len() as u64 {
            assert_eq!(frequency.halvings(), 0);
            frequency.add(random(&mut rng));
        }
        assert_eq!(frequency.halvings(), 1);
    }
}

#[test]
fn counts_are_halved_after_a_window() {
    let mut frequency = Frequency::new(1 << 16);
    let mut rng = fastrand::Rng::with_seed(2);
    let often = random(&mut rng);
    for _ in 0..200 {
        frequency.add(often);
    }
    for _ in 200..frequency.window() {
        assert!(frequency.estimate(often) >= 200);
        frequency.add(random(&mut rng));
    }
    let mut expected = 100;
    for _ in 0..8 {
        let estimate = frequency.estimate(often);
        assert!(
            (expected..=expected + 6).contains(&estimate),
            "{estimate}, not {expected}"
        );
        expected /= 2;
        for _ in 0..frequency.window() {
            frequency.add(random(&mut rng));
        }
    }
}

#[test]
fn a_block_that_nobody_touched_for_long_is_forgotten() {
    let mut rng = fastrand::Rng::with_seed(3);
    for windows in [1, 3, 7, 8, 31, 32, 33, 40] {
        // They are in different ones of 64 blocks.
        let mut frequency = Frequency::new(1 << 12);
        let (one, other) = (random(&mut rng), random(&mut rng));
        for _ in 0..200 {
            frequency.add(one);
        }
        for _ in 200..frequency.window() * windows {
            frequency.add(other);
        }
        let left = 200_u32.checked_shr(windows as u32).unwrap_or(0);
        assert_eq!(frequency.estimate(one), left, "after {windows}");
        assert_eq!(frequency.add(one), left + 1, "after {windows}");
    }
}

#[test]
fn property_never_below_what_came_since_the_last_halving() {
    let mut rng = fastrand::Rng::with_seed(4);
    for _ in 0..40 {
        let mut frequency = Frequency::new(64 << rng.u32(..8));
        let identities: Vec<_> = (0..rng.usize(1..3_000)).map(|_| random(&mut rng)).collect();
        let mut truth: HashMap<Identity, u32> = HashMap::new();
        for step in 0..frequency.window() * 4 {
            // Some often, some seldom.
            let most = rng.usize(..identities.len());
            let identity = identities[rng.usize(..=most)];
            let count = truth.entry(identity).or_default();
            *count = (*count + 1).min(255);
            assert!(frequency.add(identity) >= *count);
            if (step + 1) % frequency.window() == 0 {
                truth.values_mut().for_each(|count| *count /= 2);
                for (identity, count) in &truth {
                    assert!(frequency.estimate(*identity) >= *count);
                }
            }
        }
    }
}

#[test]
fn a_flood_of_what_comes_once_is_not_taken_for_often() {
    let mut frequency = Frequency::new(1 << 16);
    let mut rng = fastrand::Rng::with_seed(5);
    let rounds = 1_000_000;
    let mut counted = [0_u32; 256];
    for _ in 0..rounds {
        counted[frequency.add(random(&mut rng)) as usize] += 1;
    }
    let share = |from: usize| f64::from(counted[from..].iter().sum::<u32>()) / f64::from(rounds);
    assert!(share(2) < 0.1, "{}", share(2));
    assert!(share(3) < 0.0003, "{}", share(3));
    assert_eq!(share(5), 0.0);
}

#[test]
fn what_comes_often_stands_out_of_a_flood() {
    let mut frequency = Frequency::new(1 << 16);
    let mut rng = fastrand::Rng::with_seed(6);
    let often: Vec<_> = (0..1_000).map(|_| random(&mut rng)).collect();
    let mut lowest = 255;
    for round in 0..500_000 {
        let one = if rng.u8(..10) == 0 {
            random(&mut rng)
        } else {
            often[rng.usize(..1_000)]
        };
        frequency.add(one);
        if round > 100_000 && round % 100 == 0 {
            lowest = lowest.min(frequency.estimate(often[rng.usize(..1_000)]));
        }
    }
    // 15 of each in a window, so 15 to 30 are counted.
    assert!(lowest >= 5, "{lowest}");
}
