//! A connection as HTTP serves it: hyper's, of either version.

use super::window::Window;
use super::wire::{Version, Wire};
use super::{Incoming, LimitsConfig, Reply};
use ::http::{Request, Response};
use bytes::Bytes;
use forebay_core::Tasks;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes of answers that wait on one stream. Ours are small.
const SEND_BUFFER: usize = 64 << 10;
/// After so long without a byte an HTTP/2 peer is pinged,
const PING_AFTER: Duration = Duration::from_secs(60);
/// and given up after so long without an answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How many streams a client may reset before they have even been looked at. More is an attack (CVE-2023-44487).
const RESETS_UNSEEN: usize = 20;
/// How many streams of a client may be reset for its mistakes.
const RESETS_FOR_MISTAKES: usize = 256;

/// How much is read of what a client says after a rest. What follows is read into HTTP's own buffer.
const FIRST_WORDS: usize = 512;

/// What answers requests.
pub(super) trait Answer:
    hyper::service::Service<Request<Incoming>, Response = Response<Reply>, Error = Infallible, Future: Send>
{
}

impl<A> Answer for A where
    A: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Reply>,
            Error = Infallible,
            Future: Send,
        >
{
}

/// Starts the requests of HTTP/2 connections as tasks of the node.
#[derive(Clone)]
pub(super) struct RequestTasks(pub(super) Tasks);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for RequestTasks {
    fn execute(&self, request: F) {
        self.0.spawn("request", request);
    }
}

type Http1<IO, A> = http1::Connection<TokioIo<Wire<IO>>, A>;
type Http2<IO, A> = http2::Connection<TokioIo<Wire<IO>>, A, RequestTasks>;

/// A connection that is served: ready when it has ended.
pub(super) enum Served<IO, A>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answer,
{
    /// HTTP/1, and how to go on after a rest.
    Http1(Box<Http1<IO, A>>, Box<http1::Builder>),
    /// HTTP/1 without its buffers, until the client says something.
    Resting(Box<Resting<IO, A>>),
    /// HTTP/2.
    Http2(Pin<Box<Http2<IO, A>>>),
    /// It has ended.
    Over,
}

/// What is left of a connection that rests.
pub(super) struct Resting<IO, A> {
    wire: Wire<IO>,
    answer: A,
    builder: Box<http1::Builder>,
}

impl<IO, A> Served<IO, A>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answer<Future: 'static>,
{
    /// Serves `wire`, whose client speaks `version`.
    pub(super) fn new(
        wire: Wire<IO>,
        version: Version,
        answer: A,
        (tasks, window, limits): (&Tasks, &Window, &LimitsConfig),
    ) -> Self {
        match version {
            Version::Http1 => Served::http1(wire, answer, Box::new(http1_builder(window, limits))),
            Version::Http2 => {
                let builder = http2_builder(tasks, window, limits);
                Served::Http2(Box::pin(builder.serve_connection(TokioIo::new(wire), answer)))
            }
        }
    }

    fn http1(wire: Wire<IO>, answer: A, builder: Box<http1::Builder>) -> Self {
        let connection = builder.serve_connection(TokioIo::new(wire), answer);
        Served::Http1(Box::new(connection), builder)
    }

    /// Lets go of the buffers (an empty `read_buf` too holds all of its buffer), which have grown with the largest request, until the client says something. Only for a
    /// connection that has written everything and waits for its next request. HTTP/2 goes on as it is.
    pub(super) fn rest(&mut self) {
        match std::mem::replace(self, Served::Over) {
            Served::Http1(connection, builder) => {
                let parts = connection.into_parts();
                let mut wire = parts.io.into_inner();
                let said = !parts.read_buf.is_empty();
                if said {
                    wire.put_back(parts.read_buf);
                }
                let resting = Resting {
                    wire,
                    answer: parts.service,
                    builder,
                };
                *self = if said {
                    resting.rise()
                } else {
                    Served::Resting(Box::new(resting))
                };
            }
            other => *self = other,
        }
    }

    /// Takes no more requests, says so to the client, and ends once those under way are answered.
    pub(super) fn end(&mut self) {
        match self {
            Served::Http1(connection, _) => Pin::new(&mut **connection).graceful_shutdown(),
            Served::Http2(connection) => connection.as_mut().graceful_shutdown(),
            Served::Resting(_) | Served::Over => *self = Served::Over,
        }
    }

    /// Waits until the client says something, or goes away, and gets up.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Served::Resting(resting) = self else {
            return Poll::Ready(());
        };
        let mut first = [0; FIRST_WORDS];
        let mut buffer = ReadBuf::new(&mut first);
        let read = ready!(Pin::new(&mut resting.wire).poll_read(context, &mut buffer));
        let said = Bytes::copy_from_slice(buffer.filled());
        let resting = std::mem::replace(self, Served::Over);
        if let (Served::Resting(mut resting), Ok(()), false) = (resting, read, said.is_empty()) {
            resting.wire.put_back(said);
            *self = resting.rise();
        }
        Poll::Ready(())
    }
}

impl<IO, A> Resting<IO, A>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answer<Future: 'static>,
{
    fn rise(self) -> Served<IO, A> {
        Served::http1(self.wire, self.answer, self.builder)
    }
}

impl<IO, A> Future for Served<IO, A>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answer<Future: 'static>,
{
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let served = self.get_mut();
        ready!(served.poll_rest(context));
        match served {
            Served::Http1(connection, _) => Pin::new(&mut **connection).poll(context),
            Served::Http2(connection) => connection.as_mut().poll(context),
            Served::Resting(_) | Served::Over => Poll::Ready(Ok(())),
        }
    }
}

fn http1_builder(window: &Window, limits: &LimitsConfig) -> http1::Builder {
    let head = usize::try_from(limits.max_header_bytes.0).unwrap_or(usize::MAX);
    let buffer = window.read_ahead() as usize;
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_header_size(head)
        .max_buf_size(buffer.max(head));
    builder
}

fn http2_builder(tasks: &Tasks, window: &Window, limits: &LimitsConfig) -> http2::Builder<RequestTasks> {
    let mut builder = http2::Builder::new(RequestTasks(tasks.clone()));
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(window.size())
        .initial_connection_window_size(window.size())
        .max_frame_size(window.frame())
        .max_concurrent_streams(limits.streams())
        .max_header_list_size(u32::try_from(limits.max_header_bytes.0).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS_UNSEEN)
        .max_local_error_reset_streams(RESETS_FOR_MISTAKES)
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT)
        .auto_date_header(false);
    builder
}
