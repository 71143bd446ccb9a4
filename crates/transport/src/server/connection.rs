//! One connection: its window, its settings, its life.

use super::opening::{Heard, Opening};
use super::{Connection, Incoming, Protocol, Reply, ServerSettings, Service};
use forebay_core::component::NodeContext;
use forebay_core::{Lease, Ledger, Origin, OverBudget, Reason, Tasks};
use http::{Request, Response};
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The smallest receive window of HTTP/2 (RFC 9113, section 6.9.2: the connection's starts there and cannot shrink).
const SMALLEST_WINDOW: u32 = 65_535;
/// The largest window: what a fast link within a data centre can have under way.
const LARGEST_WINDOW: u32 = 4 << 20;
/// The part of what is free for connections that the next one may have. With a forty-eighth each, and half as much
/// again for frames, what is free halves with every 22 connections, so that many still find room in a small budget.
const WINDOW_SHARE: u64 = 48;
/// The smallest limit on the size of a frame (RFC 9113, section 6.5.2).
const SMALLEST_FRAME: u32 = 16 << 10;
/// The largest frame: senders that honour it cost a third less than with frames of 16 KiB.
const LARGEST_FRAME: u32 = 1 << 20;
/// From this window on a frame may be as large as the window, so that most messages come whole, in one frame, and need not
/// be copied together.
const ROOMY_WINDOW: u32 = 512 << 10;
/// In a smaller window, the part that one frame may take, one part in so many: a frame is read into a buffer of its own size
/// before its bytes go on, so a connection holds up to a frame, and the buffer that grows for it, besides its window.
const FRAME_SHARE: u32 = 4;
/// What a connection holds besides its window: write buffer, header tables and its own state.
const OVERHEAD: u64 = 16 << 10;
/// The most bytes of answers that wait on one stream. Ours are small.
const SEND_BUFFER: usize = 64 << 10;
/// The most bytes of headers of a request.
const HEADERS: u32 = 16 << 10;
/// The most that HTTP/1 reads ahead; hyper asks for at least 8 KiB. Its buffer is cut up and made anew as bodies go through:
/// with four times as much, fifty senders of 1 MB bodies took 17 MB more than their leases.
const READ_AHEAD: u32 = 64 << 10;
/// How long the headers of an HTTP/1 request may take, waiting for the next one on an idle connection included.
const HEADERS_WITHIN: Duration = Duration::from_secs(300);
/// After so long without a byte an HTTP/2 peer is pinged,
const PING_AFTER: Duration = Duration::from_secs(60);
/// and given up after so long without an answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long answers may still be written once the process has stopped. The engine waits a second for its tasks then.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Starts the requests of HTTP/2 connections as tasks of the node.
#[derive(Clone)]
struct RequestTasks(Tasks);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for RequestTasks {
    fn execute(&self, request: F) {
        self.0.spawn("request", request);
    }
}

/// The receive window for the next connection, when `free` bytes are free for connections.
pub(super) fn window(free: u64) -> u32 {
    u32::try_from(free / WINDOW_SHARE)
        .unwrap_or(LARGEST_WINDOW)
        .clamp(SMALLEST_WINDOW, LARGEST_WINDOW)
}

/// The largest frame on a connection with this window.
fn frame(window: u32) -> u32 {
    let share = if window >= ROOMY_WINDOW {
        window
    } else {
        window / FRAME_SHARE
    };
    share.clamp(SMALLEST_FRAME, LARGEST_FRAME)
}

/// What a connection with this window may hold.
pub(super) fn held(window: u32) -> u64 {
    u64::from(window) + 2 * u64::from(frame(window)) + OVERHEAD
}

fn lease_window(ledger: &Ledger) -> Result<(u32, Lease), OverBudget> {
    let window = window(ledger.free_for_connections());
    let lease = ledger.lease_connection(held(window))?;
    Ok((window, lease))
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
    let (window, _lease) = match lease_window(&node.ledger) {
        Ok(leased) => leased,
        Err(error) => {
            tracing::debug!(%error, "connection closed: no memory for it");
            service.turned_away(Reason::OverBudget);
            return;
        }
    };
    let builder = builder(&node.tasks, &settings, window);
    let (stream, heard) = Opening::new(stream);
    let connection = Connection {
        origin: Arc::new(origin),
    };
    let serve = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&service).serve(request, connection.clone());
        async move { Ok::<Response<Reply>, Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), serve);
    live(connection, heard, node).await;
}

type Served<'a, IO, F> = hyper_util::server::conn::auto::Connection<'a, TokioIo<IO>, F, RequestTasks>;

/// From the first byte to the last: also through the drain.
async fn live<IO, F>(connection: Served<'_, Opening<IO>, F>, heard: Heard, node: &NodeContext)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: hyper::service::Service<Request<Incoming>, Response = Response<Reply>, Error = Infallible>,
    F::Future: Send + 'static,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        () = heard.nothing_in_time(&node.clock) => return,
        () = node.shutdown.draining() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                ended = connection => ended,
                () = last_words(node) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended with an error");
    }
}

/// Ready a moment after the process stopped: what was given up then is refused, and its senders are still to hear of it.
async fn last_words(node: &NodeContext) {
    node.shutdown.stopped().await;
    node.clock.sleep(LAST_WORDS).await;
}

fn builder(tasks: &Tasks, settings: &ServerSettings, window: u32) -> Builder<RequestTasks> {
    let mut builder = Builder::new(RequestTasks(tasks.clone()));
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(window)
        .initial_connection_window_size(window)
        .max_frame_size(frame(window))
        .max_concurrent_streams(settings.limits.streams())
        .max_header_list_size(HEADERS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT)
        .auto_date_header(false);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(window.min(READ_AHEAD) as usize);
    match settings.protocol {
        Protocol::Http2 => builder.http2_only(),
        Protocol::Any => builder,
    }
}
