//! Runs detectors side by side, tries again what failed, and puts together what they have found.

use crate::{Attribute, Detector, Kind, Outcome, Surroundings, Wanted};
use forebay_core::Time;
use futures_util::future::{Either, join_all, select};
use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A detector that is to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What kind it is.
    pub kind: Kind,
    /// The detector.
    pub detector: Arc<dyn Detector>,
    /// The attributes that are wanted from it.
    pub wanted: Wanted,
    /// What it was made from. What one has found is true for another of the same kind if this is equal.
    pub identity: String,
}

/// How often and how long detectors are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The longest that one attempt of one detector may take.
    pub timeout: Duration,
    /// How long after an answer it is asked again. Nothing: never.
    pub refresh_interval: Option<Duration>,
    /// How long after a failure it is asked again. Nothing: at the next refresh, if there is one.
    pub retry: Option<Retry>,
}

/// The waits between attempts that fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The bound of the first wait. Each wait is drawn at random from the upper half below its bound, so that agents that were started
    /// together do not ask together.
    pub initial_interval: Duration,
    /// How much the bound grows with each attempt.
    pub multiplier: f64,
    /// Where the bound stops growing.
    pub max_interval: Duration,
}

impl Retry {
    /// The bound of the wait after `failures` failures in a row, which is at least one.
    pub(crate) fn bound(&self, failures: u32) -> Duration {
        let growth = self
            .multiplier
            .powi(i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX));
        let most = self.max_interval.as_secs_f64();
        let bound = (self.initial_interval.as_secs_f64() * growth).min(most);
        // Not a number, or negative: a multiplier that makes no sense. The longest wait does no harm.
        Duration::try_from_secs_f64(bound).unwrap_or(self.max_interval)
    }

    pub(crate) fn wait(&self, failures: u32) -> Duration {
        self.bound(failures).mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

/// Is told what happens.
pub trait Observer: Send + Sync {
    /// A detector has answered, or was cut off.
    fn answered(&self, kind: Kind, outcome: &Outcome);

    /// What is known of the place has changed to `attributes`: each name once, in the order of the detectors.
    fn learned(&self, attributes: &[Attribute]);
}

/// What is known by one detector.
#[derive(Clone, Debug, Default)]
struct Finding {
    attributes: Vec<Attribute>,
    /// When it last answered in full, be it that this is not such a place.
    succeeded_at: Option<Time>,
    has_answered: bool,
}

/// Several detectors at work, and what they have found.
#[derive(Debug)]
pub struct Detection {
    planned: Vec<Planned>,
    pace: Pace,
    surroundings: Surroundings,
    findings: Mutex<Vec<Finding>>,
    /// How many detectors have answered at least once.
    answered: watch::Sender<usize>,
}

impl Detection {
    /// Detectors, those first whose attributes win.
    pub fn new(planned: Vec<Planned>, pace: Pace, surroundings: Surroundings) -> Self {
        Detection {
            findings: Mutex::new(vec![Finding::default(); planned.len()]),
            planned,
            pace,
            surroundings,
            answered: watch::Sender::new(0),
        }
    }

    /// Begins with what detectors of `earlier` have found that are the same here. They are asked again, but nobody waits for it.
    pub fn inherit(&self, earlier: &Detection) {
        let known = earlier.findings().clone();
        let mut findings = self.findings();
        for (planned, finding) in self.planned.iter().zip(findings.iter_mut()) {
            let same = |other: &Planned| other.kind == planned.kind && other.identity == planned.identity;
            let old = earlier
                .planned
                .iter()
                .position(same)
                .and_then(|index| known.get(index));
            if let Some(old) = old.filter(|old| old.succeeded_at.is_some()) {
                finding.clone_from(old);
            }
        }
        let count = findings.iter().filter(|finding| finding.has_answered).count();
        self.answered.send_replace(count);
    }

    /// Looks, tries again what failed, and looks again at each refresh: ends when there is nothing more to do.
    pub async fn run(&self, observer: &dyn Observer) {
        let known = self.known();
        if !known.is_empty() {
            observer.learned(&known);
        }
        join_all((0..self.planned.len()).map(|index| self.pursue(index, observer))).await;
    }

    /// Ready once every detector has answered or was cut off: after [`Pace::timeout`] at the latest, if it runs.
    pub fn first_round(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut answered, all) = (self.answered.subscribe(), self.planned.len());
        async move {
            // An error means that nothing runs any more: there is nothing to wait for.
            let _ = answered.wait_for(|count| *count >= all).await;
        }
    }

    /// All that is known: each name once, of the first detector that has it.
    pub fn known(&self) -> Vec<Attribute> {
        merged(&self.findings())
    }

    /// How long ago each detector last answered in full, be it that this is not such a place; nothing if it never did.
    pub fn ages(&self) -> Vec<(Kind, Option<Duration>)> {
        let now = self.surroundings.clock().now();
        let kinds = self.planned.iter().map(|planned| planned.kind);
        let age = |finding: &Finding| finding.succeeded_at.map(|then| now.since(then));
        kinds.zip(self.findings().iter().map(age)).collect()
    }

    /// Asks one detector for as long as there is a reason to.
    async fn pursue(&self, index: usize, observer: &dyn Observer) {
        let Some(planned) = self.planned.get(index) else {
            return;
        };
        let mut failures = 0;
        loop {
            let outcome = self.attempt(planned).await;
            failures = outcome.failure().map_or(0, |_| failures + 1);
            observer.answered(planned.kind, &outcome);
            self.take(index, outcome, observer);
            let Some(wait) = self.wait(failures) else { return };
            self.surroundings.clock().sleep(wait).await;
        }
    }

    async fn attempt(&self, planned: &Planned) -> Outcome {
        let limit = self.surroundings.clock().sleep(self.pace.timeout);
        let detecting = planned.detector.detect(&self.surroundings, &planned.wanted);
        match select(detecting, pin!(limit)).await {
            Either::Left((outcome, _)) => outcome.within_bounds(&planned.wanted),
            Either::Right(_) => {
                Outcome::Failed(format!("there was no answer within {:?}", self.pace.timeout))
            }
        }
    }

    /// How long to wait after `failures` failures in a row. Nothing: for good.
    fn wait(&self, failures: u32) -> Option<Duration> {
        let refresh = self.pace.refresh_interval;
        let retry = self
            .pace
            .retry
            .filter(|_| failures > 0)
            .map(|retry| retry.wait(failures));
        match (retry, refresh) {
            (Some(retry), Some(refresh)) => Some(retry.min(refresh)),
            (retry, refresh) => retry.or(refresh),
        }
    }

    fn take(&self, index: usize, outcome: Outcome, observer: &dyn Observer) {
        let changed = {
            let mut findings = self.findings();
            let before = merged(&findings);
            if let Some(finding) = findings.get_mut(index) {
                finding.take(outcome, self.surroundings.clock().now());
            }
            let after = merged(&findings);
            (before != after).then_some(after)
        };
        if let Some(attributes) = changed {
            observer.learned(&attributes);
        }
        let count = self
            .findings()
            .iter()
            .filter(|finding| finding.has_answered)
            .count();
        self.answered.send_replace(count);
    }

    fn findings(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finding {
    fn take(&mut self, outcome: Outcome, now: Time) {
        self.has_answered = true;
        match outcome {
            Outcome::Found(attributes) => {
                self.attributes = attributes;
                self.succeeded_at = Some(now);
            }
            Outcome::Absent => {
                self.attributes.clear();
                self.succeeded_at = Some(now);
            }
            // What is not found out this time may still be so.
            Outcome::Partial { attributes, .. } => {
                let before = std::mem::replace(&mut self.attributes, attributes);
                let missing = |old: &Attribute| self.attributes.iter().all(|new| new.key != old.key);
                let kept: Vec<Attribute> = before.into_iter().filter(missing).collect();
                self.attributes.extend(kept);
            }
            Outcome::Failed(_) => {}
        }
    }
}

fn merged(findings: &[Finding]) -> Vec<Attribute> {
    let mut merged: Vec<Attribute> = Vec::new();
    for attribute in findings.iter().flat_map(|finding| &finding.attributes) {
        if merged.iter().all(|other| other.key != attribute.key) {
            merged.push(attribute.clone());
        }
    }
    merged
}
