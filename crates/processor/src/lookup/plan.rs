//! What a config comes to: the shape of its table, and how one is filled.

use super::config::{FormatWord, LookupConfig, RowsOf};
use crate::attributes::ConfigValue;
use forebay_lookup::{Builder, Cell, Column, Duplicates, Flaw, KeyPart, Limits, Shape};
use std::path::PathBuf;

/// The most bytes that a table in a config may take.
pub(super) const INLINE_MAX: u64 = 1 << 20;

/// How a table is made. Two processors whose plans are the same can share one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) path: Option<PathBuf>,
    pub(super) format: Option<FormatWord>,
    pub(super) delimiter: u8,
    /// The columns of the key, in the order of the shape; empty in a MaxMind database.
    pub(super) key_columns: Vec<String>,
    pub(super) shape: Shape,
    duplicates: Duplicates,
    pub(super) limits: Limits,
}

/// A value of a config as a cell; nothing for a list.
pub(super) fn cell(value: &ConfigValue) -> Option<Cell<'_>> {
    Some(match value {
        ConfigValue::Text(text) => Cell::Text(text),
        ConfigValue::Int(value) => Cell::Int(*value),
        ConfigValue::Double(value) => Cell::Double(*value),
        ConfigValue::Bool(value) => Cell::Bool(*value),
        ConfigValue::List(_) => return None,
    })
}

impl Plan {
    /// The plan of a config that was checked.
    pub(super) fn new(config: &LookupConfig) -> Self {
        let parts = config.key.iter().map(|key| KeyPart {
            matching: key.matching.into(),
            ignore_case: key.ignore_case,
            separator: key.separator.map(|separator| separator.0),
        });
        let columns = config.attributes.iter().map(|attribute| Column {
            name: attribute.column.clone(),
            kind: attribute.kind.into(),
        });
        let path = config.table.path.clone();
        let is_tsv = path
            .as_ref()
            .is_some_and(|path| path.extension().is_some_and(|end| end == "tsv"));
        let usual = if is_tsv { b'\t' } else { b',' };
        let bytes = if path.is_some() {
            config.max_bytes.0
        } else {
            INLINE_MAX
        };
        Plan {
            format: config.format(),
            delimiter: config.table.delimiter.map_or(usual, |separator| separator.0),
            path,
            key_columns: config.key.iter().filter_map(|key| key.column.clone()).collect(),
            shape: Shape {
                keys: parts.collect(),
                columns: columns.collect(),
            },
            duplicates: match config.duplicates {
                None => Duplicates::Refuse,
                Some(RowsOf::First) => Duplicates::First,
                Some(RowsOf::Last) => Duplicates::Last,
            },
            limits: Limits {
                rows: config.max_rows.0,
                bytes,
            },
        }
    }

    /// An empty table.
    pub(super) fn builder(&self) -> Result<Builder, Flaw> {
        Builder::new(self.shape.clone(), self.duplicates, self.limits)
    }

    /// The names of the columns that are read, those of the key first.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let values = self.shape.columns.iter().map(|column| &*column.name);
        self.key_columns.iter().map(String::as_str).chain(values)
    }
}
