//! The config of `otlp_http`.

use crate::otlp::{check_compression, check_headers, check_range, count};
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{
    BatchConfig, Compression, Count, DeliverySettings, Period, QueueConfig, RetryConfig, Secret,
};
use forebay_transport::client::Endpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The port of OTLP/HTTP (OTLP specification, "OTLP/HTTP Default Port").
pub(super) const DEFAULT_PORT: u16 = 4318;

/// Sends OTLP over HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpHttpConfig {
    /// The destination: `http://HOST:PORT/BASE` (port 4318 if it is left out) or `unix:///PATH`. `/v1/traces`,
    /// `/v1/metrics` and `/v1/logs` are added to it. Without TLS: `https` is refused.
    pub endpoint: Endpoint,
    /// The whole URL for traces, in place of `endpoint` and `/v1/traces`.
    #[serde(default)]
    pub traces_endpoint: Option<Endpoint>,
    /// The whole URL for metrics, in place of `endpoint` and `/v1/metrics`.
    #[serde(default)]
    pub metrics_endpoint: Option<Endpoint>,
    /// The whole URL for logs, in place of `endpoint` and `/v1/logs`.
    #[serde(default)]
    pub logs_endpoint: Option<Endpoint>,
    /// How requests are written: `proto` (binary protobuf) or `json`. JSON is larger and has to be written anew from each
    /// request: for destinations that take nothing else.
    #[serde(default)]
    pub encoding: BodyEncoding,
    /// Headers sent with every request, such as `authorization`. Values never print.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How requests are compressed: `none`, `gzip` or `zstd`. Compressing costs more than everything else that happens to
    /// the data, so it is off until the network is what is scarce.
    #[serde(default)]
    pub compression: Compression,
    /// How hard to compress: 1 (fast, the default) to 9 for gzip, to 19 for zstd.
    #[serde(default)]
    pub compression_level: Option<Count>,
    /// The longest that one attempt may take, connecting included. `0s`: no limit.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How many requests may be under way at once: 1 to 1024.
    #[serde(default = "default_in_flight")]
    pub max_in_flight: Count,
    /// How many connections are kept open between requests: 1 to 64. Each request under way has one of its own.
    #[serde(default = "default_connections")]
    pub connections: Count,
    /// The queue before the destination.
    #[serde(default)]
    pub queue: QueueConfig,
    /// How requests are put together.
    #[serde(default)]
    pub batch: BatchConfig,
    /// What happens when an attempt fails.
    #[serde(default)]
    pub retry: RetryConfig,
}

/// How the requests of `otlp_http` are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// Binary protobuf, `application/x-protobuf`.
    #[default]
    Proto,
    /// JSON (OTLP specification, "JSON Protobuf Encoding"), `application/json`.
    Json,
}

fn default_timeout() -> Period {
    Period(Duration::from_secs(10))
}

fn default_in_flight() -> Count {
    Count(8)
}

fn default_connections() -> Count {
    Count(8)
}

impl Config for OtlpHttpConfig {
    fn check(&self) -> Vec<Problem> {
        let ranges = [
            check_range("max_in_flight", self.max_in_flight, 1024),
            check_range("connections", self.connections, 64),
        ];
        ranges
            .into_iter()
            .flatten()
            .chain(check_headers(&self.headers))
            .chain(check_compression(self.compression, self.compression_level))
            .collect()
    }
}

impl OtlpHttpConfig {
    pub(super) fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            queue: self.queue.clone(),
            batch: self.batch.clone(),
            retry: self.retry.clone(),
            timeout: self.timeout.0,
            max_in_flight: count(self.max_in_flight),
            ..DeliverySettings::default()
        }
    }
}
