//! The body of a request: an optional gRPC prefix and the slices of a payload, as one [`Buf`] that copies nothing.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The length of a gRPC message's prefix: a flag and a big-endian length (gRPC over HTTP/2, "Length-Prefixed-Message").
pub(super) const PREFIX_LEN: usize = 5;

/// What is still to be written of one request body.
///
/// The whole message is one buffer, so HTTP/2 DATA frames as large as the peer allows are written by one vectored write,
/// straight out of the slices as they were received.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    prefix: [u8; PREFIX_LEN],
    /// How many bytes of the prefix are written; all of them where there is none.
    prefix_done: usize,
    slices: SmallVec<[Bytes; 2]>,
    /// The first slice that is not wholly written.
    next: usize,
    remaining: usize,
}

impl Outgoing {
    /// The slices alone: an HTTP/1.1 body.
    pub(super) fn plain(slices: &[Bytes]) -> Self {
        let slices: SmallVec<[Bytes; 2]> = slices.iter().filter(|s| !s.is_empty()).cloned().collect();
        Outgoing {
            prefix: [0; PREFIX_LEN],
            prefix_done: PREFIX_LEN,
            remaining: slices.iter().map(Bytes::len).sum(),
            slices,
            next: 0,
        }
    }

    /// The slices as one gRPC message. Nothing if it is 4 GiB long or longer, which gRPC cannot say.
    pub(super) fn message(slices: &[Bytes], compressed: bool) -> Option<Self> {
        let mut body = Outgoing::plain(slices);
        let [a, b, c, d] = u32::try_from(body.remaining).ok()?.to_be_bytes();
        body.prefix = [u8::from(compressed), a, b, c, d];
        body.prefix_done = 0;
        body.remaining += PREFIX_LEN;
        Some(body)
    }

    fn prefix_left(&self) -> &[u8] {
        self.prefix.get(self.prefix_done..).unwrap_or_default()
    }

    fn slices_left(&self) -> &[Bytes] {
        self.slices.get(self.next..).unwrap_or_default()
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        match self.prefix_left() {
            [] => self.slices_left().first().map_or(&[], |slice| slice),
            prefix => prefix,
        }
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let prefix = Some(self.prefix_left()).filter(|prefix| !prefix.is_empty());
        let parts = prefix
            .into_iter()
            .chain(self.slices_left().iter().map(|slice| &**slice));
        let mut filled = 0;
        for (slot, part) in out.iter_mut().zip(parts) {
            *slot = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        // The contract of `Buf`: going past the end is a fault of the caller. Here it stops at the end.
        let mut count = count.min(self.remaining);
        self.remaining -= count;
        let of_prefix = count.min(PREFIX_LEN - self.prefix_done);
        self.prefix_done += of_prefix;
        count -= of_prefix;
        while count > 0 {
            let Some(slice) = self.slices.get_mut(self.next) else {
                return;
            };
            if count < slice.len() {
                slice.advance(count);
                return;
            }
            count -= slice.len();
            self.next += 1;
        }
    }
}

/// [`Outgoing`] as the body of an HTTP/1.1 request: one frame, its length known.
#[derive(Debug)]
pub(super) struct OneFrame(pub(super) Option<Outgoing>);

impl http_body::Body for OneFrame {
    type Data = Outgoing;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Outgoing>, Infallible>>> {
        Poll::Ready(self.0.take().map(|whole| Ok(http_body::Frame::data(whole))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let left = self.0.as_ref().map_or(0, Buf::remaining);
        http_body::SizeHint::with_exact(left as u64)
    }
}
