//! What the tests of the OTLP exporters share: an exporter from a config text, a node to run on, requests, and an OTLP
//! server made of tonic's generated code.

use bytes::Bytes;
use forebay_core::balanced::BuiltExporter;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::Registry;
use forebay_core::{
    Clock, Health, Ledger, NodeId, Payload, Phase, Section, ShutdownTrigger, Signal, Source, Spawn, Tasks,
};
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::logs::v1 as logs;
use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as trace;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Runs tasks on the test's runtime, and ends them with the test.
#[derive(Default)]
struct TestTasks(Mutex<JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

/// The exporter of one destination of `kind` with this config.
pub(crate) fn built(kind: &str, config: &str) -> Box<dyn Exporter> {
    match (prepare(kind, config).unwrap().build)().unwrap() {
        BuiltExporter::Single(exporter) => exporter,
        BuiltExporter::Balanced(_) => panic!("`{kind}` has several destinations"),
    }
}

/// A node that runs nothing yet. Its tasks end with it.
pub(crate) struct Node {
    pub(crate) context: NodeContext,
    tasks: Arc<TestTasks>,
    shutdown: ShutdownTrigger,
}

impl Node {
    pub(crate) fn new(clock: Clock) -> Node {
        let tasks = Arc::new(TestTasks::default());
        let (trigger, shutdown) = ShutdownTrigger::new();
        let context = NodeContext {
            node: NodeId(0),
            name: "test".into(),
            clock,
            tasks: Tasks::new(Arc::clone(&tasks) as Arc<dyn Spawn>),
            ledger: Ledger::new(64 << 20),
            shutdown,
            health: Health::default(),
            reloads: Arc::default(),
            instruments: Default::default(),
        };
        context.health.working();
        Node {
            context,
            tasks,
            shutdown: trigger,
        }
    }
}

/// A started exporter and its node.
pub(crate) struct Rig {
    pub(crate) exporter: Box<dyn Exporter>,
    pub(crate) health: Health,
    tasks: Arc<TestTasks>,
    shutdown: ShutdownTrigger,
}

impl Rig {
    /// The exporter of `kind` with this config, started.
    pub(crate) fn start(kind: &str, config: &str) -> Rig {
        let exporter = built(kind, config);
        Rig::with(exporter, Clock::system()).unwrap()
    }

    /// This exporter, started on a node with this clock.
    pub(crate) fn with(exporter: Box<dyn Exporter>, clock: Clock) -> Result<Rig, ComponentError> {
        Rig::on(Node::new(clock), exporter)
    }

    /// This exporter, started on this node.
    pub(crate) fn on(node: Node, exporter: Box<dyn Exporter>) -> Result<Rig, ComponentError> {
        let Node {
            context,
            tasks,
            shutdown,
        } = node;
        exporter.start(&context)?;
        Ok(Rig {
            exporter,
            health: context.health,
            tasks,
            shutdown,
        })
    }

    pub(crate) async fn send(&self, signal: Signal, payload: Payload) -> Result<Receipt, ExportError> {
        self.exporter
            .export(&Request {
                signal,
                payload,
                items: 1,
            })
            .await
    }

    /// Sends a small request until the destination is reached: for after a restart.
    pub(crate) async fn send_until_reached(&self) {
        while let Err(error) = self.send(Signal::Traces, trace_payload(1)).await {
            let ExportError::Retryable { after, .. } = error else {
                panic!("{error}");
            };
            tokio::time::sleep(after.unwrap_or_default()).await;
        }
    }

    /// Closes the exporter and waits until each of its tasks has ended by itself.
    pub(crate) async fn close(self) {
        self.exporter.close().await.unwrap();
        drop(self.exporter);
        let mut tasks = std::mem::take(&mut *self.tasks.0.lock().unwrap());
        while tasks.join_next().await.is_some() {}
        self.shutdown.advance(Phase::Stopped);
    }
}

/// Reads a config as the engine does.
pub(crate) fn prepare(
    kind: &str,
    config: &str,
) -> Result<forebay_core::registry::PreparedExporter, Vec<forebay_core::Diagnostic>> {
    let mut registry = Registry::default();
    crate::register(&mut registry);
    let source = Arc::new(Source {
        name: "test".to_owned(),
        text: config.to_owned(),
    });
    (registry.exporters[kind].prepare)(&Section::whole(source))
}

fn attribute(value: &str) -> KeyValue {
    KeyValue {
        key: "key".to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

pub(crate) fn trace_request(spans: usize) -> trace::ExportTraceServiceRequest {
    let span = |index: usize| Span {
        trace_id: vec![7; 16],
        span_id: (index as u64).to_be_bytes().to_vec(),
        name: format!("span {index}"),
        attributes: vec![attribute(&"v".repeat(40 + index % 7))],
        end_time_unix_nano: u64::MAX - index as u64,
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: (0..spans).map(span).collect(),
        ..ScopeSpans::default()
    };
    trace::ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        }],
    }
}

pub(crate) fn metrics_request() -> metrics::ExportMetricsServiceRequest {
    let point = NumberDataPoint {
        attributes: vec![attribute("p")],
        flags: 1,
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "m".to_owned(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![point],
        })),
        ..Metric::default()
    };
    let scope = ScopeMetrics {
        metrics: vec![metric],
        ..ScopeMetrics::default()
    };
    metrics::ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        }],
    }
}

pub(crate) fn logs_request() -> logs::ExportLogsServiceRequest {
    let record = LogRecord {
        severity_number: 9,
        attributes: vec![attribute("l")],
        ..LogRecord::default()
    };
    let scope = ScopeLogs {
        log_records: vec![record],
        ..ScopeLogs::default()
    };
    logs::ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![scope],
            ..ResourceLogs::default()
        }],
    }
}

pub(crate) fn payload(message: &impl Message) -> Payload {
    Bytes::from(message.encode_to_vec()).into()
}

pub(crate) fn trace_payload(spans: usize) -> Payload {
    payload(&trace_request(spans))
}

/// The payload of `message` cut into slices of `size` bytes: slices need not be whole messages.
pub(crate) fn sliced(message: &impl Message, size: usize) -> Payload {
    let whole = Bytes::from(message.encode_to_vec());
    let starts = (0..whole.len()).step_by(size);
    starts
        .map(|start| whole.slice(start..whole.len().min(start + size)))
        .collect()
}

/// An OTLP server that keeps what it gets, and answers traces as it is told.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    pub(crate) traces: Arc<Mutex<Vec<trace::ExportTraceServiceRequest>>>,
    pub(crate) metrics: Arc<Mutex<Vec<metrics::ExportMetricsServiceRequest>>>,
    pub(crate) logs: Arc<Mutex<Vec<logs::ExportLogsServiceRequest>>>,
    /// Metadata of the last request for traces.
    pub(crate) metadata: Arc<Mutex<tonic::metadata::MetadataMap>>,
    /// What is answered to traces in place of full success.
    pub(crate) answer: Arc<Mutex<Option<Result<trace::ExportTraceServiceResponse, tonic::Status>>>>,
    /// With this, requests for traces wait until they are let go.
    pub(crate) hold: Arc<Mutex<Option<Arc<Notify>>>>,
    /// Told when a request for traces has come.
    pub(crate) came: Arc<Notify>,
}

#[tonic::async_trait]
impl trace::trace_service_server::TraceService for Kept {
    async fn export(
        &self,
        request: tonic::Request<trace::ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<trace::ExportTraceServiceResponse>, tonic::Status> {
        *self.metadata.lock().unwrap() = request.metadata().clone();
        self.came.notify_one();
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        self.traces.lock().unwrap().push(request.into_inner());
        let answer = self.answer.lock().unwrap().clone();
        answer
            .unwrap_or_else(|| Ok(Default::default()))
            .map(tonic::Response::new)
    }
}

#[tonic::async_trait]
impl metrics::metrics_service_server::MetricsService for Kept {
    async fn export(
        &self,
        request: tonic::Request<metrics::ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<metrics::ExportMetricsServiceResponse>, tonic::Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl logs::logs_service_server::LogsService for Kept {
    async fn export(
        &self,
        request: tonic::Request<logs::ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<logs::ExportLogsServiceResponse>, tonic::Status> {
        self.logs.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(Default::default()))
    }
}
