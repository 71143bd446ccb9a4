//! What the user writes.

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::Count;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most keys.
const KEYS_MAX: usize = 64;

/// The most groups that a config may ask for.
const GROUPS_MAX: u64 = 100_000;

/// The config of a `group_by_attributes` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupByAttributesConfig {
    /// The keys of the attributes that move from items to their resource, 1 to 64. An item needs to have one of them; those
    /// that it has are what it is grouped by. Values keep their types.
    pub keys: Vec<String>,
    /// The most groups in one batch, 1 to 100000. An item that would need one more stays as it is, and is counted
    /// (`forebay_group_by_attributes_items`, outcome `beyond`). Default: 1000.
    #[serde(default = "usual_max_groups")]
    pub max_groups: Count,
}

const fn usual_max_groups() -> Count {
    Count(1000)
}

impl Config for GroupByAttributesConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.keys.is_empty() {
            problems.push(Problem {
                path: vec!["keys".into()],
                message: "there is no attribute to group by".to_owned(),
                help: Some(
                    "name attributes of spans, data points or log records; to make one of equal resources, use the processor \
                     `resource_compaction`"
                        .to_owned(),
                ),
            });
        }
        if self.keys.len() > KEYS_MAX {
            problems.push(Problem {
                path: vec!["keys".into(), KEYS_MAX.to_string().into()],
                message: format!(
                    "{} keys are more than the {KEYS_MAX} that can be",
                    self.keys.len()
                ),
                help: None,
            });
        }
        for (index, key) in self.keys.iter().enumerate() {
            let (message, help) = if key.is_empty() {
                (
                    "the key is empty".to_owned(),
                    "name an attribute, or take this out",
                )
            } else if self.keys.iter().take(index).any(|earlier| earlier == key) {
                (format!("the key `{key}` is given twice"), "take one of them out")
            } else {
                continue;
            };
            problems.push(Problem {
                path: vec!["keys".into(), index.to_string().into()],
                message,
                help: Some(help.to_owned()),
            });
        }
        if self.max_groups.0 == 0 || self.max_groups.0 > GROUPS_MAX {
            problems.push(Problem {
                path: vec!["max_groups".into()],
                message: "the number of groups is not one that a batch can have".to_owned(),
                help: Some(format!("give 1 to {GROUPS_MAX}")),
            });
        }
        problems
    }
}
