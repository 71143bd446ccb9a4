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
//! | taken, but for items with invalid ids or that the destination rejected | OK, `partial_success` | 200, `partial_success` |
//! | no room in the memory budget, or draining | UNAVAILABLE, `RetryInfo` | 503, `Retry-After` |
//! | larger than `max_request_bytes`, or than the memory budget | RESOURCE_EXHAUSTED | 413 |
//! | malformed, or without a single valid item | INVALID_ARGUMENT, `BadRequest` | 400 |
//! | not in time | DEADLINE_EXCEEDED | 408 |
//! | of a sender that has not proved who it is | UNAUTHENTICATED | 401, `WWW-Authenticate` |
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
mod cors;
mod door;
mod flawed;
mod grpc;
mod health;
mod http;
mod log;
mod pass;
mod reflection;
mod start;
#[cfg(test)]
mod tests;
mod wire;

pub use config::{Address, CorsConfig, GrpcConfig, HttpConfig, OtlpConfig, Validation};

use forebay_core::component::Receiver;
use forebay_core::registry::{About, Bounds, ReceiverDeclaration, ReceiverFactory};
use forebay_core::{ComponentError, SignalSet};
use start::Otlp;

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
        Ok(Box::new(Otlp::new(config)))
    }
}

const DETAILS: &str = "\
Both servers are on unless `enabled = false`. They listen on the local machine only until `listen` says otherwise. Without \
`tls` they speak plain text, and without `auth` they take from everybody who can connect: a server that others can reach \
and that has no TLS says so at start.

- gRPC: the services of `opentelemetry.proto.collector.*.v1`, compression gzip, zstd or deflate. Health \
  (`grpc.health.v1`), and reflection where `grpc.reflection = true`.
- HTTP: POST to `/v1/traces`, `/v1/metrics` and `/v1/logs`, as `application/x-protobuf` or `application/json`, \
  `Content-Encoding` gzip, zstd or deflate, HTTP/1.1 or HTTP/2. Calls of gRPC over HTTP/2 are served on this port, too. \
  `cors` lets web pages send.

A request's memory is leased from the budget before its body is read. Where there is no room, the sender is told to try \
again later, and nothing is lost; one that could never have room is told so for good. With `acknowledge = \"delivered\"`, the \
default, a sender is told that all is well once every destination has its data, or a stage that holds data has taken it on.

An item with an id of a wrong length, or a span without a valid trace id and span id, is refused alone: the rest of its \
request is taken, and the sender is told (`partial_success`). Anything else that breaks a rule refuses the request.

Dropped is nothing here: what is refused, its sender still has.";
