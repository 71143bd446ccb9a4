//! What the user writes.

use forebay_core::registry::Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The config of a `resource_compaction` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceCompactionConfig {
    /// Whether metrics of one scope become one, too: those with the same name, description, unit, metadata, type, temporality and
    /// monotonicity. Their data points follow each other. Default: `true`.
    pub merge_metrics: bool,
}

impl Default for ResourceCompactionConfig {
    fn default() -> Self {
        ResourceCompactionConfig { merge_metrics: true }
    }
}

impl Config for ResourceCompactionConfig {}
