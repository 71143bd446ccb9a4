//! The config of `load_balancing`.

use super::backend::Backend;
use crate::otlp::{
    KeepaliveConfig, REQUEST_MAX, check_breaker, check_compression, check_headers, check_range,
    check_request_max,
};
use crate::otlp_grpc::OtlpGrpcConfig;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{
    BatchConfig, CircuitBreakerConfig, Compression, Count, CredentialsConfig, Period, PoisonConfig,
    QueueConfig, RetryConfig, Secret, Size, TlsClientConfig,
};
use forebay_transport::client::{DNS_REFRESH_INTERVAL, Endpoint, ProxyUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The most backends that there may be.
const BACKENDS_MAX: u64 = 256;
/// Names are not looked up more often than this.
const LOOKUP_LEAST: Duration = Duration::from_secs(1);
/// Files are not looked at more often than this.
const LOOK_LEAST: Duration = Duration::from_millis(100);

/// Spreads data over several OTLP/gRPC servers by a key.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancingConfig {
    /// What has the same of this goes to the same backend.
    #[serde(default)]
    pub routing_key: RoutingKey,
    /// With `routing_key = "attributes"`: the names of the attributes whose values are the key, all together. Each is looked for in
    /// the item (span, log record, data point) first, then in its scope, then in its resource.
    #[serde(default)]
    pub routing_attributes: Vec<String>,
    /// Who the backends are: one of `static`, `dns` and `file`.
    pub resolver: ResolverConfig,
    /// How backends are reached.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// The most backends that are used, where they are not listed in the config: 1 to 256. Further ones, in the order of their
    /// names, are left out, and the node's health says so.
    #[serde(default = "default_max_backends")]
    pub max_backends: Count,
    /// The longest that one attempt may take, connecting included; the server is told as `grpc-timeout`. `0s`: no limit.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How many requests may be under way to one backend at once: 1 to 1024.
    #[serde(default = "default_in_flight")]
    pub max_in_flight: Count,
    /// How many may still be under way to one that is overloaded: 1 to `max_in_flight`.
    #[serde(default = "default_min_in_flight")]
    pub min_in_flight: Count,
    /// Whether fewer than `max_in_flight` requests are sent at once to a backend while it is overloaded.
    #[serde(default = "default_adaptive")]
    pub adaptive_concurrency: bool,
    /// The most payload bytes in one request, before compression: more than 0. Larger ones are split; a single item that is larger is
    /// dropped and counted.
    #[serde(default = "default_max_request_bytes")]
    pub max_request_bytes: Size,
    /// The queues before the backends: the bounds are on all of them together, and each may use an equal share for what comes in.
    #[serde(default)]
    pub queue: QueueConfig,
    /// How requests to one backend are put together.
    #[serde(default)]
    pub batch: BatchConfig,
    /// What happens when an attempt fails.
    #[serde(default)]
    pub retry: RetryConfig,
    /// When a backend counts as failing: what is for it goes to the others then, until it answers again. If it is not enabled,
    /// data waits for a backend that fails.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
    /// What happens when a backend blames the data of a request.
    #[serde(default)]
    pub poison: PoisonConfig,
}

/// What has the same of this goes to the same backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RoutingKey {
    /// The trace. Log records without a trace are spread by their content; data points go by `service`.
    #[default]
    #[serde(rename = "traceID", alias = "trace_id")]
    TraceId,
    /// The resource's `service.name`. What has none goes by `resource`.
    #[serde(rename = "service")]
    Service,
    /// The resource's attributes, in any order.
    #[serde(rename = "resource")]
    Resource,
    /// The values of `routing_attributes`. What has none of them goes to one backend.
    #[serde(rename = "attributes")]
    Attributes,
    /// The name of the metric. Spans and log records go by `service`.
    #[serde(rename = "metric")]
    Metric,
}

/// Who the backends are. One of these.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolverConfig {
    /// A list in the config.
    #[serde(default, rename = "static")]
    pub fixed: Option<StaticConfig>,
    /// All addresses of a name.
    #[serde(default)]
    pub dns: Option<DnsConfig>,
    /// A list in a file.
    #[serde(default)]
    pub file: Option<FileConfig>,
}

/// A list of backends.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticConfig {
    /// The backends, each `HOST:PORT` or `HOST` (port 4317): 1 to 256. A host that stands for several machines belongs into
    /// `dns.hostname`: here it is one backend.
    pub hostnames: Vec<Backend>,
}

/// All addresses of a name are backends, where it has addresses of both families those of IPv4. A lookup that fails or finds none changes nothing, and the node's health says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// The name, such as that of a headless service in Kubernetes. Under TLS it is what certificates must be for.
    pub hostname: String,
    /// The port of each address.
    #[serde(default = "default_port")]
    pub port: u16,
    /// How long it is from lookup to lookup: at least `1s`.
    #[serde(default = "default_interval")]
    pub interval: Period,
    /// The longest that one lookup may take: more than `0s`.
    #[serde(default = "default_lookup_timeout")]
    pub timeout: Period,
}

/// A file with one backend on each line (empty lines, and what follows a `#`, mean nothing), or with a JSON list of them. A content
/// that cannot be read, or has no backend, changes nothing, and the node's health says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file, of at most `1MiB`. It must be there at start.
    pub path: PathBuf,
    /// How often it is looked at for changes: at least `100ms`.
    #[serde(default = "default_interval")]
    pub interval: Period,
}

/// How backends are reached.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProtocolConfig {
    /// By OTLP/gRPC.
    pub otlp_grpc: BackendConfig,
}

/// How each backend is reached. All of them share certificates and credentials.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackendConfig {
    /// Headers (metadata) sent with every request. Values never print.
    pub headers: BTreeMap<String, Secret>,
    /// How requests are compressed: `none`, `gzip` or `zstd`.
    pub compression: Compression,
    /// How hard to compress: 1 (fast, the default) to 9 for gzip, to 19 for zstd.
    pub compression_level: Option<Count>,
    /// How many connections the requests to one backend share: 1 to 64.
    pub connections: Count,
    /// TLS, if this table is there, also where it is empty: whom to trust, and what to show of oneself. Left out: without TLS.
    pub tls: Option<TlsClientConfig>,
    /// Who the exporter is to the backends.
    pub auth: Option<CredentialsConfig>,
    /// The proxy to go through. Left out: as the environment says.
    pub proxy_url: Option<ProxyUrl>,
    /// How HTTP/2 connections that lead nowhere are found.
    pub keepalive: KeepaliveConfig,
}

impl Default for BackendConfig {
    fn default() -> Self {
        BackendConfig {
            headers: BTreeMap::new(),
            compression: Compression::None,
            compression_level: None,
            connections: Count(1),
            tls: None,
            auth: None,
            proxy_url: None,
            keepalive: KeepaliveConfig::default(),
        }
    }
}

fn default_max_backends() -> Count {
    Count(64)
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

fn default_max_request_bytes() -> Size {
    Size(REQUEST_MAX)
}

fn default_port() -> u16 {
    crate::otlp_grpc::config::DEFAULT_PORT
}

fn default_interval() -> Period {
    Period(Duration::from_secs(5))
}

fn default_lookup_timeout() -> Period {
    Period(Duration::from_secs(1))
}

impl Config for LoadBalancingConfig {
    fn check(&self) -> Vec<Problem> {
        let ranges = [
            check_range("max_backends", self.max_backends, BACKENDS_MAX),
            check_range("max_in_flight", self.max_in_flight, 1024),
            check_range("min_in_flight", self.min_in_flight, self.max_in_flight.0.max(1)),
            check_breaker(&self.circuit_breaker),
            check_request_max(self.max_request_bytes),
            self.check_attributes(),
        ];
        let found = ranges.into_iter().flatten();
        found
            .chain(self.resolver.check())
            .chain(self.check_protocol())
            .collect()
    }
}

impl LoadBalancingConfig {
    fn check_attributes(&self) -> Option<Problem> {
        let wanted = self.routing_key == RoutingKey::Attributes;
        let (path, message, help) = match (wanted, self.routing_attributes.is_empty()) {
            (true, true) => (
                "routing_key",
                "there are no attributes to route by",
                "name them: `routing_attributes = [\"tenant\"]`",
            ),
            (false, false) => (
                "routing_attributes",
                "`routing_attributes` has no effect with this `routing_key`",
                "set `routing_key = \"attributes\"`, or remove it",
            ),
            _ => return None,
        };
        Some(problem(&[path], message, help))
    }

    fn check_protocol(&self) -> Vec<Problem> {
        let protocol = &self.protocol.otlp_grpc;
        let mut found: Vec<Problem> = check_headers(&protocol.headers).into_iter().collect();
        found.extend(check_compression(
            protocol.compression,
            protocol.compression_level,
        ));
        found.extend(check_range("connections", protocol.connections, 64));
        if let Ok(any) = self.for_backend("backend:4317") {
            found.extend(any.connect_keys(&any.endpoints()).check());
        }
        for problem in &mut found {
            problem.path.splice(..0, ["protocol".into(), "otlp_grpc".into()]);
        }
        found
    }

    /// The config of the exporter for one backend.
    pub(super) fn for_backend(&self, name: &str) -> Result<OtlpGrpcConfig, String> {
        let protocol = self.protocol.otlp_grpc.clone();
        let scheme = if protocol.tls.is_some() { "https" } else { "http" };
        let endpoint: Endpoint = format!("{scheme}://{name}").parse()?;
        let mut tls = protocol.tls;
        if let (Some(tls), Some(dns)) = (&mut tls, &self.resolver.dns) {
            tls.server_name_override
                .get_or_insert_with(|| dns.hostname.clone());
        }
        Ok(OtlpGrpcConfig {
            endpoint,
            headers: protocol.headers,
            compression: protocol.compression,
            compression_level: protocol.compression_level,
            timeout: self.timeout,
            max_in_flight: self.max_in_flight,
            min_in_flight: self.min_in_flight,
            adaptive_concurrency: self.adaptive_concurrency,
            connections: protocol.connections,
            tls,
            auth: protocol.auth,
            proxy_url: protocol.proxy_url,
            dns_refresh_interval: Period(DNS_REFRESH_INTERVAL),
            keepalive: protocol.keepalive,
            max_request_bytes: self.max_request_bytes,
            queue: self.queue.clone(),
            batch: self.batch.clone(),
            retry: self.retry.clone(),
            circuit_breaker: self.circuit_breaker.clone(),
            poison: self.poison.clone(),
        })
    }
}

impl ResolverConfig {
    fn check(&self) -> Option<Problem> {
        let given = [self.fixed.is_some(), self.dns.is_some(), self.file.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let help = "write one of the tables `resolver.static`, `resolver.dns` and `resolver.file`";
            return Some(problem(&["resolver"], "there must be one resolver", help));
        }
        let fixed = self.fixed.as_ref().and_then(StaticConfig::check);
        let dns = || self.dns.as_ref().and_then(DnsConfig::check);
        let file = || self.file.as_ref().and_then(FileConfig::check);
        fixed.or_else(dns).or_else(file)
    }
}

impl StaticConfig {
    fn check(&self) -> Option<Problem> {
        let path = ["resolver", "static", "hostnames"];
        if self.hostnames.is_empty() {
            return Some(problem(
                &path,
                "there is no backend",
                "name at least one `HOST:PORT`",
            ));
        }
        let too_many = self.hostnames.len() as u64 > BACKENDS_MAX;
        too_many.then(|| problem(&path, "these are too many backends", "name at most 256"))
    }
}

impl DnsConfig {
    fn check(&self) -> Option<Problem> {
        let wrong = |key, message: &str, help: &str| Some(problem(&["resolver", "dns", key], message, help));
        if format!("{}:1", self.hostname).parse::<Backend>().is_err() || self.hostname.is_empty() {
            let help = "write the name alone, such as \"gateways.observability.svc\"";
            return wrong("hostname", &format!("`{}` is not a name", self.hostname), help);
        }
        if self.port == 0 {
            return wrong(
                "port",
                "the port must be between 1 and 65535",
                "use the port of OTLP/gRPC, 4317",
            );
        }
        if self.interval.0 < LOOKUP_LEAST {
            return wrong(
                "interval",
                "names are not looked up that often",
                "use at least 1s",
            );
        }
        let zero = self.timeout.0.is_zero();
        zero.then(|| {
            wrong(
                "timeout",
                "no lookup is that fast",
                "use more than 0s, such as \"1s\"",
            )
        })
        .flatten()
    }
}

impl FileConfig {
    fn check(&self) -> Option<Problem> {
        let path = ["resolver", "file", "interval"];
        let often = self.interval.0 < LOOK_LEAST;
        often.then(|| problem(&path, "files are not looked at that often", "use at least 100ms"))
    }
}

fn problem(path: &[&'static str], message: &str, help: &str) -> Problem {
    Problem {
        path: path.iter().map(|&key| key.into()).collect(),
        message: message.to_owned(),
        help: Some(help.to_owned()),
    }
}
