//! What the sink has taken.

use crate::identity::Identity;
use crate::itemset::{Inserted, ItemSet};
use crate::walk;
use forebay_otlp::{Signal, WireError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Account {
    verify: bool,
    sum: Option<AtomicU64>,
    requests: AtomicU64,
    bytes: AtomicU64,
    items: [AtomicU64; 3],
    pub(super) refused: AtomicU64,
    pub(super) malformed: AtomicU64,
    identities: Mutex<Identities>,
}

#[derive(Default)]
struct Identities {
    /// At most 4,096: a generator's number has 12 bits.
    generators: BTreeMap<u16, ItemSet>,
    duplicates: u64,
    unmarked: u64,
    untracked: u64,
}

/// The sink's figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests taken.
    pub requests: u64,
    /// Their bytes after decompression.
    pub bytes: u64,
    /// Items taken, of all signals.
    pub items: u64,
    /// Spans taken.
    pub spans: u64,
    /// Metric data points taken.
    pub points: u64,
    /// Log records taken.
    pub logs: u64,
    /// Requests failed on purpose.
    pub refused: u64,
    /// Requests that could not be read.
    pub malformed: u64,
    /// The sum of the values of data points, if they are added up.
    pub sum: Option<u64>,
    /// The identities, if they are verified.
    pub verified: Option<Verified>,
}

/// What the identities tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Different items.
    pub distinct: u64,
    /// Items that had come before.
    pub duplicates: u64,
    /// Item numbers below the highest that have not come, over all generators.
    pub gaps: u64,
    /// Items without an identity.
    pub unmarked: u64,
    /// Items beyond the bound of the set that remembers them.
    pub untracked: u64,
}

impl Account {
    pub(super) fn new(verify: bool, sum: bool) -> Account {
        Account {
            verify,
            sum: sum.then(AtomicU64::default),
            ..Account::default()
        }
    }

    /// Takes a request.
    pub(super) fn take(&self, signal: Signal, request: &[u8]) -> Result<(), WireError> {
        let items = if self.verify {
            let mut ids = Vec::new();
            let items = walk::identities(signal, request, &mut |id| ids.push(id))?;
            self.lock().take(ids.into_iter());
            items
        } else {
            forebay_otlp::count_items(signal, request)?
        };
        if let (Some(sum), Signal::Metrics) = (&self.sum, signal) {
            sum.fetch_add(walk::sum(request)?, Ordering::Relaxed);
        }
        self.add(signal, items, request.len());
        Ok(())
    }

    /// Takes a request whose items are already known.
    pub(super) fn take_known(&self, signal: Signal, ids: Vec<Option<Identity>>, bytes: usize) {
        let items = ids.len() as u64;
        if self.verify {
            self.lock().take(ids.into_iter());
        }
        self.add(signal, items, bytes);
    }

    fn add(&self, signal: Signal, items: u64, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(counter) = self.items.get(signal as usize) {
            counter.fetch_add(items, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Identities> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn items(&self) -> u64 {
        self.items.iter().map(|items| items.load(Ordering::Relaxed)).sum()
    }

    /// How many of the items from `first` on never came.
    pub(super) fn missing(&self, generator: u16, first: u64, items: u64) -> u64 {
        match self.lock().generators.get(&generator) {
            Some(set) => (first..first + items)
                .filter(|number| !set.contains(*number))
                .count() as u64,
            None => items,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let [spans, points, logs] = &self.items;
        Stats {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            items: self.items(),
            spans: spans.load(Ordering::Relaxed),
            points: points.load(Ordering::Relaxed),
            logs: logs.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            sum: self.sum.as_ref().map(|sum| sum.load(Ordering::Relaxed)),
            verified: self.verify.then(|| self.lock().verified()),
        }
    }
}

impl Identities {
    fn take(&mut self, ids: impl Iterator<Item = Option<Identity>>) {
        for id in ids {
            let Some(Identity { generator, number }) = id else {
                self.unmarked += 1;
                continue;
            };
            match self.generators.entry(generator).or_default().insert(number) {
                Inserted::New => {}
                Inserted::Duplicate => self.duplicates += 1,
                Inserted::Untracked => self.untracked += 1,
            }
        }
    }

    fn verified(&self) -> Verified {
        Verified {
            distinct: self.generators.values().map(ItemSet::distinct).sum(),
            duplicates: self.duplicates,
            gaps: self.generators.values().map(ItemSet::gaps).sum(),
            unmarked: self.unmarked,
            untracked: self.untracked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_loss_duplicates_and_strangers() {
        let account = Account::new(true, false);
        let id = |number| Some(Identity { generator: 1, number });
        account.take_known(Signal::Logs, vec![id(0), id(1), id(1), None, id(4)], 10);
        let stats = account.stats();
        assert_eq!((stats.items, stats.logs), (5, 5));
        let expected = Verified {
            distinct: 3,
            duplicates: 1,
            gaps: 2,
            unmarked: 1,
            untracked: 0,
        };
        assert_eq!(stats.verified, Some(expected));
        assert_eq!(account.missing(1, 0, 5), 2);
        assert_eq!(account.missing(2, 0, 5), 5);
    }
}
