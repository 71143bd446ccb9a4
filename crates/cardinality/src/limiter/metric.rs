//! Metrics: what is known of one metric in one group, over all its streams.

use super::directory::Known;
use super::pool::Pool;
use crate::Identity;
use crate::rules::RuleState;
use crate::sketch::Profile;
use forebay_otlp::DataKind;

/// The longest name of a metric that is kept, in bytes: what a name may have (metrics API, "Instrument name syntax"), so that rules which are made
/// from reports name the metric.
const LONGEST: usize = 255;

/// New series by the minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    minute: u32,
    this: u32,
    last: u32,
}

impl Growth {
    pub(super) fn add(&mut self, now: u32) {
        self.turn(now);
        self.this = self.this.saturating_add(1);
    }

    /// Those of the last whole minute, or of this one if there are more already.
    pub(super) fn per_minute(mut self, now: u32) -> u32 {
        self.turn(now);
        self.this.max(self.last)
    }

    fn turn(&mut self, now: u32) {
        let minute = now / 60;
        if minute != self.minute {
            self.last = if minute == self.minute + 1 { self.this } else { 0 };
            (self.minute, self.this) = (minute, 0);
        }
    }
}

/// What is known of one metric in one group.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) identity: Identity,
    /// The number of its group.
    pub(super) group: u32,
    /// The number of its policy.
    pub(super) policy: usize,
    pub(super) kind: DataKind,
    pub(super) name: Box<str>,
    pub(super) streams: u32,
    /// Series that have a place.
    pub(super) live: u32,
    pub(super) profile: Option<Box<Profile>>,
    /// What its attribute rules remember.
    pub(super) rules: Option<Box<RuleState>>,
    /// Attributes that are to blame, where they are dropped.
    pub(super) blamed: Vec<Box<str>>,
    /// A series that comes often found no place, and when it did, in seconds.
    pub(super) wanted: Option<u32>,
    /// Points that found no place.
    pub(super) exceeded: u64,
    /// When the last of them came, in seconds.
    pub(super) exceeded_at: u32,
    pub(super) growth: Growth,
}

impl Metric {
    /// One of which nothing is known yet.
    pub(super) fn new(identity: Identity, group: u32, policy: usize, kind: DataKind, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name.get(..LONGEST).unwrap_or(name));
        Metric {
            identity,
            group,
            policy,
            kind,
            name: name.into(),
            streams: 0,
            live: 0,
            profile: None,
            rules: None,
            blamed: Vec::new(),
            wanted: None,
            exceeded: 0,
            exceeded_at: 0,
            growth: Growth::default(),
        }
    }

    /// Takes note of a point that found no place.
    pub(super) fn exceed(&mut self, now: u32) {
        self.exceeded += 1;
        self.exceeded_at = now;
    }

    /// Whether a series that comes often found no place lately.
    pub(super) fn is_wanted(&self, now: u32) -> bool {
        self.wanted.is_some_and(|at| now.saturating_sub(at) < 120)
    }

    /// Whether points found no place in the last minutes.
    pub(super) fn is_overflowing(&self, now: u32) -> bool {
        self.exceeded > 0 && now.saturating_sub(self.exceeded_at) < 120
    }

    /// Gives back what was taken for it later.
    pub(super) fn free(self, pool: &Pool) {
        if let Some(profile) = self.profile {
            pool.give(profile.memory());
        }
    }
}

impl Known for Metric {
    fn identity(&self) -> Identity {
        self.identity
    }

    fn memory(&self) -> usize {
        self.name.len() + 16 + self.rules.as_ref().map_or(0, |rules| rules.memory_max())
    }
}
