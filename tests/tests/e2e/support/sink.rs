//! Destinations: OTLP over gRPC (tonic's generated services) and HTTP, which record what they take and fail as told.

use super::{Export, PATIENCE, sink_http};
use bytes::Bytes;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What a sink does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Takes it.
    Take,
    /// Takes it after a while.
    TakeAfter(Duration),
    /// Takes it, but says that it rejected some items.
    Partial(i64, &'static str),
    /// Says that it may be tried again after this time.
    Retry(Duration),
    /// Refuses it for good, whatever is in it.
    Never(&'static str),
    /// Refuses it for good, for what is in it.
    Blame(&'static str),
    /// Does not answer as long as the connection lives.
    Hang,
    /// Takes it once [`Sink::release`] has been called.
    Hold,
}

/// Decides by the number of the request, counted from 0 over all.
type Script = Arc<dyn Fn(u64) -> Answer + Send + Sync>;

/// What a sink has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The requests, if it keeps them.
    pub(crate) requests: Vec<Export>,
    /// Of each item, by signal and number, how often it came.
    pub(crate) items: BTreeMap<(Signal, u64), u32>,
    /// JSON bodies as they came.
    pub(crate) json: Vec<(Signal, serde_json::Value)>,
    /// The compression of each request, HTTP only.
    pub(crate) encodings: Vec<String>,
    /// Requests that came, whatever became of them.
    pub(crate) attempts: u64,
}

impl Taken {
    /// Whether all of these items have come.
    pub(crate) fn has_all<'a>(&self, items: impl IntoIterator<Item = &'a (Signal, u64)>) -> bool {
        items.into_iter().all(|item| self.items.contains_key(item))
    }

    /// How many items of a signal have come.
    pub(crate) fn count(&self, signal: Signal) -> usize {
        self.items.keys().filter(|(of, _)| *of == signal).count()
    }

    /// Whether no item has come twice.
    pub(crate) fn is_without_duplicates(&self) -> bool {
        self.items.values().all(|times| *times == 1)
    }
}

/// The part that all connections share.
pub(crate) struct Shared {
    script: Mutex<Script>,
    keep: bool,
    taken: watch::Sender<Taken>,
    released: watch::Sender<bool>,
}

impl Shared {
    /// Ready once the sink has been released.
    pub(crate) async fn released(&self) {
        // The sender is in `self`: it cannot go away.
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }

    /// What to do with the next request.
    pub(crate) fn next_answer(&self) -> Answer {
        let mut number = 0;
        self.taken.send_modify(|taken| {
            number = taken.attempts;
            taken.attempts += 1;
        });
        let script = Arc::clone(&self.script.lock().unwrap());
        script(number)
    }

    pub(crate) fn record(&self, request: Export) {
        let signal = request.signal();
        self.taken.send_modify(|taken| {
            for number in request.numbers() {
                *taken.items.entry((signal, number)).or_default() += 1;
            }
            if self.keep {
                taken.requests.push(request);
            }
        });
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Taken)) {
        self.taken.send_modify(change);
    }
}

/// A destination. It has a runtime of its own, so that stopping it ends all of its connections, as a crash would.
pub(crate) struct Sink {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Sink {
    /// A sink that takes everything and keeps the requests.
    pub(crate) fn start() -> Sink {
        Sink::serve(true)
    }

    /// A sink that keeps only the items' numbers: for many of them.
    pub(crate) fn counting() -> Sink {
        Sink::serve(false)
    }

    fn serve(keep: bool) -> Sink {
        let take: Script = Arc::new(|_| Answer::Take);
        let taken = watch::Sender::new(Taken::default());
        let shared = Shared {
            script: Mutex::new(take),
            keep,
            taken,
            released: watch::Sender::new(false),
        };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut sink = Sink {
            shared: Arc::new(shared),
            runtime: None,
            grpc: any,
            http: any,
        };
        sink.open();
        sink
    }

    /// Listens, where it did before if it did.
    pub(crate) fn open(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let (grpc, http) = (listen(self.grpc), listen(self.http));
        (self.grpc, self.http) = (grpc.local_addr().unwrap(), http.local_addr().unwrap());
        runtime.spawn(serve_grpc(grpc, Arc::clone(&self.shared)));
        runtime.spawn(sink_http::serve(http, Arc::clone(&self.shared)));
        self.runtime = Some(runtime);
    }

    /// Ends all connections and listens no more.
    pub(crate) fn close(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Changes what it does.
    pub(crate) fn answer(&self, script: impl Fn(u64) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// Takes what it has held back, and holds nothing back from now on.
    pub(crate) fn release(&self) {
        self.shared.released.send_replace(true);
    }

    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Reads what it has taken.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Taken) -> T) -> T {
        read(&self.shared.taken.borrow())
    }

    /// Waits until what it has taken is as described.
    pub(crate) async fn until(&self, what: &str, holds: impl FnMut(&Taken) -> bool) {
        let mut taken = self.shared.taken.subscribe();
        let waiting = tokio::time::timeout(PATIENCE, taken.wait_for(holds));
        let in_time = waiting.await.is_ok();
        assert!(in_time, "not within {PATIENCE:?}: {what}");
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

async fn serve_grpc(listener: TcpListener, shared: Arc<Shared>) {
    const LARGEST: usize = 64 << 20;
    let service = Service(shared);
    let traces = TraceServiceServer::new(service.clone()).max_decoding_message_size(LARGEST);
    let metrics = MetricsServiceServer::new(service.clone()).max_decoding_message_size(LARGEST);
    let logs = LogsServiceServer::new(service).max_decoding_message_size(LARGEST);
    let served = tonic::transport::Server::builder()
        .add_service(traces.accept_compressed(Gzip).accept_compressed(Zstd))
        .add_service(metrics.accept_compressed(Gzip).accept_compressed(Zstd))
        .add_service(logs.accept_compressed(Gzip).accept_compressed(Zstd))
        .serve_with_incoming(TcpIncoming::from(listener));
    served.await.unwrap();
}

#[derive(Clone)]
struct Service(Arc<Shared>);

impl Service {
    /// Takes a request or not; what it rejected of it.
    async fn take(&self, request: Export) -> Result<Option<(i64, String)>, Status> {
        match self.0.next_answer() {
            Answer::Take => {}
            Answer::TakeAfter(delay) => tokio::time::sleep(delay).await,
            Answer::Partial(rejected, message) => {
                self.0.record(request);
                return Ok(Some((rejected, message.to_owned())));
            }
            Answer::Retry(delay) => {
                let details = ErrorDetails::with_retry_info(Some(delay));
                return Err(Status::with_error_details(Code::Unavailable, "not now", details));
            }
            Answer::Never(message) => return Err(Status::permission_denied(message)),
            Answer::Blame(message) => return Err(Status::invalid_argument(message)),
            Answer::Hang => std::future::pending().await,
            Answer::Hold => self.0.released().await,
        }
        self.0.record(request);
        Ok(None)
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let partial = self.take(Export::Traces(request.into_inner())).await?;
        let partial_success = partial.map(|(rejected_spans, error_message)| ExportTracePartialSuccess {
            rejected_spans,
            error_message,
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let partial = self.take(Export::Metrics(request.into_inner())).await?;
        let partial_success =
            partial.map(
                |(rejected_data_points, error_message)| ExportMetricsPartialSuccess {
                    rejected_data_points,
                    error_message,
                },
            );
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let partial = self.take(Export::Logs(request.into_inner())).await?;
        let partial_success = partial.map(|(rejected_log_records, error_message)| ExportLogsPartialSuccess {
            rejected_log_records,
            error_message,
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

/// A response with a partial success: the three messages have the same form.
pub(crate) fn partial_response(rejected_spans: i64, message: &str) -> Bytes {
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans,
        error_message: message.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }
        .encode_to_vec()
        .into()
}
