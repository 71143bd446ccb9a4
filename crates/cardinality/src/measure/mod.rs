//! What data points measure, as arithmetic: reading it from the wire, adding it up, telling the increase from one point to the next,
//! keeping it in few bytes, writing it again.
//!
//! What is added up:
//!
//! | kind | result |
//! |---|---|
//! | numbers | the sum: exact for integers (128 bits), a double if one of them was, with the roundings remembered |
//! | histograms | count, sum, and the buckets over the bounds that all have: exact for those. Without common bounds: count and sum |
//! | exponential histograms | count, sum, and the buckets at the lowest scale and the widest zero threshold: no count is lost |
//! | summaries | count and sum. Quantiles of a union cannot be had from quantiles of its parts, and are left out |
//!
//! The sum of a histogram is known where it is in all that was added up, and so are the least and the greatest value. A histogram of no
//! values has no say in anything.
//!
//! Where a result would be more than its type can hold (a count above 2^64 - 1, all buckets together likewise, a double beyond the
//! finite ones) the addition is refused whole: a total is right or it is as it was.
//!
//! Nothing here panics, whatever the bytes.

mod double;
mod exemplars;
mod exponential;
mod extent;
mod extremes;
mod gather;
mod histogram;
mod number;
mod pack;
mod read;
mod side;
mod write;

pub use double::Double;
pub use exemplars::Exemplars;
pub use exponential::Exponential;
pub use extremes::Extremes;
pub use histogram::{Histogram, MOST_BUCKETS};
pub use number::Number;
pub use read::{NO_RECORDED_VALUE, NumberReading, Reading, read, read_number};
pub use side::{HIGHEST_SCALE, LOWEST_SCALE, MOST_EXPONENTIAL_BUCKETS};
pub use write::{Frame, rewrite, write};

/// Why a point measures nothing that could be added to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Its bytes are not a message, or one of its fields has the wrong wire type.
    Unreadable,
    /// It has neither a value nor the flag that says that none was recorded.
    NoValue,
    /// Its value, or its sum, is not a number or infinite.
    NotFinite,
    /// Its buckets do not match its bounds, its bounds do not ascend, its zero threshold is negative or not finite, or it has values
    /// in a bucket in which there are no doubles.
    Buckets,
    /// Its scale is below [`LOWEST_SCALE`] or above [`HIGHEST_SCALE`].
    Scale,
    /// Its buckets together have more than 2^64 - 1 values.
    Count,
}

impl Flaw {
    /// Every flaw, in the order of their discriminants.
    pub const ALL: [Flaw; 6] = [
        Flaw::Unreadable,
        Flaw::NoValue,
        Flaw::NotFinite,
        Flaw::Buckets,
        Flaw::Scale,
        Flaw::Count,
    ];

    /// As a label of a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Flaw::Unreadable => "unreadable",
            Flaw::NoValue => "no_value",
            Flaw::NotFinite => "not_finite",
            Flaw::Buckets => "buckets",
            Flaw::Scale => "scale",
            Flaw::Count => "count",
        }
    }
}

/// Why one measure was not added to another, which is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// They are of different kinds. Points of one stream never are.
    Kind,
    /// The result would be more than its type can hold.
    Overflow,
}

/// What a data point measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Of a sum or a gauge.
    Number(Number),
    /// Of a histogram with explicit bounds.
    Histogram(Box<Histogram>),
    /// Of an exponential histogram.
    Exponential(Box<Exponential>),
    /// Of a summary.
    Summary(Summary),
}

/// What a point of a summary measures: its quantiles are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: Double,
}

impl Summary {
    fn plus(self, other: Summary) -> Option<Summary> {
        Some(Summary {
            count: self.count.checked_add(other.count)?,
            sum: self.sum.plus(other.sum)?,
        })
    }

    fn since(self, before: Summary) -> Option<Summary> {
        Some(Summary {
            count: self.count.checked_sub(before.count)?,
            sum: self.sum.minus(before.sum)?,
        })
    }
}

impl Measure {
    /// Adds up: see the module's page for what that means for each kind. The order of what is added does not matter, up to the rounding
    /// of doubles and, with different zero thresholds, to which buckets are part of the zero count.
    ///
    /// # Errors
    ///
    /// Why it is as it was.
    pub fn add(&mut self, other: &Measure) -> Result<(), Refusal> {
        let fits = match (self, other) {
            (Measure::Number(one), Measure::Number(other)) => replace(one, one.plus(*other)),
            (Measure::Histogram(one), Measure::Histogram(other)) => one.add(other),
            (Measure::Exponential(one), Measure::Exponential(other)) => one.add(other),
            (Measure::Summary(one), Measure::Summary(other)) => replace(one, one.plus(*other)),
            _ => return Err(Refusal::Kind),
        };
        if fits { Ok(()) } else { Err(Refusal::Overflow) }
    }

    /// Takes a number out of a sum of levels, that is of numbers that go up and down.
    ///
    /// # Errors
    ///
    /// Why it is as it was: also if they are not numbers, from which nothing can be taken.
    pub fn retract(&mut self, other: &Measure) -> Result<(), Refusal> {
        let (Measure::Number(one), Measure::Number(other)) = (self, other) else {
            return Err(Refusal::Kind);
        };
        if replace(one, one.minus(*other)) {
            Ok(())
        } else {
            Err(Refusal::Overflow)
        }
    }

    /// What came in since an earlier point of the same cumulative series. Adding it to the earlier point gives the later one, but for
    /// extremes: those of the increase are those of the later point, which cover all since the series started.
    ///
    /// Nothing if this is no continuation of the earlier point: a value that never goes down (a number, a count, that of a bucket) went
    /// down, or the bounds are others. The sum of a histogram may go down.
    pub fn since(&self, before: &Measure) -> Option<Measure> {
        match (self, before) {
            (Measure::Number(now), Measure::Number(before)) => now.since(*before).map(Measure::Number),
            (Measure::Histogram(now), Measure::Histogram(before)) => {
                let is_same = now.bounds == before.bounds;
                let buckets = before.buckets.iter().copied();
                is_same
                    .then(|| now.increase(before.count, before.sum, buckets))?
                    .map(|increase| Measure::Histogram(Box::new(increase)))
            }
            (Measure::Exponential(now), Measure::Exponential(before)) => now
                .since(before)
                .map(|increase| Measure::Exponential(Box::new(increase))),
            (Measure::Summary(now), Measure::Summary(before)) => now.since(*before).map(Measure::Summary),
            _ => None,
        }
    }

    /// What a cumulative series measured without what it had measured when `base` was packed: as [`Measure::since_packed`], but for
    /// extremes, which are not known of a part.
    pub fn less_packed(&self, base: &[u8]) -> Option<Measure> {
        let mut rest = self.since_packed(base)?;
        rest.forget_extremes();
        Some(rest)
    }

    /// Leaves out the least and the greatest value: they are not those of a part of what was measured.
    pub fn forget_extremes(&mut self) {
        match self {
            Measure::Histogram(histogram) => histogram.extremes = Extremes::default(),
            Measure::Exponential(exponential) => exponential.extremes = Extremes::default(),
            Measure::Number(_) | Measure::Summary(_) => {}
        }
    }

    /// What the bounds of a histogram are told apart by, 0 for all else. Where it changes in an output series, the series is no
    /// continuation of what it was for who compares bounds.
    pub fn shape(&self) -> u64 {
        match self {
            Measure::Histogram(histogram) if !histogram.bounds.is_empty() => {
                pack::fingerprint(&histogram.bounds)
            }
            _ => 0,
        }
    }

    /// How many bytes it takes beside its own size.
    pub fn allocated(&self) -> usize {
        match self {
            Measure::Histogram(histogram) => {
                let words = histogram.bounds.capacity() + histogram.buckets.capacity();
                size_of::<Histogram>() + words * size_of::<u64>()
            }
            Measure::Exponential(exponential) => {
                let words = exponential.positive.counts.capacity() + exponential.negative.counts.capacity();
                size_of::<Exponential>() + words * size_of::<u64>()
            }
            Measure::Number(_) | Measure::Summary(_) => 0,
        }
    }
}

/// Puts the result in place of what it was made from, if there is one.
fn replace<T>(place: &mut T, result: Option<T>) -> bool {
    match result {
        Some(result) => {
            *place = result;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
