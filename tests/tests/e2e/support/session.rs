//! A sender over one connection of its own, with or without TLS, with any header.

use super::Export;
use bytes::{BufMut, Bytes, BytesMut};
use forebay_core::Signal;
use forebay_otlp::json;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How requests are written and carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Grpc,
    /// Protobuf over HTTP/1.1.
    Http1,
    /// Protobuf over HTTP/2.
    Http2,
    /// JSON over HTTP/1.1.
    Json,
}

impl Wire {
    pub(crate) const ALL: [Wire; 4] = [Wire::Grpc, Wire::Http1, Wire::Http2, Wire::Json];

    fn is_http2(self) -> bool {
        matches!(self, Wire::Grpc | Wire::Http2)
    }
}

/// What the server said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// The gRPC code, or the HTTP status.
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
}

impl Said {
    pub(crate) fn is_taken(&self, wire: Wire) -> bool {
        self.code == if wire == Wire::Grpc { 0 } else { 200 }
    }

    /// UNAUTHENTICATED, or 401 with a challenge.
    pub(crate) fn is_unauthenticated(&self, wire: Wire) -> bool {
        match wire {
            Wire::Grpc => self.code == 16,
            _ => self.code == 401 && self.headers.contains_key(header::WWW_AUTHENTICATE),
        }
    }
}

type Failed = Box<dyn Error + Send + Sync>;

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection.
pub(crate) struct Session {
    sender: Sender,
    wire: Wire,
    certificate: Option<CertificateDer<'static>>,
}

impl Session {
    /// Connects to a server.
    pub(crate) async fn open(
        server: SocketAddr,
        wire: Wire,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Session, Failed> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let Some(config) = tls else {
            return Session::over(stream, wire, None).await;
        };
        let offered: &[u8] = if wire.is_http2() { b"h2" } else { b"http/1.1" };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector
            .with_alpn(vec![offered.to_vec()])
            .connect("localhost".try_into()?, stream)
            .await?;
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.alpn_protocol(), Some(offered));
        let certificate = connection.peer_certificates().unwrap()[0].clone().into_owned();
        Session::over(stream, wire, Some(certificate)).await
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        wire: Wire,
        certificate: Option<CertificateDer<'static>>,
    ) -> Result<Session, Failed> {
        let stream = TokioIo::new(stream);
        let sender = if wire.is_http2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Ok(Session {
            sender,
            wire,
            certificate,
        })
    }

    /// The certificate that the server has shown.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.as_ref().unwrap()
    }

    /// Sends one request, with an `authorization` header or without.
    pub(crate) async fn send(
        &mut self,
        request: &Export,
        authorization: Option<&str>,
    ) -> Result<Said, Failed> {
        let request = self.request(request, authorization)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        said(self.wire, response).await
    }

    fn request(&self, request: &Export, authorization: Option<&str>) -> Result<Request<Full<Bytes>>, Failed> {
        let (path, kind) = match self.wire {
            Wire::Grpc => (grpc_path(request.signal()), "application/grpc"),
            Wire::Http1 | Wire::Http2 => (http_path(request.signal()), "application/x-protobuf"),
            Wire::Json => (http_path(request.signal()), "application/json"),
        };
        let target = if self.wire.is_http2() {
            let scheme = if self.certificate.is_some() {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://localhost{path}")
        } else {
            path.to_owned()
        };
        let mut builder = Request::post(target)
            .header(header::CONTENT_TYPE, kind)
            .header(header::TE, "trailers");
        if !self.wire.is_http2() {
            builder = builder.header(header::HOST, "localhost");
        }
        if let Some(value) = authorization {
            builder = builder.header(header::AUTHORIZATION, HeaderValue::from_str(value)?);
        }
        let body = match self.wire {
            Wire::Grpc => framed(&request.encode()),
            Wire::Http1 | Wire::Http2 => request.encode(),
            Wire::Json => {
                let mut text = Vec::new();
                json::from_protobuf(request.signal(), &request.encode(), &mut text)?;
                text.into()
            }
        };
        Ok(builder.body(Full::new(body))?)
    }
}

async fn said(wire: Wire, response: http::Response<Incoming>) -> Result<Said, Failed> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let code = match wire {
        Wire::Grpc => {
            let trailers = body.trailers().cloned().unwrap_or_default();
            let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
            let status = status.ok_or_else(|| format!("no status: {} {trailers:?}", head.status))?;
            status.to_str()?.parse()?
        }
        _ => head.status.as_u16(),
    };
    Ok(Said {
        code,
        headers: head.headers,
    })
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

fn http_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
        Signal::Logs => "/v1/logs",
    }
}
