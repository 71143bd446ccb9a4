//! The admin service as gRPC: `proto/forebay/admin/v1/admin.proto`.
//!
//! One message comes and one or more go: the five bytes before each, and the status after them, are all of gRPC that this
//! takes (gRPC, "PROTOCOL-HTTP2").

use super::peer::Peer;
use super::watch::Watch;
use super::{Admin, Answer, HEADER_TIMEOUT, wire};
use bytes::{Buf, Bytes};
use forebay_transport::server::grpc::{frame, is_grpc, succeed};
use forebay_transport::status::{Code, Status};
use futures_util::stream;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body, Frame};
use prost::Message;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Where the calls go: `/`, the service's full name, `/`, the method's name.
const GET_STATUS: &str = "/forebay.admin.v1.Admin/GetStatus";
const WATCH_STATUS: &str = "/forebay.admin.v1.Admin/WatchStatus";

/// The most bytes of a request with its prefix. The largest that means something has a dozen.
const REQUEST_MAX: usize = 4 << 10;
/// The length of what goes before each message: a flag, and the length of the message in four bytes.
const PREFIX: usize = 5;
/// From one state to the next if the request does not say,
const INTERVAL: Duration = Duration::from_secs(1);
/// and the least that it may say: a state takes a look at all books.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Whether a request is a call, and not for a page.
pub(super) fn is_call<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2 && request.method() == Method::POST && is_grpc(request.headers())
}

impl Admin {
    /// Answers a call.
    pub(super) async fn call<B>(&self, request: Request<B>, peer: &Arc<Peer>) -> Response<Answer>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let answered = match head.uri.path() {
            GET_STATUS => self.get_status(body).await,
            WATCH_STATUS => self.watch_status(body, peer).await,
            path => Err(Status::new(
                Code::Unimplemented,
                format!("no such method: {path}"),
            )),
        };
        answered.unwrap_or_else(|status| fail(&status))
    }

    async fn get_status<B>(&self, body: B) -> Result<Response<Answer>, Status>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let wire::GetStatusRequest {} = read(body).await?;
        let status = wire::Status::from(self.running.status());
        Ok(succeed(frame(&status.encode_to_vec())).map(BodyExt::boxed_unsync))
    }

    async fn watch_status<B>(&self, body: B, peer: &Arc<Peer>) -> Result<Response<Answer>, Status>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let interval = interval(&read(body).await?)?;
        let Ok(place) = Arc::clone(&self.watches).try_acquire_owned() else {
            let words = "as many streams as there may be are open";
            return Err(Status::new(Code::ResourceExhausted, words));
        };
        let running = Arc::clone(&self.running);
        let state = move || frame(&wire::Status::from(running.status()).encode_to_vec());
        let watching = (place, Peer::watching(peer));
        let watch = Watch::new(interval, self.closing.clone(), state, watching);
        let frames = stream::unfold(watch, |mut watch| async move {
            let frame = watch.next().await?;
            Some((Ok::<Frame<Bytes>, Infallible>(frame), watch))
        });
        Ok(headed(StreamBody::new(frames).boxed_unsync()))
    }
}

fn interval(request: &wire::WatchStatusRequest) -> Result<Duration, Status> {
    let asked = Duration::from_millis(request.interval_milliseconds.into());
    match asked {
        Duration::ZERO => Ok(INTERVAL),
        asked if asked < INTERVAL_MIN => {
            let words = format!("interval_milliseconds is less than {}", INTERVAL_MIN.as_millis());
            Err(Status::new(Code::InvalidArgument, words))
        }
        asked => Ok(asked),
    }
}

/// Reads the one message of a call.
pub(super) async fn read<M, B>(body: B) -> Result<M, Status>
where
    M: Message + Default,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let body = Limited::new(body, REQUEST_MAX).collect();
    let body = match tokio::time::timeout(HEADER_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let words = format!("the request has more than {REQUEST_MAX} bytes");
            return Err(Status::new(Code::ResourceExhausted, words));
        }
        Ok(Err(_)) => return Err(Status::new(Code::Cancelled, "the request broke off")),
        Err(_) => return Err(Status::new(Code::DeadlineExceeded, "the request took too long")),
    };
    M::decode(unframed(body)?).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}

/// The message without its prefix.
fn unframed(mut body: Bytes) -> Result<Bytes, Status> {
    let malformed = |words| Status::new(Code::InvalidArgument, words);
    if body.len() < PREFIX {
        return Err(malformed("the call has no message"));
    }
    let (flag, length) = (body.get_u8(), body.get_u32());
    match flag {
        0 if usize::try_from(length) == Ok(body.len()) => Ok(body),
        0 => Err(malformed("the call has not one whole message")),
        1 => Err(Status::new(Code::Unimplemented, "messages may not be compressed")),
        _ => Err(malformed("the message's flag is neither 0 nor 1")),
    }
}

/// An answer that has no message: all of it is in the headers ("Trailers-Only").
fn fail(status: &Status) -> Response<Answer> {
    let mut response = headed(Empty::new().boxed_unsync());
    status.write_trailers(response.headers_mut());
    if status.code == Code::Unimplemented {
        // It may be for the compression; then the client wants to know what it may send.
        let none = HeaderValue::from_static("identity");
        response.headers_mut().insert("grpc-accept-encoding", none);
    }
    response
}

fn headed(body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}
