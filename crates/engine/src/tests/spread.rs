//! An exporter of several destinations for tests: members come and go as a test says, each answers as it is told.

use super::bench::{numbers_in, start_with};
use crate::running::Running;
use forebay_core::balanced::{
    Balanced, BuiltExporter, Connector, Found, HASHER, Member, Resolver, Router, rendezvous,
};
use forebay_core::component::{Exporter, NodeContext};
use forebay_core::registry::PreparedExporter;
use forebay_core::settings::DeliverySettings;
use forebay_core::{Batch, Clock, ComponentError, Signal};
use forebay_testkit::{Answer, FakeExporter, Feed, prepared_exporter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

/// The test's hand on the destinations. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Spread {
    found: Arc<OnceLock<Found>>,
    ends: Arc<Mutex<BTreeMap<Arc<str>, FakeExporter>>>,
}

impl Spread {
    /// A graph with nothing but this behind its receiver, and these members.
    pub(super) async fn start(
        members: &[&str],
        settings: DeliverySettings,
        clock: Clock,
    ) -> (Spread, Running, Feed) {
        let spread = Spread::default();
        let (running, feed) = start_with(Vec::new(), vec![spread.prepared(settings)], clock).await;
        spread.members(members);
        settle().await;
        (spread, running, feed)
    }

    pub(super) fn prepared(&self, settings: DeliverySettings) -> PreparedExporter {
        let mut prepared = prepared_exporter(FakeExporter::new(Answer::Take), settings);
        let spread = self.clone();
        prepared.build = Box::new(move || {
            Ok(BuiltExporter::Balanced(Balanced {
                router: Arc::new(ByNumber),
                resolver: Box::new(spread.clone()),
                connector: Box::new(spread),
            }))
        });
        prepared
    }

    /// These are the members now.
    pub(super) fn members(&self, names: &[&str]) {
        let names = names.iter().map(ToString::to_string);
        assert_eq!(self.found.get().unwrap().members(names), 0);
    }

    /// The destination of this name, whether it is a member or not.
    pub(super) fn end(&self, name: &str) -> FakeExporter {
        let mut ends = self.ends.lock().unwrap();
        let end = ends.entry(name.into());
        end.or_insert_with(|| FakeExporter::new(Answer::Take)).clone()
    }

    /// Gives every later attempt at each destination that was ever a member this answer.
    pub(super) fn all_from_now_on(&self, answer: &Answer) {
        for end in self.ends.lock().unwrap().values() {
            end.from_now_on(answer.clone());
        }
    }

    /// The numbers that a destination has taken. Asserts that none came twice.
    pub(super) fn taken(&self, name: &str) -> BTreeSet<u64> {
        let mut taken = BTreeSet::new();
        for request in self.end(name).taken() {
            for number in numbers_in(&request.payload.contiguous()) {
                assert!(taken.insert(number), "{number} came twice to {name}");
            }
        }
        taken
    }

    /// The numbers that all destinations have taken. Asserts that none came twice.
    pub(super) fn all_taken(&self) -> BTreeSet<u64> {
        let names: Vec<Arc<str>> = self.ends.lock().unwrap().keys().cloned().collect();
        let mut all = BTreeSet::new();
        for name in names {
            for number in self.taken(&name) {
                assert!(all.insert(number), "{number} came to two destinations");
            }
        }
        all
    }
}

/// Lets everything run that can.
pub(super) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

impl Resolver for Spread {
    fn kind(&self) -> &'static str {
        "told"
    }

    fn most(&self) -> usize {
        8
    }

    fn start(&self, _: &NodeContext, found: Found) -> Result<(), ComponentError> {
        assert!(self.found.set(found).is_ok());
        Ok(())
    }
}

impl Connector for Spread {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn connect(&self, member: &Member) -> Result<Box<dyn Exporter>, ComponentError> {
        if member.name.starts_with("unusable") {
            return Err(ComponentError::new("it has no port"));
        }
        Ok(Box::new(self.end(&member.name)))
    }
}

/// The member for an item with this number.
pub(super) fn place_of(members: &[Member], number: u64) -> usize {
    rendezvous(members, HASHER.bytes(&number.to_be_bytes()))
}

/// Sends each item by its number.
pub(super) struct ByNumber;

impl Router for ByNumber {
    fn route(&self, batch: Batch, members: &[Member], parts: &mut Vec<(usize, Batch)>) {
        assert!(batch.signal() != Signal::Metrics, "told to");
        parts.extend(batch.partition(|item| match numbers_in(item.item)[..] {
            [number] => place_of(members, number),
            _ => 0,
        }));
    }
}
