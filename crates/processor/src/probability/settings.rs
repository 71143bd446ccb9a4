//! Setting types of samplers, checked while they are read.

use forebay_core::settings::parse_ratio;
use forebay_sampling::probability::Precision;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A share in percent: a number from 0 to 100, or a ratio in a string, `"12.5%"` or `"1/8"`.
///
/// Single precision, as the Collector has it: the same number in a config must mean the same threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentage(f32);

impl Percentage {
    /// The percentage, from 0 to 100.
    pub const fn percent(self) -> f32 {
        self.0
    }

    /// The share, from 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// A number of significant hex digits, 1 to 14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrecisionDigits(pub Precision);

/// The seed of a hash, 0 to 4294967295.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashSeed(pub u32);

/// What the visitor below needs to know of a number.
trait Number: Sized {
    const EXPECTED: &'static str;

    fn from_number(value: f64) -> Option<Self>;

    /// Numbers may stand in strings: that is how they come from a variable.
    fn from_text(text: &str) -> Option<Self> {
        Self::from_number(text.trim().parse().ok()?)
    }
}

impl Number for Percentage {
    const EXPECTED: &'static str = "a percentage from 0 to 100, such as 10, \"10%\" or \"1/10\"";

    fn from_number(value: f64) -> Option<Self> {
        (0.0..=100.0).contains(&value).then_some(Percentage(value as f32))
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.trim().parse() {
            Ok(number) => Self::from_number(number),
            Err(_) => Self::from_number(parse_ratio(text).ok()?.0 * 100.0),
        }
    }
}

impl Number for PrecisionDigits {
    const EXPECTED: &'static str = "a number of hex digits from 1 to 14";

    fn from_number(value: f64) -> Option<Self> {
        let digits = (1.0..=14.0).contains(&value) && value.fract() == 0.0;
        Some(PrecisionDigits(Precision::new(value as u8).filter(|_| digits)?))
    }
}

impl Number for HashSeed {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn from_number(value: f64) -> Option<Self> {
        let whole = (0.0..=f64::from(u32::MAX)).contains(&value) && value.fract() == 0.0;
        whole.then_some(HashSeed(value as u32))
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<T: Number> NumberVisitor<T> {
    fn read<E: Error>(written: impl fmt::Display, read: Option<T>) -> Result<T, E> {
        read.ok_or_else(|| E::custom(format!("`{written}` is not {}", T::EXPECTED)))
    }
}

impl<T: Number> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Self::read(text, T::from_text(text))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        Self::read(value, T::from_number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        Self::read(value, T::from_number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        Self::read(value, T::from_number(value))
    }
}

fn read<'de, T: Number, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(NumberVisitor(PhantomData))
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for PrecisionDigits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for HashSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl Serialize for Percentage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f32(self.0)
    }
}

impl Serialize for PrecisionDigits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0.digits())
    }
}

impl Serialize for HashSeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl JsonSchema for Percentage {
    fn schema_name() -> Cow<'static, str> {
        "Percentage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "minimum": 0, "maximum": 100 })
    }
}

impl JsonSchema for PrecisionDigits {
    fn schema_name() -> Cow<'static, str> {
        "PrecisionDigits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 1, "maximum": 14 })
    }
}

impl JsonSchema for HashSeed {
    fn schema_name() -> Cow<'static, str> {
        "HashSeed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "maximum": 4294967295_u32 })
    }
}
