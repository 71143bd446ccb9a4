//! The buckets of one sign of an exponential histogram.

/// How many buckets there are at most for each sign: where there would be more the scale is lowered.
pub const MOST_EXPONENTIAL_BUCKETS: usize = 320;
/// The lowest scale: at it all doubles are in four buckets.
pub const LOWEST_SCALE: i32 = -10;
/// The highest scale. SDKs use none beyond (metrics SDK, "Base2 Exponential Bucket Histogram Aggregation").
pub const HIGHEST_SCALE: i32 = 20;

/// Consecutive buckets, of which the first and the last are not empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Side {
    /// The index of the first. Zero if there are none.
    pub(super) first: i32,
    pub(super) counts: Vec<u64>,
}

impl Side {
    /// The buckets from index `first` on, without the empty ones at both ends.
    pub(super) fn new(first: i32, counts: Vec<u64>) -> Side {
        let mut side = Side { first, counts };
        side.trim();
        side
    }

    /// How many values are in them.
    pub(super) fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |total, count| total.wrapping_add(*count))
    }

    /// The indices of the first and the last.
    pub(super) fn ends(&self) -> Option<(i32, i32)> {
        let beyond = i32::try_from(self.counts.len()).ok()?.checked_sub(1)?;
        (beyond >= 0).then(|| (self.first, self.first.saturating_add(beyond)))
    }

    /// Whether the bucket of this index has values.
    pub(super) fn has(&self, index: i32) -> bool {
        self.place(index)
            .and_then(|place| self.counts.get(place))
            .is_some_and(|count| *count > 0)
    }

    /// The same at a scale that is lower by `steps`.
    pub(super) fn lower(&mut self, steps: u32) {
        if steps == 0 || self.counts.is_empty() {
            return;
        }
        let first = shifted(self.first, steps);
        let mut lowered = Vec::new();
        for (index, count) in self.buckets() {
            add_at(&mut lowered, shifted(index, steps).abs_diff(first), count);
        }
        *self = Side::new(first, lowered);
    }

    /// Takes out the buckets up to this index: how many values were in them.
    pub(super) fn take_through(&mut self, index: i32) -> u64 {
        let Some((first, last)) = self.ends().filter(|(first, _)| *first <= index) else {
            return 0;
        };
        let how_many = (index.min(last).abs_diff(first) as usize + 1).min(self.counts.len());
        let taken = self.counts.drain(..how_many).fold(0_u64, u64::wrapping_add);
        self.first = self.first.saturating_add_unsigned(how_many as u32);
        self.trim();
        taken
    }

    /// Adds up each bucket. Together they have at most [`MOST_EXPONENTIAL_BUCKETS`].
    pub(super) fn add(&mut self, other: &Side) {
        let Some((first, _)) = other.ends() else {
            return;
        };
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        if first < self.first {
            let front = std::iter::repeat_n(0, self.first.abs_diff(first) as usize);
            self.counts.splice(..0, front);
            self.first = first;
        }
        let start = first.abs_diff(self.first);
        for (place, count) in (start..).zip(&other.counts) {
            add_at(&mut self.counts, place, *count);
        }
    }

    /// What came in since the buckets were those: nothing if one of them went down.
    pub(super) fn since(&self, before: &Side) -> Option<Side> {
        let mut counts = self.counts.clone();
        for (index, count) in before.buckets().filter(|(_, count)| *count > 0) {
            let now = counts.get_mut(self.place(index)?)?;
            *now = now.checked_sub(count)?;
        }
        Some(Side::new(self.first, counts))
    }

    /// Each with its index.
    fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        let indices = (0..).map(|place| self.first.saturating_add(place));
        indices.zip(self.counts.iter().copied())
    }

    fn place(&self, index: i32) -> Option<usize> {
        index
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok())
    }

    fn trim(&mut self) {
        let empty = self.counts.iter().take_while(|count| **count == 0).count();
        if empty == self.counts.len() {
            *self = Side::default();
            return;
        }
        self.counts.drain(..empty);
        self.first = self.first.saturating_add_unsigned(empty as u32);
        let filled = self.counts.iter().rposition(|count| *count > 0);
        self.counts.truncate(filled.map_or(0, |last| last + 1));
    }
}

/// The bucket that a bucket becomes part of when the scale is lowered by `steps`.
pub(super) const fn shifted(index: i32, steps: u32) -> i32 {
    if steps < i32::BITS {
        index >> steps
    } else {
        index >> (i32::BITS - 1)
    }
}

/// By how much the scale must be lowered until the buckets between these indices are few enough.
pub(super) fn steps_to_fit(ends: Option<(i32, i32)>) -> u32 {
    ends.map_or(0, |(first, last)| {
        let fits = |steps: &u32| {
            (shifted(last, *steps).abs_diff(shifted(first, *steps)) as usize) < MOST_EXPONENTIAL_BUCKETS
        };
        (0..i32::BITS).find(fits).unwrap_or(i32::BITS)
    })
}

/// The indices of the first and the last of all.
pub(super) fn spanning(one: Option<(i32, i32)>, other: Option<(i32, i32)>) -> Option<(i32, i32)> {
    match (one, other) {
        (Some((first, last)), Some((other_first, other_last))) => {
            Some((first.min(other_first), last.max(other_last)))
        }
        (ends, None) | (None, ends) => ends,
    }
}

/// Adds to the count at this place, where there is none yet after as many empty ones as it takes.
pub(super) fn add_at(counts: &mut Vec<u64>, place: u32, count: u64) {
    let place = place as usize;
    if counts.len() <= place {
        counts.resize(place + 1, 0);
    }
    if let Some(sum) = counts.get_mut(place) {
        *sum = sum.wrapping_add(count);
    }
}

/// The indices that buckets with values can have: beyond them there is no double.
pub(super) fn possible(scale: i32) -> (i32, i32) {
    // The least double is 2^-1074, in the bucket that ends there; all are below 2^1024.
    let at = |exponent: i32| match u32::try_from(scale) {
        Ok(scale) => exponent << scale.min(20),
        Err(_) => exponent >> scale.unsigned_abs().min(31),
    };
    (at(-1075) - 1, at(1024))
}

/// The upper bound of a bucket, which it includes.
fn upper(scale: i32, index: i32) -> f64 {
    ((f64::from(index) + 1.0) * f64::from(-scale).exp2()).exp2()
}

/// The bucket that holds a positive number, and whether the number is its upper bound.
pub(super) fn bucket_of(scale: i32, value: f64) -> (i32, bool) {
    let (mut low, mut high) = possible(scale);
    while low < high {
        let middle = low + (high - low) / 2;
        if upper(scale, middle) >= value {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low, upper(scale, low) == value)
}

/// The upper bound of a bucket as a number that is finite.
pub(super) fn finite_upper(scale: i32, index: i32) -> f64 {
    upper(scale, index).min(f64::MAX)
}
