//! One action: as the user writes it, checked while it is read, and what it means.

use super::context::Known;
use super::value::{Change, ConfigValue, ValueType};
use crate::matching::{RegexText, Selector};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// A change of attributes.
///
/// Actions apply in order, each to what the ones before it left. Where a key occurs several times in one list of
/// attributes (OpenTelemetry forbids it, the wire does not), every occurrence is changed, and the first is what is read.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionTable {
    /// What to do.
    pub action: ActionKind,
    /// The key of the attribute. For every action; `delete` may have `pattern` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `insert`, `update`, `upsert`: the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<ConfigValue>,
    /// `insert`, `update`, `upsert`, instead of `value`: the attribute to take the value from, in the same list of
    /// attributes. Nothing happens where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_attribute: Option<String>,
    /// `insert`, `update`, `upsert`, instead of `value`: what is known of the sender. Nothing happens where it is not known:
    /// delete the key first if senders must not be able to give it a value themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_context: Option<Known>,
    /// `rename`: the new key. An attribute that has it already is removed where there is one to rename.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_key: Option<String>,
    /// `delete`: a regular expression that is found in the keys to delete. `extract`: a regular expression with named groups,
    /// found in the value; each group becomes an attribute of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<RegexText>,
    /// `convert`: the type of the new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<ValueType>,
    /// When to do it: conditions on the data as it came into the processor, whatever earlier actions did. They hold in
    /// addition to those of the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Selector>,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Adds the attribute where the key is absent.
    Insert,
    /// Sets the value where the key is present.
    Update,
    /// Sets the value, and adds the attribute where the key is absent.
    Upsert,
    /// Removes the attribute.
    Delete,
    /// Gives the attribute another key.
    Rename,
    /// Replaces the value by its SHA-256, 64 hexadecimal digits, taken of the same bytes as by the Collector: of a
    /// string its bytes, of an integer or double 8 bytes little endian, of a boolean one byte 0 or 1. Values of other types
    /// become an empty string.
    Hash,
    /// Takes attributes out of a string value with the groups of a regular expression. Groups that take part in no match,
    /// and values that are not strings, change nothing.
    Extract,
    /// Changes the type of the value. A value that cannot be converted stays as it is.
    Convert,
}

impl ActionKind {
    const fn word(self) -> &'static str {
        match self {
            ActionKind::Insert => "insert",
            ActionKind::Update => "update",
            ActionKind::Upsert => "upsert",
            ActionKind::Delete => "delete",
            ActionKind::Rename => "rename",
            ActionKind::Hash => "hash",
            ActionKind::Extract => "extract",
            ActionKind::Convert => "convert",
        }
    }
}

/// An action that says all it must and nothing it must not.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "ActionTable")]
pub struct Action {
    table: ActionTable,
    pub(super) operation: Operation,
    pub(super) when: Option<Selector>,
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "AttributeAction".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        ActionTable::json_schema(generator)
    }
}

/// What an action does, with all that it needs.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Put {
        key: Box<str>,
        insert: bool,
        update: bool,
        source: Source,
    },
    Delete(Box<str>),
    DeleteMatching(RegexText),
    Rename {
        from: Box<str>,
        to: Box<str>,
    },
    Change {
        key: Box<str>,
        change: Change,
    },
    Extract {
        key: Box<str>,
        pattern: RegexText,
        groups: Vec<(usize, Box<str>)>,
    },
}

impl Operation {
    /// Whether it is the same for every message, and makes no more than one attribute.
    pub(super) fn is_fixed(&self) -> bool {
        let varies = matches!(
            self,
            Operation::Extract { .. }
                | Operation::Put {
                    source: Source::Context(_),
                    ..
                }
        );
        !varies
    }
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The body of an `AnyValue`.
    Constant(Box<[u8]>),
    /// The first attribute of this name.
    Attribute(Box<str>),
    /// What is known of the sender.
    Context(Known),
}

impl TryFrom<ActionTable> for Action {
    type Error = String;

    fn try_from(table: ActionTable) -> Result<Self, String> {
        reject_foreign_keys(&table)?;
        let operation = operation(&table)?;
        let when = table.when.clone().filter(|when| !when.is_unconditional());
        Ok(Action {
            table,
            operation,
            when,
        })
    }
}

/// Refuses keys that the action has no use for.
fn reject_foreign_keys(table: &ActionTable) -> Result<(), String> {
    use ActionKind::{Convert, Delete, Extract, Insert, Rename, Update, Upsert};
    let puts = matches!(table.action, Insert | Update | Upsert);
    let allowed = [
        ("value", table.value.is_some(), puts),
        ("from_attribute", table.from_attribute.is_some(), puts),
        ("from_context", table.from_context.is_some(), puts),
        ("new_key", table.new_key.is_some(), table.action == Rename),
        (
            "pattern",
            table.pattern.is_some(),
            matches!(table.action, Delete | Extract),
        ),
        ("to", table.to.is_some(), table.action == Convert),
    ];
    match allowed.iter().find(|(_, given, allowed)| *given && !allowed) {
        Some((key, ..)) => Err(format!(
            "`{key}` has no meaning for the action `{}`",
            table.action.word()
        )),
        None => Ok(()),
    }
}

fn operation(table: &ActionTable) -> Result<Operation, String> {
    let key = || named(table, "key", table.key.as_deref());
    match table.action {
        ActionKind::Insert => put(table, key()?, (true, false)),
        ActionKind::Update => put(table, key()?, (false, true)),
        ActionKind::Upsert => put(table, key()?, (true, true)),
        ActionKind::Delete => match (&table.pattern, &table.key) {
            (Some(pattern), None) => Ok(Operation::DeleteMatching(pattern.clone())),
            (None, _) => key().map(Operation::Delete),
            (Some(_), Some(_)) => Err("`delete` takes `key` or `pattern`, not both".to_owned()),
        },
        ActionKind::Rename => {
            let (from, to) = (key()?, named(table, "new_key", table.new_key.as_deref())?);
            if from == to {
                return Err(format!("`key` and `new_key` are both `{from}`"));
            }
            Ok(Operation::Rename { from, to })
        }
        ActionKind::Hash => Ok(Operation::Change {
            key: key()?,
            change: Change::Hash,
        }),
        ActionKind::Convert => match table.to {
            Some(to) => Ok(Operation::Change {
                key: key()?,
                change: Change::Convert(to),
            }),
            None => Err("the action `convert` needs `to`".to_owned()),
        },
        ActionKind::Extract => extract(table, key()?),
    }
}

fn named(table: &ActionTable, name: &str, value: Option<&str>) -> Result<Box<str>, String> {
    match value {
        Some("") => Err(format!("`{name}` is empty")),
        Some(value) => Ok(value.into()),
        None => Err(format!("the action `{}` needs `{name}`", table.action.word())),
    }
}

fn put(table: &ActionTable, key: Box<str>, (insert, update): (bool, bool)) -> Result<Operation, String> {
    let source = source(table)?;
    Ok(Operation::Put {
        key,
        insert,
        update,
        source,
    })
}

fn source(table: &ActionTable) -> Result<Source, String> {
    let word = table.action.word();
    match (&table.value, &table.from_attribute, table.from_context) {
        (Some(value), None, None) => {
            let mut body = Vec::new();
            value.encode(&mut body);
            Ok(Source::Constant(body.into()))
        }
        (None, Some(name), None) => named(table, "from_attribute", Some(name)).map(Source::Attribute),
        (None, None, Some(known)) => Ok(Source::Context(known)),
        (None, None, None) => Err(format!(
            "the action `{word}` needs `value`, `from_attribute` or `from_context`"
        )),
        _ => Err(format!(
            "the action `{word}` takes one of `value`, `from_attribute` and `from_context`"
        )),
    }
}

fn extract(table: &ActionTable, key: Box<str>) -> Result<Operation, String> {
    let pattern = table
        .pattern
        .clone()
        .ok_or("the action `extract` needs `pattern`")?;
    let groups: Vec<(usize, Box<str>)> = pattern
        .groups()
        .map(|(index, name)| (index, name.into()))
        .collect();
    if groups.is_empty() {
        return Err("`pattern` has no named group, `(?<name>...)`, and so extracts nothing".to_owned());
    }
    Ok(Operation::Extract { key, pattern, groups })
}
