//! What rules remember: the values that caps let through, and what templates have learned.

use super::AttributeRules;
use crate::{DistinctValues, Identity};
use std::fmt;

/// Rewrites a text: appends what it becomes to an empty string, and says whether that differs.
pub type Template = Box<dyn FnMut(&str, &mut String) -> bool + Send>;

/// What one list of rules remembers of the attributes it has seen.
///
/// What is remembered of one metric or group says nothing of another: there is a state for each that has caps of its own.
pub struct RuleState {
    caps: Box<[DistinctValues]>,
    templates: Box<[Template]>,
}

impl fmt::Debug for RuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleState")
            .field("caps", &self.caps)
            .finish_non_exhaustive()
    }
}

impl RuleState {
    /// Nothing remembered yet. A value of a cap that was not seen for `idle_seconds` gives its place away.
    pub fn new(rules: &AttributeRules, idle_seconds: u32, mut template: impl FnMut() -> Template) -> Self {
        let cap = |limit: &usize| DistinctValues::new(*limit, idle_seconds);
        RuleState {
            caps: rules.caps.iter().map(cap).collect(),
            templates: (0..rules.templates).map(|_| template()).collect(),
        }
    }

    /// The memory taken, in bytes.
    pub fn memory(&self) -> usize {
        let caps: usize = self.caps.iter().map(DistinctValues::memory).sum();
        size_of::<Self>() + caps
    }

    /// Whether the value has a place under the cap of this number.
    pub(super) fn admit(&mut self, cap: usize, value: Identity, now: u32) -> bool {
        self.caps
            .get_mut(cap)
            .is_none_or(|values| values.admit(value, now))
    }

    /// Writes what the template of this number makes of a text; says whether that differs.
    pub(super) fn template(&mut self, number: usize, text: &str, out: &mut String) -> bool {
        out.clear();
        self.templates
            .get_mut(number)
            .is_some_and(|template| template(text, out))
    }
}
