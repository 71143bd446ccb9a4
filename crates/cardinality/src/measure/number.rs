//! The value of a sum or a gauge.

use super::double::Double;
use forebay_otlp::views;

/// A number that is summed up: integers exactly, doubles without drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A sum of integers.
    Int(i128),
    /// A sum that has had a double in it.
    Double(Double),
}

impl Number {
    /// The value of a point: nothing for NaN and the infinities.
    #[inline]
    pub fn new(value: views::Number) -> Option<Number> {
        match value {
            views::Number::Int(value) => Some(Number::Int(value.into())),
            views::Number::Double(value) => Double::new(value).map(Number::Double),
        }
    }

    /// The sum, an integer if both are. Nothing if it is more than the type can hold.
    #[inline]
    pub fn plus(self, other: Number) -> Option<Number> {
        match (self, other) {
            (Number::Int(one), Number::Int(other)) => one.checked_add(other).map(Number::Int),
            _ => self.double().plus(other.double()).map(Number::Double),
        }
    }

    /// The difference, an integer if both are. Nothing if it is more than the type can hold.
    #[inline]
    pub fn minus(self, other: Number) -> Option<Number> {
        match (self, other) {
            (Number::Int(one), Number::Int(other)) => one.checked_sub(other).map(Number::Int),
            _ => self.double().minus(other.double()).map(Number::Double),
        }
    }

    /// By how much a number that never goes down has grown: nothing if it went down.
    #[inline]
    pub fn since(self, before: Number) -> Option<Number> {
        self.minus(before).filter(|increase| !increase.is_negative())
    }

    /// Whether it is below zero.
    #[inline]
    pub fn is_negative(self) -> bool {
        match self {
            Number::Int(value) => value < 0,
            Number::Double(value) => value.is_negative(),
        }
    }

    /// As a point has it: an integer as a double if it is beyond 64 bits.
    #[inline]
    pub fn rounded(self) -> views::Number {
        match self {
            Number::Int(value) => i64::try_from(value).map_or_else(
                |_| views::Number::Double(Double::from(value).total()),
                views::Number::Int,
            ),
            Number::Double(value) => views::Number::Double(value.total()),
        }
    }

    #[inline]
    fn double(self) -> Double {
        match self {
            Number::Int(value) => value.into(),
            Number::Double(value) => value,
        }
    }
}
