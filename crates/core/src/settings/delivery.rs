//! How data gets to a destination: queue, batcher, retry, timeout. Every exporter has these keys; the engine does the work.

use super::{Count, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The queue before a destination.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Where the queue keeps its data.
    pub kind: QueueKind,
    /// The most items that the queue holds, those being sent included.
    pub max_items: Count,
    /// The most payload bytes that the queue holds, those being sent included. Left out: the queues of the process share
    /// half of what the memory budget has for data.
    pub max_bytes: Option<Size>,
    /// What happens to data that the queue has no room for.
    pub on_full: OnFull,
}

impl Default for QueueConfig {
    fn default() -> Self {
        QueueConfig {
            kind: QueueKind::Memory,
            max_items: Count(1_000_000),
            max_bytes: None,
            on_full: OnFull::Wait,
        }
    }
}

/// Where a queue keeps its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// In memory: a crash loses it. With `acknowledge = "delivered"` the senders still have it.
    #[default]
    Memory,
}

/// What happens when there is no room in a queue or an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// The sender waits. When waiting data has used up the memory budget, receivers refuse with a delay.
    #[default]
    Wait,
    /// The sender is refused, retryable, with a delay.
    Refuse,
    /// What comes is dropped and counted.
    DropNewest,
    /// What has waited longest is dropped and counted, to make room.
    DropOldest,
}

/// How requests are put together before they are sent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Wait until this many items are there, or until `flush_timeout` is over. 0: never wait; what has queued up while
    /// earlier requests were under way goes together.
    pub min_items: Count,
    /// The most items in one request; larger ones are split. 0: no limit.
    pub max_items: Count,
    /// The most payload bytes in one request, before compression; larger ones are split. 0: what comes is sent as it
    /// comes, one request for each.
    pub max_bytes: Size,
    /// The longest that data waits for company when `min_items` is set.
    pub flush_timeout: Period,
}

impl Default for BatchConfig {
    fn default() -> Self {
        BatchConfig {
            min_items: Count(0),
            max_items: Count(0),
            max_bytes: Size(3 << 20),
            flush_timeout: Period(Duration::from_millis(200)),
        }
    }
}

/// What happens when an attempt fails in a way that another may cure.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Whether there is another attempt at all.
    pub enabled: bool,
    /// The bound of the first wait. Each wait is drawn at random between zero and its bound ("full jitter"); a delay that
    /// the destination asks for is a minimum on top.
    pub initial_interval: Period,
    /// How much the bound grows with each attempt.
    pub multiplier: f64,
    /// Where the bound stops growing.
    pub max_interval: Period,
    /// How old data may grow, counted from when it was received, before it is given up. `0s`: never given up.
    pub max_age: Period,
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            enabled: true,
            initial_interval: Period(Duration::from_millis(500)),
            multiplier: 1.5,
            max_interval: Period(Duration::from_secs(30)),
            max_age: Period(Duration::from_secs(300)),
        }
    }
}

/// How a body is compressed on the way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// All that the engine needs to know to deliver to one destination: resolved from the config of its exporter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliverySettings {
    /// The queue.
    pub queue: QueueConfig,
    /// The batcher.
    pub batch: BatchConfig,
    /// Retries.
    pub retry: RetryConfig,
    /// The longest that one attempt may take. Zero: no limit.
    pub timeout: Duration,
    /// How many requests may be under way at once, at least 1.
    pub max_in_flight: usize,
    /// The most payload bytes in one request, before compression: nothing larger is ever sent, and an item that alone is
    /// larger is dropped (OTLP specification, "OTLP/gRPC Request": 64 MiB). 0: no limit.
    pub max_request_bytes: u64,
}
