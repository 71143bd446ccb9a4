//! How a node says whether it works.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    condition: Condition,
    concerns: BTreeMap<Arc<str>, Arc<str>>,
}

impl Default for Health {
    fn default() -> Self {
        Health(Arc::new(Mutex::new(State {
            condition: Condition::Starting,
            concerns: BTreeMap::new(),
        })))
    }
}

impl Health {
    /// The condition now. A node that works but has concerns is degraded by them.
    pub fn condition(&self) -> Condition {
        let state = self.state();
        if state.condition != Condition::Working || state.concerns.is_empty() {
            return state.condition.clone();
        }
        let all: Vec<&str> = state.concerns.values().map(AsRef::as_ref).collect();
        Condition::Degraded(all.join("; ").into())
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

    /// Says what is wrong with one thing that the node uses, such as a file, or with `None` that it is well again. Unlike
    /// [`Health::degraded`] it stays through [`Health::working`]. `about` is one of a few fixed things of the node.
    pub fn concern(&self, about: &Arc<str>, why: Option<Arc<str>>) {
        let concerns = &mut self.state().concerns;
        match why {
            Some(why) => concerns.insert(Arc::clone(about), why),
            None => concerns.remove(about),
        };
    }

    fn set(&self, condition: Condition) {
        let mut state = self.state();
        if !matches!(state.condition, Condition::Failed(_)) {
            state.condition = condition;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concern_stays_until_it_is_taken_back() {
        let health = Health::default();
        let (file, other): (Arc<str>, Arc<str>) = ("a.pem".into(), "b.pem".into());
        health.concern(&file, Some("a.pem is empty".into()));
        assert_eq!(health.condition(), Condition::Starting);
        health.working();
        assert_eq!(health.condition(), Condition::Degraded("a.pem is empty".into()));
        health.concern(&other, Some("b.pem is gone".into()));
        health.working();
        assert_eq!(
            health.condition(),
            Condition::Degraded("a.pem is empty; b.pem is gone".into())
        );
        health.degraded("refused");
        assert_eq!(health.condition(), Condition::Degraded("refused".into()));
        health.working();
        health.concern(&file, None);
        health.concern(&other, None);
        assert_eq!(health.condition(), Condition::Working);
    }
}
