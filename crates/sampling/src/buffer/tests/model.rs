//! Random operations on a buffer and on a naive model of it.

use super::super::{Envelope, First, Limits, Refusal, TraceBuffer, TraceRef, wheel::TICK};
use super::id;
use fastrand::Rng;
use forebay_otlp::Signal;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What an item is known by in the model: its envelope's parts, and its bytes.
type Item = (Signal, Vec<u8>, Vec<u8>, Vec<u8>);

#[derive(Debug, Default)]
struct ModelTrace {
    items: Vec<Item>,
    due: Option<u64>,
    begun: u64,
    facts: u64,
}

#[derive(Debug, Default)]
struct Model {
    traces: BTreeMap<u64, ModelTrace>,
    begun: u64,
    now: u64,
}

struct World {
    rng: Rng,
    limits: Limits,
    buffer: TraceBuffer<u64>,
    model: Model,
    /// The lengths of items are below this.
    longest: usize,
    refused: usize,
}

impl World {
    fn new(seed: u64, limits: Limits, longest: usize) -> World {
        World {
            rng: Rng::with_seed(seed),
            limits,
            buffer: TraceBuffer::new(limits).unwrap(),
            model: Model::default(),
            longest,
            refused: 0,
        }
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.rng.usize(..longest);
        (0..length).map(|_| self.rng.u8(..)).collect()
    }

    fn number_of(&self, trace: TraceRef) -> u64 {
        let id = self.buffer.trace(trace).unwrap().id();
        u64::from_be_bytes(id[8..].try_into().unwrap())
    }

    /// A request: some items in one envelope, for some traces.
    fn request(&mut self) {
        let signal = *self.rng.choice(&[Signal::Traces, Signal::Logs]).unwrap();
        let resource = vec![self.rng.u8(..4); self.rng.usize(..40)];
        let scope = vec![self.rng.u8(..2); self.rng.usize(..4)];
        let Ok(envelope) = self.buffer.intern(signal, &resource, &scope) else {
            self.refused += 1;
            return self.force();
        };
        for _ in 0..self.rng.usize(1..6) {
            let number = self.rng.u64(..60);
            let item = self.bytes(self.longest);
            for attempt in 0.. {
                let held = self.buffer.find(&id(number));
                assert_eq!(held.is_some(), self.model.traces.contains_key(&number));
                let before = self.buffer.memory();
                let result = match held {
                    Some(trace) => self.buffer.append(trace, envelope, &item),
                    None => {
                        let first = First {
                            id: &id(number),
                            arrival: self.model.now,
                            envelope,
                            item: &item,
                        };
                        self.buffer.insert(&first).map(|_| ())
                    }
                };
                match result {
                    Ok(()) => {
                        let begun = &mut self.model.begun;
                        let trace = self.model.traces.entry(number).or_insert_with(|| {
                            *begun += 1;
                            ModelTrace {
                                begun: *begun,
                                ..ModelTrace::default()
                            }
                        });
                        trace.items.push((signal, resource.clone(), scope.clone(), item));
                        break;
                    }
                    Err(refusal) => {
                        self.refused += 1;
                        assert_eq!(self.buffer.memory(), before, "nothing has changed");
                        match refusal {
                            Refusal::Full if attempt < 100 && !self.buffer.is_empty() => self.force(),
                            Refusal::TraceFull => {
                                let held = self.buffer.trace(held.unwrap()).unwrap().bytes();
                                assert!(held + item.len() as u64 > self.limits.max_trace_bytes);
                                break;
                            }
                            other => panic!("{other:?} after {attempt}"),
                        }
                    }
                }
            }
        }
    }

    /// Takes the oldest trace.
    fn force(&mut self) {
        let Some(oldest) = self.buffer.oldest() else {
            return;
        };
        let number = self.number_of(oldest);
        let begun = self.model.traces[&number].begun;
        assert!(self.model.traces.values().all(|trace| trace.begun >= begun));
        self.leave(oldest);
    }

    /// Takes a trace out, one way or the other, and compares what comes out.
    fn leave(&mut self, trace: TraceRef) {
        let number = self.number_of(trace);
        let expected = self.model.traces.remove(&number).unwrap();
        let entry = *self.buffer.trace(trace).unwrap();
        assert_eq!(entry.items() as usize, expected.items.len());
        assert_eq!(entry.facts, expected.facts);
        let bytes: usize = expected.items.iter().map(|item| item.3.len()).sum();
        assert_eq!(entry.bytes(), bytes as u64);
        if self.rng.u8(..4) == 0 {
            self.buffer.discard(trace).unwrap();
        } else {
            let stop = if self.rng.bool() {
                usize::MAX
            } else {
                self.rng.usize(..4)
            };
            let mut taken = self.buffer.take(trace).unwrap();
            assert_eq!(taken.trace().id(), &id(number));
            let mut count = 0;
            while count < stop
                && let Some(record) = taken.next_record()
            {
                let Envelope { signal, shells } = record.envelope;
                let mut item = Vec::new();
                record.item.copy_to(&mut item);
                assert_eq!(
                    (signal, shells.resource.to_vec(), shells.scope.to_vec(), item),
                    expected.items[count]
                );
                count += 1;
            }
            assert!(count == stop || count == expected.items.len());
            assert_eq!(taken.left() as usize, expected.items.len() - count);
        }
        assert!(self.buffer.trace(trace).is_none() && self.buffer.discard(trace).is_none());
        assert!(self.buffer.find(&id(number)).is_none());
    }

    fn some_trace(&mut self) -> Option<(u64, TraceRef)> {
        let number = self.rng.u64(..60);
        self.buffer.find(&id(number)).map(|trace| (number, trace))
    }

    fn set_due(&mut self) {
        if let Some((number, trace)) = self.some_trace() {
            let far = *self
                .rng
                .choice(&[TICK, 100 * TICK, 5_000 * TICK, 100_000 * TICK])
                .unwrap();
            let due = self.model.now + self.rng.u64(..far);
            self.buffer.set_due(trace, due);
            self.model.traces.get_mut(&number).unwrap().due = Some(due);
        }
    }

    fn pass_time(&mut self) {
        let far = *self
            .rng
            .choice(&[TICK / 2, 20 * TICK, 2_000 * TICK, 200_000 * TICK])
            .unwrap();
        self.model.now += self.rng.u64(..far);
        let now = self.model.now;
        let next = self.buffer.next_due();
        let earliest = self.model.traces.values().filter_map(|trace| trace.due).min();
        assert_eq!(next.is_some(), earliest.is_some());
        while let Some(trace) = self.buffer.pop_due(now) {
            let number = self.number_of(trace);
            let due = self.model.traces.get_mut(&number).unwrap().due.take().unwrap();
            assert!(due <= now, "early");
            assert!(next.unwrap() <= now, "said to wait longer");
            if self.rng.bool() {
                self.leave(trace);
            }
        }
        let late = |trace: &ModelTrace| trace.due.is_some_and(|due| due + TICK <= now);
        assert!(!self.model.traces.values().any(late), "late");
    }

    fn note(&mut self) {
        let facts = self.rng.u64(..);
        if let Some((number, trace)) = self.some_trace() {
            *self.buffer.facts_mut(trace).unwrap() = facts;
            self.model.traces.get_mut(&number).unwrap().facts = facts;
        }
    }

    fn step(&mut self) {
        match self.rng.u8(..20) {
            0..9 => self.request(),
            9..12 => self.set_due(),
            12..14 => self.pass_time(),
            14..16 => self.note(),
            16..18 => {
                if let Some((_, trace)) = self.some_trace() {
                    self.leave(trace);
                }
            }
            _ => self.buffer.tidy(),
        }
        let memory = self.buffer.memory();
        assert!(memory.total() <= self.limits.max_bytes, "{memory:?}");
        assert!(memory.blocks_in_use <= memory.blocks);
    }

    /// That what the buffer says of itself is what is in it.
    fn recount(&self) {
        let items = self.model.traces.values().flat_map(|trace| &trace.items);
        let (count, bytes) = items.fold((0, 0), |(count, bytes), item| (count + 1, bytes + item.3.len()));
        assert_eq!(self.buffer.len(), self.model.traces.len());
        assert_eq!(self.buffer.items(), count);
        assert_eq!(self.buffer.item_bytes(), bytes as u64);
        self.buffer.recount();
    }
}

fn run(seed: u64, limits: Limits, longest: usize) {
    let mut world = World::new(seed, limits, longest);
    for step in 0..400 {
        world.step();
        if step % 8 == 0 {
            world.recount();
        }
    }
    while world.buffer.oldest().is_some() {
        world.force();
    }
    world.buffer.tidy();
    world.recount();
    assert_eq!(world.buffer.envelopes(), 0);
    assert_eq!(world.buffer.memory().blocks_in_use, 0);
    if limits.max_bytes < 1 << 20 {
        assert!(world.refused > 0, "the budget was never reached");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn property_everything_comes_out_once_as_it_came_in(seed: u64) {
        run(seed, super::limits(), 1500);
    }

    #[test]
    fn property_a_budget_that_is_always_full_is_kept(seed: u64) {
        run(seed, Limits { max_bytes: 150_000, max_traces: 50, max_trace_bytes: 8_000, seed }, 4_000);
    }
}
