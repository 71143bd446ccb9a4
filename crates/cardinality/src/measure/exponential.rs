//! Exponential histograms.

use super::double::Double;
use super::extremes::Extremes;
use super::side::{LOWEST_SCALE, Side, bucket_of, finite_upper, spanning, steps_to_fit};

/// What a point of an exponential histogram measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exponential {
    pub(super) count: u64,
    pub(super) sum: Option<Double>,
    pub(super) extremes: Extremes,
    /// [`LOWEST_SCALE`] to [`HIGHEST_SCALE`](super::HIGHEST_SCALE).
    pub(super) scale: i32,
    /// With all buckets no more than 2^64 - 1.
    pub(super) zero_count: u64,
    /// Finite, not negative.
    pub(super) zero_threshold: f64,
    pub(super) positive: Side,
    pub(super) negative: Side,
}

impl Exponential {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, if it is known.
    pub fn sum(&self) -> Option<Double> {
        self.sum
    }

    /// The resolution: bounds are powers of 2^(2^-scale).
    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// How many values are within the threshold of 0, and that threshold.
    pub fn zero(&self) -> (u64, f64) {
        (self.zero_count, self.zero_threshold)
    }

    /// The index of the first bucket of positive values, and the counts.
    pub fn positive(&self) -> (i32, &[u64]) {
        (self.positive.first, &self.positive.counts)
    }

    /// The index of the first bucket of negative values, and the counts.
    pub fn negative(&self) -> (i32, &[u64]) {
        (self.negative.first, &self.negative.counts)
    }

    /// The least and the greatest value, where known.
    pub fn extremes(&self) -> Extremes {
        self.extremes
    }

    /// How many values in all buckets together: [`Self::count`], unless the sender is in error.
    pub(super) fn in_buckets(&self) -> u64 {
        let sides = self.positive.total().wrapping_add(self.negative.total());
        self.zero_count.wrapping_add(sides)
    }

    /// Whether nothing was measured: adding it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        let no_buckets = self.positive.counts.is_empty() && self.negative.counts.is_empty();
        self.count == 0 && self.zero_count == 0 && no_buckets && self.sum.is_none_or(Double::is_zero)
    }

    /// See [`Measure::add`](super::Measure::add). False if the result does not fit: nothing has changed then.
    pub(super) fn add(&mut self, other: &Exponential) -> bool {
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
        if self.is_aligned(other) && self.steps_to_hold(other) == 0 {
            self.add_buckets(other);
        } else {
            self.add_aligned(other.clone());
        }
        true
    }

    fn add_aligned(&mut self, mut other: Exponential) {
        align(self, &mut other);
        let scale = self.scale.saturating_sub_unsigned(self.steps_to_hold(&other));
        self.lower_to(scale);
        other.lower_to(scale);
        self.add_buckets(&other);
    }

    fn add_buckets(&mut self, other: &Exponential) {
        self.zero_count = self.zero_count.wrapping_add(other.zero_count);
        self.positive.add(&other.positive);
        self.negative.add(&other.negative);
    }

    /// What came in since it was `before`: nothing if a count went down.
    pub(super) fn since(&self, before: &Exponential) -> Option<Exponential> {
        if !self.is_aligned(before) {
            let (mut after, mut before) = (self.clone(), before.clone());
            align(&mut after, &mut before);
            return after.since_aligned(&before);
        }
        self.since_aligned(before)
    }

    fn since_aligned(&self, before: &Exponential) -> Option<Exponential> {
        Some(Exponential {
            count: self.count.checked_sub(before.count)?,
            sum: match self.sum.zip(before.sum) {
                Some((now, before)) => Some(now.minus(before)?),
                None => None,
            },
            extremes: self.extremes,
            scale: self.scale,
            zero_count: self.zero_count.checked_sub(before.zero_count)?,
            zero_threshold: self.zero_threshold,
            positive: self.positive.since(&before.positive)?,
            negative: self.negative.since(&before.negative)?,
        })
    }

    fn is_aligned(&self, other: &Exponential) -> bool {
        self.scale == other.scale && self.zero_threshold == other.zero_threshold
    }

    /// By how much the scale must be lowered to hold the buckets of both, which have the same scale.
    fn steps_to_hold(&self, other: &Exponential) -> u32 {
        let positive = spanning(self.positive.ends(), other.positive.ends());
        let negative = spanning(self.negative.ends(), other.negative.ends());
        let most = self.scale.saturating_sub(LOWEST_SCALE).unsigned_abs();
        steps_to_fit(positive).max(steps_to_fit(negative)).min(most)
    }

    /// Lowers the scale to this, if it is higher.
    fn lower_to(&mut self, scale: i32) {
        let steps = u32::try_from(self.scale.saturating_sub(scale)).unwrap_or(0);
        self.positive.lower(steps);
        self.negative.lower(steps);
        self.scale = self.scale.saturating_sub_unsigned(steps);
    }

    /// Moves the buckets up to this index into the zero count.
    fn widen_zero(&mut self, through: i32, threshold: f64) {
        let taken = self
            .positive
            .take_through(through)
            .wrapping_add(self.negative.take_through(through));
        self.zero_count = self.zero_count.wrapping_add(taken);
        self.zero_threshold = threshold;
    }
}

/// Gives both the lower scale and the wider zero bucket of the two.
///
/// Buckets below the wider threshold become part of the zero count. Where it is inside of a bucket, which values are below it is
/// not known: if there are any it is raised to the bucket's upper bound. Source: metrics data model, "ExponentialHistogram", "Zero Count
/// and Zero Threshold".
fn align(one: &mut Exponential, other: &mut Exponential) {
    let scale = one.scale.min(other.scale);
    one.lower_to(scale);
    other.lower_to(scale);
    if one.zero_threshold == other.zero_threshold {
        return;
    }
    let threshold = one.zero_threshold.max(other.zero_threshold);
    let (bucket, ends_there) = bucket_of(scale, threshold);
    let sides = [&one.positive, &one.negative, &other.positive, &other.negative];
    let (through, threshold) = if ends_there {
        (bucket, threshold)
    } else if sides.iter().any(|side| side.has(bucket)) {
        (bucket, finite_upper(scale, bucket))
    } else {
        (bucket.saturating_sub(1), threshold)
    };
    one.widen_zero(through, threshold);
    other.widen_zero(through, threshold);
}
