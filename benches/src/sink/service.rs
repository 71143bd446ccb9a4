//! Answers requests.

use super::mode::{self, Condition, Failure, Mode};
use super::{Shared, json, path};
use crate::Result;
use crate::compression::Compression;
use bytes::{Bytes, BytesMut};
use forebay_otlp::Signal;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic_types::{ErrorDetails, StatusExt};

/// A request body at most: 256 MiB.
const BODY_BYTES_MAX: usize = 256 << 20;

pub(super) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let grpc = is(&request, b"application/grpc");
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| request.uri().path() == path(*signal, grpc));
    let Some(signal) = signal else {
        return Ok(plain(StatusCode::NOT_FOUND));
    };
    let mut watch = shared.mode.subscribe();
    mode::until(&mut watch, |condition| condition != Condition::Dead).await;
    let mode = watch.borrow().clone();
    if mode.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(mode.delay_ms)).await;
    }
    Ok(take(&shared, &mode, signal, request).await)
}

async fn take(shared: &Shared, mode: &Mode, signal: Signal, request: Request<Incoming>) -> Response<Reply> {
    let grpc = is(&request, b"application/grpc");
    let as_json = is(&request, b"application/json");
    let read = read(grpc, request).await;
    if mode.fails() {
        shared.account.refused.fetch_add(1, Ordering::Relaxed);
        return failure(grpc, mode.failure());
    }
    let taken = read.and_then(|body| {
        if as_json {
            shared
                .account
                .take_known(signal, json::identities(signal, &body)?, body.len());
            return Ok(());
        }
        Ok(shared.account.take(signal, &body)?)
    });
    match taken {
        Ok(()) => success(grpc, as_json),
        Err(_) => {
            shared.account.malformed.fetch_add(1, Ordering::Relaxed);
            failure(
                grpc,
                Failure {
                    grpc: 3,
                    http: 400,
                    retry_delay: None,
                },
            )
        }
    }
}

fn is(request: &Request<Incoming>, content_type: &[u8]) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(content_type))
}

/// The message of the request, without framing and compression.
async fn read(grpc: bool, request: Request<Incoming>) -> Result<Bytes> {
    let encoding = if grpc { "grpc-encoding" } else { "content-encoding" };
    let codec = request
        .headers()
        .get(encoding)
        .map_or("", |value| value.to_str().unwrap_or("unknown"));
    let codec = Compression::from_header(codec)?;
    let body = collect(request.into_body()).await?;
    if !grpc {
        return codec.decompress(body);
    }
    let prefix: [u8; 5] = *body.first_chunk().ok_or("no gRPC prefix")?;
    let [compressed, length @ ..] = prefix;
    let message = body.slice(5..);
    if message.len() != u32::from_be_bytes(length) as usize {
        return Err("wrong gRPC length".into());
    }
    if compressed == 0 {
        Ok(message)
    } else {
        codec.decompress(message)
    }
}

/// The whole body. One that came in one piece is not copied.
async fn collect(mut body: Incoming) -> Result<Bytes> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(expected(&first, &body));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
        if rest.len() > BODY_BYTES_MAX {
            return Err("body too large".into());
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Room to reserve for a body: what `content-length` or the gRPC prefix announces, within reason.
fn expected(first: &Bytes, body: &Incoming) -> usize {
    let announced = match (body.size_hint().upper(), first.as_ref()) {
        (Some(rest), _) => first.len() + rest as usize,
        (None, [0 | 1, a, b, c, d, ..]) => 5 + u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        _ => first.len() * 2,
    };
    announced.min(16 << 20)
}

fn success(grpc: bool, as_json: bool) -> Response<Reply> {
    // An empty response message: 5 bytes of framing, or nothing.
    if grpc {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let reply = Reply {
            data: Some(Bytes::from_static(&[0; 5])),
            trailers: Some(trailers),
        };
        return with_type(reply, "application/grpc");
    }
    let (data, content_type) = if as_json {
        (Bytes::from_static(b"{}"), "application/json")
    } else {
        (Bytes::new(), "application/x-protobuf")
    };
    with_type(
        Reply {
            data: Some(data),
            trailers: None,
        },
        content_type,
    )
}

fn with_type(reply: Reply, content_type: &'static str) -> Response<Reply> {
    let mut response = Response::new(reply);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn failure(grpc: bool, failure: Failure) -> Response<Reply> {
    if grpc {
        let details = match failure.retry_delay {
            Some(delay) => ErrorDetails::with_retry_info(Some(delay)),
            None => ErrorDetails::new(),
        };
        let status = tonic::Status::with_error_details(tonic::Code::from_i32(failure.grpc), "sink", details);
        return status.into_http();
    }
    let mut response = plain(StatusCode::from_u16(failure.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(delay) = failure.retry_delay {
        let seconds = delay.as_millis().div_ceil(1000) as u64;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn plain(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::default());
    *response.status_mut() = status;
    response
}

/// The body of an answer: at most one piece, then trailers.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) data: Option<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().filter(|data| !data.is_empty()).map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.as_ref().is_none_or(Bytes::is_empty) && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}
