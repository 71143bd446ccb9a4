//! OTLP/HTTP's framing: content types, bodies and answers.

use super::body::{Admission, Announced, Chunks, Message, collect};
use super::buffers::capacity_for;
use super::pack;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::compression::Encoding;
use crate::status::Status;
use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use ::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use http_body::Body;
use std::time::Duration;

/// How long the rest of a refused body is read.
pub const LINGER: Duration = Duration::from_secs(5);

/// How the messages of a request and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Format {
    /// What the content type says, without its parameters; nothing for another type or none.
    pub fn of(headers: &HeaderMap) -> Option<Format> {
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let media_type = value.split(|&byte| byte == b';').next()?.trim_ascii();
        if media_type.eq_ignore_ascii_case(b"application/x-protobuf") {
            Some(Format::Protobuf)
        } else if media_type.eq_ignore_ascii_case(b"application/json") {
            Some(Format::Json)
        } else {
            None
        }
    }

    /// The content type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Protobuf => "application/x-protobuf",
            Format::Json => "application/json",
        }
    }
}

/// Reads a whole body. If its length is announced, that is leased before anything is read; else it is leased as it grows.
///
/// # Errors
///
/// See [`Refusal`].
pub async fn read<B: Body<Data = Bytes> + Unpin>(
    headers: &HeaderMap,
    body: B,
    admission: &Admission,
) -> Result<Message, Refusal> {
    let encoding = match headers.get(CONTENT_ENCODING) {
        None => Encoding::Identity,
        Some(name) => Encoding::parse(name.as_bytes()).ok_or(Refusal::Encoding)?,
    };
    let limit = admission.max_bytes;
    let wire = body
        .size_hint()
        .exact()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if wire.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let lease = admission.ledger.lease(capacity_for(wire.unwrap_or(0)) as u64)?;
    let mut chunks = Chunks::new(body, &admission.clock, admission.pace);
    let first = chunks.next().await?.unwrap_or_default();
    collect(
        first,
        &mut chunks,
        Announced {
            encoding,
            wire,
            limit,
            lease,
            buffers: &admission.buffers,
            workbench: &admission.workbench,
        },
    )
    .await
}

/// Reads on to the end of a body that was refused, and keeps nothing of it. A client of HTTP/1 that is still sending when its
/// connection closes is reset, and may lose the answer that was on its way to it (RFC 9112, section 9.6). HTTP/2 can end one request
/// by itself (RFC 9113, section 8.1), but there are clients, curl among them, that then take the answer for broken. Gives up
/// after [`LINGER`], or as many bytes as a request may have.
pub async fn discard<B: Body<Data = Bytes> + Unpin>(body: B, admission: &Admission) {
    if body.is_end_stream() {
        return;
    }
    let mut chunks = Chunks::new(body, &admission.clock, admission.pace);
    let to_the_end = async {
        let mut left = admission.max_bytes;
        while let Ok(Some(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    tokio::select! {
        () = to_the_end => {}
        () = admission.clock.sleep(LINGER) => {}
    }
}

/// An answer with a body.
pub fn respond(status: StatusCode, format: Format, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::whole(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(format.as_str());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer that is its headers: 204.
pub fn no_content() -> Response<Reply> {
    let mut response = Response::new(Reply::nothing());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The same answer, its body in gzip if the request accepts that and it is worth it.
pub fn pack(request: &HeaderMap, response: Response<Reply>) -> Response<Reply> {
    pack::pack(request, response)
}

/// The answer for a failure: `google.rpc.Status` as body, and `Retry-After` where there is a delay. `http` is usually the
/// status's own, [`Status::http_status`].
pub fn fail(status: &Status, http: StatusCode, format: Format) -> Response<Reply> {
    let body = match format {
        Format::Protobuf => status.to_protobuf(),
        Format::Json => Bytes::from(status.to_json()),
    };
    let mut response = respond(http, format, body);
    if let Some(delay) = status.retry_after_header() {
        response.headers_mut().insert(RETRY_AFTER, delay);
    }
    response
}
