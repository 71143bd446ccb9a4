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
    let (second, third) = (token.part(), token.part());
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
    let second = token.part();
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
        let share = token.part();
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
    let share = token.part();
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
    let share = token.part();
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
    let share = token.part();
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
    let other = token.part();
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
    assert!(!token.sender_waits() && !token.part().sender_waits());
    token.resolve(Verdict::failed(later(Reason::Shutdown)));
}

fn noted(rejected_items: u64, words: &str) -> Verdict {
    Verdict {
        failure: None,
        rejected_items,
        rejected_message: Some(words.into()),
    }
}

fn rejected(items: u64) -> Verdict {
    Verdict::rejected(items, never(Reason::Rejected).by(Fault::Content))
}

/// What is told: the number of rejected items, its message, and the failure.
fn told(delivery: Delivery) -> (u64, Option<Arc<str>>, Option<Failure>) {
    let verdict = delivery.now_or_never().unwrap();
    (verdict.rejected_items, verdict.rejected_message, verdict.failure)
}

// spec: D-6
#[test]
fn rejected_items_of_parts_add_up_and_the_most_are_explained() {
    let (token, delivery) = DeliveryToken::new();
    let part = token.part();
    token.resolve(noted(3, "too old"));
    part.resolve(noted(2, "no name"));
    assert_eq!(told(delivery), (5, Some("too old".into()), None));
}

// spec: D-6
#[test]
fn rejected_items_of_branches_are_the_same_items() {
    let (mut token, delivery) = DeliveryToken::new();
    let branch = token.branch();
    token.resolve(noted(2, "no name"));
    branch.resolve(noted(3, "too old"));
    assert_eq!(told(delivery), (3, Some("too old".into()), None));
}

// spec: D-6
#[test]
fn parts_of_branches_and_branches_of_parts_add_up_where_they_are_parts() {
    // Two parts; the first goes to three destinations, of which one gets it in two parts again.
    let (mut first, delivery) = DeliveryToken::new();
    let second = first.part();
    let mut other = first.branch();
    let third = other.branch();
    let rest = first.part();
    first.resolve(noted(2, "a"));
    rest.resolve(noted(3, "b"));
    other.resolve(noted(4, "c"));
    third.resolve(Verdict::delivered());
    second.resolve(noted(1, "d"));
    assert_eq!(told(delivery), (5 + 1, Some("c".into()), None));
}

// spec: D-24
#[test]
fn what_is_refused_in_part_is_a_partial_success() {
    let (token, delivery) = DeliveryToken::new();
    let (part, filtered) = (token.part(), token.part());
    token.resolve(rejected(3));
    part.resolve(Verdict::delivered());
    filtered.resolve(rejected(1));
    assert_eq!(told(delivery), (4, Some("never".into()), None));
}

// spec: D-24
#[test]
fn what_is_refused_whole_is_a_failure() {
    let (token, delivery) = DeliveryToken::new();
    let part = token.part();
    token.resolve(rejected(3));
    part.resolve(rejected(1));
    let failure = delivery.now_or_never().unwrap().failure.unwrap();
    assert_eq!((failure.retryable, failure.fault), (false, Some(Fault::Content)));
}

// spec: D-2, D-24
#[test]
fn a_branch_that_is_refused_whole_is_a_failure_whatever_the_other_took() {
    for refused_first in [true, false] {
        let (mut token, delivery) = DeliveryToken::new();
        let branch = token.branch();
        let (yes, no) = if refused_first {
            (token, branch)
        } else {
            (branch, token)
        };
        yes.resolve(Verdict::delivered());
        no.resolve(rejected(3));
        assert!(delivery.now_or_never().unwrap().failure.is_some());
    }
}

// spec: D-3, D-24
#[test]
fn a_failure_that_may_be_cured_outweighs_what_was_refused() {
    let (token, delivery) = DeliveryToken::new();
    let part = token.part();
    token.resolve(rejected(3));
    part.resolve(Verdict::failed(later(Reason::Unavailable)));
    assert!(delivery.now_or_never().unwrap().failure.unwrap().retryable);
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
        let mut shares: Vec<DeliveryToken> = (1..fates.len()).map(|_| token.part()).collect();
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

/// How a request comes apart on its way.
#[derive(Clone, Debug)]
enum Way {
    /// It is taken, less so many items, or refused whole for what it is.
    End {
        rejected: u64,
        taken: bool,
    },
    Parts(Vec<Way>),
    Branches(Vec<Way>),
}

/// What is rejected, whether anything is taken, and whether anything was refused whole.
type Sum = (u64, bool, bool);

impl Way {
    fn any() -> impl Strategy<Value = Way> {
        let end = (0..5u64, any::<bool>()).prop_map(|(rejected, taken)| Way::End {
            rejected: rejected + u64::from(!taken),
            taken,
        });
        end.prop_recursive(4, 24, 4, |inner| {
            let several = proptest::collection::vec(inner, 1..4);
            prop_oneof![
                several.clone().prop_map(Way::Parts),
                several.prop_map(Way::Branches)
            ]
        })
    }

    /// The shares that it comes to, and how each ends.
    fn go(&self, mut token: DeliveryToken, ends: &mut Vec<(DeliveryToken, Verdict)>) {
        match self {
            Way::End {
                rejected: items,
                taken: true,
            } => ends.push((token, noted(*items, "noted"))),
            Way::End { rejected: items, .. } => ends.push((token, rejected(*items))),
            Way::Parts(ways) => {
                for way in ways.iter().skip(1) {
                    way.go(token.part(), ends);
                }
                ways[0].go(token, ends);
            }
            Way::Branches(ways) => {
                for way in ways.iter().skip(1) {
                    way.go(token.branch(), ends);
                }
                ways[0].go(token, ends);
            }
        }
    }

    fn sum(&self) -> Sum {
        match self {
            Way::End { rejected, taken } => (*rejected, *taken, !taken),
            Way::Parts(ways) => ways.iter().map(Way::sum).fold((0, false, false), |sum, part| {
                (sum.0 + part.0, sum.1 || part.1, sum.2 || part.2)
            }),
            Way::Branches(ways) => {
                let sums: Vec<Sum> = ways.iter().map(Way::sum).collect();
                let whole = |sum: &Sum| sum.2 && !sum.1;
                let refused = sums.iter().any(whole);
                let most = sums.iter().map(|sum| sum.0).max().unwrap_or_default();
                (most, !refused, refused || sums.iter().any(|sum| sum.2))
            }
        }
    }
}

proptest! {
    // spec: D-1, D-6, D-24
    #[test]
    fn property_parts_add_up_and_branches_do_not(
        way in Way::any(),
        order in any::<proptest::sample::Index>(),
    ) {
        let (token, mut delivery) = DeliveryToken::new();
        let mut ends = Vec::new();
        way.go(token, &mut ends);
        let turn = order.index(ends.len());
        ends.rotate_left(turn);
        for (share, verdict) in ends {
            prop_assert_eq!((&mut delivery).now_or_never(), None, "shares are open");
            share.resolve(verdict);
        }
        let verdict = delivery.now_or_never().unwrap();
        let (items, taken, refused) = way.sum();
        prop_assert_eq!(verdict.rejected_items, items);
        prop_assert_eq!(verdict.failure.is_some(), refused && !taken);
    }
}
