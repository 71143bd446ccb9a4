//! A running receiver before a scripted pipeline, and requests to send to it.

use crate::otlp::{Address, OtlpConfig, OtlpFactory};
use bytes::Bytes;
use forebay_core::component::{ComponentError, Intake, NodeContext, ReceiverContext};
use forebay_core::registry::ReceiverFactory;
use forebay_core::{
    Accounts, Batch, Clock, Failure, Health, Identity, Ledger, NodeId, Reason, ShutdownTrigger, Signal,
    SignalSet, Spawn, Tasks,
};
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::{logs::v1 as logs, metrics::v1 as metrics, trace::v1 as trace};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

/// Runs tasks on the test's runtime, and ends them with the test.
#[derive(Default)]
struct TestTasks(Mutex<JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

/// What the pipeline does with a batch.
pub(super) enum Then {
    Deliver,
    Reject(u64, &'static str),
    Fail(Failure),
    Hold,
}

/// What the pipeline saw of a batch.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) signal: Signal,
    pub(super) items: u64,
    pub(super) bytes: Bytes,
    pub(super) peer: Option<SocketAddr>,
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) sender_waits: bool,
}

/// The pipeline.
pub(super) struct Pipeline {
    then: Then,
    /// A permit for each batch that it has room for.
    pub(super) room: Semaphore,
    /// Told when a batch is there, before it waits for room and after.
    pub(super) changed: Notify,
    pub(super) waiting: Mutex<usize>,
    seen: Mutex<Vec<Seen>>,
    held: Mutex<Vec<Batch>>,
}

impl Pipeline {
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it has seen `count` batches.
    pub(super) async fn has_seen(&self, count: usize) {
        self.until(|pipeline| pipeline.seen().len() >= count).await;
    }

    /// Waits for a condition that changes as batches come.
    pub(super) async fn until(&self, condition: impl Fn(&Pipeline) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    /// Delivers what is held.
    pub(super) fn let_go(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        held.into_iter().for_each(|batch| batch.delivered(0, None));
    }
}

impl Intake for Pipeline {
    fn send(&self, batch: Batch) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.waiting.lock().unwrap() += 1;
            self.changed.notify_waiters();
            self.room.acquire().await.unwrap().forget();
            *self.waiting.lock().unwrap() -= 1;
            self.seen.lock().unwrap().push(Seen {
                signal: batch.signal(),
                items: batch.items(),
                bytes: batch.payload().contiguous(),
                peer: batch.origin().peer,
                identity: batch.origin().identity.clone(),
                sender_waits: batch.sender_waits(),
            });
            match &self.then {
                Then::Deliver => batch.delivered(0, None),
                Then::Reject(items, message) => batch.delivered(*items, Some((*message).into())),
                Then::Fail(failure) => batch.fail(failure.clone()),
                Then::Hold => self.held.lock().unwrap().push(batch),
            }
            self.changed.notify_waiters();
        })
    }
}

/// How the receiver is set up.
pub(super) struct Setup {
    pub(super) config: OtlpConfig,
    pub(super) accepts: SignalSet,
    pub(super) budget: u64,
    pub(super) then: Then,
    pub(super) room: usize,
}

impl Default for Setup {
    fn default() -> Self {
        let mut config = OtlpConfig::default();
        config.grpc.listen = Address::try_from("127.0.0.1:0".to_owned()).unwrap();
        config.http.listen = Address::try_from("127.0.0.1:0".to_owned()).unwrap();
        Setup {
            config,
            accepts: SignalSet::ALL,
            budget: 256 << 20,
            then: Then::Deliver,
            room: 1_000_000,
        }
    }
}

impl Setup {
    pub(super) fn then(then: Then) -> Self {
        Setup {
            then,
            ..Setup::default()
        }
    }

    pub(super) fn configured(change: impl FnOnce(&mut OtlpConfig)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup.config);
        setup
    }
}

/// A running receiver.
pub(super) struct Rig {
    pub(super) grpc: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) context: ReceiverContext,
    pub(super) accounts: Accounts,
    pub(super) shutdown: ShutdownTrigger,
    pub(super) run: JoinHandle<Result<(), ComponentError>>,
}

impl Rig {
    pub(super) fn start() -> Rig {
        Setup::default().start()
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.context.node.ledger
    }

    /// Requests refused for `reason`.
    pub(super) fn refused(&self, reason: Reason) -> u64 {
        let mut all = self.context.requests.refused();
        all.find(|(of, _)| *of == reason).unwrap().1
    }
}

impl Setup {
    pub(super) fn start(self) -> Rig {
        let (shutdown, listener) = ShutdownTrigger::new();
        let node = NodeContext {
            node: NodeId(0),
            name: "otlp".into(),
            clock: Clock::system(),
            tasks: Tasks::new(Arc::new(TestTasks::default())),
            ledger: Ledger::new(self.budget),
            shutdown: listener,
            health: Health::default(),
            reloads: Arc::default(),
            instruments: Default::default(),
        };
        let pipeline = Arc::new(Pipeline {
            then: self.then,
            room: Semaphore::new(self.room),
            changed: Notify::new(),
            waiting: Mutex::new(0),
            seen: Mutex::default(),
            held: Mutex::default(),
        });
        let accounts = Accounts::new(1);
        let intake = Arc::clone(&pipeline) as Arc<dyn Intake>;
        let context = ReceiverContext::new(node, self.accepts, accounts.clone(), intake);
        let mut receiver = OtlpFactory::build(self.config).unwrap();
        let addresses = receiver.bind().unwrap();
        Rig {
            grpc: addresses[0].tcp().unwrap(),
            http: addresses.last().unwrap().tcp().unwrap(),
            pipeline,
            context: context.clone(),
            accounts,
            shutdown,
            run: tokio::spawn(receiver.run(context)),
        }
    }
}

/// A trace request of `count` spans, whose names take `name` bytes each.
pub(super) fn spans(count: usize, name: usize) -> trace::ExportTraceServiceRequest {
    let span = |i: usize| Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: format!("{i}{}", "x".repeat(name)),
        ..Span::default()
    };
    trace::ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: (0..count).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub(super) fn points(count: usize) -> metrics::ExportMetricsServiceRequest {
    let gauge = Gauge {
        data_points: vec![NumberDataPoint::default(); count],
    };
    let metric = Metric {
        name: "load".into(),
        data: Some(Data::Gauge(gauge)),
        ..Metric::default()
    };
    metrics::ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

pub(super) fn records(count: usize) -> logs::ExportLogsServiceRequest {
    let log_records = vec![
        LogRecord {
            severity_text: "INFO".into(),
            ..LogRecord::default()
        };
        count
    ];
    logs::ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}
