//! Tests of the inbox: order, bounds, and what closing does.

use super::*;
use crate::testing::Desk;
use forebay_core::Signal;
use forebay_testkit::SimulatedClock;
use futures_util::{FutureExt, poll};
use std::pin::pin;
use std::time::Duration;

fn inbox(items: u64, on_full: OnFull) -> (Inbox, SimulatedClock) {
    let clock = SimulatedClock::default();
    let limits = Limits {
        items,
        bytes: 1 << 30,
        batches: 100,
    };
    (Inbox::new(limits, on_full, clock.clock()), clock)
}

fn take_now(inbox: &Inbox) -> Option<u64> {
    inbox.take().now_or_never().flatten().map(|batch| batch.items())
}

// spec: B-1, B-8
#[test]
fn batches_come_out_in_the_order_in_which_they_went_in() {
    let (desk, (inbox, _)) = (Desk::new(), inbox(100, OnFull::Wait));
    for items in 1..=5 {
        assert!(inbox.try_push(desk.spans(items)).is_none());
    }
    assert_eq!(inbox.read().0.items, 15);
    let order: Vec<u64> = std::iter::from_fn(|| take_now(&inbox)).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
    assert_eq!(
        inbox.read().0,
        Fill::default(),
        "a place is free once its batch is taken"
    );
}

// spec: B-3
#[tokio::test]
async fn a_sender_waits_until_the_taker_has_made_room() {
    let (desk, (inbox, clock)) = (Desk::new(), inbox(10, OnFull::Wait));
    inbox.try_push(desk.spans(10));
    let mut push = pin!(inbox.push(desk.spans(3)));
    assert!(poll!(push.as_mut()).is_pending());
    assert_eq!(inbox.read().0.waiting, 1);
    clock.advance(Duration::from_secs(1));
    drop(inbox.take().await);
    push.await;
    assert_eq!(inbox.waited.read(&[]).count, 1);
    assert_eq!(take_now(&inbox), Some(3));
}

#[tokio::test]
async fn a_taker_is_woken_by_what_comes() {
    let (desk, (inbox, _)) = (Desk::new(), inbox(10, OnFull::Wait));
    let mut take = pin!(inbox.take());
    assert!(poll!(take.as_mut()).is_pending());
    inbox.try_push(desk.spans(2));
    assert_eq!(take.await.unwrap().items(), 2);
}

// spec: B-6
#[test]
fn dropping_the_oldest_leaves_the_newest() {
    let (desk, (inbox, _)) = (Desk::new(), inbox(6, OnFull::DropOldest));
    for items in [3, 2, 1, 4] {
        inbox.try_push(desk.spans(items));
    }
    let left: Vec<u64> = std::iter::from_fn(|| take_now(&inbox)).collect();
    assert_eq!(left, [1, 4]);
    assert_eq!(desk.total().dropped[Reason::QueueOverflow as usize], 5);
}

// spec: B-10
#[tokio::test]
async fn closing_gives_out_what_is_left_and_refuses_what_comes() {
    let (desk, (inbox, _)) = (Desk::new(), inbox(100, OnFull::Wait));
    inbox.try_push(desk.spans(2));
    inbox.close();
    let (late, delivery) = desk.batch(Signal::Traces, 5);
    inbox.push(late).await;
    let failure = delivery.await.failure.unwrap();
    assert_eq!((failure.reason, failure.retryable), (Reason::Shutdown, true));
    assert_eq!(inbox.take().await.map(|batch| batch.items()), Some(2));
    assert!(inbox.take().await.is_none() && inbox.take().await.is_none());
}

// spec: B-10
#[tokio::test]
async fn closing_wakes_the_taker() {
    let (inbox, _) = inbox(100, OnFull::Wait);
    let mut take = pin!(inbox.take());
    assert!(poll!(take.as_mut()).is_pending());
    inbox.close();
    assert!(take.await.is_none());
}

// spec: B-1, B-3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_to_one_taker_lose_nothing() {
    let desk = Arc::new(Desk::new());
    let limits = Limits {
        items: 12,
        bytes: 1 << 30,
        batches: 4,
    };
    let inbox = Arc::new(Inbox::new(limits, OnFull::Wait, Clock::system()));
    let senders: Vec<_> = (0..6_u64)
        .map(|sender| {
            let (inbox, desk) = (Arc::clone(&inbox), Arc::clone(&desk));
            tokio::spawn(async move {
                for round in 0..200 {
                    inbox.push(desk.spans(1 + (sender + round) % 5)).await;
                }
            })
        })
        .collect();
    let taker = {
        let inbox = Arc::clone(&inbox);
        tokio::spawn(async move {
            let mut items = 0;
            while let Some(batch) = inbox.take().await {
                let fill = inbox.read().0;
                assert!(fill.items <= 12 && fill.batches <= 4);
                items += batch.items();
                batch.delivered(0, None);
            }
            items
        })
    };
    for sender in senders {
        sender.await.unwrap();
    }
    inbox.close();
    let items = taker.await.unwrap();
    let total = desk.total();
    assert_eq!((total.received, total.delivered, total.held), (items, items, 0));
    assert_eq!(inbox.read().0, Fill::default());
}

// spec: A-2
#[test]
fn nothing_stays_behind_in_an_inbox_that_closes_as_it_is_fed() {
    let desk = Desk::new();
    for _ in 0..3_000 {
        let (inbox, _) = inbox(100, OnFull::Wait);
        let (batch, delivery) = desk.batch(Signal::Traces, 3);
        std::thread::scope(|threads| {
            threads.spawn(|| inbox.try_push(batch));
            threads.spawn(|| inbox.close());
            // Until it is told that there is nothing more.
            threads.spawn(|| while !matches!(inbox.take().now_or_never(), Some(None)) {});
        });
        assert!(delivery.now_or_never().is_some(), "taken or refused");
        assert_eq!(inbox.read().0, Fill::default());
    }
    assert_eq!(desk.total().held, 0);
}
