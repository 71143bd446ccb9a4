//! The config of `debug`.

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{BatchConfig, Count, DeliverySettings, QueueConfig, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The least that `max_output_bytes` can be: room for one line.
const OUTPUT_LEAST: u64 = 256;
/// The most that `max_output_bytes` can be.
const OUTPUT_MOST: u64 = 16 << 20;

/// Prints what comes to standard output.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DebugConfig {
    /// How much is printed of each request.
    pub verbosity: Verbosity,
    /// How many requests are printed in each second before sampling begins.
    pub sampling_initial: Count,
    /// Of the requests after those, every so many are printed: `1` prints all, `0` none. The next line that is printed
    /// says how many were not.
    pub sampling_thereafter: Count,
    /// The most bytes printed for one request, from 256 B to 16 MiB. What does not fit is left out, and the output says so.
    pub max_output_bytes: Size,
    /// The queue before it.
    pub queue: QueueConfig,
}

impl Default for DebugConfig {
    fn default() -> Self {
        DebugConfig {
            verbosity: Verbosity::Basic,
            sampling_initial: Count(2),
            sampling_thereafter: Count(500),
            max_output_bytes: Size(64 << 10),
            queue: QueueConfig::default(),
        }
    }
}

/// How much is printed of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verbosity {
    /// One line: how many items, from which services, and the first names.
    #[default]
    Basic,
    /// That line, and one more for each span, metric or log record.
    Normal,
    /// That line, and every field of the request.
    Detailed,
}

impl Config for DebugConfig {
    fn check(&self) -> Vec<Problem> {
        let fits = (OUTPUT_LEAST..=OUTPUT_MOST).contains(&self.max_output_bytes.0);
        let problem = || Problem {
            path: vec!["max_output_bytes".into()],
            message: format!("`max_output_bytes` is {}", self.max_output_bytes),
            help: Some("use 256B to 16MiB".to_owned()),
        };
        (!fits).then(problem).into_iter().collect()
    }
}

impl DebugConfig {
    pub(super) fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            queue: self.queue.clone(),
            // Each request is shown as it came.
            batch: BatchConfig {
                max_bytes: Size(0),
                ..BatchConfig::default()
            },
            // One after the other: lines keep their order.
            max_in_flight: 1,
            ..DeliverySettings::default()
        }
    }
}
