//! Clients that send what they are told, well-formed or not.

use bytes::{Bytes, BytesMut};
use forebay_core::Signal;
use forebay_transport::server::grpc;
use forebay_transport::status::Status;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

pub(super) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

impl Answer {
    pub(super) fn status_message(&self) -> Status {
        match self.headers["content-type"].to_str().unwrap() {
            "application/json" => Status::from_json(&self.body).unwrap(),
            "application/x-protobuf" => Status::from_protobuf(&self.body).unwrap(),
            other => panic!("{other}"),
        }
    }
}

pub(super) fn request<B>(method: Method, uri: String, headers: &[(&str, &str)], body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

pub(super) async fn answer(response: http::Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Answer {
        status: head.status,
        headers: head.headers,
        body: collected.to_bytes(),
        trailers,
    }
}

pub(super) async fn send_http1<B>(address: SocketAddr, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let answer = answer(sender.send_request(request).await.unwrap()).await;
    driver.abort();
    answer
}

pub(super) async fn post_http2(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let driver = tokio::spawn(connection);
    let request = request(
        Method::POST,
        format!("http://{address}{path}"),
        headers,
        Full::new(body),
    );
    let answer = answer(sender.send_request(request).await.unwrap()).await;
    driver.abort();
    answer
}

pub(super) async fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let body = Full::new(body.into());
    let host = address.to_string();
    let headers = [headers, &[("host", host.as_str())]].concat();
    send_http1(address, request(Method::POST, path.to_owned(), &headers, body)).await
}

/// The path of a signal's `Export` method.
pub(super) fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// A unary call: its status, and the message of the answer if there is one.
pub(super) async fn call(address: SocketAddr, path: &str, message: &[u8]) -> (Status, Option<Bytes>) {
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = post_http2(address, path, &headers, grpc::frame(message)).await;
    let end = if answer.trailers.is_empty() {
        &answer.headers
    } else {
        &answer.trailers
    };
    let message = (answer.body.len() >= 5).then(|| answer.body.slice(5..));
    (Status::from_trailers(end).unwrap(), message)
}

/// Whether a client has sent its last request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Yes,
    No,
}

/// A streaming call.
pub(super) struct Stream {
    _requests: Option<Sender<Bytes>>,
    body: Incoming,
    head: HeaderMap,
    trailers: HeaderMap,
    buffer: BytesMut,
    _driver: AbortOnDropHandle,
}

/// Ends the connection with its user.
struct AbortOnDropHandle(JoinHandle<()>);

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stream {
    /// The next message; nothing once the call has ended.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some([_, length @ ..]) = self.buffer.first_chunk::<5>() {
                let end = 5 + u32::from_be_bytes(*length) as usize;
                if self.buffer.len() >= end {
                    return Some(self.buffer.split_to(end).freeze().slice(5..));
                }
            }
            let frame = self.body.frame().await?.ok()?;
            match frame.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(frame) => self.trailers = frame.into_trailers().unwrap(),
            }
        }
    }

    /// How the call ended.
    pub(super) fn status(&self) -> Status {
        Status::from_trailers(&self.trailers)
            .or_else(|| Status::from_trailers(&self.head))
            .unwrap()
    }
}

/// Starts a streaming call with these requests. `Ends::Yes`: there are no more.
pub(super) async fn open_stream(address: SocketAddr, path: &str, first: &[Vec<u8>], ends: Ends) -> Stream {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let driver = AbortOnDropHandle(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let (requests, received) = tokio::sync::mpsc::channel::<Bytes>(8);
    for request in first {
        requests.send(grpc::frame(request)).await.unwrap();
    }
    let requests = Some(requests).filter(|_| ends == Ends::No);
    let frames = futures_util::stream::unfold(received, |mut received| async move {
        let next = received.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(next)), received))
    });
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let body = StreamBody::new(Box::pin(frames));
    let request = request(Method::POST, format!("http://{address}{path}"), &headers, body);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Stream {
        _requests: requests,
        body,
        head: head.headers,
        trailers: HeaderMap::new(),
        buffer: BytesMut::new(),
        _driver: driver,
    }
}

/// A streaming call with these requests: the messages of the answer, and how it ended.
pub(super) async fn call_stream(
    address: SocketAddr,
    path: &str,
    requests: &[Vec<u8>],
) -> (Vec<Bytes>, Status) {
    let mut stream = open_stream(address, path, requests, Ends::Yes).await;
    let mut messages = Vec::new();
    while let Some(message) = stream.next().await {
        messages.push(message);
    }
    (messages, stream.status())
}
