//! The gRPC side of the relay: one tonic service per signal.

use super::codec::Raw;
use super::forward::{Forward, MESSAGE_BYTES_MAX};
use bytes::Bytes;
use forebay_otlp::Signal;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const WINDOW: u32 = 8 << 20;
const FRAME: u32 = 1 << 20;

/// Serves until the listener fails.
pub(super) async fn serve(listener: TcpListener, forward: Forward) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_frame_size(FRAME)
        .add_service(Routed::<TRACES>(Handler {
            signal: Signal::Traces,
            forward: forward.clone(),
        }))
        .add_service(Routed::<METRICS>(Handler {
            signal: Signal::Metrics,
            forward: forward.clone(),
        }))
        .add_service(Routed::<LOGS>(Handler {
            signal: Signal::Logs,
            forward,
        }))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}

#[derive(Clone)]
struct Handler {
    signal: Signal,
    forward: Forward,
}

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl UnaryService<Bytes> for Handler {
    type Response = Bytes;
    type Future = Boxed<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let Handler { signal, forward } = self.clone();
        Box::pin(async move {
            forward
                .forward(signal, request.into_inner())
                .await
                .map(Response::new)
        })
    }
}

impl Handler {
    fn answer(&self, request: http::Request<Body>) -> Boxed<http::Response<Body>, Infallible> {
        let handler = self.clone();
        let mut grpc = Grpc::new(Raw)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        Box::pin(async move { Ok(grpc.unary(handler, request).await) })
    }
}

/// tonic routes by the name that a service's type has, so each signal has a type of its own.
#[derive(Clone)]
struct Routed<const SIGNAL: u8>(Handler);

const TRACES: u8 = Signal::Traces as u8;
const METRICS: u8 = Signal::Metrics as u8;
const LOGS: u8 = Signal::Logs as u8;

impl NamedService for Routed<TRACES> {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl NamedService for Routed<METRICS> {
    const NAME: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
}

impl NamedService for Routed<LOGS> {
    const NAME: &'static str = "opentelemetry.proto.collector.logs.v1.LogsService";
}

impl<const SIGNAL: u8> Service<http::Request<Body>> for Routed<SIGNAL> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.answer(request)
    }
}
