//! Connections that are opened and then say nothing.

use forebay_core::Clock;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a client may take to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// The length of HTTP/2's preface (RFC 9113, section 3.4). No sensible HTTP/1.1 request is shorter.
const PREFACE: usize = 24;

/// A stream that notes whether its peer has begun to speak. Later silence is seen by HTTP/2's pings and by HTTP/1's header
/// timeout; before the first bytes it is not known which of them it is.
#[derive(Debug)]
pub(super) struct Opening<IO> {
    stream: IO,
    heard: Heard,
}

/// How many bytes came in, up to what matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<AtomicUsize>);

impl Heard {
    /// Ready if the peer has not begun in time, and never if it has.
    pub(super) async fn nothing_in_time(&self, clock: &Clock) {
        clock.sleep(BEGIN_WITHIN).await;
        if self.0.load(Ordering::Relaxed) >= PREFACE {
            std::future::pending::<()>().await;
        }
    }
}

impl<IO> Opening<IO> {
    pub(super) fn new(stream: IO) -> (Self, Heard) {
        let heard = Heard::default();
        (
            Opening {
                stream,
                heard: heard.clone(),
            },
            heard,
        )
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Opening<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let heard = self.heard.0.load(Ordering::Relaxed);
        if heard < PREFACE {
            let now = heard + buffer.filled().len().saturating_sub(before);
            self.heard.0.store(now, Ordering::Relaxed);
        }
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Opening<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
