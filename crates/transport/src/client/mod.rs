//! Clients: unary gRPC calls and HTTP requests whose bodies are lists of slices, sent without a copy.
//!
//! ```text
//! GrpcClient  HttpClient          what is asked, and what is answered      grpc.rs, http.rs, answer.rs
//!     Fleet       Pool            HTTP/2 and HTTP/1.1 connections          fleet.rs, line.rs, pool.rs, meter.rs
//!             Dialer              addresses, proxy, TLS                    dial.rs, addresses.rs, pause.rs, proxy.rs
//!            Network              names and sockets, real or simulated     network.rs
//! ```
//!
//! `Question` (ask.rs) stands beside them: one request to a metadata service, on a connection of its own, by no way round.
//!
//! A client knows nothing of OTLP: it takes encoded bytes to a server and brings the answer back. Compression, retries
//! and what an answer means are its user's affair.

mod addresses;
mod answer;
mod ask;
mod body;
mod dial;
mod endpoint;
mod fleet;
mod grpc;
mod http;
mod line;
mod meter;
mod network;
mod pause;
mod pool;
mod proxy;
#[cfg(test)]
mod tests;

pub use ask::{AskError, AskLimits, Question};
pub use dial::Surroundings;
pub use endpoint::{Endpoint, Target};
pub use grpc::{GrpcClient, GrpcMethod, GrpcReply, GrpcSettings};
pub use http::{HttpClient, HttpReply, HttpRoute, HttpSettings};
pub use network::{BoxStream, Network, Stream, SystemNetwork};
pub use proxy::ProxyUrl;

use crate::tls::TlsConnector;
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The longest answer that is read, also when decompressed (OTLP specification: 4 MiB).
pub const RESPONSE_MAX: usize = 4 << 20;

/// The longest that name lookup and connecting may take, where nothing else is said.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How old the outcome of a name lookup may become, where nothing else is said.
pub const DNS_REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// How connections come to be.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// The longest that name lookup, connecting, the proxy and the TLS handshake may take together.
    pub timeout: Duration,
    /// TLS; nothing for connections without it.
    pub tls: Option<TlsConnector>,
    /// The proxy to go through. Nothing: the one that the environment names for the target, if it does.
    pub proxy: Option<ProxyUrl>,
    /// How old the outcome of a name lookup may become while connections are in use: the name is looked up again before,
    /// connections are made to addresses that are new, and those to addresses that are gone end after their requests.
    pub dns_refresh_interval: Duration,
    /// How HTTP/2 connections that lead nowhere are found.
    pub keepalive: Keepalive,
}

impl Default for ConnectSettings {
    /// Without TLS and without a proxy of one's own; [`CONNECT_TIMEOUT`] and [`DNS_REFRESH_INTERVAL`].
    fn default() -> Self {
        ConnectSettings {
            timeout: CONNECT_TIMEOUT,
            tls: None,
            proxy: None,
            dns_refresh_interval: DNS_REFRESH_INTERVAL,
            keepalive: Keepalive::default(),
        }
    }
}

/// When an HTTP/2 connection is tested with a ping, and when it is given up (gRPC, "Keepalive"). There are no pings while
/// no request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How long requests may wait with nothing coming from the server before there is a ping; zero: no pings. Doubled when
    /// a server complains (`ENHANCE_YOUR_CALM`).
    pub time: Duration,
    /// How long the answer to a ping may take.
    pub timeout: Duration,
}

impl Default for Keepalive {
    /// 10 s and 4 s: a connection that leads nowhere is found, and its requests are sent again, within 15 s.
    fn default() -> Self {
        Keepalive {
            time: Duration::from_secs(10),
            timeout: Duration::from_secs(4),
        }
    }
}

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
