//! What the limiter costs for a request of 1,000 points of ten attributes each, of a hundred thousand live series or of ever new ones,
//! beside a walk over them.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a benchmark whose input is wrong has to stop")]

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use forebay_benches::payload::{Kind, SeriesShape, SeriesStream, Temporality};
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{Action, Admission, Limiter, Limits, Policies, Policy, Settings};
use forebay_otlp::Signal;
use forebay_otlp::edit::Editor;
use std::hint::black_box;

/// As in the binary: much of what there is to do is to allocate.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POINTS: usize = 1_000;
const SERIES: usize = 100_000;

fn limiter(limit: u32) -> Limiter {
    let policy = Policy {
        limit,
        action: Action::Fold,
        admission: Admission::FirstCome,
        idle_timeout: 3600,
    };
    Limiter::new(Settings {
        limits: Limits {
            policies: Policies::one(policy),
            group_limit: u64::MAX,
            total_limit: 1_000_000,
        },
        group_by: Vec::new(),
        max_bytes: 64 << 20,
        exemplars: 4,
        rules: None,
        hasher: SeriesHasher::with_seed(1),
    })
}

/// The requests of a stream in their order, for ever.
struct Requests {
    stream: SeriesStream,
    next: u64,
}

impl Requests {
    fn new(shape: SeriesShape) -> Requests {
        let stream = SeriesStream::new(shape, POINTS).expect("a valid shape");
        Requests { stream, next: 0 }
    }

    fn next(&mut self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.stream.bytes());
        self.stream.append(self.next, &mut out);
        self.next += 1;
        out.freeze()
    }
}

/// A limiter that knows all there is to know: the requests have come three times around.
fn warmed(shape: SeriesShape, limit: u32) -> (Limiter, Requests, Editor) {
    let (limiter, mut requests, mut editor) = (limiter(limit), Requests::new(shape), Editor::default());
    for _ in 0..3 * SERIES / POINTS {
        limiter
            .review(&mut editor, &requests.next(), POINTS, 1)
            .expect("valid");
    }
    (limiter, requests, editor)
}

fn review(c: &mut Criterion) {
    let mut group = c.benchmark_group("cardinality");
    group.throughput(Throughput::Elements(POINTS as u64));
    let steady = SeriesShape {
        live_series: SERIES,
        ..SeriesShape::default()
    };
    let mut requests = Requests::new(steady);
    group.bench_function("count", |b| {
        b.iter_batched(
            || requests.next(),
            |request| black_box(forebay_otlp::count_items(Signal::Metrics, &request)),
            BatchSize::SmallInput,
        );
    });
    for (name, temporality, kind, new_series_every, limit) in [
        ("delta", Temporality::Delta, Kind::Sum, 0, 2000),
        ("cumulative", Temporality::Cumulative, Kind::Sum, 0, 2000),
        (
            "cumulative histograms",
            Temporality::Cumulative,
            Kind::Histogram,
            0,
            2000,
        ),
        ("gauges", Temporality::Delta, Kind::Gauge, 0, 2000),
        ("attack of deltas", Temporality::Delta, Kind::Sum, 1, 2000),
        (
            "attack of cumulative sums",
            Temporality::Cumulative,
            Kind::Sum,
            1,
            2000,
        ),
        ("all over the limit, deltas", Temporality::Delta, Kind::Sum, 0, 1),
        (
            "all over the limit, cumulative",
            Temporality::Cumulative,
            Kind::Sum,
            0,
            1,
        ),
    ] {
        let shape = SeriesShape {
            temporality,
            kind,
            new_series_every,
            ..steady
        };
        let mut warm = None;
        group.bench_function(name, |b| {
            let (limiter, requests, editor) = warm.get_or_insert_with(|| warmed(shape, limit));
            b.iter_batched(
                || requests.next(),
                |request| {
                    let review = limiter.review(editor, &request, POINTS, 1).expect("valid");
                    (request, black_box(review))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, review);
criterion_main!(benches);
