//! Reading the wire: counting, validating and estimating, each beside a prost decode of the same request of 1,000 items. Divide by 1,000 for the time of one item.

mod support;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use forebay_otlp::views::{Request, View};
use forebay_otlp::{Depth, Signal, WireError, count_items, estimate_decoded_bytes, validate};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::hint::black_box;

const ITEMS: usize = 1_000;

fn read(criterion: &mut Criterion) {
    for signal in Signal::ALL {
        let request = support::request(signal, ITEMS);
        let mut group = criterion.benchmark_group(format!("read_{signal}"));
        group.throughput(Throughput::Bytes(request.len() as u64));
        every_signal(&mut group, signal, &request);
        match signal {
            Signal::Traces => traces(&mut group, &request),
            Signal::Metrics => {}
            Signal::Logs => logs(&mut group, &request),
        }
        group.finish();
    }
}

fn every_signal(group: &mut BenchmarkGroup<'_, WallTime>, signal: Signal, request: &[u8]) {
    group.bench_function("prost_decode", |bencher| {
        bencher.iter(|| prost_decode(signal, black_box(request)))
    });
    group.bench_function("count", |bencher| {
        bencher.iter(|| count_items(signal, black_box(request)))
    });
    group.bench_function("validate_shallow", |bencher| {
        bencher.iter(|| validate(signal, black_box(request), Depth::Shallow));
    });
    group.bench_function("validate_full", |bencher| {
        bencher.iter(|| validate(signal, black_box(request), Depth::Full));
    });
    group.bench_function("estimate", |bencher| {
        bencher.iter(|| estimate_decoded_bytes(signal, black_box(request)))
    });
}

/// Decodes and drops the request.
fn prost_decode(signal: Signal, request: &[u8]) -> bool {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(request).is_ok(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(request).is_ok(),
        Signal::Logs => ExportLogsServiceRequest::decode(request).is_ok(),
    }
}

fn traces(group: &mut BenchmarkGroup<'_, WallTime>, request: &[u8]) {
    group.bench_function("views_read_every_span", |bencher| {
        bencher.iter(|| read_spans(black_box(request)))
    });
    group.bench_function("views_find_an_attribute", |bencher| {
        bencher.iter(|| find_routes(black_box(request)))
    });
}

fn logs(group: &mut BenchmarkGroup<'_, WallTime>, request: &[u8]) {
    group.bench_function("views_read_every_record", |bencher| {
        bencher.iter(|| read_logs(black_box(request)))
    });
}

/// The latest end of all spans, by the view that reads every scalar in one pass.
fn read_spans(request: &[u8]) -> Result<u64, WireError> {
    let mut latest = 0;
    for envelope in Request::new(request).resource_envelopes() {
        for scope in envelope?.scope_envelopes() {
            for span in scope?.spans() {
                latest = latest.max(span?.read()?.end_time_unix_nano);
            }
        }
    }
    Ok(latest)
}

/// The highest severity of all records.
fn read_logs(request: &[u8]) -> Result<i32, WireError> {
    let mut highest = 0;
    for envelope in Request::new(request).resource_envelopes() {
        for scope in envelope?.scope_envelopes() {
            for record in scope?.log_records() {
                highest = highest.max(record?.read()?.severity_number);
            }
        }
    }
    Ok(highest)
}

/// How many spans have a route.
fn find_routes(request: &[u8]) -> Result<u64, WireError> {
    let mut found = 0;
    for envelope in Request::new(request).resource_envelopes() {
        for scope in envelope?.scope_envelopes() {
            for span in scope?.spans() {
                let attributes = span?.attributes();
                found += u64::from(attributes.find("http.route")?.is_some());
            }
        }
    }
    Ok(found)
}

criterion_group!(benches, read);
criterion_main!(benches);
