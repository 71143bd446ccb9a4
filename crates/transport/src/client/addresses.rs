//! The addresses that a target stands for: looked up, spread over, looked up again, and what is known of each.

use super::CallError;
use super::endpoint::Target;
use super::network::Network;
use super::pause::Pause;
use forebay_core::{Clock, Time};
use futures_util::future::{Either, select};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most addresses of one name that are used.
const MOST: usize = 256;
/// The shortest time between two lookups of a name.
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);

/// Where a connection goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A unix domain socket.
    Unix(Arc<Path>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    fn is_ipv6(&self) -> bool {
        matches!(self, Address::Tcp(address) if address.is_ipv6())
    }
}

/// All that is known of where one target is.
#[derive(Debug)]
pub(super) struct Addresses {
    /// What is looked up; nothing where the target is an address itself.
    name: Option<(String, u16)>,
    network: Arc<dyn Network>,
    clock: Clock,
    /// How old the outcome of a lookup may become.
    refresh: Duration,
    known: Mutex<Known>,
    /// Grows whenever connections may have to be spread anew.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Known {
    places: Vec<Place>,
    looked_up: Option<Time>,
    /// A connection has failed or ended since: the name may stand for something else by now.
    stale: bool,
    /// Whether connections go to IPv6 or to IPv4 addresses, where there are both and one has shown to work.
    ipv6: Option<bool>,
    lookup: Pause,
    /// Who is tried first among equals.
    turn: usize,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Place {
    address: Address,
    pause: Pause,
}

impl Known {
    /// Whether connections go to `place` now: it is of the family that is in use.
    fn is_active(&self, place: &Place) -> bool {
        self.ipv6.is_none_or(|ipv6| place.address.is_ipv6() == ipv6)
    }

    fn place(&mut self, address: &Address) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.address == *address)
    }

    /// Takes over what a lookup found; keeps what is known of addresses that stay. Whether anything is different.
    fn take_over(&mut self, mut found: Vec<SocketAddr>) -> bool {
        // Names are answered in changing order. A fixed one keeps connections where they are; the family that the
        // system prefers (RFC 6724) comes first.
        let prefers_ipv6 = found.first().is_some_and(SocketAddr::is_ipv6);
        found.sort_unstable_by_key(|address| (address.is_ipv6() != prefers_ipv6, *address));
        found.dedup();
        found.truncate(MOST);
        let found: Vec<Address> = found.into_iter().map(Address::Tcp).collect();
        let same = found.iter().eq(self.places.iter().map(|place| &place.address));
        if same {
            return false;
        }
        let mut before = std::mem::take(&mut self.places);
        let place = |address: Address| {
            let at = before.iter().position(|place| place.address == address);
            at.map_or_else(|| Place::new(address), |at| before.swap_remove(at))
        };
        self.places = found.into_iter().map(place).collect();
        let ipv6 = self.ipv6;
        if !self
            .places
            .iter()
            .any(|place| Some(place.address.is_ipv6()) == ipv6)
        {
            self.ipv6 = None;
        }
        true
    }
}

impl Place {
    fn new(address: Address) -> Self {
        Place {
            address,
            pause: Pause::default(),
        }
    }
}

impl Addresses {
    pub(super) fn new(
        target: &Target,
        refresh: Duration,
        (network, clock): (Arc<dyn Network>, Clock),
    ) -> Self {
        let (name, place) = match target {
            Target::Unix(path) => (None, Some(Address::Unix(path.as_path().into()))),
            Target::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(address) => (None, Some(Address::Tcp((address, *port).into()))),
                Err(_) => (Some((host.clone(), *port)), None),
            },
        };
        let mut random = fastrand::Rng::with_seed(clock.unix_nanos());
        let known = Known {
            places: place.into_iter().map(Place::new).collect(),
            looked_up: None,
            stale: false,
            ipv6: None,
            lookup: Pause::default(),
            turn: random.usize(..MOST),
            random,
        };
        Addresses {
            name,
            network,
            clock,
            refresh,
            known: Mutex::new(known),
            generation: AtomicU64::new(0),
        }
    }

    /// Whether the target is a name, which may stand for several addresses, and for others later.
    pub(super) fn is_name(&self) -> bool {
        self.name.is_some()
    }

    /// Grows whenever connections may have to be spread anew.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The addresses to try for a new connection, best first: those that the fewest connections in `in_use` go to, in
    /// turn; without those that have just failed. Looks the name up where that is due, for `limit` at most. The failure
    /// is the last one, and how long nothing is tried, if there is none.
    pub(super) async fn order(&self, in_use: &[Address], limit: Duration) -> Result<Vec<Address>, CallError> {
        if self.is_lookup_due() {
            self.look_up(limit).await?;
        }
        let now = self.clock.now();
        let mut known = self.known();
        let Known { places, turn, .. } = &mut *known;
        *turn = turn.wrapping_add(1);
        let start = *turn % places.len().max(1);
        let mut free: Vec<(usize, &Place)> = places
            .iter()
            .cycle()
            .skip(start)
            .take(places.len())
            .filter(|place| place.pause.left(now).is_zero())
            .map(|place| {
                (
                    in_use.iter().filter(|used| **used == place.address).count(),
                    place,
                )
            })
            .collect();
        if free.is_empty() {
            return Err(all_paused(&known, now));
        }
        // Stable: equals stay in turn.
        free.sort_by_key(|(used, _)| *used);
        let free: Vec<Address> = free.into_iter().map(|(_, place)| place.address.clone()).collect();
        Ok(match (known.ipv6, first_family(&known)) {
            (Some(ipv6), _) => one_family_first(free, ipv6),
            (None, Some(ipv6)) => alternating(free, ipv6),
            (None, None) => free,
        })
    }

    /// Looks the name up now if that is due, as [`Addresses::order`] does, but with nobody waiting for it: a failure leaves
    /// things as they are.
    pub(super) async fn refresh(&self, limit: Duration) {
        if self.is_refresh_due() {
            let _ = self.look_up(limit).await;
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whether the outcome of the last lookup will soon be too old: then there is time left for a new one.
    pub(super) fn is_refresh_due(&self) -> bool {
        let old = |at| self.clock.now().since(at) >= self.refresh / 4 * 3;
        self.name.is_some() && self.known().looked_up.is_some_and(old)
    }

    /// A connection to `address` has come to be.
    pub(super) fn connected(&self, address: &Address) {
        let mut known = self.known();
        if known.ipv6.is_none() && known.places.len() > 1 {
            known.ipv6 = Some(address.is_ipv6());
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// A connection to `address` has failed: begins a pause for it.
    pub(super) fn failed(&self, address: &Address, why: &str) -> CallError {
        let now = self.clock.now();
        let mut known = self.known();
        known.stale = true;
        let mut random = known.random.fork();
        let message: Arc<str> = why.into();
        let after = known
            .place(address)
            .map(|place| place.pause.begin((now, &mut random), Arc::clone(&message)));
        // Only if all of a family fail is the other one tried again as an equal.
        let lost = |known: &Known| {
            let mut active = known.places.iter().filter(|place| known.is_active(place));
            active.all(|place| place.pause.has_failed())
        };
        if known.ipv6.is_some() && lost(&known) {
            known.ipv6 = None;
        }
        CallError::Unreachable { message, after }
    }

    /// What was connected to `address` has answered a request.
    pub(super) fn answered(&self, address: &Address) {
        if let Some(place) = self.known().place(address) {
            place.pause = Pause::default();
        }
    }

    /// A connection has ended: before the next one the name is looked up again.
    pub(super) fn ended(&self) {
        self.known().stale = true;
    }

    /// Whether `address` can be tried now.
    pub(super) fn is_free(&self, address: &Address) -> bool {
        let now = self.clock.now();
        let mut known = self.known();
        known
            .place(address)
            .is_some_and(|place| place.pause.left(now).is_zero())
    }

    /// The addresses that connections should be spread over, with whether each can be tried now.
    pub(super) fn active(&self) -> Vec<(Address, bool)> {
        let now = self.clock.now();
        let known = self.known();
        let active = known.places.iter().filter(|place| known.is_active(place));
        active
            .map(|place| (place.address.clone(), place.pause.left(now).is_zero()))
            .collect()
    }

    fn is_lookup_due(&self) -> bool {
        if self.name.is_none() {
            return false;
        }
        let known = self.known();
        let Some(at) = known.looked_up else {
            return true;
        };
        let age = self.clock.now().since(at);
        age >= self.refresh || (known.stale && age >= LOOKUP_PAUSE)
    }

    /// Looks the name up. If that fails, what was known before stays; if nothing was, it is the answer, and further lookups
    /// are put off.
    async fn look_up(&self, limit: Duration) -> Result<(), CallError> {
        let Some((host, port)) = &self.name else {
            return Ok(());
        };
        let paused = {
            let known = self.known();
            (known.places.is_empty())
                .then(|| known.lookup.refusal(self.clock.now()))
                .flatten()
        };
        if let Some(refusal) = paused {
            return Err(refusal);
        }
        let found = match select(self.network.resolve(host, *port), self.clock.sleep(limit)).await {
            Either::Left((found, _)) => found,
            Either::Right(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {limit:?}"),
            )),
        };
        self.looked_up(host, found)
    }

    fn looked_up(&self, host: &str, found: io::Result<Vec<SocketAddr>>) -> Result<(), CallError> {
        let found = found.and_then(|found| match found.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")),
            false => Ok(found),
        });
        let now = self.clock.now();
        let mut known = self.known();
        match found {
            Ok(found) => {
                (known.looked_up, known.stale) = (Some(now), false);
                known.lookup = Pause::default();
                if known.take_over(found) {
                    self.generation.fetch_add(1, Ordering::AcqRel);
                }
                Ok(())
            }
            Err(error) => {
                let why: Arc<str> = format!("cannot look up `{host}`: {error}").into();
                tracing::debug!(reason = %why, "lookup failed");
                if !known.places.is_empty() {
                    // Not again before something else gives a reason to: a name server that hangs delays connecting.
                    (known.looked_up, known.stale) = (Some(now), false);
                    return Ok(());
                }
                let mut random = known.random.fork();
                let after = known.lookup.begin((now, &mut random), Arc::clone(&why));
                Err(CallError::Unreachable {
                    message: why,
                    after: Some(after),
                })
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure of the address whose pause ends first.
fn all_paused(known: &Known, now: Time) -> CallError {
    let soonest = known.places.iter().min_by_key(|place| place.pause.left(now));
    soonest
        .and_then(|place| place.pause.refusal(now))
        .unwrap_or_else(|| CallError::unreachable("there is no address to connect to"))
}

/// The family that the system prefers.
fn first_family(known: &Known) -> Option<bool> {
    known.places.first().map(|place| place.address.is_ipv6())
}

/// `addresses` with those of the family that is in use before the others.
fn one_family_first(mut addresses: Vec<Address>, ipv6: bool) -> Vec<Address> {
    addresses.sort_by_key(|address| address.is_ipv6() != ipv6);
    addresses
}

/// `addresses` with the families in alternation (RFC 8305, section 4), so that one that does not work costs one delay and
/// not one for each of its addresses.
fn alternating(addresses: Vec<Address>, ipv6_first: bool) -> Vec<Address> {
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == ipv6_first);
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let before = merged.len();
        merged.extend(first.next());
        merged.extend(second.next());
        if merged.len() == before {
            return merged;
        }
    }
}
