//! The parts of a buffer by themselves.

use super::super::{
    index::Index,
    list::{self, Lane, Linked, Links},
    slab::{NONE, Slab},
    wheel::{Deadline, TICK, Timed, Wheel},
};
use fastrand::Rng;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
struct Value {
    number: u64,
    links: Links,
    deadline: Deadline,
}

impl Linked for Value {
    fn links(&self, _: Lane) -> Links {
        self.links
    }

    fn links_mut(&mut self, _: Lane) -> &mut Links {
        &mut self.links
    }
}

impl Timed for Value {
    fn deadline(&mut self) -> &mut Deadline {
        &mut self.deadline
    }
}

fn value(number: u64) -> Value {
    Value {
        number,
        ..Value::default()
    }
}

fn ring(slab: &Slab<Value>, head: u32) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut place = head;
    while place != NONE {
        let value = slab.at(place).unwrap();
        numbers.push(value.number);
        place = if value.links.next == head {
            NONE
        } else {
            value.links.next
        };
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn property_an_index_finds_what_is_in_it(seed: u64, most in 1_usize..200) {
        let mut random = Rng::with_seed(seed);
        let (mut index, mut model) = (Index::new(most), HashMap::new());
        for step in 0..500_u32 {
            // Few tags, so that many places have the same, at the end of the table too.
            let hash = random.u64(..4) << 62 | random.u64(..40) << 32 | u64::MAX << 52;
            if model.len() < most && random.bool() {
                index.insert(hash, step);
                model.insert(step, hash);
            } else if let Some((&place, &hash)) = model.iter().next() {
                index.remove(hash, place);
                model.remove(&place);
                prop_assert_eq!(index.find(hash, |other| other == place), None);
            }
            for (place, hash) in &model {
                prop_assert_eq!(index.find(*hash, |other| other == *place), Some(*place));
            }
        }
    }

    #[test]
    fn property_a_slab_keeps_values_apart_and_gives_segments_back(seed: u64, most in 1_usize..300) {
        let mut random = Rng::with_seed(seed);
        let mut slab = Slab::new(most, 4);
        let (mut model, mut gone) = (BTreeMap::new(), Vec::new());
        for number in 0..1000 {
            let crowd = if number / 250 % 2 == 0 { 200 } else { 5 };
            if random.usize(..crowd) > model.len() {
                let growth = slab.growth(1);
                let before = slab.bytes();
                match slab.insert(value(number)) {
                    Some(key) => {
                        prop_assert_eq!(slab.bytes(), before + growth.unwrap());
                        prop_assert!(model.insert(key.number(), (key, number)).is_none());
                        prop_assert!(!gone.contains(&key));
                    }
                    None => prop_assert!(model.len() == most && growth.is_none()),
                }
            } else if let Some((&at, &(key, number))) = model.iter().nth(random.usize(..model.len().max(1))) {
                prop_assert_eq!(slab.remove(key).unwrap().number, number);
                model.remove(&at);
                gone.push(key);
            }
            prop_assert_eq!(slab.len(), model.len());
        }
        prop_assert!(model.values().all(|(key, number)| slab.get(*key).unwrap().number == *number));
        prop_assert!(gone.iter().all(|key| slab.get(*key).is_none() && slab.get_mut(*key).is_none()));
        for (key, _) in model.values() {
            slab.remove(*key);
        }
        prop_assert!(slab.bytes() <= slab.segment_bytes());
    }

    #[test]
    fn property_rings_are_what_lists_would_be(seed: u64) {
        let mut random = Rng::with_seed(seed);
        let mut slab = Slab::new(100, 4);
        let places: Vec<u32> = (0..100).map(|number| slab.insert(value(number)).unwrap().place).collect();
        let mut rings = [(NONE, Vec::new()), (NONE, Vec::new())];
        let mut free: Vec<u64> = (0..100).collect();
        for _ in 0..300 {
            let (head, list) = &mut rings[random.usize(..2)];
            match random.u8(..8) {
                0..4 if !free.is_empty() => {
                    let number = free.swap_remove(random.usize(..free.len()));
                    list::push(&mut slab, Lane::Age, head, places[number as usize]);
                    list.push(number);
                }
                4..7 if !list.is_empty() => {
                    let number = list.remove(random.usize(..list.len()));
                    list::unlink(&mut slab, Lane::Age, head, places[number as usize]);
                    free.push(number);
                }
                7 => {
                    let [(head, list), (other, more)] = &mut rings;
                    list::append(&mut slab, Lane::Age, head, std::mem::replace(other, NONE));
                    list.append(more);
                }
                _ => {}
            }
            for (head, list) in &rings {
                prop_assert_eq!(&ring(&slab, *head), list);
            }
        }
    }
}

#[test]
fn a_wheel_says_when_to_look() {
    let (mut slab, mut wheel) = (Slab::new(10, 4), Wheel::new());
    assert_eq!(wheel.next_due(), None);
    let place = slab.insert(value(1)).unwrap().place;
    wheel.set(&mut slab, place, 10 * TICK + 1);
    assert_eq!(wheel.next_due(), Some(11 * TICK));
    assert_eq!(wheel.pop(&mut slab, 11 * TICK - 1), None);
    // Later: the wheel comes by in vain, once.
    wheel.set(&mut slab, place, 5000 * TICK);
    assert_eq!(wheel.next_due(), Some(11 * TICK));
    assert_eq!(wheel.pop(&mut slab, 12 * TICK), None);
    assert!(wheel.next_due().unwrap() > 4000 * TICK);
    // Earlier: at once.
    wheel.set(&mut slab, place, 13 * TICK);
    assert_eq!(wheel.next_due(), Some(13 * TICK));
    assert_eq!(wheel.pop(&mut slab, 13 * TICK), Some(place));
    assert_eq!((wheel.next_due(), wheel.pop(&mut slab, u64::MAX)), (None, None));
}

#[test]
fn a_deadline_at_the_end_of_time_never_comes_and_one_in_the_past_comes_next() {
    let (mut slab, mut wheel) = (Slab::new(10, 4), Wheel::new());
    let never = slab.insert(value(1)).unwrap().place;
    let past = slab.insert(value(2)).unwrap().place;
    wheel.set(&mut slab, never, u64::MAX);
    let year = 365 * 24 * 3600 * 1_000_000_000;
    assert_eq!(wheel.pop(&mut slab, year), None);
    wheel.set(&mut slab, past, 5);
    assert_eq!(wheel.pop(&mut slab, year + TICK), Some(past));
    assert_eq!(wheel.pop(&mut slab, 100 * year), None);
    wheel.remove(&mut slab, never);
    assert_eq!(wheel.next_due(), None);
}
