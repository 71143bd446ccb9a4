//! Tests of the books: single movements, and random ones against a model.

use super::*;
use proptest::prelude::*;

const IN: NodeId = NodeId(0);
const OUT: NodeId = NodeId(1);

fn at(accounts: &Accounts, node: NodeId, signal: Signal) -> Balance {
    accounts.read()[usize::from(node.0)][signal as usize].clone()
}

fn balanced(accounts: &Accounts) -> bool {
    accounts
        .read()
        .iter()
        .flatten()
        .all(|balance| balance.unaccounted() == 0)
}

// spec: A-1
#[test]
fn an_item_is_in_one_account_on_its_whole_way() {
    let accounts = Accounts::new(2);
    let mut custody = accounts.receive(IN, Signal::Traces, 10, 500);
    assert_eq!((custody.items(), custody.node()), (10, IN));
    let first = at(&accounts, IN, Signal::Traces);
    assert_eq!((first.received, first.held, first.bytes_in), (10, 10, 500));
    custody.advance(OUT, 480);
    let (first, second) = (
        at(&accounts, IN, Signal::Traces),
        at(&accounts, OUT, Signal::Traces),
    );
    assert_eq!((first.held, first.left, first.bytes_out), (0, 10, 480));
    assert_eq!((second.entered, second.held, second.bytes_in), (10, 10, 480));
    custody.close(Outcome::Delivered, 480);
    let second = at(&accounts, OUT, Signal::Traces);
    assert_eq!((second.held, second.delivered, second.bytes_out), (0, 10, 480));
    assert!(balanced(&accounts));
}

// spec: A-1
#[test]
fn moving_to_the_same_node_is_no_movement() {
    let accounts = Accounts::new(1);
    let mut custody = accounts.receive(IN, Signal::Logs, 3, 9);
    let before = at(&accounts, IN, Signal::Logs);
    custody.advance(IN, 9);
    assert_eq!(at(&accounts, IN, Signal::Logs), before);
}

// spec: A-2
#[test]
fn what_is_let_go_without_a_word_is_booked_as_abandoned() {
    let accounts = Accounts::new(1);
    drop(accounts.receive(IN, Signal::Metrics, 7, 0));
    let balance = at(&accounts, IN, Signal::Metrics);
    assert_eq!(balance.dropped[Reason::Abandoned as usize], 7);
    assert_eq!((balance.held, balance.unaccounted()), (0, 0));
}

// spec: A-2
#[test]
fn what_a_panic_lets_go_is_booked_as_panicked() {
    let accounts = Accounts::new(1);
    let custody = accounts.receive(IN, Signal::Logs, 4, 0);
    let thread = std::thread::spawn(move || {
        let _held = custody;
        std::panic::resume_unwind(Box::new("told to"));
    });
    assert!(thread.join().is_err());
    let balance = at(&accounts, IN, Signal::Logs);
    assert_eq!(balance.dropped[Reason::Panicked as usize], 4);
    assert_eq!(balance.dropped[Reason::Abandoned as usize], 0);
}

// spec: A-3
#[test]
fn refused_on_arrival_is_received_and_given_back() {
    let accounts = Accounts::new(1);
    accounts.refuse(IN, Signal::Traces, 5, Reason::Malformed);
    let balance = at(&accounts, IN, Signal::Traces);
    assert_eq!(
        (balance.received, balance.refused[Reason::Malformed as usize]),
        (5, 5)
    );
    assert_eq!((balance.held, balance.unaccounted()), (0, 0));
}

// spec: A-4
#[test]
fn a_copy_is_a_further_item_with_a_fate_of_its_own() {
    let accounts = Accounts::new(1);
    let original = accounts.receive(IN, Signal::Traces, 6, 0);
    let copy = original.copy();
    copy.close(Outcome::Dropped(Reason::QueueFull), 0);
    original.close(Outcome::Delivered, 0);
    let balance = at(&accounts, IN, Signal::Traces);
    assert_eq!((balance.received, balance.copied), (6, 6));
    assert_eq!((balance.delivered, balance.dropped_all()), (6, 6));
    assert_eq!(balance.unaccounted(), 0);
}

// spec: A-5
#[test]
fn no_more_can_be_split_off_or_leave_than_there_is() {
    let accounts = Accounts::new(1);
    let mut custody = accounts.receive(IN, Signal::Traces, 6, 0);
    let part = custody.split(100);
    assert_eq!((part.items(), custody.items()), (6, 0));
    let mut part = part;
    part.leave(Outcome::SampledOut, 100);
    assert_eq!(part.items(), 0);
    assert_eq!(at(&accounts, IN, Signal::Traces).sampled_out, 6);
    assert!(balanced(&accounts));
}

#[test]
fn signals_have_accounts_of_their_own() {
    let accounts = Accounts::new(1);
    let held: Vec<Custody> = Signal::ALL
        .into_iter()
        .map(|signal| accounts.receive(IN, signal, signal as u64 + 1, 0))
        .collect();
    for signal in Signal::ALL {
        assert_eq!(at(&accounts, IN, signal).held, signal as u64 + 1);
    }
    assert_eq!(accounts.total().held, 6);
    drop(held);
    assert_eq!(accounts.total().held, 0);
}

// spec: A-6
#[test]
fn readers_never_see_an_item_twice_or_not_at_all() {
    let accounts = Accounts::new(2);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let accounts = accounts.clone();
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    let mut custody = accounts.receive(IN, Signal::Traces, 3, 30);
                    custody.leave(Outcome::SampledOut, 1);
                    custody.advance(OUT, 20);
                    custody.copy().close(Outcome::Refused(Reason::QueueFull), 0);
                    custody.close(Outcome::Delivered, 20);
                }
            })
        })
        .collect();
    while !writers.iter().all(std::thread::JoinHandle::is_finished) {
        assert!(balanced(&accounts), "{:#?}", accounts.read());
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let total = accounts.total();
    assert_eq!(
        (total.received, total.sampled_out, total.delivered),
        (24_000, 8_000, 16_000)
    );
    assert_eq!(
        (total.copied, total.refused_all(), total.held),
        (16_000, 16_000, 0)
    );
}

// spec: A-6
#[test]
fn readers_never_see_an_item_twice_or_not_at_all_while_custodies_are_put_together() {
    let accounts = Accounts::with_shards(1, 4);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let accounts = accounts.clone();
            std::thread::spawn(move || {
                let mut pool = accounts.receive(IN, Signal::Traces, 0, 0);
                for _ in 0..2_000 {
                    assert!(pool.absorb(accounts.receive(IN, Signal::Traces, 3, 30)).is_none());
                    pool.leave(Outcome::SampledOut, 2);
                }
                pool.close(Outcome::Delivered, 0);
            })
        })
        .collect();
    while !writers.iter().all(std::thread::JoinHandle::is_finished) {
        assert!(balanced(&accounts), "{:#?}", accounts.read());
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let total = accounts.total();
    assert_eq!(
        (total.received, total.sampled_out, total.delivered, total.held),
        (24_000, 16_000, 8_000, 0)
    );
}

#[test]
fn custodies_of_different_places_are_not_put_together() {
    let accounts = Accounts::new(2);
    let mut custody = accounts.receive(IN, Signal::Traces, 1, 0);
    for other in [
        accounts.receive(OUT, Signal::Traces, 2, 0),
        accounts.receive(IN, Signal::Logs, 2, 0),
        Accounts::new(2).receive(IN, Signal::Traces, 2, 0),
    ] {
        let other = custody.absorb(other).expect("it is given back");
        assert_eq!((custody.items(), other.items()), (1, 2));
    }
}

/// A movement in the books; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Receive {
        node: u16,
        signal: usize,
        items: u64,
    },
    Refuse {
        node: u16,
        signal: usize,
        items: u64,
    },
    Advance {
        which: usize,
        to: u16,
    },
    Copy {
        which: usize,
    },
    Split {
        which: usize,
        items: u64,
    },
    Leave {
        which: usize,
        items: u64,
        outcome: usize,
    },
    Close {
        which: usize,
        outcome: usize,
    },
    Forget {
        which: usize,
    },
}

const OUTCOMES: [Outcome; 5] = [
    Outcome::Delivered,
    Outcome::Refused(Reason::QueueFull),
    Outcome::Dropped(Reason::Expired),
    Outcome::SampledOut,
    Outcome::Folded,
];

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..64_usize;
    let (node, signal, items, outcome) = (0..3_u16, 0..3_usize, 0..50_u64, 0..OUTCOMES.len());
    prop_oneof![
        3 => (node.clone(), signal.clone(), items.clone())
            .prop_map(|(node, signal, items)| Step::Receive { node, signal, items }),
        1 => (node.clone(), signal, items.clone())
            .prop_map(|(node, signal, items)| Step::Refuse { node, signal, items }),
        3 => (which(), node).prop_map(|(which, to)| Step::Advance { which, to }),
        1 => which().prop_map(|which| Step::Copy { which }),
        1 => (which(), items.clone()).prop_map(|(which, items)| Step::Split { which, items }),
        1 => (which(), items, outcome.clone())
            .prop_map(|(which, items, outcome)| Step::Leave { which, items, outcome }),
        2 => (which(), outcome).prop_map(|(which, outcome)| Step::Close { which, outcome }),
        1 => which().prop_map(|which| Step::Forget { which }),
    ]
}

/// Does `step` on `live`, of which it may take one or to which it may add one.
fn perform(accounts: &Accounts, live: &mut Vec<Custody>, step: &Step) {
    let pick = |live: &Vec<Custody>, which: usize| (!live.is_empty()).then(|| which % live.len().max(1));
    match *step {
        Step::Receive { node, signal, items } => {
            live.push(accounts.receive(NodeId(node), Signal::ALL[signal], items, items * 9));
        }
        Step::Refuse { node, signal, items } => {
            accounts.refuse(NodeId(node), Signal::ALL[signal], items, Reason::TooLarge);
        }
        Step::Advance { which, to } => {
            if let Some(index) = pick(live, which) {
                live[index].advance(NodeId(to), 8);
            }
        }
        Step::Copy { which } => {
            let copy = pick(live, which).map(|index| live[index].copy());
            live.extend(copy);
        }
        Step::Split { which, items } => {
            let part = pick(live, which).map(|index| live[index].split(items));
            live.extend(part);
        }
        Step::Leave {
            which,
            items,
            outcome,
        } => {
            if let Some(index) = pick(live, which) {
                live[index].leave(OUTCOMES[outcome], items);
            }
        }
        Step::Close { which, outcome } => {
            if let Some(index) = pick(live, which) {
                live.swap_remove(index).close(OUTCOMES[outcome], 7);
            }
        }
        Step::Forget { which } => {
            if let Some(index) = pick(live, which) {
                drop(live.swap_remove(index));
            }
        }
    }
}

/// What the custodies that live say is held at `node`.
fn held(live: &[Custody], node: NodeId, signal: Signal) -> u64 {
    let here = |custody: &&Custody| custody.node == node && custody.signal == signal;
    live.iter().filter(here).map(Custody::items).sum()
}

proptest! {
    // spec
    #[test]
    fn property_nothing_is_ever_unaccounted_for(steps in proptest::collection::vec(step(), 1..120)) {
        let accounts = Accounts::new(3);
        let mut live = Vec::new();
        for step in &steps {
            perform(&accounts, &mut live, step);
            for (node, signals) in accounts.read().iter().enumerate() {
                for (signal, balance) in Signal::ALL.into_iter().zip(signals) {
                    prop_assert_eq!(balance.unaccounted(), 0, "after {:?}: {:?}", step, balance);
                    prop_assert_eq!(balance.held, held(&live, NodeId(node as u16), signal));
                }
            }
        }
        drop(live);
        let total = accounts.total();
        prop_assert_eq!(total.held, 0);
        prop_assert_eq!(total.entered, total.left);
        let lost = total.refused_all() + total.dropped_all();
        let gone = total.delivered + lost + total.sampled_out + total.folded;
        prop_assert_eq!(total.received + total.copied, gone);
    }
}
