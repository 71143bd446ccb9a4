//! Tests of the edge: order, portions, bounds, and who is woken.

use super::*;
use crate::testing::Desk;
use forebay_core::{Delivery, Signal};
use forebay_testkit::SimulatedClock;
use futures_util::{FutureExt, poll};
use proptest::prelude::*;
use std::pin::pin;

const AT_ONCE: Portion = Portion {
    min_items: 0,
    patience: Duration::ZERO,
    max_items: 0,
    max_bytes: u64::MAX,
};

fn limits(items: u64) -> Limits {
    Limits {
        items,
        bytes: 1 << 30,
        batches: 1_000,
    }
}

fn edge(items: u64, on_full: OnFull) -> (Edge, SimulatedClock) {
    let clock = SimulatedClock::default();
    (Edge::new(limits(items), on_full, clock.clock()), clock)
}

fn sizes(taken: &[Taken]) -> Vec<u64> {
    taken.iter().map(|taken| taken.batch.items()).collect()
}

fn take_now(edge: &Edge, portion: &Portion) -> Option<Vec<Taken>> {
    edge.take(portion).now_or_never().flatten()
}

// spec: B-8
#[test]
fn a_portion_is_all_that_waits_of_one_signal_in_order() {
    let (desk, (edge, clock)) = (Desk::new(), edge(1_000, OnFull::Wait));
    for (signal, items) in [
        (Signal::Logs, 1),
        (Signal::Traces, 2),
        (Signal::Logs, 3),
        (Signal::Traces, 4),
    ] {
        assert!(edge.try_push(desk.batch(signal, items).0).is_none());
        clock.advance(Duration::from_secs(1));
    }
    let logs = take_now(&edge, &AT_ONCE).unwrap();
    assert_eq!(
        sizes(&logs),
        [1, 3],
        "the signal that has waited longest comes first"
    );
    assert!(logs.iter().all(|taken| taken.batch.signal() == Signal::Logs));
    assert_eq!(sizes(&take_now(&edge, &AT_ONCE).unwrap()), [2, 4]);
    assert!(take_now(&edge, &AT_ONCE).is_none());
}

// spec: B-8
#[test]
fn a_portion_stays_within_its_limits_but_is_never_empty() {
    let (desk, (edge, _)) = (Desk::new(), edge(1_000, OnFull::Wait));
    for items in [9, 2, 3, 4] {
        edge.try_push(desk.spans(items));
    }
    let five = Portion {
        max_items: 5,
        ..AT_ONCE
    };
    assert_eq!(
        sizes(&take_now(&edge, &five).unwrap()),
        [9],
        "one batch above the limit goes alone"
    );
    assert_eq!(sizes(&take_now(&edge, &five).unwrap()), [2, 3]);
    assert_eq!(sizes(&take_now(&edge, &five).unwrap()), [4]);
}

// spec: B-8
#[test]
fn without_bytes_to_fill_batches_go_one_by_one() {
    let (desk, (edge, _)) = (Desk::new(), edge(1_000, OnFull::Wait));
    let alone = Portion {
        max_bytes: 0,
        ..AT_ONCE
    };
    edge.try_push(desk.spans(1));
    edge.try_push(desk.spans(2));
    assert_eq!(sizes(&take_now(&edge, &alone).unwrap()), [1]);
    assert_eq!(sizes(&take_now(&edge, &alone).unwrap()), [2]);
}

// spec: B-7
#[test]
fn what_was_taken_counts_as_inside_until_its_place_is_let_go() {
    let (desk, (edge, _)) = (Desk::new(), edge(10, OnFull::Wait));
    edge.try_push(desk.spans(10));
    let taken = take_now(&edge, &AT_ONCE).unwrap();
    assert_eq!((edge.read().fill.items, edge.read().queued), (10, 0));
    let back = edge.try_push(desk.spans(1)).expect("there is no room");
    taken.into_iter().for_each(|taken| {
        taken.batch.delivered(0, None);
        drop(taken.place);
    });
    assert!(edge.try_push(back).is_none());
}

// spec: B-3
#[tokio::test]
async fn a_sender_waits_for_room_and_its_wait_is_recorded() {
    let (desk, (edge, clock)) = (Desk::new(), edge(10, OnFull::Wait));
    edge.try_push(desk.spans(10));
    let mut push = pin!(edge.push(desk.spans(4)));
    assert!(poll!(push.as_mut()).is_pending());
    assert_eq!(edge.read().fill.waiting, 1);
    clock.advance(Duration::from_secs(3));
    drop(take_now(&edge, &AT_ONCE));
    push.await;
    assert_eq!((edge.read().fill.items, edge.read().fill.waiting), (4, 0));
    let waited = edge.waited.read(&[]);
    assert_eq!((waited.count, waited.sum_seconds), (1, 3.0));
}

// spec: B-3, D-4
#[tokio::test]
async fn a_sender_that_gives_up_takes_its_batch_along() {
    let (desk, (edge, _)) = (Desk::new(), edge(10, OnFull::Wait));
    edge.try_push(desk.spans(10));
    let (batch, delivery) = desk.batch(Signal::Traces, 4);
    let mut push = Box::pin(edge.push(batch));
    assert!(poll!(push.as_mut()).is_pending());
    drop(push);
    assert!(delivery.now_or_never().unwrap().failure.unwrap().retryable);
    assert_eq!(desk.total().dropped[Reason::Abandoned as usize], 4);
    assert_eq!((edge.read().fill.waiting, edge.read().fill.items), (0, 10));
}

// spec: B-6
#[test]
fn dropping_the_oldest_looks_at_all_signals() {
    let (desk, (edge, clock)) = (Desk::new(), edge(10, OnFull::DropOldest));
    for signal in [Signal::Metrics, Signal::Logs] {
        edge.try_push(desk.batch(signal, 5).0);
        clock.advance(Duration::from_secs(1));
    }
    edge.try_push(desk.batch(Signal::Traces, 5).0);
    let left: Vec<Signal> = std::iter::from_fn(|| take_now(&edge, &AT_ONCE))
        .flatten()
        .map(|taken| taken.batch.signal())
        .collect();
    assert_eq!(left, [Signal::Logs, Signal::Traces]);
    assert_eq!(desk.total().dropped[Reason::QueueOverflow as usize], 5);
}

// spec: B-9
#[tokio::test]
async fn waiting_for_company_ends_with_enough_of_it_or_with_patience() {
    let (desk, (edge, clock)) = (Desk::new(), edge(1_000, OnFull::Wait));
    let patient = Portion {
        min_items: 10,
        patience: Duration::from_secs(2),
        ..AT_ONCE
    };
    edge.try_push(desk.spans(4));
    let mut take = pin!(edge.take(&patient));
    assert!(poll!(take.as_mut()).is_pending());
    edge.try_push(desk.spans(6));
    assert_eq!(sizes(&take.await.unwrap()), [4, 6]);
    edge.try_push(desk.spans(1));
    let mut take = pin!(edge.take(&patient));
    assert!(poll!(take.as_mut()).is_pending());
    assert_eq!(clock.somebody_sleeps().await, Time(Duration::from_secs(2)));
    clock.advance(Duration::from_secs(2));
    assert_eq!(sizes(&take.await.unwrap()), [1]);
}

// spec: B-10
#[tokio::test]
async fn closing_gives_out_what_is_left_at_once_and_then_nothing() {
    let (desk, (edge, _)) = (Desk::new(), edge(1_000, OnFull::Wait));
    let patient = Portion {
        min_items: 100,
        patience: Duration::from_secs(3_600),
        ..AT_ONCE
    };
    edge.try_push(desk.spans(4));
    edge.close();
    assert_eq!(sizes(&edge.take(&patient).await.unwrap()), [4]);
    assert!(edge.take(&patient).await.is_none());
}

// spec: B-10
#[tokio::test]
async fn closing_wakes_every_taker() {
    let (edge, _) = edge(1_000, OnFull::Wait);
    let (mut one, mut two, mut three) = (
        pin!(edge.take(&AT_ONCE)),
        pin!(edge.take(&AT_ONCE)),
        pin!(edge.take(&AT_ONCE)),
    );
    assert!(poll!(one.as_mut()).is_pending());
    assert!(poll!(two.as_mut()).is_pending());
    edge.close();
    assert!(one.await.is_none() && two.await.is_none());
    assert!(poll!(three.as_mut()).is_ready(), "one that comes later too");
}

// spec: B-10
#[tokio::test]
async fn who_waits_for_room_when_the_edge_closes_is_refused() {
    let (desk, (edge, _)) = (Desk::new(), edge(4, OnFull::Wait));
    edge.try_push(desk.spans(4));
    let (batch, delivery) = desk.batch(Signal::Traces, 4);
    let mut push = pin!(edge.push(batch));
    assert!(poll!(push.as_mut()).is_pending());
    edge.close();
    edge.fail_all(&Failure::retryable(Reason::Shutdown, "the end"));
    push.await;
    let failure = delivery.await.failure.unwrap();
    assert_eq!((failure.reason, failure.retryable), (Reason::Shutdown, true));
    let total = desk.total();
    let shutdown = Reason::Shutdown as usize;
    assert_eq!((total.dropped[shutdown], total.refused[shutdown]), (4, 4));
    assert_eq!((total.held, edge.read().fill.batches), (0, 0));
}

#[test]
fn a_reading_tells_the_age_of_what_has_waited_longest() {
    let (desk, (edge, clock)) = (Desk::new(), edge(1_000, OnFull::Wait));
    assert_eq!(edge.read().oldest, Duration::ZERO);
    edge.try_push(desk.batch(Signal::Logs, 1).0);
    clock.advance(Duration::from_secs(5));
    edge.try_push(desk.batch(Signal::Traces, 1).0);
    clock.advance(Duration::from_secs(2));
    let reading = edge.read();
    assert_eq!((reading.oldest, reading.queued), (Duration::from_secs(7), 2));
    assert_eq!(reading.limits, limits(1_000));
}

// spec: B-3, B-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_and_takers_lose_nothing_and_do_not_stall() {
    let desk = Arc::new(Desk::new());
    let edge = Arc::new(Edge::new(limits(20), OnFull::Wait, Clock::system()));
    let senders: Vec<_> = (0..6_u64)
        .map(|sender| {
            let (edge, desk) = (Arc::clone(&edge), Arc::clone(&desk));
            tokio::spawn(async move {
                for round in 0..200 {
                    edge.push(desk.spans(1 + (sender + round) % 9)).await;
                }
            })
        })
        .collect();
    let takers: Vec<_> = (0..3)
        .map(|_| {
            let edge = Arc::clone(&edge);
            tokio::spawn(async move {
                let mut items = 0;
                while let Some(taken) = edge.take(&AT_ONCE).await {
                    for Taken { batch, place } in taken {
                        items += batch.items();
                        tokio::task::yield_now().await;
                        batch.delivered(0, None);
                        drop(place);
                    }
                }
                items
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    edge.close();
    let mut items = 0;
    for taker in takers {
        items += taker.await.unwrap();
    }
    let total = desk.total();
    assert_eq!((total.received, total.delivered, total.held), (items, items, 0));
    assert_eq!(edge.read().fill, Fill::default());
    assert_eq!(desk.leased(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize, u64),
    Take { max_items: u64 },
    Finish(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..3_usize, 1..12_u64).prop_map(|(signal, items)| Step::Push(signal, items)),
        2 => (0..20_u64).prop_map(|max_items| Step::Take { max_items }),
        2 => (0..16_usize).prop_map(Step::Finish),
        1 => (0..3_u64).prop_map(Step::Pass),
    ]
}

fn on_full() -> impl Strategy<Value = OnFull> {
    prop_oneof![
        Just(OnFull::Wait),
        Just(OnFull::Refuse),
        Just(OnFull::DropNewest),
        Just(OnFull::DropOldest),
    ]
}

proptest! {
    // spec: B-1, B-2, B-4, B-5, B-6, B-7, B-8, B-10
    #[test]
    fn property_every_item_is_inside_or_settled(
        on_full in on_full(),
        steps in proptest::collection::vec(step(), 1..100),
    ) {
        let (desk, (edge, clock)) = (Desk::new(), edge(30, on_full));
        let (mut answers, mut out): (Vec<Delivery>, Vec<Taken>) = (Vec::new(), Vec::new());
        for step in &steps {
            match *step {
                Step::Push(signal, items) => {
                    let (batch, answer) = desk.batch(Signal::ALL[signal], items);
                    answers.push(answer);
                    if let Some(back) = edge.try_push(batch) {
                        prop_assert_eq!(on_full, OnFull::Wait);
                        back.fail(Failure::retryable(Reason::QueueFull, "the test does not wait"));
                    }
                }
                Step::Take { max_items } => {
                    let taken = take_now(&edge, &Portion { max_items, ..AT_ONCE }).unwrap_or_default();
                    let items: u64 = sizes(&taken).iter().sum();
                    prop_assert!(taken.len() <= 1 || max_items == 0 || items <= max_items);
                    out.extend(taken);
                }
                Step::Finish(which) if !out.is_empty() => {
                    out.swap_remove(which % out.len()).batch.delivered(0, None);
                }
                Step::Finish(_) => {}
                Step::Pass(seconds) => clock.advance(Duration::from_secs(seconds)),
            }
            let reading = edge.read();
            prop_assert_eq!(desk.total().held, reading.fill.items, "after {:?}", step);
            prop_assert!(reading.fill.items <= 30);
        }
        edge.close();
        drop(out);
        edge.fail_all(&Failure::retryable(Reason::Shutdown, "the end"));
        prop_assert_eq!(edge.read().fill, Fill::default());
        prop_assert_eq!((desk.total().held, desk.leased()), (0, 0));
        prop_assert!(answers.into_iter().all(|answer| answer.now_or_never().is_some()));
    }
}

// spec: B-6
#[test]
fn dropping_the_oldest_drops_nothing_where_that_makes_no_room() {
    let (desk, (edge, _)) = (Desk::new(), edge(10, OnFull::DropOldest));
    assert!(edge.try_push(desk.spans(4)).is_none());
    let in_flight = take_now(&edge, &AT_ONCE).unwrap();
    for _ in 0..3 {
        assert!(edge.try_push(desk.spans(2)).is_none());
    }
    // Neither one that is larger than the bound nor one that is larger than what is not in flight.
    for items in [11, 7] {
        assert!(edge.try_push(desk.spans(items)).is_none());
        assert_eq!(edge.read().queued, 3);
    }
    assert_eq!(desk.total().dropped[Reason::QueueOverflow as usize], 18);
    assert!(edge.try_push(desk.spans(3)).is_none());
    assert_eq!((edge.read().queued, edge.read().fill.items), (2, 9));
    drop(in_flight);
}

// spec: D-17
#[tokio::test]
async fn in_a_hurry_nothing_waits_for_company() {
    let (desk, (edge, _)) = (Desk::new(), edge(100, OnFull::Wait));
    let patient = Portion {
        min_items: 50,
        patience: Duration::from_secs(3600),
        ..AT_ONCE
    };
    let mut taker = pin!(edge.take(&patient));
    assert!(edge.try_push(desk.spans(5)).is_none());
    assert!(poll!(taker.as_mut()).is_pending());
    edge.hurry();
    assert_eq!(sizes(&taker.await.unwrap()), [5]);
    assert!(edge.try_push(desk.spans(6)).is_none());
    assert_eq!(sizes(&take_now(&edge, &patient).unwrap()), [6]);
}

/// Two edges that share a bound of `items` items.
fn sharing(items: u64) -> (Arc<Gate>, Edge, Edge) {
    let (one, other) = (edge(items / 2, OnFull::Wait).0, edge(items / 2, OnFull::Wait).0);
    (Gate::new(limits(items)), one, other)
}

fn placed(outer: &Arc<Gate>, edge: &Edge, batch: Batch) -> Taken {
    let here = edge.try_enter(&batch).unwrap();
    let place = here.within(outer.try_enter(batch.items(), batch.bytes()).unwrap());
    Taken { batch, place }
}

// spec: B-14
#[test]
fn what_goes_from_one_edge_to_another_keeps_its_place_in_common() {
    let (desk, (outer, one, other)) = (Desk::new(), sharing(10));
    assert!(
        one.insert(placed(&outer, &one, desk.spans(5)), Entering::Asked)
            .is_none()
    );
    assert!(
        other
            .insert(placed(&outer, &other, desk.spans(5)), Entering::Asked)
            .is_none()
    );
    assert_eq!(
        (one.read().fill.items, other.read().fill.items, outer.fill().items),
        (5, 5, 10)
    );
    let Taken { batch, mut place } = one.take_oldest().unwrap();
    let common = place.leave().unwrap();
    drop(place);
    assert_eq!((one.read().fill.items, outer.fill().items), (0, 10));
    assert!(other.adopt(batch, common, Entering::Asked).is_none());
    assert_eq!(
        (other.read().fill.items, outer.fill().items),
        (10, 10),
        "more than its share, not more in all"
    );
    assert!(other.try_enter(&desk.spans(1)).is_none());
    assert!(outer.try_enter(1, 1).is_none());
    drop(take_now(&other, &AT_ONCE));
    assert_eq!(
        (other.read().fill, outer.fill()),
        (Fill::default(), Fill::default())
    );
}

#[test]
fn an_edge_that_is_diverted_or_closed_gives_back_what_comes() {
    let (desk, (outer, one, _)) = (Desk::new(), sharing(10));
    one.divert(true);
    let back = one
        .insert(placed(&outer, &one, desk.spans(1)), Entering::Asked)
        .unwrap();
    assert!(one.insert(back, Entering::Trial).is_none(), "but for a trial");
    one.divert(false);
    assert!(
        one.insert(placed(&outer, &one, desk.spans(2)), Entering::Asked)
            .is_none()
    );
    one.close();
    let back = one.insert(placed(&outer, &one, desk.spans(1)), Entering::Trial);
    assert!(back.is_some());
    assert_eq!(outer.fill().items, 4);
    drop(back);
    assert_eq!(outer.fill().items, 3);
    assert_eq!(sizes(&take_now(&one, &AT_ONCE).unwrap()), [1, 2]);
}

#[test]
fn places_are_parted_and_joined_without_a_loss() {
    let outer = Gate::new(limits(100));
    let mut whole = outer.try_enter(10, 100).unwrap();
    let part = whole.carve(4, 50);
    let more_than_is_left = whole.carve(20, 80);
    assert_eq!(
        (outer.fill().items, outer.fill().bytes, outer.fill().batches),
        (10, 100, 3)
    );
    drop(part);
    assert_eq!(
        (outer.fill().items, outer.fill().bytes, outer.fill().batches),
        (6, 50, 2)
    );
    whole.join(more_than_is_left);
    drop(outer.try_enter(1, 1));
    assert_eq!(outer.fill().batches, 2);
    let again = whole.carve(1, 1);
    assert_eq!(outer.fill().batches, 2, "one of its two is used again");
    drop((whole, again));
    assert_eq!(outer.fill(), Fill::default());
    assert!(outer.empty().now_or_never().is_some());
}

#[test]
fn a_larger_share_lets_in_who_waits() {
    let (desk, (_, one, _)) = (Desk::new(), sharing(10));
    let (first, second) = (desk.spans(5), desk.spans(5));
    let _inside = one.try_enter(&first).unwrap();
    let mut waiting = pin!(one.enter(&second));
    assert!(waiting.as_mut().now_or_never().is_none());
    one.resize(limits(10));
    assert!(waiting.now_or_never().is_some());
}
