//! Exemplars of folded points.

use super::super::{Exemplars, Frame, write};
use super::arbitrary::{attribute, exemplar, exponential, histogram, measured, number};
use forebay_otlp::DataKind;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
};
use prost::Message;

fn kept(exemplars: &Exemplars) -> Vec<Exemplar> {
    exemplars
        .iter()
        .map(|body| Exemplar::decode(body).unwrap())
        .collect()
}

/// A point with two exemplars, of which that of time `at` is the later.
fn point(at: u64) -> Vec<u8> {
    let mut point = number(Value::AsInt(1));
    point.exemplars = vec![exemplar(at, 0.5), exemplar(at - 1, 0.25)];
    point.encode_to_vec()
}

#[test]
fn the_latest_of_a_point_stays_with_the_attributes_that_are_folded_away() {
    let mut exemplars = Exemplars::new(4, 1000, 1);
    let folded = [
        attribute("user", "7").encode_to_vec(),
        attribute("path", "/").encode_to_vec(),
    ];
    exemplars.offer(DataKind::Sum, &point(9), folded.iter().map(Vec::as_slice));
    exemplars.offer(DataKind::Sum, &number(Value::AsInt(1)).encode_to_vec(), []);
    exemplars.offer(DataKind::Summary, &point(9), []);
    let mut expected = exemplar(9, 0.5);
    expected
        .filtered_attributes
        .extend([attribute("user", "7"), attribute("path", "/")]);
    assert_eq!(kept(&exemplars), [expected]);
    exemplars.clear();
    assert!(exemplars.is_empty());
}

#[test]
fn there_are_no_more_and_no_larger_ones_than_allowed() {
    let plain = exemplar(9, 0.5).encode_to_vec().len();
    let long = attribute("long", &"x".repeat(100)).encode_to_vec();
    let short = attribute("s", "y").encode_to_vec();
    let mut exemplars = Exemplars::new(2, plain + 20, 1);
    for at in 1..50 {
        exemplars.offer(DataKind::Sum, &point(at), [&*long, &*short]);
    }
    let found = kept(&exemplars);
    assert_eq!(found.len(), 2);
    for exemplar in &found {
        assert_eq!(
            exemplar.filtered_attributes,
            [attribute("filtered", "before"), attribute("s", "y")]
        );
    }
    let mut exemplars = Exemplars::new(2, plain - 1, 1);
    exemplars.offer(DataKind::Sum, &point(9), []);
    assert!(exemplars.is_empty());
    let mut none = Exemplars::none();
    none.offer(DataKind::Sum, &point(9), []);
    assert!(none.is_empty());
}

/// Of a hundred points each has its exemplar kept about as often as any other.
#[test]
fn every_point_has_the_same_chance() {
    let mut hits = [0_u32; 100];
    for seed in 0..4000 {
        let mut exemplars = Exemplars::new(5, 1000, seed);
        for at in 1..=100 {
            exemplars.offer(DataKind::Sum, &point(at), []);
        }
        let found = kept(&exemplars);
        assert_eq!(found.len(), 5);
        for exemplar in found {
            hits[exemplar.time_unix_nano as usize - 1] += 1;
        }
    }
    // 200 are expected, with a deviation of 14.
    assert!(hits.iter().all(|hits| (130..270).contains(hits)), "{hits:?}");
}

#[test]
fn points_of_each_kind_have_their_exemplars() {
    let sample = || vec![exemplar(3, 1.5)];
    let mut one = number(Value::AsDouble(1.0));
    let mut two = histogram(&[1.0], &[2.0]);
    let mut three = exponential(&[1.0], 0, 0.0);
    (one.exemplars, two.exemplars, three.exemplars) = (sample(), sample(), sample());
    let points = [
        (DataKind::Gauge, one.encode_to_vec()),
        (DataKind::Histogram, two.encode_to_vec()),
        (DataKind::ExponentialHistogram, three.encode_to_vec()),
    ];
    for (kind, point) in points {
        let mut exemplars = Exemplars::new(1, 1000, 1);
        exemplars.offer(kind, &point, []);
        let mut out = Vec::new();
        let frame = Frame {
            start: 5,
            time: 10,
            flags: 0,
        };
        write(&measured(kind, &point), frame, [], &exemplars, &mut out);
        let found = match kind {
            DataKind::Histogram => HistogramDataPoint::decode(&*out).unwrap().exemplars,
            DataKind::ExponentialHistogram => ExponentialHistogramDataPoint::decode(&*out).unwrap().exemplars,
            _ => NumberDataPoint::decode(&*out).unwrap().exemplars,
        };
        assert_eq!(found, sample());
        assert_eq!(out, point);
    }
}
