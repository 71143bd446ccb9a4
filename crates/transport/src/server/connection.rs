//! One connection, from its first byte to its last.

use super::life::live;
use super::pulse::Pulse;
use super::reply::GRPC_STATUS;
use super::roster::{Roster, Seat};
use super::served::Served;
use super::stream::{Carrier, Either};
use super::window::Window;
use super::wire::{Version, Wire, sniff};
use super::{Connection, Incoming, Protocol, Reply, ServerSettings, Service};
use crate::tls::PeerCertificate;
use ::http::{Request, Response};
use bytes::Bytes;
use forebay_core::component::NodeContext;
use forebay_core::{Origin, Reason};
use hyper::service::service_fn;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What all connections of a server have in common.
#[derive(Debug)]
pub(super) struct Terms<S> {
    pub(super) service: Arc<S>,
    pub(super) node: NodeContext,
    pub(super) settings: ServerSettings,
}

/// What a connection has been given.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) origin: Origin,
    pub(super) window: Window,
    pub(super) seat: Seat,
}

/// Serves one connection on any stream until it ends, or the process drains and its last request is answered. Tests use this
/// with `tokio::io::duplex`, in the place of a socket.
///
/// If there is no memory for its window, the connection is closed at once: a client takes that as a server that is
/// unavailable, and tries again.
pub async fn serve_stream<IO, S>(
    stream: IO,
    service: Arc<S>,
    origin: Origin,
    node: &NodeContext,
    settings: ServerSettings,
) where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service,
{
    let (window, seat) = (
        Window::open(&node.ledger),
        Roster::new(1, 0).take(None, node.clock.now()),
    );
    let (Ok(window), Ok(seat)) = (window, seat) else {
        service.turned_away(Reason::OverBudget);
        return;
    };
    let terms = Terms {
        service,
        node: node.clone(),
        settings,
    };
    let accepted = Accepted { origin, window, seat };
    serve(stream, accepted, &terms).await;
}

/// Serves a connection that has been accepted, until it ends or has to make room for another.
pub(super) async fn serve<IO, S>(stream: IO, accepted: Accepted, terms: &Terms<S>)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service,
{
    let Accepted { origin, window, seat } = accepted;
    let peer = origin.peer;
    let conversation = converse(stream, (origin, &window, &seat), terms);
    let ended = tokio::select! {
        biased;
        ended = conversation => ended,
        () = seat.standing().asked_to_leave() => Err(Some(Reason::TooManyConnections)),
    };
    if let Err(Some(reason)) = ended {
        tracing::debug!(?peer, %reason, "connection closed");
        terms.service.turned_away(reason);
    }
}

/// How a connection ended: by itself, or by being closed, with a reason if that is the client's doing.
pub(super) type Ended<T = ()> = Result<T, Option<Reason>>;

/// Until the connection ends. The stream is closed when this is done.
async fn converse<IO, S>(
    stream: IO,
    (origin, window, seat): (Origin, &Window, &Seat),
    terms: &Terms<S>,
) -> Ended
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service,
{
    let (node, limits) = (&terms.node, &terms.settings.limits);
    let (mut stream, certificate) = secure(stream, &origin, terms).await?;
    let pulse = Pulse::new(node.clock.clone(), Arc::clone(seat.standing()));
    let sniffed = match terms.settings.protocol {
        Protocol::Http2 => (Version::Http2, Bytes::new()),
        // If it cannot be read from, the client has gone away.
        Protocol::Any => within(limits.header_timeout.0, node, sniff(&mut stream))
            .await?
            .map_err(|_| None)?,
    };
    let connection = Connection {
        origin: Arc::new(origin),
        certificate,
        pulse: Arc::clone(&pulse),
    };
    let version = sniffed.0;
    let wire = Wire::new(stream, Arc::clone(&pulse), sniffed, limits.max_control_frames.0);
    let service = Arc::clone(&terms.service);
    let answer =
        service_fn(move |request| answer(Arc::clone(&service), request, connection.clone(), version));
    let served = Served::new(wire, version, answer, (&node.tasks, window, limits));
    live(served, &pulse, (node, limits)).await
}

/// The stream as it is spoken on: by way of TLS where that is set up.
async fn secure<IO, S>(
    stream: IO,
    origin: &Origin,
    terms: &Terms<S>,
) -> Ended<(Carrier<IO>, Option<Arc<PeerCertificate>>)>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Some(tls) = &terms.settings.tls else {
        return Ok((Either::One(stream), None));
    };
    let timeout = terms.settings.limits.handshake_timeout.0;
    match within(timeout, &terms.node, Box::pin(tls.accept(stream))).await? {
        Ok((stream, certificate)) => Ok((Either::Other(Box::new(stream)), certificate)),
        Err(error) => {
            tracing::debug!(peer = ?origin.peer, %error, "TLS handshake failed");
            Err(Some(Reason::Handshake))
        }
    }
}

/// What `future` comes to, if that takes no longer than `period` and the process does not drain meanwhile.
async fn within<F: Future>(period: Duration, node: &NodeContext, future: F) -> Ended<F::Output> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        () = node.shutdown.draining() => Err(None),
        () = node.clock.sleep(period) => Err(Some(Reason::TooSlow)),
    }
}

/// Has one request answered.
fn answer<S: Service>(
    service: Arc<S>,
    request: Request<Incoming>,
    connection: Connection,
    version: Version,
) -> impl Future<Output = Result<Response<Reply>, Infallible>> + Send + 'static {
    let under_way = connection.pulse.begin();
    if version == Version::Http1 {
        // Its head is whole. What else comes is its body, as long as it is under way.
        connection.pulse.owes_nothing();
    }
    let answer = service.serve(request, connection);
    async move {
        let mut response = answer.await;
        if went_well(&response) {
            under_way.succeed();
        }
        response.body_mut().keep(under_way);
        Ok(response)
    }
}

/// Whether a response says that all is well. gRPC says otherwise in its headers, and 200 all the same.
fn went_well(response: &Response<Reply>) -> bool {
    response.status().is_success() && !response.headers().contains_key(GRPC_STATUS)
}
