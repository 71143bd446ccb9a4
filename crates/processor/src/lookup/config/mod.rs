//! What the user writes.

mod check;
mod words;

pub use words::{FormatWord, LevelWord, MatchWord, RowsOf, Separator, TypeWord};

use crate::attributes::{ConfigValue, Known};
use crate::matching::Selector;
use forebay_core::settings::{Count, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The config of a `lookup` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupConfig {
    /// What is looked up and gets the attributes: each resource, each scope, or each span, data point and log record.
    #[serde(default)]
    pub level: LevelWord,
    /// Which data is looked up; all other passes unchanged. Conditions on items (`names`, `kinds`, `status`, severities,
    /// `metric_types`, `attributes`) need the level `item`, conditions on scopes one below `resource`.
    #[serde(default)]
    pub when: Selector,
    /// The table.
    pub table: TableConfig,
    /// What a row is found by: 1 to 8 parts, all of which must match. Of at most one of them the longest match wins; the others are
    /// `exact`.
    pub key: Vec<KeyConfig>,
    /// What is put in where a row is found, and what where none is: 1 to 64 attributes.
    pub attributes: Vec<AttributeConfig>,
    /// Whether attributes that are there already get the table's value. Left alone: they stay as they are.
    #[serde(default, rename = "override")]
    pub replace: bool,
    /// Which of several rows with the same key counts: `first`, `last`, or, if left out, none, since it is a mistake.
    #[serde(default)]
    pub duplicates: Option<RowsOf>,
    /// How often the file is looked at for changes: at least `100ms`. A file that cannot be used changes nothing.
    #[serde(default = "default_reload_interval")]
    pub reload_interval: Period,
    /// The most rows that the table may have.
    #[serde(default = "default_max_rows")]
    pub max_rows: Count,
    /// The most memory that the table may take while it is made, in which a MaxMind database itself counts; it takes a little less when it is
    /// done. Twice as much is taken off the memory budget, since the old table is in use while a new one is made.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: Size,
}

/// A table: a file, or a few rows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// The file. It must be there at start. Replace it by renaming another one to it, so that it is never read half written.
    pub path: Option<PathBuf>,
    /// How the file is written. Left out: as its name ends, with `.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.toml` or `.mmdb`.
    pub format: Option<FormatWord>,
    /// What separates the fields of a CSV file: one ASCII character. Left out: a comma, or a tab where the name ends with `.tsv`.
    pub delimiter: Option<Separator>,
    /// In place of a file: the rows, each a table of columns and values. They may take 1 MiB.
    pub rows: Vec<BTreeMap<String, ConfigValue>>,
}

/// A part of the key: where its value is from, which column it is compared with, and how.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyConfig {
    /// The attribute whose value is looked up. Numbers and booleans are looked up as they are written.
    pub attribute: Option<String>,
    /// In place of an attribute: what is known of the sender.
    pub from_context: Option<Known>,
    /// Whose attribute it is: of the resource, the scope or the item. Left out: of what `level` says. It may not lie below that.
    pub level: Option<LevelWord>,
    /// The column that has the key. A MaxMind database has none.
    pub column: Option<String>,
    /// How the column is compared with the value.
    #[serde(rename = "match")]
    pub matching: MatchWord,
    /// With `prefix` and `suffix`: a key matches whole segments only, which this ASCII character separates. With `"."`, `shop` is the
    /// beginning of `shop.eu` and not of `shopping`.
    pub separator: Option<Separator>,
    /// Whether the letters A to Z are the same as a to z.
    pub ignore_case: bool,
}

/// An attribute that is put in.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// The column that has the value. In a MaxMind database: the path to it, such as `country.iso_code`, `city.names.en`,
    /// `location.latitude` or `subdivisions.0.iso_code`.
    pub column: String,
    /// The name of the attribute. Left out: that of the column.
    #[serde(default)]
    pub key: Option<String>,
    /// The type of the value. A value in the table that is not of it is a mistake.
    #[serde(default, rename = "type")]
    pub kind: TypeWord,
    /// The value where no row is found, or the row has none. Left out: no attribute is put in then. Where there is no value to look up,
    /// nothing is put in.
    #[serde(default)]
    pub default: Option<ConfigValue>,
}

impl AttributeConfig {
    /// The name of the attribute.
    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.column)
    }
}

fn default_reload_interval() -> Period {
    Period(Duration::from_secs(30))
}

fn default_max_rows() -> Count {
    Count(2_000_000)
}

fn default_max_bytes() -> Size {
    Size(16 << 20)
}

#[cfg(test)]
mod tests;
