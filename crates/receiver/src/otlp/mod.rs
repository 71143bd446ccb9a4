//! Takes OTLP, version 1, over gRPC and HTTP: traces, metrics and logs.
//!
//! The bytes that come in are the bytes that go on: a request is checked and counted where it stands, and never decoded.
//! JSON is converted to protobuf at the door.
//!
//! What a sender is told:
//!
//! | what happened | gRPC | HTTP |
//! |---|---|---|
//! | taken (see `acknowledge`), or empty | OK | 200 |
//! | taken, and the destination rejected some items | OK, `partial_success` | 200, `partial_success` |
//! | no room in the memory budget, or draining | UNAVAILABLE, `RetryInfo` | 503, `Retry-After` |
//! | larger than `max_request_bytes` | RESOURCE_EXHAUSTED | 413 |
//! | malformed | INVALID_ARGUMENT, `BadRequest` | 400 |
//! | no pipeline takes the signal | UNIMPLEMENTED | 404 |
//! | unknown compression | UNIMPLEMENTED | 415 |
//! | the destination failed, and may recover | UNAVAILABLE, `RetryInfo` | 503, `Retry-After` |
//! | the destination refused it for good | INTERNAL | 500 |
//! | the same, and blamed the data | INVALID_ARGUMENT | 400 |
//! | the same, and blamed its size | RESOURCE_EXHAUSTED | 413 |
//!
//! Sources: OTLP specification, sections "OTLP/gRPC" and "OTLP/HTTP"; the Collector's `otlpreceiver` for the last two.

mod answer;
mod config;
mod door;
mod flawed;
mod grpc;
mod http;
mod log;
mod pass;
#[cfg(test)]
mod tests;

pub use config::{Address, GrpcConfig, HttpConfig, OtlpConfig, Validation};

use door::Door;
use forebay_core::component::{ListenAddress, Receiver, ReceiverContext};
use forebay_core::registry::{About, Bounds, ReceiverDeclaration, ReceiverFactory};
use forebay_core::{ComponentError, SignalSet};
use forebay_transport::server::{Listener, Protocol, ServerSettings};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Makes `otlp` receivers.
#[derive(Debug)]
pub struct OtlpFactory;

impl ReceiverFactory for OtlpFactory {
    type Config = OtlpConfig;

    const ABOUT: About = About {
        kind: "otlp",
        summary: "Takes OTLP over gRPC and HTTP.",
        details: DETAILS,
        example: include_str!("example.toml"),
    };

    fn declare(config: &OtlpConfig) -> ReceiverDeclaration {
        ReceiverDeclaration {
            signals: SignalSet::ALL,
            acknowledge: config.acknowledge,
            // Bodies and windows are leased; codecs and sockets are what the budget's headroom is for.
            bounds: Bounds::default(),
        }
    }

    fn build(config: OtlpConfig) -> Result<Box<dyn Receiver>, ComponentError> {
        Ok(Box::new(Otlp {
            config,
            grpc: None,
            http: None,
        }))
    }
}

const DETAILS: &str = "\
Both servers are on unless `enabled = false`. They listen on the local machine only until `listen` says otherwise, and \
speak plain text.

- gRPC: the services of `opentelemetry.proto.collector.*.v1`, compression gzip, zstd or deflate.
- HTTP: POST to `/v1/traces`, `/v1/metrics` and `/v1/logs`, as `application/x-protobuf` or `application/json`, \
  `Content-Encoding` gzip, zstd or deflate, HTTP/1.1 or HTTP/2.

A request's memory is leased from the budget before its body is read. Where there is no room, the sender is told to try \
again later, and nothing is lost. With `acknowledge = \"delivered\"`, the default, a sender is told that all is well once \
every destination has its data, or a stage that holds data has taken it on.

Dropped is nothing here: what is refused, its sender still has.";

struct Otlp {
    config: OtlpConfig,
    grpc: Option<Listener>,
    http: Option<Listener>,
}

impl Receiver for Otlp {
    fn bind(&mut self) -> Result<Vec<ListenAddress>, ComponentError> {
        let OtlpConfig { grpc, http, .. } = &self.config;
        self.grpc = bind("gRPC", grpc.enabled, &grpc.listen)?;
        self.http = bind("HTTP", http.enabled, &http.listen)?;
        let listeners = self.grpc.iter().chain(&self.http);
        listeners
            .map(|listener| listener.local_addr().map_err(ComponentError::new))
            .collect()
    }

    fn run(self: Box<Self>, context: ReceiverContext) -> BoxFuture<'static, Result<(), ComponentError>> {
        Box::pin(async move {
            let Otlp { config, grpc, http } = *self;
            let node = context.node.clone();
            let door = Arc::new(Door::new(context, &config));
            let settings = |protocol| ServerSettings {
                protocol,
                limits: config.limits(),
                tls: None,
            };
            let grpc = async {
                match grpc {
                    Some(listener) => {
                        let service = Arc::new(grpc::Grpc::new(Arc::clone(&door)));
                        listener
                            .serve(service, node.clone(), settings(Protocol::Http2))
                            .await
                    }
                    None => Ok(()),
                }
            };
            let http = async {
                match http {
                    Some(listener) => {
                        let service = Arc::new(http::Http::new(Arc::clone(&door)));
                        listener
                            .serve(service, node.clone(), settings(Protocol::Any))
                            .await
                    }
                    None => Ok(()),
                }
            };
            node.health.working();
            let (grpc, http) = futures_util::future::join(grpc, http).await;
            grpc.and(http).map_err(ComponentError::new)
        })
    }
}

fn bind(protocol: &str, enabled: bool, listen: &Address) -> Result<Option<Listener>, ComponentError> {
    if !enabled {
        return Ok(None);
    }
    let address = listen.as_str();
    let bound = Listener::bind(address);
    let failed = |error| ComponentError::new(format!("cannot listen on {address} for {protocol}: {error}"));
    bound.map(Some).map_err(failed)
}
