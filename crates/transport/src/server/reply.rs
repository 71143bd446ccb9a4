//! The body of an answer.

use super::pulse::UnderWay;
use ::http::HeaderMap;
use ::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The body of an answer: at most one piece of data, and for gRPC the trailers of success.
#[derive(Debug)]
pub struct Reply {
    data: Option<Bytes>,
    trailers: bool,
    /// Until the answer has gone, its request is under way.
    under_way: Option<UnderWay>,
}

impl Reply {
    pub(super) fn nothing() -> Self {
        Reply {
            data: None,
            trailers: false,
            under_way: None,
        }
    }

    pub(super) fn whole(data: Bytes) -> Self {
        Reply {
            data: Some(data).filter(|data| !data.is_empty()),
            trailers: false,
            under_way: None,
        }
    }

    pub(super) fn call(data: Bytes) -> Self {
        Reply {
            data: Some(data),
            trailers: true,
            under_way: None,
        }
    }

    /// Keeps `under_way` until the answer has gone.
    pub(super) fn keep(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = if let Some(data) = self.data.take() {
            Some(Frame::data(data))
        } else if std::mem::take(&mut self.trailers) {
            let mut trailers = HeaderMap::with_capacity(1);
            trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
            Some(Frame::trailers(trailers))
        } else {
            None
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && !self.trailers
    }

    fn size_hint(&self) -> SizeHint {
        if self.trailers {
            // An exact size would only add a header that no gRPC client reads.
            return SizeHint::new();
        }
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}
