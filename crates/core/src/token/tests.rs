//! Tests of the delivery token: who is told what, and when.

use super::*;
use futures_util::FutureExt;
use proptest::prelude::*;

fn later(reason: Reason) -> Failure {
    Failure::retryable(reason, "later")
}

fn never(reason: Reason) -> Failure {
    Failure::permanent(reason, "never")
}

// spec: D-1
#[test]
fn the_answer_comes_when_the_last_share_is_answered() {
    let (token, mut delivery) = DeliveryToken::new();
    let (second, third) = (token.share(), token.share());
    token.resolve(Verdict::delivered());
    third.resolve(Verdict::delivered());
    assert_eq!((&mut delivery).now_or_never(), None);
    second.resolve(Verdict::delivered());
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
}

// spec: D-1
#[tokio::test]
async fn a_waiting_sender_is_woken() {
    let (token, delivery) = DeliveryToken::new();
    let waiting = tokio::spawn(delivery);
    tokio::task::yield_now().await;
    token.resolve(Verdict::delivered());
    assert_eq!(waiting.await.unwrap(), Verdict::delivered());
}

// spec: D-2
#[test]
fn one_failed_share_fails_the_whole_answer() {
    let (token, delivery) = DeliveryToken::new();
    let second = token.share();
    token.resolve(Verdict::failed(later(Reason::Unavailable)));
    second.resolve(Verdict::delivered());
    let verdict = delivery.now_or_never().unwrap();
    assert_eq!(verdict.failure, Some(later(Reason::Unavailable)));
}

// spec: D-3
#[test]
fn a_retryable_failure_outweighs_a_permanent_one_whichever_came_first() {
    let (first, second) = (never(Reason::Rejected), later(Reason::Unavailable));
    for (one, other) in [(first.clone(), second.clone()), (second.clone(), first)] {
        let (token, delivery) = DeliveryToken::new();
        let share = token.share();
        token.resolve(Verdict::failed(one));
        share.resolve(Verdict::failed(other));
        let failure = delivery.now_or_never().unwrap().failure.unwrap();
        assert_eq!(failure, second);
    }
}

// spec: D-3
#[test]
fn the_longest_delay_asked_for_is_passed_on() {
    let (token, delivery) = DeliveryToken::new();
    let share = token.share();
    let (short, long) = (Duration::from_secs(1), Duration::from_secs(9));
    token.resolve(Verdict::failed(later(Reason::OverBudget).after(short)));
    share.resolve(Verdict::failed(never(Reason::Rejected).after(long)));
    let failure = delivery.now_or_never().unwrap().failure.unwrap();
    assert_eq!((failure.retryable, failure.after), (true, Some(long)));
    assert_eq!(
        later(Reason::OverBudget).after(long).after(short).after,
        Some(long)
    );
}

// spec: D-4
#[test]
fn a_share_let_go_without_an_answer_is_a_retryable_failure() {
    let (token, delivery) = DeliveryToken::new();
    let share = token.share();
    token.resolve(Verdict::delivered());
    drop(share);
    let failure = delivery.now_or_never().unwrap().failure.unwrap();
    assert_eq!((failure.reason, failure.retryable), (Reason::Abandoned, true));
}

// spec: D-5
#[test]
fn taking_custody_answers_at_once_and_only_once() {
    let (mut token, delivery) = DeliveryToken::new();
    assert!(token.sender_waits());
    token.take_custody();
    assert!(!token.sender_waits());
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
    let share = token.share();
    assert!(
        !share.sender_waits(),
        "what is shared after that has no sender either"
    );
    token.resolve(Verdict::failed(later(Reason::Expired)));
}

// spec: D-5
#[test]
fn custody_of_one_branch_does_not_answer_for_the_other() {
    let (mut token, mut delivery) = DeliveryToken::new();
    let other = token.share();
    token.take_custody();
    assert_eq!((&mut delivery).now_or_never(), None);
    other.resolve(Verdict::failed(never(Reason::Rejected)));
    assert_eq!(
        delivery.now_or_never().unwrap().failure,
        Some(never(Reason::Rejected))
    );
}

#[test]
fn a_detached_token_tells_nobody() {
    let token = DeliveryToken::detached();
    assert!(!token.sender_waits() && !token.share().sender_waits());
    token.resolve(Verdict::failed(later(Reason::Shutdown)));
}

// spec: D-6
#[test]
fn the_largest_number_of_rejected_items_is_told_with_its_message() {
    let rejected = |rejected_items, words: &str| Verdict {
        failure: None,
        rejected_items,
        rejected_message: Some(words.into()),
    };
    let (token, delivery) = DeliveryToken::new();
    let share = token.share();
    token.resolve(rejected(3, "too old"));
    share.resolve(rejected(2, "no name"));
    let verdict = delivery.now_or_never().unwrap();
    assert_eq!(
        (verdict.rejected_items, verdict.rejected_message.as_deref()),
        (3, Some("too old"))
    );
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Delivered,
    Custody,
    Retryable,
    Permanent,
    LetGo,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Delivered),
        Just(Fate::Custody),
        Just(Fate::Retryable),
        Just(Fate::Permanent),
        Just(Fate::LetGo),
    ]
}

proptest! {
    // spec: D-1, D-2, D-3, D-4, D-5
    #[test]
    fn property_the_answer_is_the_worst_of_all_shares(
        fates in proptest::collection::vec((fate(), any::<proptest::sample::Index>()), 1..24),
    ) {
        let (token, mut delivery) = DeliveryToken::new();
        let mut shares: Vec<DeliveryToken> = (1..fates.len()).map(|_| token.share()).collect();
        shares.push(token);
        for (fate, index) in &fates {
            prop_assert_eq!((&mut delivery).now_or_never(), None, "shares are open");
            let mut share = shares.swap_remove(index.index(shares.len()));
            match fate {
                Fate::Delivered => share.resolve(Verdict::delivered()),
                Fate::Custody => share.take_custody(),
                Fate::Retryable => share.resolve(Verdict::failed(later(Reason::Unavailable))),
                Fate::Permanent => share.resolve(Verdict::failed(never(Reason::Rejected))),
                Fate::LetGo => drop(share),
            }
        }
        let failure = delivery.now_or_never().unwrap().failure;
        let retryable = fates.iter().any(|(fate, _)| matches!(fate, Fate::Retryable | Fate::LetGo));
        let permanent = fates.iter().any(|(fate, _)| matches!(fate, Fate::Permanent));
        let expected = if retryable { Some(true) } else { permanent.then_some(false) };
        prop_assert_eq!(failure.map(|failure| failure.retryable), expected);
    }
}
