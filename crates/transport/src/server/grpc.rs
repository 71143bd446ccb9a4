//! gRPC's framing for unary calls, as far as OTLP needs it (gRPC, "PROTOCOL-HTTP2").

use super::body::{Admission, Announced, Chunks, Message, collect};
use super::buffers::capacity_for;
use super::pack::{GZIP, packed};
use super::refusal::Refusal;
use super::reply::Reply;
use crate::compression::Encoding;
use crate::status::{Code, Status};
use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{HeaderMap, Response, StatusCode};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use http_body::Body;

/// The length of what goes before each message: a flag, and the length of the message in four bytes.
const PREFIX: usize = 5;

const CONTENT_TYPE_GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Whether a request is gRPC with protobuf, by its content type: `application/grpc` or `application/grpc+proto`, with or
/// without parameters.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    match rest {
        Some(rest) => {
            let rest = rest.strip_prefix(b"+proto").unwrap_or(rest);
            matches!(rest.first(), None | Some(b';' | b' '))
        }
        None => false,
    }
}

/// Reads the one message of a unary call. Its length stands before it, and is leased before anything more is read.
///
/// # Errors
///
/// See [`Refusal`]. What was not read is for HTTP/2 to cancel.
pub async fn read<B: Body<Data = Bytes> + Unpin>(
    headers: &HeaderMap,
    body: B,
    admission: &Admission,
) -> Result<Message, Refusal> {
    let mut chunks = Chunks::new(body, &admission.clock, admission.pace);
    let mut first = chunks.at_least(PREFIX).await?;
    if first.len() < PREFIX {
        return Err(Refusal::Malformed("the call has no message"));
    }
    let (flag, length) = (first.get_u8(), first.get_u32());
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let encoding = match flag {
        0 => Encoding::Identity,
        1 => encoding_of(headers)?,
        _ => return Err(Refusal::Malformed("the message's flag is neither 0 nor 1")),
    };
    let limit = admission.max_bytes;
    if length > limit {
        return Err(Refusal::TooLarge { limit });
    }
    let lease = admission.ledger.lease(capacity_for(length) as u64)?;
    let announced = Announced {
        encoding,
        wire: Some(length),
        limit,
        lease,
        buffers: &admission.buffers,
        workbench: &admission.workbench,
    };
    collect(first, &mut chunks, announced).await
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let name = headers.get(GRPC_ENCODING).ok_or(Refusal::Malformed(
        "the message is compressed, and no grpc-encoding says how",
    ))?;
    Encoding::parse(name.as_bytes()).ok_or(Refusal::Encoding)
}

/// A message with its prefix, ready for [`succeed`].
pub fn frame(message: &[u8]) -> Bytes {
    prefixed(0, message)
}

fn prefixed(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(flag);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The answer with a message, which has its prefix already: see [`frame`].
pub fn succeed(framed: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::call(framed));
    response.headers_mut().insert(CONTENT_TYPE, CONTENT_TYPE_GRPC);
    response
}

/// The answer with a message that may be large, in gzip if the request accepts that and it is worth it.
pub fn succeed_with(request: &HeaderMap, message: &[u8]) -> Response<Reply> {
    match packed(request.get(GRPC_ACCEPT_ENCODING), message) {
        Some(packed) => {
            let mut response = succeed(prefixed(1, &packed));
            response.headers_mut().insert(GRPC_ENCODING, GZIP);
            response
        }
        None => succeed(frame(message)),
    }
}

/// The answer of a call with any number of messages, which have their prefixes already: see [`frame`]. The call ends after the
/// last, or with the first failure.
pub fn stream(messages: BoxStream<'static, Result<Bytes, Status>>) -> Response<Reply> {
    let mut response = Response::new(Reply::stream(messages));
    response.headers_mut().insert(CONTENT_TYPE, CONTENT_TYPE_GRPC);
    response
}

/// The answer without a message: all of it is in the headers ("Trailers-Only").
pub fn fail(status: &Status) -> Response<Reply> {
    let mut response = Response::new(Reply::nothing());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, CONTENT_TYPE_GRPC);
    status.write_trailers(headers);
    if status.code == Code::Unimplemented {
        // It may be for the compression; then the client wants to know which there are.
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(Encoding::ACCEPTED));
    }
    response
}

/// The answer to what is not gRPC at all.
pub fn unsupported_media_type() -> Response<Reply> {
    let mut response = Response::new(Reply::nothing());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}
