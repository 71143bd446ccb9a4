//! Tests of the batch: its books, its memory and its sender's answer move together.

use super::*;
use crate::accounts::{Accounts, Balance};
use crate::ledger::Ledger;
use crate::token::Delivery;
use bytes::Bytes;
use futures_util::FutureExt;
use proptest::prelude::*;

const IN: NodeId = NodeId(0);
const OUT: NodeId = NodeId(1);

/// The books and the budget that a test's batches stand in.
struct Desk {
    accounts: Accounts,
    ledger: Ledger,
}

impl Desk {
    fn new() -> Self {
        Desk {
            accounts: Accounts::new(2),
            ledger: Ledger::new(1 << 20),
        }
    }

    /// A batch of `items` spans, and its sender's answer.
    fn batch(&self, items: u64) -> (Batch, Delivery) {
        let payload = Payload::from(request(items));
        let lease = self.ledger.lease(payload.len() as u64).unwrap();
        let custody = self
            .accounts
            .receive(IN, Signal::Traces, items, payload.len() as u64);
        let (token, delivery) = DeliveryToken::new();
        let entry = Entry {
            custody,
            lease,
            token,
            origin: Arc::default(),
            received_at: Time::default(),
        };
        (Batch::new(Signal::Traces, payload, entry), delivery)
    }

    fn total(&self) -> Balance {
        let balanced = |balance: &Balance| balance.unaccounted() == 0;
        assert!(
            self.accounts.read().iter().flatten().all(balanced),
            "{:#?}",
            self.accounts.read()
        );
        self.accounts.total()
    }
}

fn push(out: &mut Vec<u8>, tag: u8, message: &[u8]) {
    out.push(tag);
    let mut len = message.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(message);
}

/// A traces request of `items` spans of 9 bytes each, which have a name and nothing else.
fn request(items: u64) -> Bytes {
    let (mut spans, mut scope, mut resource) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..items {
        push(
            &mut spans,
            0x12,
            &[0x2a, 5, b's', b'p', b'a', b'n', b'0' + (number % 10) as u8],
        );
    }
    push(&mut scope, 0x12, &spans);
    push(&mut resource, 0x0a, &scope);
    Bytes::from(resource)
}

// spec: D-1, A-1, M-2
#[test]
fn delivering_settles_books_memory_and_answer() {
    let desk = Desk::new();
    let (mut batch, delivery) = desk.batch(10);
    let bytes = batch.bytes();
    assert_eq!(desk.ledger.read().used, bytes);
    batch.advance(OUT);
    assert_eq!(
        (batch.node(), batch.items(), batch.sender_waits()),
        (OUT, 10, true)
    );
    batch.delivered(0, None);
    let total = desk.total();
    assert_eq!((total.delivered, total.held), (10, 0));
    assert_eq!(desk.ledger.read().used, 0);
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
}

// spec: D-6
#[test]
fn rejected_items_are_refused_and_the_rest_delivered() {
    let desk = Desk::new();
    let (batch, delivery) = desk.batch(10);
    batch.delivered(3, Some("too old".into()));
    let total = desk.total();
    assert_eq!(
        (total.delivered, total.refused[Reason::Rejected as usize]),
        (7, 3)
    );
    let verdict = delivery.now_or_never().unwrap();
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 3));
}

// spec: D-7
#[test]
fn failing_is_refusing_while_the_sender_waits_and_dropping_after() {
    let desk = Desk::new();
    let failure = || Failure::permanent(Reason::Rejected, "never");
    let (batch, delivery) = desk.batch(4);
    batch.fail(failure());
    assert_eq!(delivery.now_or_never().unwrap().failure, Some(failure()));
    let (mut batch, delivery) = desk.batch(5);
    batch.take_custody();
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
    batch.fail(failure());
    let total = desk.total();
    let rejected = Reason::Rejected as usize;
    assert_eq!((total.refused[rejected], total.dropped[rejected]), (4, 5));
}

// spec: D-8
#[test]
fn discarding_is_what_was_wanted_and_the_sender_is_told_so() {
    let desk = Desk::new();
    let (mut batch, delivery) = desk.batch(10);
    batch.discard_items(4, Outcome::SampledOut);
    assert_eq!(batch.items(), 6);
    batch.discard(Outcome::Dropped(Reason::Filtered));
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
    let total = desk.total();
    assert_eq!(
        (total.sampled_out, total.dropped[Reason::Filtered as usize]),
        (4, 6)
    );
}

// spec: A-8, D-8
#[test]
fn what_is_folded_is_gone_and_not_lost_and_the_sender_is_told_so() {
    let desk = Desk::new();
    let (mut batch, delivery) = desk.batch(10);
    batch.discard_items(7, Outcome::Folded);
    batch.discard_items(1, Outcome::Dropped(Reason::Unsummable));
    batch.advance(OUT);
    batch.delivered(0, None);
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
    let total = desk.total();
    let dropped = [Reason::Unsummable, Reason::Cardinality].map(|reason| total.dropped[reason as usize]);
    assert_eq!((total.folded, dropped, total.delivered), (7, [1, 0], 2));
    assert_eq!((total.dropped_all(), total.refused_all()), (1, 0));
}

// spec: D-4, A-2
#[test]
fn a_batch_let_go_is_booked_and_its_sender_told_to_send_again() {
    let desk = Desk::new();
    let (batch, delivery) = desk.batch(10);
    drop(batch);
    assert_eq!(desk.total().dropped[Reason::Abandoned as usize], 10);
    assert_eq!(desk.ledger.read().used, 0);
    assert!(delivery.now_or_never().unwrap().failure.unwrap().retryable);
}

// spec: D-1, A-4, M-2
#[test]
fn branches_share_the_payload_and_the_answer() {
    let desk = Desk::new();
    let (mut batch, mut delivery) = desk.batch(10);
    let used = desk.ledger.read().used;
    let branch = batch.branch();
    assert_eq!(
        branch.payload().slices()[0].as_ptr(),
        batch.payload().slices()[0].as_ptr()
    );
    assert_eq!(desk.ledger.read().used, used, "one payload, one lease");
    batch.delivered(0, None);
    assert_eq!(desk.ledger.read().used, used);
    assert_eq!((&mut delivery).now_or_never(), None);
    branch.fail(Failure::retryable(Reason::Unavailable, "later"));
    assert!(delivery.now_or_never().unwrap().failure.is_some());
    let total = desk.total();
    assert_eq!((total.received, total.copied), (10, 10));
    assert_eq!((total.delivered, total.refused_all()), (10, 10));
    assert_eq!(desk.ledger.read().used, 0);
}

// spec: A-5
#[test]
fn splitting_keeps_every_item_and_every_part_within_the_limit() {
    let desk = Desk::new();
    let (batch, delivery) = desk.batch(10);
    let parts = batch.split_to_fit(4, 0);
    let sizes: Vec<u64> = parts.iter().map(Batch::items).collect();
    assert_eq!(sizes, [4, 4, 2]);
    for part in &parts {
        let counted = forebay_otlp::count_items(part.signal(), &part.payload().contiguous()).unwrap();
        assert_eq!(counted, part.items());
    }
    assert_eq!(desk.total().held, 10);
    parts.into_iter().for_each(|part| part.delivered(0, None));
    assert_eq!(delivery.now_or_never(), Some(Verdict::delivered()));
    assert_eq!((desk.total().delivered, desk.ledger.read().used), (10, 0));
}

// spec: D-1, D-2
#[test]
fn every_part_has_its_share_in_the_answer() {
    let desk = Desk::new();
    let (batch, mut delivery) = desk.batch(10);
    let mut parts = batch.split_to_fit(4, 0);
    assert!(parts.iter().all(Batch::sender_waits));
    parts.remove(2).delivered(0, None);
    parts.remove(1).delivered(0, None);
    assert_eq!((&mut delivery).now_or_never(), None, "one part is on its way");
    parts
        .remove(0)
        .fail(Failure::permanent(Reason::Rejected, "never"));
    assert!(delivery.now_or_never().unwrap().failure.is_some());
}

#[test]
fn a_batch_within_the_limits_stays_whole() {
    let desk = Desk::new();
    let (batch, _delivery) = desk.batch(10);
    let bytes = batch.payload().slices()[0].as_ptr();
    let parts = batch.split_to_fit(0, 0);
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].payload().slices()[0].as_ptr(), bytes);
}

#[test]
fn bytes_that_cannot_be_read_stay_whole() {
    let desk = Desk::new();
    let (mut batch, _delivery) = desk.batch(10);
    batch.replace(Payload::from(Bytes::from_static(&[0x0a, 0xff])), 2);
    let parts = batch.split_to_fit(1, 0);
    assert_eq!((parts.len(), parts[0].items()), (1, 10));
}

// spec: M-5
#[test]
fn an_edit_keeps_the_memory_that_it_points_into_and_a_rewrite_lets_it_go() {
    let desk = Desk::new();
    let (mut batch, _delivery) = desk.batch(10);
    let before = batch.bytes();
    let mut edited = batch.payload().clone();
    edited.push(Bytes::from_static(b"\x0a\x00"));
    batch.replace(edited, 2);
    assert_eq!(desk.ledger.read().used, before + 2, "the old bytes and the new");
    let rewritten = Payload::from(request(10));
    let fresh = rewritten.len() as u64;
    batch.replace(rewritten, fresh);
    assert_eq!(desk.ledger.read().used, fresh, "the old bytes are gone");
}

/// Something done with a batch; numbers choose among those that live.
#[derive(Clone, Debug)]
enum Step {
    Receive(u64),
    Advance(usize),
    Branch(usize),
    SplitToFit(usize, u64),
    Edit(usize),
    DiscardItems(usize, u64),
    TakeCustody(usize),
    Delivered(usize, u64),
    Discard(usize),
    Fail(usize, bool),
    LetGo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (which, items) = (0..16_usize, 0..12_u64);
    let on = (which.clone(), items.clone());
    prop_oneof![
        4 => (1..12_u64).prop_map(Step::Receive),
        2 => which.clone().prop_map(Step::Advance),
        2 => which.clone().prop_map(Step::Branch),
        2 => (which.clone(), 1..5_u64).prop_map(|(which, limit)| Step::SplitToFit(which, limit)),
        2 => which.clone().prop_map(Step::Edit),
        1 => on.clone().prop_map(|(which, items)| Step::DiscardItems(which, items)),
        1 => which.clone().prop_map(Step::TakeCustody),
        2 => on.prop_map(|(which, items)| Step::Delivered(which, items)),
        1 => which.clone().prop_map(Step::Discard),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, again)| Step::Fail(which, again)),
        1 => which.prop_map(Step::LetGo),
    ]
}

/// Does to one batch what `step` says; what is left of it, if anything.
fn perform(step: &Step, mut batch: Batch) -> Vec<Batch> {
    match *step {
        Step::Receive(_) => {}
        Step::Advance(_) => batch.advance(OUT),
        Step::Branch(_) => {
            let branch = batch.branch();
            return vec![batch, branch];
        }
        Step::SplitToFit(_, limit) => return batch.split_to_fit(limit, 0),
        Step::Edit(_) => {
            let mut edited = batch.payload().clone();
            edited.push(Bytes::from_static(b"\x0a\x00"));
            batch.replace(edited, 2);
        }
        Step::DiscardItems(_, items) => {
            let left = batch.items().saturating_sub(items);
            let outcome = [Outcome::SampledOut, Outcome::Folded][items as usize % 2];
            batch.discard_items(items, outcome);
            let payload = request(left);
            let fresh = payload.len() as u64;
            batch.replace(Payload::from(payload), fresh);
        }
        Step::TakeCustody(_) => batch.take_custody(),
        Step::Delivered(_, rejected) => {
            batch.delivered(rejected, None);
            return Vec::new();
        }
        Step::Discard(_) => {
            batch.discard(Outcome::Dropped(Reason::Filtered));
            return Vec::new();
        }
        Step::Fail(_, true) => {
            batch.fail(Failure::retryable(Reason::Unavailable, "later"));
            return Vec::new();
        }
        Step::Fail(_, false) => {
            batch.fail(Failure::permanent(Reason::Rejected, "never"));
            return Vec::new();
        }
        Step::LetGo(_) => return Vec::new(),
    }
    vec![batch]
}

impl Step {
    /// Which of the live batches it is about; nothing for a new one.
    fn target(&self) -> Option<usize> {
        match *self {
            Step::Receive(_) => None,
            Step::Advance(which)
            | Step::Branch(which)
            | Step::SplitToFit(which, _)
            | Step::Edit(which)
            | Step::DiscardItems(which, _)
            | Step::TakeCustody(which)
            | Step::Delivered(which, _)
            | Step::Discard(which)
            | Step::Fail(which, _)
            | Step::LetGo(which) => Some(which),
        }
    }
}

proptest! {
    // spec: D-1, D-4, A-1, A-2, A-4, A-5, M-2, M-5
    #[test]
    fn property_books_memory_and_answers_all_close(steps in proptest::collection::vec(step(), 1..80)) {
        let desk = Desk::new();
        let (mut live, mut answers): (Vec<Batch>, Vec<Delivery>) = (Vec::new(), Vec::new());
        for step in &steps {
            match (step, step.target()) {
                (Step::Receive(items), _) => {
                    let (batch, answer) = desk.batch(*items);
                    live.push(batch);
                    answers.push(answer);
                }
                (_, Some(which)) if !live.is_empty() => {
                    let batch = live.swap_remove(which % live.len());
                    live.extend(perform(step, batch));
                }
                _ => {}
            }
            prop_assert_eq!(desk.total().held, live.iter().map(Batch::items).sum::<u64>(), "after {:?}", step);
        }
        let waiting = live.iter().any(Batch::sender_waits);
        let open = answers.iter_mut().filter_map(|answer| answer.now_or_never()).count() < answers.len();
        prop_assert_eq!(waiting, open, "a sender waits exactly while a batch of its is on the way");
        drop(live);
        let total = desk.total();
        let lost = total.refused_all() + total.dropped_all();
        let gone = total.delivered + lost + total.sampled_out + total.folded;
        prop_assert_eq!((total.received + total.copied, total.held), (gone, 0));
        prop_assert_eq!(desk.ledger.read().used, 0, "every lease was given back");
    }
}
