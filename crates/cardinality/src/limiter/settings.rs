//! What a limiter is told: limits, and what becomes of what exceeds them.

use crate::SeriesHasher;
use crate::rules::AttributeRules;
use forebay_otlp::views::Resource;
use std::fmt;
use std::sync::Arc;

/// What becomes of a point whose series has no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is folded into the overflow series.
    #[default]
    Fold,
    /// It loses the attribute to blame, and joins the series that is left; if that has no place either, it is folded.
    DropAttribute,
    /// It is dropped.
    Drop,
    /// It passes; what would have happened is counted.
    Observe,
}

/// Who gets a place while there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Who comes first.
    #[default]
    FirstCome,
    /// Who has come several times lately. Who has a place and hardly comes gives it to who comes often.
    HeavyHitters,
}

/// What holds for some metrics of some groups.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Live series of one stream at most.
    pub limit: u32,
    /// What becomes of the others.
    pub action: Action,
    /// Who gets a place.
    pub admission: Admission,
    /// A series that had no point for so many seconds gives its place away.
    pub idle_timeout: u32,
}

/// Finds the policy of a stream: the number of it in [`Policies::list`], by the metric's name and its resource.
pub type Choose = dyn Fn(&[u8], Resource<'_>) -> usize + Send + Sync;

/// All policies. A limiter asks once for each stream.
#[derive(Clone)]
pub struct Policies {
    /// The policies.
    pub list: Vec<Policy>,
    /// Which is whose.
    pub choose: Arc<Choose>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies")
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

impl Policies {
    /// One policy for all.
    pub fn one(policy: Policy) -> Self {
        Policies {
            list: vec![policy],
            choose: Arc::new(|_, _| 0),
        }
    }
}

/// Limits that may change while a limiter works, without anything that it knows being lost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For each stream.
    pub policies: Policies,
    /// Live series of one group at most, over all its metrics.
    pub group_limit: u64,
    /// Live series at most, in all.
    pub total_limit: u64,
}

/// What a limiter is made of.
#[derive(Clone)]
pub struct Settings {
    /// What may change later.
    pub limits: Limits,
    /// Attributes of the resource that make a group; without any each resource is one.
    pub group_by: Vec<String>,
    /// Bytes that everything it remembers may take.
    pub max_bytes: u64,
    /// Exemplars that a point of several keeps at most.
    pub exemplars: usize,
    /// What happens to attributes before anything is limited, where series are not only observed.
    pub rules: Option<Arc<AttributeRules>>,
    /// The hash of identities.
    pub hasher: SeriesHasher,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.limits)
            .field("group_by", &self.group_by)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
