//! What components measure by themselves, besides what the engine measures of every node.

use crate::catalog::Metric;
use crate::exposition::Family;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A component's own metrics. What it writes is read while it works: atomics, or a short lock.
pub trait Instruments: Send + Sync {
    /// The families of the catalogue in which it has samples.
    fn families(&self) -> &'static [&'static Metric];

    /// Writes its samples of `metric`, which is one of its families. `node` is the component's name in the config.
    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>);
}

/// The instruments of one node. Cheap to clone: every clone is the same set.
#[derive(Clone, Default)]
pub struct InstrumentSet(Arc<Mutex<Vec<Arc<dyn Instruments>>>>);

impl InstrumentSet {
    /// Adds to the set. Two of one set must not write samples with the same labels: shards of a processor that count the
    /// same share their instruments, and the first of them adds them.
    pub fn add(&self, instruments: Arc<dyn Instruments>) {
        self.lock().push(instruments);
    }

    /// What is in the set.
    pub fn all(&self) -> Vec<Arc<dyn Instruments>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Instruments>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InstrumentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} instruments", self.lock().len())
    }
}
