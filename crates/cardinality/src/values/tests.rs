use super::{DistinctValues, LEAST, STRETCH};
use crate::Identity;
use std::collections::{HashMap, HashSet};

fn value(number: u64) -> Identity {
    Identity(fastrand::Rng::with_seed(number).u128(..))
}

#[test]
fn the_first_that_come_have_places_and_keep_them() {
    let mut values = DistinctValues::new(1000, 60);
    for second in 0..1000_u32 {
        for number in 0..1000 {
            assert!(values.admit(value(number), second / 100), "{number}");
        }
        for other in 0..3 {
            assert!(!values.admit(value(1000 + u64::from(second) * 3 + other), second / 100));
        }
    }
    assert_eq!(values.len(), 1000);
}

#[test]
fn a_value_that_is_idle_gives_its_place_away_and_one_that_is_seen_does_not() {
    let mut values = DistinctValues::new(2, 60);
    assert!(values.admit(value(1), 0) && values.admit(value(2), 0));
    assert!(values.admit(value(2), 30));
    assert!(!values.admit(value(3), 59), "one second too soon");
    assert!(values.admit(value(3), 60), "value 1 is idle");
    assert!(!values.admit(value(1), 60), "and has lost its place");
    assert!(values.admit(value(2), 61), "value 2 was seen at 30");
    assert_eq!(values.len(), 2);
}

#[test]
fn an_idle_value_whose_place_nobody_wanted_has_it_still() {
    let mut values = DistinctValues::new(2, 60);
    assert!(values.admit(value(1), 0));
    assert!(values.admit(value(1), 4_000_000_000));
    assert_eq!(values.len(), 1);
}

#[test]
fn nothing_is_idle_because_the_clock_went_back() {
    let mut values = DistinctValues::new(1, 60);
    assert!(values.admit(value(1), 1000));
    assert!(values.admit(value(1), 10));
    assert!(!values.admit(value(2), 10));
    assert!(!values.admit(value(2), 1059));
    assert!(values.admit(value(2), 1060));
}

#[test]
fn without_places_nothing_is_admitted_and_no_memory_taken() {
    let mut values = DistinctValues::new(0, 60);
    for number in 0..100 {
        assert!(!values.admit(value(number), 0));
    }
    assert!(values.is_empty());
    assert_eq!(values.memory(), size_of::<DistinctValues>());
}

#[test]
fn identities_whose_bits_are_all_the_same_are_values_too() {
    let mut values = DistinctValues::new(3, 60);
    for identity in [Identity(0), Identity(u128::MAX), Identity(2)] {
        assert!(values.admit(identity, 0) && values.admit(identity, 0));
    }
    assert!(!values.admit(Identity(3), 0));
    assert_eq!(values.len(), 3);
}

#[test]
fn a_value_takes_at_most_16_bytes_and_a_refused_one_nothing() {
    for limit in [100, 1000, 12_345, 100_000] {
        let mut values = DistinctValues::new(limit, 60);
        for number in 0..limit as u64 {
            assert!(values.admit(value(number), 0));
        }
        let memory = values.memory();
        assert!(
            memory <= 16 * limit + size_of::<DistinctValues>(),
            "{limit}: {memory}"
        );
        assert_eq!(memory, DistinctValues::memory_at(limit));
        for number in 0..limit as u64 {
            assert!(!values.admit(value(number + 1_000_000), 1));
        }
        assert_eq!(values.memory(), memory);
    }
}

#[test]
fn few_values_of_a_high_limit_take_little_memory() {
    let mut values = DistinctValues::new(1_000_000, 60);
    for number in 0..LEAST as u64 {
        assert!(values.admit(value(number), 0));
    }
    assert!(values.memory() < 300, "{}", values.memory());
}

#[test]
fn a_large_table_finds_its_idle_values_within_as_many_newcomers_as_it_has_stretches() {
    let limit = 10_000;
    let mut values = DistinctValues::new(limit, 10);
    for number in 0..limit as u64 {
        assert!(values.admit(value(number), 0));
    }
    for number in 1..limit as u64 {
        assert!(values.admit(value(number), 9));
    }
    let stretches = DistinctValues::memory_at(limit) / 12 / STRETCH + 1;
    assert!(stretches > 500);
    let admitted = (0..stretches as u64)
        .filter(|number| values.admit(value(1_000_000 + number), 10))
        .count();
    assert_eq!(admitted, 1, "one was idle, and its place is given to one");
}

#[test]
fn all_places_change_hands_when_all_are_idle() {
    let limit = 5000;
    let mut values = DistinctValues::new(limit, 10);
    for generation in 0..20_u64 {
        let now = u32::try_from(generation).unwrap() * 10;
        for number in 0..limit as u64 {
            let tries = (0..100).take_while(|_| !values.admit(value(generation << 32 | number), now));
            assert!(
                tries.count() < 100,
                "value {number} of generation {generation} never gets a place"
            );
        }
        assert_eq!(values.len(), limit);
        let runs = values.slots.split(|slot| slot.is_empty());
        let longest = runs.map(<[_]>::len).max().unwrap();
        assert!(
            longest < 600,
            "{longest} slots in a row are taken: places are crowded"
        );
    }
}

#[test]
fn a_lower_limit_takes_no_place_away_and_a_higher_one_gives_some() {
    let mut values = DistinctValues::new(10, 60);
    for number in 0..10 {
        assert!(values.admit(value(number), 0));
    }
    values.set_bounds(5, 60);
    assert!((0..10).all(|number| values.admit(value(number), 1)));
    assert!(!values.admit(value(10), 1));
    values.set_bounds(12, 60);
    assert!(values.admit(value(10), 1) && values.admit(value(11), 1));
    assert!(!values.admit(value(12), 1));
    values.set_bounds(12, 5);
    assert!(values.admit(value(12), 6), "idle after 5 seconds now");
}

#[test]
fn every_stretch_is_visited_once_in_a_round() {
    for stretches in (1..300).chain([1000, 4096, 9999]) {
        let step = super::stride(stretches);
        let visited: HashSet<usize> = (0..stretches).map(|turn| turn * step % stretches).collect();
        assert_eq!(visited.len(), stretches);
    }
}

/// What `DistinctValues` does while the whole table is looked at for each newcomer.
struct Model {
    seen: HashMap<u64, u32>,
    limit: usize,
    idle: u32,
}

impl Model {
    /// Whether the value has a place, had it a newcomer: `None` if it gets the place of an idle one, whichever that is.
    fn admit(&mut self, number: u64, now: u32) -> Option<bool> {
        if let Some(seen) = self.seen.get_mut(&number) {
            *seen = now;
            return Some(true);
        }
        if self.seen.len() < self.limit {
            self.seen.insert(number, now);
            return Some(true);
        }
        let idle = self.seen.values().any(|seen| now - seen >= self.idle);
        (!idle).then_some(false)
    }
}

#[test]
fn property_small_tables_admit_exactly_who_has_a_place() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        // So few slots that one search looks at all of them.
        let limit = random.usize(1..=11);
        let idle = random.u32(1..20);
        let mut values = DistinctValues::new(limit, idle);
        let mut model = Model {
            seen: HashMap::new(),
            limit,
            idle,
        };
        let mut now = 0;
        for _ in 0..2000 {
            now += u32::from(random.u8(..10) == 0);
            let number = random.u64(..25);
            let admitted = values.admit(value(number), now);
            match model.admit(number, now) {
                Some(expected) => assert_eq!(admitted, expected, "seed {seed} at {now}"),
                None => {
                    assert!(admitted, "seed {seed} at {now}: one is idle");
                    // Which of the idle ones has gone shows by who is still known: all the others.
                    let known = |number: u64| {
                        let mut copy = values.clone();
                        // No newcomer gets a place: it would be admitted without having one.
                        copy.set_bounds(0, u32::MAX);
                        copy.admit(value(number), now)
                    };
                    let gone: Vec<u64> = model.seen.keys().copied().filter(|one| !known(*one)).collect();
                    assert_eq!(gone.len(), 1, "seed {seed} at {now}");
                    assert!(now - model.seen[&gone[0]] >= idle, "seed {seed} at {now}");
                    model.seen.remove(&gone[0]);
                    model.seen.insert(number, now);
                }
            }
            assert_eq!(values.len(), model.seen.len(), "seed {seed} at {now}");
        }
    }
}

#[test]
fn property_large_tables_forget_nobody_who_is_seen() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let limit = random.usize(50..400);
        let mut values = DistinctValues::new(limit, 5);
        let faithful = limit as u64 / 2;
        for number in 0..faithful {
            assert!(values.admit(value(number), 0));
        }
        for now in 0..100 {
            for number in 0..faithful {
                assert!(values.admit(value(number), now), "seed {seed}: {number} at {now}");
            }
            for _ in 0..limit {
                values.admit(value(1000 + random.u64(..1 << 40)), now);
            }
            assert!(values.len() <= limit);
        }
    }
}

/// A table of several stretches, with what is known of it from outside.
struct Watched {
    values: DistinctValues,
    seen: HashMap<u64, u32>,
    idle: u32,
}

impl Watched {
    fn is_known(&self, number: u64, now: u32) -> bool {
        let mut copy = self.values.clone();
        // No newcomer gets a place: it would be admitted without having one.
        copy.set_bounds(0, u32::MAX);
        copy.admit(value(number), now)
    }

    /// A newcomer comes. Whoever had to go for it was idle.
    fn come(&mut self, number: u64, now: u32) -> bool {
        let before = self.values.len();
        if !self.values.admit(value(number), now) {
            return false;
        }
        if self.values.len() == before {
            let all: Vec<u64> = self.seen.keys().copied().collect();
            let gone: Vec<u64> = all.into_iter().filter(|one| !self.is_known(*one, now)).collect();
            assert_eq!(gone.len(), 1);
            let seen = self.seen.remove(&gone[0]).unwrap();
            assert!(now - seen >= self.idle, "{} was seen at {seen}", gone[0]);
        }
        self.seen.insert(number, now);
        true
    }
}

#[test]
fn property_whoever_is_idle_is_found_within_two_rounds() {
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut limit = random.usize(30..100);
        let idle = random.u32(2..8);
        let mut table = Watched {
            values: DistinctValues::new(limit, idle),
            seen: HashMap::new(),
            idle,
        };
        let (mut now, mut next) = (0, 0..);
        for _ in 0..200 {
            now += random.u32(..2);
            let often = if seed % 2 == 0 { 255 } else { random.u8(..) };
            for (number, seen) in &mut table.seen {
                // Some come once, and are the only ones to be idle while all others are seen.
                if number % 8 != 0 && random.u8(..) <= often {
                    assert!(table.values.admit(value(*number), now), "seed {seed}: {number}");
                    *seen = now;
                }
            }
            if random.u8(..20) == 0 {
                limit += random.usize(..20);
                table.values.set_bounds(limit, idle);
            }
            let rounds = 2 * (limit * 2 / STRETCH + 1);
            let refused = next
                .by_ref()
                .take(rounds)
                .filter(|number| !table.come(*number, now));
            if refused.count() == rounds {
                let longest = table.seen.values().min().unwrap();
                assert!(now - longest < idle, "seed {seed}: idle since {longest} at {now}");
                assert_eq!(table.values.len(), limit, "seed {seed}");
            }
        }
    }
}
