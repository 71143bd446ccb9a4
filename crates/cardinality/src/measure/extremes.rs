//! The least and the greatest of some values.

/// The least and the greatest value, each where it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extremes {
    /// The least.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

impl Extremes {
    /// As a point says: what is not finite says nothing.
    pub(super) fn new(min: Option<f64>, max: Option<f64>) -> Extremes {
        Extremes {
            min: min.filter(|value| value.is_finite()),
            max: max.filter(|value| value.is_finite()),
        }
    }

    /// Of the values of both: known where both are.
    pub(super) fn with(self, other: Extremes) -> Extremes {
        Extremes {
            min: self.min.zip(other.min).map(|(one, other)| one.min(other)),
            max: self.max.zip(other.max).map(|(one, other)| one.max(other)),
        }
    }
}
