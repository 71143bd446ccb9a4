//! The HTTP port: OTLP/HTTP's three paths, and calls of gRPC over HTTP/2.

use super::answer::partial_success;
use super::config::HttpConfig;
use super::cors::Cors;
use super::door::{Caller, Denied, Door, Refused, Taken};
use super::grpc::Grpc;
use ::http::header::{ACCEPT_ENCODING, ALLOW, EXPECT, HeaderValue};
use ::http::request::Parts;
use ::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use forebay_otlp::json::response_to_json;
use forebay_transport::server::http::{self, Format};
use forebay_transport::server::{Connection, Incoming, Refusal, Reply, Service, grpc};
use forebay_transport::status::{Code, Status};
use std::sync::Arc;

/// What is accepted as `Content-Encoding`.
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, zstd, deflate");

/// Serves the HTTP port.
#[derive(Debug)]
pub(super) struct Http {
    door: Arc<Door>,
    grpc: Arc<Grpc>,
    paths: [(Box<str>, Signal); 3],
    cors: Option<Cors>,
}

impl Http {
    /// Serves with the same door as `grpc`, which gets the calls of gRPC that come to this port.
    pub(super) fn new(door: Arc<Door>, grpc: Arc<Grpc>, config: &HttpConfig) -> Self {
        Http {
            door,
            grpc,
            paths: [
                (config.traces_url_path.as_str().into(), Signal::Traces),
                (config.metrics_url_path.as_str().into(), Signal::Metrics),
                (config.logs_url_path.as_str().into(), Signal::Logs),
            ],
            cors: config.cors.as_ref().map(Cors::new),
        }
    }

    /// Answers a request; what it leaves of the body is not read yet.
    async fn answer(&self, head: &Parts, body: &mut Incoming, connection: Connection) -> Response<Reply> {
        let (signal, format) = match self.asked(head) {
            Ok(asked) => asked,
            Err(wrong) => return self.turn_down(wrong, &head.headers),
        };
        let caller = match self.door.identify(&head.headers, connection) {
            Ok(caller) => caller,
            Err(denied) => return unauthenticated(&denied, format),
        };
        let began = self.door.now();
        let call = (signal, format);
        let outcome = self.export(call, (&head.headers, body), &caller).await;
        let (response, outcome) = match outcome {
            Ok(taken) => (success(signal, format, &taken), Ok(taken)),
            Err(Failed { refused, http }) => (failure(&refused, http, format), Err(refused)),
        };
        self.door.close(began, (signal, &caller), &outcome);
        response
    }

    async fn export(
        &self,
        (signal, format): (Signal, Format),
        (headers, body): (&HeaderMap, &mut Incoming),
        caller: &Caller,
    ) -> Result<Taken, Failed> {
        let door = &self.door;
        door.check_open(signal)?;
        let message = http::read(headers, body, &door.admission).await?;
        let message = match format {
            Format::Protobuf => message,
            Format::Json => door.convert(signal, message).await?,
        };
        Ok(door.take(signal, message, caller).await?)
    }

    /// What a request asks for, by its path, method and content type.
    fn asked(&self, head: &Parts) -> Result<(Signal, Format), Wrong> {
        let path = head.uri.path();
        let known = self.paths.iter().find(|(known, _)| **known == *path);
        let (_, signal) = known.ok_or(Wrong::Path)?;
        if head.method != Method::POST {
            return Err(Wrong::Method);
        }
        let format = Format::of(&head.headers).ok_or(Wrong::ContentType)?;
        Ok((*signal, format))
    }

    /// The answer to what is no export request. Who sent neither protobuf nor JSON is answered in what people can read.
    fn turn_down(&self, wrong: Wrong, headers: &HeaderMap) -> Response<Reply> {
        let format = Format::of(headers).unwrap_or(Format::Json);
        let (http, words) = match wrong {
            Wrong::Path => (StatusCode::NOT_FOUND, self.known_paths()),
            Wrong::Method => (StatusCode::METHOD_NOT_ALLOWED, "the method must be POST".into()),
            Wrong::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/x-protobuf or application/json".into(),
            ),
        };
        let mut response = http::fail(&Status::new(Code::Unimplemented, words), http, format);
        if http == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = HeaderValue::from_static("POST");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }

    fn known_paths(&self) -> String {
        let [(traces, _), (metrics, _), (logs, _)] = &self.paths;
        format!("unknown path: there are {traces}, {metrics} and {logs}")
    }
}

impl Service for Http {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        if request.version() == Version::HTTP_2 && grpc::is_grpc(request.headers()) {
            return self.grpc.answer(request, connection).await;
        }
        if let Some(response) = self.cors.as_ref().and_then(|cors| cors.preflight(&request)) {
            return response;
        }
        let (head, mut body) = request.into_parts();
        let response = self.answer(&head, &mut body, connection).await;
        if !response.status().is_success() && must_be_read(&head) {
            http::discard(body, &self.door.admission).await;
        }
        let mut response = http::pack(&head.headers, response);
        if let Some(cors) = &self.cors {
            cors.share(cors.grant(&head.headers), response.headers_mut());
        }
        response
    }

    fn turned_away(&self, reason: Reason) {
        self.door.context.requests.refuse(reason);
    }
}

/// Whether the body of a request that is refused is on its way all the same, and in the way of the answer. Whoever waits for
/// "100 Continue" has sent none.
fn must_be_read(head: &Parts) -> bool {
    !head.headers.contains_key(EXPECT)
}

/// Why a request is no export request.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Path,
    Method,
    ContentType,
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

fn failure(refused: &Refused, http: StatusCode, format: Format) -> Response<Reply> {
    let mut response = http::fail(&refused.status, http, format);
    if http == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response.headers_mut().insert(ACCEPT_ENCODING, ENCODINGS);
    }
    response
}

fn unauthenticated(denied: &Denied, format: Format) -> Response<Reply> {
    let mut response = http::fail(&denied.status, StatusCode::UNAUTHORIZED, format);
    denied.challenge(response.headers_mut());
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
