//! An amount of memory: a size, or a share of what there is.

use super::units::{Ratio, Size, parse_ratio, parse_size};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// An amount of memory: `"256MiB"`, or a share such as `"75%"`. Of what, says who uses it. Neither may be 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// So many bytes.
    Size(Size),
    /// A share, above 0 and at most 1.
    Share(Ratio),
}

impl Default for Budget {
    /// Three quarters of what there is.
    fn default() -> Self {
        Budget::Share(Ratio(0.75))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Size(size) => size.fmt(f),
            Budget::Share(share) => share.fmt(f),
        }
    }
}

impl Budget {
    /// The budget in bytes, where a share is one of `whole` bytes.
    pub fn of(&self, whole: u64) -> u64 {
        match self {
            Budget::Size(size) => size.0,
            Budget::Share(share) => (whole as f64 * share.0) as u64,
        }
    }

    /// Reads it as it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let budget = if text.trim_end().ends_with('%') {
            Budget::Share(parse_ratio(text)?)
        } else {
            let wrong = |_| format!("`{text}` is neither a size nor a share: write \"256MiB\" or \"75%\"");
            Budget::Size(parse_size(text).map_err(wrong)?)
        };
        match budget {
            Budget::Size(size) if size.0 == 0 => Err("a budget of 0 leaves room for nothing".to_owned()),
            Budget::Share(share) if share.0 == 0.0 => {
                Err("a budget of 0% leaves room for nothing".to_owned())
            }
            budget => Ok(budget),
        }
    }
}

struct BudgetVisitor;

impl Visitor<'_> for BudgetVisitor {
    type Value = Budget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size or a share, such as \"256MiB\" or \"75%\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Budget, E> {
        Budget::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Budget, E> {
        if value >= 0 {
            Budget::parse(&value.to_string()).map_err(E::custom)
        } else {
            Err(E::invalid_value(Unexpected::Signed(value), &self))
        }
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BudgetVisitor)
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> Cow<'static, str> {
        "Budget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 1,
            "pattern": "^[0-9.]+ ?([kKMGT]?B|[KMGT]iB|%)?$|\\$\\{",
        })
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
