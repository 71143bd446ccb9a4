//! Views on metrics and the five kinds of data that they can hold.

use super::get::{self, Repeated};
use super::points::{ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint};
use super::{KeyValue, View};
use crate::{Value, WireError, fields};

/// `metrics.v1.Metric`: a name and its data points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metric<'a>(&'a [u8]);

impl<'a> View<'a> for Metric<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Metric(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Metric<'a> {
    /// The name.
    pub fn name(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::metric::NAME)
    }

    /// What is measured; documentation.
    pub fn description(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::metric::DESCRIPTION)
    }

    /// The unit, in UCUM.
    pub fn unit(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::metric::UNIT)
    }

    /// Attributes of the metric as such, not of its points.
    pub fn metadata(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::metric::METADATA)
    }

    /// The data, if there is any. Of several members of the `oneof` the last counts, as protobuf has it.
    pub fn data(self) -> Result<Option<Data<'a>>, WireError> {
        use fields::metric as number;
        let mut data = None;
        let mut cursor = self.cursor();
        while let Some(field) = cursor.next_field()? {
            data = match (field.number, field.value) {
                (number::GAUGE, Value::Len(bytes)) => Some(Data::Gauge(Gauge(bytes))),
                (number::SUM, Value::Len(bytes)) => Some(Data::Sum(Sum(bytes))),
                (number::HISTOGRAM, Value::Len(bytes)) => Some(Data::Histogram(Histogram(bytes))),
                (number::EXPONENTIAL_HISTOGRAM, Value::Len(bytes)) => {
                    Some(Data::ExponentialHistogram(ExponentialHistogram(bytes)))
                }
                (number::SUMMARY, Value::Len(bytes)) => Some(Data::Summary(Summary(bytes))),
                (number::GAUGE | number::SUM | number::HISTOGRAM..=number::SUMMARY, _) => {
                    return Err(get::mismatch(&cursor));
                }
                _ => data,
            };
        }
        Ok(data)
    }
}

/// The kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Values that do not add up.
    Gauge(Gauge<'a>),
    /// Values that add up.
    Sum(Sum<'a>),
    /// Distributions with explicit bounds.
    Histogram(Histogram<'a>),
    /// Distributions with exponential bounds.
    ExponentialHistogram(ExponentialHistogram<'a>),
    /// Quantiles that a client computed.
    Summary(Summary<'a>),
}

impl<'a> Data<'a> {
    /// The bytes of every data point: their number is the same in the five kinds.
    pub fn points(self) -> Repeated<'a, &'a [u8]> {
        Repeated::new(self.bytes(), fields::gauge::DATA_POINTS)
    }

    /// The bytes of the message, whichever it is.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Data::Gauge(Gauge(bytes))
            | Data::Sum(Sum(bytes))
            | Data::Histogram(Histogram(bytes))
            | Data::ExponentialHistogram(ExponentialHistogram(bytes))
            | Data::Summary(Summary(bytes)) => bytes,
        }
    }

    /// `AggregationTemporality`: 0 unspecified, 1 delta, 2 cumulative. 0 for gauges and summaries, which have none.
    pub fn aggregation_temporality(self) -> Result<i32, WireError> {
        match self {
            Data::Sum(sum) => sum.aggregation_temporality(),
            Data::Histogram(histogram) => histogram.aggregation_temporality(),
            Data::ExponentialHistogram(histogram) => histogram.aggregation_temporality(),
            Data::Gauge(_) | Data::Summary(_) => Ok(0),
        }
    }

    /// Whether the data is a sum that never goes down.
    pub fn is_monotonic(self) -> Result<bool, WireError> {
        match self {
            Data::Sum(sum) => sum.is_monotonic(),
            _ => Ok(false),
        }
    }
}

/// `metrics.v1.Gauge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge<'a>(&'a [u8]);

impl<'a> View<'a> for Gauge<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Gauge(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Gauge<'a> {
    /// The points.
    pub fn data_points(self) -> Repeated<'a, NumberDataPoint<'a>> {
        Repeated::new(self.0, fields::gauge::DATA_POINTS)
    }
}

/// `metrics.v1.Sum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum<'a>(&'a [u8]);

impl<'a> View<'a> for Sum<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Sum(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Sum<'a> {
    /// The points.
    pub fn data_points(self) -> Repeated<'a, NumberDataPoint<'a>> {
        Repeated::new(self.0, fields::sum::DATA_POINTS)
    }

    /// `AggregationTemporality`: 0 unspecified, 1 delta, 2 cumulative.
    pub fn aggregation_temporality(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::sum::AGGREGATION_TEMPORALITY)? as i32)
    }

    /// Whether the sum never goes down.
    pub fn is_monotonic(self) -> Result<bool, WireError> {
        Ok(get::varint(self.0, fields::sum::IS_MONOTONIC)? != 0)
    }
}

/// `metrics.v1.Histogram`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram<'a>(&'a [u8]);

impl<'a> View<'a> for Histogram<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Histogram(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Histogram<'a> {
    /// The points.
    pub fn data_points(self) -> Repeated<'a, HistogramDataPoint<'a>> {
        Repeated::new(self.0, fields::histogram::DATA_POINTS)
    }

    /// `AggregationTemporality`: 0 unspecified, 1 delta, 2 cumulative.
    pub fn aggregation_temporality(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::histogram::AGGREGATION_TEMPORALITY)? as i32)
    }
}

/// `metrics.v1.ExponentialHistogram`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExponentialHistogram<'a>(&'a [u8]);

impl<'a> View<'a> for ExponentialHistogram<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ExponentialHistogram(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ExponentialHistogram<'a> {
    /// The points.
    pub fn data_points(self) -> Repeated<'a, ExponentialHistogramDataPoint<'a>> {
        Repeated::new(self.0, fields::exponential_histogram::DATA_POINTS)
    }

    /// `AggregationTemporality`: 0 unspecified, 1 delta, 2 cumulative.
    pub fn aggregation_temporality(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::exponential_histogram::AGGREGATION_TEMPORALITY)? as i32)
    }
}

/// `metrics.v1.Summary`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary<'a>(&'a [u8]);

impl<'a> View<'a> for Summary<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Summary(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Summary<'a> {
    /// The points.
    pub fn data_points(self) -> Repeated<'a, SummaryDataPoint<'a>> {
        Repeated::new(self.0, fields::summary::DATA_POINTS)
    }
}
