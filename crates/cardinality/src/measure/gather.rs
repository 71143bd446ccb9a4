//! A histogram's point in one pass: histograms that pass are read each time, and getters would go over all attributes for each field.

use super::double::Double;
use super::extremes::Extremes;
use super::histogram::{Histogram, MOST_BUCKETS};
use super::read::{NO_RECORDED_VALUE, Reading, sum};
use super::{Flaw, Measure};
use forebay_otlp::{Cursor, Value, fields};

/// What a point says, as it comes.
#[derive(Debug, Default)]
struct Gathered {
    start: u64,
    time: u64,
    flags: u32,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    bounds: Bounds,
    buckets: Buckets,
}

/// Bounds, kept as far as a histogram may have so many.
#[derive(Debug, Default)]
struct Bounds {
    kept: Vec<f64>,
    seen: usize,
    last: Option<f64>,
    /// One is NaN, or not above the one before.
    disordered: bool,
}

/// Counts, kept as far as a histogram may have so many.
#[derive(Debug, Default)]
struct Buckets {
    kept: Vec<u64>,
    seen: usize,
    total: u64,
    /// The total does not fit.
    overflown: bool,
}

/// Reads the body of a histogram's point.
pub(super) fn histogram_point(point: &[u8]) -> Result<Reading, Flaw> {
    let gathered = Gathered::read(point)?;
    let (start, time, flags) = (gathered.start, gathered.time, gathered.flags);
    let is_recorded = flags & NO_RECORDED_VALUE == 0;
    let measure = is_recorded.then(|| gathered.histogram()).transpose()?;
    Ok(Reading {
        start,
        time,
        flags,
        measure: measure.map(Box::new).map(Measure::Histogram),
    })
}

impl Gathered {
    fn read(point: &[u8]) -> Result<Gathered, Flaw> {
        use fields::histogram_data_point as field;
        let mut all = Gathered::default();
        let mut cursor = Cursor::new(point);
        while let Some(found) = cursor.next_field()? {
            match (found.number, found.value) {
                (field::ATTRIBUTES, _) => {}
                (field::START_TIME_UNIX_NANO, Value::Fixed64(start)) => all.start = start,
                (field::TIME_UNIX_NANO, Value::Fixed64(time)) => all.time = time,
                (field::COUNT, Value::Fixed64(count)) => all.count = count,
                (field::SUM, Value::Fixed64(bits)) => all.sum = Some(f64::from_bits(bits)),
                (field::MIN, Value::Fixed64(bits)) => all.min = Some(f64::from_bits(bits)),
                (field::MAX, Value::Fixed64(bits)) => all.max = Some(f64::from_bits(bits)),
                (field::FLAGS, Value::Varint(flags)) => all.flags = flags as u32,
                (field::BUCKET_COUNTS, value) => all.buckets.take(value)?,
                (field::EXPLICIT_BOUNDS, value) => all.bounds.take(value)?,
                (field::START_TIME_UNIX_NANO..=field::SUM | field::FLAGS..=field::MAX, _) => {
                    return Err(Flaw::Unreadable);
                }
                _ => {}
            }
        }
        Ok(all)
    }

    fn histogram(self) -> Result<Histogram, Flaw> {
        let sum: Option<Double> = sum(self.sum)?;
        let (bounds, buckets) = (self.bounds, self.buckets);
        if bounds.disordered {
            return Err(Flaw::Buckets);
        }
        if buckets.overflown {
            return Err(Flaw::Count);
        }
        if buckets.seen != bounds.seen + 1 && (buckets.seen, bounds.seen) != (0, 0) {
            return Err(Flaw::Buckets);
        }
        let has_buckets = (2..=MOST_BUCKETS).contains(&buckets.seen);
        let (bounds, buckets) = if has_buckets {
            (bounds.kept, buckets.kept)
        } else {
            Default::default()
        };
        Ok(Histogram {
            count: self.count,
            sum,
            extremes: Extremes::new(self.min, self.max),
            bounds,
            buckets,
        })
    }
}

impl Bounds {
    fn take(&mut self, value: Value<'_>) -> Result<(), Flaw> {
        let mut single = [0; 8];
        let words = words(value, &mut single)?;
        self.kept.reserve(words.len().min(MOST_BUCKETS - self.kept.len()));
        for word in words {
            let bound = f64::from_le_bytes(*word);
            self.disordered |= bound.is_nan() || self.last.is_some_and(|last| bound <= last);
            self.last = Some(bound);
            self.seen += 1;
            if self.kept.len() < MOST_BUCKETS {
                self.kept.push(bound);
            }
        }
        Ok(())
    }
}

impl Buckets {
    fn take(&mut self, value: Value<'_>) -> Result<(), Flaw> {
        let mut single = [0; 8];
        let words = words(value, &mut single)?;
        self.kept.reserve(words.len().min(MOST_BUCKETS - self.kept.len()));
        for word in words {
            let count = u64::from_le_bytes(*word);
            let (total, over) = self.total.overflowing_add(count);
            self.total = total;
            self.overflown |= over;
            self.seen += 1;
            if self.kept.len() < MOST_BUCKETS {
                self.kept.push(count);
            }
        }
        Ok(())
    }
}

/// The elements of a field of fixed words, which is packed or has one of them.
fn words<'w>(value: Value<'w>, single: &'w mut [u8; 8]) -> Result<&'w [[u8; 8]], Flaw> {
    match value {
        Value::Len(bytes) => match bytes.as_chunks() {
            (words, []) => Ok(words),
            _ => Err(Flaw::Unreadable),
        },
        Value::Fixed64(word) => {
            *single = word.to_le_bytes();
            Ok(std::slice::from_ref(single))
        }
        _ => Err(Flaw::Unreadable),
    }
}
