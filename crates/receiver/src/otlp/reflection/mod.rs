//! gRPC's reflection service: tools such as grpcurl learn from it which services there are and what their messages look like.
//! It takes `grpc.reflection.v1` and `v1alpha`, whose messages are the same.

mod descriptors;

use super::door::Door;
use super::wire::{put_bytes, put_number};
use super::{grpc, health};
use bytes::Bytes;
use descriptors::FILES;
use forebay_core::{Shutdown, Signal};
use forebay_otlp::Cursor;
use forebay_transport::server::{Incoming, Requests, grpc as framing};
use forebay_transport::status::{Code, Status};
use futures_util::stream::{self, BoxStream, StreamExt};

/// The names of the service in its two versions.
pub(super) const SERVICES: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// The method of the service.
pub(super) const METHOD: &str = "ServerReflectionInfo";

/// The most bytes of one question: it is a name.
const LONGEST_QUESTION: usize = 4096;

/// `ServerReflectionRequest`, as far as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question<'a> {
    File(&'a str),
    Symbol(&'a str),
    Services,
    /// Extensions: there are none in proto3.
    Extensions,
    Nothing,
}

/// The answers to the questions in `body`, as they come, until the process drains.
pub(super) fn answer(door: &Door, body: Incoming) -> BoxStream<'static, Result<Bytes, Status>> {
    let accepts = door.context.accepts;
    let taken = Signal::ALL
        .into_iter()
        .filter(move |signal| accepts.contains(*signal));
    let mut services: Vec<&'static str> = taken.map(grpc::service).collect();
    services.push(health::SERVICE);
    services.extend(SERVICES);
    let asker = Asker {
        requests: Requests::new(body, LONGEST_QUESTION),
        shutdown: door.context.node.shutdown.clone(),
        services,
    };
    stream::unfold(Some(asker), |asker| async move {
        let mut asker = asker?;
        match asker.next().await? {
            Ok(answer) => Some((Ok(answer), Some(asker))),
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

/// A client and its questions.
struct Asker {
    requests: Requests<Incoming>,
    shutdown: Shutdown,
    services: Vec<&'static str>,
}

impl Asker {
    /// The answer to the next question; nothing once there are no more.
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        let question = tokio::select! {
            biased;
            () = self.shutdown.draining() => {
                return Some(Err(Status::new(Code::Unavailable, "the process is shutting down")));
            }
            question = self.requests.next() => question,
        };
        match question {
            Ok(Some(question)) => Some(respond(&question, &self.services)),
            Ok(None) => None,
            Err(refusal) => Some(Err(refusal.status())),
        }
    }
}

/// `ServerReflectionResponse` to one request, framed.
fn respond(request: &[u8], services: &[&str]) -> Result<Bytes, Status> {
    let question =
        read(request).ok_or_else(|| Status::new(Code::InvalidArgument, "not a ServerReflectionRequest"))?;
    let mut response = Vec::new();
    put_bytes(&mut response, 2, request);
    match question {
        Question::File(name) => tell_files(&mut response, FILES.named(name)),
        Question::Symbol(name) => tell_files(&mut response, FILES.declaring(name)),
        Question::Services => tell_services(&mut response, services),
        Question::Extensions => tell_error(&mut response, Code::NotFound, "there are no extensions"),
        Question::Nothing => tell_error(&mut response, Code::InvalidArgument, "nothing is asked"),
    }
    Ok(framing::frame(&response))
}

/// Reads `ServerReflectionRequest`. Nothing if it is none.
fn read(request: &[u8]) -> Option<Question<'_>> {
    let (mut cursor, mut question) = (Cursor::new(request), Question::Nothing);
    while let Some(field) = cursor.next_field().ok()? {
        let text = || std::str::from_utf8(field.bytes()?).ok();
        question = match field.number {
            3 => Question::File(text()?),
            4 => Question::Symbol(text()?),
            5 | 6 => Question::Extensions,
            7 => Question::Services,
            _ => question,
        };
    }
    Some(question)
}

/// `file_descriptor_response`: a file, then all that it needs.
fn tell_files(response: &mut Vec<u8>, file: Option<&'static [u8]>) {
    let Some(file) = file else {
        return tell_error(response, Code::NotFound, "there is no such file or symbol");
    };
    let mut files = Vec::new();
    for file in FILES.with_dependencies(file) {
        put_bytes(&mut files, 1, file);
    }
    put_bytes(response, 4, &files);
}

/// `list_services_response`.
fn tell_services(response: &mut Vec<u8>, services: &[&str]) {
    let mut list = Vec::new();
    for name in services {
        let mut service = Vec::new();
        put_bytes(&mut service, 1, name.as_bytes());
        put_bytes(&mut list, 1, &service);
    }
    put_bytes(response, 6, &list);
}

/// `error_response`.
fn tell_error(response: &mut Vec<u8>, code: Code, words: &str) {
    let mut error = Vec::new();
    put_number(&mut error, 1, code as u64);
    put_bytes(&mut error, 2, words.as_bytes());
    put_bytes(response, 7, &error);
}
