//! How large a measure may become, and the same one in coarser buckets.

use super::Measure;
use super::exponential::Exponential;
use super::histogram::fold;
use super::side::MOST_EXPONENTIAL_BUCKETS;

impl Measure {
    /// How many bytes it takes beside its own size at most, whatever is added to it: the bounds of a histogram only get fewer, the
    /// buckets of an exponential one are bounded.
    pub fn allocated_max(&self) -> usize {
        match self {
            Measure::Exponential(_) => {
                // Growing doubles what there is, and so may come to twice what is needed.
                size_of::<Exponential>() + 4 * MOST_EXPONENTIAL_BUCKETS * size_of::<u64>()
            }
            _ => self.allocated(),
        }
    }

    /// Whether nothing was measured: adding it to another of its kind changes nothing, and adding to it makes it what is added. A number
    /// always says something.
    pub fn is_empty(&self) -> bool {
        match self {
            Measure::Number(_) | Measure::Summary(_) => false,
            Measure::Histogram(histogram) => histogram.is_empty(),
            Measure::Exponential(exponential) => exponential.is_empty(),
        }
    }

    /// The same over the bounds of another histogram, all of which it must have itself. Other kinds are as they were.
    #[must_use]
    pub fn within_bounds_of(mut self, other: &Measure) -> Measure {
        if let (Measure::Histogram(own), Measure::Histogram(other)) = (&mut self, other) {
            own.buckets = fold(&own.bounds, &own.buckets, &other.bounds);
            own.bounds.clone_from(&other.bounds);
        }
        self
    }
}
