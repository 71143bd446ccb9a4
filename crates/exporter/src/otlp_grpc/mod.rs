//! `otlp_grpc`: sends requests over OTLP/gRPC, in the bytes that they came in.

pub(crate) mod config;
#[cfg(test)]
mod tests;

pub use config::OtlpGrpcConfig;

use crate::health::Reach;
use crate::otlp::{
    Opened, Packer, Proof, call_failed, clipped, count, headers, of_signal, permanent, receipt,
    receipt_with_warning, retryable,
};
use bytes::Bytes;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use forebay_core::{Clock, Fault, Ledger, SignalSet};
use forebay_transport::auth::Credentials;
use forebay_transport::client::{
    CallError, GrpcClient, GrpcMethod, GrpcReply, GrpcSettings, Network, Surroundings, SystemNetwork,
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
pub(crate) const CONNECTION_BYTES: u64 = 128 << 10;

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
                  An `https` endpoint is reached under TLS (1.2 or 1.3), with `tls.cert_file` under mutual TLS; a server that does \
                  not choose HTTP/2 (ALPN `h2`) is refused. Certificates, keys and tokens are read again when their files \
                  change.\n\n\
                  A name that stands for several addresses gets a connection to each, up to 16, and requests take turns on them. It is \
                  looked up again every `dns_refresh_interval` and whenever a connection fails or ends: new addresses get \
                  connections, and those to addresses that are gone end after their requests. Where a name has IPv6 and IPv4 \
                  addresses, the family is used that answers first. A connection that leads nowhere is found within 15 s.\n\n\
                  Uncompressed unless `compression` says otherwise.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &OtlpGrpcConfig) -> ExporterDeclaration {
        let connections = config.connections.0.max(GrpcClient::SPREAD as u64);
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            bounds: Bounds {
                items: 0,
                bytes: connections * CONNECTION_BYTES,
            },
            takes_custody: false,
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
    Sender::new(config, network, None).map(|sender| Box::new(sender) as Box<dyn Exporter>)
}

/// The exporter for one of several destinations, whose certificates and credentials are `opened` already.
pub(crate) fn build_with(
    config: OtlpGrpcConfig,
    opened: Opened,
) -> Result<Box<dyn Exporter>, ComponentError> {
    let sender = Sender::new(config, Arc::new(SystemNetwork), Some(opened))?;
    Ok(Box::new(sender))
}

#[derive(Debug)]
struct Sender {
    config: OtlpGrpcConfig,
    network: Arc<dyn Network>,
    /// Certificates and credentials that others use as well.
    opened: Option<Opened>,
    headers: HeaderMap,
    packer: Packer,
    running: OnceLock<Running>,
}

/// What there is from the start on.
#[derive(Debug)]
struct Running {
    client: GrpcClient,
    credentials: Option<Credentials>,
    methods: [GrpcMethod; 3],
    reach: Reach,
    ledger: Ledger,
    clock: Clock,
}

impl Sender {
    fn new(
        config: OtlpGrpcConfig,
        network: Arc<dyn Network>,
        opened: Option<Opened>,
    ) -> Result<Self, ComponentError> {
        Ok(Sender {
            packer: Packer::new(config.compression, config.compression_level),
            headers: headers(&config.headers)?,
            config,
            network,
            opened,
            running: OnceLock::new(),
        })
    }

    fn run(&self, context: &NodeContext) -> Result<Running, ComponentError> {
        let opened = match &self.opened {
            Some(opened) => opened.clone(),
            None => self.config.connect_keys(&self.config.endpoints()).open(context)?,
        };
        let settings = GrpcSettings {
            target: self.config.endpoint.target(config::DEFAULT_PORT),
            connections: count(self.config.connections),
            headers: self.headers.clone(),
            encoding: self.packer.encoding(),
            timeout: self.config.timeout.0,
            connect: opened.to(&self.config.endpoint),
        };
        let client = GrpcClient::new(settings, &Surroundings::on(context, Arc::clone(&self.network)))
            .map_err(ComponentError::new)?;
        let method = |path| client.method(path).map_err(ComponentError::new);
        let [traces, metrics, logs] = PATHS;
        let methods = [method(traces)?, method(metrics)?, method(logs)?];
        Ok(Running {
            methods,
            client,
            credentials: opened.credentials,
            reach: Reach::new(context.health.clone()),
            ledger: context.ledger.clone(),
            clock: context.clock.clone(),
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
            running.call(method, request.payload.slices()).await
        } else {
            let (packed, _lease) = self.packer.pack(request.payload.slices(), &running.ledger)?;
            running.call(method, &[packed]).await
        };
        let reply = outcome.map_err(|error| call_failed(error, &running.reach))?;
        running.reach.reached();
        judge(reply)
    }
}

impl Running {
    async fn call(&self, method: &GrpcMethod, slices: &[Bytes]) -> Result<GrpcReply, CallError> {
        let mut proof = Proof::new(self.credentials.as_ref(), &self.clock);
        loop {
            let header = proof.header().await?;
            let reply = self.client.call(method, slices, header.as_ref()).await?;
            if reply.status.code != Code::Unauthenticated || !proof.renew() {
                return Ok(reply);
            }
        }
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
/// request's size (OTLP specification, "OTLP/gRPC Response"). Servers made with gRPC's own libraries answer `INTERNAL` to a message
/// that they cannot decode.
fn fault(code: Code) -> Fault {
    match code {
        Code::InvalidArgument => Fault::Content,
        Code::ResourceExhausted => Fault::TooLarge,
        Code::Internal | Code::Unknown => Fault::Unclear,
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
