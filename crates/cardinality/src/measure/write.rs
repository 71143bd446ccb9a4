//! From what is measured to the bytes of a point.

use super::exemplars::Exemplars;
use super::exponential::Exponential;
use super::extremes::Extremes;
use super::histogram::Histogram;
use super::number::Number;
use super::side::Side;
use super::{Measure, Summary};
use forebay_otlp::{Cursor, WireError, fields, views};

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LEN: u8 = 2;

/// When a point was gathered, and its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Since when it was gathered, in nanoseconds since 1970; 0 where unknown.
    pub start: u64,
    /// When it was taken, in nanoseconds since 1970.
    pub time: u64,
    /// `DataPointFlags`.
    pub flags: u32,
}

/// Appends the body of a data point: of the message that the measure is read from, with its fields in ascending order.
///
/// An integer beyond 64 bits is written as a double, a sum of doubles as the nearest double. `attributes` are the bodies of `KeyValue`
/// messages.
pub fn write<'a>(
    measure: &Measure,
    frame: Frame,
    attributes: impl IntoIterator<Item = &'a [u8]>,
    exemplars: &Exemplars,
    out: &mut Vec<u8>,
) {
    let attributes = attributes.into_iter();
    match measure {
        Measure::Number(number) => put_number(*number, frame, attributes, exemplars, out),
        Measure::Histogram(histogram) => put_histogram(histogram, frame, attributes, exemplars, out),
        Measure::Exponential(exponential) => put_exponential(exponential, frame, attributes, exemplars, out),
        Measure::Summary(summary) => put_summary(*summary, frame, attributes, out),
    }
}

/// Appends the body of `point` with another start and another measure of the same kind. Everything else is as it was: time, flags,
/// attributes, exemplars, quantiles, fields that are not known here.
///
/// # Errors
///
/// That the bytes of `point` cannot be read. What was appended is then to be thrown away.
pub fn rewrite(point: &[u8], start: u64, measure: &Measure, out: &mut Vec<u8>) -> Result<(), WireError> {
    put_fixed64(START, start, out);
    let replaced: &[u32] = match measure {
        Measure::Number(number) => {
            put_value(*number, out);
            &NUMBER
        }
        Measure::Histogram(histogram) => {
            put_histogram_body(histogram, out);
            put_extremes(histogram.extremes, fields::histogram_data_point::MIN, out);
            &HISTOGRAM
        }
        Measure::Exponential(exponential) => {
            put_exponential_body(exponential, out);
            put_exponential_tail(exponential, out);
            &EXPONENTIAL
        }
        Measure::Summary(summary) => {
            put_summary_body(*summary, out);
            &SUMMARY
        }
    };
    let mut cursor = Cursor::new(point);
    loop {
        let from = cursor.position();
        let Some(field) = cursor.next_field()? else {
            return Ok(());
        };
        if !replaced.contains(&field.number) {
            out.extend_from_slice(point.get(from..cursor.position()).unwrap_or_default());
        }
    }
}

/// The start time and the time have the same numbers in the points of all kinds.
const START: u32 = fields::number_data_point::START_TIME_UNIX_NANO;
const TIME: u32 = fields::number_data_point::TIME_UNIX_NANO;

/// What [`rewrite`] replaces.
const NUMBER: [u32; 3] = {
    use fields::number_data_point::{AS_DOUBLE, AS_INT};
    [START, AS_DOUBLE, AS_INT]
};
const HISTOGRAM: [u32; 7] = {
    use fields::histogram_data_point::{BUCKET_COUNTS, COUNT, EXPLICIT_BOUNDS, MAX, MIN, SUM};
    [START, COUNT, SUM, BUCKET_COUNTS, EXPLICIT_BOUNDS, MIN, MAX]
};
const EXPONENTIAL: [u32; 10] = {
    use fields::exponential_histogram_data_point::{
        COUNT, MAX, MIN, NEGATIVE, POSITIVE, SCALE, SUM, ZERO_COUNT, ZERO_THRESHOLD,
    };
    [
        START,
        COUNT,
        SUM,
        SCALE,
        ZERO_COUNT,
        POSITIVE,
        NEGATIVE,
        MIN,
        MAX,
        ZERO_THRESHOLD,
    ]
};
const SUMMARY: [u32; 3] = {
    use fields::summary_data_point::{COUNT, SUM};
    [START, COUNT, SUM]
};

fn put_number<'a>(
    number: Number,
    frame: Frame,
    attributes: impl Iterator<Item = &'a [u8]>,
    exemplars: &Exemplars,
    out: &mut Vec<u8>,
) {
    use fields::number_data_point as field;
    put_times(frame, out);
    // One of the numbers of the value is below that of the exemplars, the other above.
    let is_double = matches!(number.rounded(), views::Number::Double(_));
    if is_double {
        put_value(number, out);
    }
    put_each(field::EXEMPLARS, exemplars.iter(), out);
    if !is_double {
        put_value(number, out);
    }
    put_each(field::ATTRIBUTES, attributes, out);
    put_flags(field::FLAGS, frame.flags, out);
}

fn put_value(number: Number, out: &mut Vec<u8>) {
    use fields::number_data_point as field;
    let (number, bits) = match number.rounded() {
        views::Number::Double(value) => (field::AS_DOUBLE, value.to_bits()),
        views::Number::Int(value) => (field::AS_INT, value.cast_unsigned()),
    };
    put_tag(number, FIXED64, out);
    out.extend_from_slice(&bits.to_le_bytes());
}

fn put_histogram<'a>(
    histogram: &Histogram,
    frame: Frame,
    attributes: impl Iterator<Item = &'a [u8]>,
    exemplars: &Exemplars,
    out: &mut Vec<u8>,
) {
    use fields::histogram_data_point as field;
    put_times(frame, out);
    put_histogram_body(histogram, out);
    put_each(field::EXEMPLARS, exemplars.iter(), out);
    put_each(field::ATTRIBUTES, attributes, out);
    put_flags(field::FLAGS, frame.flags, out);
    put_extremes(histogram.extremes, field::MIN, out);
}

fn put_histogram_body(histogram: &Histogram, out: &mut Vec<u8>) {
    use fields::histogram_data_point as field;
    put_fixed64(field::COUNT, histogram.count, out);
    put_double(field::SUM, histogram.sum.map(|sum| sum.total()), out);
    let bits = histogram.bounds.iter().map(|bound| bound.to_bits());
    put_packed(field::BUCKET_COUNTS, histogram.buckets.iter().copied(), out);
    put_packed(field::EXPLICIT_BOUNDS, bits, out);
}

fn put_exponential<'a>(
    exponential: &Exponential,
    frame: Frame,
    attributes: impl Iterator<Item = &'a [u8]>,
    exemplars: &Exemplars,
    out: &mut Vec<u8>,
) {
    use fields::exponential_histogram_data_point as field;
    put_each(field::ATTRIBUTES, attributes, out);
    put_times(frame, out);
    put_exponential_body(exponential, out);
    put_flags(field::FLAGS, frame.flags, out);
    put_each(field::EXEMPLARS, exemplars.iter(), out);
    put_exponential_tail(exponential, out);
}

fn put_exponential_body(exponential: &Exponential, out: &mut Vec<u8>) {
    use fields::exponential_histogram_data_point as field;
    put_fixed64(field::COUNT, exponential.count, out);
    put_double(field::SUM, exponential.sum.map(|sum| sum.total()), out);
    put_varint_field(field::SCALE, zigzag(exponential.scale), out);
    put_fixed64(field::ZERO_COUNT, exponential.zero_count, out);
    put_side(field::POSITIVE, &exponential.positive, out);
    put_side(field::NEGATIVE, &exponential.negative, out);
}

fn put_exponential_tail(exponential: &Exponential, out: &mut Vec<u8>) {
    use fields::exponential_histogram_data_point as field;
    put_extremes(exponential.extremes, field::MIN, out);
    put_fixed64(field::ZERO_THRESHOLD, exponential.zero_threshold.to_bits(), out);
}

fn put_side(number: u32, side: &Side, out: &mut Vec<u8>) {
    if side.counts.is_empty() {
        return;
    }
    let counts: usize = side.counts.iter().map(|count| varint_len(*count)).sum();
    let offset = zigzag(side.first);
    let offset_len = if offset == 0 { 0 } else { 1 + varint_len(offset) };
    put_tag(number, LEN, out);
    put_varint((offset_len + 1 + varint_len(counts as u64) + counts) as u64, out);
    put_varint_field(fields::buckets::OFFSET, offset, out);
    put_tag(fields::buckets::BUCKET_COUNTS, LEN, out);
    put_varint(counts as u64, out);
    for count in &side.counts {
        put_varint(*count, out);
    }
}

fn put_summary<'a>(
    summary: Summary,
    frame: Frame,
    attributes: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) {
    use fields::summary_data_point as field;
    put_times(frame, out);
    put_summary_body(summary, out);
    put_each(field::ATTRIBUTES, attributes, out);
    put_flags(field::FLAGS, frame.flags, out);
}

fn put_summary_body(summary: Summary, out: &mut Vec<u8>) {
    use fields::summary_data_point as field;
    put_fixed64(field::COUNT, summary.count, out);
    put_fixed64(field::SUM, summary.sum.total().to_bits(), out);
}

fn put_times(frame: Frame, out: &mut Vec<u8>) {
    put_fixed64(START, frame.start, out);
    put_fixed64(TIME, frame.time, out);
}

/// The greatest has the number after the least.
fn put_extremes(extremes: Extremes, min: u32, out: &mut Vec<u8>) {
    put_double(min, extremes.min, out);
    put_double(min + 1, extremes.max, out);
}

fn put_flags(number: u32, flags: u32, out: &mut Vec<u8>) {
    put_varint_field(number, flags.into(), out);
}

fn put_each<'a>(number: u32, messages: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for message in messages {
        put_bytes(number, message, out);
    }
}

/// All fields of data points and exemplars have numbers below 16: a tag is one byte.
fn put_tag(number: u32, wire_type: u8, out: &mut Vec<u8>) {
    out.push((number as u8) << 3 | wire_type);
}

/// Appends a length-delimited field.
pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, LEN, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A number that is not written where it is zero.
fn put_fixed64(number: u32, bits: u64, out: &mut Vec<u8>) {
    if bits != 0 {
        put_tag(number, FIXED64, out);
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

/// A number that is written wherever it is known.
fn put_double(number: u32, value: Option<f64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        put_tag(number, FIXED64, out);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn put_packed(number: u32, words: impl ExactSizeIterator<Item = u64>, out: &mut Vec<u8>) {
    if words.len() == 0 {
        return;
    }
    put_tag(number, LEN, out);
    put_varint(words.len() as u64 * 8, out);
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// A number that is not written where it is zero.
fn put_varint_field(number: u32, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        put_tag(number, VARINT, out);
        put_varint(value, out);
    }
}

/// Appends a number in its shortest form.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

const fn varint_len(value: u64) -> usize {
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}

/// A `sint32` as its varint.
const fn zigzag(value: i32) -> u64 {
    (value << 1 ^ value >> 31).cast_unsigned() as u64
}
