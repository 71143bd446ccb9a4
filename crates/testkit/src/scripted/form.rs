//! A request in any form, and how it is sent.

use super::answer::framed;
use super::told::Told;
use super::{grpc_path, http_path};
use bytes::{Bytes, BytesMut};
use forebay_core::Signal;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer that is read.
const ANSWER_MAX: usize = 64 << 20;

/// What a request is sent over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
}

/// A request: what is in it is sent as it is, whether it makes sense or not.
#[derive(Clone, Debug)]
pub struct Form {
    /// What it is sent over.
    pub protocol: Protocol,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its headers, but for those that frame it.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Form {
    /// A well-formed call of OTLP/gRPC with a message.
    pub fn grpc(signal: Signal, message: &[u8]) -> Form {
        let headers = [("content-type", "application/grpc"), ("te", "trailers")];
        Form::new(Protocol::Http2, grpc_path(signal), &headers, framed(message))
    }

    /// A well-formed request of OTLP/HTTP in protobuf.
    pub fn protobuf(protocol: Protocol, signal: Signal, message: &[u8]) -> Form {
        let headers = [("content-type", "application/x-protobuf")];
        Form::new(
            protocol,
            http_path(signal),
            &headers,
            Bytes::copy_from_slice(message),
        )
    }

    /// A well-formed request of OTLP/HTTP in JSON.
    pub fn json(protocol: Protocol, signal: Signal, text: &str) -> Form {
        let headers = [("content-type", "application/json")];
        let body = Bytes::copy_from_slice(text.as_bytes());
        Form::new(protocol, http_path(signal), &headers, body)
    }

    fn new(protocol: Protocol, path: &str, headers: &[(&str, &str)], body: Bytes) -> Form {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Form {
            protocol,
            method: Method::POST,
            path: path.to_owned(),
            headers: headers.iter().map(owned).collect(),
            body,
        }
    }

    /// Puts a header in, in the place of one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Form {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header out.
    pub fn without(mut self, name: &str) -> Form {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// Another method.
    pub fn method(mut self, method: Method) -> Form {
        self.method = method;
        self
    }

    /// Another path.
    pub fn path(mut self, path: &str) -> Form {
        path.clone_into(&mut self.path);
        self
    }

    /// Another body, as it is: for gRPC it must hold the frame.
    pub fn body(mut self, body: impl Into<Bytes>) -> Form {
        self.body = body.into();
        self
    }

    /// Sends it on a connection of its own and reads the answer to its end.
    pub async fn send(&self, to: SocketAddr) -> io::Result<Told> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        self.send_over(stream, &to.to_string()).await
    }

    /// The same over any stream; `authority` is the host that it names.
    pub async fn send_over<T>(&self, io: T, authority: &str) -> io::Result<Told>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = self.request(authority)?;
        match self.protocol {
            Protocol::Http1 => {
                let (mut sender, connection) = http1::handshake(TokioIo::new(io))
                    .await
                    .map_err(io::Error::other)?;
                during(connection, told(sender.send_request(request))).await
            }
            Protocol::Http2 => {
                let mut settings = http2::Builder::new(TokioExecutor::new());
                let (mut sender, connection) = settings
                    .max_header_list_size(1 << 20)
                    .handshake(TokioIo::new(io))
                    .await
                    .map_err(io::Error::other)?;
                during(connection, told(sender.send_request(request))).await
            }
        }
    }

    fn request(&self, authority: &str) -> io::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(self.method.clone());
        request = match self.protocol {
            Protocol::Http1 => request.uri(&self.path).header("host", authority),
            Protocol::Http2 => request.uri(format!("http://{authority}{}", self.path)),
        };
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(self.body.clone()))
            .map_err(io::Error::other)
    }
}

/// What comes of `exchange` while the connection is driven. The connection ends with it.
async fn during<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    exchange: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let driven = async {
        // How the connection ended is told by the exchange.
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        outcome = exchange => outcome,
        never = driven => never,
    }
}

async fn told(
    response: impl Future<Output = hyper::Result<http::Response<hyper::body::Incoming>>>,
) -> io::Result<Told> {
    let (head, mut body) = response.await.map_err(io::Error::other)?.into_parts();
    let (mut bytes, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.map_err(io::Error::other)?.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
        if bytes.len() > ANSWER_MAX {
            return Err(io::Error::other("the answer does not end"));
        }
    }
    Ok(Told {
        status: head.status.as_u16(),
        headers: head.headers,
        body: bytes.freeze(),
        trailers,
    })
}

/// Writes `bytes` as they are on a connection of its own and reads what comes until the other side closes.
pub async fn exchange(to: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    let mut answer = Vec::new();
    let (mut read, mut write) = stream.split();
    // The other side may close without reading all of it: then what it said before counts.
    let _ = write.write_all(bytes).await;
    let mut buffer = [0; 8192];
    while answer.len() <= ANSWER_MAX {
        match read.read(&mut buffer).await {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend(buffer.iter().take(n)),
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => return Ok(answer),
        }
    }
    Err(io::Error::other("the answer does not end"))
}
