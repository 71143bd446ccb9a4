//! From the JSON Schema of config files to a table of keys, as people read it: dotted path, type, default, meaning.

use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One key of a config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Key {
    /// The dotted path below the table that is described: `queue.max_bytes`, `rules[].names`, `headers.NAME`.
    pub(crate) path: String,
    /// What kind of value it takes, in words.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its value where it is left out, as TOML. Nothing if it must be given, or if leaving it out means something that no
    /// value says.
    pub(crate) default: Option<String>,
    /// Whether it must be given.
    pub(crate) required: bool,
    /// Its meaning.
    pub(crate) meaning: String,
}

/// The keys that the `table` schema describes; references lead into `root`.
pub(crate) fn keys(root: &Value, table: &Value) -> Vec<Key> {
    let mut walk = Walk {
        root,
        keys: Vec::new(),
        described: BTreeMap::new(),
    };
    walk.table(&walk.shape(table), "", None);
    walk.keys
}

struct Walk<'a> {
    root: &'a Value,
    keys: Vec<Key>,
    /// Where the keys of each named type stand. It also ends a type that contains itself.
    described: BTreeMap<&'a str, String>,
}

/// What the table that a key stands in says of it.
#[derive(Clone, Copy, Default)]
struct Given<'a> {
    required: bool,
    default: Option<&'a Value>,
}

/// A schema with its references followed and its wrappings taken off.
#[derive(Clone, Default)]
struct Shape<'a> {
    /// The schema that says what the value is.
    schema: Option<&'a Map<String, Value>>,
    /// Where it was referred to: the name of the type.
    name: Option<&'a str>,
    description: Option<&'a str>,
    default: Option<&'a Value>,
    /// More than one form is possible: these.
    forms: Vec<Shape<'a>>,
}

impl<'a> Walk<'a> {
    /// Looks through `$ref`, `allOf` of one, and `anyOf` with null or with a reference to a variable.
    fn shape(&self, schema: &'a Value) -> Shape<'a> {
        let Some(object) = schema.as_object() else {
            return Shape::default();
        };
        let mut inner = if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let target = reference
                .strip_prefix('#')
                .and_then(|path| self.root.pointer(path));
            let mut shape = target.map(|target| self.shape(target)).unwrap_or_default();
            shape.name = shape.name.or(reference.rsplit('/').next());
            shape
        } else if let Some(choices) = several(object, "allOf").or_else(|| several(object, "anyOf")) {
            let mut forms: Vec<Shape<'a>> = choices
                .iter()
                .filter(|choice| !is_null(choice) && !is_variable(choice))
                .map(|choice| self.shape(choice))
                .collect();
            if forms.len() == 1 {
                forms.pop().unwrap_or_default()
            } else {
                Shape {
                    schema: Some(object),
                    forms,
                    ..Shape::default()
                }
            }
        } else {
            Shape {
                schema: Some(object),
                ..Shape::default()
            }
        };
        let description = object.get("description").and_then(Value::as_str);
        inner.description = description.or(inner.description);
        inner.default = object.get("default").or(inner.default);
        inner
    }

    /// The keys of a table below `path`, with the values that a default of the whole table gives them.
    fn table(&mut self, shape: &Shape<'a>, path: &str, default: Option<&'a Value>) {
        let properties = shape.schema.and_then(|schema| schema.get("properties"));
        for (name, property) in properties.and_then(Value::as_object).into_iter().flatten() {
            if path.is_empty() && name == "type" && property.get("const").is_some() {
                continue;
            }
            let inner = self.shape(property);
            let given = Given {
                required: requires(shape, name),
                default: default.and_then(|default| default.get(name)).or(inner.default),
            };
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            self.key(&inner, path, given);
        }
    }

    fn key(&mut self, shape: &Shape<'a>, path: String, given: Given<'a>) {
        if is_table(shape) {
            let meaning = self.meaning(shape);
            let row = self.row(&path, "table".to_owned(), Given::default(), meaning);
            return self.inside(row, shape, &path, given.default);
        }
        if let Some(values) = self.values_of_map(shape) {
            let path = format!("{path}.NAME");
            let own = one_line(values.description.unwrap_or_default());
            let meaning = format!("{} {own}", self.meaning(shape));
            let row = self.row(
                &path,
                self.words(&values),
                Given::default(),
                meaning.trim().to_owned(),
            );
            return self.inside(row, &values, &path, None);
        }
        let row = self.row(&path, self.words(shape), given, self.meaning(shape));
        let elements = self.elements(shape).unwrap_or_default();
        let table = elements.forms.iter().find(|form| is_table(form));
        self.inside(row, table.unwrap_or(&elements), &format!("{path}[]"), None);
    }

    fn row(&self, path: &str, kind: String, given: Given<'a>, meaning: String) -> Key {
        let default = given.default.filter(|value| !value.is_null() && !given.required);
        Key {
            path: path.to_owned(),
            kind,
            default: default.map(toml),
            required: given.required,
            meaning,
        }
    }

    /// Adds a row, and the keys of the tables that its values are. A table that has been described is referred to.
    fn inside(&mut self, mut row: Key, shape: &Shape<'a>, path: &str, default: Option<&'a Value>) {
        if !is_table(shape) {
            return self.keys.push(row);
        }
        let described = shape.name.and_then(|name| self.described.get(name));
        if let Some(first) = described {
            row.meaning = format!("{} Its keys are those of `{first}`.", row.meaning);
            return self.keys.push(row);
        }
        if let Some(name) = shape.name {
            self.described.insert(name, path.to_owned());
        }
        self.keys.push(row);
        self.table(shape, path, default);
    }

    fn elements(&self, shape: &Shape<'a>) -> Option<Shape<'a>> {
        Some(self.shape(shape.schema?.get("items")?))
    }

    fn values_of_map(&self, shape: &Shape<'a>) -> Option<Shape<'a>> {
        let values = shape.schema?.get("additionalProperties")?;
        values.is_object().then(|| self.shape(values))
    }

    fn meaning(&self, shape: &Shape<'a>) -> String {
        let mut out = one_line(shape.description.unwrap_or_default());
        for choice in choices(shape) {
            let (Some(word), Some(meaning)) =
                (choice.get("const").and_then(Value::as_str), described(choice))
            else {
                continue;
            };
            out.push_str(&format!(" `{word}`: {}", one_line(meaning)));
        }
        out.trim().to_owned()
    }

    /// What kind of value it is.
    fn words(&self, shape: &Shape<'a>) -> String {
        let known = match shape.name {
            Some("Size") => Some("size"),
            Some("Duration") => Some("duration"),
            Some("Ratio") => Some("ratio"),
            Some("Count") => Some("integer"),
            Some("Secret") => Some("secret"),
            Some("Budget") => Some("size or share"),
            _ => None,
        };
        if let Some(known) = known {
            return known.to_owned();
        }
        let words = allowed_words(shape);
        if !words.is_empty() {
            return words.join(" or ");
        }
        if !shape.forms.is_empty() {
            let mut forms: Vec<String> = shape.forms.iter().map(|form| self.words(form)).collect();
            forms.dedup();
            return forms.join(" or ");
        }
        let kinds: Vec<&str> = match shape.schema.and_then(|schema| schema.get("type")) {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => vec!["value"],
        };
        let words: Vec<String> = kinds
            .into_iter()
            .filter(|kind| *kind != "null")
            .map(|kind| self.word(shape, kind))
            .collect();
        words.join(" or ")
    }

    fn word(&self, shape: &Shape<'a>, kind: &str) -> String {
        match kind {
            "object" => "table".to_owned(),
            "array" => match self.elements(shape) {
                Some(elements) => format!("list of {}", plural(&self.words(&elements))),
                None => "list".to_owned(),
            },
            kind => kind.to_owned(),
        }
    }
}

fn several<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Vec<Value>> {
    object.get(key).and_then(Value::as_array)
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

/// Whether it stands for a reference such as `${env:NAME}`, which any string may be.
fn is_variable(schema: &Value) -> bool {
    schema.get("pattern").is_some_and(|pattern| pattern == "\\$\\{")
}

fn requires(shape: &Shape<'_>, name: &str) -> bool {
    shape
        .schema
        .and_then(|schema| several(schema, "required"))
        .is_some_and(|names| names.iter().any(|required| required == name))
}

/// Whether the value is a table with keys of its own, and nothing else.
fn is_table(shape: &Shape<'_>) -> bool {
    let only_object = |schema: &Map<String, Value>| schema.get("type").is_none_or(|kind| kind == "object");
    shape
        .schema
        .is_some_and(|schema| schema.contains_key("properties") && only_object(schema))
}

fn choices<'a>(shape: &Shape<'a>) -> impl Iterator<Item = &'a Value> {
    let of = shape.schema.and_then(|schema| several(schema, "oneOf"));
    of.into_iter().flatten()
}

fn described(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

/// The words that a value must be one of, quoted; none if it is not such a value.
fn allowed_words(shape: &Shape<'_>) -> Vec<String> {
    let listed = shape.schema.and_then(|schema| several(schema, "enum"));
    let in_choices = choices(shape).flat_map(|choice| {
        let one = choice.get("const").into_iter();
        one.chain(choice.get("enum").and_then(Value::as_array).into_iter().flatten())
    });
    let all = listed.into_iter().flatten().chain(in_choices);
    all.filter(|word| !word.is_null()).map(toml).collect()
}

fn plural(word: &str) -> String {
    let simple = !word.contains(' ') && !word.contains('"');
    if simple {
        format!("{word}s")
    } else {
        word.to_owned()
    }
}

/// A value as TOML on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields: Vec<String> = fields
                .map(|(key, value)| format!("{key} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(toml).collect();
            format!("[{}]", elements.join(", "))
        }
        other => other.to_string(),
    }
}

/// The words of a doc comment on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keys as a Markdown table.
pub(crate) fn to_markdown(keys: &[Key]) -> String {
    let mut out = String::from("| key | type | default | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let default = match (&key.default, key.required) {
            (Some(default), _) => format!("`{}`", cell(default)),
            (None, true) => "required".to_owned(),
            (None, false) => String::new(),
        };
        out.push_str(&format!(
            "| `{}` | {} | {default} | {} |\n",
            cell(&key.path),
            cell(&key.kind),
            cell(&key.meaning)
        ));
    }
    out
}

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Keys for a terminal.
pub(crate) fn to_text(keys: &[Key]) -> String {
    let mut out = String::new();
    for key in keys {
        let default = match (&key.default, key.required) {
            (Some(default), _) => format!(", default {default}"),
            (None, true) => ", required".to_owned(),
            (None, false) => String::new(),
        };
        out.push_str(&format!("  {}  ({}{default})\n", key.path, key.kind));
        if !key.meaning.is_empty() {
            out.push_str(&wrapped(&key.meaning, 94, "      "));
        }
    }
    out
}

/// Words in lines of at most `width` characters, each behind `indent`.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{out}{indent}{line}\n")
}
