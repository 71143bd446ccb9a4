//! A connection's stream, which notes what its client does.

use super::frames::{Frames, PREFACE};
use super::pulse::Pulse;
use bytes::Bytes;
use forebay_core::Time;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How many seconds' worth of frames may come at once.
const BURST: u64 = 10;
/// How many frames of no use a request that was answered well makes up for: pings that measure the path, updates of
/// windows, acknowledgements.
const FOR_EACH_REQUEST: u64 = 8;
/// As many bytes tell the preface of HTTP/2 from any request of HTTP/1: `PRI` is the method of no request, and ends here.
const TELLING: usize = 4;

/// The version of HTTP that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// A stream that notes what its client does.
#[derive(Debug)]
pub(super) struct Wire<IO> {
    stream: IO,
    pulse: Arc<Pulse>,
    /// What was read to tell the version, and is still to be given on.
    ahead: Bytes,
    following: Following,
}

#[derive(Debug)]
enum Following {
    Http1,
    Http2(Frames, Budget),
}

/// Reads as much as it takes to tell which version a client speaks.
pub(super) async fn sniff<IO: AsyncRead + Unpin>(stream: &mut IO) -> io::Result<(Version, Bytes)> {
    let mut first = Vec::with_capacity(TELLING);
    while first.len() < TELLING {
        let missing = (TELLING - first.len()) as u64;
        if (&mut *stream).take(missing).read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&first) {
            return Ok((Version::Http1, first.into()));
        }
    }
    Ok((Version::Http2, first.into()))
}

impl<IO> Wire<IO> {
    /// A stream whose client speaks `version`, of which `sniffed` was read already. `rate` is how many frames of no use may
    /// come each second.
    pub(super) fn new(
        stream: IO,
        pulse: Arc<Pulse>,
        (version, sniffed): (Version, Bytes),
        rate: u64,
    ) -> Self {
        let following = match version {
            Version::Http1 => Following::Http1,
            Version::Http2 => Following::Http2(Frames::new(), Budget::new(rate, pulse.now())),
        };
        Wire {
            stream,
            pulse,
            ahead: sniffed,
            following,
        }
    }

    /// Puts `bytes` before what comes next.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        self.ahead = bytes;
    }

    /// Notes what has come.
    fn note(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.following {
            // While a request is under way this is its body. After it, the next one begins.
            Following::Http1 => {
                if !self.pulse.is_busy() {
                    self.pulse.owes();
                }
            }
            Following::Http2(frames, budget) => {
                let idle = frames.pass(bytes);
                if idle > 0 && !budget.spend(u64::from(idle), &self.pulse) {
                    self.pulse.flood();
                    return Err(io::Error::other("frames of no use came faster than they may"));
                }
                if frames.midway() {
                    self.pulse.owes();
                } else {
                    self.pulse.owes_nothing();
                }
            }
        }
        Ok(())
    }
}

/// How many frames of no use a client may still send. Time and requests that were answered well add to it; they are looked
/// at only when it is used up.
#[derive(Debug)]
struct Budget {
    left: u64,
    rate: u64,
    since: Time,
    succeeded: u64,
}

impl Budget {
    fn new(rate: u64, now: Time) -> Self {
        Budget {
            left: rate.saturating_mul(BURST),
            rate,
            since: now,
            succeeded: 0,
        }
    }

    fn spend(&mut self, frames: u64, pulse: &Pulse) -> bool {
        if self.left < frames {
            self.fill(pulse);
        }
        let left = self.left.checked_sub(frames);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn fill(&mut self, pulse: &Pulse) {
        let (now, succeeded) = (pulse.now(), pulse.succeeded());
        let millis = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX);
        let by_time = millis.saturating_mul(self.rate) / 1000;
        let by_requests = (succeeded - self.succeeded).saturating_mul(FOR_EACH_REQUEST);
        let most = self.rate.saturating_mul(BURST);
        self.left = self
            .left
            .saturating_add(by_time)
            .min(most)
            .saturating_add(by_requests);
        if by_time > 0 {
            self.since = now;
        }
        self.succeeded = succeeded;
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let before = buffer.filled().len();
        if wire.ahead.is_empty() {
            ready!(Pin::new(&mut wire.stream).poll_read(context, buffer))?;
        } else {
            let length = wire.ahead.len().min(buffer.remaining());
            buffer.put_slice(&wire.ahead.split_to(length));
        }
        match buffer.filled().get(before..) {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(wire.note(bytes)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.wrote();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pulse.wrote();
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
