//! Points of all kinds, made from values.

use super::super::{Measure, Number, Reading, read};
use fastrand::Rng;
use forebay_otlp::DataKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint, exemplar,
    summary_data_point::ValueAtQuantile,
};
use prost::Message;
use std::collections::BTreeMap;

pub(super) const KINDS: [DataKind; 5] = [
    DataKind::Gauge,
    DataKind::Sum,
    DataKind::Histogram,
    DataKind::ExponentialHistogram,
    DataKind::Summary,
];

pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

pub(super) fn exemplar(time: u64, value: f64) -> Exemplar {
    Exemplar {
        filtered_attributes: vec![attribute("filtered", "before")],
        time_unix_nano: time,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(exemplar::Value::AsDouble(value)),
    }
}

/// Values of many magnitudes, of both signs, some of them zero, with sums that are exact.
pub(super) fn values(rng: &mut Rng) -> Vec<f64> {
    let magnitude = rng.i32(0..40);
    let value = |rng: &mut Rng| match rng.u8(0..8) {
        0 => 0.0,
        1 => -f64::from(rng.u16(..)) * 2_f64.powi(rng.i32(-magnitude..=magnitude)),
        _ => f64::from(rng.u16(..)) * 2_f64.powi(rng.i32(-magnitude..=magnitude)),
    };
    let how_many = rng.usize(0..30);
    (0..how_many).map(|_| value(rng)).collect()
}

pub(super) fn bounds(rng: &mut Rng) -> Vec<f64> {
    let all = [-5.0, 0.0, 0.5, 1.0, 2.5, 10.0, 100.0, 1e4, 1e9];
    all.into_iter().filter(|_| rng.bool()).collect()
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::min)
}

fn greatest(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::max)
}

/// A bound is in the bucket below it.
pub(super) fn counts(values: &[f64], bounds: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; bounds.len() + 1];
    for value in values {
        counts[bounds.partition_point(|bound| bound < value)] += 1;
    }
    counts
}

pub(super) fn histogram(values: &[f64], bounds: &[f64]) -> HistogramDataPoint {
    HistogramDataPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 10,
        count: values.len() as u64,
        sum: Some(values.iter().sum::<f64>() + 0.0),
        bucket_counts: counts(values, bounds),
        explicit_bounds: bounds.to_vec(),
        min: least(values),
        max: greatest(values),
        ..HistogramDataPoint::default()
    }
}

/// The bucket that a positive value is in.
pub(super) fn index(scale: i32, value: f64) -> i32 {
    let upper = |index: i32| (f64::from(index + 1) * 2_f64.powi(-scale)).exp2();
    let mut index = (value.log2() * 2_f64.powi(scale)).ceil() as i32 - 1;
    while upper(index) < value {
        index += 1;
    }
    while upper(index - 1) >= value {
        index -= 1;
    }
    index
}

/// The buckets of positive values beyond a threshold.
pub(super) fn buckets(values: impl Iterator<Item = f64>, scale: i32, threshold: f64) -> BTreeMap<i32, u64> {
    let mut buckets = BTreeMap::new();
    for value in values.filter(|value| *value > threshold) {
        *buckets.entry(index(scale, value)).or_default() += 1;
    }
    buckets
}

fn message(buckets: &BTreeMap<i32, u64>) -> Option<Buckets> {
    let (first, last) = (*buckets.keys().next()?, *buckets.keys().next_back()?);
    Some(Buckets {
        offset: first,
        bucket_counts: (first..=last)
            .map(|index| buckets.get(&index).copied().unwrap_or(0))
            .collect(),
    })
}

/// Of this scale, or of a lower one with at most 1000 buckets.
pub(super) fn exponential(values: &[f64], scale: i32, threshold: f64) -> ExponentialHistogramDataPoint {
    let magnitudes = || {
        values
            .iter()
            .map(|value| value.abs())
            .filter(|value| *value > threshold)
    };
    let (low, high) = (
        magnitudes().fold(f64::MAX, f64::min),
        magnitudes().fold(0.0, f64::max),
    );
    let span = |scale: i32| index(scale, high) - index(scale, low);
    let scale = match high {
        0.0 => scale,
        _ => (-10..=scale).rev().find(|scale| span(*scale) < 1000).unwrap(),
    };
    ExponentialHistogramDataPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 10,
        count: values.len() as u64,
        sum: Some(values.iter().sum::<f64>() + 0.0),
        scale,
        zero_count: values.iter().filter(|value| value.abs() <= threshold).count() as u64,
        positive: message(&buckets(values.iter().copied(), scale, threshold)),
        negative: message(&buckets(values.iter().map(|value| -value), scale, threshold)),
        min: least(values),
        max: greatest(values),
        zero_threshold: threshold,
        ..ExponentialHistogramDataPoint::default()
    }
}

pub(super) fn summary(values: &[f64]) -> SummaryDataPoint {
    SummaryDataPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 10,
        count: values.len() as u64,
        sum: values.iter().sum::<f64>() + 0.0,
        quantile_values: vec![ValueAtQuantile {
            quantile: 0.5,
            value: 1.0,
        }],
        ..SummaryDataPoint::default()
    }
}

pub(super) fn number(value: Value) -> NumberDataPoint {
    NumberDataPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 10,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

/// A threshold that is often the bound of a bucket and often not.
pub(super) fn threshold(rng: &mut Rng) -> f64 {
    match rng.u8(0..4) {
        0 => 2_f64.powi(rng.i32(-10..10)),
        1 => rng.f64(),
        _ => 0.0,
    }
}

/// What some point of this kind measures.
pub(super) fn measure(kind: DataKind, rng: &mut Rng) -> Measure {
    let values = values(rng);
    let point = match kind {
        DataKind::Gauge | DataKind::Sum if rng.bool() => {
            number(Value::AsInt(rng.i64(..) >> rng.u8(0..64))).encode_to_vec()
        }
        DataKind::Gauge | DataKind::Sum => number(Value::AsDouble(values.iter().sum())).encode_to_vec(),
        DataKind::Histogram => {
            let bounds = bounds(rng);
            histogram(&values, &bounds).encode_to_vec()
        }
        DataKind::ExponentialHistogram => {
            let threshold = threshold(rng);
            exponential(&values, rng.i32(-10..=20), threshold).encode_to_vec()
        }
        DataKind::Summary => summary(&values).encode_to_vec(),
    };
    measured(kind, &point)
}

/// What the point measures.
pub(super) fn measured(kind: DataKind, point: &[u8]) -> Measure {
    let Reading { measure, .. } = read(kind, point).unwrap();
    measure.unwrap()
}

/// How many values are in it, by its count and by its buckets. For a number what it is, rounded.
pub(super) fn totals(measure: &Measure) -> (f64, u64, u64) {
    match measure {
        Measure::Number(Number::Int(value)) => (*value as f64, 0, 0),
        Measure::Number(Number::Double(value)) => (value.total(), 0, 0),
        Measure::Histogram(histogram) => {
            let sum = histogram.sum().map_or(0.0, |sum| sum.total());
            let buckets = histogram.buckets().iter().sum();
            (sum, histogram.count(), buckets)
        }
        Measure::Exponential(exponential) => {
            let sum = exponential.sum().map_or(0.0, |sum| sum.total());
            (sum, exponential.count(), exponential.in_buckets())
        }
        Measure::Summary(summary) => (summary.sum.total(), summary.count, 0),
    }
}

/// Whether they differ by no more than rounding.
pub(super) fn is_near(one: f64, other: f64, scale: f64) -> bool {
    (one - other).abs() <= scale.abs().max(one.abs()).max(other.abs()) * 1e-15
}
