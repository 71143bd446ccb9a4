//! One action: as the user writes it, checked while it is read, and what it means.

use super::context::Known;
use super::value::{Change, ConfigValue, ValueType};
use crate::matching::{RegexText, Selector};
use crate::secret::HashSecret;
use forebay_core::settings::Count;
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
    /// The key of the attribute. For every action but `keep`; `delete`, `hash` and `truncate` may have `pattern` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `keep`: the keys of the attributes that stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
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
    /// `insert`, `update`, `upsert` with `from_attribute` or `from_context`: the value where there is no such attribute, or where it is not
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<ConfigValue>,
    /// `rename`: the new key. An attribute that has it already is removed where there is one to rename.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_key: Option<String>,
    /// `delete`, `hash`, `truncate`: a regular expression that is found in the keys meant. `keep`: one that is found in keys of attributes that
    /// stay, too. `extract`: a regular expression with named groups, found in the value; each group becomes an attribute of
    /// its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<RegexText>,
    /// `convert`: the type of the new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<ValueType>,
    /// `truncate`: the most characters of a value, 1 and more. Of a list or map each value in it is cut, of bytes the bytes count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Count>,
    /// `hash`: a key of 16 bytes or more, made at random, and best kept in a file: `"${file:/path}"`. With it the hash is HMAC-SHA-256: what was
    /// equal stays equal, and nobody without the key can find a value by trying out what it may have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<HashSecret>,
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
    /// Removes all attributes but these: those of `keys`, and those in whose keys `pattern` is found.
    Keep,
    /// Gives the attribute another key.
    Rename,
    /// Replaces the value by its SHA-256, 64 hexadecimal digits, taken of the same bytes as by the Collector: of a
    /// string its bytes, of an integer or double 8 bytes little endian, of a boolean one byte 0 or 1. Values of other types
    /// become an empty string. With `hash_key` it is HMAC-SHA-256 of these bytes: take that where there are few
    /// values that could be tried out, such as addresses and numbers of customers.
    Hash,
    /// Cuts a value that is too long. What is short enough stays.
    Truncate,
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
            ActionKind::Keep => "keep",
            ActionKind::Rename => "rename",
            ActionKind::Hash => "hash",
            ActionKind::Truncate => "truncate",
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
        /// What is put where the source has nothing.
        default: Option<Box<[u8]>>,
    },
    Delete(Box<str>),
    DeleteMatching(RegexText),
    /// Deletes all others.
    Keep(Keys),
    Rename {
        from: Box<str>,
        to: Box<str>,
    },
    Change {
        keys: Keys,
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
                | Operation::Put { default: Some(_), .. }
        );
        !varies
    }
}

/// Keys of attributes: those named, and those in which the pattern is found.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    names: Box<[Box<str>]>,
    pattern: Option<RegexText>,
}

impl Keys {
    #[inline]
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.names.iter().any(|name| name.as_bytes() == key)
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.regex().is_match(key))
    }

    fn one(key: Box<str>) -> Self {
        Keys {
            names: Box::new([key]),
            pattern: None,
        }
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
    use ActionKind::{Convert, Delete, Extract, Hash, Insert, Keep, Rename, Truncate, Update, Upsert};
    let action = table.action;
    let puts = matches!(action, Insert | Update | Upsert);
    let finds = matches!(action, Delete | Extract | Hash | Keep | Truncate);
    let allowed = [
        ("key", table.key.is_some(), action != Keep),
        ("keys", !table.keys.is_empty(), action == Keep),
        ("value", table.value.is_some(), puts),
        ("from_attribute", table.from_attribute.is_some(), puts),
        ("from_context", table.from_context.is_some(), puts),
        ("default_value", table.default_value.is_some(), puts),
        ("new_key", table.new_key.is_some(), action == Rename),
        ("pattern", table.pattern.is_some(), finds),
        ("to", table.to.is_some(), action == Convert),
        ("length", table.length.is_some(), action == Truncate),
        ("hash_key", table.hash_key.is_some(), action == Hash),
    ];
    match allowed.iter().find(|(_, given, allowed)| *given && !allowed) {
        Some((key, ..)) => Err(format!(
            "`{key}` has no meaning for the action `{}`",
            action.word()
        )),
        None => Ok(()),
    }
}

fn operation(table: &ActionTable) -> Result<Operation, String> {
    let key = || named(table, "key", table.key.as_deref());
    let change = |keys, change| Ok(Operation::Change { keys, change });
    match table.action {
        ActionKind::Insert => put(table, key()?, (true, false)),
        ActionKind::Update => put(table, key()?, (false, true)),
        ActionKind::Upsert => put(table, key()?, (true, true)),
        ActionKind::Delete => match &table.pattern {
            Some(pattern) if table.key.is_none() => Ok(Operation::DeleteMatching(pattern.clone())),
            Some(_) => Err(not_both(table)),
            None => key().map(Operation::Delete),
        },
        ActionKind::Keep => keep(table).map(Operation::Keep),
        ActionKind::Rename => {
            let (from, to) = (key()?, named(table, "new_key", table.new_key.as_deref())?);
            if from == to {
                return Err(format!("`key` and `new_key` are both `{from}`"));
            }
            Ok(Operation::Rename { from, to })
        }
        ActionKind::Hash => {
            let key = table.hash_key.as_ref().map(HashSecret::started).transpose()?;
            change(key_or_pattern(table)?, Change::Hash(key.map(Box::new)))
        }
        ActionKind::Truncate => change(key_or_pattern(table)?, Change::Truncate(length(table)?)),
        ActionKind::Convert => {
            let to = table.to.ok_or("the action `convert` needs `to`")?;
            change(Keys::one(key()?), Change::Convert(to))
        }
        ActionKind::Extract => extract(table, key()?),
    }
}

fn not_both(table: &ActionTable) -> String {
    format!("`{}` takes `key` or `pattern`, not both", table.action.word())
}

/// The one key, or those in which the pattern is found.
fn key_or_pattern(table: &ActionTable) -> Result<Keys, String> {
    match (&table.key, &table.pattern) {
        (None, Some(pattern)) => Ok(Keys {
            names: Box::default(),
            pattern: Some(pattern.clone()),
        }),
        (Some(_), Some(_)) => Err(not_both(table)),
        (None, None) => Err(format!(
            "the action `{}` needs `key` or `pattern`",
            table.action.word()
        )),
        (Some(key), None) => named(table, "key", Some(key)).map(Keys::one),
    }
}

fn keep(table: &ActionTable) -> Result<Keys, String> {
    if table.keys.is_empty() && table.pattern.is_none() {
        return Err(
            "the action `keep` needs `keys` or `pattern`: without any, no attribute would be left".to_owned(),
        );
    }
    if table.keys.iter().any(String::is_empty) {
        return Err("one of `keys` is empty".to_owned());
    }
    Ok(Keys {
        names: table.keys.iter().map(|key| key.as_str().into()).collect(),
        pattern: table.pattern.clone(),
    })
}

fn length(table: &ActionTable) -> Result<usize, String> {
    match table.length {
        Some(Count(0)) => Err("`length` is 0: to take all of a value away, use `delete`".to_owned()),
        Some(Count(length)) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
        None => Err("the action `truncate` needs `length`".to_owned()),
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
    if table.default_value.is_some() && matches!(source, Source::Constant(_)) {
        return Err(
            "`default_value` is for `from_attribute` and `from_context`: `value` is always there".to_owned(),
        );
    }
    Ok(Operation::Put {
        key,
        insert,
        update,
        source,
        default: table.default_value.as_ref().map(encoded),
    })
}

fn encoded(value: &ConfigValue) -> Box<[u8]> {
    let mut body = Vec::new();
    value.encode(&mut body);
    body.into()
}

fn source(table: &ActionTable) -> Result<Source, String> {
    let word = table.action.word();
    match (&table.value, &table.from_attribute, table.from_context) {
        (Some(value), None, None) => Ok(Source::Constant(encoded(value))),
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
