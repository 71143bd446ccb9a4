//! Points of any kind, to be sent and as they come out.

use crate::shown::{Show, Shown};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    NumberDataPoint, Sum, Summary, SummaryDataPoint,
};
use prost::Message;

/// The name of the overflow series.
pub const OVERFLOW: &str = "otel.metric.overflow";

/// A data point.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    Number(NumberDataPoint),
    Histogram(HistogramDataPoint),
    Exponential(ExponentialHistogramDataPoint),
    Summary(SummaryDataPoint),
}

/// A kind of data. Sums are monotonic or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Counter,
    UpDown,
    Histogram,
    Exponential,
    Summary,
}

pub const KINDS: [Kind; 6] = [
    Kind::Gauge,
    Kind::Counter,
    Kind::UpDown,
    Kind::Histogram,
    Kind::Exponential,
    Kind::Summary,
];

impl Point {
    /// The attributes of a series, which has its name as one of them, and which of two parts it is of.
    pub fn attributes(name: &str) -> Vec<KeyValue> {
        let attribute = |key: &str, value| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        };
        match name {
            OVERFLOW => vec![attribute(OVERFLOW, Any::BoolValue(true))],
            name => vec![
                attribute("name", Any::StringValue(name.to_owned())),
                attribute(
                    "part",
                    Any::IntValue(i64::from(name.ends_with(['0', '2', '4', '6']))),
                ),
            ],
        }
    }

    fn all_attributes(&self) -> &[KeyValue] {
        match self {
            Point::Number(point) => &point.attributes,
            Point::Histogram(point) => &point.attributes,
            Point::Exponential(point) => &point.attributes,
            Point::Summary(point) => &point.attributes,
        }
    }

    /// The name of its series, or its attributes if it is none that was sent.
    pub fn name(&self) -> String {
        let attributes = self.all_attributes();
        let value = |key: &str| attributes.iter().find(|attribute| attribute.key == key);
        match value("name").and_then(|attribute| attribute.value.clone()?.value) {
            Some(Any::StringValue(name)) if name.len() == 2 && attributes.len() == 2 => name,
            _ if value(OVERFLOW).is_some() && attributes.len() == 1 => OVERFLOW.to_owned(),
            _ => format!("{attributes:?}"),
        }
    }

    pub fn show(&self) -> Option<Shown> {
        match self {
            Point::Number(point) => point.show(),
            Point::Histogram(point) => point.show(),
            Point::Exponential(point) => point.show(),
            Point::Summary(point) => point.show(),
        }
    }

    pub fn decode(kind: Kind, body: &[u8]) -> Point {
        match kind {
            Kind::Gauge | Kind::Counter | Kind::UpDown => Point::Number(Message::decode(body).unwrap()),
            Kind::Histogram => Point::Histogram(Message::decode(body).unwrap()),
            Kind::Exponential => Point::Exponential(Message::decode(body).unwrap()),
            Kind::Summary => Point::Summary(Message::decode(body).unwrap()),
        }
    }

    /// Metric data of these points, all of this kind.
    pub fn data<'p>(kind: Kind, temporality: i32, points: impl Iterator<Item = &'p Point>) -> Data {
        macro_rules! of {
            ($kind:ident) => {
                points
                    .filter_map(|point| match point {
                        Point::$kind(point) => Some(point.clone()),
                        _ => None,
                    })
                    .collect()
            };
        }
        match kind {
            Kind::Gauge => Data::Gauge(Gauge {
                data_points: of!(Number),
            }),
            Kind::Counter | Kind::UpDown => Data::Sum(Sum {
                data_points: of!(Number),
                aggregation_temporality: temporality,
                is_monotonic: kind == Kind::Counter,
            }),
            Kind::Histogram => Data::Histogram(Histogram {
                data_points: of!(Histogram),
                aggregation_temporality: temporality,
            }),
            Kind::Exponential => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: of!(Exponential),
                aggregation_temporality: temporality,
            }),
            Kind::Summary => Data::Summary(Summary {
                data_points: of!(Summary),
            }),
        }
    }
}
