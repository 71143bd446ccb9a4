//! What a backend says, in good form or in bad.

use super::status::{Delay, RpcStatus};
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// An answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How long the backend takes over it.
    pub after: Duration,
    /// What it does then.
    pub act: Act,
}

/// What a backend does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It responds.
    Respond(Response),
    /// It resets the stream with this code (RFC 9113, section 7). Over HTTP/1 it closes the connection.
    Reset(u32),
    /// It ends the connection with this code in a GOAWAY that leaves the request without an answer. Over HTTP/1 it closes
    /// the connection.
    GoAway(u32),
    /// It says nothing as long as the connection lives.
    Hang,
    /// It writes these bytes as they are and closes the connection. Over HTTP/2, where they would have to be frames, it
    /// closes the connection.
    Raw(Bytes),
}

/// A response: what is in it is sent as it is, whether it makes sense or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers. Over HTTP/1, the length of the body is added unless one of these says how the body ends.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Trailers. Over HTTP/1 there are none.
    pub trailers: Vec<(String, String)>,
    /// How it ends.
    pub ending: Ending,
}

/// How a response ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// In good order.
    #[default]
    Whole,
    /// It does not, as long as the connection lives: body and trailers are there, the end is not.
    Never,
    /// The body is sent again and again, for ever.
    Endless,
    /// After the body the stream is reset. Over HTTP/1 the connection is closed.
    CutOff,
}

impl Answer {
    fn respond(response: Response) -> Self {
        Answer {
            after: Duration::ZERO,
            act: Act::Respond(response),
        }
    }

    /// An answer that is not a response.
    pub fn act(act: Act) -> Self {
        Answer {
            after: Duration::ZERO,
            act,
        }
    }

    /// Success of OTLP/gRPC with this message (empty: full success).
    pub fn grpc_message(message: &[u8]) -> Self {
        let mut answer = Answer::grpc(0, "");
        answer.edit(|response| response.body = framed(message));
        answer
    }

    /// A gRPC response without a message: headers, then trailers with this status.
    pub fn grpc(code: i32, message: &str) -> Self {
        let mut trailers = vec![("grpc-status".to_owned(), code.to_string())];
        if !message.is_empty() {
            trailers.push(("grpc-message".to_owned(), message.to_owned()));
        }
        Answer::respond(Response {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/grpc".to_owned())],
            trailers,
            ..Response::default()
        })
    }

    /// The same, with details: the whole status in `grpc-status-details-bin`.
    pub fn grpc_status(status: &RpcStatus) -> Self {
        let mut answer = Answer::grpc(status.code, &status.message);
        let details = ("grpc-status-details-bin".to_owned(), status.to_header());
        answer.edit(|response| response.trailers.push(details));
        answer
    }

    /// A gRPC status with a `RetryInfo`.
    pub fn grpc_retry(code: i32, message: &str, delay: impl Into<Delay>) -> Self {
        Answer::grpc_status(&RpcStatus {
            retry_delay: Some(delay.into()),
            ..RpcStatus::new(code, message)
        })
    }

    /// The trailers go into the header block, and there is nothing else ("Trailers-Only").
    pub fn trailers_only(mut self) -> Self {
        self.edit(|response| {
            let trailers = std::mem::take(&mut response.trailers);
            response.headers.extend(trailers);
            response.body.clear();
        });
        self
    }

    /// A response of OTLP/HTTP with an empty body.
    pub fn http(status: u16) -> Self {
        Answer::respond(Response {
            status,
            headers: vec![("content-type".to_owned(), "application/x-protobuf".to_owned())],
            ..Response::default()
        })
    }

    /// The same with a `google.rpc.Status` as its body.
    pub fn http_status(status: u16, says: &RpcStatus) -> Self {
        Answer::http(status).body(says.to_protobuf())
    }

    /// Puts a header in, in the place of one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.edit(|response| {
            response.headers.retain(|(other, _)| other != name);
            response.headers.push((name.to_owned(), value.to_owned()));
        });
        self
    }

    /// Takes a header out.
    pub fn without(mut self, name: &str) -> Self {
        self.edit(|response| response.headers.retain(|(other, _)| other != name));
        self
    }

    /// Puts a trailer in, in the place of one of the same name.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.edit(|response| {
            response.trailers.retain(|(other, _)| other != name);
            response.trailers.push((name.to_owned(), value.to_owned()));
        });
        self
    }

    /// Takes all trailers out.
    pub fn without_trailers(mut self) -> Self {
        self.edit(|response| response.trailers.clear());
        self
    }

    /// Another HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.edit(|response| response.status = status);
        self
    }

    /// Another body, as it is: for gRPC it must hold the frame.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.edit(|response| response.body = body);
        self
    }

    /// Another end.
    pub fn ending(mut self, ending: Ending) -> Self {
        self.edit(|response| response.ending = ending);
        self
    }

    /// The backend takes its time.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    fn edit(&mut self, change: impl FnOnce(&mut Response)) {
        if let Act::Respond(response) = &mut self.act {
            change(response);
        }
    }
}

/// A message in its gRPC frame (gRPC, "PROTOCOL-HTTP2", Length-Prefixed-Message), uncompressed.
pub fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}
