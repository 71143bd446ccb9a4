//! The admin endpoint: `/livez`, `/readyz`, `/metrics`, `/status`, `/status/cardinality`,
//! `/why/TRACE_ID`, and the admin service (gRPC) on the same port.
//!
//! It has a thread and a runtime of its own: it answers, and says that something is wrong, when nothing else moves. It
//! stays up until the process ends.

pub(crate) mod cardinality;
mod classic;
mod grpc;
mod heart;
mod pages;
mod peer;
#[cfg(test)]
mod tests;
mod watch;
mod why;
mod wire;

use bytes::Bytes;
use forebay_core::{Phase, Shutdown, ShutdownTrigger};
use forebay_engine::Running;
use heart::Heart;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use peer::Peer;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Connections at once; more wait in the backlog.
const CONNECTIONS: usize = 32;
/// Streams of states at once: they last, and must leave room for probes and scrapes.
const WATCHES: usize = 8;
/// How long a client may take to send its request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection without a stream may last: a scrape that takes longer has failed long ago.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long streams have to end when the process is about to.
const FAREWELL: Duration = Duration::from_millis(500);
/// The stack of its thread.
const STACK_BYTES: usize = 512 << 10;

/// The body of an answer: a page, a message, or a stream of them.
type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// What the endpoint tells of.
pub(crate) struct Admin {
    running: Arc<Running>,
    began: Instant,
    heart: Heart,
    /// Places for streams.
    watches: Arc<Semaphore>,
    /// Whether the endpoint closes.
    closing: Shutdown,
    close: ShutdownTrigger,
}

impl Admin {
    /// Begins to watch over the runtime that it is called on.
    pub(crate) fn new(running: Arc<Running>, began: Instant) -> Self {
        let (close, closing) = ShutdownTrigger::new();
        Admin {
            running,
            began,
            heart: Heart::beat(),
            watches: Arc::new(Semaphore::new(WATCHES)),
            closing,
            close,
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> Response<Answer> {
        if grpc::is_call(&request) {
            self.call(request, peer).await
        } else if request.method() == Method::GET && request.uri().path().starts_with(why::PATH) {
            let path = request.uri().path();
            self.why(path).await.map(BodyExt::boxed_unsync)
        } else {
            self.page(&request).map(BodyExt::boxed_unsync)
        }
    }
}

/// The endpoint at work. If it is let go, it goes on until the process ends.
pub(crate) struct Serving {
    admin: Arc<Admin>,
    /// Places for connections.
    room: Arc<Semaphore>,
}

impl Serving {
    /// Ends every stream with a last state, and waits a moment for clients to have it. Takes no more connections.
    pub(crate) async fn finish(self) {
        self.admin.close.advance(Phase::Stopped);
        // A client that does not read does not hold up the end of the process.
        let _ = tokio::time::timeout(FAREWELL, all(&self.room)).await;
    }
}

/// Waits until no connection is left.
async fn all(room: &Semaphore) {
    let connections = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // It fails only when closed, and nobody closes it.
    let _ = room.acquire_many(connections).await;
}

/// Serves on a thread of its own until the process ends.
pub(crate) fn start(listener: TcpListener, admin: Admin) -> io::Result<Serving> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let thread = std::thread::Builder::new()
        .name("admin".to_owned())
        .stack_size(STACK_BYTES);
    let (admin, room) = (Arc::new(admin), Arc::new(Semaphore::new(CONNECTIONS)));
    let serving = Serving {
        admin: Arc::clone(&admin),
        room: Arc::clone(&room),
    };
    thread.spawn(move || {
        runtime.block_on(async {
            let closing = admin.closing.clone();
            tokio::select! {
                () = accept(listener, admin, &room) => {}
                () = closing.stopped() => {}
            }
            all(&room).await;
        });
    })?;
    Ok(serving)
}

async fn accept(listener: tokio::net::TcpListener, admin: Arc<Admin>, room: &Arc<Semaphore>) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: they come back.
                tracing::warn!(%error, "the admin endpoint cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let _permit = permit;
            peer::serve(stream, admin).await;
        });
    }
}
