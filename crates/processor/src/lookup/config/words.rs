//! Single words of a config.

use forebay_lookup::{Kind, Match};
use forebay_otlp::edit::Level;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What attributes belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelWord {
    /// The resource. It costs the same for one item as for a million.
    #[default]
    Resource,
    /// The instrumentation scope.
    Scope,
    /// The span, the data point or the log record.
    Item,
}

impl From<LevelWord> for Level {
    fn from(word: LevelWord) -> Level {
        match word {
            LevelWord::Resource => Level::Resource,
            LevelWord::Scope => Level::Scope,
            LevelWord::Item => Level::Item,
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatWord {
    /// Values separated by commas (RFC 4180), the first line being the names of the columns. An empty field is no value.
    Csv,
    /// One JSON object in each line, whose members are the columns. `null` is no value.
    Jsonl,
    /// Tables `[[row]]`, one after the other, whose keys are the columns.
    Toml,
    /// A MaxMind database, looked up by address.
    Mmdb,
}

/// Which of several rows with the same key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowsOf {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchWord {
    /// They are the same.
    #[default]
    Exact,
    /// The value begins with what the column has. The longest match wins; an empty field matches everything.
    Prefix,
    /// The value ends with what the column has. The longest match wins; an empty field matches everything.
    Suffix,
    /// The column has networks such as `10.0.0.0/8` or `2001:db8::/32`, or single addresses, and the value is an address. The longest
    /// network wins. An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address.
    Cidr,
}

impl From<MatchWord> for Match {
    fn from(word: MatchWord) -> Match {
        match word {
            MatchWord::Exact => Match::Exact,
            MatchWord::Prefix => Match::Prefix,
            MatchWord::Suffix => Match::Suffix,
            MatchWord::Cidr => Match::Network,
        }
    }
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypeWord {
    /// Text.
    #[default]
    String,
    /// Whole numbers.
    Int,
    /// Numbers.
    Double,
    /// `true` and `false`.
    Bool,
}

impl From<TypeWord> for Kind {
    fn from(word: TypeWord) -> Kind {
        match word {
            TypeWord::String => Kind::String,
            TypeWord::Int => Kind::Int,
            TypeWord::Double => Kind::Double,
            TypeWord::Bool => Kind::Bool,
        }
    }
}

/// One ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separator(pub u8);

impl<'de> Deserialize<'de> for Separator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        match *text.as_bytes() {
            [byte] if byte.is_ascii() => Ok(Separator(byte)),
            _ => Err(D::Error::invalid_value(
                Unexpected::Str(&text),
                &"one ASCII character",
            )),
        }
    }
}

impl Serialize for Separator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(char::from(self.0))
    }
}

impl JsonSchema for Separator {
    fn schema_name() -> Cow<'static, str> {
        "Separator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 1 })
    }
}
