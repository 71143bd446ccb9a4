//! The config of `otlp_grpc`.

use crate::otlp::{
    ConnectKeys, KeepaliveConfig, REQUEST_MAX, check_breaker, check_compression, check_headers, check_range,
    check_request_max, count,
};
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{
    BatchConfig, CircuitBreakerConfig, Compression, Count, CredentialsConfig, DeliverySettings, Period,
    PoisonConfig, QueueConfig, RetryConfig, Secret, Size, TlsClientConfig,
};
use forebay_transport::client::{DNS_REFRESH_INTERVAL, Endpoint, ProxyUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The port of OTLP/gRPC (OTLP specification, "OTLP/gRPC Default Port").
pub(crate) const DEFAULT_PORT: u16 = 4317;

/// Sends OTLP over gRPC.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpGrpcConfig {
    /// The destination: `https://HOST:PORT` (TLS; port 443 if it is left out), `http://HOST:PORT` (without TLS; port 4317 if it
    /// is left out), which can be written `dns:///HOST:PORT` too, or `unix:///PATH`.
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
    /// How many may still be under way when the destination is overloaded: 1 to `max_in_flight`.
    #[serde(default = "default_min_in_flight")]
    pub min_in_flight: Count,
    /// Whether fewer than `max_in_flight` requests are sent at once while the destination is overloaded: it fails in ways that
    /// another attempt may cure, or takes several times as long as it did. What queues up meanwhile goes in larger requests.
    #[serde(default = "default_adaptive")]
    pub adaptive_concurrency: bool,
    /// How many connections the requests share, in turn: 1 to 64. Where the destination's name has more addresses there is one
    /// for each of them, up to 16. More than one for an address helps where a load balancer spreads connections, not requests.
    #[serde(default = "default_connections")]
    pub connections: Count,
    /// TLS to an `https` endpoint: whom to trust, and what to show of oneself. Left out: the system's authorities are trusted.
    #[serde(default)]
    pub tls: Option<TlsClientConfig>,
    /// Who the exporter is to the destination: a bearer token, a user and password, or OAuth 2.0 client credentials. A token
    /// that was fetched and is refused is fetched anew once, and the request repeated.
    #[serde(default)]
    pub auth: Option<CredentialsConfig>,
    /// The proxy to go through: `http://HOST:PORT`, or `http://USER:PASSWORD@HOST:PORT`, which never prints. It is asked for a tunnel (`CONNECT`). Left out:
    /// as the environment says, in `HTTPS_PROXY` and `NO_PROXY` (or in lower case); this machine itself is
    /// never reached through a proxy then.
    #[serde(default)]
    pub proxy_url: Option<ProxyUrl>,
    /// How old the addresses of the endpoint's name may become: at least `1s`. Requests are spread over all of them; a change is
    /// followed within this time, and at once where a connection fails or ends.
    #[serde(default = "default_dns_refresh_interval")]
    pub dns_refresh_interval: Period,
    /// How HTTP/2 connections that lead nowhere are found.
    #[serde(default)]
    pub keepalive: KeepaliveConfig,
    /// The most payload bytes in one request, before compression, whatever `batch.max_bytes` says (OTLP specification, request size
    /// limit): more than 0. Larger ones are split; a single item that is larger is dropped and counted, and never sent.
    #[serde(default = "default_max_request_bytes")]
    pub max_request_bytes: Size,
    /// The queue before the destination.
    #[serde(default)]
    pub queue: QueueConfig,
    /// How requests are put together.
    #[serde(default)]
    pub batch: BatchConfig,
    /// What happens when an attempt fails.
    #[serde(default)]
    pub retry: RetryConfig,
    /// What happens when the destination keeps failing.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
    /// What happens when the destination blames the data of a request.
    #[serde(default)]
    pub poison: PoisonConfig,
}

fn default_timeout() -> Period {
    Period(Duration::from_secs(10))
}

fn default_in_flight() -> Count {
    Count(8)
}

fn default_min_in_flight() -> Count {
    Count(1)
}

fn default_adaptive() -> bool {
    true
}

fn default_connections() -> Count {
    Count(1)
}

fn default_dns_refresh_interval() -> Period {
    Period(DNS_REFRESH_INTERVAL)
}

fn default_max_request_bytes() -> Size {
    Size(REQUEST_MAX)
}

impl Config for OtlpGrpcConfig {
    fn check(&self) -> Vec<Problem> {
        let ranges = [
            check_range("min_in_flight", self.min_in_flight, self.max_in_flight.0.max(1)),
            check_breaker(&self.circuit_breaker),
            check_range("max_in_flight", self.max_in_flight, 1024),
            check_range("connections", self.connections, 64),
        ];
        let path = (!self.endpoint.path().is_empty()).then(|| Problem {
            path: vec!["endpoint".into()],
            message: format!("`{}`: a gRPC endpoint has no path", self.endpoint),
            help: Some("write host and port only, or use the exporter `otlp_http`".to_owned()),
        });
        ranges
            .into_iter()
            .flatten()
            .chain(path)
            .chain(check_headers(&self.headers))
            .chain(self.connect_keys(&self.endpoints()).check())
            .chain(check_request_max(self.max_request_bytes))
            .chain(check_compression(self.compression, self.compression_level))
            .collect()
    }
}

impl OtlpGrpcConfig {
    /// Where requests go to.
    pub(crate) fn endpoints(&self) -> [&Endpoint; 1] {
        [&self.endpoint]
    }

    /// The keys for connections to `endpoints`.
    pub(crate) fn connect_keys<'a>(&'a self, endpoints: &'a [&'a Endpoint]) -> ConnectKeys<'a> {
        ConnectKeys {
            endpoints,
            headers: &self.headers,
            tls: self.tls.as_ref(),
            auth: self.auth.as_ref(),
            proxy_url: self.proxy_url.as_ref(),
            dns_refresh_interval: self.dns_refresh_interval,
            keepalive: self.keepalive,
        }
    }

    pub(crate) fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            queue: self.queue.clone(),
            batch: self.batch.clone(),
            retry: self.retry.clone(),
            timeout: self.timeout.0,
            max_request_bytes: self.max_request_bytes.0,
            max_in_flight: count(self.max_in_flight),
            min_in_flight: count(self.min_in_flight),
            adaptive_concurrency: self.adaptive_concurrency,
            circuit_breaker: self.circuit_breaker.clone(),
            poison: self.poison.clone(),
        }
    }
}
