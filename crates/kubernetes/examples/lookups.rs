//! What it costs to say of a resource which pod it came from, with so many pods known: beside the same edit with attributes that are
//! known beforehand.
//!
//!   cargo run --profile quick -p forebay-kubernetes --example lookups -- 10000
//!
//! Times are those that the thread has had a processor for, so that others on the machine matter little. For counting instructions,
//! with `perf stat -e instructions:u` or callgrind, all requests are processed so many times by one way, with 20 labels; what starting
//! takes is what it takes with 0:
//!
//!   target/quick/examples/lookups 10000 k8s.pod.uid 100

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program fails by panicking, and prints"
)]

use bytes::Bytes;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::ledger::Ledger;
use forebay_core::registry::{ProcessorFactory, Registry};
use forebay_core::{
    Accounts, Batch, Clock, DeliveryToken, Entry, NodeId, Origin, Payload, Section, Shutdown,
    ShutdownTrigger, Signal, Source, Spawn, Tasks, Time,
};
use forebay_kubernetes::k8s_attributes::K8sAttributesFactory;
use forebay_otlp::edit::{AttributeSet, AttributeValue, Editor, Level, Present};
use forebay_testkit::kubernetes::{FakeCluster, Population};
use forebay_testkit::{SimulatedClock, processor_context};
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Resources in a request.
const RESOURCES: u64 = 100;
/// For how long each way is measured, and how often: the best counts.
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 15;

/// By which attributes pods are found.
const WAYS: [(&str, &str); 5] = [
    ("connection", "{ from = 'connection' }"),
    (
        "k8s.pod.ip",
        "{ from = 'resource_attribute', name = 'k8s.pod.ip' }",
    ),
    (
        "k8s.pod.uid",
        "{ from = 'resource_attribute', name = 'k8s.pod.uid' }",
    ),
    (
        "container.id",
        "{ from = 'resource_attribute', name = 'container.id' }",
    ),
    (
        "k8s.pod.name",
        "{ from = 'resource_attribute', name = 'k8s.pod.name' }, { from = 'resource_attribute', name = 'k8s.namespace.name' }",
    ),
];

/// All labels become attributes.
const LABELS: &str = "extract.labels = [{ key_regex = '(.*)', tag_name = 'l.$1' }]";

struct Runtime;

impl Spawn for Runtime {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A request with a span of each of some pods, by what SDKs say of a resource and what finds the pod.
fn request(first: u64, pods: u64, way: &str) -> Bytes {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        ..Span::default()
    };
    let of = |number: u64| {
        let pod = Population::pod(number % pods);
        let mut attributes = vec![
            text("service.name", "checkout"),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.language", "java"),
            text("telemetry.sdk.version", "1.48.0"),
            text("process.runtime.name", "OpenJDK Runtime Environment"),
        ];
        attributes.extend(match way {
            "connection" => Vec::new(),
            "k8s.pod.ip" => vec![text(way, &pod.ips[0])],
            "k8s.pod.uid" => vec![text(way, &pod.uid)],
            "container.id" => vec![text(way, &pod.containers[0].2)],
            _ => vec![text(way, &pod.name), text("k8s.namespace.name", &pod.namespace)],
        });
        ResourceSpans {
            resource: Some(Resource {
                attributes,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: vec![span.clone()],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }
    };
    let request = ExportTraceServiceRequest {
        resource_spans: (first..first + RESOURCES).map(of).collect(),
    };
    request.encode_to_vec().into()
}

fn processor(cluster: &FakeCluster, extract: &str, sources: &str) -> Arc<dyn Processor> {
    let text = format!(
        "auth_type = 'none'\napi_server = '{}'\nwait_for_metadata = true\nmax_bytes = '256MiB'\n{extract}\n[[pod_association]]\nsources = \
         [{sources}]\n",
        cluster.url()
    );
    let mut registry = Registry::default();
    forebay_kubernetes::register(&mut registry);
    let source = Source {
        name: "lookups.toml".to_owned(),
        text,
    };
    let prepare = registry.processors[K8sAttributesFactory::ABOUT.kind].prepare;
    let prepared = prepare(&Section::whole(Arc::new(source))).unwrap();
    let Ok(BuiltProcessor::Stateless(processor)) = (prepared.build)(1) else {
        panic!("it keeps no state")
    };
    processor
}

fn context(shutdown: Shutdown) -> ProcessorContext {
    let mut context = processor_context(&Ledger::new(1), &SimulatedClock::default(), 0, 256 << 20);
    context.node.clock = Clock::system();
    context.node.tasks = Tasks::new(Arc::new(Runtime));
    context.node.shutdown = shutdown;
    context
}

/// For how long this thread has had a processor.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Processes requests for a time, by turns; gives the nanoseconds that one resource took.
fn measure(requests: &[Bytes], mut process: impl FnMut(&Bytes)) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (began, mut count) = (on_processor(), 0_u64);
        while on_processor() - began < ROUND {
            requests.iter().for_each(&mut process);
            count += requests.len() as u64 * RESOURCES;
        }
        best = best.min((on_processor() - began).as_nanos() as f64 / count as f64);
    }
    best
}

/// One request through a processor, as the engine gives it.
fn pass(
    processor: &dyn Processor,
    books: &(Accounts, Ledger),
    origin: &Arc<Origin>,
    request: &Bytes,
) -> Payload {
    let (accounts, ledger) = books;
    let (token, _delivery) = DeliveryToken::new();
    let entry = Entry {
        custody: accounts.receive(NodeId(0), Signal::Traces, RESOURCES, request.len() as u64),
        lease: ledger.lease(request.len() as u64).unwrap(),
        token,
        origin: Arc::clone(origin),
        received_at: Time::default(),
    };
    let mut outputs = Outputs::new();
    processor.process(
        Batch::new(Signal::Traces, Payload::from(request.clone()), entry),
        &mut outputs,
    );
    let (_, batch) = outputs.drain().next().unwrap();
    let payload = batch.payload().clone();
    batch.delivered(0, None);
    payload
}

/// The same edit, with attributes that are known beforehand: those of the first pod.
struct Fixed(AttributeSet);

impl Processor for Fixed {
    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let edited = editor
            .edit_level(Signal::Traces, &input, Level::Resource, |resource| {
                resource.put_attributes(&[&self.0], Present::Keep).map(|_| ())
            })
            .unwrap();
        forebay_core::rewrite::Fresh::of(&edited, &input, &batch).replace(&mut batch);
        out.emit(batch);
    }
}

/// The attributes that the first resource has got.
fn added(passed: &Payload, before: &Bytes) -> Vec<KeyValue> {
    let resource = |bytes: Bytes| {
        let request = ExportTraceServiceRequest::decode(bytes).unwrap();
        request.resource_spans[0].resource.clone().unwrap().attributes
    };
    let count = resource(before.clone()).len();
    resource(passed.contiguous()).split_off(count)
}

fn set(attributes: &[KeyValue]) -> AttributeSet {
    AttributeSet::new(attributes.iter().map(|pair| match &pair.value {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => (&*pair.key, AttributeValue::String(text)),
        _ => (&*pair.key, AttributeValue::Bool(true)),
    }))
}

/// All requests, so many times, by one way.
async fn only(
    cluster: &FakeCluster,
    books: &(Accounts, Ledger),
    origin: &Arc<Origin>,
    (pods, way, passes): (u64, &str, u64),
) {
    let (way, sources) = WAYS.into_iter().find(|(name, _)| *name == way).unwrap();
    let processor = processor(cluster, LABELS, sources);
    let (_trigger, shutdown) = ShutdownTrigger::new();
    processor.start(&context(shutdown)).unwrap();
    processor.ready().unwrap().await;
    let requests: Vec<Bytes> = (0..pods / RESOURCES)
        .map(|turn| request(turn * RESOURCES, pods, way))
        .collect();
    for _ in 0..passes {
        for request in &requests {
            pass(&*processor, books, origin, request);
        }
    }
    println!(
        "{} resources by {way}",
        passes * requests.len() as u64 * RESOURCES
    );
}

#[tokio::main]
async fn main() {
    let pods: u64 = std::env::args()
        .nth(1)
        .map_or(10_000, |number| number.parse().unwrap());
    let cluster = FakeCluster::start().await.unwrap();
    Population::settle(&cluster, pods);
    let books = (Accounts::new(1), Ledger::new(1 << 30));
    let peer = SocketAddr::new(Population::pod(0).ips[0].parse().unwrap(), 4000);
    let origin = Arc::new(Origin {
        peer: Some(peer),
        ..Origin::default()
    });
    if let (Some(way), Some(passes)) = (std::env::args().nth(2), std::env::args().nth(3)) {
        return only(&cluster, &books, &origin, (pods, &way, passes.parse().unwrap())).await;
    }
    println!("{pods} pods known; nanoseconds for a resource, {RESOURCES} resources in a request");
    let extracts = [("as it comes", ""), ("20 labels", LABELS)];
    for (name, extract) in extracts {
        for (way, sources) in WAYS {
            let processor = processor(&cluster, extract, sources);
            let (_trigger, shutdown) = ShutdownTrigger::new();
            processor.start(&context(shutdown)).unwrap();
            processor.ready().unwrap().await;
            let requests: Vec<Bytes> = (0..pods / RESOURCES)
                .map(|turn| request(turn * RESOURCES, pods, way))
                .collect();
            let fresh = added(&pass(&*processor, &books, &origin, &requests[0]), &requests[0]);
            assert!(!fresh.is_empty(), "the pod is found");
            let fixed = Fixed(set(&fresh));
            let edit = measure(&requests, |request| {
                pass(&fixed, &books, &origin, request);
            });
            let whole = measure(&requests, |request| {
                pass(&*processor, &books, &origin, request);
            });
            println!(
                "{name:12} by {way:12} {:2} attributes: {whole:6.0}, the edit alone {edit:6.0}, on top {:6.0}",
                fresh.len(),
                whole - edit
            );
        }
    }
}
