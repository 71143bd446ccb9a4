//! Realistic OTLP requests: semantic-convention attributes, about 456 bytes per span with 10 attributes, and log records
//! and metric data points to match.
//!
//! A request is built once with prost. With sequences wanted, a [`Template`] keeps the places of the identities (see
//! [`crate::identity`]) in the encoded bytes, so that a further request costs one copy and the patches. A [`TraceStream`] does the same for traces that
//! never repeat, as tail sampling needs them, a [`SeriesStream`] for metrics of a given number of series.

mod attributes;
mod json;
mod logs;
mod metrics;
mod offsets;
mod series;
mod series_shape;
mod shape;
mod stream;
mod template;
mod traces;

pub use series::SeriesStream;
pub use series_shape::{Kind, SeriesShape, Temporality};
pub use shape::{Root, TraceShape};
pub use stream::TraceStream;
pub use template::Template;

use crate::identity::Identity;
use forebay_otlp::Signal;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

/// How many items share a resource, so that a large request looks like what a collector has batched.
const ITEMS_PER_RESOURCE: usize = 250;

/// The most items in one request.
pub const ITEMS_MAX: usize = 65_535;

/// Where the identities of a request's items start; their numbers are consecutive.
#[derive(Clone, Copy, Debug)]
pub struct Identities {
    /// The generator.
    pub generator: u16,
    /// The number of the request's first item.
    pub first: u64,
}

impl Identities {
    fn bits(&self, index: usize) -> u64 {
        Identity {
            generator: self.generator,
            number: self.first + index as u64,
        }
        .encode()
    }
}

/// A request that is not encoded yet.
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Metric data points.
    Metrics(ExportMetricsServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

impl Request {
    /// Builds a request of `items` items. The same seed gives the same request; without `identities` the ids are random.
    pub fn new(signal: Signal, items: usize, seed: u64, identities: Option<Identities>) -> Request {
        let builder = Builder {
            random: fastrand::Rng::with_seed(seed),
            identities,
        };
        match signal {
            Signal::Traces => Request::Traces(builder.traces(items)),
            Signal::Metrics => Request::Metrics(builder.metrics(items)),
            Signal::Logs => Request::Logs(builder.logs(items)),
        }
    }

    /// The request as protobuf.
    pub fn protobuf(&self) -> Vec<u8> {
        match self {
            Request::Traces(request) => request.encode_to_vec(),
            Request::Metrics(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        }
    }

    /// The request as OTLP JSON (OTLP specification, "JSON Protobuf Encoding").
    pub fn json(&self) -> Vec<u8> {
        match self {
            Request::Traces(request) => json::traces(request),
            Request::Metrics(request) => json::metrics(request),
            Request::Logs(request) => json::logs(request),
        }
        .to_string()
        .into_bytes()
    }
}

/// Builds one request.
struct Builder {
    random: fastrand::Rng,
    identities: Option<Identities>,
}

impl Builder {
    /// Cuts `items` into the ranges of indices that share a resource.
    fn groups(items: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..items)
            .step_by(ITEMS_PER_RESOURCE)
            .map(move |first| first..items.min(first + ITEMS_PER_RESOURCE))
    }

    fn item_bits(&mut self, index: usize) -> u64 {
        match &self.identities {
            Some(identities) => identities.bits(index),
            None => self.random.u64(1..),
        }
    }

    /// A trace id: with identities the first half is derived from the request's, so that no two requests share a trace.
    fn trace_id(&mut self) -> Vec<u8> {
        let half = match &self.identities {
            Some(identities) => template::trace_half(identities),
            None => self.random.u64(1..),
        };
        [half.to_be_bytes(), self.random.u64(1..).to_be_bytes()].concat()
    }

    fn time(&mut self) -> u64 {
        1_790_000_000_000_000_000 + self.random.u64(..1_000_000_000)
    }
}

#[cfg(test)]
mod tests;
