//! Amounts in time.

use super::units::{self, Ratio, SIZE_UNITS, Size, TIME_UNITS, Unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// How fast something may flow: `"1000/s"` items, `"5MiB/s"` bytes, or a share of what comes, `"10%"`. Above 0.
///
/// The time is `s`, `m`, `h` or any other unit of a duration. A ratio as `"1/10"` is a share too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many items per second.
    Items(f64),
    /// So many bytes per second.
    Bytes(f64),
    /// This share of what comes, at most all of it.
    Share(Ratio),
}

/// Reads a rate as [`Rate`] is written.
fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || {
        format!(
            "`{text}` is not a rate: write items or bytes in a time, such as \"1000/s\" or \"5MiB/s\", or a share, such as \"10%\""
        )
    };
    let rate = match text.split_once('/') {
        Some((amount, time)) if time.trim().starts_with(char::is_alphabetic) => {
            parse_in_time(amount.trim(), time.trim()).ok_or_else(wrong)?
        }
        None if !text.trim().ends_with('%') => return Err(wrong()),
        _ => Rate::Share(units::parse_ratio(text)?),
    };
    let (Rate::Items(amount) | Rate::Bytes(amount) | Rate::Share(Ratio(amount))) = rate;
    if amount > 0.0 && amount.is_finite() {
        Ok(rate)
    } else {
        Err(format!("`{text}` lets nothing through: a rate is above 0"))
    }
}

/// Reads an amount with or without a unit of size, and a unit of time.
fn parse_in_time(amount: &str, time: &str) -> Option<Rate> {
    let seconds = units::scale_of(&TIME_UNITS, time)? as f64 / 1e9;
    let (number, unit) = units::number_and_unit(amount)?;
    let number: f64 = number.parse().ok()?;
    if unit.is_empty() {
        return Some(Rate::Items(number / seconds));
    }
    let bytes = units::scale_of(&SIZE_UNITS, unit)? as f64;
    Some(Rate::Bytes(number * bytes / seconds))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Items(amount) => write!(f, "{amount}/s"),
            Rate::Bytes(amount) if amount.fract() == 0.0 => write!(f, "{}/s", Size(*amount as u64)),
            Rate::Bytes(amount) => write!(f, "{amount}B/s"),
            Rate::Share(share) => share.fmt(f),
        }
    }
}

impl Unit for Rate {
    const EXPECTED: &'static str = "a rate, such as \"1000/s\", \"5MiB/s\" or \"10%\"";
    fn from_text(text: &str) -> Result<Self, String> {
        parse_rate(text)
    }
    fn from_integer(_: u64) -> Option<Self> {
        None
    }
    fn from_float(_: f64) -> Option<Self> {
        None
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        units::read(deserializer)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9.]+ ?([kKMGT]?B|[KMGT]iB)?/(ns|us|ms|s|m|h|d)$|^[0-9.]+ ?%$|^[0-9.]+ ?/ ?[0-9.]+$|\\$\\{" })
    }
}
