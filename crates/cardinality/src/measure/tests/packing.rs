//! The last point of a series in few bytes.

use super::super::{Double, Measure, Number};
use super::arbitrary::{KINDS, exponential, histogram, measure, measured, number};
use fastrand::Rng;
use forebay_otlp::DataKind;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;

fn packed(measure: &Measure) -> Vec<u8> {
    let mut packed = Vec::new();
    measure.pack(&mut packed);
    packed
}

/// The bounds that the SDKs' specification has as default.
const BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0,
];

#[test]
fn a_histogram_takes_less_than_a_hundred_bytes() {
    let mut rng = Rng::with_seed(1);
    let values: Vec<f64> = (0..200_000).map(|_| rng.f64() * rng.f64() * 12_000.0).collect();
    let busy = measured(DataKind::Histogram, &histogram(&values, &BOUNDS).encode_to_vec());
    assert!(packed(&busy).len() <= 65, "{}", packed(&busy).len());
    let quiet = measured(
        DataKind::Histogram,
        &histogram(&[30.0; 9], &BOUNDS).encode_to_vec(),
    );
    assert!(packed(&quiet).len() <= 25, "{}", packed(&quiet).len());
}

#[test]
fn numbers_and_sparse_buckets_take_few_bytes() {
    let packed_number = |value| packed(&measured(DataKind::Sum, &number(value).encode_to_vec()));
    assert_eq!(packed_number(Value::AsInt(63)).len(), 2);
    assert_eq!(packed_number(Value::AsInt(1_000_000)).len(), 4);
    assert_eq!(packed_number(Value::AsDouble(0.1)).len(), 9);
    let sparse = exponential(&[1.0, 1000.0, 1e6], 3, 0.0);
    assert!(sparse.positive.as_ref().unwrap().bucket_counts.len() > 150);
    let sparse = measured(DataKind::ExponentialHistogram, &sparse.encode_to_vec());
    assert!(packed(&sparse).len() <= 26, "{}", packed(&sparse).len());
}

#[test]
fn property_a_packed_number_is_the_number() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..5000 {
        let int = Number::Int(rng.i128(..) >> rng.u8(0..127));
        let double = Double::new((rng.f64() - 0.5) * 2_f64.powi(rng.i32(-300..300))).unwrap();
        let rest = Double::new(rng.f64()).unwrap();
        for number in [
            int,
            Number::Double(double),
            Number::Double(double.plus(rest).unwrap()),
        ] {
            let mut packed = Vec::new();
            number.pack(&mut packed);
            assert_eq!(Number::unpack(&packed), Some(number));
            assert!(packed.len() <= 17);
        }
    }
}

/// The increase since a packed point is that since the point.
#[test]
fn property_the_increase_since_a_packed_point_is_the_same() {
    let mut rng = Rng::with_seed(3);
    let mut increases = 0;
    for kind in KINDS {
        for _ in 0..2000 {
            let before = measure(kind, &mut rng);
            let mut after = measure(kind, &mut rng);
            if rng.u8(0..4) > 0 {
                after.add(&before).unwrap();
            }
            let since = after.since_packed(&packed(&before));
            assert_eq!(since, after.since(&before), "{before:?} {after:?}");
            let mut without = since;
            if let Some(without) = &mut without {
                increases += 1;
                without.forget_extremes();
            }
            assert_eq!(after.less_packed(&packed(&before)), without);
        }
    }
    assert!(increases > 3000, "{increases}");
}

/// A count that is not that of the buckets is kept: senders can be in error.
#[test]
fn counts_that_differ_from_their_buckets_are_kept() {
    let (mut one, mut other) = (histogram(&[1.0, 4.0], &[2.0]), exponential(&[1.0, 4.0], 2, 0.0));
    (one.count, other.count) = (7, 9);
    let one = measured(DataKind::Histogram, &one.encode_to_vec());
    let other = measured(DataKind::ExponentialHistogram, &other.encode_to_vec());
    for measure in [one, other] {
        let nothing = measure.since_packed(&packed(&measure)).unwrap();
        assert_eq!(super::arbitrary::totals(&nothing), (0.0, 0, 0));
    }
}

#[test]
fn points_of_another_kind_and_bytes_that_were_not_packed_are_no_earlier_point() {
    let mut rng = Rng::with_seed(4);
    let points = [0, 2, 3, 4].map(|kind| measure(KINDS[kind], &mut rng));
    for (place, one) in points.iter().enumerate() {
        for (other_place, other) in points.iter().enumerate() {
            if place != other_place {
                assert_eq!(one.since_packed(&packed(other)), None);
            }
        }
        assert_eq!(one.since_packed(&[]), None);
        assert_eq!(one.since_packed(&[0xff; 40]), None);
    }
}
