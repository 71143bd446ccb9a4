//! The gRPC client: unary calls whose request is already encoded.
//!
//! Messages are framed here and handed to h2 as one buffer, so that HEADERS and DATA leave in one vectored write where
//! the peer's frame size and window allow it. No generated code, no codec, no copy of the message.

use super::answer::{decoded, gather};
use super::body::{Outgoing, PREFIX_LEN};
use super::dial::{Dialer, Surroundings};
use super::endpoint::{Target, absolute};
use super::fleet::{self, Fleet};
use super::http::post;
use super::line::{Common, NoSeat};
use super::{CallError, ConnectSettings, RESPONSE_MAX, SetupError, words};
use crate::compression::Encoding;
use crate::status::{Code, Status, grpc_code_of_http};
use crate::tls::Alpn;
use bytes::{Buf, Bytes};
use forebay_core::Ledger;
use h2::RecvStream;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::response::Parts;
use http::{StatusCode, Uri};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What a gRPC client is made from.
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// What to connect to.
    pub target: Target,
    /// How connections come to be.
    pub connect: ConnectSettings,
    /// How many connections share the calls, at least 1. A name that has more addresses gets one for each, up to
    /// [`GrpcClient::SPREAD`].
    pub connections: usize,
    /// Sent with every call (`metadata`), already checked.
    pub headers: HeaderMap,
    /// How messages are compressed before they are given to [`GrpcClient::call`].
    pub encoding: Encoding,
    /// Told to the server as `grpc-timeout`; zero for none. Keeping it is the caller's affair.
    pub timeout: Duration,
}

impl GrpcSettings {
    /// Uncompressed calls over one connection, without headers of the user's own and without a limit in time.
    pub fn to(target: Target) -> Self {
        GrpcSettings {
            target,
            connect: ConnectSettings::default(),
            connections: 1,
            headers: HeaderMap::new(),
            encoding: Encoding::Identity,
            timeout: Duration::ZERO,
        }
    }
}

/// A client of one gRPC server. Connections are opened when they are first needed.
#[derive(Debug)]
pub struct GrpcClient {
    target: Target,
    secure: bool,
    fleet: Fleet,
    headers: HeaderMap,
    ledger: Ledger,
    encoding: Encoding,
}

/// A method of the server, ready to be called.
#[derive(Clone, Debug)]
pub struct GrpcMethod(Uri);

/// The server's answer.
#[derive(Clone, Debug)]
pub struct GrpcReply {
    /// How it went.
    pub status: Status,
    /// The response message, uncompressed; empty unless the status is OK. An error if it cannot be read.
    pub message: Result<Bytes, CallError>,
}

impl GrpcClient {
    /// The most connections that are made because a name has many addresses.
    pub const SPREAD: usize = fleet::SPREAD;

    /// A client that is not connected yet. Fails if the target's host cannot stand in a URI, or if the environment names a
    /// proxy that cannot be used.
    pub fn new(settings: GrpcSettings, surroundings: &Surroundings) -> Result<Self, SetupError> {
        let way = (&settings.target, &settings.connect);
        let common = Common {
            dialer: Arc::new(Dialer::new(way, true, surroundings)?),
            surroundings: surroundings.clone(),
            keepalive: settings.connect.keepalive,
            offer: Alpn::Http2,
            calm: AtomicU32::new(0),
        };
        Ok(GrpcClient {
            fleet: Fleet::new(Arc::new(common), settings.connections),
            headers: call_headers(&settings)?,
            encoding: settings.encoding,
            ledger: surroundings.ledger.clone(),
            secure: settings.connect.tls.is_some(),
            target: settings.target,
        })
    }

    /// The method with this path: `/package.Service/Method`.
    pub fn method(&self, path: &str) -> Result<GrpcMethod, SetupError> {
        Ok(GrpcMethod(absolute(&self.target, self.secure, path)?))
    }

    /// Calls `method` with the message that `slices` make up, which is compressed as the settings say, and with
    /// `authorization` as its header of that name. May be dropped at any time: the call is then cancelled and the
    /// connection stays.
    pub async fn call(
        &self,
        method: &GrpcMethod,
        slices: &[Bytes],
        authorization: Option<&HeaderValue>,
    ) -> Result<GrpcReply, CallError> {
        let compressed = self.encoding != Encoding::Identity;
        let Some(body) = Outgoing::message(slices, compressed) else {
            return Err(CallError::Unusable("a gRPC message is shorter than 4 GiB".into()));
        };
        let make = || post(method.0.clone(), self.headers.clone(), authorization);
        let mut answer = self.fleet.call(make, body).await.map_err(no_http2)?;
        if answer.head.status != StatusCode::OK {
            return Ok(GrpcReply::without_message(foreign_status(&answer.head)));
        }
        read_reply(&answer.head.headers, &mut answer.tail, &self.ledger).await
    }

    /// Lets the connections go once the calls on them have ended.
    pub fn close(&self) {
        self.fleet.close();
    }
}

/// gRPC has nothing to fall back to.
fn no_http2(why: NoSeat) -> CallError {
    match why {
        NoSeat::Failed(error) => error,
        NoSeat::Older(_) => {
            CallError::Unusable("the server wants HTTP/1.1, which gRPC is not spoken over".into())
        }
    }
}

impl GrpcReply {
    fn without_message(status: Status) -> Self {
        GrpcReply {
            status,
            message: Ok(Bytes::new()),
        }
    }
}

/// The status of an answer that is not a gRPC server's own: a proxy's, mostly.
fn foreign_status(head: &Parts) -> Status {
    Status::from_trailers(&head.headers).unwrap_or_else(|| {
        let code = grpc_code_of_http(head.status);
        Status::new(code, format!("the answer has HTTP status {}", head.status))
    })
}

/// Reads message and trailers. A status in the header block is an answer without either ("Trailers-Only").
async fn read_reply(
    headers: &HeaderMap,
    tail: &mut RecvStream,
    ledger: &Ledger,
) -> Result<GrpcReply, CallError> {
    if let Some(status) = status_of(headers) {
        return Ok(GrpcReply::without_message(status));
    }
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if !headers.get(CONTENT_TYPE).is_some_and(is_grpc) {
        return Err(CallError::Unusable(
            "the answer is not gRPC: is this a gRPC port?".into(),
        ));
    }
    let body = gather(tail, RESPONSE_MAX + PREFIX_LEN, ledger).await?;
    let broken = |error: h2::Error| CallError::unreachable(words("the answer broke off", &error));
    let trailers = tail.trailers().await.map_err(broken)?.unwrap_or_default();
    let status =
        status_of(&trailers).ok_or_else(|| CallError::unreachable("the answer ended without a status"))?;
    if status.code != Code::Ok {
        return Ok(GrpcReply::without_message(status));
    }
    let message = unframe(headers, body, ledger);
    Ok(GrpcReply { status, message })
}

/// The status in a header block, if there is one. Success, which has nothing more to say, is read without a parse.
fn status_of(headers: &HeaderMap) -> Option<Status> {
    match headers.get(&GRPC_STATUS)?.as_bytes() {
        b"0" => Some(Status::new(Code::Ok, "")),
        _ => Status::from_trailers(headers),
    }
}

/// Takes the one message out of its frame. No frame at all is taken as an empty message: the status says OK.
fn unframe(headers: &HeaderMap, mut body: Bytes, ledger: &Ledger) -> Result<Bytes, CallError> {
    if body.is_empty() {
        return Ok(body);
    }
    if body.len() < PREFIX_LEN {
        return Err(CallError::Unusable("the answer's message is cut off".into()));
    }
    let (compressed, length) = (body.get_u8() != 0, body.get_u32());
    if usize::try_from(length) != Ok(body.len()) {
        return Err(CallError::Unusable("the answer is not one message".into()));
    }
    if compressed {
        // grpc-go answers in the encoding of the request, whatever the client says it accepts.
        decoded(headers, "grpc-encoding", body, ledger)
    } else {
        Ok(body)
    }
}

/// What every call's header block holds (gRPC over HTTP/2, "Request-Headers").
fn call_headers(settings: &GrpcSettings) -> Result<HeaderMap, SetupError> {
    let mut headers = HeaderMap::new();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
    if settings.encoding != Encoding::Identity {
        let name = HeaderName::from_static("grpc-encoding");
        headers.insert(name, HeaderValue::from_static(settings.encoding.as_str()));
    }
    if !settings.timeout.is_zero() {
        let name = HeaderName::from_static("grpc-timeout");
        headers.insert(
            name,
            HeaderValue::try_from(timeout_words(settings.timeout)).map_err(http::Error::from)?,
        );
    }
    // The user's own last: a `user-agent` of theirs replaces ours.
    headers.extend(settings.headers.clone());
    Ok(headers)
}

/// A duration as `grpc-timeout` says it: at most eight digits and a unit.
fn timeout_words(timeout: Duration) -> String {
    const MOST: u128 = 99_999_999;
    match timeout.as_millis() {
        millis @ 1..=MOST => format!("{millis}m"),
        0 => format!("{}u", timeout.as_micros().max(1)),
        _ => format!("{}S", u128::from(timeout.as_secs()).min(MOST)),
    }
}
