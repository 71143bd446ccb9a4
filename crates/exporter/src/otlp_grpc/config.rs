//! The config of `otlp_grpc`.

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

/// The port of OTLP/gRPC (OTLP specification, "OTLP/gRPC Default Port").
pub(super) const DEFAULT_PORT: u16 = 4317;

/// Sends OTLP over gRPC.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpGrpcConfig {
    /// The destination: `http://HOST:PORT` (port 4317 if it is left out) or `unix:///PATH`. Without TLS: `https` is
    /// refused.
    pub endpoint: Endpoint,
    /// Headers (metadata) sent with every request, such as `authorization`. Values never print.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How requests are compressed: `none`, `gzip` or `zstd`. Compressing costs more than everything else that happens to
    /// the data, so it is off until the network is what is scarce.
    #[serde(default)]
    pub compression: Compression,
    /// How hard to compress: 1 (fast, the default) to 9 for gzip, to 19 for zstd.
    #[serde(default)]
    pub compression_level: Option<Count>,
    /// The longest that one attempt may take, connecting included; the server is told as `grpc-timeout`. `0s`: no limit.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How many requests may be under way at once: 1 to 1024.
    #[serde(default = "default_in_flight")]
    pub max_in_flight: Count,
    /// How many connections the requests share, in turn: 1 to 64. More than one helps where a load balancer spreads
    /// connections, not requests.
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

fn default_timeout() -> Period {
    Period(Duration::from_secs(10))
}

fn default_in_flight() -> Count {
    Count(8)
}

fn default_connections() -> Count {
    Count(1)
}

impl Config for OtlpGrpcConfig {
    fn check(&self) -> Vec<Problem> {
        let ranges = [
            check_range("max_in_flight", self.max_in_flight, 1024),
            check_range("connections", self.connections, 64),
        ];
        let path = (!self.endpoint.path().is_empty()).then(|| Problem {
            path: vec!["endpoint"],
            message: format!("`{}`: a gRPC endpoint has no path", self.endpoint),
            help: Some("write host and port only, or use the exporter `otlp_http`".to_owned()),
        });
        ranges
            .into_iter()
            .flatten()
            .chain(path)
            .chain(check_headers(&self.headers))
            .chain(check_compression(self.compression, self.compression_level))
            .collect()
    }
}

impl OtlpGrpcConfig {
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
