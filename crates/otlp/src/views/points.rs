//! Views on the data points of metrics.

use super::get::{self, Numbers, Repeated, Varint};
use super::{KeyValue, View};
use crate::{Cursor, Value, WireError, fields};

/// The value of a number data point or an exemplar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A double.
    Double(f64),
    /// A signed integer.
    Int(i64),
}

/// The last of a double and an integer that share a `oneof`.
fn number(message: &[u8], double: u32, int: u32) -> Result<Option<Number>, WireError> {
    let mut number = None;
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.next_field()? {
        if field.number == double || field.number == int {
            let Value::Fixed64(bits) = field.value else {
                return Err(get::mismatch(&cursor));
            };
            let is_double = field.number == double;
            number = Some(if is_double {
                Number::Double(f64::from_bits(bits))
            } else {
                Number::Int(bits.cast_signed())
            });
        }
    }
    Ok(number)
}

/// `metrics.v1.NumberDataPoint`: a point of a gauge or a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberDataPoint<'a>(&'a [u8]);

impl<'a> View<'a> for NumberDataPoint<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        NumberDataPoint(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> NumberDataPoint<'a> {
    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::number_data_point::ATTRIBUTES)
    }

    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub fn start_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::number_data_point::START_TIME_UNIX_NANO)
    }

    /// When the value was taken, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::number_data_point::TIME_UNIX_NANO)
    }

    /// Samples of what was measured, with their traces.
    pub fn exemplars(self) -> Repeated<'a, Exemplar<'a>> {
        Repeated::new(self.0, fields::number_data_point::EXEMPLARS)
    }

    /// Bit 0: no value was recorded (the series has ended).
    pub fn flags(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::number_data_point::FLAGS)? as u32)
    }

    /// The number, if there is one. Of several members of the `oneof` the last counts, as protobuf has it.
    pub fn value(self) -> Result<Option<Number>, WireError> {
        number(
            self.0,
            fields::number_data_point::AS_DOUBLE,
            fields::number_data_point::AS_INT,
        )
    }
}

/// `metrics.v1.HistogramDataPoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramDataPoint<'a>(&'a [u8]);

impl<'a> View<'a> for HistogramDataPoint<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        HistogramDataPoint(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> HistogramDataPoint<'a> {
    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::histogram_data_point::ATTRIBUTES)
    }

    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub fn start_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::histogram_data_point::START_TIME_UNIX_NANO)
    }

    /// When the value was taken, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::histogram_data_point::TIME_UNIX_NANO)
    }

    /// How many values.
    pub fn count(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::histogram_data_point::COUNT)
    }

    /// Their sum, if it is known.
    pub fn sum(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::histogram_data_point::SUM)?.map(f64::from_bits))
    }

    /// How many values in each bucket: one more than bounds, or none.
    pub fn bucket_counts(self) -> Numbers<'a, u64> {
        Numbers::new(self.0, fields::histogram_data_point::BUCKET_COUNTS)
    }

    /// The upper bounds of the buckets but the last, ascending.
    pub fn explicit_bounds(self) -> Numbers<'a, f64> {
        Numbers::new(self.0, fields::histogram_data_point::EXPLICIT_BOUNDS)
    }

    /// Samples of what was measured, with their traces.
    pub fn exemplars(self) -> Repeated<'a, Exemplar<'a>> {
        Repeated::new(self.0, fields::histogram_data_point::EXEMPLARS)
    }

    /// Bit 0: no value was recorded (the series has ended).
    pub fn flags(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::histogram_data_point::FLAGS)? as u32)
    }

    /// The least value, if it is known.
    pub fn min(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::histogram_data_point::MIN)?.map(f64::from_bits))
    }

    /// The greatest value, if it is known.
    pub fn max(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::histogram_data_point::MAX)?.map(f64::from_bits))
    }
}

/// `metrics.v1.ExponentialHistogramDataPoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExponentialHistogramDataPoint<'a>(&'a [u8]);

impl<'a> View<'a> for ExponentialHistogramDataPoint<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ExponentialHistogramDataPoint(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ExponentialHistogramDataPoint<'a> {
    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::exponential_histogram_data_point::ATTRIBUTES)
    }

    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub fn start_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(
            self.0,
            fields::exponential_histogram_data_point::START_TIME_UNIX_NANO,
        )
    }

    /// When the value was taken, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::exponential_histogram_data_point::TIME_UNIX_NANO)
    }

    /// How many values.
    pub fn count(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::exponential_histogram_data_point::COUNT)
    }

    /// Their sum, if it is known.
    pub fn sum(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::exponential_histogram_data_point::SUM)?.map(f64::from_bits))
    }

    /// The resolution: bounds are powers of 2^(2^-scale).
    pub fn scale(self) -> Result<i32, WireError> {
        Ok(get::zigzag32(get::varint(
            self.0,
            fields::exponential_histogram_data_point::SCALE,
        )?))
    }

    /// How many values are within [`Self::zero_threshold`] of 0.
    pub fn zero_count(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::exponential_histogram_data_point::ZERO_COUNT)
    }

    /// The buckets of positive values.
    pub fn positive(self) -> Result<Buckets<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::exponential_histogram_data_point::POSITIVE)?.unwrap_or_default(),
        ))
    }

    /// The buckets of negative values.
    pub fn negative(self) -> Result<Buckets<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::exponential_histogram_data_point::NEGATIVE)?.unwrap_or_default(),
        ))
    }

    /// Bit 0: no value was recorded (the series has ended).
    pub fn flags(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::exponential_histogram_data_point::FLAGS)? as u32)
    }

    /// Samples of what was measured, with their traces.
    pub fn exemplars(self) -> Repeated<'a, Exemplar<'a>> {
        Repeated::new(self.0, fields::exponential_histogram_data_point::EXEMPLARS)
    }

    /// The least value, if it is known.
    pub fn min(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::exponential_histogram_data_point::MIN)?.map(f64::from_bits))
    }

    /// The greatest value, if it is known.
    pub fn max(self) -> Result<Option<f64>, WireError> {
        Ok(get::optional_fixed64(self.0, fields::exponential_histogram_data_point::MAX)?.map(f64::from_bits))
    }

    /// The width of the zero bucket.
    pub fn zero_threshold(self) -> Result<f64, WireError> {
        Ok(f64::from_bits(get::fixed64(
            self.0,
            fields::exponential_histogram_data_point::ZERO_THRESHOLD,
        )?))
    }
}

/// `metrics.v1.ExponentialHistogramDataPoint.Buckets`: consecutive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buckets<'a>(&'a [u8]);

impl<'a> View<'a> for Buckets<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Buckets(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Buckets<'a> {
    /// The index of the first bucket.
    pub fn offset(self) -> Result<i32, WireError> {
        Ok(get::zigzag32(get::varint(self.0, fields::buckets::OFFSET)?))
    }

    /// How many values in each bucket.
    pub fn bucket_counts(self) -> Numbers<'a, Varint> {
        Numbers::new(self.0, fields::buckets::BUCKET_COUNTS)
    }
}

/// `metrics.v1.SummaryDataPoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SummaryDataPoint<'a>(&'a [u8]);

impl<'a> View<'a> for SummaryDataPoint<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        SummaryDataPoint(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> SummaryDataPoint<'a> {
    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::summary_data_point::ATTRIBUTES)
    }

    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub fn start_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::summary_data_point::START_TIME_UNIX_NANO)
    }

    /// When the value was taken, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::summary_data_point::TIME_UNIX_NANO)
    }

    /// How many values.
    pub fn count(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::summary_data_point::COUNT)
    }

    /// Their sum.
    pub fn sum(self) -> Result<f64, WireError> {
        Ok(f64::from_bits(get::fixed64(
            self.0,
            fields::summary_data_point::SUM,
        )?))
    }

    /// The quantiles.
    pub fn quantile_values(self) -> Repeated<'a, ValueAtQuantile<'a>> {
        Repeated::new(self.0, fields::summary_data_point::QUANTILE_VALUES)
    }

    /// Bit 0: no value was recorded (the series has ended).
    pub fn flags(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::summary_data_point::FLAGS)? as u32)
    }
}

/// `metrics.v1.SummaryDataPoint.ValueAtQuantile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueAtQuantile<'a>(&'a [u8]);

impl<'a> View<'a> for ValueAtQuantile<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ValueAtQuantile(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ValueAtQuantile<'a> {
    /// The quantile, 0 to 1.
    pub fn quantile(self) -> Result<f64, WireError> {
        Ok(f64::from_bits(get::fixed64(
            self.0,
            fields::value_at_quantile::QUANTILE,
        )?))
    }

    /// The value at the quantile.
    pub fn value(self) -> Result<f64, WireError> {
        Ok(f64::from_bits(get::fixed64(
            self.0,
            fields::value_at_quantile::VALUE,
        )?))
    }
}

/// `metrics.v1.Exemplar`: one measured value and where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exemplar<'a>(&'a [u8]);

impl<'a> View<'a> for Exemplar<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Exemplar(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Exemplar<'a> {
    /// The attributes of the measurement that the point does not have.
    pub fn filtered_attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::exemplar::FILTERED_ATTRIBUTES)
    }

    /// When it was measured, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::exemplar::TIME_UNIX_NANO)
    }

    /// The span: 8 bytes, or empty.
    pub fn span_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::exemplar::SPAN_ID)
    }

    /// The trace: 16 bytes, or empty.
    pub fn trace_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::exemplar::TRACE_ID)
    }

    /// The number, if there is one. Of several members of the `oneof` the last counts, as protobuf has it.
    pub fn value(self) -> Result<Option<Number>, WireError> {
        number(self.0, fields::exemplar::AS_DOUBLE, fields::exemplar::AS_INT)
    }
}
