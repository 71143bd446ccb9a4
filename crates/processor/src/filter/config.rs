//! What the user writes.

use crate::matching::{SELECTORS_MAX, Selector};
use forebay_core::registry::{Config, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The config of a `filter` processor.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig {
    /// What happens to items that a rule matches.
    pub mode: FilterMode,
    /// The rules, 1 to 64. An item is matched by a rule if all conditions of the rule hold, and by the filter if any rule
    /// matches it. Items of a signal that no rule can match pass, in either mode.
    pub rules: Vec<Selector>,
}

/// What happens to items that a rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilterMode {
    /// They are dropped, all others are kept.
    #[default]
    Drop,
    /// They are kept, all others are dropped.
    Keep,
}

impl Config for FilterConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut blame = |message: String, help: Option<&str>| {
            problems.push(Problem {
                path: vec!["rules".into()],
                message,
                help: help.map(str::to_owned),
            });
        };
        if self.rules.is_empty() {
            blame(
                "a filter without rules does nothing".to_owned(),
                Some("add a rule, or take the filter out"),
            );
        }
        if self.rules.len() > SELECTORS_MAX {
            blame(
                format!(
                    "{} rules are more than a filter takes, which is {SELECTORS_MAX}",
                    self.rules.len()
                ),
                Some("put several patterns into one rule, or use two filters"),
            );
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let number = index + 1;
            if let Some(contradiction) = rule.contradiction() {
                blame(format!("rule {number}: {contradiction}"), None);
            }
            if rule.is_unconditional() {
                blame(
                    format!("rule {number} has no condition, and so matches everything"),
                    Some("to match all items of a signal, say so: `signals = [\"traces\"]`"),
                );
            }
        }
        problems
    }
}
