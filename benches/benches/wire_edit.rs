//! The splice editor beside prost's decode, modify, encode: 1,000 spans of 10 attributes, as `ns per iteration / 1,000` per span.

use std::hint::black_box;
use std::num::NonZeroUsize;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forebay_otlp::{
    Signal, Value,
    edit::{AttributeEditor, AttributeValue, Editor, Level, Part, SplitLimits, Verdict},
    fields,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

mod support;

const SPANS: usize = 1_000;

type Benches<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// The first byte of a span's trace id, which is random: it follows a tag and a length.
fn id_byte(item: &[u8]) -> usize {
    usize::from(item.get(2).copied().unwrap_or_default())
}

fn attributes(group: &mut Benches<'_>, input: &Bytes) {
    let mut editor = Editor::new();
    let mut edit = |name: &str, level: Level, attributes: &AttributeEditor| {
        group.bench_function(format!("{name}/bytes"), |bench| {
            bench.iter(|| {
                let edited = editor.edit_level(Signal::Traces, input, level, |patch| {
                    patch.edit_attributes(attributes)
                });
                edited.map(|edited| edited.to_bytes())
            });
        });
        group.bench_function(format!("{name}/segments"), |bench| {
            bench.iter(|| {
                let edited = editor.edit_level(Signal::Traces, input, level, |patch| {
                    patch.edit_attributes(attributes)
                });
                edited.map(|edited| edited.to_segments())
            });
        });
    };
    let production = AttributeValue::String("production");
    let absent = AttributeEditor::new().upsert("deployment.environment.name", production);
    let present = AttributeEditor::new().upsert("url.scheme", production);
    let deleted = AttributeEditor::new().delete("user_agent.original");
    let untouched = AttributeEditor::new().delete("no.such.attribute");
    let several = AttributeEditor::new()
        .upsert("deployment.environment.name", production)
        .delete("user_agent.original")
        .rename("server.port", "net.host.port")
        .update("url.scheme", production);
    edit("span_upsert_absent", Level::Item, &absent);
    edit("span_upsert_present", Level::Item, &present);
    edit("span_delete", Level::Item, &deleted);
    edit("span_delete_none", Level::Item, &untouched);
    edit("span_four_changes", Level::Item, &several);
    edit("resource_upsert", Level::Resource, &absent);
    edit("scope_upsert", Level::Scope, &absent);
}

fn items(group: &mut Benches<'_>, input: &Bytes) {
    let mut editor = Editor::new();
    for (name, threshold) in [("drop_none", 0), ("drop_half", 128), ("drop_all", 256)] {
        let decide = move |item: &[u8]| {
            if id_byte(item) < threshold {
                Verdict::Drop
            } else {
                Verdict::Keep
            }
        };
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let edited = editor.drop_items(Signal::Traces, input, |context| decide(context.item));
                edited.map(|edited| edited.to_bytes())
            });
        });
    }
    group.bench_function("set_name", |bench| {
        bench.iter(|| {
            let edited = editor.edit_level(Signal::Traces, input, Level::Item, |span| {
                span.set_field(fields::span::NAME, Value::Len(b"renamed"))
            });
            edited.map(|edited| edited.to_bytes())
        });
    });
    group.bench_function("copy", |bench| {
        bench.iter(|| Bytes::copy_from_slice(black_box(input)))
    });
}

fn split(group: &mut Benches<'_>, input: &Bytes) {
    let mut editor = Editor::new();
    let by_items = SplitLimits {
        max_items: NonZeroUsize::new(100),
        max_bytes: None,
    };
    let by_bytes = SplitLimits {
        max_items: None,
        max_bytes: NonZeroUsize::new(1 << 16),
    };
    let count = |parts: Vec<Part>| parts.len();
    group.bench_function("split_100_items", |bench| {
        bench.iter(|| editor.split(Signal::Traces, input, by_items).map(count));
    });
    group.bench_function("split_64_kib", |bench| {
        bench.iter(|| editor.split(Signal::Traces, input, by_bytes).map(count));
    });
    group.bench_function("partition_8", |bench| {
        bench.iter(|| editor.partition(Signal::Traces, input, |context| id_byte(context.item) % 8));
    });
}

fn each_span(input: &Bytes, mut change: impl FnMut(&mut Span)) -> Result<Vec<u8>, prost::DecodeError> {
    let mut request = ExportTraceServiceRequest::decode(input.clone())?;
    let scopes = request
        .resource_spans
        .iter_mut()
        .flat_map(|envelope| &mut envelope.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans).for_each(&mut change);
    Ok(request.encode_to_vec())
}

fn prost(group: &mut Benches<'_>, input: &Bytes) {
    group.sample_size(20);
    group.bench_function("prost/span_insert", |bench| {
        bench.iter(|| {
            each_span(input, |span| {
                span.attributes
                    .push(support::text("deployment.environment.name", "production"))
            })
        });
    });
    group.bench_function("prost/drop_half", |bench| {
        bench.iter(|| {
            let mut request = ExportTraceServiceRequest::decode(input.clone())?;
            let scopes = request
                .resource_spans
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_spans);
            scopes.for_each(|scope| {
                scope
                    .spans
                    .retain(|span| span.trace_id.first().is_none_or(|byte| *byte >= 128))
            });
            Ok::<_, prost::DecodeError>(request.encode_to_vec())
        });
    });
}

fn benches(criterion: &mut Criterion) {
    let input = Bytes::from(support::request(Signal::Traces, SPANS));
    let mut group = criterion.benchmark_group("wire_edit");
    group.throughput(Throughput::Elements(SPANS as u64));
    attributes(&mut group, &input);
    items(&mut group, &input);
    split(&mut group, &input);
    prost(&mut group, &input);
    group.finish();
}

criterion_group!(wire_edit, benches);
criterion_main!(wire_edit);
