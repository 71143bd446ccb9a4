//! How a node says whether it works.

use std::sync::{Arc, Mutex, PoisonError};

/// A node's state, as `/status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not yet at work.
    Starting,
    /// At work.
    Working,
    /// At work, but something is wrong: the words say what. Data is safe or refused, not lost.
    Degraded(Arc<str>),
    /// Not at work any more: the words say why. The process is not healthy.
    Failed(Arc<str>),
}

/// One node's health. Cheap to clone: every clone is the same.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Condition>>);

impl Default for Health {
    fn default() -> Self {
        Health(Arc::new(Mutex::new(Condition::Starting)))
    }
}

impl Health {
    /// The condition now.
    pub fn condition(&self) -> Condition {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that the node works. A failed node stays failed.
    pub fn working(&self) {
        self.set(Condition::Working);
    }

    /// Says that something is wrong, but the node goes on.
    pub fn degraded(&self, why: impl Into<Arc<str>>) {
        self.set(Condition::Degraded(why.into()));
    }

    /// Says that the node has failed for good.
    pub fn failed(&self, why: impl Into<Arc<str>>) {
        self.set(Condition::Failed(why.into()));
    }

    fn set(&self, condition: Condition) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*current, Condition::Failed(_)) {
            *current = condition;
        }
    }
}
