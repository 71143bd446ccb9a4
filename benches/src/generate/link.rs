//! One connection to the target, made anew when it fails.

use super::answer::{self, Answer};
use super::{Options, Protocol};
use crate::Result;
use crate::compression::Compression;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

const WINDOW: u32 = 8 << 20;
const FRAME: u32 = 1 << 20;

/// Where requests go, and what their heads are.
pub(super) struct Target {
    address: String,
    protocol: Protocol,
    head: http::request::Parts,
}

impl Target {
    pub(super) fn new(options: &Options) -> Result<Target> {
        let address = options
            .endpoint
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let grpc = options.protocol == Protocol::Grpc;
        let path = crate::sink::path(options.signal, grpc);
        let mut request = Request::builder().method(Method::POST);
        // HTTP/1.1 wants the path alone and a host header, HTTP/2 the whole address.
        request = if grpc {
            request
                .uri(format!("http://{address}{path}"))
                .header(header::TE, "trailers")
        } else {
            request.uri(path).header(header::HOST, &address)
        };
        let content_type = match options.protocol {
            Protocol::Grpc => "application/grpc",
            Protocol::Http => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
        };
        request = request.header(header::CONTENT_TYPE, content_type);
        if let Some(codec) = options.compression.header() {
            let name = if grpc { "grpc-encoding" } else { "content-encoding" };
            request = request.header(name, codec);
        }
        if grpc && options.compression != Compression::None {
            request = request.header(
                "grpc-accept-encoding",
                HeaderValue::from_static("identity,gzip,zstd"),
            );
        }
        let head = request.body(())?.into_parts().0;
        Ok(Target {
            address,
            protocol: options.protocol,
            head,
        })
    }

    async fn tcp(&self) -> Result<TokioIo<TcpStream>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        Request::from_parts(self.head.clone(), Full::new(body))
    }
}

pub(super) struct Link {
    target: Arc<Target>,
    grpc: Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
    http: Mutex<Option<http1::SendRequest<Full<Bytes>>>>,
}

impl Link {
    pub(super) fn new(target: Arc<Target>) -> Link {
        Link {
            target,
            grpc: Mutex::new(None),
            http: Mutex::new(None),
        }
    }

    /// Sends one request and reads the answer.
    pub(super) async fn send(&self, body: Bytes) -> Answer {
        match self.target.protocol {
            Protocol::Grpc => self.send_grpc(body).await,
            Protocol::Http | Protocol::HttpJson => self.send_http(body).await,
        }
    }

    async fn send_grpc(&self, body: Bytes) -> Answer {
        let Ok(mut sender) = self.grpc_sender().await else {
            return Answer::Failed("connect");
        };
        if sender.ready().await.is_err() {
            return Answer::Failed("connection lost");
        }
        let Ok(response) = sender.send_request(self.target.request(body)).await else {
            return Answer::Failed("connection lost");
        };
        let (head, body) = response.into_parts();
        let Ok(body) = body.collect().await else {
            return Answer::Failed("answer cut off");
        };
        let trailers = body.trailers().cloned();
        answer::grpc(&head.headers, trailers.as_ref(), &body.to_bytes())
    }

    async fn grpc_sender(&self) -> Result<http2::SendRequest<Full<Bytes>>> {
        let mut slot = self.grpc.lock().await;
        if let Some(sender) = slot.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME)
            .max_send_buf_size(FRAME as usize * 4)
            .handshake(self.target.tcp().await?)
            .await?;
        // The task ends with the connection, which ends when the last sender is dropped.
        tokio::spawn(connection);
        *slot = Some(sender.clone());
        Ok(sender)
    }

    /// The lock is held until the answer is read: HTTP/1.1 carries one request at a time.
    async fn send_http(&self, body: Bytes) -> Answer {
        let mut slot = self.http.lock().await;
        if slot.as_ref().is_none_or(http1::SendRequest::is_closed) {
            *slot = match self.http_sender().await {
                Ok(sender) => Some(sender),
                Err(_) => return Answer::Failed("connect"),
            };
        }
        // Taken out, so that an attempt that is cut off by its timeout leaves no half-used connection behind.
        let Some(mut sender) = slot.take() else {
            return Answer::Failed("connect");
        };
        if sender.ready().await.is_err() {
            return Answer::Failed("connection lost");
        }
        let answer = match sender.send_request(self.target.request(body)).await {
            Ok(response) => read_http(response).await,
            Err(_) => return Answer::Failed("connection lost"),
        };
        if !matches!(answer, Answer::Failed(_)) {
            *slot = Some(sender);
        }
        answer
    }

    async fn http_sender(&self) -> Result<http1::SendRequest<Full<Bytes>>> {
        let (sender, connection) = http1::Builder::new().handshake(self.target.tcp().await?).await?;
        // The task ends with the connection, which ends when the sender is dropped.
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn read_http(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => answer::http(head.status, &head.headers, &body.to_bytes()),
        Err(_) => Answer::Failed("answer cut off"),
    }
}
