//! Tests of the memory ledger: nothing above the bound, and everything comes back.

use super::*;
use proptest::prelude::*;

/// 1,000 bytes of which leases may take 700, connections 175 of those.
fn ledger() -> Ledger {
    Ledger::new(1_000)
}

fn over(asked: u64, free: u64) -> OverBudget {
    OverBudget {
        asked,
        free,
        after: pace::DEFAULT,
        never: false,
    }
}

// spec: M-1
#[test]
fn leases_may_take_seven_tenths_of_the_budget() {
    let ledger = ledger();
    assert_eq!((ledger.read().budget, ledger.read().leasable), (1_000, 700));
    let lease = ledger.lease(700).unwrap();
    assert_eq!(ledger.lease(1).unwrap_err(), over(1, 0));
    assert_eq!(ledger.read().refusals, 1);
    drop(lease);
    assert!(ledger.lease(700).is_ok());
}

// spec: M-1
#[test]
fn what_can_never_fit_is_told_so() {
    let ledger = ledger();
    let most = ledger.lease(600).unwrap();
    assert!(!ledger.lease(700).unwrap_err().never);
    assert!(ledger.lease(701).unwrap_err().never);
    assert!(!ledger.lease(101).unwrap_err().never, "others may go");
    assert!(most.grow(101).unwrap_err().never, "its own 600 do not");
    drop(most);
    let _connection = ledger.lease_connection(100).unwrap();
    assert!(ledger.lease(601).unwrap_err().never, "it comes over a connection");
    assert!(!ledger.lease_connection(100).unwrap_err().never);
    assert!(ledger.lease_connection(176).unwrap_err().never);
}

// spec: M-1
#[test]
fn a_size_that_overflows_is_refused() {
    let ledger = ledger();
    let _one = ledger.lease(1).unwrap();
    assert!(ledger.lease(u64::MAX).is_err());
    assert_eq!(ledger.read().used, 1);
}

// spec: M-2
#[test]
fn a_lease_is_given_back_with_its_last_clone() {
    let ledger = ledger();
    let lease = ledger.lease(100).unwrap();
    let clone = lease.clone();
    drop(lease);
    assert_eq!(ledger.read().used, 100);
    drop(clone);
    assert_eq!((ledger.read().used, ledger.read().freed), (0, 100));
}

// spec: M-2
#[test]
fn growing_and_shrinking_are_booked() {
    let ledger = ledger();
    let lease = ledger.lease(100).unwrap();
    lease.grow(500).unwrap();
    let more_than_all = OverBudget {
        never: true,
        ..over(101, 100)
    };
    assert_eq!(lease.grow(101), Err(more_than_all));
    assert_eq!((lease.bytes(), ledger.read().used), (600, 600));
    lease.shrink_to(40);
    assert_eq!((lease.bytes(), ledger.read().used), (40, 40));
    lease.shrink_to(90);
    assert_eq!(lease.bytes(), 40, "shrinking never grows");
    drop(lease);
    assert_eq!((ledger.read().used, ledger.read().freed), (0, 600));
}

// spec: M-3
#[test]
fn connections_may_take_a_quarter_of_the_leasable_part() {
    let ledger = ledger();
    let connection = ledger.lease_connection(175).unwrap();
    assert!(ledger.lease_connection(1).is_err());
    assert_eq!(
        (ledger.free_for_connections(), ledger.read().connections),
        (0, 175)
    );
    assert!(ledger.lease(525).is_ok(), "payload has what is left");
    drop(connection);
    assert_eq!((ledger.free_for_connections(), ledger.read().used), (175, 0));
}

// spec: M-3
#[test]
fn a_connection_that_finds_the_ledger_full_takes_nothing() {
    let ledger = ledger();
    let _payload = ledger.lease(650).unwrap();
    assert!(ledger.lease_connection(100).is_err());
    assert_eq!((ledger.read().connections, ledger.read().used), (0, 650));
}

// spec: M-4
#[test]
fn bytes_that_exist_are_booked_even_above_the_bound_and_hold_up_new_ones() {
    let ledger = ledger();
    let payload = ledger.lease(690).unwrap();
    let grown = payload.instead(800);
    assert_eq!(ledger.read().used, 1_490);
    drop(payload);
    assert_eq!(ledger.read().used, 800);
    assert!(ledger.lease(1).is_err(), "the debt comes first");
    drop(grown);
    assert!(ledger.lease(1).is_ok());
    assert_eq!(ledger.read().peak, 1_490);
}

// spec: M-5
#[test]
fn what_new_bytes_point_into_is_kept_as_long_as_they_are() {
    let ledger = ledger();
    let base = ledger.lease(100).unwrap();
    let edited = base.beside(30);
    drop(base);
    assert_eq!(ledger.read().used, 130);
    let again = edited.beside(5);
    drop(edited);
    assert_eq!(ledger.read().used, 135);
    drop(again);
    assert_eq!(ledger.read().used, 0);
}

#[test]
fn a_lease_on_nothing_stays_nothing() {
    let none = Lease::none();
    assert!(none.grow(100).is_ok());
    none.shrink_to(0);
    assert_eq!(
        (none.bytes(), none.beside(5).bytes(), none.instead(5).bytes()),
        (0, 0, 0)
    );
}

// spec: M-1
#[test]
fn threads_together_never_pass_the_bound() {
    let ledger = ledger();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for bytes in (1..400).cycle().take(4_000) {
                    let lease = ledger.lease(bytes);
                    assert!(ledger.read().used <= 700);
                    if let Ok(lease) = lease {
                        let _ = lease.grow(10);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let reading = ledger.read();
    assert_eq!(reading.used, 0);
    assert!(reading.peak <= 700);
}

/// Something done with leases; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Lease(u64),
    Connect(u64),
    Unchecked(u64),
    Clone(usize),
    Grow(usize, u64),
    Shrink(usize, u64),
    Beside(usize, u64),
    Instead(usize, u64),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (bytes, which) = (0..400_u64, 0..32_usize);
    let on = (which.clone(), bytes.clone());
    prop_oneof![
        3 => bytes.clone().prop_map(Step::Lease),
        1 => bytes.clone().prop_map(Step::Connect),
        1 => bytes.prop_map(Step::Unchecked),
        1 => which.clone().prop_map(Step::Clone),
        2 => on.clone().prop_map(|(which, bytes)| Step::Grow(which, bytes)),
        2 => on.clone().prop_map(|(which, bytes)| Step::Shrink(which, bytes)),
        1 => on.clone().prop_map(|(which, bytes)| Step::Beside(which, bytes)),
        1 => on.prop_map(|(which, bytes)| Step::Instead(which, bytes)),
        4 => which.prop_map(Step::Drop),
    ]
}

/// Does `step`; whether what it asked for is bound by the budget and was given.
fn perform(ledger: &Ledger, live: &mut Vec<Lease>, step: &Step) -> bool {
    let pick = |which: usize| live.get(which % live.len().max(1)).cloned();
    let (made, bound) = match *step {
        Step::Lease(bytes) => (ledger.lease(bytes).ok(), true),
        Step::Connect(bytes) => (ledger.lease_connection(bytes).ok(), true),
        Step::Unchecked(bytes) => (Some(ledger.lease_unchecked(bytes)), false),
        Step::Clone(which) => (pick(which), false),
        Step::Beside(which, bytes) => (pick(which).map(|lease| lease.beside(bytes)), false),
        Step::Instead(which, bytes) => (pick(which).map(|lease| lease.instead(bytes)), false),
        Step::Grow(which, bytes) => return pick(which).is_some_and(|lease| lease.grow(bytes).is_ok()),
        Step::Shrink(which, bytes) => {
            if let Some(lease) = pick(which) {
                lease.shrink_to(bytes);
            }
            return false;
        }
        Step::Drop(which) => {
            if !live.is_empty() {
                live.swap_remove(which % live.len());
            }
            return false;
        }
    };
    let given = made.is_some();
    live.extend(made);
    bound && given
}

/// A clock with a hand to move it by, in milliseconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl crate::TimeSource for Hand {
    fn now(&self) -> crate::Time {
        crate::Time(Duration::from_millis(self.unix_nanos()))
    }

    fn unix_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn sleep_until(&self, _: crate::Time) -> futures_util::future::BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

// spec: M-7
#[test]
fn those_that_are_refused_are_told_when_there_will_be_room() {
    let hand = Hand::default();
    let ledger = Ledger::with_clock(8_000, 0, Clock::new(Arc::new(hand.clone())));
    // 5,600 bytes, of which an eighth is room for those that come again.
    let mut leases: Vec<Lease> = (0..56).map(|_| ledger.lease(100).unwrap()).collect();
    assert_eq!(ledger.lease(1).unwrap_err(), over(1, 0));
    for tenth in 1..=200 {
        hand.0.store(tenth * 100, Ordering::Relaxed);
        // 200 bytes a second.
        if tenth % 5 == 0 {
            leases.remove(0);
        }
        let told = ledger.lease(5_700).unwrap_err();
        assert!(told.after >= Duration::from_millis(100) && told.after <= Duration::from_secs(30));
    }
    let told = ledger.lease(5_700).unwrap_err().after.as_secs_f64();
    assert!((24.0..=30.0).contains(&told), "5,700 at 200 a second: {told}");
    let told = ledger.lease(u64::MAX).unwrap_err().after;
    assert_eq!(told, Duration::from_secs(30));
}

proptest! {
    // spec: M-1, M-2, M-3, M-4, M-5
    #[test]
    fn property_every_byte_leased_comes_back(steps in proptest::collection::vec(step(), 1..120)) {
        let ledger = ledger();
        let mut live = Vec::new();
        for step in &steps {
            let given = perform(&ledger, &mut live, step);
            let reading = ledger.read();
            prop_assert!(!given || reading.used <= reading.leasable, "{:?} took too much: {:?}", step, reading);
            prop_assert!(reading.connections <= reading.used, "{:?}: {:?}", step, reading);
            prop_assert!(reading.connections <= 175, "{:?}: {:?}", step, reading);
            prop_assert!(reading.used <= reading.peak);
        }
        drop(live);
        let reading = ledger.read();
        prop_assert_eq!((reading.used, reading.connections), (0, 0));
        prop_assert_eq!(ledger.free_for_connections(), 175);
    }
}
