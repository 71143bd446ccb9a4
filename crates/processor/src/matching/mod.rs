//! The language in which processors say which data they mean: patterns, attribute conditions, selectors.
//!
//! | piece | what it is |
//! |---|---|
//! | [`Pattern`] | a text condition: exact, `glob:` or `regex:` |
//! | [`AttributeCondition`] | a condition on one attribute: a pattern, a value, its presence, or a list of them |
//! | [`Selector`] | conditions on an item and on what it stands in; an item is meant if all of them hold |
//! | `Tracker` | evaluates selectors along one pass over a request, each condition where it is cheapest |
//!
//! Patterns and conditions are compiled while the config is read, so that a mistake in one has a position.

mod condition;
mod pattern;
mod selector;
mod tracker;
mod words;

#[cfg(test)]
mod tests;

pub use condition::AttributeCondition;
pub use pattern::{Pattern, RegexText};
pub use selector::{ScopeSelector, Selector};
pub(crate) use tracker::{SELECTORS_MAX, Tracker};
pub use words::{MetricType, Severity, SignalName, SpanKind, SpanStatus};
