//! Clients: unary gRPC calls and HTTP/1.1 requests whose bodies are lists of slices, sent without a copy.
//!
//! A client knows nothing of OTLP: it takes encoded bytes to a server and brings the answer back. Compression, retries
//! and what an answer means are its user's affair.

mod answer;
mod body;
mod dial;
mod endpoint;
mod grpc;
mod http;
mod line;
mod network;
mod pool;
#[cfg(test)]
mod tests;

pub use dial::Surroundings;
pub use endpoint::{Endpoint, Target};
pub use grpc::{GrpcClient, GrpcMethod, GrpcReply, GrpcSettings};
pub use http::{HttpClient, HttpReply, HttpRoute, HttpSettings};
pub use network::{BoxStream, Network, Stream, SystemNetwork};

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer that is read, also when decompressed (OTLP specification: 4 MiB).
pub const RESPONSE_MAX: usize = 4 << 20;

/// The longest that name lookup and connecting may take, where nothing else is said.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the clients say they are.
pub const USER_AGENT: &str = concat!("Forebay/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The destination was not reached, or the connection broke before the answer was whole. Whether the request was
    /// processed is not known.
    #[error("{message}")]
    Unreachable {
        /// What happened.
        message: Arc<str>,
        /// How long no further attempt to connect is made.
        after: Option<Duration>,
    },
    /// There was an answer, and it is not one that the protocol allows.
    #[error("{0}")]
    Unusable(Arc<str>),
}

impl CallError {
    fn unreachable(message: impl Into<Arc<str>>) -> Self {
        CallError::Unreachable {
            message: message.into(),
            after: None,
        }
    }
}

/// A client cannot be made from these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(String);

impl From<::http::Error> for SetupError {
    fn from(error: ::http::Error) -> Self {
        SetupError(error.to_string())
    }
}

/// `what` and all that `error` has to say, down to its first cause.
fn words(what: &str, error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            // Writing to a string does not fail.
            let _ = write!(text, ": {said}");
        }
        cause = inner.source();
    }
    text
}
