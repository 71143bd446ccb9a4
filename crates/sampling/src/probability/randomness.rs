//! The randomness of a trace, which all its spans share.

use super::{DIGITS, Hex, RANGE, hex};
use std::fmt;
use std::str::FromStr;

/// The randomness R of a trace: 56 bits, to be compared with a [`Threshold`](super::Threshold).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Randomness(u64);

impl Randomness {
    /// The highest randomness: every threshold keeps it.
    pub const HIGHEST: Randomness = Randomness(RANGE - 1);

    /// The randomness R; nothing unless it is below 2^56.
    pub const fn new(value: u64) -> Option<Randomness> {
        if value < RANGE {
            Some(Randomness(value))
        } else {
            None
        }
    }

    /// The randomness of a trace without `rv`: the last 56 bits of its id (W3C Trace Context level 2, "Randomness of
    /// trace-id").
    ///
    /// Nothing unless the id has 16 bytes and is not all zeros, which W3C and OTLP call invalid.
    #[inline]
    pub fn from_trace_id(id: &[u8]) -> Option<Randomness> {
        let id = u128::from_be_bytes(*id.first_chunk::<16>().filter(|_| id.len() == 16)?);
        (id != 0).then_some(Randomness(id as u64 & (RANGE - 1)))
    }

    /// R as a number below 2^56.
    #[inline]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// How it is written: 14 hex digits.
    pub fn to_hex(self) -> Hex {
        Hex::padded(self.0)
    }

    /// Reads the value of `rv`: 14 hex digits of either case.
    ///
    /// # Errors
    ///
    /// What is wrong with the digits.
    pub fn parse(text: &[u8]) -> Result<Randomness, RandomnessError> {
        if text.len() != DIGITS {
            return Err(RandomnessError::Length);
        }
        hex::parse(text).map(Randomness).ok_or(RandomnessError::NotHex)
    }
}

impl fmt::Display for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_hex().fmt(f)
    }
}

impl FromStr for Randomness {
    type Err = RandomnessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Randomness::parse(text.as_bytes())
    }
}

/// What is wrong with a value of `rv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RandomnessError {
    /// There are fewer or more than 14 digits.
    #[error("sampling randomness has exactly 14 hex digits")]
    Length,
    /// One of the characters is no hex digit.
    #[error("sampling randomness consists of hex digits")]
    NotHex,
}
