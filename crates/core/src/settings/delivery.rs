//! How data gets to a destination: queue, batcher, retry, timeout. Every exporter has these keys; the engine does the work.

use super::{Count, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest delay that a destination may ask for; a longer one counts as this. It is well below the age at which data is
/// given up by default ([`RetryConfig::max_age`]): a destination cannot empty the queue by asking for a long delay.
pub const DELAY_MAX: Duration = Duration::from_secs(120);

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

/// What happens when the destination keeps failing. The breaker is one for all requests to it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreakerConfig {
    /// Whether there is one. Without it each request that fails waits and tries again by itself.
    pub enabled: bool,
    /// After so many failures one after the other, that another attempt may cure, it opens: at least 1. While it is open
    /// there is one attempt, of one request, at the end of each wait that `retry` sets. The first that the destination
    /// answers closes it.
    pub failures: Count,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        CircuitBreakerConfig {
            enabled: true,
            failures: Count(5),
        }
    }
}

/// What happens when the destination blames the data of a request (`INVALID_ARGUMENT`, status 400 or 422), or fails on it
/// without saying whose fault it is (`INTERNAL`, `UNKNOWN`, status 500).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoisonConfig {
    /// Whether the request is taken apart until the guilty items are found and the rest is delivered. If not, it is refused
    /// whole, with whatever others sent in it.
    pub isolate: bool,
    /// The most further requests that are spent on one request that was refused, for what it is or for its size. One guilty
    /// item among 10,000 takes about 16. When they are used up, what is not decided is refused whole.
    pub max_requests: Count,
}

impl Default for PoisonConfig {
    fn default() -> Self {
        PoisonConfig {
            isolate: true,
            max_requests: Count(64),
        }
    }
}

/// What happens when an attempt fails in a way that another may cure.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Whether there is another attempt at all.
    pub enabled: bool,
    /// The bound of the first wait. Each wait is drawn at random between zero and its bound ("full jitter"). A delay that the
    /// destination asks for holds for all requests to it, up to 2 minutes.
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
    /// The circuit breaker.
    pub circuit_breaker: CircuitBreakerConfig,
    /// What is done about requests whose data the destination blames.
    pub poison: PoisonConfig,
    /// How many requests may be under way at once, at least 1.
    pub max_in_flight: usize,
    /// How many may be when the destination is overloaded, at least 1 and at most `max_in_flight`.
    pub min_in_flight: usize,
    /// Whether their number follows from how the destination does. If not, it is always `max_in_flight`.
    pub adaptive_concurrency: bool,
    /// The most payload bytes in one request, before compression: nothing larger is ever sent, and an item that alone is
    /// larger is dropped (OTLP specification, "OTLP/gRPC Request": 64 MiB). 0: no limit.
    pub max_request_bytes: u64,
}
