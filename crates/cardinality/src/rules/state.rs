//! Which rules there are for a metric, and what they remember of it.

use super::{AttributeRules, rule_bit};
use crate::{DistinctValues, Identity};

/// The rules for one metric, and the values that their caps let through: what has a state of its own has places of its own.
#[derive(Debug)]
pub struct RuleState {
    rules: u64,
    caps: Box<[DistinctValues]>,
}

impl RuleState {
    /// The rules for a metric, with nothing remembered yet; nothing if none is for it. A value of a cap that was not seen for
    /// `idle_seconds` gives its place away.
    pub fn new(rules: &AttributeRules, metric: &[u8], idle_seconds: u32) -> Option<Self> {
        let set = rules.for_metric(metric);
        let cap = |&(limit, rule): &(usize, u32)| {
            let limit = if set & rule_bit(rule) == 0 { 0 } else { limit };
            DistinctValues::new(limit, idle_seconds)
        };
        (set != 0).then(|| RuleState {
            rules: set,
            caps: rules.caps.iter().map(cap).collect(),
        })
    }

    /// The memory taken, in bytes. It grows with the values that caps let through.
    pub fn memory(&self) -> usize {
        let caps: usize = self.caps.iter().map(DistinctValues::memory).sum();
        size_of::<Self>() + caps
    }

    /// The most memory that it will take, in bytes: with all values that caps may let through.
    pub fn memory_max(&self) -> usize {
        let caps: usize = self.caps.iter().map(DistinctValues::memory_max).sum();
        size_of::<Self>() + caps
    }

    /// Whether values have to find a place: what becomes of one may change then.
    pub(crate) fn have_caps(&self) -> bool {
        self.caps
            .iter()
            .any(|cap| cap.memory_max() > DistinctValues::memory_at(0))
    }

    /// The rules for this metric.
    pub(super) const fn rules(&self) -> u64 {
        self.rules
    }

    /// Whether the value has a place under the cap of this number.
    pub(super) fn admit(&mut self, cap: usize, value: Identity, now: u32) -> bool {
        self.caps
            .get_mut(cap)
            .is_none_or(|values| values.admit(value, now))
    }
}
