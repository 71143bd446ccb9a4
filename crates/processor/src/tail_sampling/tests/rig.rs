//! A processor with all that it needs, and requests for it.

use crate::tail_sampling::config::OnFull;
use crate::tail_sampling::meter::Meter;
use crate::tail_sampling::partition::ByTrace;
use crate::tail_sampling::settings::Settings;
use crate::tail_sampling::shard::Shard;
use crate::testing::{attribute, text};
use forebay_core::component::{Flushed, Outputs, Partition, ProcessorContext, StatefulProcessor};
use forebay_core::{
    Accounts, Balance, Batch, ComponentError, DeliveryToken, Entry, Ledger, NodeId, Payload, Signal,
    SignalSet, TraceReport,
};
use forebay_sampling::policy::{Plan, Policy};
use forebay_telemetry::{Exposition, InstrumentSet};
use forebay_testkit::{SimulatedClock, processor_context};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

/// The memory budget of the process.
pub(super) const BUDGET: u64 = 64 << 20;

pub(super) struct Rig {
    pub(super) shards: Vec<Box<dyn StatefulProcessor>>,
    partition: Arc<dyn Partition>,
    pub(super) accounts: Accounts,
    pub(super) ledger: Ledger,
    pub(super) clock: SimulatedClock,
    /// Spans that came out of the main port, and of the other one, with the names of their services.
    pub(super) kept: Vec<(String, Span)>,
    pub(super) dropped: Vec<(String, Span)>,
    pub(super) logs: Vec<LogRecord>,
    /// Whether what comes in is valid, so that what comes out must be too.
    honest: bool,
    instruments: InstrumentSet,
}

/// What a rig is set up with: the defaults of the config, a small buffer, one shard.
pub(super) struct Setup {
    pub(super) policies: Vec<Policy>,
    pub(super) decision_wait: Duration,
    pub(super) quiet_after_root: Duration,
    pub(super) decide_early: bool,
    pub(super) on_full: OnFull,
    pub(super) num_traces: Option<usize>,
    pub(super) max_trace_bytes: Option<u64>,
    pub(super) record_policy: bool,
    pub(super) shards: usize,
    /// Memory of each shard.
    pub(super) memory: u64,
    /// What is taken from the port of what is dropped.
    pub(super) dropped: SignalSet,
}

impl Setup {
    pub(super) fn new(policies: Vec<Policy>) -> Setup {
        Setup {
            policies,
            decision_wait: Duration::from_secs(30),
            quiet_after_root: Duration::from_secs(1),
            decide_early: true,
            on_full: OnFull::DecideOldest,
            num_traces: None,
            max_trace_bytes: None,
            record_policy: false,
            shards: 1,
            memory: 4 << 20,
            dropped: SignalSet::NONE,
        }
    }

    pub(super) fn start(self) -> Rig {
        self.try_start().unwrap()
    }

    pub(super) fn try_start(self) -> Result<Rig, ComponentError> {
        let plan = Arc::new(Plan::new(&self.policies).unwrap());
        let settings = Arc::new(Settings {
            limiters: Arc::new(plan.limiters()),
            shards: self.shards,
            decision_wait: self.decision_wait.as_nanos() as u64,
            quiet_after_root: self.quiet_after_root.as_nanos() as u64,
            decide_early: self.decide_early,
            on_full: self.on_full,
            num_traces: self.num_traces,
            max_trace_bytes: self.max_trace_bytes,
            record_policy: self.record_policy,
            log_decisions: 0,
            seed: 7,
            plan,
        });
        let meter = Arc::new(Meter::new(&settings.plan, self.shards));
        let (ledger, clock) = (Ledger::new(BUDGET), SimulatedClock::default());
        let context = ProcessorContext {
            taken: vec![SignalSet::ALL, self.dropped].into(),
            ..processor_context(&ledger, &clock, 1, self.memory)
        };
        let shard = |index| {
            let mut shard = Shard::new(&settings, &meter);
            let context = ProcessorContext {
                shard: index,
                ..context.clone()
            };
            shard.start(&context)?;
            Ok(Box::new(shard) as Box<dyn StatefulProcessor>)
        };
        Ok(Rig {
            shards: (0..self.shards).map(shard).collect::<Result<_, _>>()?,
            partition: Arc::new(ByTrace::new(7)),
            accounts: Accounts::new(1),
            ledger,
            clock,
            kept: Vec::new(),
            dropped: Vec::new(),
            logs: Vec::new(),
            honest: true,
            instruments: context.node.instruments,
        })
    }
}

impl Rig {
    pub(super) fn new(policies: Vec<Policy>) -> Rig {
        Setup::new(policies).start()
    }

    /// Spans of several services, each in an envelope of its own, in one request.
    pub(super) fn mixed(&mut self, spans: &[(&str, Span)]) {
        let requests = spans
            .iter()
            .map(|(service, span)| request(service, vec![span.clone()]));
        let bytes = requests.flat_map(|request| request.encode_to_vec()).collect();
        self.send(Signal::Traces, spans.len(), bytes);
    }

    /// A request that need not be valid.
    pub(super) fn send_raw(&mut self, signal: Signal, items: usize, bytes: Vec<u8>) {
        self.honest = false;
        self.send(signal, items, bytes);
    }

    /// One span of a trace, from the service `shop`.
    pub(super) fn span(&mut self, span: Span) {
        self.spans(vec![span]);
    }

    /// Spans of the service `shop`, in one request.
    pub(super) fn spans(&mut self, spans: Vec<Span>) {
        self.send(
            Signal::Traces,
            spans.len(),
            request("shop", spans).encode_to_vec(),
        );
    }

    pub(super) fn records(&mut self, records: Vec<LogRecord>) {
        let items = records.len();
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource("shop")),
                scope_logs: vec![ScopeLogs {
                    log_records: records,
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        self.send(Signal::Logs, items, request.encode_to_vec());
    }

    pub(super) fn send(&mut self, signal: Signal, items: usize, bytes: Vec<u8>) {
        let (token, _) = DeliveryToken::new();
        let entry = Entry {
            custody: self
                .accounts
                .receive(NodeId(0), signal, items as u64, bytes.len() as u64),
            lease: self.ledger.lease(bytes.len() as u64).expect("room"),
            token,
            origin: Arc::default(),
            received_at: self.clock.clock().now(),
        };
        let batch = Batch::new(signal, Payload::from(bytes::Bytes::from(bytes)), entry);
        self.feed(batch);
    }

    pub(super) fn feed(&mut self, batch: Batch) {
        let mut parts = Vec::new();
        match self.shards.len() {
            1 => parts.push((0, batch)),
            shards => self.partition.partition(batch, shards, &mut parts),
        }
        let now = self.clock.clock().now();
        for (shard, part) in parts {
            let mut out = Outputs::new();
            self.shards[shard].process(part, now, &mut out);
            self.take(out);
        }
        self.check();
    }

    /// Lets time pass, with all the ticks that come due.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.clock.clock().now().after(time);
        loop {
            let due = self.shards.iter().filter_map(|shard| shard.next_tick()).min();
            let now = self.clock.clock().now();
            let Some(due) = due.filter(|due| *due <= until) else {
                break;
            };
            self.clock.advance(due.since(now));
            let now = self.clock.clock().now();
            for shard in 0..self.shards.len() {
                if self.shards[shard].next_tick().is_some_and(|at| at <= now) {
                    let mut out = Outputs::new();
                    self.shards[shard].tick(now, &mut out);
                    self.take(out);
                }
            }
        }
        let now = self.clock.clock().now();
        self.clock.advance(until.since(now));
        self.check();
    }

    /// Flushes all shards; how often it took.
    pub(super) fn flush(&mut self) -> usize {
        let (now, mut times) = (self.clock.clock().now(), 0);
        for shard in 0..self.shards.len() {
            loop {
                let mut out = Outputs::new();
                let flushed = self.shards[shard].flush(now, &mut out);
                self.take(out);
                times += 1;
                if flushed == Flushed::All {
                    break;
                }
            }
        }
        self.check();
        times
    }

    pub(super) fn balance(&self) -> Balance {
        self.accounts.total()
    }

    pub(super) fn report(&self, trace: u128) -> Option<TraceReport> {
        let now = self.clock.clock().now();
        let reports = self.shards.iter();
        reports
            .filter_map(|shard| shard.report(trace.to_be_bytes(), now))
            .next()
    }

    /// The names of the spans that came out, in order, and an end to them.
    pub(super) fn names(&mut self) -> Vec<String> {
        let names = self.kept.drain(..).map(|(_, span)| span.name);
        names.collect()
    }

    /// What is shown of it, as the processor `keep`.
    pub(super) fn metrics(&self) -> String {
        let mut out = Exposition::new();
        for instruments in self.instruments.all() {
            for metric in instruments.families() {
                instruments.write(metric, "keep", &mut out.family(metric));
            }
        }
        out.finish()
    }

    fn take(&mut self, mut out: Outputs) {
        for (port, batch) in out.drain() {
            let bytes = batch.payload().contiguous();
            if !self.honest {
                batch.delivered(0, None);
                continue;
            }
            if batch.signal() == Signal::Logs {
                let request = ExportLogsServiceRequest::decode(bytes).unwrap();
                let scopes = request
                    .resource_logs
                    .into_iter()
                    .flat_map(|resource| resource.scope_logs);
                self.logs.extend(scopes.flat_map(|scope| scope.log_records));
            } else {
                let spans = spans_of(&ExportTraceServiceRequest::decode(bytes).unwrap());
                assert_eq!(spans.len() as u64, batch.items(), "the batch is honest");
                match port.0 {
                    0 => self.kept.extend(spans),
                    _ => self.dropped.extend(spans),
                }
            }
            batch.delivered(0, None);
        }
    }

    fn check(&self) {
        assert_eq!(self.balance().unaccounted(), 0);
    }
}

fn spans_of(request: &ExportTraceServiceRequest) -> Vec<(String, Span)> {
    let mut spans = Vec::new();
    for resource in &request.resource_spans {
        let name = resource
            .resource
            .as_ref()
            .and_then(|resource| resource.attributes.first());
        let service = match name.and_then(|name| name.value.as_ref()?.value.as_ref()) {
            Some(Value::StringValue(name)) => name.clone(),
            other => panic!("{other:?} is no service"),
        };
        for scope in &resource.scope_spans {
            spans.extend(scope.spans.iter().map(|span| (service.clone(), span.clone())));
        }
    }
    spans
}

fn resource(service: &str) -> Resource {
    Resource {
        attributes: vec![attribute("service.name", text(service).unwrap().value.unwrap())],
        ..Resource::default()
    }
}

pub(super) fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(service)),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "lib".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// A span of a trace that is not its root, of one millisecond.
pub(super) fn child(trace: u128, name: &str) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: vec![1; 8],
        parent_span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 1_001_000_000,
        ..Span::default()
    }
}

/// The root of a trace.
pub(super) fn root(trace: u128, name: &str) -> Span {
    Span {
        parent_span_id: Vec::new(),
        ..child(trace, name)
    }
}

/// A span with the status ERROR.
pub(super) fn failed(trace: u128, name: &str) -> Span {
    Span {
        status: Some(Status {
            code: 2,
            ..Status::default()
        }),
        ..child(trace, name)
    }
}

pub(super) fn record(trace: u128, severity: i32) -> LogRecord {
    LogRecord {
        trace_id: if trace == 0 {
            Vec::new()
        } else {
            trace.to_be_bytes().to_vec()
        },
        severity_number: severity,
        ..LogRecord::default()
    }
}
