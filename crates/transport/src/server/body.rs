//! Reading a body into one buffer, under a lease and a limit.

use super::buffers::Buffers;
use super::refusal::Refusal;
use super::workbench::Workbench;
use crate::compression::{Decompressor, Encoding};
use bytes::{Bytes, BytesMut};
use forebay_core::{Clock, Lease, Ledger, Time};
use futures_util::future::BoxFuture;
use http_body::Body;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long a body may be slower than it must be on average.
const GRACE: Duration = Duration::from_secs(10);
/// How often a slow body is looked at, at most.
const LOOK: Duration = Duration::from_millis(250);

/// A message that came in one frame of at least this size is kept where it was read: the read buffer was made for the frame
/// and holds little else. A smaller one is copied: it would keep a read buffer many times its size, which no lease covers.
const WORTH_KEEPING: usize = 64 << 10;

/// A body that came to its end before the message did. One that was broken off by its client is [`Refusal::Gone`].
const CUT_OFF: Refusal = Refusal::Malformed("the body ends before the message does");

/// On what terms a server takes bodies.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Where their memory is leased.
    pub ledger: Ledger,
    /// The clock that slow bodies are told by.
    pub clock: Clock,
    /// How fast a body must come in.
    pub pace: BodyPace,
    /// The most bytes that a body may have, on the wire and when decompressed.
    pub max_bytes: usize,
    /// Where bodies are put.
    pub buffers: Buffers,
    /// Where large ones are worked on.
    pub workbench: Workbench,
}

/// How fast a body must come in. While it does not, its lease is held for bytes that do not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyPace {
    /// How long it may take in all; nothing for any time.
    pub most: Option<Duration>,
    /// The least number of bytes per second on average, after ten seconds in which it may be slower. 0 for any.
    pub rate: u64,
}

impl BodyPace {
    /// How long after its start a body is late of which `received` bytes have come; nothing if it never is.
    fn late_after(self, received: u64) -> Option<Duration> {
        let due = (self.rate > 0).then(|| {
            let millis = received.saturating_mul(1000) / self.rate;
            GRACE.saturating_add(Duration::from_millis(millis))
        });
        match (due, self.most) {
            (Some(due), Some(most)) => Some(due.min(most)),
            (due, most) => due.or(most),
        }
    }
}

/// A body, whole and decompressed.
#[derive(Clone, Debug)]
pub struct Message {
    /// The bytes, in one piece.
    pub bytes: Bytes,
    /// The memory that they take.
    pub lease: Lease,
}

/// The data of a body, chunk by chunk, until it ends or is too slow.
pub(super) struct Chunks<'a, B> {
    body: B,
    clock: &'a Clock,
    pace: BodyPace,
    received: u64,
    wait: Option<Wait>,
}

/// A body that has been waited for.
struct Wait {
    since: Time,
    timer: BoxFuture<'static, ()>,
}

impl<'a, B: Body<Data = Bytes> + Unpin> Chunks<'a, B> {
    pub(super) fn new(body: B, clock: &'a Clock, pace: BodyPace) -> Self {
        Chunks {
            body,
            clock,
            pace,
            received: 0,
            wait: None,
        }
    }

    /// The next chunk, never empty; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// At least `count` bytes, if there are so many.
    pub(super) async fn at_least(&mut self, count: usize) -> Result<Bytes, Refusal> {
        let first = self.next().await?.unwrap_or_default();
        if first.len() >= count {
            return Ok(first);
        }
        let mut joined = BytesMut::from(first);
        while joined.len() < count {
            match self.next().await? {
                Some(chunk) => joined.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(joined.freeze())
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refusal>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Refusal::Gone)),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => {
                        self.received += chunk.len() as u64;
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                    // Trailers, or an empty frame that ends the stream.
                    _ => {}
                },
                Poll::Pending => return self.poll_late(context).map(Err),
            }
        }
    }

    /// There is no timer for a body that is there already. The one of a body that is waited for is set for the moment at
    /// which it will be late if nothing more comes, and then set anew if something came.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        loop {
            let Some(late_after) = self.pace.late_after(self.received) else {
                return Poll::Pending;
            };
            let clock = self.clock;
            let wait = self.wait.get_or_insert_with(|| {
                let since = clock.now();
                let timer = clock.sleep_until(since.after(late_after));
                Wait { since, timer }
            });
            ready!(wait.timer.as_mut().poll(context));
            let (now, late) = (clock.now(), wait.since.after(late_after));
            if now >= late {
                return Poll::Ready(Refusal::Stalled);
            }
            wait.timer = clock.sleep_until(late.max(now.after(LOOK)));
        }
    }

    /// Refuses what comes after the end of the message.
    async fn expect_end(&mut self) -> Result<(), Refusal> {
        if self.body.is_end_stream() {
            return Ok(());
        }
        match self.next().await? {
            None => Ok(()),
            Some(_) => Err(Refusal::Malformed("bytes after the end of the message")),
        }
    }
}

/// What is known of a message before it is read.
pub(super) struct Announced<'a> {
    pub(super) encoding: Encoding,
    /// Its bytes on the wire, where that is known. They are leased.
    pub(super) wire: Option<usize>,
    pub(super) limit: usize,
    pub(super) lease: Lease,
    pub(super) buffers: &'a Buffers,
    pub(super) workbench: &'a Workbench,
}

/// Reads the rest of a message that begins with `first`.
pub(super) async fn collect<B: Body<Data = Bytes> + Unpin>(
    first: Bytes,
    chunks: &mut Chunks<'_, B>,
    announced: Announced<'_>,
) -> Result<Message, Refusal> {
    let Announced {
        encoding,
        wire,
        limit,
        lease,
        buffers,
        workbench,
    } = announced;
    let bytes = match wire {
        Some(wire) if encoding == Encoding::Identity && first.len() == wire && wire >= WORTH_KEEPING => {
            chunks.expect_end().await?;
            first
        }
        Some(wire) if encoding == Encoding::Identity => fill(first, chunks, wire, buffers).await?,
        _ => {
            let decompressor = Decompressor::new(encoding, limit, lease.clone())?;
            decompress(first, chunks, wire, (decompressor, workbench)).await?
        }
    };
    Ok(Message { bytes, lease })
}

/// Exactly `wire` bytes, in a buffer of their own.
async fn fill<B: Body<Data = Bytes> + Unpin>(
    first: Bytes,
    chunks: &mut Chunks<'_, B>,
    wire: usize,
    buffers: &Buffers,
) -> Result<Bytes, Refusal> {
    let mut buffer = buffers.take(wire);
    let mut chunk = first;
    loop {
        if chunk.len() > wire - buffer.len() {
            return Err(Refusal::Malformed("bytes after the end of the message"));
        }
        buffer.extend(&chunk);
        // The read buffer that it came in is wanted for the next frame.
        drop(chunk);
        if buffer.len() == wire {
            chunks.expect_end().await?;
            return Ok(buffer.freeze());
        }
        chunk = chunks.next().await?.ok_or(CUT_OFF)?;
    }
}

async fn decompress<B: Body<Data = Bytes> + Unpin>(
    first: Bytes,
    chunks: &mut Chunks<'_, B>,
    wire: Option<usize>,
    (mut decompressor, workbench): (Decompressor, &Workbench),
) -> Result<Bytes, Refusal> {
    let mut taken = 0_usize;
    let mut chunk = first;
    loop {
        taken += chunk.len();
        if wire.is_some_and(|wire| taken > wire) {
            return Err(Refusal::Malformed("bytes after the end of the message"));
        }
        workbench.decompress(&chunk, &mut decompressor).await?;
        match chunks.next().await? {
            Some(next) => chunk = next,
            None if wire.is_some_and(|wire| taken < wire) => return Err(CUT_OFF),
            None => {
                let _turn = workbench.turn(decompressor.produced()).await;
                return Ok(Bytes::from(decompressor.finish()?));
            }
        }
    }
}
