//! From the bytes of a point to what it measures.

use super::double::Double;
use super::exponential::Exponential;
use super::extremes::Extremes;
use super::gather::histogram_point;
use super::number::Number;
use super::side::{self, HIGHEST_SCALE, LOWEST_SCALE, Side};
use super::{Flaw, Measure, Summary};
use forebay_otlp::views::{self, Buckets, ExponentialHistogramDataPoint, SummaryDataPoint, View};
use forebay_otlp::{Cursor, DataKind, Value, WireError, fields};

/// The flag of a point that records no value: its series has ended (metrics data model, "Data Point Flags").
pub const NO_RECORDED_VALUE: u32 = 1;

/// A data point: what it measures, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub start: u64,
    /// When it was taken, in nanoseconds since 1970.
    pub time: u64,
    /// `DataPointFlags`.
    pub flags: u32,
    /// Nothing if the flags say that no value was recorded.
    pub measure: Option<Measure>,
}

/// A data point of a sum or a gauge, as it is on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberReading {
    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub start: u64,
    /// When it was taken, in nanoseconds since 1970.
    pub time: u64,
    /// `DataPointFlags`.
    pub flags: u32,
    /// Finite. Nothing if the flags say that no value was recorded.
    pub value: Option<views::Number>,
}

/// Reads a data point: the body of a message of the kind's point.
///
/// Histograms of more than [`MOST_BUCKETS`](super::MOST_BUCKETS) buckets are read without buckets, and so are those whose only bucket holds all. Exponential
/// histograms are read at a scale at which they have no more than
/// [`MOST_EXPONENTIAL_BUCKETS`](super::MOST_EXPONENTIAL_BUCKETS) of each sign.
///
/// # Errors
///
/// Why it measures nothing that could be added to something.
pub fn read(kind: DataKind, point: &[u8]) -> Result<Reading, Flaw> {
    match kind {
        DataKind::Gauge | DataKind::Sum => read_number(point).map(Reading::from),
        DataKind::Histogram => histogram_point(point),
        DataKind::ExponentialHistogram => exponential_point(ExponentialHistogramDataPoint::new(point)),
        DataKind::Summary => summary_point(SummaryDataPoint::new(point)),
    }
}

/// Reads a data point of a sum or a gauge, in one pass and without allocating.
///
/// # Errors
///
/// Why it measures nothing that could be added to something.
#[inline]
pub fn read_number(point: &[u8]) -> Result<NumberReading, Flaw> {
    use fields::number_data_point as field;
    let mut reading = NumberReading::default();
    let mut cursor = Cursor::new(point);
    while let Some(found) = cursor.next_field()? {
        match (found.number, found.value) {
            (field::START_TIME_UNIX_NANO, Value::Fixed64(start)) => reading.start = start,
            (field::TIME_UNIX_NANO, Value::Fixed64(time)) => reading.time = time,
            (field::FLAGS, Value::Varint(flags)) => reading.flags = flags as u32,
            (field::AS_INT, Value::Fixed64(bits)) => {
                reading.value = Some(views::Number::Int(bits.cast_signed()));
            }
            (field::AS_DOUBLE, Value::Fixed64(bits)) => {
                reading.value = Some(views::Number::Double(f64::from_bits(bits)));
            }
            (
                field::START_TIME_UNIX_NANO
                | field::TIME_UNIX_NANO
                | field::FLAGS
                | field::AS_INT
                | field::AS_DOUBLE,
                _,
            ) => return Err(Flaw::Unreadable),
            _ => {}
        }
    }
    if reading.flags & NO_RECORDED_VALUE != 0 {
        reading.value = None;
        return Ok(reading);
    }
    match reading.value {
        None => Err(Flaw::NoValue),
        Some(views::Number::Double(value)) if !value.is_finite() => Err(Flaw::NotFinite),
        Some(_) => Ok(reading),
    }
}

impl From<NumberReading> for Reading {
    fn from(reading: NumberReading) -> Reading {
        Reading {
            start: reading.start,
            time: reading.time,
            flags: reading.flags,
            measure: reading.value.and_then(Number::new).map(Measure::Number),
        }
    }
}

impl From<WireError> for Flaw {
    fn from(_: WireError) -> Flaw {
        Flaw::Unreadable
    }
}

/// A reading whose measure is only read if the flags say that there is one.
fn reading(
    (start, time): (u64, u64),
    flags: u32,
    measure: impl FnOnce() -> Result<Measure, Flaw>,
) -> Result<Reading, Flaw> {
    let is_recorded = flags & NO_RECORDED_VALUE == 0;
    Ok(Reading {
        start,
        time,
        flags,
        measure: is_recorded.then(measure).transpose()?,
    })
}

fn exponential_point(point: ExponentialHistogramDataPoint<'_>) -> Result<Reading, Flaw> {
    let times = (point.start_time_unix_nano()?, point.time_unix_nano()?);
    reading(times, point.flags()?, || {
        Ok(Measure::Exponential(Box::new(exponential(point)?)))
    })
}

fn exponential(point: ExponentialHistogramDataPoint<'_>) -> Result<Exponential, Flaw> {
    let scale = point.scale()?;
    if !(LOWEST_SCALE..=HIGHEST_SCALE).contains(&scale) {
        return Err(Flaw::Scale);
    }
    let zero_threshold = point.zero_threshold()?;
    if !zero_threshold.is_finite() || zero_threshold < 0.0 {
        return Err(Flaw::Buckets);
    }
    let (positive, negative) = (point.positive()?, point.negative()?);
    let zero_count = point.zero_count()?;
    let mut total = zero_count;
    let ends = [
        ends(positive, scale, &mut total)?,
        ends(negative, scale, &mut total)?,
    ];
    // The scale is never lowered below the lowest: there, what is possible fits.
    let steps = ends.into_iter().map(side::steps_to_fit).max().unwrap_or(0);
    Ok(Exponential {
        count: point.count()?,
        sum: sum(point.sum()?)?,
        extremes: Extremes::new(point.min()?, point.max()?),
        scale: scale.saturating_sub_unsigned(steps),
        zero_count,
        // A negative zero is one.
        zero_threshold: zero_threshold.abs(),
        positive: lowered(positive, steps)?,
        negative: lowered(negative, steps)?,
    })
}

/// The buckets that have values, each with its index.
fn filled(buckets: Buckets<'_>) -> Result<impl Iterator<Item = Result<(i64, u64), WireError>>, WireError> {
    let offset = i64::from(buckets.offset()?);
    let counts = buckets.bucket_counts();
    Ok((offset..)
        .zip(counts)
        .map(|(index, count)| Ok((index, count?)))
        .filter(|bucket| !matches!(bucket, Ok((_, 0)))))
}

/// The indices of the first and the last bucket that has values, which are added to `total`.
fn ends(buckets: Buckets<'_>, scale: i32, total: &mut u64) -> Result<Option<(i32, i32)>, Flaw> {
    let (least, greatest) = side::possible(scale);
    let mut ends = None;
    for bucket in filled(buckets)? {
        let (index, count) = bucket?;
        let index = i32::try_from(index)
            .ok()
            .filter(|index| (least..=greatest).contains(index))
            .ok_or(Flaw::Buckets)?;
        *total = total.checked_add(count).ok_or(Flaw::Count)?;
        ends = side::spanning(ends, Some((index, index)));
    }
    Ok(ends)
}

/// The buckets at a scale that is lower by `steps`.
fn lowered(buckets: Buckets<'_>, steps: u32) -> Result<Side, Flaw> {
    let (mut first, mut counts) = (None, Vec::new());
    for bucket in filled(buckets)? {
        let (index, count) = bucket?;
        let index = side::shifted(i32::try_from(index).map_err(|_| Flaw::Buckets)?, steps);
        let first = *first.get_or_insert(index);
        side::add_at(&mut counts, index.abs_diff(first), count);
    }
    Ok(Side::new(first.unwrap_or(0), counts))
}

fn summary_point(point: SummaryDataPoint<'_>) -> Result<Reading, Flaw> {
    let times = (point.start_time_unix_nano()?, point.time_unix_nano()?);
    reading(times, point.flags()?, || {
        Ok(Measure::Summary(Summary {
            count: point.count()?,
            sum: Double::new(point.sum()?).ok_or(Flaw::NotFinite)?,
        }))
    })
}

pub(super) fn sum(sum: Option<f64>) -> Result<Option<Double>, Flaw> {
    sum.map(|sum| Double::new(sum).ok_or(Flaw::NotFinite)).transpose()
}
