//! A double that remembers what rounding took from it, so that long sums do not drift.

/// The unevaluated sum of two doubles, the second at most half a unit in the last place of the first: about 106 bits.
///
/// It is always finite. Arithmetic is that of Dekker and Knuth ("double-double", with the accurate sum).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// A finite number: nothing for NaN and the infinities.
    #[inline]
    pub fn new(value: f64) -> Option<Double> {
        Double::of(value, 0.0)
    }

    /// The nearest double.
    #[inline]
    pub const fn total(self) -> f64 {
        self.high
    }

    /// What [`Double::total`] leaves out.
    #[inline]
    pub const fn rest(self) -> f64 {
        self.low
    }

    /// The sum of two finite numbers: nothing if it is more than a double can hold.
    #[inline]
    pub fn of(first: f64, second: f64) -> Option<Double> {
        let (high, low) = two_sum(first, second);
        (high.is_finite() && low.is_finite()).then_some(Double { high, low })
    }

    /// The sum: nothing if it is more than a double can hold.
    #[inline]
    pub fn plus(self, other: Double) -> Option<Double> {
        let (high, carry) = two_sum(self.high, other.high);
        let (low, rest) = two_sum(self.low, other.low);
        let (high, carry) = two_sum(high, carry + low);
        Double::of(high, carry + rest)
    }

    /// The difference: nothing if it is more than a double can hold.
    #[inline]
    pub fn minus(self, other: Double) -> Option<Double> {
        self.plus(Double {
            high: -other.high,
            low: -other.low,
        })
    }

    /// Whether it is below zero.
    #[inline]
    pub fn is_negative(self) -> bool {
        self.high < 0.0
    }

    /// Whether it is zero.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.high == 0.0
    }
}

/// Integers of up to 106 bits are exact; larger ones are rounded.
impl From<i128> for Double {
    fn from(value: i128) -> Double {
        let high = value as f64;
        // At 2^127 the cast saturates, and the difference is one: nothing against the rounding.
        let low = value.wrapping_sub(high as i128) as f64;
        let (high, low) = two_sum(high, low);
        Double { high, low }
    }
}

/// The sum rounded, and what rounding took (Knuth, TAOCP 2, section 4.2.2, theorem B).
#[inline]
fn two_sum(first: f64, second: f64) -> (f64, f64) {
    let sum = first + second;
    let of_second = sum - first;
    let of_first = sum - of_second;
    (sum, (first - of_first) + (second - of_second))
}
