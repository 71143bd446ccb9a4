//! One connection to the admin endpoint, from its first byte to its last.

use super::{Admin, CONNECTION_TIMEOUT, HEADER_TIMEOUT};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// Calls at once on one HTTP/2 connection. Clients hold back more by themselves.
const CALLS: u32 = 16;
/// The receive window of HTTP/2: the smallest that a connection may have (RFC 9113, section 6.9.2). Requests are small.
const WINDOW: u32 = 65_535;
/// The most bytes of a request's headers.
const HEADERS: u32 = 16 << 10;
/// The most bytes that wait on one stream for the client to read.
const SEND_BUFFER: usize = 64 << 10;
/// After so long without a byte an HTTP/2 client is pinged,
const PING_AFTER: Duration = Duration::from_secs(30);
/// and given up after so long without an answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What is known of the client of a connection.
#[derive(Debug, Default)]
pub(super) struct Peer {
    asked: AtomicBool,
    watches: AtomicUsize,
}

/// A stream on a connection. It counts for as long as it lives.
#[derive(Debug)]
pub(super) struct Watching(Arc<Peer>);

impl Peer {
    /// Counts a stream.
    pub(super) fn watching(peer: &Arc<Peer>) -> Watching {
        peer.watches.fetch_add(1, Ordering::Relaxed);
        Watching(Arc::clone(peer))
    }

    /// Whether the client has asked for anything.
    fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether a stream is open.
    fn watches(&self) -> bool {
        self.watches.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watches.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection: HTTP/1, or HTTP/2 if the client starts with its preface.
///
/// A client has [`HEADER_TIMEOUT`] to ask for something. From [`CONNECTION_TIMEOUT`] on it gets nothing more, and its connection
/// lasts only as long as a stream on it does; an HTTP/2 client is told to make its next call on another connection.
pub(super) async fn serve(stream: TcpStream, admin: Arc<Admin>) {
    let peer = Arc::new(Peer::default());
    let closing = admin.closing.clone();
    let service = {
        let peer = Arc::clone(&peer);
        service_fn(move |request: Request<Incoming>| {
            peer.asked.store(true, Ordering::Relaxed);
            let (admin, peer) = (Arc::clone(&admin), Arc::clone(&peer));
            async move { Ok::<_, Infallible>(admin.answer(request, &peer).await) }
        })
    };
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let (mut limit, mut closed) = (HEADER_TIMEOUT, false);
    loop {
        tokio::select! {
            biased;
            // A client that goes away in the middle is no news.
            _ = connection.as_mut() => return,
            () = closing.stopped(), if !closed => {
                if !peer.has_asked() {
                    return;
                }
                closed = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(limit) => {
                let late = limit == CONNECTION_TIMEOUT;
                if !peer.has_asked() || (late && !peer.watches()) {
                    return;
                }
                if late {
                    connection.as_mut().graceful_shutdown();
                }
                limit = CONNECTION_TIMEOUT;
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(CALLS)
        .max_header_list_size(HEADERS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
