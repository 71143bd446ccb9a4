//! The config of `otlp_http`.

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

/// The port of OTLP/HTTP (OTLP specification, "OTLP/HTTP Default Port").
pub(super) const DEFAULT_PORT: u16 = 4318;

/// Sends OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpHttpConfig {
    /// The destination: `https://HOST:PORT/BASE` (TLS; port 443 if it is left out), `http://HOST:PORT/BASE` (without TLS; port
    /// 4318 if it is left out) or `unix:///PATH`. `/v1/traces`, `/v1/metrics` and `/v1/logs` are added to it.
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
    /// How many may still be under way when the destination is overloaded: 1 to `max_in_flight`.
    #[serde(default = "default_min_in_flight")]
    pub min_in_flight: Count,
    /// Whether fewer than `max_in_flight` requests are sent at once while the destination is overloaded: it fails in ways that
    /// another attempt may cure, or takes several times as long as it did. What queues up meanwhile goes in larger requests.
    #[serde(default = "default_adaptive")]
    pub adaptive_concurrency: bool,
    /// How many HTTP/1.1 connections are kept open between requests: 1 to 64. Each request under way has one of its own. With
    /// HTTP/2 (which the server may choose under TLS) requests share one for each address of the destination's name, up to 16.
    #[serde(default = "default_connections")]
    pub connections: Count,
    /// TLS to an `https` endpoint: whom to trust, and what to show of oneself. Left out: the system's authorities are trusted.
    #[serde(default)]
    pub tls: Option<TlsClientConfig>,
    /// Who the exporter is to the destination: a bearer token, a user and password, or OAuth 2.0 client credentials. A token
    /// that was fetched and is refused is fetched anew once, and the request repeated.
    #[serde(default)]
    pub auth: Option<CredentialsConfig>,
    /// The proxy to go through: `http://HOST:PORT`, or `http://USER:PASSWORD@HOST:PORT`, which never prints. Requests to `https` endpoints go
    /// through a tunnel (`CONNECT`). Left out:
    /// as the environment says, in `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or in lower case); this machine itself is
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

fn default_min_in_flight() -> Count {
    Count(1)
}

fn default_adaptive() -> bool {
    true
}

fn default_connections() -> Count {
    Count(8)
}

fn default_dns_refresh_interval() -> Period {
    Period(DNS_REFRESH_INTERVAL)
}

fn default_max_request_bytes() -> Size {
    Size(REQUEST_MAX)
}

impl Config for OtlpHttpConfig {
    fn check(&self) -> Vec<Problem> {
        let ranges = [
            check_range("min_in_flight", self.min_in_flight, self.max_in_flight.0.max(1)),
            check_breaker(&self.circuit_breaker),
            check_range("max_in_flight", self.max_in_flight, 1024),
            check_range("connections", self.connections, 64),
        ];
        ranges
            .into_iter()
            .flatten()
            .chain(check_headers(&self.headers))
            .chain(self.connect_keys(&self.endpoints()).check())
            .chain(check_request_max(self.max_request_bytes))
            .chain(check_compression(self.compression, self.compression_level))
            .collect()
    }
}

impl OtlpHttpConfig {
    /// Where requests go to.
    pub(super) fn endpoints(&self) -> Vec<&Endpoint> {
        let own = [&self.traces_endpoint, &self.metrics_endpoint, &self.logs_endpoint];
        let base = own.iter().any(|own| own.is_none()).then_some(&self.endpoint);
        own.into_iter().flatten().chain(base).collect()
    }

    /// The keys for connections to `endpoints`.
    pub(super) fn connect_keys<'a>(&'a self, endpoints: &'a [&'a Endpoint]) -> ConnectKeys<'a> {
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

    pub(super) fn delivery(&self) -> DeliverySettings {
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
