//! Tests of the gate: nothing above its bounds, nobody waits beside free room.

use super::*;
use crate::testing::Desk;
use forebay_core::Signal;
use futures_util::{FutureExt, poll};
use proptest::prelude::*;
use std::pin::pin;

fn gate(items: u64, bytes: u64, batches: u64) -> Arc<Gate> {
    Gate::new(Limits {
        items,
        bytes,
        batches,
    })
}

// spec: B-1
#[test]
fn each_of_the_three_bounds_holds() {
    for (gate, items, bytes) in [
        (gate(10, 1_000, 100), 6, 1),
        (gate(1_000, 10, 100), 1, 6),
        (gate(1_000, 1_000, 1), 1, 1),
    ] {
        let first = gate.try_enter(items, bytes);
        assert!(first.is_some() && gate.try_enter(items, bytes).is_none());
        drop(first);
        assert!(gate.try_enter(items, bytes).is_some());
    }
}

// spec: B-2
#[test]
fn what_is_larger_than_the_bound_may_be_inside_alone() {
    let gate = gate(10, 10, 10);
    let large = gate.try_enter(50, 50).unwrap();
    assert!(gate.try_enter(1, 1).is_none());
    drop(large);
    let _small = gate.try_enter(1, 1).unwrap();
    assert!(gate.try_enter(50, 50).is_none());
}

// spec: B-4
#[test]
fn refusing_is_retryable_with_a_delay() {
    let (desk, gate) = (Desk::new(), gate(5, 1 << 20, 10));
    let _inside = gate.try_enter(5, 0).unwrap();
    let (batch, delivery) = desk.batch(Signal::Logs, 3);
    assert!(matches!(
        gate.decide(batch, OnFull::Refuse, || None),
        Decision::Settled
    ));
    let failure = delivery.now_or_never().unwrap().failure.unwrap();
    assert_eq!(
        (failure.reason, failure.retryable, failure.after),
        (Reason::QueueFull, true, Some(RETRY_AFTER))
    );
    assert_eq!(desk.total().refused[Reason::QueueFull as usize], 3);
}

// spec: B-5
#[test]
fn dropping_the_newest_is_booked_and_its_sender_need_not_come_again() {
    let (desk, gate) = (Desk::new(), gate(5, 1 << 20, 10));
    let _inside = gate.try_enter(5, 0).unwrap();
    let (batch, delivery) = desk.batch(Signal::Logs, 3);
    gate.decide(batch, OnFull::DropNewest, || None);
    assert_eq!(delivery.now_or_never().unwrap().failure, None);
    assert_eq!(desk.total().dropped[Reason::QueueFull as usize], 3);
    assert_eq!(desk.leased(), 0);
}

// spec: B-6
#[test]
fn dropping_the_oldest_makes_just_the_room_that_is_needed() {
    let (desk, gate) = (Desk::new(), gate(6, 1 << 20, 10));
    let mut inside: Vec<(Batch, Place)> = (0..3)
        .map(|_| (desk.spans(2), gate.try_enter(2, 0).unwrap()))
        .collect();
    let decision = gate.decide(desk.spans(3), OnFull::DropOldest, || {
        (!inside.is_empty()).then(|| inside.remove(0).0)
    });
    assert!(matches!(decision, Decision::Enter(..)));
    assert_eq!(inside.len(), 1, "two of two items made room for three");
    assert_eq!(desk.total().dropped[Reason::QueueOverflow as usize], 4);
}

// spec: B-6
#[test]
fn where_nothing_can_be_taken_out_the_newest_is_dropped() {
    let (desk, gate) = (Desk::new(), gate(2, 1 << 20, 10));
    let _in_flight = gate.try_enter(2, 0).unwrap();
    let decision = gate.decide(desk.spans(1), OnFull::DropOldest, || None);
    assert!(matches!(decision, Decision::Settled));
    assert_eq!(desk.total().dropped[Reason::QueueOverflow as usize], 1);
}

// spec: B-3
#[tokio::test]
async fn room_goes_to_who_waits_for_it() {
    let gate = gate(2, 100, 10);
    let inside = gate.try_enter(2, 0).unwrap();
    let (mut first, mut second) = (pin!(gate.enter(1, 0)), pin!(gate.enter(1, 0)));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    assert_eq!(gate.fill().waiting, 2);
    drop(inside);
    let _places = (first.await, second.await);
    assert_eq!((gate.fill().waiting, gate.fill().items), (0, 2));
}

// spec: B-3
#[tokio::test]
async fn a_sender_that_gives_up_hands_its_turn_on() {
    let gate = gate(1, 100, 10);
    let inside = gate.try_enter(1, 0).unwrap();
    let mut first = Box::pin(gate.enter(1, 0));
    let mut second = pin!(gate.enter(1, 0));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    drop(inside);
    drop(first);
    let _place = second.await;
    assert_eq!(gate.fill().waiting, 0);
}

// spec: B-3
#[tokio::test]
async fn a_large_batch_is_not_overtaken_for_ever() {
    let gate = gate(10, 100, 10);
    let (one, other) = (gate.try_enter(5, 0).unwrap(), gate.try_enter(5, 0).unwrap());
    let mut large = pin!(gate.enter(10, 0));
    assert!(poll!(large.as_mut()).is_pending());
    drop(one);
    assert!(gate.try_enter(1, 0).is_none(), "who comes later stands behind it");
    let mut small = pin!(gate.enter(1, 0));
    assert!(poll!(small.as_mut()).is_pending());
    drop(other);
    drop(large.await);
    let _place = small.await;
}

// spec: B-3
#[tokio::test]
async fn when_the_first_in_line_gives_up_those_that_fit_go_in() {
    let gate = gate(10, 100, 10);
    let _inside = gate.try_enter(5, 0).unwrap();
    let mut large = Box::pin(gate.enter(10, 0));
    assert!(poll!(large.as_mut()).is_pending());
    let (mut first, mut second) = (pin!(gate.enter(2, 0)), pin!(gate.enter(3, 0)));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    drop(large);
    let _places = (
        first.now_or_never().expect("there is room"),
        second.now_or_never().expect("there is room"),
    );
    assert_eq!((gate.fill().waiting, gate.fill().items), (0, 10));
}

// spec: B-3
#[tokio::test]
async fn a_place_that_comes_as_its_sender_gives_up_is_given_back() {
    let gate = gate(1, 100, 10);
    let inside = gate.try_enter(1, 0).unwrap();
    let mut leaves = Box::pin(gate.enter(1, 0));
    assert!(poll!(leaves.as_mut()).is_pending());
    drop(inside);
    assert_eq!(gate.fill().items, 1, "it is on its way");
    drop(leaves);
    assert_eq!(gate.fill(), Fill::default());
}

#[derive(Clone, Debug)]
enum Step {
    Enter(u64, u64),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..30_u64, 0..30_u64).prop_map(|(items, bytes)| Step::Enter(items, bytes)),
        2 => (0..16_usize).prop_map(Step::Leave),
    ]
}

proptest! {
    // spec: B-1, B-2
    #[test]
    fn property_fill_is_the_sum_of_the_places_and_within_the_bounds(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let limits = Limits { items: 40, bytes: 50, batches: 5 };
        let gate = Gate::new(limits);
        let mut places: Vec<Place> = Vec::new();
        for step in &steps {
            match *step {
                Step::Enter(items, bytes) => places.extend(gate.try_enter(items, bytes)),
                Step::Leave(which) if !places.is_empty() => drop(places.swap_remove(which % places.len())),
                Step::Leave(_) => {}
            }
            let fill = gate.fill();
            let sum = |part: fn(&Place) -> u64| places.iter().map(part).sum::<u64>();
            prop_assert_eq!(
                (fill.items, fill.bytes, fill.batches),
                (sum(|place| place.items), sum(|place| place.bytes), places.len() as u64)
            );
            let within = fill.items <= limits.items && fill.bytes <= limits.bytes;
            prop_assert!(fill.batches <= 1 || (within && fill.batches <= limits.batches));
        }
    }
}
