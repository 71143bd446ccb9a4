//! Bodies of requests: framing, limits and decompression, cut into pieces of any size.

use crate::surroundings::hasty;
use ::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use forebay_core::Ledger;
use forebay_transport::compression::Encoding;
use forebay_transport::server::{Admission, Buffers, LimitsConfig, Message, Refusal, Workbench, grpc, http};
use forebay_transport::status::Code;
use futures_util::FutureExt;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

const ENCODINGS: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Zstd,
    Encoding::Deflate,
];
/// The most bytes of a body. More than a large read buffer, so that both ways of keeping a body are taken.
const LIMIT: usize = 256 << 10;
/// Roomy, so that it is the limit that refuses.
const BUDGET: u64 = 64 << 20;

/// Chunks, after which the body ends or stalls.
struct Chunks {
    rest: Bytes,
    size: usize,
    announced: bool,
    ends: bool,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return if self.ends {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        let size = self.size.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.ends && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced {
            SizeHint::with_exact(self.rest.len() as u64)
        } else {
            SizeHint::new()
        }
    }
}

/// How a body arrives.
#[derive(Clone, Copy)]
struct Manner {
    grpc: bool,
    encoding: Encoding,
    announced: bool,
    ends: bool,
    /// For gRPC: a right prefix is put before the body.
    framed: bool,
}

impl Manner {
    fn of(byte: u8) -> Self {
        Manner {
            grpc: byte & 1 != 0,
            encoding: ENCODINGS[usize::from(byte >> 1 & 3)],
            announced: byte & 8 != 0,
            ends: byte & 16 == 0,
            framed: byte & 32 == 0,
        }
    }

    fn headers(self) -> HeaderMap {
        let name = if self.grpc {
            "grpc-encoding"
        } else {
            "content-encoding"
        };
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(self.encoding.as_str()));
        headers
    }

    /// The bytes of the body on the wire.
    fn wire(self, body: &[u8]) -> Bytes {
        if !(self.grpc && self.framed) {
            return Bytes::copy_from_slice(body);
        }
        let mut framed = vec![u8::from(self.encoding != Encoding::Identity)];
        framed.extend((body.len() as u32).to_be_bytes());
        framed.extend(body);
        framed.into()
    }

    /// Reads the body in chunks of `size` bytes.
    fn read(self, wire: &Bytes, size: usize) -> Result<Bytes, Refusal> {
        let admission = Admission {
            ledger: Ledger::new(BUDGET),
            clock: hasty(),
            pace: LimitsConfig::default().body_pace(),
            max_bytes: LIMIT,
            buffers: Buffers::for_budget(BUDGET),
            workbench: Workbench::default(),
        };
        let body = Chunks {
            rest: wire.clone(),
            size: size.max(1),
            announced: self.announced,
            ends: self.ends,
        };
        let headers = self.headers();
        let read = if self.grpc {
            grpc::read(&headers, body, &admission).now_or_never()
        } else {
            http::read(&headers, body, &admission).now_or_never()
        };
        let outcome = read.expect("it waits for nothing but time").map(|message| {
            let Message { bytes, lease } = message;
            assert!(bytes.len() <= LIMIT, "{} bytes pass the limit", bytes.len());
            assert!(lease.bytes() >= bytes.len() as u64, "more is held than leased");
            bytes
        });
        assert_eq!(admission.ledger.read().used, 0, "a lease is left behind");
        outcome
    }
}

/// A body comes out the same however it was cut, within its limit, under its lease; or it is refused for good.
pub(crate) fn check(data: &[u8]) {
    let [manner, size, body @ ..] = data else {
        return;
    };
    let manner = Manner::of(*manner);
    let wire = manner.wire(body);
    let whole = manner.read(&wire, usize::MAX);
    let pieces = manner.read(&wire, usize::from(*size));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces, "cut in other places, it says something else"),
        (Err(refusal), Err(_)) => {
            let status = refusal.status();
            assert_ne!(status.code, Code::Ok);
            assert!(!status.message.is_empty());
        }
        _ => panic!("cut in other places, it is another body: {whole:?} {pieces:?}"),
    }
    if let (Ok(whole), Encoding::Identity, false) = (&whole, manner.encoding, manner.grpc) {
        assert_eq!(&whole[..], body);
    }
}
