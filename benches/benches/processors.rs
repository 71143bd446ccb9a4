//! What the processors cost on a request of 1,000 spans with 10 attributes each, beside a copy of its bytes and beside
//! decoding, changing and encoding it with prost.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark whose input is wrong has to stop"
)]

mod support;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::ledger::Ledger;
use forebay_core::registry::Registry;
use forebay_core::{Accounts, Batch, DeliveryToken, Entry, NodeId, Payload, Section, Signal, Source, Time};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use std::hint::black_box;
use std::sync::Arc;

const SPANS: usize = 1_000;

/// A processor, as a config makes it.
fn processor(kind: &str, config: &str) -> Arc<dyn Processor> {
    let mut registry = Registry::default();
    forebay_processor::register(&mut registry);
    let source = Source {
        name: "bench.toml".to_owned(),
        text: config.to_owned(),
    };
    let section = Section::whole(Arc::new(source));
    let prepared = (registry.processors[kind].prepare)(&section).expect("a valid config");
    match (prepared.build)(1) {
        Ok(BuiltProcessor::Stateless(processor)) => processor,
        _ => panic!("{kind} is stateless"),
    }
}

/// Batches of one request, as a receiver makes them.
struct Door {
    accounts: Accounts,
    ledger: Ledger,
    request: Bytes,
}

impl Door {
    fn batch(&self) -> Batch {
        let bytes = self.request.len() as u64;
        let entry = Entry {
            custody: self
                .accounts
                .receive(NodeId(0), Signal::Traces, SPANS as u64, bytes),
            lease: self.ledger.lease(bytes).expect("room"),
            token: DeliveryToken::detached(),
            origin: Arc::default(),
            received_at: Time::default(),
        };
        Batch::new(Signal::Traces, Payload::from(self.request.clone()), entry)
    }
}

const PROCESSORS: [(&str, &str, &str); 14] = [
    (
        "resource only",
        "attributes",
        r#"resource = [{ action = "upsert", key = "deployment.environment.name", value = "prod" }]"#,
    ),
    (
        "upsert on every span",
        "attributes",
        r#"item = [{ action = "upsert", key = "deployment.environment.name", value = "prod" }]"#,
    ),
    (
        "upsert on GET spans of servers",
        "attributes",
        "when = { names = [\"glob:GET *\"], kinds = [\"server\"] }
         item = [{ action = \"upsert\", key = \"deployment.environment.name\", value = \"prod\" }]",
    ),
    (
        "step by step: upsert where a condition holds",
        "attributes",
        r#"item = [{ action = "upsert", key = "env", value = "prod", when = { attributes = { "url.scheme" = "https" } } }]"#,
    ),
    (
        "hash of one attribute",
        "attributes",
        r#"item = [{ action = "hash", key = "client.address" }]"#,
    ),
    (
        "filter by name, drops a third",
        "filter",
        r#"rules = [{ names = ["GET /api/cart"] }]"#,
    ),
    (
        "filter by attribute, drops half",
        "filter",
        r#"rules = [{ attributes = { "client.address" = "regex:[02468]$" } }]"#,
    ),
    (
        "filter by integer attribute, drops half",
        "filter",
        r#"rules = [{ attributes = { "http.response.status_code" = "regex:[02468]$" } }]"#,
    ),
    (
        "filter that drops nothing",
        "filter",
        r#"rules = [{ names = ["GET /health"] }]"#,
    ),
    (
        "sampler that keeps a tenth",
        "probabilistic_sampler",
        "sampling_percentage = 10",
    ),
    (
        "sampler that keeps a tenth by hash",
        "probabilistic_sampler",
        "sampling_percentage = 10\nmode = \"hash_seed\"",
    ),
    (
        "sampler that keeps all",
        "probabilistic_sampler",
        "sampling_percentage = 100",
    ),
    (
        "adaptive sampler that keeps a tenth",
        "adaptive_sampler",
        "target = \"10%\"",
    ),
    (
        "adaptive sampler that keeps all",
        "adaptive_sampler",
        "target = \"100%\"",
    ),
];

fn processors(criterion: &mut Criterion) {
    let door = Door {
        accounts: Accounts::new(1),
        ledger: Ledger::new(1 << 40),
        request: support::request(Signal::Traces, SPANS).into(),
    };
    let mut group = criterion.benchmark_group("processors");
    group.throughput(Throughput::Elements(SPANS as u64));
    for (name, kind, config) in PROCESSORS {
        let processor = processor(kind, config);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || door.batch(),
                |batch| {
                    let mut outputs = Outputs::new();
                    processor.process(batch, &mut outputs);
                    outputs
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// The spans of [`support::request`], with the number of one of ten hosts on each, in as many resource envelopes as asked for, of ten
/// different resources in turn. One for each host has all of its spans; with more, every host has several.
fn spread(envelopes: usize) -> Bytes {
    let mut request = support::traces(SPANS);
    let mut shell = request.resource_spans.remove(0);
    let mut spans = std::mem::take(&mut shell.scope_spans[0].spans);
    for (index, span) in spans.iter_mut().enumerate() {
        span.attributes
            .push(support::text("host.name", format!("node-{}", index % HOSTS)));
    }
    let envelope = |(index, spans): (usize, &[Span])| {
        let mut envelope = shell.clone();
        envelope.scope_spans[0].spans = spans.to_vec();
        let resource = envelope.resource.get_or_insert_default();
        resource
            .attributes
            .push(support::number("number", (index % HOSTS) as i64));
        envelope
    };
    let chunks = spans.chunks(SPANS / envelopes).enumerate();
    request.resource_spans = chunks.map(envelope).collect();
    request.encode_to_vec().into()
}

/// How many resources, and values to group by, the requests of [`spread`] have.
const HOSTS: usize = 10;

const REGROUPING: [(&str, &str, &str, usize); 5] = [
    (
        "compaction: 10 resources, all different",
        "resource_compaction",
        "",
        HOSTS,
    ),
    (
        "compaction: 10 resources, each 10 times",
        "resource_compaction",
        "",
        100,
    ),
    (
        "grouping: 10 values under 1 resource",
        "group_by_attributes",
        "keys = [\"host.name\"]",
        1,
    ),
    (
        "grouping: 10 values under each of 10 resources",
        "group_by_attributes",
        "keys = [\"host.name\"]",
        HOSTS,
    ),
    (
        "grouping: nobody has the key",
        "group_by_attributes",
        "keys = [\"host.title\"]",
        HOSTS,
    ),
];

fn regrouping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("regrouping");
    group.throughput(Throughput::Elements(SPANS as u64));
    for (name, kind, config, envelopes) in REGROUPING {
        let processor = processor(kind, config);
        let door = Door {
            accounts: Accounts::new(1),
            ledger: Ledger::new(1 << 40),
            request: spread(envelopes),
        };
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || door.batch(),
                |batch| {
                    let mut outputs = Outputs::new();
                    processor.process(batch, &mut outputs);
                    outputs
                },
                BatchSize::PerIteration,
            );
        });
    }
    let request = spread(100);
    group.bench_function("prost: 10 resources, each 10 times", |bencher| {
        bencher.iter(|| {
            let decoded = ExportTraceServiceRequest::decode(black_box(&request[..])).expect("valid");
            let mut joined: Vec<ResourceSpans> = Vec::new();
            for mut envelope in decoded.resource_spans {
                match joined
                    .iter_mut()
                    .find(|other| other.resource == envelope.resource)
                {
                    Some(other) => {
                        let spans = &mut envelope.scope_spans[0].spans;
                        other.scope_spans[0].spans.append(spans);
                    }
                    None => joined.push(envelope),
                }
            }
            let request = ExportTraceServiceRequest {
                resource_spans: joined,
            };
            request.encode_to_vec()
        });
    });
    group.finish();
}

fn beside(criterion: &mut Criterion) {
    let request = support::request(Signal::Traces, SPANS);
    let mut group = criterion.benchmark_group("beside");
    group.throughput(Throughput::Elements(SPANS as u64));
    group.bench_function("copy", |bencher| bencher.iter(|| black_box(&request).clone()));
    group.bench_function("prost upsert on every span", |bencher| {
        bencher.iter(|| {
            let mut decoded = ExportTraceServiceRequest::decode(black_box(&request[..])).expect("valid");
            let scopes = decoded
                .resource_spans
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_spans);
            for span in scopes.flat_map(|scope| &mut scope.spans) {
                span.attributes
                    .push(support::text("deployment.environment.name", "prod"));
            }
            decoded.encode_to_vec()
        });
    });
    group.bench_function("prost filter by name", |bencher| {
        bencher.iter(|| {
            let mut decoded = ExportTraceServiceRequest::decode(black_box(&request[..])).expect("valid");
            let scopes = decoded
                .resource_spans
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_spans);
            scopes.for_each(|scope| scope.spans.retain(|span| span.name != "GET /api/cart"));
            decoded.encode_to_vec()
        });
    });
    group.finish();
}

criterion_group!(benches, processors, regrouping, beside);
criterion_main!(benches);
