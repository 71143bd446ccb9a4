//! Servers: sockets, connections, framing and admission. What the requests mean is the [`Service`]'s business.
//!
//! gRPC is served on hyper's HTTP/2 directly. A unary call is a POST with a prefix of five bytes before the message and two
//! headers after the answer, and that is all of gRPC that OTLP needs; a general service stack costs more per small request
//! than the rest of the way through the process.
//!
//! How memory stays bounded:
//!
//! - a connection leases its receive window before it is served, and the window shrinks with what is free;
//! - a body is leased before it is read, by its announced length where there is one: [`grpc::read`], [`http::read`];
//! - a body that came in pieces is copied into a buffer of the size that was leased, and such buffers are used again: [`Buffers`];
//! - the number of connections, and of requests at once on each, is limited: [`ServerSettings`].

mod body;
mod buffers;
mod connection;
mod frames;
pub mod grpc;
pub mod http;
mod life;
mod limits;
mod listener;
mod pack;
mod pulse;
mod reception;
mod refusal;
mod reply;
mod requests;
mod roster;
mod served;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod window;
mod wire;
mod workbench;

pub use body::{Admission, BodyPace, Message};
pub use buffers::Buffers;
pub use connection::serve_stream;
pub use hyper::body::Incoming;
pub use limits::LimitsConfig;
pub use listener::Listener;
pub use refusal::Refusal;
pub use reply::Reply;
pub use requests::Requests;
pub use workbench::{Turn, Workbench};

use crate::tls::{PeerCertificate, TlsAcceptor};
use ::http::{Request, Response};
use forebay_core::{Origin, Reason};
use std::future::Future;
use std::sync::Arc;

/// The versions of HTTP that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 only, of clients that know that ("prior knowledge", or by TLS): for gRPC.
    Http2,
    /// HTTP/1.1, or HTTP/2 if the client starts with its preface.
    Any,
}

/// How a server serves.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The versions of HTTP.
    pub protocol: Protocol,
    /// What clients may take.
    pub limits: LimitsConfig,
    /// Has connections encrypted. Without it they are plain text.
    pub tls: Option<TlsAcceptor>,
}

/// What is known of the connection that a request came in by.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Where it comes from. Who its sender is may yet be asked for each request.
    pub origin: Arc<Origin>,
    /// The certificate that the client has shown and proved to be its own, if it was asked for one.
    pub certificate: Option<Arc<PeerCertificate>>,
    pulse: Arc<pulse::Pulse>,
}

impl Connection {
    /// The client has shown that it is worth its place: it has sent a request that is well-formed and whole, in its own name
    /// if it was asked for that. When there are as many connections as may be, it does not have to make room for others any
    /// more. A request that is answered well shows it anyway; this is for requests that take long to be answered.
    pub fn prove(&self) {
        self.pulse.prove();
    }
}

/// What a server does with requests.
pub trait Service: Send + Sync + 'static {
    /// Serves one request, which came in by `connection`. If the client goes away, the future is dropped where it waits.
    fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> impl Future<Output = Response<Reply>> + Send;

    /// A connection was closed for `reason`: before it was served, or since its client kept to no rule.
    fn turned_away(&self, reason: Reason);
}
