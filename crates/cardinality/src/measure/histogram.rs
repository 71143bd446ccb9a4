//! Histograms with explicit bounds.

use super::double::Double;
use super::extremes::Extremes;

/// How many buckets a histogram may have. One with more is taken as its count and sum.
pub const MOST_BUCKETS: usize = 1024;

/// What a point of a histogram measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub(super) count: u64,
    pub(super) sum: Option<Double>,
    pub(super) extremes: Extremes,
    /// Ascending, none of them NaN.
    pub(super) bounds: Vec<f64>,
    /// One more than bounds, or none. Together no more than 2^64 - 1.
    pub(super) buckets: Vec<u64>,
}

impl Histogram {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, if it is known.
    pub fn sum(&self) -> Option<Double> {
        self.sum
    }

    /// The bounds between buckets, ascending.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// How many values in each bucket: one more than bounds, or none.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The least and the greatest value, where known.
    pub fn extremes(&self) -> Extremes {
        self.extremes
    }

    /// How many values in all buckets together: [`Self::count`], unless the sender is in error or there are no buckets.
    pub(super) fn in_buckets(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |total, count| total.wrapping_add(*count))
    }

    /// Whether nothing was measured: adding it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
            && self.sum.is_none_or(Double::is_zero)
            && self.buckets.iter().all(|count| *count == 0)
    }

    /// See [`Measure::add`](super::Measure::add). False if the result does not fit: nothing has changed then.
    pub(super) fn add(&mut self, other: &Histogram) -> bool {
        if other.is_empty() {
            return true;
        }
        if self.is_empty() {
            self.clone_from(other);
            return true;
        }
        let sum = match self.sum.zip(other.sum) {
            Some((one, other)) => match one.plus(other) {
                None => return false,
                sum => sum,
            },
            None => None,
        };
        let (count, in_buckets) = (
            self.count.checked_add(other.count),
            self.in_buckets().checked_add(other.in_buckets()),
        );
        let (Some(count), Some(_)) = (count, in_buckets) else {
            return false;
        };
        (self.count, self.sum) = (count, sum);
        self.extremes = self.extremes.with(other.extremes);
        self.add_buckets(other);
        true
    }

    /// Adds the buckets up, over the bounds that both have.
    fn add_buckets(&mut self, other: &Histogram) {
        if self.bounds != other.bounds {
            let common = common(&self.bounds, &other.bounds);
            let theirs = fold(&other.bounds, &other.buckets, &common);
            self.buckets = fold(&self.bounds, &self.buckets, &common);
            self.bounds = common;
            add_each(&mut self.buckets, &theirs);
        } else {
            add_each(&mut self.buckets, &other.buckets);
        }
    }

    /// What came in since the counts were these: nothing if one of them was higher than it is now, or if there were not as
    /// many buckets.
    pub(super) fn increase(
        &self,
        count: u64,
        sum: Option<Double>,
        buckets: impl IntoIterator<Item = u64>,
    ) -> Option<Histogram> {
        let mut increase = self.clone();
        increase.count = self.count.checked_sub(count)?;
        increase.sum = match self.sum.zip(sum) {
            Some((now, before)) => Some(now.minus(before)?),
            None => None,
        };
        let mut before = buckets.into_iter();
        for bucket in &mut increase.buckets {
            *bucket = bucket.checked_sub(before.next()?)?;
        }
        before.next().is_none().then_some(increase)
    }
}

/// The bounds that are in both.
fn common(one: &[f64], other: &[f64]) -> Vec<f64> {
    let mut rest = other.iter().peekable();
    let in_other = |bound: &f64| {
        while rest.next_if(|candidate| **candidate < *bound).is_some() {}
        rest.next_if(|candidate| **candidate == *bound).is_some()
    };
    let mut found = one.to_vec();
    found.retain(in_other);
    found
}

/// The counts of the buckets between fewer bounds, all of which are among `bounds`. Without bounds there are no buckets.
pub(super) fn fold(bounds: &[f64], buckets: &[u64], fewer: &[f64]) -> Vec<u64> {
    if fewer.is_empty() {
        return Vec::new();
    }
    let mut folded = Vec::with_capacity(fewer.len() + 1);
    let mut open = 0_u64;
    let mut next = fewer.iter().peekable();
    for (count, bound) in buckets.iter().zip(bounds.iter().map(Some).chain([None])) {
        open = open.wrapping_add(*count);
        let ends = bound.is_none_or(|bound| next.next_if(|candidate| **candidate == *bound).is_some());
        if ends {
            folded.push(std::mem::take(&mut open));
        }
    }
    folded
}

fn add_each(counts: &mut [u64], others: &[u64]) {
    for (count, other) in counts.iter_mut().zip(others) {
        *count = count.wrapping_add(*other);
    }
}
