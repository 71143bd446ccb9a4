//! `otlp_grpc`: sends requests over OTLP/gRPC, in the bytes that they came in.

mod config;
#[cfg(test)]
mod tests;

pub use config::OtlpGrpcConfig;

use crate::health::Reach;
use crate::otlp::{
    Packer, call_failed, clipped, count, headers, of_signal, permanent, receipt, receipt_with_warning,
    retryable,
};
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use forebay_core::{Fault, Ledger, SignalSet};
use forebay_transport::client::{
    CONNECT_TIMEOUT, GrpcClient, GrpcMethod, GrpcReply, GrpcSettings, Network, Surroundings, SystemNetwork,
};
use forebay_transport::compression::Encoding;
use forebay_transport::status::{Code, Status};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use std::sync::{Arc, OnceLock};

/// The methods, in the order of [`forebay_core::Signal::ALL`] (opentelemetry/proto/collector/*/v1/*_service.proto).
const PATHS: [&str; 3] = [
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
];

/// What one connection may hold: its receive window, and what is written into frames.
const CONNECTION_BYTES: u64 = 128 << 10;

/// Makes `otlp_grpc` exporters.
#[derive(Debug)]
pub struct OtlpGrpc;

impl ExporterFactory for OtlpGrpc {
    type Config = OtlpGrpcConfig;

    const ABOUT: About = About {
        kind: "otlp_grpc",
        summary: "Sends traces, metrics and logs to an OTLP/gRPC server.",
        details: "The way to another Forebay, a Collector or a backend that speaks OTLP. Requests leave in the bytes that \
                  they came in; nothing is decoded.\n\n\
                  Retried: `CANCELLED`, `DEADLINE_EXCEEDED`, `ABORTED`, `OUT_OF_RANGE`, `UNAVAILABLE`, `DATA_LOSS`, \
                  `RESOURCE_EXHAUSTED` with a `RetryInfo`, and whatever keeps the destination from answering. A delay in \
                  a `RetryInfo` is kept to, up to 2 minutes. Everything else is dropped and counted, and so are items \
                  that the destination reports as rejected (partial success).\n\n\
                  Uncompressed unless `compression` says otherwise. TLS is not part of this version.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &OtlpGrpcConfig) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            bounds: Bounds {
                items: 0,
                bytes: config.connections.0 * CONNECTION_BYTES,
            },
        }
    }

    fn build(config: OtlpGrpcConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        build_on(config, Arc::new(SystemNetwork))
    }
}

/// The exporter over `network` in place of the machine's own: for tests that simulate one.
pub fn build_on(
    config: OtlpGrpcConfig,
    network: Arc<dyn Network>,
) -> Result<Box<dyn Exporter>, ComponentError> {
    Ok(Box::new(Sender {
        packer: Packer::new(config.compression, config.compression_level),
        headers: headers(&config.headers)?,
        config,
        network,
        running: OnceLock::new(),
    }))
}

#[derive(Debug)]
struct Sender {
    config: OtlpGrpcConfig,
    network: Arc<dyn Network>,
    headers: HeaderMap,
    packer: Packer,
    running: OnceLock<Running>,
}

/// What there is from the start on.
#[derive(Debug)]
struct Running {
    client: GrpcClient,
    methods: [GrpcMethod; 3],
    reach: Reach,
    ledger: Ledger,
}

impl Sender {
    fn run(&self, context: &NodeContext) -> Result<Running, ComponentError> {
        let settings = GrpcSettings {
            target: self.config.endpoint.target(config::DEFAULT_PORT),
            connections: count(self.config.connections),
            headers: self.headers.clone(),
            encoding: self.packer.encoding(),
            timeout: self.config.timeout.0,
            connect_timeout: CONNECT_TIMEOUT,
        };
        let client = GrpcClient::new(settings, &Surroundings::on(context, Arc::clone(&self.network)))
            .map_err(ComponentError::new)?;
        let method = |path| client.method(path).map_err(ComponentError::new);
        let [traces, metrics, logs] = PATHS;
        let methods = [method(traces)?, method(metrics)?, method(logs)?];
        Ok(Running {
            methods,
            client,
            reach: Reach::new(context.health.clone()),
            ledger: context.ledger.clone(),
        })
    }

    async fn attempt(&self, request: &Request) -> Result<Receipt, ExportError> {
        let running = self
            .running
            .get()
            .ok_or_else(|| retryable("the exporter is not started", None))?;
        // OTLP specification, "OTLP/gRPC Request": no empty envelopes.
        if request.payload.is_empty() {
            return Ok(Receipt::default());
        }
        let method = of_signal(&running.methods, request.signal);
        let outcome = if self.packer.encoding() == Encoding::Identity {
            running.client.call(method, request.payload.slices()).await
        } else {
            let (packed, _lease) = self.packer.pack(request.payload.slices(), &running.ledger)?;
            running.client.call(method, &[packed]).await
        };
        let reply = outcome.map_err(|error| call_failed(error, &running.reach))?;
        running.reach.reached();
        judge(reply)
    }
}

/// What an answer means for the data (OTLP specification, "OTLP/gRPC Response").
fn judge(reply: GrpcReply) -> Result<Receipt, ExportError> {
    let GrpcReply { status, message } = reply;
    if status.code == Code::Ok {
        return Ok(match message.map(|message| receipt(&message)) {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => receipt_with_warning(error),
            Err(error) => receipt_with_warning(error),
        });
    }
    let words = format!("{}: {}", name(&status), clipped(&status.message));
    if status.is_retryable() {
        Err(retryable(words, status.retry_after))
    } else {
        Err(permanent(words, fault(status.code)))
    }
}

/// Whose fault a code that is not retryable is. `RESOURCE_EXHAUSTED` comes here only without a delay, and then means the
/// request's size (OTLP specification, "OTLP/gRPC Response").
fn fault(code: Code) -> Fault {
    match code {
        Code::InvalidArgument => Fault::Content,
        Code::ResourceExhausted => Fault::TooLarge,
        _ => Fault::Destination,
    }
}

/// The code's name, as the gRPC documentation writes it.
fn name(status: &Status) -> &'static str {
    match status.code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl Exporter for Sender {
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError> {
        let running = self.run(context)?;
        self.running
            .set(running)
            .map_err(|_| ComponentError::new("the exporter is started already"))
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(self.attempt(request))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(async {
            if let Some(running) = self.running.get() {
                running.client.close();
            }
            Ok(())
        })
    }
}
