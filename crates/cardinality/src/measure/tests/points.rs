//! Reading and writing points.

use super::super::{
    Exemplars, Flaw, Frame, Histogram, Measure, NumberReading, Reading, read, read_number, rewrite, write,
};
use super::arbitrary::{
    KINDS, attribute, bounds, exemplar, exponential, histogram, measure, measured, number, summary,
    threshold, values,
};
use fastrand::Rng;
use forebay_otlp::{DataKind, views};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};
use prost::Message;

const FRAME: Frame = Frame {
    start: 5,
    time: 10,
    flags: 0,
};

fn written(measure: &Measure) -> Vec<u8> {
    let attributes = [attribute("otel.metric.overflow", "true").encode_to_vec()];
    let mut out = Vec::new();
    write(
        measure,
        FRAME,
        attributes.iter().map(Vec::as_slice),
        &Exemplars::none(),
        &mut out,
    );
    out
}

/// What is written of what was read is what a protobuf library would write, byte for byte.
#[test]
fn property_points_are_written_as_they_were_read() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..3000 {
        let (values, bounds) = (values(&mut rng), bounds(&mut rng));
        let attributes = || vec![attribute("otel.metric.overflow", "true")];
        let value = if rng.bool() {
            Value::AsInt(rng.i64(..))
        } else {
            Value::AsDouble(rng.f64())
        };
        let mut one = number(value);
        one.attributes = attributes();
        assert_eq!(
            written(&measured(DataKind::Sum, &one.encode_to_vec())),
            one.encode_to_vec()
        );

        let mut one = histogram(&values, &bounds);
        one.attributes = attributes();
        if bounds.is_empty() {
            one.bucket_counts.clear();
        }
        assert_eq!(
            written(&measured(DataKind::Histogram, &one.encode_to_vec())),
            one.encode_to_vec()
        );

        let mut one = summary(&values);
        (one.attributes, one.quantile_values) = (attributes(), Vec::new());
        assert_eq!(
            written(&measured(DataKind::Summary, &one.encode_to_vec())),
            one.encode_to_vec()
        );

        let width = threshold(&mut rng);
        let mut one = exponential(&values, rng.i32(-10..=20), width);
        one.attributes = attributes();
        let long = |side: &Option<_>| {
            side.as_ref()
                .is_some_and(|side: &Buckets| side.bucket_counts.len() > 320)
        };
        let again = written(&measured(DataKind::ExponentialHistogram, &one.encode_to_vec()));
        if long(&one.positive) || long(&one.negative) {
            let again = ExponentialHistogramDataPoint::decode(&*again).unwrap();
            assert!(
                again.scale < one.scale && again.count == one.count && again.zero_count == one.zero_count
            );
        } else {
            assert_eq!(again, one.encode_to_vec());
        }
    }
}

/// What is written and read again is what it was.
#[test]
fn property_what_was_written_is_read_again() {
    let mut rng = Rng::with_seed(2);
    for kind in KINDS {
        for _ in 0..1000 {
            let mut total = measure(kind, &mut rng);
            total.add(&measure(kind, &mut rng)).unwrap();
            let again = read(kind, &written(&total)).unwrap();
            assert_eq!((again.start, again.time, again.flags), (5, 10, 0));
            let again = again.measure.unwrap();
            assert_eq!(super::arbitrary::totals(&again), super::arbitrary::totals(&total));
            assert_eq!(again.shape(), total.shape());
            if matches!(total, Measure::Histogram(_) | Measure::Exponential(_)) {
                assert_eq!(written(&again), written(&total));
            }
        }
    }
}

/// Fields in any order, packed or not, in parts: the last one wins, as protobuf has it.
#[test]
fn what_is_encoded_otherwise_is_read_alike() {
    let plain = histogram(&[1.0, 3.0, 9.0], &[2.0, 4.0]);
    let mut unpacked = Vec::new();
    for count in &plain.bucket_counts {
        unpacked.push(6 << 3 | 1);
        unpacked.extend_from_slice(&count.to_le_bytes());
    }
    let mut rest = plain.clone();
    rest.bucket_counts.clear();
    let unpacked = [rest.encode_to_vec(), unpacked].concat();
    assert_eq!(
        read(DataKind::Histogram, &unpacked),
        read(DataKind::Histogram, &plain.encode_to_vec())
    );

    let twice = [
        number(Value::AsInt(1)).encode_to_vec(),
        number(Value::AsDouble(2.0)).encode_to_vec(),
    ]
    .concat();
    assert_eq!(
        read_number(&twice).unwrap().value,
        Some(views::Number::Double(2.0))
    );
}

#[test]
fn points_without_a_value_have_only_times() {
    let mut one = number(Value::AsDouble(f64::NAN));
    one.flags = 1;
    let reading = read_number(&one.encode_to_vec()).unwrap();
    let expected = NumberReading {
        start: 5,
        time: 10,
        flags: 1,
        value: None,
    };
    assert_eq!(reading, expected);
    let mut one = histogram(&[], &[]);
    (one.flags, one.sum) = (1, Some(f64::NAN));
    let mut other = exponential(&[], 99, 0.0);
    other.flags = 1;
    let mut third = summary(&[]);
    (third.flags, third.sum) = (1, f64::NAN);
    let points = [
        (DataKind::Gauge, expected_bytes()),
        (DataKind::Histogram, one.encode_to_vec()),
        (DataKind::ExponentialHistogram, other.encode_to_vec()),
        (DataKind::Summary, third.encode_to_vec()),
    ];
    for (kind, point) in points {
        let reading = read(kind, &point);
        assert!(
            matches!(
                reading,
                Ok(Reading {
                    measure: None,
                    flags: 1,
                    time: 10,
                    ..
                })
            ),
            "{reading:?}"
        );
    }
}

fn expected_bytes() -> Vec<u8> {
    let one = NumberDataPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 10,
        flags: 1,
        ..NumberDataPoint::default()
    };
    one.encode_to_vec()
}

#[track_caller]
fn refused(kind: DataKind, point: &impl Message, flaw: Flaw) {
    assert_eq!(read(kind, &point.encode_to_vec()), Err(flaw));
    let label = flaw.as_str();
    assert!(
        label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    );
}

#[test]
fn numbers_that_are_none_are_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(DataKind::Gauge, &number(Value::AsDouble(value)), Flaw::NotFinite);
        let mut one = histogram(&[1.0], &[2.0]);
        one.sum = Some(value);
        refused(DataKind::Histogram, &one, Flaw::NotFinite);
        let mut one = exponential(&[1.0], 0, 0.0);
        one.sum = Some(value);
        refused(DataKind::ExponentialHistogram, &one, Flaw::NotFinite);
        let mut one = summary(&[1.0]);
        one.sum = value;
        refused(DataKind::Summary, &one, Flaw::NotFinite);
    }
    refused(DataKind::Sum, &NumberDataPoint::default(), Flaw::NoValue);
    for kind in KINDS {
        assert_eq!(read(kind, &[0x19, 1, 2]), Err(Flaw::Unreadable));
        assert_eq!(read(kind, &[0x18, 1]), Err(Flaw::Unreadable));
    }
}

#[test]
fn histograms_with_buckets_that_make_no_sense_are_refused() {
    let with = |bounds: &[f64], counts: &[u64]| HistogramDataPoint {
        count: counts
            .iter()
            .fold(0, |total: u64, count| total.saturating_add(*count)),
        explicit_bounds: bounds.to_vec(),
        bucket_counts: counts.to_vec(),
        ..HistogramDataPoint::default()
    };
    let wrong: [(&[f64], &[u64]); 8] = [
        (&[1.0, 1.0], &[0, 0, 0]),
        (&[2.0, 1.0], &[0, 0, 0]),
        (&[0.0, -0.0], &[0, 0, 0]),
        (&[f64::NAN], &[0, 0]),
        (&[1.0, f64::NAN], &[0, 0, 0]),
        (&[1.0], &[0]),
        (&[1.0], &[]),
        (&[], &[1, 2]),
    ];
    for (bounds, counts) in wrong {
        refused(DataKind::Histogram, &with(bounds, counts), Flaw::Buckets);
    }
    refused(DataKind::Histogram, &with(&[1.0], &[u64::MAX, 1]), Flaw::Count);
    let right: [(&[f64], &[u64]); 4] = [
        (&[], &[]),
        (&[], &[3]),
        (&[f64::NEG_INFINITY, 0.0, f64::INFINITY], &[1, 1, 1, 1]),
        (&[1.0], &[u64::MAX, 0]),
    ];
    for (bounds, counts) in right {
        assert!(read(DataKind::Histogram, &with(bounds, counts).encode_to_vec()).is_ok());
    }
}

#[test]
fn histograms_of_very_many_buckets_are_count_and_sum() {
    let bounds: Vec<f64> = (0..1024).map(f64::from).collect();
    let read = |bounds: &[f64]| -> Box<Histogram> {
        let point = histogram(&[1.0, 5.0, 5.0], bounds).encode_to_vec();
        let Measure::Histogram(histogram) = measured(DataKind::Histogram, &point) else {
            panic!();
        };
        histogram
    };
    let (many, most) = (read(&bounds), read(&bounds[..1023]));
    assert_eq!(
        (many.count(), many.bounds().len(), many.buckets().len()),
        (3, 0, 0)
    );
    assert_eq!(many.sum().map(|sum| sum.total()), Some(11.0));
    assert_eq!((most.bounds().len(), most.buckets().len()), (1023, 1024));
}

#[test]
fn exponential_histograms_that_make_no_sense_are_refused() {
    let kind = DataKind::ExponentialHistogram;
    for scale in [-11, 21, i32::MIN, i32::MAX] {
        let mut one = exponential(&[1.0], 0, 0.0);
        one.scale = scale;
        refused(kind, &one, Flaw::Scale);
    }
    for width in [-1.0, f64::NAN, f64::INFINITY] {
        let mut one = exponential(&[1.0], 0, 0.0);
        one.zero_threshold = width;
        refused(kind, &one, Flaw::Buckets);
    }
    for (scale, offset) in [
        (0, i32::MAX),
        (0, i32::MIN),
        (0, 1025),
        (0, -1077),
        (20, i32::MAX),
        (-10, 2),
    ] {
        let mut one = exponential(&[1.0], 0, 0.0);
        one.scale = scale;
        one.positive.as_mut().unwrap().offset = offset;
        refused(kind, &one, Flaw::Buckets);
    }
    let mut one = exponential(&[1.0], 0, 0.0);
    one.zero_count = u64::MAX;
    refused(kind, &one, Flaw::Count);
    // Where nothing is counted anything may be said.
    let mut one = exponential(&[1.0], 0, 0.0);
    let side = one.positive.as_mut().unwrap();
    (side.offset, side.bucket_counts) = (i32::MAX, vec![0, 0, 0]);
    assert!(read(kind, &one.encode_to_vec()).is_ok());
}

/// All that doubles can be is read at every scale, in few buckets.
#[test]
fn the_widest_exponential_histograms_are_read() {
    for scale in -10..=2 {
        let wide = [f64::from_bits(1), 1.0, f64::MAX];
        let point = exponential(&wide, scale.min(-2), 0.0);
        let Measure::Exponential(read) = measured(DataKind::ExponentialHistogram, &point.encode_to_vec())
        else {
            panic!();
        };
        assert_eq!(read.in_buckets(), 3);
        assert!(read.positive().1.len() <= 320);
    }
    // The first and the last bucket of the highest scale: far apart, hence read from two points.
    let mut point = exponential(&[1.0], 0, 0.0);
    point.scale = 20;
    point.positive.as_mut().unwrap().offset = -(1075 << 20);
    let mut total = measured(DataKind::ExponentialHistogram, &point.encode_to_vec());
    point.positive.as_mut().unwrap().offset = (1024 << 20) - 1;
    total
        .add(&measured(DataKind::ExponentialHistogram, &point.encode_to_vec()))
        .unwrap();
    let Measure::Exponential(total) = total else {
        panic!();
    };
    assert_eq!((total.in_buckets(), total.scale()), (2, -3));
}

/// Another start and another measure, and everything else as it was.
#[test]
fn property_a_point_is_rewritten_with_all_else_as_it_was() {
    let mut rng = Rng::with_seed(3);
    for _ in 0..2000 {
        let (old, new, bounds) = (values(&mut rng), values(&mut rng), bounds(&mut rng));
        let exemplars = vec![exemplar(1, 2.0), exemplar(3, 4.0)];
        let attributes = vec![attribute("a", "b"), attribute("c", "d")];
        let rewritten = |kind, old: Vec<u8>, new: Vec<u8>| {
            let mut out = Vec::new();
            // Field 15 is in no specification.
            let old = [old, vec![15 << 3, 1]].concat();
            rewrite(&old, 77, &measured(kind, &new), &mut out).unwrap();
            assert!(out.ends_with(&[15 << 3, 1]));
            out
        };

        let mut before = number(Value::AsInt(rng.i64(..)));
        (before.exemplars, before.attributes, before.flags) = (exemplars.clone(), attributes.clone(), 2);
        let after = number(Value::AsDouble(rng.f64()));
        let out = rewritten(DataKind::Sum, before.encode_to_vec(), after.encode_to_vec());
        (before.start_time_unix_nano, before.value) = (77, after.value);
        assert_eq!(NumberDataPoint::decode(&*out).unwrap(), before);

        let mut before = histogram(&old, &bounds);
        (before.exemplars, before.attributes, before.flags) = (exemplars.clone(), attributes.clone(), 2);
        let mut after = histogram(&new, &[1.0, 2.0]);
        let out = rewritten(DataKind::Histogram, before.encode_to_vec(), after.encode_to_vec());
        (after.exemplars, after.attributes, after.flags) = (before.exemplars, before.attributes, 2);
        after.start_time_unix_nano = 77;
        assert_eq!(HistogramDataPoint::decode(&*out).unwrap(), after);

        let mut before = exponential(&old, 3, 1.0);
        (before.exemplars, before.attributes, before.flags) = (exemplars.clone(), attributes.clone(), 2);
        let mut after = exponential(&new, -1, 0.0);
        let out = rewritten(
            DataKind::ExponentialHistogram,
            before.encode_to_vec(),
            after.encode_to_vec(),
        );
        (after.exemplars, after.attributes, after.flags) = (before.exemplars, before.attributes, 2);
        after.start_time_unix_nano = 77;
        assert_eq!(ExponentialHistogramDataPoint::decode(&*out).unwrap(), after);

        let mut before = summary(&old);
        (before.attributes, before.flags) = (attributes, 2);
        let after = summary(&new);
        let out = rewritten(DataKind::Summary, before.encode_to_vec(), after.encode_to_vec());
        (before.start_time_unix_nano, before.count, before.sum) = (77, after.count, after.sum);
        assert_eq!(SummaryDataPoint::decode(&*out).unwrap(), before);
    }
    assert!(
        rewrite(
            &[0x19],
            1,
            &measured(DataKind::Sum, &number(Value::AsInt(1)).encode_to_vec()),
            &mut Vec::new()
        )
        .is_err()
    );
}
