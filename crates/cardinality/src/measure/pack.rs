//! The last point of a series in few bytes: enough to tell the next one's increase.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind in the low three bits, above them what follows |
//! | integer | zigzag varint, or 16 bytes |
//! | double | 8 bytes, and 8 for the rest if there is one |
//! | histogram | sum; count, unless the buckets have it; fingerprint of the bounds in 8 bytes; counts |
//! | exponential | sum; count, unless the buckets have it; scale; threshold, unless zero; zero count; twice offset and counts |
//! | summary | sum; count |
//!
//! Counts are varints, one for each bucket; after a zero stands how many more zeros follow.

use super::double::Double;
use super::exponential::Exponential;
use super::extremes::Extremes;
use super::histogram::Histogram;
use super::number::Number;
use super::side::Side;
use super::write::put_varint;
use super::{Measure, Summary};
use forebay_otlp::Cursor;

const INT: u8 = 0;
const LONG_INT: u8 = 1;
const DOUBLE: u8 = 2;
const HISTOGRAM: u8 = 3;
const EXPONENTIAL: u8 = 4;
const SUMMARY: u8 = 5;
const KIND: u8 = 7;
/// There is a sum.
const SUM: u8 = 1 << 3;
/// The sum, or the double, has a rest.
const REST: u8 = 1 << 4;
/// The count is not that of the buckets.
const COUNT: u8 = 1 << 5;
/// There are buckets.
const BUCKETS: u8 = 1 << 6;
/// The threshold is not zero.
const THRESHOLD: u8 = 1 << 7;

impl Measure {
    /// Appends what [`Measure::since_packed`] needs of it. Bounds are kept as a fingerprint, extremes are not kept.
    pub fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Measure::Number(number) => pack_number(*number, out),
            Measure::Histogram(histogram) => pack_histogram(histogram, out),
            Measure::Exponential(exponential) => pack_exponential(exponential, out),
            Measure::Summary(summary) => {
                out.push(SUMMARY | sum_flags(Some(summary.sum)));
                put_sum(Some(summary.sum), out);
                put_varint(summary.count, out);
            }
        }
    }

    /// The increase since a point that was packed: as [`Measure::since`] has it, and nothing too for bytes that were not packed.
    pub fn since_packed(&self, before: &[u8]) -> Option<Measure> {
        let (kind, mut packed) = Packed::open(before)?;
        match self {
            Measure::Number(now) => now.since(packed.number(kind)?).map(Measure::Number),
            Measure::Histogram(now) if kind == HISTOGRAM => {
                packed.histogram_since(now).map(Box::new).map(Measure::Histogram)
            }
            Measure::Exponential(now) if kind == EXPONENTIAL => now
                .since(&packed.exponential()?)
                .map(Box::new)
                .map(Measure::Exponential),
            Measure::Summary(now) if kind == SUMMARY => {
                let before = Summary {
                    sum: packed.sum()??,
                    count: packed.varint()?,
                };
                now.since(before).map(Measure::Summary)
            }
            _ => None,
        }
    }
}

impl Number {
    /// Appends it in few bytes: an integer in 2 to 17, a double in 9 or 17.
    pub fn pack(self, out: &mut Vec<u8>) {
        pack_number(self, out);
    }

    /// The number that was packed.
    pub fn unpack(packed: &[u8]) -> Option<Number> {
        let (kind, mut packed) = Packed::open(packed)?;
        packed.number(kind)
    }
}

fn pack_number(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::Int(value) => match i64::try_from(value) {
            Ok(value) => {
                out.push(INT);
                put_varint(zigzag(value), out);
            }
            Err(_) => {
                out.push(LONG_INT);
                out.extend_from_slice(&value.to_le_bytes());
            }
        },
        Number::Double(value) => {
            out.push(DOUBLE | sum_flags(Some(value)));
            put_sum(Some(value), out);
        }
    }
}

fn pack_histogram(histogram: &Histogram, out: &mut Vec<u8>) {
    let has_buckets = !histogram.buckets.is_empty();
    let has_count = histogram.count != histogram.in_buckets();
    out.push(HISTOGRAM | sum_flags(histogram.sum) | flag(has_count, COUNT) | flag(has_buckets, BUCKETS));
    put_sum(histogram.sum, out);
    if has_count {
        put_varint(histogram.count, out);
    }
    if has_buckets {
        out.extend_from_slice(&fingerprint(&histogram.bounds).to_le_bytes());
        put_counts(&histogram.buckets, out);
    }
}

fn pack_exponential(exponential: &Exponential, out: &mut Vec<u8>) {
    let has_count = exponential.count != exponential.in_buckets();
    let has_threshold = exponential.zero_threshold != 0.0;
    out.push(
        EXPONENTIAL | sum_flags(exponential.sum) | flag(has_count, COUNT) | flag(has_threshold, THRESHOLD),
    );
    put_sum(exponential.sum, out);
    if has_count {
        put_varint(exponential.count, out);
    }
    put_varint(zigzag(exponential.scale.into()), out);
    if has_threshold {
        out.extend_from_slice(&exponential.zero_threshold.to_le_bytes());
    }
    put_varint(exponential.zero_count, out);
    for side in [&exponential.positive, &exponential.negative] {
        put_varint(zigzag(side.first.into()), out);
        put_counts(&side.counts, out);
    }
}

const fn flag(is_set: bool, bit: u8) -> u8 {
    if is_set { bit } else { 0 }
}

fn sum_flags(sum: Option<Double>) -> u8 {
    flag(sum.is_some(), SUM) | flag(sum.is_some_and(|sum| sum.rest() != 0.0), REST)
}

fn put_sum(sum: Option<Double>, out: &mut Vec<u8>) {
    let Some(sum) = sum else {
        return;
    };
    out.extend_from_slice(&sum.total().to_le_bytes());
    if sum.rest() != 0.0 {
        out.extend_from_slice(&sum.rest().to_le_bytes());
    }
}

/// How many there are, then each, zeros in runs.
fn put_counts(counts: &[u64], out: &mut Vec<u8>) {
    put_varint(counts.len() as u64, out);
    for run in counts.chunk_by(|one, next| (*one, *next) == (0, 0)) {
        if let Some(count) = run.first() {
            put_varint(*count, out);
        }
        if run.first() == Some(&0) {
            put_varint(run.len() as u64 - 1, out);
        }
    }
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// What bounds are told apart by. Not keyed: who makes bounds that agree in it garbles the buckets of a series of its own.
pub(super) fn fingerprint(bounds: &[f64]) -> u64 {
    let mut state = bounds.len() as u64;
    for bound in bounds {
        // The zeros are equal.
        let bits = (bound + 0.0).to_bits();
        state = (state ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 29;
    }
    (state ^ state >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// What was packed, as far as it has not been read.
struct Packed<'a> {
    flags: u8,
    rest: Cursor<'a>,
}

impl<'a> Packed<'a> {
    /// The kind, and the rest.
    fn open(packed: &'a [u8]) -> Option<(u8, Packed<'a>)> {
        let (flags, rest) = packed.split_first()?;
        let packed = Packed {
            flags: *flags,
            rest: Cursor::new(rest),
        };
        Some((flags & KIND, packed))
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn varint(&mut self) -> Option<u64> {
        self.rest.varint().ok()
    }

    fn double(&mut self) -> Option<f64> {
        self.rest.fixed64().ok().map(f64::from_bits)
    }

    fn number(&mut self, kind: u8) -> Option<Number> {
        match kind {
            INT => Some(Number::Int(unzigzag(self.varint()?).into())),
            LONG_INT => {
                let (low, high) = (self.rest.fixed64().ok()?, self.rest.fixed64().ok()?);
                Some(Number::Int(
                    (u128::from(low) | u128::from(high) << 64).cast_signed(),
                ))
            }
            DOUBLE => self.sum()?.map(Number::Double),
            _ => None,
        }
    }

    fn sum(&mut self) -> Option<Option<Double>> {
        if !self.has(SUM) {
            return Some(None);
        }
        let total = self.double()?;
        let rest = if self.has(REST) { self.double()? } else { 0.0 };
        Double::of(total, rest).map(Some)
    }

    /// The count, if it is not that of the buckets.
    fn count(&mut self) -> Option<Option<u64>> {
        if self.has(COUNT) {
            self.varint().map(Some)
        } else {
            Some(None)
        }
    }

    fn histogram_since(&mut self, now: &Histogram) -> Option<Histogram> {
        let sum = self.sum()?;
        let count = self.count()?;
        if self.has(BUCKETS) == now.buckets.is_empty() {
            return None;
        }
        if !self.has(BUCKETS) {
            return now.increase(count.unwrap_or(0), sum, []);
        }
        if self.rest.fixed64().ok()? != fingerprint(&now.bounds) {
            return None;
        }
        let buckets = Counts::open(self.rest)?;
        let in_buckets = || buckets.clone().fold(0_u64, u64::wrapping_add);
        now.increase(count.unwrap_or_else(in_buckets), sum, buckets.clone())
    }

    fn exponential(&mut self) -> Option<Exponential> {
        let sum = self.sum()?;
        let count = self.count()?;
        let mut exponential = Exponential {
            count: 0,
            sum,
            extremes: Extremes::default(),
            scale: i32::try_from(unzigzag(self.varint()?)).ok()?,
            zero_threshold: if self.has(THRESHOLD) { self.double()? } else { 0.0 },
            zero_count: self.varint()?,
            positive: self.side()?,
            negative: self.side()?,
        };
        exponential.count = count.unwrap_or_else(|| exponential.in_buckets());
        Some(exponential)
    }

    fn side(&mut self) -> Option<Side> {
        let first = i32::try_from(unzigzag(self.varint()?)).ok()?;
        let mut counts = Counts::open(self.rest)?;
        let side = Side {
            first,
            counts: counts.by_ref().collect(),
        };
        self.rest = counts.packed;
        Some(side)
    }
}

/// Counts that were packed, one by one. Fewer than were packed if the bytes are not what was packed.
#[derive(Clone)]
struct Counts<'a> {
    packed: Cursor<'a>,
    left: u64,
    zeros: u64,
}

impl<'a> Counts<'a> {
    fn open(mut packed: Cursor<'a>) -> Option<Counts<'a>> {
        let left = packed.varint().ok()?;
        let most = super::MOST_BUCKETS.max(super::MOST_EXPONENTIAL_BUCKETS) as u64;
        (left <= most).then_some(Counts {
            packed,
            left,
            zeros: 0,
        })
    }
}

impl Iterator for Counts<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        if let Some(zeros) = self.zeros.checked_sub(1) {
            self.zeros = zeros;
            return Some(0);
        }
        let count = self.packed.varint().ok()?;
        if count == 0 {
            self.zeros = self.packed.varint().ok()?;
        }
        Some(count)
    }
}
