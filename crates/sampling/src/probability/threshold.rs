//! Rejection thresholds: what probability is in consistent sampling.

use super::{BITS, DIGITS, Hex, RANGE, Randomness, hex};
use std::fmt;
use std::str::FromStr;

/// The smallest probability that a threshold can express, 2^-56. Who means "as little as possible" rounds up to it.
pub const MIN_PROBABILITY: f64 = 1.0 / RANGE as f64;

/// How many significant hex digits the threshold of a probability gets, 1 to 14.
///
/// Few digits make short texts; many make a probability exact. Digits that only say that a probability is near 0 or near 1, which are
/// leading `f` or `0` in its threshold, do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precision(u8);

impl Precision {
    /// 4 digits: what the specification recommends.
    pub const DEFAULT: Precision = Precision(4);
    /// All 14 digits.
    pub const FULL: Precision = Precision(DIGITS as u8);

    /// This many digits; nothing unless it is 1 to 14.
    pub const fn new(digits: u8) -> Option<Precision> {
        if digits >= 1 && digits as usize <= DIGITS {
            Some(Precision(digits))
        } else {
            None
        }
    }

    /// How many digits it is.
    pub const fn digits(self) -> u8 {
        self.0
    }
}

impl Default for Precision {
    fn default() -> Self {
        Precision::DEFAULT
    }
}

/// A rejection threshold T of 56 bits: an item is kept if and only if its randomness R >= T.
///
/// The larger, the less is kept. [`Ord`] is this order: of two stages in series, the threshold is the `max`. The default keeps all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// The threshold that keeps everything: probability 1, adjusted count 1, written `0`.
    pub const ALWAYS: Threshold = Threshold(0);
    /// The highest threshold: it keeps one trace in 2^56.
    pub const HIGHEST: Threshold = Threshold(RANGE - 1);

    /// The threshold T; nothing unless it is below 2^56.
    pub const fn new(value: u64) -> Option<Threshold> {
        if value < RANGE {
            Some(Threshold(value))
        } else {
            None
        }
    }

    /// The threshold of a probability, rounded to `precision`. A probability above 1 is one of 1.
    ///
    /// Nothing if there is no such threshold: the probability is below [`MIN_PROBABILITY`], and nothing can be kept; or it is no
    /// number.
    pub fn from_probability(probability: f64, precision: Precision) -> Option<Threshold> {
        if probability >= 1.0 {
            return Some(Threshold::ALWAYS);
        }
        if probability.is_nan() || probability < MIN_PROBABILITY {
            return None;
        }
        let kept = (probability * RANGE as f64).round() as u64;
        let exact = RANGE - kept;
        let leading = leading_digits(probability).max(leading_digits(1.0 - probability));
        let digits = (u32::from(precision.0) + leading).min(DIGITS as u32);
        let dropped = BITS - 4 * digits;
        let half = (1_u64 << dropped) >> 1;
        // The leading digits keep the half from carrying as far as 2^56; `min` says so to whoever reads this.
        Some(Threshold(((exact + half) >> dropped << dropped).min(RANGE - 1)))
    }

    /// The threshold of something that passed this one and is then thinned to `ratio`, 0 to 1, of itself: what a proportional
    /// stage applies. It is never lower than this one, as rounding could make it.
    ///
    /// Nothing if the product of the probabilities is below [`MIN_PROBABILITY`]: then nothing is kept.
    pub fn thinned(self, ratio: f64, precision: Precision) -> Option<Threshold> {
        let product = Threshold::from_probability(self.probability() * ratio, precision)?;
        Some(product.max(self))
    }

    /// Whether this threshold keeps what has this randomness.
    #[inline]
    pub const fn keeps(self, randomness: Randomness) -> bool {
        randomness.value() >= self.0
    }

    /// T as a number below 2^56.
    #[inline]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The probability with which it keeps, from 2^-56 to 1.
    pub fn probability(self) -> f64 {
        (RANGE - self.0) as f64 / RANGE as f64
    }

    /// How many items a kept one stands for, from 1 to 2^56: the inverse of the probability.
    pub fn adjusted_count(self) -> f64 {
        RANGE as f64 / (RANGE - self.0) as f64
    }

    /// How it is written: 1 to 14 hex digits, without zeros at the end; `0` for [`Threshold::ALWAYS`].
    pub fn to_hex(self) -> Hex {
        Hex::trimmed(self.0)
    }

    /// Reads the value of `th`: 1 to 14 hex digits of either case, to be filled up with zeros on the right.
    ///
    /// # Errors
    ///
    /// What is wrong with the digits.
    pub fn parse(text: &[u8]) -> Result<Threshold, ThresholdError> {
        match text.len() {
            0 => Err(ThresholdError::Empty),
            len @ 1..=DIGITS => match hex::parse(text) {
                Some(value) => Ok(Threshold(value << (4 * (DIGITS - len)))),
                None => Err(ThresholdError::NotHex),
            },
            _ => Err(ThresholdError::TooLong),
        }
    }
}

/// How many hex digits at the beginning of a fraction below 1 are zeros; that is, how many `f` its complement begins with.
fn leading_digits(fraction: f64) -> u32 {
    // The exponent that makes the significand lie in [0.5, 1), as in C's `frexp`; fractions here are never subnormal.
    let biased = (fraction.to_bits() >> 52) & 0x7ff;
    let exponent = 1022_u64.saturating_sub(biased);
    (exponent / 4) as u32
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_hex().fmt(f)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Threshold::parse(text.as_bytes())
    }
}

/// What is wrong with a value of `th`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There are no digits.
    #[error("a sampling threshold needs at least one hex digit")]
    Empty,
    /// There are more than 14 digits.
    #[error("a sampling threshold has at most 14 hex digits")]
    TooLong,
    /// One of the characters is no hex digit.
    #[error("a sampling threshold consists of hex digits")]
    NotHex,
}
