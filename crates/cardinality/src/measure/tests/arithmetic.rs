//! Adding and subtracting.

use super::super::{Double, Measure, Number, Refusal, read};
use super::arbitrary::{
    KINDS, bounds, buckets, counts, exponential, histogram, is_near, measure, measured, number, summary,
    threshold, totals, values,
};
use fastrand::Rng;
use forebay_otlp::DataKind;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;
use std::collections::BTreeMap;

fn sum(one: &Measure, other: &Measure) -> Measure {
    let mut sum = one.clone();
    sum.add(other).unwrap();
    sum
}

fn int(value: i64) -> Measure {
    measured(DataKind::Sum, &number(Value::AsInt(value)).encode_to_vec())
}

fn double(value: f64) -> Measure {
    measured(DataKind::Sum, &number(Value::AsDouble(value)).encode_to_vec())
}

fn in_buckets(side: (i32, &[u64])) -> BTreeMap<i32, u64> {
    (side.0..)
        .zip(side.1.iter().copied())
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn integers_are_exact_beyond_64_bits() {
    let mut total = int(i64::MAX);
    for _ in 0..10 {
        total.add(&int(i64::MAX)).unwrap();
    }
    assert_eq!(total, Measure::Number(Number::Int(11 * i128::from(i64::MAX))));
    for _ in 0..10 {
        total.retract(&int(i64::MAX)).unwrap();
    }
    assert_eq!(total, int(i64::MAX));
}

#[test]
fn doubles_do_not_drift() {
    let mut total = double(0.0);
    for _ in 0..1_000_000 {
        total.add(&double(0.1)).unwrap();
    }
    // Added up one by one without memory it would be 100000.00000133288.
    assert_eq!(totals(&total).0, 100_000.0);
    let mut level = double(1e16);
    for _ in 0..1000 {
        level.add(&double(1.0)).unwrap();
    }
    level.retract(&double(1e16)).unwrap();
    assert_eq!(level, double(1000.0));
}

#[test]
fn an_integer_and_a_double_make_a_double() {
    let total = sum(&int(i64::MAX), &double(0.5));
    let Measure::Number(number @ Number::Double(_)) = total else {
        panic!("{total:?}");
    };
    let back = number.minus(Number::Int(i64::MAX.into())).unwrap();
    assert_eq!(back, Number::Double(Double::new(0.5).unwrap()));
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let mut total = double(f64::MAX);
    assert_eq!(total.add(&double(f64::MAX)), Err(Refusal::Overflow));
    assert_eq!(total, double(f64::MAX));
    let mut point = histogram(&[1.0, 2.0], &[1.0]);
    point.count = u64::MAX;
    let full = measured(DataKind::Histogram, &point.encode_to_vec());
    point.count = 2;
    point.bucket_counts = vec![u64::MAX, 0];
    let full_bucket = measured(DataKind::Histogram, &point.encode_to_vec());
    let one = measured(DataKind::Histogram, &histogram(&[1.0], &[1.0]).encode_to_vec());
    for full in [full, full_bucket] {
        let mut total = full.clone();
        assert_eq!(total.add(&one), Err(Refusal::Overflow));
        assert_eq!(total, full);
    }
    let mut point = exponential(&[1.0], 0, 0.0);
    point.zero_count = u64::MAX - 1;
    let full = measured(DataKind::ExponentialHistogram, &point.encode_to_vec());
    let mut total = full.clone();
    assert_eq!(total.add(&full), Err(Refusal::Overflow));
    assert_eq!(total, full);
    let mut total = one;
    assert_eq!(total.add(&int(1)), Err(Refusal::Kind));
    assert_eq!(total.retract(&full), Err(Refusal::Kind));
    assert!(total.since(&full).is_none());
}

#[test]
fn extremes_and_sums_are_known_where_all_know_them() {
    let point = |values: &[f64]| histogram(values, &[1.0]);
    let known = measured(DataKind::Histogram, &point(&[1.0, 4.0]).encode_to_vec());
    let other = measured(DataKind::Histogram, &point(&[-3.0]).encode_to_vec());
    let Measure::Histogram(total) = sum(&known, &other) else {
        panic!();
    };
    assert_eq!(
        (total.extremes().min, total.extremes().max),
        (Some(-3.0), Some(4.0))
    );
    assert_eq!(total.sum(), Double::new(2.0));
    let mut silent = point(&[7.0]);
    (silent.sum, silent.max) = (None, None);
    let silent = measured(DataKind::Histogram, &silent.encode_to_vec());
    let Measure::Histogram(total) = sum(&known, &silent) else {
        panic!();
    };
    assert_eq!(
        (total.extremes().min, total.extremes().max, total.sum()),
        (Some(1.0), None, None)
    );
    let mut nothing = point(&[]);
    nothing.sum = None;
    let nothing = measured(DataKind::Histogram, &nothing.encode_to_vec());
    assert_eq!(sum(&known, &nothing), known);
    assert_eq!(sum(&nothing, &known), known);
}

#[test]
fn histograms_without_common_bounds_are_count_and_sum() {
    let one = measured(
        DataKind::Histogram,
        &histogram(&[1.0, 3.0], &[1.0, 2.0]).encode_to_vec(),
    );
    let other = measured(
        DataKind::Histogram,
        &histogram(&[5.0], &[4.0, 8.0]).encode_to_vec(),
    );
    let Measure::Histogram(total) = sum(&one, &other) else {
        panic!();
    };
    assert_eq!(
        (total.count(), total.buckets(), total.bounds()),
        (3, &[][..], &[][..])
    );
    assert_eq!(total.sum(), Double::new(9.0));
    assert_ne!(one.shape(), other.shape());
    assert_eq!(Measure::Histogram(total).shape(), 0);
}

/// The histogram of all values over the bounds that both have is the sum of the histograms.
#[test]
fn property_histograms_are_those_of_all_values_over_common_bounds() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..5000 {
        let (first, second) = (values(&mut rng), values(&mut rng));
        let (mine, theirs) = (bounds(&mut rng), bounds(&mut rng));
        let one = measured(DataKind::Histogram, &histogram(&first, &mine).encode_to_vec());
        let other = measured(DataKind::Histogram, &histogram(&second, &theirs).encode_to_vec());
        let common: Vec<f64> = match (first.is_empty(), second.is_empty()) {
            (true, false) => theirs,
            (_, true) => mine,
            _ => mine.into_iter().filter(|bound| theirs.contains(bound)).collect(),
        };
        let all = [first, second].concat();
        let expected = if common.is_empty() {
            Vec::new()
        } else {
            counts(&all, &common)
        };
        let Measure::Histogram(total) = sum(&one, &other) else {
            panic!();
        };
        assert_eq!(total.bounds(), common);
        assert_eq!(total.buckets(), expected);
        assert_eq!(total.count(), all.len() as u64);
        assert_eq!(total.extremes().min, all.iter().copied().reduce(f64::min));
        assert_eq!(total.extremes().max, all.iter().copied().reduce(f64::max));
    }
}

/// At the scale and the threshold of the result, each bucket has the values that are in it.
#[test]
fn property_exponential_histograms_are_those_of_all_values() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..5000 {
        let parts: Vec<_> = (0..rng.usize(1..5)).map(|_| values(&mut rng)).collect();
        let point = |values: &Vec<f64>, rng: &mut Rng| {
            let threshold = threshold(rng);
            exponential(values, rng.i32(-10..=20), threshold).encode_to_vec()
        };
        let measures: Vec<_> = parts
            .iter()
            .map(|part| measured(DataKind::ExponentialHistogram, &point(part, &mut rng)))
            .collect();
        let total = measures
            .iter()
            .skip(1)
            .fold(measures[0].clone(), |total, part| sum(&total, part));
        let Measure::Exponential(total) = total else {
            panic!();
        };
        let all = parts.concat();
        let (zeros, threshold) = total.zero();
        assert_eq!(total.count(), all.len() as u64);
        assert_eq!(total.in_buckets(), all.len() as u64);
        assert_eq!(
            zeros,
            all.iter().filter(|value| value.abs() <= threshold).count() as u64
        );
        let positive = buckets(all.iter().copied(), total.scale(), threshold);
        let negative = buckets(all.iter().map(|value| -value), total.scale(), threshold);
        assert_eq!(in_buckets(total.positive()), positive);
        assert_eq!(in_buckets(total.negative()), negative);
        assert!(total.positive().1.len() <= 320 && total.negative().1.len() <= 320);
    }
}

#[test]
fn property_adding_is_commutative() {
    let mut rng = Rng::with_seed(3);
    for kind in KINDS {
        for _ in 0..1000 {
            let (one, other) = (measure(kind, &mut rng), measure(kind, &mut rng));
            let (forth, back) = (sum(&one, &other), sum(&other, &one));
            let (forth_totals, back_totals) = (totals(&forth), totals(&back));
            assert!(forth_totals == back_totals, "{one:?} {other:?}");
            let both_empty = totals(&one).1 == 0 && totals(&other).1 == 0;
            assert!(forth == back || both_empty, "{forth:?} {back:?}");
        }
    }
}

#[test]
fn property_adding_is_associative() {
    let mut rng = Rng::with_seed(4);
    for kind in KINDS {
        for _ in 0..1000 {
            let [a, b, c] = std::array::from_fn(|_| measure(kind, &mut rng));
            let (left, right) = (sum(&sum(&a, &b), &c), sum(&a, &sum(&b, &c)));
            let magnitude = [&a, &b, &c].map(|part| totals(part).0.abs()).iter().sum();
            let (left_totals, right_totals) = (totals(&left), totals(&right));
            assert!(
                is_near(left_totals.0, right_totals.0, magnitude),
                "{a:?} {b:?} {c:?}"
            );
            assert_eq!(left_totals.1, right_totals.1);
            if let (Measure::Histogram(left), Measure::Histogram(right)) = (&left, &right) {
                assert_eq!((left.bounds(), left.buckets()), (right.bounds(), right.buckets()));
            }
            if let (Measure::Exponential(left), Measure::Exponential(right)) = (&left, &right) {
                assert_eq!(left.in_buckets(), right.in_buckets());
            }
        }
    }
}

/// With one zero threshold the order does not matter for any bucket.
#[test]
fn property_exponential_histograms_of_one_threshold_are_associative_in_all_buckets() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..3000 {
        let width = threshold(&mut rng);
        let [a, b, c] = std::array::from_fn(|_| {
            let point = exponential(&values(&mut rng), rng.i32(-10..=20), width);
            measured(DataKind::ExponentialHistogram, &point.encode_to_vec())
        });
        let (left, right) = (sum(&sum(&a, &b), &c), sum(&a, &sum(&b, &c)));
        let (Measure::Exponential(left), Measure::Exponential(right)) = (&left, &right) else {
            panic!();
        };
        assert_eq!(left.scale(), right.scale());
        assert_eq!(
            (left.positive(), left.negative()),
            (right.positive(), right.negative())
        );
        assert_eq!(left.zero(), right.zero());
    }
}

/// What came in since, added to what was before, is what is now.
#[test]
fn property_the_increase_and_what_was_before_are_what_is_now() {
    let mut rng = Rng::with_seed(6);
    for kind in KINDS {
        for _ in 0..2000 {
            let before = measure(kind, &mut rng);
            let more = match measure(kind, &mut rng) {
                // What never goes down.
                Measure::Number(number) if number.is_negative() => {
                    Measure::Number(Number::Int(0).minus(number).unwrap())
                }
                more => more,
            };
            let after = sum(&before, &more);
            let Some(increase) = after.since(&before) else {
                let changed = after.shape() != before.shape();
                assert!(changed, "{before:?} {after:?}");
                continue;
            };
            let again = sum(&before, &increase);
            let (is, was) = (totals(&again), totals(&after));
            assert!(is_near(is.0, was.0, totals(&before).0), "{is:?} {was:?}");
            assert_eq!((is.1, is.2), (was.1, was.2));
            let nothing = after.since(&after).unwrap();
            assert_eq!(totals(&nothing), (0.0, 0, 0));
        }
    }
}

#[test]
fn what_goes_down_is_no_continuation() {
    assert!(int(4).since(&int(5)).is_none());
    assert!(double(1.0).since(&double(1.0 + f64::EPSILON)).is_none());
    let histograms = [
        (histogram(&[1.0, 5.0], &[2.0]), histogram(&[1.0], &[2.0])),
        (histogram(&[1.0], &[2.0]), histogram(&[5.0, 6.0], &[2.0])),
        (histogram(&[1.0], &[2.0]), histogram(&[1.0, 1.0], &[3.0])),
        (histogram(&[1.0], &[2.0]), histogram(&[1.0, 1.0], &[])),
    ];
    for (before, after) in histograms {
        let before = measured(DataKind::Histogram, &before.encode_to_vec());
        let after = measured(DataKind::Histogram, &after.encode_to_vec());
        assert!(after.since(&before).is_none());
    }
    let exponentials = [
        (&[1.0, 5.0][..], &[1.0][..]),
        (&[1.0], &[5.0, 6.0]),
        (&[1.0], &[-1.0, -1.0]),
        (&[0.0], &[1.0, 1.0]),
    ];
    for (before, after) in exponentials {
        let before = measured(
            DataKind::ExponentialHistogram,
            &exponential(before, 3, 0.0).encode_to_vec(),
        );
        let after = measured(
            DataKind::ExponentialHistogram,
            &exponential(after, 1, 0.0).encode_to_vec(),
        );
        assert!(after.since(&before).is_none());
    }
    let before = measured(DataKind::Summary, &summary(&[1.0, 2.0]).encode_to_vec());
    let after = measured(DataKind::Summary, &summary(&[4.0]).encode_to_vec());
    assert!(after.since(&before).is_none());
}

/// An exponential histogram goes on when its scale is lowered and when its zero bucket grows.
#[test]
fn property_a_scale_that_sinks_and_a_zero_that_widens_are_no_reset() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..5000 {
        let (old, new) = (values(&mut rng), values(&mut rng));
        let all = [old.clone(), new.clone()].concat();
        let (scale, width) = (rng.i32(-10..=20), threshold(&mut rng));
        let (lower, wider) = (rng.i32(-10..=scale), width.max(threshold(&mut rng)));
        let before = measured(
            DataKind::ExponentialHistogram,
            &exponential(&old, scale, width).encode_to_vec(),
        );
        let after = measured(
            DataKind::ExponentialHistogram,
            &exponential(&all, lower, wider).encode_to_vec(),
        );
        let Some(Measure::Exponential(increase)) = after.since(&before) else {
            panic!("{before:?} {after:?}");
        };
        assert_eq!(
            (increase.count(), increase.in_buckets()),
            (new.len() as u64, new.len() as u64)
        );
    }
}

/// What is added up is refused or right, whatever the bytes of a point are.
#[test]
fn property_nothing_panics_whatever_the_bytes() {
    let mut rng = Rng::with_seed(8);
    for _ in 0..20_000 {
        let kind = KINDS[rng.usize(..KINDS.len())];
        let bytes: Vec<u8> = match rng.bool() {
            true => (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect(),
            false => {
                let mut point = exponential(&values(&mut rng), rng.i32(-10..=20), 0.5);
                point.scale += rng.i32(-3..=3);
                if let Some(buckets) = &mut point.positive {
                    buckets.offset = rng.i32(..) >> rng.u8(0..31);
                }
                let mut bytes = point.encode_to_vec();
                let place = rng.usize(..bytes.len());
                bytes[place] ^= 1 << rng.u8(0..8);
                bytes
            }
        };
        let Ok(reading) = read(kind, &bytes) else {
            continue;
        };
        let Some(found) = reading.measure else {
            continue;
        };
        let mut total = measure(kind, &mut rng);
        if total.add(&found).is_ok() {
            total.since(&found);
        }
        let mut packed = Vec::new();
        found.pack(&mut packed);
        packed.truncate(rng.usize(..=packed.len()));
        found.since_packed(&packed);
    }
}
