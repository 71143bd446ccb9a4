//! What the user writes.

mod address;
mod http;

pub use address::Address;
pub use http::{CorsConfig, HttpConfig};

use forebay_core::Acknowledge;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{AuthConfig, Size, TlsServerConfig};
use forebay_transport::server::LimitsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes OTLP over gRPC and HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// The gRPC server.
    pub grpc: GrpcConfig,
    /// The HTTP server: HTTP/1.1 and HTTP/2, without TLS for clients that begin with HTTP/2's preface.
    pub http: HttpConfig,
    /// Who may send, to both servers. Left out: everybody who can connect. The health service answers everybody.
    pub auth: Option<AuthConfig>,
    /// What clients may take of each server: connections, time, streams.
    pub limits: LimitsConfig,
    /// The most bytes of one request, on the wire and when decompressed. A larger one is refused for good:
    /// RESOURCE_EXHAUSTED or 413. Less than `4GiB`, as the length of a gRPC message has 32 bits.
    pub max_request_bytes: Size,
    /// When senders are told that all is well.
    pub acknowledge: Acknowledge,
    /// How closely requests are looked at before they are taken.
    pub validation: Validation,
}

/// The gRPC server: HTTP/2.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// The address and port to listen on, or `unix:///path` for a unix socket.
    pub listen: Address,
    /// TLS. Left out: none; whoever can listen on the way can read all data and credentials.
    pub tls: Option<TlsServerConfig>,
    /// Whether the health service `grpc.health.v1.Health` is served, for probes and load balancers.
    pub health: bool,
    /// Whether the reflection services `grpc.reflection.v1` and `v1alpha` are served, for tools such as grpcurl.
    pub reflection: bool,
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

impl Default for GrpcConfig {
    fn default() -> Self {
        GrpcConfig {
            enabled: true,
            listen: Address::local(4317),
            tls: None,
            health: true,
            reflection: false,
        }
    }
}

impl Default for OtlpConfig {
    fn default() -> Self {
        OtlpConfig {
            grpc: GrpcConfig::default(),
            http: HttpConfig::default(),
            auth: None,
            limits: LimitsConfig::default(),
            max_request_bytes: Size(64 << 20),
            acknowledge: Acknowledge::default(),
            validation: Validation::default(),
        }
    }
}

impl OtlpConfig {
    /// Whether a server that is on asks its clients for certificates.
    fn asks_for_certificates(&self) -> bool {
        let asks = |enabled: bool, tls: &Option<TlsServerConfig>| {
            enabled && tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some())
        };
        asks(self.grpc.enabled, &self.grpc.tls) || asks(self.http.enabled, &self.http.tls)
    }
}

impl Config for OtlpConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.limits.check();
        let most = u64::from(u32::MAX);
        if self.max_request_bytes.0 == 0 || self.max_request_bytes.0 > most {
            let words = format!("`max_request_bytes` must be between 1 and {most}");
            found.push(problem(&["max_request_bytes"], words, None));
        }
        if !self.grpc.enabled && !self.http.enabled {
            let help = "enable `grpc` or `http`, or remove the receiver";
            found.push(problem(
                &["http", "enabled"],
                "both servers are off".into(),
                Some(help),
            ));
        }
        found.extend(self.grpc.tls.iter().flat_map(|tls| tls.check(&["grpc", "tls"])));
        found.extend(self.http.check());
        let certificates = self.asks_for_certificates();
        found.extend(
            self.auth
                .iter()
                .flat_map(|auth| auth.check(&["auth"], certificates)),
        );
        found
    }
}

fn problem(path: &[&'static str], message: String, help: Option<&str>) -> Problem {
    Problem {
        path: path.iter().map(|&key| key.into()).collect(),
        message,
        help: help.map(Into::into),
    }
}
