//! Ends of OTLP that say what they are told to say: a [`Backend`] that answers each request as a script says, in good form
//! or in bad, and a [`Form`] that is a request in any form, with [`Told`] for what came back.
//!
//! Both are written against the specifications and share no code with what they test: statuses are read and written here
//! by messages of their own ([`RpcStatus`]).

mod answer;
mod backend;
mod form;
mod http1;
mod http2;
mod status;
#[cfg(test)]
mod tests;
mod told;

pub use answer::{Act, Answer, Ending, Response, framed};
pub use backend::{Backend, Received, Scripted};
pub use form::{Form, Protocol, exchange};
pub use http1::serve as serve_http1;
pub use http2::serve as serve_http2;
pub use status::{Delay, RpcStatus, Violation};
pub use told::Told;

/// The path of a signal's method of OTLP/gRPC (opentelemetry/proto/collector/*/v1/*_service.proto).
pub fn grpc_path(signal: forebay_core::Signal) -> &'static str {
    match signal {
        forebay_core::Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        forebay_core::Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        forebay_core::Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// The path of a signal of OTLP/HTTP (OTLP specification, "OTLP/HTTP Request").
pub fn http_path(signal: forebay_core::Signal) -> &'static str {
    match signal {
        forebay_core::Signal::Traces => "/v1/traces",
        forebay_core::Signal::Metrics => "/v1/metrics",
        forebay_core::Signal::Logs => "/v1/logs",
    }
}
