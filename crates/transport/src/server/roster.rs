//! Who is connected: how many, from where, and who has yet to show that the place is well spent.
//!
//! A flood of connections that send nothing of worth must not keep out those that do. So the places are not for whoever came
//! first: when they are taken, the connection that has been there longest without a request that was answered well has to
//! go. Only where every connection has shown its worth is the newcomer turned away.

use forebay_core::Time;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Of an IPv6 address, the part that tells networks apart. Whoever has an address has all of its /64.
const NETWORK: u128 = !0 << 64;

/// How long a connection has to show its worth before it may be asked to leave: enough for a handshake and a small request
/// over a long way.
const CHANCE: Duration = Duration::from_millis(500);

/// An address as connections are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Neighbour(IpAddr);

impl Neighbour {
    /// The address itself; of IPv6 the /64 network that it is in.
    pub(super) fn of(address: IpAddr) -> Neighbour {
        Neighbour(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK)),
            v4 => v4,
        })
    }
}

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Roster {
    book: Mutex<Book>,
    most: usize,
    most_per_peer: usize,
    left: Notify,
}

#[derive(Debug, Default)]
struct Book {
    here: usize,
    next: u64,
    /// Those who have yet to prove their worth, in the order in which they came.
    unproven: BTreeMap<u64, Arc<Standing>>,
    /// Empty where connections are not counted by peer.
    neighbours: HashMap<Neighbour, Place>,
}

/// What there is from one neighbour.
#[derive(Debug, Default)]
struct Place {
    here: usize,
    unproven: BTreeSet<u64>,
}

/// How a connection stands: shared by all who deal with it.
#[derive(Debug)]
pub(super) struct Standing {
    id: u64,
    since: Time,
    neighbour: Option<Neighbour>,
    proven: AtomicBool,
    leave: Notify,
    gone: Notify,
    roster: Arc<Roster>,
}

/// The place of one connection, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Standing>);

/// There is no place.
#[derive(Debug)]
pub(super) enum Full {
    /// There will be one when this connection has left, which has been asked to.
    Asked(Arc<Standing>),
    /// There will be one then: nobody may be asked before.
    Until(Time),
    /// There will be none.
    Proven,
}

impl Roster {
    /// For at most `most` connections, and `most_per_peer` from one neighbour, 0 for any number.
    pub(super) fn new(most: usize, most_per_peer: usize) -> Arc<Self> {
        Arc::new(Roster {
            book: Mutex::default(),
            most,
            most_per_peer,
            left: Notify::new(),
        })
    }

    /// A place for a connection from `address` that comes `now`.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>, now: Time) -> Result<Seat, Full> {
        let counted = address.filter(|_| self.most_per_peer > 0);
        let neighbour = counted.map(Neighbour::of);
        let mut book = self.lock();
        if let Some(place) = neighbour.and_then(|neighbour| book.neighbours.get(&neighbour))
            && place.here >= self.most_per_peer
        {
            // Nobody waits for the neighbour of a neighbour: others would wait with them.
            let oldest = place.unproven.first().copied();
            return Err(match book.ask(oldest, now) {
                Full::Until(_) => Full::Proven,
                other => other,
            });
        }
        if book.here >= self.most {
            return Err(book.ask_oldest(u64::MAX, now));
        }
        let standing = Arc::new(Standing {
            id: book.next,
            since: now,
            neighbour,
            proven: AtomicBool::new(false),
            leave: Notify::new(),
            gone: Notify::new(),
            roster: Arc::clone(self),
        });
        book.enter(&standing);
        Ok(Seat(standing))
    }

    /// Asks to leave whoever has been here longest without having proved its worth, other than the newcomer `seat`.
    pub(super) fn make_room(&self, seat: Option<&Seat>, now: Time) -> Full {
        let newcomer = seat.map_or(u64::MAX, |seat| seat.0.id);
        self.lock().ask_oldest(newcomer, now)
    }

    /// Ready once nobody is here.
    pub(super) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.lock().here == 0 {
                return;
            }
            left.await;
        }
    }

    /// Ready once somebody leaves.
    pub(super) async fn somebody_leaves(&self) {
        self.left.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn enter(&mut self, standing: &Arc<Standing>) {
        self.here += 1;
        self.next += 1;
        self.unproven.insert(standing.id, Arc::clone(standing));
        if let Some(neighbour) = standing.neighbour {
            let place = self.neighbours.entry(neighbour).or_default();
            place.here += 1;
            place.unproven.insert(standing.id);
        }
    }

    fn ask_oldest(&mut self, newcomer: u64, now: Time) -> Full {
        let oldest = self.unproven.keys().next().copied();
        self.ask(oldest.filter(|id| *id != newcomer), now)
    }

    /// Asks a connection to leave, if it has had its chance.
    fn ask(&mut self, id: Option<u64>, now: Time) -> Full {
        let Some(standing) = id.and_then(|id| self.unproven.get(&id)).cloned() else {
            return Full::Proven;
        };
        let chance = standing.since.after(CHANCE);
        if now < chance {
            return Full::Until(chance);
        }
        self.strike(&standing);
        standing.leave.notify_one();
        Full::Asked(standing)
    }

    /// Takes a connection off the lists of those that may be asked to leave.
    fn strike(&mut self, standing: &Standing) {
        self.unproven.remove(&standing.id);
        let place = standing
            .neighbour
            .and_then(|neighbour| self.neighbours.get_mut(&neighbour));
        if let Some(place) = place {
            place.unproven.remove(&standing.id);
        }
    }

    fn leave(&mut self, standing: &Standing) {
        self.strike(standing);
        self.here -= 1;
        let Some(neighbour) = standing.neighbour else {
            return;
        };
        if let Some(place) = self.neighbours.get_mut(&neighbour) {
            place.here -= 1;
            if place.here == 0 {
                self.neighbours.remove(&neighbour);
            }
        }
    }
}

impl Standing {
    /// It has shown its worth, and is not asked to leave in favour of others any more.
    pub(super) fn prove(&self) {
        if !self.proven.load(Ordering::Relaxed) && !self.proven.swap(true, Ordering::Relaxed) {
            self.roster.lock().strike(self);
        }
    }

    /// Ready once it has to leave.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Ready once it has left. For one who waits.
    pub(super) async fn gone(&self) {
        self.gone.notified().await;
    }
}

impl Seat {
    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let roster = &self.0.roster;
        let mut book = roster.lock();
        book.leave(&self.0);
        drop(book);
        self.0.gone.notify_one();
        roster.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    const LATER: Time = Time(Duration::from_secs(1));

    fn asked(full: Result<Seat, Full>) -> Option<u64> {
        match full.unwrap_err() {
            Full::Asked(standing) => Some(standing.id),
            Full::Until(_) => panic!("they have had their chance"),
            Full::Proven => None,
        }
    }

    #[test]
    fn the_oldest_that_has_proved_nothing_makes_room_and_the_proven_stay() {
        let roster = Roster::new(3, 0);
        let seats: Vec<_> = (0..3)
            .map(|_| roster.take(address("10.0.0.1"), Time::default()).unwrap())
            .collect();
        seats[0].standing().prove();
        assert_eq!(asked(roster.take(None, LATER)), Some(1));
        assert_eq!(asked(roster.take(None, LATER)), Some(2), "each is asked once");
        assert_eq!(asked(roster.take(None, LATER)), None, "the proven one stays");
        drop(seats);
        let seat = roster.take(None, Time::default()).unwrap();
        let itself = roster.make_room(Some(&seat), LATER);
        assert!(matches!(itself, Full::Proven), "not the newcomer itself");
        assert!(matches!(roster.make_room(None, LATER), Full::Asked(_)));
    }

    #[test]
    fn everybody_has_a_chance() {
        let roster = Roster::new(1, 0);
        let _seat = roster.take(None, LATER).unwrap();
        let soon = LATER.after(CHANCE);
        assert!(matches!(roster.take(None, LATER), Err(Full::Until(at)) if at == soon));
        assert!(matches!(roster.take(None, soon), Err(Full::Asked(_))));
    }

    #[test]
    fn a_peer_makes_room_for_itself_and_takes_none_from_others() {
        let roster = Roster::new(10, 2);
        let other = roster.take(address("10.0.0.2"), LATER).unwrap();
        let first = roster.take(address("10.0.0.1"), Time::default()).unwrap();
        let second = roster.take(address("::ffff:10.0.0.1"), Time::default()).unwrap();
        assert_eq!(asked(roster.take(address("10.0.0.1"), LATER)), Some(1));
        second.standing().prove();
        assert_eq!(asked(roster.take(address("10.0.0.1"), LATER)), None);
        drop(first);
        let third = roster.take(address("10.0.0.1"), LATER).unwrap();
        drop((second, third, other));
        assert!(roster.lock().neighbours.is_empty());
        assert!(roster.lock().unproven.is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_neighbour() {
        let neighbour = |text: &str| Neighbour::of(text.parse().unwrap());
        assert_eq!(neighbour("2001:db8::1"), neighbour("2001:db8::ffff:1"));
        assert_ne!(neighbour("2001:db8::1"), neighbour("2001:db8:0:1::1"));
        assert_ne!(neighbour("10.0.0.1"), neighbour("10.0.0.2"));
    }

    #[tokio::test]
    async fn who_leaves_is_waited_for() {
        let roster = Roster::new(1, 0);
        let seat = roster.take(None, Time::default()).unwrap();
        let Full::Asked(standing) = roster.take(None, LATER).unwrap_err() else {
            panic!("nobody was asked");
        };
        let connection = tokio::spawn(async move {
            seat.standing().asked_to_leave().await;
            drop(seat);
        });
        standing.gone().await;
        roster.empty().await;
        connection.await.unwrap();
        assert!(roster.take(None, LATER).is_ok());
    }
}
