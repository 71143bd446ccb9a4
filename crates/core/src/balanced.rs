//! Exporters that spread their data over several destinations: who goes where, who there is, and how each is reached.
//!
//! Queue, attempts, health and what happens when a destination joins, leaves or fails are the engine's. The exporter brings
//! three things: a [`Router`] that names a destination for each item, a [`Resolver`] that finds the destinations, and a
//! [`Connector`] that makes an exporter for one of them.

use crate::batch::Batch;
use crate::component::{ComponentError, Exporter, NodeContext};
use forebay_otlp::IdentityHasher;
use forebay_telemetry::ResolutionMeter;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// With what keys and names are hashed. It never changes: processes that know the same members send a key to the same one.
pub const HASHER: IdentityHasher = IdentityHasher::new(0x666f_7265_6261_7931);

/// An exporter, as its factory builds it.
pub enum BuiltExporter {
    /// One destination.
    Single(Box<dyn Exporter>),
    /// Several destinations.
    Balanced(Balanced),
}

impl fmt::Debug for BuiltExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BuiltExporter::Single(_) => "Single",
            BuiltExporter::Balanced(_) => "Balanced",
        })
    }
}

/// What an exporter of several destinations is made of.
pub struct Balanced {
    /// Who goes where. With one member it is not asked.
    pub router: Arc<dyn Router>,
    /// Who there is.
    pub resolver: Box<dyn Resolver>,
    /// How each is reached.
    pub connector: Box<dyn Connector>,
}

/// One of several destinations, by the name that tells it from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name: an address, `HOST:PORT`.
    pub name: Arc<str>,
    /// A hash of the name, the same in every process.
    pub seed: u64,
}

impl Member {
    /// The member of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let seed = HASHER.bytes(name.as_bytes());
        Member { name, seed }
    }
}

/// The place of the member that is responsible for a key, given the key's hash by [`HASHER`]: the one whose seed, mixed with
/// it, gives the largest number (highest random weight, or rendezvous hashing; Thaler and Ravishankar, 1998). When a member
/// joins it takes an equal share from each of the others; when one leaves, what was its own goes to the others in equal
/// shares; nothing else moves. The order of the members does not matter.
pub fn rendezvous(members: &[Member], key: u64) -> usize {
    let weights = members.iter().map(|member| HASHER.pair(member.seed, key));
    let heaviest = weights.enumerate().max_by_key(|(_, weight)| *weight);
    heaviest.map_or(0, |(place, _)| place)
}

/// Chooses the destination for each item.
pub trait Router: Send + Sync {
    /// Splits `batch` into parts for `members`, each named by its place in the list; there are two members or more. A batch
    /// that needs no splitting goes whole. It is asked again, about what has not been delivered, with other members when
    /// one has joined, left or failed. Must not block.
    fn route(&self, batch: Batch, members: &[Member], parts: &mut Vec<(usize, Batch)>);
}

/// Finds the destinations, and finds them again when they change.
pub trait Resolver: Send + Sync {
    /// The fixed word for how it finds them, for metrics: `static`, `dns`, ...
    fn kind(&self) -> &'static str;

    /// The most members that it ever gives. More are left out.
    fn most(&self) -> usize;

    /// Starts finding members, and says whom it finds, at once or later, by tasks of the node. Called once.
    ///
    /// # Errors
    ///
    /// What keeps it from ever finding any.
    fn start(&self, node: &NodeContext, found: Found) -> Result<(), ComponentError>;
}

/// Makes an exporter for one destination.
pub trait Connector: Send + Sync {
    /// Called once before the first connection: reads what all of them share, such as certificates.
    ///
    /// # Errors
    ///
    /// What keeps every connection from being made.
    fn start(&self, node: &NodeContext) -> Result<(), ComponentError>;

    /// An exporter for `member`, not started yet. Nothing that it starts may outlive [`Exporter::close`].
    ///
    /// # Errors
    ///
    /// If no exporter can be made for a member of this name.
    fn connect(&self, member: &Member) -> Result<Box<dyn Exporter>, ComponentError>;
}

/// Where a resolver says whom it has found. Clones are the same.
#[derive(Clone, Debug)]
pub struct Found {
    members: Arc<watch::Sender<Vec<Member>>>,
    meter: Arc<ResolutionMeter>,
    most: usize,
}

impl Found {
    /// Where a resolver that gives at most so many members says whom it has found, and where that can be read.
    pub fn new(most: usize, meter: Arc<ResolutionMeter>) -> (Found, watch::Receiver<Vec<Member>>) {
        let (sender, receiver) = watch::channel(Vec::new());
        let members = Arc::new(sender);
        (Found { members, meter, most }, receiver)
    }

    /// These are the members now, in any order. Says how many of them were left out for being too many.
    pub fn members(&self, names: impl IntoIterator<Item = String>) -> usize {
        self.meter.succeed();
        let names: BTreeSet<String> = names.into_iter().collect();
        let left_out = names.len().saturating_sub(self.most);
        let members: Vec<Member> = names.into_iter().take(self.most).map(Member::new).collect();
        self.members.send_if_modified(|before| {
            let differs = *before != members;
            if differs {
                *before = members;
            }
            differs
        });
        left_out
    }

    /// They could not be found this time: those that are known stay.
    pub fn failed(&self) {
        self.meter.fail();
    }

    /// How many are known now.
    pub fn known(&self) -> usize {
        self.members.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn named(count: usize) -> Vec<Member> {
        (0..count)
            .map(|number| Member::new(format!("10.0.0.{number}:4317")))
            .collect()
    }

    /// How many of `keys` each member has.
    fn shares(members: &[Member], keys: u64) -> Vec<u64> {
        let mut shares = vec![0; members.len()];
        (0..keys).for_each(|key| shares[rendezvous(members, HASHER.bytes(&key.to_be_bytes()))] += 1);
        shares
    }

    #[test]
    fn members_have_equal_shares() {
        for count in [2, 3, 7, 40] {
            let per_member = 2_000;
            let shares = shares(&named(count), per_member * count as u64);
            // Five standard deviations of a fair draw are 11 %.
            let (least, most) = (per_member * 89 / 100, per_member * 111 / 100);
            assert!(
                shares.iter().all(|share| (least..most).contains(share)),
                "{count}: {shares:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn property_only_the_share_of_the_one_that_changes_moves(
            before in Just(named(30)).prop_shuffle(), count in 2..30_usize, gone in any::<Index>(), seed in any::<u64>(),
        ) {
            let before = &before[..count];
            let gone = gone.get(before);
            let mut after: Vec<Member> = before.iter().filter(|member| *member != gone).cloned().collect();
            after.reverse();
            // With so many, 2 % are six standard deviations of a fair draw, or more.
            let keys = 25_000;
            let mut moved = 0;
            for key in (0..keys).map(|number| HASHER.pair(seed, number)) {
                let (old, new) = (&before[rendezvous(before, key)], &after[rendezvous(&after, key)]);
                if old != new {
                    prop_assert_eq!(old, gone, "what another has stays there");
                    moved += 1;
                }
            }
            let most = keys as f64 * (1.0 / count as f64 + 0.02);
            prop_assert!(f64::from(moved) <= most, "{} of {} at {} members", moved, keys, count);
        }
    }

    #[test]
    fn where_a_key_goes_never_changes() {
        let members = named(5);
        let places =
            [0_u64, 1, 2, 3, 4, 5, 6, 7].map(|key| rendezvous(&members, HASHER.bytes(&key.to_be_bytes())));
        assert_eq!(places, [3, 1, 3, 4, 2, 2, 1, 4]);
    }

    fn names(members: &watch::Receiver<Vec<Member>>) -> Vec<String> {
        members
            .borrow()
            .iter()
            .map(|member| member.name.to_string())
            .collect()
    }

    #[test]
    fn members_are_a_set_and_no_more_than_may_be() {
        let meter = Arc::new(ResolutionMeter::default());
        let (found, mut members) = Found::new(2, Arc::clone(&meter));
        assert_eq!(found.members(["b:1", "a:1", "b:1"].map(String::from)), 0);
        assert_eq!(names(&members), ["a:1", "b:1"]);
        assert!(members.has_changed().unwrap());
        members.mark_unchanged();
        found.failed();
        assert_eq!(found.members(["a:1", "b:1"].map(String::from)), 0);
        assert!(!members.has_changed().unwrap(), "the same members are no news");
        assert_eq!(found.members(["c:1", "a:1", "b:1"].map(String::from)), 1);
        assert_eq!((found.known(), meter.succeeded(), meter.failed()), (2, 3, 1));
    }

    #[test]
    fn a_members_seed_depends_on_its_name_only() {
        assert_eq!(Member::new("a:1"), Member::new("a:1".to_owned()));
        assert_ne!(Member::new("a:1").seed, Member::new("a:2").seed);
        assert_eq!(Member::new("10.0.0.1:4317").seed, 13_856_238_497_421_580_008);
    }
}
