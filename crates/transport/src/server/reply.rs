//! The body of an answer.

use super::pulse::UnderWay;
use crate::status::Status;
use ::http::HeaderMap;
use ::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The messages of a streaming call, each with its prefix; the call ends with the first failure, or after the last message.
pub(super) type Messages = BoxStream<'static, Result<Bytes, Status>>;

/// The body of an answer: at most one piece of data, and for gRPC the trailers of success; or the messages of a streaming call.
pub struct Reply {
    data: Option<Bytes>,
    trailers: bool,
    /// Until the answer has gone, its request is under way.
    under_way: Option<UnderWay>,
    messages: Option<Messages>,
}

impl Reply {
    pub(super) fn nothing() -> Self {
        Reply {
            data: None,
            trailers: false,
            under_way: None,
            messages: None,
        }
    }

    pub(super) fn whole(data: Bytes) -> Self {
        Reply {
            data: Some(data).filter(|data| !data.is_empty()),
            trailers: false,
            under_way: None,
            messages: None,
        }
    }

    pub(super) fn call(data: Bytes) -> Self {
        Reply {
            data: Some(data),
            trailers: true,
            messages: None,
            under_way: None,
        }
    }

    /// Keeps `under_way` until the answer has gone.
    pub(super) fn keep(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }

    /// The data, if it is not a stream.
    pub(super) fn data(&self) -> Option<&Bytes> {
        self.data.as_ref()
    }

    pub(super) fn stream(messages: Messages) -> Self {
        Reply {
            data: None,
            trailers: true,
            messages: Some(messages),
            under_way: None,
        }
    }

    /// The next message of a streaming call, or the trailers that say how it failed. Nothing after the last message.
    fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let Some(messages) = &mut self.messages else {
            return Poll::Ready(None);
        };
        let next = std::task::ready!(messages.poll_next_unpin(context));
        Poll::Ready(match next {
            Some(Ok(message)) => Some(Frame::data(message)),
            Some(Err(status)) => {
                self.messages = None;
                self.trailers = false;
                let mut trailers = HeaderMap::with_capacity(3);
                status.write_trailers(&mut trailers);
                Some(Frame::trailers(trailers))
            }
            None => {
                self.messages = None;
                None
            }
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("data", &self.data)
            .field("trailers", &self.trailers)
            .field("is_stream", &self.messages.is_some())
            .finish()
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(frame) = std::task::ready!(self.poll_messages(context)) {
            return Poll::Ready(Some(Ok(frame)));
        }
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
