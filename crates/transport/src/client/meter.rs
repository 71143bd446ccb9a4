//! How much a peer may send for what it is asked: floods of frames and answers without an end stop here, before they cost
//! anything more than being read.

use super::RESPONSE_MAX;
use super::line::Pulse;
use super::network::BoxStream;
use forebay_core::{Clock, Time};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The length of an HTTP/2 frame's header (RFC 9113, section 4.1).
const FRAME_HEADER: usize = 9;
/// How many frames a peer may send in each [`FRAMES_PERIOD`] without being asked anything.
const FRAMES: u64 = 4096;
/// See [`FRAMES`].
const FRAMES_PERIOD: Duration = Duration::from_secs(10);
/// How many frames each request entitles the peer to.
const FRAMES_PER_REQUEST: u64 = 64;
/// For how many bytes sent the peer may answer with one frame: it may say after each DATA frame how far its windows moved.
const BYTES_PER_FRAME: u64 = 64;
/// The most frames that a peer can save up: as many as belong to the most requests that are under way at once.
const FRAMES_MAX: u64 = 1024 * FRAMES_PER_REQUEST;
/// How many bytes an HTTP/1.1 server may send for one request: interim answers, the head, and a body of any framing.
const ANSWER_BYTES: usize = 2 * RESPONSE_MAX + (64 << 10);

/// Watches what comes and goes on a stream.
pub(super) trait Meter: Send + Unpin {
    /// These bytes have come. An error ends the connection.
    fn came(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// So many bytes have gone.
    fn went(&mut self, count: usize);
}

/// A stream under a meter.
pub(super) struct Metered<M> {
    io: BoxStream,
    meter: M,
}

impl<M: Meter> Metered<M> {
    pub(super) fn new(io: BoxStream, meter: M) -> Self {
        Metered { io, meter }
    }

    fn note(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &outcome {
            self.meter.went(*count);
        }
        outcome
    }
}

impl<M: Meter> AsyncRead for Metered<M> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let outcome = Pin::new(&mut self.io).poll_read(context, into);
        if let Poll::Ready(Ok(())) = outcome {
            self.meter.came(into.filled().get(before..).unwrap_or_default())?;
        }
        outcome
    }
}

impl<M: Meter> AsyncWrite for Metered<M> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// Counts the frames of an HTTP/2 server. Each costs work however little it holds, and most kinds need no request to be sent:
/// PING, SETTINGS, WINDOW_UPDATE, interim answers, empty DATA.
#[derive(Debug)]
pub(super) struct Frames {
    clock: Clock,
    pulse: Arc<Pulse>,
    header: [u8; FRAME_HEADER],
    /// How many bytes of the next header are there.
    have: usize,
    /// How many bytes of a frame's payload are still to come.
    payload: usize,
    left: u64,
    written: u64,
    /// Requests, bytes and time up to which frames have been granted.
    granted: (u64, u64, Time),
}

impl Frames {
    pub(super) fn new(clock: Clock, pulse: Arc<Pulse>) -> Self {
        let now = clock.now();
        Frames {
            clock,
            pulse,
            header: [0; FRAME_HEADER],
            have: 0,
            payload: 0,
            left: FRAMES,
            written: 0,
            granted: (0, 0, now),
        }
    }

    fn frame(&mut self) -> io::Result<()> {
        let [a, b, c, ..] = self.header;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.have = 0;
        if self.left == 0 {
            self.grant()?;
        }
        self.left -= 1;
        Ok(())
    }

    /// Once the frames are used up: what the peer was asked meanwhile entitles it to more.
    #[cold]
    fn grant(&mut self) -> io::Result<()> {
        let (requests, bytes, at) = self.granted;
        let now = self.clock.now();
        let asked = self.pulse.begun();
        let mut more = (asked - requests) * FRAMES_PER_REQUEST + (self.written - bytes) / BYTES_PER_FRAME;
        self.granted = (asked, self.written, at);
        if now.since(at) >= FRAMES_PERIOD {
            more += FRAMES;
            self.granted.2 = now;
        }
        self.left = more.min(FRAMES_MAX);
        if self.left == 0 {
            return Err(io::Error::other("the peer floods the connection with frames"));
        }
        Ok(())
    }
}

impl Meter for Frames {
    fn came(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.pulse.hear();
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let wanted = self.header.get_mut(self.have..).unwrap_or_default();
            let taken = wanted.len().min(bytes.len());
            for (place, byte) in wanted.iter_mut().zip(bytes) {
                *place = *byte;
            }
            self.have += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.have == FRAME_HEADER {
                self.frame()?;
            }
        }
        Ok(())
    }

    fn went(&mut self, count: usize) {
        self.written += count as u64;
    }
}

/// Counts the bytes that an HTTP/1.1 server sends after each request.
#[derive(Debug, Default)]
pub(super) struct AnswerBytes(usize);

impl Meter for AnswerBytes {
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 += bytes.len();
        if self.0 > ANSWER_BYTES {
            return Err(io::Error::other("the answer does not end"));
        }
        Ok(())
    }

    fn went(&mut self, _: usize) {
        self.0 = 0;
    }
}
