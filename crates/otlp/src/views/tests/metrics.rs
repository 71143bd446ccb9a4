use super::{all, values};
use crate::views::{
    Buckets, Data, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, Number,
    SummaryDataPoint, View,
};
use opentelemetry_proto::tonic::metrics::v1::{
    self as metrics, exponential_histogram_data_point, summary_data_point,
};
use prost::Message;

fn exemplar() -> metrics::Exemplar {
    metrics::Exemplar {
        filtered_attributes: values(),
        time_unix_nano: 5,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(metrics::exemplar::Value::AsInt(-3)),
    }
}

fn check_exemplar(exemplar: Exemplar<'_>) {
    assert_eq!(all(exemplar.filtered_attributes()), values());
    assert_eq!(
        (exemplar.time_unix_nano(), exemplar.value()),
        (Ok(5), Ok(Some(Number::Int(-3))))
    );
    assert_eq!(
        (exemplar.span_id().unwrap(), exemplar.trace_id().unwrap()),
        ([1; 8].as_slice(), [2; 16].as_slice())
    );
}

#[test]
fn every_field_of_a_metric_and_its_number_points_is_read() {
    let point = metrics::NumberDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: vec![exemplar()],
        flags: 1,
        value: Some(metrics::number_data_point::Value::AsDouble(1.5)),
    };
    let sum = metrics::Sum {
        data_points: vec![point],
        aggregation_temporality: 2,
        is_monotonic: true,
    };
    let bytes = metrics::Metric {
        name: "requests".into(),
        description: "how many".into(),
        unit: "{request}".into(),
        metadata: values(),
        data: Some(metrics::metric::Data::Sum(sum)),
    }
    .encode_to_vec();
    let metric = Metric::new(&bytes);
    let words = (
        metric.name().unwrap(),
        metric.description().unwrap(),
        metric.unit().unwrap(),
    );
    assert_eq!(words, ("requests", "how many", "{request}"));
    assert_eq!(all(metric.metadata()), values());
    let data = metric.data().unwrap().unwrap();
    assert_eq!(
        (data.aggregation_temporality(), data.is_monotonic()),
        (Ok(2), Ok(true))
    );
    let Data::Sum(sum) = data else { panic!("{data:?}") };
    let point = sum.data_points().next().unwrap().unwrap();
    assert_eq!(data.points().next().unwrap().unwrap(), point.bytes());
    assert_eq!(all(point.attributes()), values());
    assert_eq!(
        (
            point.start_time_unix_nano(),
            point.time_unix_nano(),
            point.flags()
        ),
        (Ok(1), Ok(2), Ok(1))
    );
    assert_eq!(point.value(), Ok(Some(Number::Double(1.5))));
    check_exemplar(point.exemplars().next().unwrap().unwrap());
}

#[test]
fn every_field_of_a_histogram_point_is_read() {
    let bytes = metrics::HistogramDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2, u64::MAX],
        explicit_bounds: vec![0.5, 1.5],
        exemplars: vec![exemplar()],
        flags: 1,
        min: Some(0.0),
        max: None,
    }
    .encode_to_vec();
    let point = HistogramDataPoint::new(&bytes);
    assert_eq!(all(point.attributes()), values());
    assert_eq!(
        (
            point.start_time_unix_nano(),
            point.time_unix_nano(),
            point.count()
        ),
        (Ok(1), Ok(2), Ok(3))
    );
    assert_eq!(
        (point.sum(), point.min(), point.max()),
        (Ok(Some(4.5)), Ok(Some(0.0)), Ok(None))
    );
    assert_eq!(
        point.bucket_counts().map(Result::unwrap).collect::<Vec<_>>(),
        [1, 2, u64::MAX]
    );
    assert_eq!(
        point.explicit_bounds().map(Result::unwrap).collect::<Vec<_>>(),
        [0.5, 1.5]
    );
    assert_eq!(point.flags(), Ok(1));
    check_exemplar(point.exemplars().next().unwrap().unwrap());
}

#[test]
fn every_field_of_an_exponential_point_is_read() {
    let buckets = exponential_histogram_data_point::Buckets {
        offset: i32::MIN,
        bucket_counts: vec![0, 300, u64::MAX],
    };
    let bytes = metrics::ExponentialHistogramDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(-4.0),
        scale: -11,
        zero_count: 6,
        positive: Some(buckets),
        negative: None,
        flags: 1,
        exemplars: vec![exemplar()],
        min: Some(-1.0),
        max: Some(1.0),
        zero_threshold: 0.125,
    }
    .encode_to_vec();
    let point = ExponentialHistogramDataPoint::new(&bytes);
    assert_eq!(all(point.attributes()), values());
    assert_eq!(
        (
            point.start_time_unix_nano(),
            point.time_unix_nano(),
            point.count()
        ),
        (Ok(1), Ok(2), Ok(3))
    );
    assert_eq!(
        (point.sum(), point.min(), point.max()),
        (Ok(Some(-4.0)), Ok(Some(-1.0)), Ok(Some(1.0)))
    );
    assert_eq!(
        (point.scale(), point.zero_count(), point.zero_threshold()),
        (Ok(-11), Ok(6), Ok(0.125))
    );
    let positive = point.positive().unwrap();
    assert_eq!(positive.offset(), Ok(i32::MIN));
    assert_eq!(
        positive.bucket_counts().map(Result::unwrap).collect::<Vec<_>>(),
        [0, 300, u64::MAX]
    );
    assert_eq!(point.negative().unwrap(), Buckets::default());
    assert_eq!(point.flags(), Ok(1));
    check_exemplar(point.exemplars().next().unwrap().unwrap());
}

#[test]
fn every_field_of_a_summary_point_is_read() {
    let quantiles = vec![summary_data_point::ValueAtQuantile {
        quantile: 0.99,
        value: 7.5,
    }];
    let bytes = metrics::SummaryDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.0,
        quantile_values: quantiles,
        flags: 1,
    }
    .encode_to_vec();
    let point = SummaryDataPoint::new(&bytes);
    assert_eq!(all(point.attributes()), values());
    assert_eq!(
        (
            point.start_time_unix_nano(),
            point.time_unix_nano(),
            point.count()
        ),
        (Ok(1), Ok(2), Ok(3))
    );
    assert_eq!((point.sum(), point.flags()), (Ok(4.0), Ok(1)));
    let quantile = point.quantile_values().next().unwrap().unwrap();
    assert_eq!((quantile.quantile(), quantile.value()), (Ok(0.99), Ok(7.5)));
}
