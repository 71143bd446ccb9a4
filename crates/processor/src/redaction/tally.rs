//! What is counted: in a batch first, and then for the node.

use super::config::OnError;
use super::shapes::Counted;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::redaction::{FINDINGS, LIMITED, UNJUDGED};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why something cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Maps and lists are deeper in one another than is looked into.
    TooDeep,
    /// A text, or array of bytes, is longer than is looked through.
    TooLarge,
    /// A text is not UTF-8.
    NotUtf8,
}

const UNFIT: [&str; 3] = ["too_deep", "too_large", "not_utf8"];

/// What a limit was applied to, in the order of the discriminants of [`Counted`]; then lengths.
const LIMITS: [&str; 7] = [
    "attribute_count",
    "event_count",
    "link_count",
    "event_attribute_count",
    "link_attribute_count",
    "attribute_value_length",
    "body_length",
];

/// The places of lengths in [`LIMITS`].
pub(super) const VALUE_LENGTH: usize = 5;
pub(super) const BODY_LENGTH: usize = 6;

/// What happened in one batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By rule, and then by what is counted like one.
    findings: Vec<u64>,
    unfit: [u64; UNFIT.len()],
    limited: [u64; LIMITS.len()],
}

impl Tally {
    /// Nothing yet, of so many that are counted by name.
    pub(super) fn begin(&mut self, named: usize) {
        self.findings.clear();
        self.findings.resize(named, 0);
        self.unfit = Default::default();
        self.limited = Default::default();
    }

    /// Something was found, by the rule of this index.
    pub(super) fn found(&mut self, name: usize) {
        if let Some(count) = self.findings.get_mut(name) {
            *count += 1;
        }
    }

    pub(super) fn unfit(&mut self, why: Unfit) {
        if let Some(count) = self.unfit.get_mut(why as usize) {
            *count += 1;
        }
    }

    pub(super) fn limited(&mut self, what: Counted) {
        self.cut(what as usize);
    }

    pub(super) fn cut(&mut self, what: usize) {
        if let Some(count) = self.limited.get_mut(what) {
            *count += 1;
        }
    }
}

/// What happened since the start.
#[derive(Debug)]
pub(super) struct Meter {
    names: Box<[Box<str>]>,
    findings: Box<[AtomicU64]>,
    unfit: [AtomicU64; UNFIT.len()],
    unfit_is: &'static str,
    limited: [AtomicU64; LIMITS.len()],
}

impl Meter {
    /// Counts for these names.
    pub(super) fn new(names: Box<[Box<str>]>, on_error: OnError) -> Self {
        Meter {
            findings: names.iter().map(|_| AtomicU64::new(0)).collect(),
            names,
            unfit: Default::default(),
            unfit_is: match on_error {
                OnError::FailClosed => "dropped",
                OnError::Pass => "passed",
            },
            limited: Default::default(),
        }
    }

    /// Adds what happened in a batch.
    pub(super) fn add(&self, tally: &Tally) {
        let add = |counts: &[AtomicU64], more: &[u64]| {
            for (count, more) in counts.iter().zip(more).filter(|(_, more)| **more > 0) {
                count.fetch_add(*more, Relaxed);
            }
        };
        add(&self.findings, &tally.findings);
        add(&self.unfit, &tally.unfit);
        add(&self.limited, &tally.limited);
    }
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[&FINDINGS, &UNJUDGED, &LIMITED]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        if *metric == FINDINGS {
            for (name, count) in self.names.iter().zip(&self.findings) {
                family.count(&[node, name], count.load(Relaxed));
            }
        } else if *metric == UNJUDGED {
            for (why, count) in UNFIT.iter().zip(&self.unfit) {
                family.count(&[node, why, self.unfit_is], count.load(Relaxed));
            }
        } else {
            for (limit, count) in LIMITS.iter().zip(&self.limited) {
                family.count(&[node, limit], count.load(Relaxed));
            }
        }
    }
}
