//! Whole numbers within bounds.

use super::units::Count;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within<const LEAST: u64, const MOST: u64>(pub u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Count(number) = Count::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number) {
            Ok(Within(number))
        } else {
            Err(D::Error::custom(format!(
                "`{number}` cannot be given here: give {LEAST} to {MOST}"
            )))
        }
    }
}

impl<const LEAST: u64, const MOST: u64> Serialize for Within<LEAST, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Count(self.0).serialize(serializer)
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Within<LEAST, MOST> {
    fn schema_name() -> Cow<'static, str> {
        Count::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Count::json_schema(generator)
    }
}
