//! Numbers with units: sizes, periods, ratios, counts.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A number of bytes: `"64MiB"`, `"2GB"`, or a plain integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A length of time: `"200ms"`, `"5s"`, `"1m30s"`, `"1h"`, `"7d"`; `"0s"` or `0` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// A share of a whole: `"10%"`, `"1/100"`, `0.1`. From 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

/// A number of things: `8192`, or the same in a string, as it comes from a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

pub(super) const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

pub(super) const TIME_UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The largest amount of bytes or nanoseconds that a config can say: what fits a TOML integer.
const MOST: u64 = i64::MAX as u64;

/// Splits `12.5MiB` into the number and the unit.
pub(super) fn number_and_unit(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    number.parse::<f64>().ok()?;
    Some((number, unit.trim_start()))
}

/// `number` times `scale`, exact for whole numbers; nothing above [`MOST`].
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let amount = if number.contains('.') {
        let amount = number.parse::<f64>().ok()? * scale as f64;
        (amount < MOST as f64).then_some(amount as u64)
    } else {
        number.parse::<u64>().ok()?.checked_mul(scale)
    };
    amount.filter(|amount| *amount <= MOST)
}

/// Reads a size as [`Size`] is written.
pub fn parse_size(text: &str) -> Result<Size, String> {
    let wrong = || format!("`{text}` is not a size: write a number and a unit, such as \"64MiB\" or \"2GB\"");
    let (number, unit) = number_and_unit(text.trim()).ok_or_else(wrong)?;
    let scale = if unit.is_empty() {
        Some(1)
    } else {
        scale_of(&SIZE_UNITS, unit)
    };
    scaled(number, scale.ok_or_else(wrong)?)
        .map(Size)
        .ok_or_else(|| format!("`{text}` is too large"))
}

pub(super) fn scale_of(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| *scale)
}

fn parse_period(text: &str) -> Result<Period, String> {
    let wrong = || {
        format!(
            "`{text}` is not a duration: write a number and a unit, such as \"200ms\", \"5s\" or \"1m30s\""
        )
    };
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Period(Duration::ZERO));
    }
    let mut nanos: u64 = 0;
    let too_long = || format!("`{text}` is too long");
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, tail) = number_and_unit(rest).ok_or_else(wrong)?;
        let end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(end).ok_or_else(wrong)?;
        let part = scaled(number, scale_of(&TIME_UNITS, unit).ok_or_else(wrong)?).ok_or_else(too_long)?;
        nanos = nanos
            .checked_add(part)
            .filter(|sum| *sum <= MOST)
            .ok_or_else(too_long)?;
        rest = next.trim_start();
    }
    Ok(Period(Duration::from_nanos(nanos)))
}

/// Reads a ratio as [`Ratio`] is written.
pub fn parse_ratio(text: &str) -> Result<Ratio, String> {
    let trimmed = text.trim();
    let value = if let Some(percent) = trimmed.strip_suffix('%') {
        percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0)
    } else if let Some((part, whole)) = trimmed.split_once('/') {
        part.trim()
            .parse::<f64>()
            .ok()
            .zip(whole.trim().parse::<f64>().ok())
            .map(|(part, whole)| part / whole)
    } else {
        trimmed.parse::<f64>().ok()
    };
    match value {
        Some(value) if (0.0..=1.0).contains(&value) => Ok(Ratio(value)),
        Some(_) => Err(format!("`{text}` is not between 0 and 1 (0% and 100%)")),
        None => Err(format!(
            "`{text}` is not a ratio: write \"10%\", \"1/100\" or 0.1"
        )),
    }
}

fn parse_count(text: &str) -> Result<Count, String> {
    text.trim()
        .parse()
        .map(Count)
        .map_err(|_| format!("`{text}` is not a whole number"))
}

/// Writes `amount` in the largest of `units` that divides it.
fn write_exact(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |scale: &u64| amount != 0 && amount.is_multiple_of(*scale);
    let best = units
        .iter()
        .filter(|(_, scale)| fits(scale))
        .max_by_key(|(_, scale)| *scale);
    match best {
        Some((name, scale)) => write!(f, "{}{name}", amount / scale),
        None => write!(f, "{amount}{}", units.first().map_or("", |(name, _)| *name)),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exact(
            f,
            self.0,
            SIZE_UNITS
                .get(6..)
                .filter(|_| self.0.is_multiple_of(1024))
                .unwrap_or(&SIZE_UNITS),
        )
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            f.write_str("0s")
        } else {
            write_exact(f, nanos, &TIME_UNITS)
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 0.07 * 100 is 7.000000000000001: rounded, unless that would lose the value.
        let percent = (self.0 * 1e12).round() / 1e10;
        if (percent / 100.0 - self.0).abs() <= self.0 * 1e-9 {
            write!(f, "{percent}%")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What the visitor below needs to know of a type.
pub(super) trait Unit: Sized {
    const EXPECTED: &'static str;
    fn from_text(text: &str) -> Result<Self, String>;
    fn from_integer(value: u64) -> Option<Self>;
    fn from_float(value: f64) -> Option<Self>;
}

impl Unit for Size {
    const EXPECTED: &'static str = "a size, such as \"64MiB\"";
    fn from_text(text: &str) -> Result<Self, String> {
        parse_size(text)
    }
    fn from_integer(value: u64) -> Option<Self> {
        Some(Size(value))
    }
    fn from_float(value: f64) -> Option<Self> {
        whole(value).map(Size)
    }
}

impl Unit for Period {
    const EXPECTED: &'static str = "a duration with its unit, such as \"200ms\" or \"5s\"";
    fn from_text(text: &str) -> Result<Self, String> {
        parse_period(text)
    }
    fn from_integer(value: u64) -> Option<Self> {
        (value == 0).then_some(Period(Duration::ZERO))
    }
    fn from_float(_: f64) -> Option<Self> {
        None
    }
}

impl Unit for Ratio {
    const EXPECTED: &'static str = "a ratio, such as \"10%\", \"1/100\" or 0.1";
    fn from_text(text: &str) -> Result<Self, String> {
        parse_ratio(text)
    }
    fn from_integer(value: u64) -> Option<Self> {
        (value <= 1).then_some(Ratio(value as f64))
    }
    fn from_float(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Ratio(value))
    }
}

impl Unit for Count {
    const EXPECTED: &'static str = "a whole number";
    fn from_text(text: &str) -> Result<Self, String> {
        parse_count(text)
    }
    fn from_integer(value: u64) -> Option<Self> {
        Some(Count(value))
    }
    fn from_float(value: f64) -> Option<Self> {
        whole(value).map(Count)
    }
}

/// The integer that `value` is, if it is one: Helm's `toToml` writes integers as floats.
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value.fract() == 0.0 && value < 9e15).then_some(value as u64)
}

struct UnitVisitor<T>(std::marker::PhantomData<T>);

impl<T: Unit> Visitor<'_> for UnitVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::from_integer(value).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        let unsigned = u64::try_from(value).ok().and_then(T::from_integer);
        unsigned.ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        T::from_float(value).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }
}

/// Reads a value of any of the types that the unit takes.
pub(super) fn read<'de, T: Unit, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(UnitVisitor(std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9.]+ ?([kKMGT]?B|[KMGT]iB)?$|\\$\\{" })
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^([0-9.]+ ?(ns|us|ms|s|m|h|d))+$|^0$|\\$\\{" })
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "minimum": 0, "maximum": 1 })
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0 })
    }
}
