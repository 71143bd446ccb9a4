//! What the limiter takes never exceeds what it may take, whatever comes.

use super::world::{World, policy, settings};
use bytes::Bytes;
use fastrand::Rng;
use forebay_cardinality::limiter::{Action, Admission, Policies, Policy};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    exponential_histogram_data_point::Buckets, number_data_point::Value, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// How much of everything there is.
#[derive(Clone, Copy)]
struct Wide {
    resources: u32,
    metrics: u32,
    series: u32,
}

fn key_value(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value)),
        }),
        ..KeyValue::default()
    }
}

fn attributes(rng: &mut Rng, wide: Wide) -> Vec<KeyValue> {
    let mut all = vec![key_value("series", rng.u32(..wide.series).to_string())];
    for number in 0..rng.usize(..4) {
        all.push(key_value(&format!("key-{number}"), rng.u8(..4).to_string()));
    }
    all
}

/// Some time; sometimes none.
fn time(rng: &mut Rng, now: u32) -> u64 {
    match rng.u8(..20) {
        0 => 0,
        1 => rng.u64(..),
        _ => (1_700_000_000 + u64::from(now)) * 1_000_000_000 + rng.u64(..1_000_000_000),
    }
}

fn double(rng: &mut Rng) -> f64 {
    match rng.u8(..30) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::MAX,
        _ => rng.f64() * 1000.0,
    }
}

fn number(rng: &mut Rng, wide: Wide, now: u32) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(rng, wide),
        start_time_unix_nano: time(rng, now / 500),
        time_unix_nano: time(rng, now),
        value: match rng.u8(..8) {
            0 => None,
            1..4 => Some(Value::AsDouble(double(rng))),
            _ => Some(Value::AsInt(rng.i64(-10..1000))),
        },
        flags: u32::from(rng.u8(..20) == 0),
        ..NumberDataPoint::default()
    }
}

fn counts(rng: &mut Rng, most: usize) -> Vec<u64> {
    let length = rng.usize(..most);
    (0..length).map(|_| rng.u64(..) >> rng.u32(24..64)).collect()
}

fn histogram(rng: &mut Rng, wide: Wide, now: u32) -> HistogramDataPoint {
    let bounds = rng.usize(..40);
    let mut bucket_counts = counts(rng, 40);
    if rng.u8(..10) != 0 {
        bucket_counts.resize(bounds + 1, 3);
    }
    HistogramDataPoint {
        attributes: attributes(rng, wide),
        start_time_unix_nano: time(rng, now / 500),
        time_unix_nano: time(rng, now),
        count: bucket_counts.iter().sum(),
        sum: rng.bool().then(|| double(rng)),
        bucket_counts,
        explicit_bounds: (0..bounds).map(|bound| bound as f64).collect(),
        ..HistogramDataPoint::default()
    }
}

fn exponential(rng: &mut Rng, wide: Wide, now: u32) -> ExponentialHistogramDataPoint {
    let buckets = |rng: &mut Rng| Buckets {
        offset: rng.i32(-2000..2000),
        bucket_counts: counts(rng, 200),
    };
    let (positive, negative) = (buckets(rng), buckets(rng));
    let zero_count = rng.u64(..10);
    ExponentialHistogramDataPoint {
        attributes: attributes(rng, wide),
        start_time_unix_nano: time(rng, now / 500),
        time_unix_nano: time(rng, now),
        count: zero_count
            + positive
                .bucket_counts
                .iter()
                .chain(&negative.bucket_counts)
                .sum::<u64>(),
        sum: Some(double(rng)),
        scale: rng.i32(-12..22),
        zero_count,
        positive: Some(positive),
        negative: Some(negative),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn summary(rng: &mut Rng, wide: Wide, now: u32) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(rng, wide),
        start_time_unix_nano: time(rng, now / 500),
        time_unix_nano: time(rng, now),
        count: rng.u64(..1000),
        sum: double(rng),
        quantile_values: vec![ValueAtQuantile {
            quantile: 0.5,
            value: double(rng),
        }],
        ..SummaryDataPoint::default()
    }
}

fn points<T>(rng: &mut Rng, items: &mut usize, mut point: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let number = rng.usize(1..40);
    *items += number;
    (0..number).map(|_| point(rng)).collect()
}

fn metric(rng: &mut Rng, wide: Wide, now: u32, items: &mut usize) -> Metric {
    let aggregation_temporality = rng.i32(..3);
    let name = rng.u32(..wide.metrics);
    let data = match name % 5 {
        0 => Data::Gauge(Gauge {
            data_points: points(rng, items, |rng| number(rng, wide, now)),
        }),
        1 => Data::Sum(Sum {
            data_points: points(rng, items, |rng| number(rng, wide, now)),
            aggregation_temporality,
            is_monotonic: rng.bool(),
        }),
        2 => Data::Histogram(Histogram {
            data_points: points(rng, items, |rng| histogram(rng, wide, now)),
            aggregation_temporality,
        }),
        3 => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: points(rng, items, |rng| exponential(rng, wide, now)),
            aggregation_temporality,
        }),
        _ => Data::Summary(Summary {
            data_points: points(rng, items, |rng| summary(rng, wide, now)),
        }),
    };
    Metric {
        name: format!("metric-{name}-{}", "x".repeat(name as usize % 300)),
        data: Some(data),
        ..Metric::default()
    }
}

fn request(rng: &mut Rng, wide: Wide, now: u32) -> (Bytes, usize) {
    let mut items = 0;
    let metrics = (0..rng.usize(1..4))
        .map(|_| metric(rng, wide, now, &mut items))
        .collect();
    let scope = ScopeMetrics {
        scope: Some(InstrumentationScope::default()),
        metrics,
        ..ScopeMetrics::default()
    };
    let name = format!("{}-{}", rng.u32(..wide.resources), "y".repeat(rng.usize(..300)));
    let resource = Resource {
        attributes: vec![key_value("service.name", name)],
        ..Resource::default()
    };
    let resource_metrics = vec![ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    }];
    (
        ExportMetricsServiceRequest { resource_metrics }
            .encode_to_vec()
            .into(),
        items,
    )
}

#[test]
fn property_memory_and_places_are_within_their_limits() {
    for seed in 0..24 {
        let mut rng = Rng::with_seed(seed);
        let actions = [Action::Fold, Action::DropAttribute, Action::Drop, Action::Observe];
        let policy = Policy {
            action: actions[seed as usize % 4],
            admission: if rng.bool() {
                Admission::FirstCome
            } else {
                Admission::HeavyHitters
            },
            idle_timeout: rng.u32(1..300),
            ..policy(rng.u32(..500))
        };
        let wide = Wide {
            resources: 1 << rng.u32(..10),
            metrics: 1 << rng.u32(..8),
            series: 1 << rng.u32(..20),
        };
        let max_bytes = 1 << rng.u32(10..22);
        let mut settings = settings(policy, max_bytes);
        settings.limits.total_limit = 1 << rng.u32(..12);
        settings.limits.group_limit = 1 << rng.u32(..12);
        settings.exemplars = rng.usize(..4);
        let (mut limits, mut world) = (settings.limits.clone(), World::new(settings));
        let mut now = 0;
        for round in 0..200 {
            now += rng.u32(..20);
            let (request, items) = request(&mut rng, wide, now);
            let review = world
                .limiter
                .review(&mut world.editor, &request, items, now)
                .unwrap();
            assert_eq!(review.verdicts().len(), items);
            assert!(
                world.limiter.usage().bytes <= max_bytes,
                "seed {seed}, round {round}"
            );
            assert!(world.live() <= limits.total_limit, "seed {seed}, round {round}");
            if round == 100 {
                // More from here on: what is there may stay, so that fewer would say nothing.
                limits.total_limit *= 2;
                limits.policies = Policies::one(Policy {
                    limit: rng.u32(..500),
                    ..limits.policies.list[0].clone()
                });
                world.limiter.set_limits(limits.clone());
            }
        }
    }
}
