//! `load_balancing`: spreads data over several OTLP/gRPC servers, what belongs together to the same one.

mod backend;
mod config;
mod resolver;
mod router;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use config::{
    BackendConfig, DnsConfig, FileConfig, LoadBalancingConfig, ProtocolConfig, ResolverConfig, RoutingKey,
    StaticConfig,
};

use crate::otlp::{Opened, count};
use crate::otlp_grpc::{CONNECTION_BYTES, build_with};
use forebay_core::SignalSet;
use forebay_core::balanced::{Balanced, Connector, Member, Resolver};
use forebay_core::component::{ComponentError, Exporter, NodeContext};
use forebay_core::registry::{About, BalancedFactory, Bounds, ExporterDeclaration};
use forebay_core::settings::DeliverySettings;
use forebay_transport::client::{GrpcClient, Network, SystemNetwork};
use resolver::{Dns, Fixed, InFile};
use router::KeyRouter;
use std::sync::{Arc, OnceLock};

/// Makes `load_balancing` exporters.
#[derive(Debug)]
pub struct LoadBalancing;

impl BalancedFactory for LoadBalancing {
    type Config = LoadBalancingConfig;

    const ABOUT: About = About {
        kind: "load_balancing",
        summary: "Spreads traces, metrics and logs over several OTLP/gRPC servers, what belongs together to the same one.",
        details: "The way to a tier of gateways that sample whole traces, or that aggregate by series. Any OTLP/gRPC server will do; \
                  nothing is added to the data.\n\n\
                  The backend of a key is found by rendezvous hashing: every process that knows the same backends, by the same \
                  names, sends a key to the same one, and when one joins or leaves only its own share moves, 1 part in n. So write \
                  backends alike everywhere: `a:4317` and the address of `a` are two names.\n\n\
                  Each backend has a queue, a circuit breaker and requests under way of its own. When one leaves, or its circuit \
                  opens, what waits for it goes to the others at once, by their keys; a request that is under way there goes on, \
                  and is routed again if it fails. A request to one backend is never repeated because another one failed. A \
                  backend whose circuit is open is tried with a part of the data that is its own, after each wait of `retry`. While \
                  no backend is known, or all fail, data waits as it would before a single destination.\n\n\
                  A request that has to be split is acknowledged to its sender once all its parts are in their queues: a crash \
                  then loses it. One that goes to one backend as it is, is acknowledged when that backend has it. Senders that \
                  keep a trace, service or tenant in requests of its own get the second kind.\n\n\
                  Spans of a trace that is under way while backends change may reach two of them. A backend that joins gets its share \
                  of the traces at once.\n\n\
                  Unlike the Collector's exporter of this name, it does not repeat a whole request where one part of it failed, \
                  and what waits follows a change of backends.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &LoadBalancingConfig) -> ExporterDeclaration {
        // A name may stand for several addresses, and has a connection to each.
        let spread = match &config.resolver.fixed {
            Some(fixed) if !fixed.hostnames.iter().all(Backend::is_address) => GrpcClient::SPREAD as u64,
            _ => 1,
        };
        let connections = most(config) as u64 * config.protocol.otlp_grpc.connections.0.max(spread);
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: delivery(config),
            bounds: Bounds {
                items: 0,
                bytes: connections * CONNECTION_BYTES,
            },
            takes_custody: true,
        }
    }

    fn build(config: LoadBalancingConfig) -> Result<Balanced, ComponentError> {
        build_on(config, Arc::new(SystemNetwork))
    }
}

/// The exporter with names looked up on `network`: for tests that simulate one.
fn build_on(config: LoadBalancingConfig, network: Arc<dyn Network>) -> Result<Balanced, ComponentError> {
    let most = most(&config);
    let resolver = config.resolver.clone();
    let resolver: Box<dyn Resolver> = match (resolver.fixed, resolver.dns, resolver.file) {
        (Some(config), _, _) => Box::new(Fixed(config)),
        (_, Some(config), _) => Box::new(Dns {
            config,
            most,
            network,
        }),
        (_, _, Some(config)) => Box::new(InFile { config, most }),
        _ => return Err(ComponentError::new("there must be one resolver")),
    };
    let router = KeyRouter {
        key: config.routing_key,
        attributes: config.routing_attributes.clone(),
    };
    let opened = OnceLock::new();
    Ok(Balanced {
        router: Arc::new(router),
        resolver,
        connector: Box::new(Backends { config, opened }),
    })
}

fn most(config: &LoadBalancingConfig) -> usize {
    let listed = config.resolver.fixed.as_ref();
    listed.map_or(count(config.max_backends), |fixed| fixed.hostnames.len())
}

fn delivery(config: &LoadBalancingConfig) -> DeliverySettings {
    DeliverySettings {
        queue: config.queue.clone(),
        batch: config.batch.clone(),
        retry: config.retry.clone(),
        timeout: config.timeout.0,
        max_request_bytes: config.max_request_bytes.0,
        max_in_flight: count(config.max_in_flight),
        min_in_flight: count(config.min_in_flight),
        adaptive_concurrency: config.adaptive_concurrency,
        circuit_breaker: config.circuit_breaker.clone(),
        poison: config.poison.clone(),
    }
}

/// Reaches backends. Certificates and credentials are read once for all of them.
#[derive(Debug)]
struct Backends {
    config: LoadBalancingConfig,
    opened: OnceLock<Opened>,
}

impl Connector for Backends {
    fn start(&self, node: &NodeContext) -> Result<(), ComponentError> {
        let any = self.config.for_backend("backends").map_err(ComponentError::new)?;
        let opened = any.connect_keys(&any.endpoints()).open(node)?;
        self.opened
            .set(opened)
            .map_err(|_| ComponentError::new("the exporter is started already"))
    }

    fn connect(&self, member: &Member) -> Result<Box<dyn Exporter>, ComponentError> {
        let opened = self.opened.get().cloned();
        let opened = opened.ok_or_else(|| ComponentError::new("the exporter is not started"))?;
        let config = self
            .config
            .for_backend(&member.name)
            .map_err(ComponentError::new)?;
        build_with(config, opened)
    }
}
