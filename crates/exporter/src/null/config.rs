//! The config of `null`.

use forebay_core::registry::Config;
use forebay_core::settings::{BatchConfig, DeliverySettings, QueueConfig, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes data and throws it away.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NullConfig {
    /// The queue before it. It never fills for long: nothing is quicker than throwing away.
    pub queue: QueueConfig,
}

impl Config for NullConfig {}

impl NullConfig {
    pub(super) fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            queue: self.queue.clone(),
            // Requests as they come: putting them together or splitting them would be work for nothing.
            batch: BatchConfig {
                max_bytes: Size(0),
                ..BatchConfig::default()
            },
            max_in_flight: 1,
            ..DeliverySettings::default()
        }
    }
}
