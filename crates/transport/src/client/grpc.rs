//! The gRPC client: unary calls whose request is already encoded.
//!
//! Messages are framed here and handed to h2 as one buffer, so that HEADERS and DATA leave in one vectored write where
//! the peer's frame size and window allow it. No generated code, no codec, no copy of the message.

use super::answer::{Gathered, decoded};
use super::body::{Outgoing, PREFIX_LEN};
use super::dial::{Dialer, Surroundings};
use super::endpoint::{Target, absolute};
use super::line::{Line, Pulse, Seat};
use super::{CONNECT_TIMEOUT, CallError, RESPONSE_MAX, SetupError, words};
use crate::compression::Encoding;
use crate::status::{Code, Status, grpc_code_of_http};
use bytes::{Buf, Bytes};
use forebay_core::Ledger;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::response::Parts;
use http::{Request, Response, StatusCode, Uri};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// How often one call starts over because the connection that it was given took no more requests.
const FRESH_STARTS: usize = 2;

/// What a gRPC client is made from.
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// What to connect to.
    pub target: Target,
    /// How many connections share the calls, at least 1.
    pub connections: usize,
    /// Sent with every call (`metadata`), already checked.
    pub headers: HeaderMap,
    /// How messages are compressed before they are given to [`GrpcClient::call`].
    pub encoding: Encoding,
    /// Told to the server as `grpc-timeout`; zero for none. Keeping it is the caller's affair.
    pub timeout: Duration,
    /// The longest that name lookup and connecting may take.
    pub connect_timeout: Duration,
}

impl GrpcSettings {
    /// Uncompressed calls over one connection, without headers of the user's own and without a limit in time; connecting
    /// may take [`CONNECT_TIMEOUT`].
    pub fn to(target: Target) -> Self {
        GrpcSettings {
            target,
            connections: 1,
            headers: HeaderMap::new(),
            encoding: Encoding::Identity,
            timeout: Duration::ZERO,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}

/// A client of one gRPC server. Connections are opened when they are first needed.
#[derive(Debug)]
pub struct GrpcClient {
    target: Target,
    lines: Vec<Line>,
    next: AtomicUsize,
    headers: HeaderMap,
    encoding: Encoding,
    ledger: Ledger,
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

/// How a call ended without an answer.
enum Failed {
    /// The server has surely not looked at it.
    Untouched(String),
    /// The server may have looked at it.
    Broken(CallError),
}

impl GrpcClient {
    /// A client that is not connected yet. Fails if the target's host cannot stand in a URI.
    pub fn new(settings: GrpcSettings, surroundings: &Surroundings) -> Result<Self, SetupError> {
        let line = || {
            let dialer = Dialer::new(settings.target.clone(), settings.connect_timeout, surroundings);
            Line::new(dialer, surroundings.clone())
        };
        Ok(GrpcClient {
            lines: (0..settings.connections.max(1)).map(|_| line()).collect(),
            next: AtomicUsize::new(0),
            headers: call_headers(&settings)?,
            encoding: settings.encoding,
            ledger: surroundings.ledger.clone(),
            target: settings.target,
        })
    }

    /// The method with this path: `/package.Service/Method`.
    pub fn method(&self, path: &str) -> Result<GrpcMethod, SetupError> {
        Ok(GrpcMethod(absolute(&self.target, path)?))
    }

    /// Calls `method` with the message that `slices` make up, which is compressed as the settings say. May be dropped at
    /// any time: the call is then cancelled and the connection stays.
    pub async fn call(&self, method: &GrpcMethod, slices: &[Bytes]) -> Result<GrpcReply, CallError> {
        let compressed = self.encoding != Encoding::Identity;
        let Some(body) = Outgoing::message(slices, compressed) else {
            return Err(CallError::Unusable("a gRPC message is shorter than 4 GiB".into()));
        };
        let mut left = FRESH_STARTS;
        loop {
            let line = self.line()?;
            let seat = line.seat().await?;
            match self.exchange(line, seat, (method, body.clone())).await {
                Ok(reply) => return Ok(reply),
                Err(Failed::Broken(error)) => return Err(error),
                Err(Failed::Untouched(why)) if left == 0 => return Err(CallError::unreachable(why)),
                Err(Failed::Untouched(_)) => left -= 1,
            }
        }
    }

    /// Lets the connections go once the calls on them have ended.
    pub fn close(&self) {
        self.lines.iter().for_each(Line::close);
    }

    fn line(&self) -> Result<&Line, CallError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len().max(1);
        self.lines
            .get(turn)
            .ok_or_else(|| CallError::unreachable("no connection"))
    }

    async fn exchange(
        &self,
        line: &Line,
        seat: Seat,
        (method, body): (&GrpcMethod, Outgoing),
    ) -> Result<GrpcReply, Failed> {
        let Seat { sender, pulse } = seat;
        let _underway = pulse.begin();
        let mut request = Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = method.0.clone();
        *request.headers_mut() = self.headers.clone();
        let untouched = |error: h2::Error| {
            pulse.leave();
            Failed::Untouched(words("the connection is closing", &error))
        };
        let mut sender = sender.ready().await.map_err(untouched)?;
        let (answer, mut stream) = sender.send_request(request, false).map_err(untouched)?;
        // What is wrong with the stream, if this fails, is told by its answer.
        let _ = stream.send_data(body, true);
        let (head, tail) = await_head(answer, &pulse).await?.into_parts();
        line.answered(&pulse);
        if head.status != StatusCode::OK {
            return Ok(GrpcReply::without_message(foreign_status(&head)));
        }
        read_reply(&head.headers, tail, &self.ledger)
            .await
            .map_err(Failed::Broken)
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

async fn await_head(answer: ResponseFuture, pulse: &Pulse) -> Result<Response<RecvStream>, Failed> {
    answer.await.map_err(|error| {
        let closing = error.is_go_away() && error.is_remote();
        if closing {
            pulse.leave();
        }
        let refused = error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        if closing || refused {
            Failed::Untouched(words("the server turned the request away", &error))
        } else {
            Failed::Broken(CallError::unreachable(words("no answer", &error)))
        }
    })
}

/// Reads message and trailers. A status in the header block is an answer without either ("Trailers-Only").
async fn read_reply(
    headers: &HeaderMap,
    mut tail: RecvStream,
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
    let body = read_body(&mut tail, ledger).await?;
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

async fn read_body(tail: &mut RecvStream, ledger: &Ledger) -> Result<Bytes, CallError> {
    let mut whole = Gathered::new(RESPONSE_MAX + PREFIX_LEN, ledger);
    while let Some(piece) = tail.data().await {
        let piece = piece.map_err(|error| CallError::unreachable(words("the answer broke off", &error)))?;
        whole.push(&piece)?;
        // Fails if the stream is gone: then the next piece says so.
        let _ = tail.flow_control().release_capacity(piece.len());
    }
    Ok(whole.finish())
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
