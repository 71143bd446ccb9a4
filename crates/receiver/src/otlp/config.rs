//! What the user writes.

use forebay_core::Acknowledge;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Count, Size};
use forebay_transport::server::LimitsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes OTLP over gRPC and HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// The gRPC server: HTTP/2 without TLS.
    pub grpc: GrpcConfig,
    /// The HTTP server: HTTP/1.1, and HTTP/2 without TLS for clients that start with it.
    pub http: HttpConfig,
    /// The most bytes of one request, on the wire and when decompressed. A larger one is refused for good:
    /// RESOURCE_EXHAUSTED or 413. Less than `4GiB`, as the length of a gRPC message has 32 bits.
    pub max_request_bytes: Size,
    /// When senders are told that all is well.
    pub acknowledge: Acknowledge,
    /// How closely requests are looked at before they are taken.
    pub validation: Validation,
    /// The most connections at once, of each server. More are closed as they come. At least 1.
    pub max_connections: Count,
    /// The most requests at once on one HTTP/2 connection; clients wait by themselves. At least 1.
    pub max_concurrent_streams: Count,
}

/// The gRPC server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// The address and port to listen on.
    pub listen: Address,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// The address and port to listen on.
    pub listen: Address,
}

/// How closely requests are looked at before they are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// All of it: one malformed item cannot spoil the batch that it is sent on with.
    #[default]
    Deep,
    /// The envelopes only, for senders that have validated already, such as another Forebay.
    Shallow,
}

/// `host:port`, `1.2.3.4:port` or `[v6]:port`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Address(String);

impl Address {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Address(text)),
            _ => Err(format!(
                "`{text}` is not an address to listen on: write host and port, such as \"0.0.0.0:4317\""
            )),
        }
    }
}

impl Default for GrpcConfig {
    fn default() -> Self {
        GrpcConfig {
            enabled: true,
            listen: Address("127.0.0.1:4317".into()),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            enabled: true,
            listen: Address("127.0.0.1:4318".into()),
        }
    }
}

impl Default for OtlpConfig {
    fn default() -> Self {
        OtlpConfig {
            grpc: GrpcConfig::default(),
            http: HttpConfig::default(),
            max_request_bytes: Size(64 << 20),
            acknowledge: Acknowledge::default(),
            validation: Validation::default(),
            max_connections: Count(4096),
            max_concurrent_streams: Count(128),
        }
    }
}

impl OtlpConfig {
    /// What clients may take of each server.
    pub(super) fn limits(&self) -> LimitsConfig {
        LimitsConfig {
            max_connections: self.max_connections,
            max_concurrent_streams: self.max_concurrent_streams,
            ..LimitsConfig::default()
        }
    }
}

impl Config for OtlpConfig {
    fn check(&self) -> Vec<Problem> {
        let bounded = |key, value: u64, most: u64| {
            let wrong = value == 0 || value > most;
            wrong.then(|| Problem {
                path: vec![key],
                message: format!("`{key}` must be between 1 and {most}"),
                help: None,
            })
        };
        let most = u64::from(u32::MAX);
        let no_server = (!self.grpc.enabled && !self.http.enabled).then(|| Problem {
            path: vec!["http", "enabled"],
            message: "both servers are off".into(),
            help: Some("enable `grpc` or `http`, or remove the receiver".into()),
        });
        [
            bounded("max_request_bytes", self.max_request_bytes.0, most),
            bounded("max_connections", self.max_connections.0, 1 << 20),
            bounded("max_concurrent_streams", self.max_concurrent_streams.0, 1 << 16),
            no_server,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
