//! What the user writes.

use super::action::Action;
use crate::matching::{SELECTORS_MAX, Selector};
use forebay_core::registry::{Config, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The config of an `attributes` processor.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttributesConfig {
    /// Which data the processor changes; all other passes unchanged. Conditions on items (`names`, `kinds`, `status`,
    /// severities, `metric_types`, `attributes`) cannot go with changes of resources and scopes, which items share.
    pub when: Selector,
    /// Changes of resource attributes, in order. They cost the same for one item as for a million.
    pub resource: Vec<Action>,
    /// Changes of the attributes of instrumentation scopes, in order.
    pub scope: Vec<Action>,
    /// Changes of the attributes of spans, data points and log records, in order.
    pub item: Vec<Action>,
    /// Changes of the attributes of span events, in order. Conditions are about the span.
    pub event: Vec<Action>,
}

impl AttributesConfig {
    /// Every list with its key, outermost first.
    fn lists(&self) -> [(&'static str, &[Action]); 4] {
        [
            ("resource", &self.resource),
            ("scope", &self.scope),
            ("item", &self.item),
            ("event", &self.event),
        ]
    }
}

impl Config for AttributesConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let lists = self.lists();
        if lists.iter().all(|(_, actions)| actions.is_empty()) {
            problems.push(problem(
                "resource",
                "an attributes processor without actions does nothing".to_owned(),
            ));
        }
        let conditions = lists
            .iter()
            .flat_map(|(_, actions)| *actions)
            .filter(|action| action.when.is_some());
        if conditions.count() >= SELECTORS_MAX {
            let most = SELECTORS_MAX - 1;
            problems.push(problem(
                "item",
                format!("more than {most} actions have conditions of their own"),
            ));
        }
        if let Some(contradiction) = self.when.contradiction() {
            problems.push(problem("when", contradiction));
        }
        for (level, actions) in lists {
            if !actions.is_empty()
                && let Some(words) = out_of_place(level, &self.when)
            {
                problems.push(problem("when", words));
            }
            for (index, action) in actions.iter().enumerate() {
                let Some(when) = &action.when else { continue };
                let wrong = when.contradiction().or_else(|| out_of_place(level, when));
                problems.extend(wrong.map(|message| Problem {
                    path: vec![level.into(), index.to_string().into(), "when".into()],
                    message,
                    help: None,
                }));
            }
        }
        problems
    }
}

fn problem(key: &'static str, message: String) -> Problem {
    Problem {
        path: vec![key.into()],
        message,
        help: None,
    }
}

/// What is wrong with these conditions for changes at `level`, if they ask for what is shared out below it.
fn out_of_place(level: &str, when: &Selector) -> Option<String> {
    let wrong = match level {
        "resource" if when.asks_scope() => "scope",
        "resource" | "scope" if when.asks_item() => "item",
        _ => return None,
    };
    Some(format!(
        "changes under `{level}` cannot depend on a condition on the {wrong}: other {wrong}s share the same {level}"
    ))
}
