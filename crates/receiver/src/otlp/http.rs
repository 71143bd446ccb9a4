//! OTLP/HTTP: three paths.

use super::answer::partial_success;
use super::door::{Door, Refused, Taken};
use ::http::header::{ACCEPT_ENCODING, ALLOW, HeaderValue};
use ::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use bytes::Bytes;
use forebay_core::{Origin, Reason, Signal};
use forebay_otlp::json::response_to_json;
use forebay_transport::server::http::{self, Format};
use forebay_transport::server::{Connection, Incoming, Refusal, Reply, Service};
use forebay_transport::status::{Code, Status};
use std::sync::Arc;

/// What is accepted as `Content-Encoding`.
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, zstd, deflate");

/// Serves the HTTP port.
#[derive(Debug)]
pub(super) struct Http {
    door: Arc<Door>,
}

impl Http {
    pub(super) fn new(door: Arc<Door>) -> Self {
        Http { door }
    }

    async fn export(
        &self,
        (signal, format): (Signal, Format),
        (headers, body): (&HeaderMap, &mut Incoming),
        origin: Arc<Origin>,
    ) -> Result<Taken, Failed> {
        let door = &self.door;
        door.check_open(signal)?;
        let message = http::read(headers, body, &door.admission).await?;
        let message = match format {
            Format::Protobuf => message,
            Format::Json => door.convert(signal, message)?,
        };
        Ok(door.take(signal, message, origin).await?)
    }
}

impl Service for Http {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        let (signal, format) = match asked(&request) {
            Ok(asked) => asked,
            Err(wrong) => return turn_down(wrong, request.headers()),
        };
        let began = self.door.now();
        let origin = connection.origin;
        let (head, mut body) = request.into_parts();
        let outcome = self
            .export((signal, format), (&head.headers, &mut body), Arc::clone(&origin))
            .await;
        if outcome.is_err() && head.version < Version::HTTP_2 {
            http::discard(body, &self.door.admission).await;
        }
        match outcome {
            Ok(taken) => {
                let response = success(signal, format, &taken);
                self.door.close(began, (signal, &origin), &Ok(taken));
                response
            }
            Err(Failed { refused, http }) => {
                let mut response = http::fail(&refused.status, http, format);
                if http == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                    response.headers_mut().insert(ACCEPT_ENCODING, ENCODINGS);
                }
                self.door.close(began, (signal, &origin), &Err(refused));
                response
            }
        }
    }

    fn turned_away(&self, reason: Reason) {
        self.door.context.requests.refuse(reason);
    }
}

/// A request that was not taken, and the HTTP status that says so: the gRPC status's own, but for what HTTP says better.
struct Failed {
    refused: Refused,
    http: StatusCode,
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        let http = refused.status.http_status();
        Failed { refused, http }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        let http = match &refusal {
            Refusal::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Stalled => StatusCode::REQUEST_TIMEOUT,
            other => other.status().http_status(),
        };
        Failed {
            refused: Refused::from(refusal),
            http,
        }
    }
}

/// Why a request is no export request: what HTTP calls it, and what people are told.
type Wrong = (StatusCode, &'static str);

/// What a request asks for, by its path, method and content type.
fn asked<B>(request: &Request<B>) -> Result<(Signal, Format), Wrong> {
    let signal = route(request.uri().path()).ok_or((
        StatusCode::NOT_FOUND,
        "unknown path: there are /v1/traces, /v1/metrics and /v1/logs",
    ))?;
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "the method must be POST"));
    }
    let format = Format::of(request.headers()).ok_or((
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the content type must be application/x-protobuf or application/json",
    ))?;
    Ok((signal, format))
}

fn route(path: &str) -> Option<Signal> {
    match path {
        "/v1/traces" => Some(Signal::Traces),
        "/v1/metrics" => Some(Signal::Metrics),
        "/v1/logs" => Some(Signal::Logs),
        _ => None,
    }
}

/// The answer to what is no export request. Who sent neither protobuf nor JSON is answered in what people can read.
fn turn_down((http, words): Wrong, headers: &HeaderMap) -> Response<Reply> {
    let format = Format::of(headers).unwrap_or(Format::Json);
    let mut response = http::fail(&Status::new(Code::Unimplemented, words), http, format);
    if http == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn success(signal: Signal, format: Format, taken: &Taken) -> Response<Reply> {
    let message = partial_success(taken).unwrap_or_default();
    let body = match format {
        Format::Protobuf => Bytes::from(message),
        Format::Json if message.is_empty() => Bytes::from_static(b"{}"),
        Format::Json => {
            let mut json = Vec::new();
            match response_to_json(signal, &message, &mut json) {
                Ok(()) => Bytes::from(json),
                // Not reached: the message is ours. Without the details it is still a success.
                Err(_) => Bytes::from_static(b"{}"),
            }
        }
    };
    http::respond(StatusCode::OK, format, body)
}
