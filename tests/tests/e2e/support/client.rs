//! Senders: gRPC by tonic, HTTP by hyper.

use super::{Export, PATIENCE};
use bytes::{Buf, BufMut, Bytes};
use flate2::write::GzEncoder;
use forebay_core::Signal;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    fn compress(self, body: &[u8]) -> Bytes {
        match self {
            Compression::None => Bytes::copy_from_slice(body),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap().into()
            }
            Compression::Zstd => zstd::encode_all(body, 1).unwrap().into(),
        }
    }
}

/// What a sender is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// It has been taken; the body of the answer.
    Taken(Bytes),
    /// It has been refused.
    Refused {
        /// A gRPC code's number, or an HTTP status.
        code: i32,
        retryable: bool,
        delay: Option<Duration>,
        message: String,
    },
    /// There was no answer: the connection ended or could not be made.
    Broken(String),
}

impl Reply {
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Reply::Taken(_))
    }

    /// Whether it is a refusal after which the sender knows when to try again.
    pub(crate) fn is_retryable_with_delay(&self) -> bool {
        matches!(self, Reply::Refused { retryable: true, delay: Some(delay), .. } if *delay > Duration::ZERO)
    }
}

/// A sender with connections of its own.
#[derive(Clone)]
pub(crate) enum Client {
    Grpc {
        channel: Channel,
        compression: Compression,
    },
    Http {
        client: Box<HyperClient<HttpConnector, Full<Bytes>>>,
        server: SocketAddr,
        compression: Compression,
        json: bool,
    },
}

impl Client {
    /// A gRPC client. It connects when it is used first.
    pub(crate) fn grpc(server: SocketAddr) -> Client {
        let channel = Endpoint::from_shared(format!("http://{server}"))
            .unwrap()
            .connect_lazy();
        Client::Grpc {
            channel,
            compression: Compression::None,
        }
    }

    /// An HTTP client that sends protobuf.
    pub(crate) fn http(server: SocketAddr) -> Client {
        let client = HyperClient::builder(TokioExecutor::new()).build(HttpConnector::new());
        Client::Http {
            client: Box::new(client),
            server,
            compression: Compression::None,
            json: false,
        }
    }

    /// The same, but it sends JSON.
    pub(crate) fn json(mut self) -> Client {
        if let Client::Http { json, .. } = &mut self {
            *json = true;
        }
        self
    }

    pub(crate) fn compressed(mut self, with: Compression) -> Client {
        match &mut self {
            Client::Grpc { compression, .. } | Client::Http { compression, .. } => *compression = with,
        }
        self
    }

    pub(crate) async fn send(&self, request: &Export) -> Reply {
        self.send_bytes(request.signal(), request.encode()).await
    }

    /// Sends a request again and again until it is taken, as senders do, and fails the test if it never is.
    pub(crate) async fn send_until_taken(&self, request: &Export) {
        let sending = async {
            while !self.send(request).await.is_taken() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, sending).await.is_ok();
        assert!(in_time, "not taken within {PATIENCE:?}");
    }

    /// Sends the body of a request, already encoded as this client encodes.
    pub(crate) async fn send_bytes(&self, signal: Signal, body: Bytes) -> Reply {
        match self {
            Client::Grpc { channel, compression } => {
                send_grpc(Grpc::new(channel.clone()), *compression, signal, body).await
            }
            Client::Http {
                client,
                server,
                compression,
                json,
            } => {
                let kind = if *json {
                    "application/json"
                } else {
                    "application/x-protobuf"
                };
                let request = Request::post(format!("http://{server}/v1/{}", signal.as_str()))
                    .header(header::CONTENT_TYPE, kind);
                let request = match compression {
                    Compression::None => request,
                    other => request.header(header::CONTENT_ENCODING, other.name()),
                };
                let request = request.body(Full::new(compression.compress(&body))).unwrap();
                send_http(client, request).await
            }
        }
    }
}

async fn send_grpc(grpc: Grpc<Channel>, compression: Compression, signal: Signal, body: Bytes) -> Reply {
    let path = match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    };
    let mut grpc = match compression {
        Compression::None => grpc,
        Compression::Gzip => grpc.send_compressed(CompressionEncoding::Gzip),
        Compression::Zstd => grpc.send_compressed(CompressionEncoding::Zstd),
    };
    if let Err(error) = grpc.ready().await {
        return Reply::Broken(error.to_string());
    }
    let request = tonic::Request::new(body);
    match grpc.unary(request, PathAndQuery::from_static(path), Raw).await {
        Ok(response) => Reply::Taken(response.into_inner()),
        Err(status) if status.source().is_some() => Reply::Broken(format!("{status:?}")),
        Err(status) => refused(&status),
    }
}

/// Which codes are retryable: OTLP specification, "Failures" of OTLP/gRPC.
fn refused(status: &Status) -> Reply {
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let retryable = match status.code() {
        Code::Cancelled | Code::DeadlineExceeded | Code::Aborted => true,
        Code::OutOfRange | Code::Unavailable | Code::DataLoss => true,
        Code::ResourceExhausted => delay.is_some(),
        _ => false,
    };
    let message = status.message().to_owned();
    Reply::Refused {
        code: status.code() as i32,
        retryable,
        delay,
        message,
    }
}

async fn send_http(client: &HyperClient<HttpConnector, Full<Bytes>>, request: Request<Full<Bytes>>) -> Reply {
    let response = match client.request(request).await {
        Ok(response) => response,
        Err(error) => return Reply::Broken(format!("{error:?}")),
    };
    let (head, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Reply::Broken(format!("{error:?}")),
    };
    if head.status == StatusCode::OK {
        return Reply::Taken(body);
    }
    let code = head.status.as_u16();
    // OTLP specification, "Failures" of OTLP/HTTP.
    let retryable = matches!(code, 429 | 502 | 503 | 504);
    let seconds = head
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let message = String::from_utf8_lossy(&body).into_owned();
    Reply::Refused {
        code: code.into(),
        retryable,
        delay: seconds.map(Duration::from_secs),
        message,
    }
}

/// Messages that are bytes already.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
