//! A sender that sends what it is given, byte by byte, and tells what it is told.

use super::attack::{Attack, Encoding, Verdict};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What a sender was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// What is right or wrong with the request.
    Verdict(Verdict),
    /// To come again later, and when.
    Later,
    /// Something else, or nothing.
    Else(String),
}

/// A connection of one protocol.
pub(crate) enum Raw {
    Grpc(http2::SendRequest<Full<Bytes>>),
    /// HTTP/1 closes connections after some refusals: then there is a new one.
    Http(SocketAddr, Option<http1::SendRequest<Full<Bytes>>>),
}

impl Raw {
    pub(crate) async fn grpc(server: SocketAddr) -> Raw {
        let stream = TcpStream::connect(server).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Raw::Grpc(sender)
    }

    pub(crate) fn http(server: SocketAddr) -> Raw {
        Raw::Http(server, None)
    }

    /// Whether this protocol can carry the attack.
    pub(crate) fn can_send(&self, attack: &Attack) -> bool {
        match self {
            Raw::Grpc(_) => !attack.json,
            Raw::Http(..) => attack.announced.is_none(),
        }
    }

    pub(crate) async fn send(&mut self, attack: &Attack) -> Told {
        match self {
            Raw::Grpc(sender) => {
                if sender.ready().await.is_err() {
                    return Told::Else("the connection is closed".to_owned());
                }
                match sender.send_request(call(attack)).await {
                    Ok(answer) => grpc_told(answer).await,
                    Err(error) => Told::Else(format!("{error:?}")),
                }
            }
            Raw::Http(server, sender) => {
                let used = sender.take().filter(http1::SendRequest::is_ready);
                let is_used = used.is_some();
                let mut open = match used {
                    Some(open) => open,
                    None => connect(*server).await,
                };
                let mut answer = open.send_request(post(attack)).await;
                if is_used && answer.as_ref().is_err_and(hyper::Error::is_incomplete_message) {
                    // The server closed it after the last refusal, which it may.
                    open = connect(*server).await;
                    answer = open.send_request(post(attack)).await;
                }
                let told = match answer {
                    Ok(answer) => http_told(answer).await,
                    Err(error) => Told::Else(format!("{error:?}")),
                };
                *sender = open.ready().await.is_ok().then_some(open);
                told
            }
        }
    }
}

async fn connect(server: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn call(attack: &Attack) -> Request<Full<Bytes>> {
    let package = "opentelemetry.proto.collector";
    let path = match attack.signal.as_str() {
        "traces" => format!("{package}.trace.v1.TraceService"),
        "metrics" => format!("{package}.metrics.v1.MetricsService"),
        _ => format!("{package}.logs.v1.LogsService"),
    };
    let mut framed = BytesMut::with_capacity(5 + attack.body.len());
    framed.put_u8(u8::from(attack.encoding != Encoding::Identity));
    framed.put_u32(attack.announced.unwrap_or(attack.body.len() as u32));
    framed.put_slice(&attack.body);
    Request::post(format!("http://localhost/{path}/Export"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", attack.encoding.name())
        .body(Full::new(framed.freeze()))
        .unwrap()
}

fn post(attack: &Attack) -> Request<Full<Bytes>> {
    let kind = if attack.json {
        "application/json"
    } else {
        "application/x-protobuf"
    };
    Request::post(format!("/v1/{}", attack.signal.as_str()))
        .header("host", "localhost")
        .header("content-type", kind)
        .header("content-encoding", attack.encoding.name())
        .body(Full::new(attack.body.clone()))
        .unwrap()
}

/// Answers of all signals are written alike: the same numbers for the same fields.
fn rejected(body: &[u8]) -> Told {
    match ExportTraceServiceResponse::decode(body) {
        Ok(answer) => {
            let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
            Told::Verdict(Verdict::Taken {
                rejected: rejected as u64,
            })
        }
        Err(error) => Told::Else(format!("an answer that cannot be read: {error}")),
    }
}

async fn grpc_told(answer: Response<Incoming>) -> Told {
    let (head, body) = answer.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        return refused(&status);
    }
    let Ok(body) = body.collect().await else {
        return Told::Else("the answer broke off".to_owned());
    };
    let trailers = body.trailers().cloned().unwrap_or_default();
    match Status::from_header_map(&trailers) {
        Some(status) if status.code() == Code::Ok => rejected(&body.to_bytes()[5..]),
        Some(status) => refused(&status),
        None => Told::Else(format!("{}, no status", head.status)),
    }
}

fn refused(status: &Status) -> Told {
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let rule = status.get_details_bad_request();
    match (status.code(), delay, rule) {
        (Code::InvalidArgument, None, Some(_)) => Told::Verdict(Verdict::Malformed),
        // What cannot be framed or decompressed has no field to blame.
        (Code::InvalidArgument, None, None) => Told::Verdict(Verdict::Malformed),
        (Code::ResourceExhausted, None, _) => Told::Verdict(Verdict::TooLarge),
        (Code::ResourceExhausted | Code::Unavailable, Some(_), _) => Told::Later,
        _ => Told::Else(format!("{status:?}")),
    }
}

async fn http_told(answer: Response<Incoming>) -> Told {
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else {
        return Told::Else("the answer broke off".to_owned());
    };
    let body = body.to_bytes();
    let delay = head.headers.contains_key("retry-after");
    match (head.status, delay) {
        (StatusCode::OK, false) => rejected(&body),
        (StatusCode::BAD_REQUEST, false) if says_something(&head.headers, &body) => {
            Told::Verdict(Verdict::Malformed)
        }
        (StatusCode::PAYLOAD_TOO_LARGE, false) if says_something(&head.headers, &body) => {
            Told::Verdict(Verdict::TooLarge)
        }
        (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, true) => Told::Later,
        (status, _) => Told::Else(format!("{status}: {}", String::from_utf8_lossy(&body))),
    }
}

/// Whether the body is a `google.rpc.Status` in the form that its content type says, with a message.
fn says_something(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get("content-type").map(|kind| kind.as_bytes());
    let message = match kind {
        Some(b"application/json") => serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|status| Some(status["message"].as_str()?.to_owned())),
        _ => tonic_types::pb::Status::decode(body)
            .ok()
            .map(|status| status.message),
    };
    message.is_some_and(|message| !message.is_empty())
}
