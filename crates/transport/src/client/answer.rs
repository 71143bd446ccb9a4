//! The body of an answer: gathered under a limit, decompressed under the same limit.

use super::{CallError, RESPONSE_MAX, words};
use crate::compression::{Decompressor, Encoding};
use bytes::{Bytes, BytesMut};
use forebay_core::{Lease, Ledger};
use h2::RecvStream;
use http::HeaderMap;
use std::fmt::Display;

/// What an answer may hold without a lease: hardly any is longer.
const FREE: usize = 16 << 10;

/// The most pieces that a body may come in: each costs work, however short it is.
const PIECES: usize = 16_384;

/// Puts the pieces of a body together.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    whole: BytesMut,
    limit: usize,
    pieces: usize,
    ledger: &'a Ledger,
    lease: Option<Lease>,
}

impl<'a> Gathered<'a> {
    /// An empty body that may become `limit` bytes long.
    pub(super) fn new(limit: usize, ledger: &'a Ledger) -> Self {
        Gathered {
            whole: BytesMut::new(),
            limit,
            pieces: 0,
            ledger,
            lease: None,
        }
    }

    /// Adds a piece, or says that the answer is too long or that there is no memory for it.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), CallError> {
        self.pieces += 1;
        if self.pieces > PIECES {
            return Err(CallError::Unusable("the answer comes in too many pieces".into()));
        }
        let length = self.whole.len() + piece.len();
        if length > self.limit {
            return Err(too_long());
        }
        if length > FREE {
            self.cover(piece.len() as u64)?;
        }
        self.whole.extend_from_slice(piece);
        Ok(())
    }

    /// The body.
    pub(super) fn finish(self) -> Bytes {
        self.whole.freeze()
    }

    fn cover(&mut self, bytes: u64) -> Result<(), CallError> {
        let outcome = match &self.lease {
            Some(lease) => lease.grow(bytes),
            None => self.ledger.lease(bytes).map(|lease| self.lease = Some(lease)),
        };
        outcome.map_err(|error| unreadable(&error))
    }
}

/// The body of an answer over HTTP/2, of `limit` bytes at most.
pub(super) async fn gather(tail: &mut RecvStream, limit: usize, ledger: &Ledger) -> Result<Bytes, CallError> {
    let mut whole = Gathered::new(limit, ledger);
    while let Some(piece) = tail.data().await {
        let piece = piece.map_err(|error| CallError::unreachable(words("the answer broke off", &error)))?;
        whole.push(&piece)?;
        // Fails if the stream is gone: then the next piece says so.
        let _ = tail.flow_control().release_capacity(piece.len());
    }
    Ok(whole.finish())
}

/// The body, out of the encoding that the header `name` names.
pub(super) fn decoded(
    headers: &HeaderMap,
    name: &str,
    body: Bytes,
    ledger: &Ledger,
) -> Result<Bytes, CallError> {
    let value = headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let encoding = Encoding::parse(value).ok_or_else(|| unreadable(&"unknown encoding"))?;
    if encoding == Encoding::Identity || body.is_empty() {
        return Ok(body);
    }
    let lease = ledger.lease(0).map_err(|error| unreadable(&error))?;
    let mut decompressor =
        Decompressor::new(encoding, RESPONSE_MAX, lease).map_err(|error| unreadable(&error))?;
    decompressor.push(&body).map_err(|error| unreadable(&error))?;
    let whole = decompressor.finish().map_err(|error| unreadable(&error))?;
    Ok(Bytes::from(whole))
}

fn too_long() -> CallError {
    CallError::Unusable(format!("the answer is longer than {RESPONSE_MAX} bytes").into())
}

fn unreadable(why: &dyn Display) -> CallError {
    CallError::Unusable(format!("cannot read the answer: {why}").into())
}
