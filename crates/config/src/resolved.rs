//! A config as it is in the end: every default filled in, each value with where it came from, secrets as `***`.

use crate::reference::path_key;
use crate::spec::{GraphSpec, Reference};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write;

/// A configured node, as the engine knows it.
#[derive(Clone, Copy, Debug)]
pub struct ResolvedNode<'a> {
    /// The table that it stands in: `receivers`, `processors` or `exporters`.
    pub group: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its component's type.
    pub kind: &'a str,
    /// Its config with all defaults, secrets redacted.
    pub config: &'a Value,
}

/// Prints the config as TOML, each value with its origin behind it: a file and a line, a variable, or `default`. What is
/// printed can be read as a config again, but for secrets.
pub fn resolved(spec: &GraphSpec, nodes: &[ResolvedNode<'_>]) -> String {
    let origins = spec
        .origins
        .iter()
        .map(|(path, from)| (path.as_str(), from.as_str()));
    let mut printer = Printer {
        origins: origins.collect(),
        out: String::new(),
    };
    for (table, settings) in spec.service.resolved.as_object().into_iter().flatten() {
        printer.header(table);
        printer.object(table, "", settings);
    }
    for node in nodes {
        let path = format!("{}.{}", node.group, path_key(node.name));
        printer.header(&path);
        let origin = printer.origin(&format!("{path}.type")).unwrap_or("the name");
        let kind = inline(&Value::from(node.kind));
        let _ = writeln!(printer.out, "type = {kind}  # {origin}");
        printer.object(&path, "", node.config);
    }
    printer.wiring(spec);
    printer.out
}

struct Printer<'a> {
    origins: HashMap<&'a str, &'a str>,
    out: String,
}

impl<'a> Printer<'a> {
    fn header(&mut self, path: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.out, "{gap}[{path}]");
    }

    /// Prints the keys of an object below `path`, those of inner objects as dotted keys.
    fn object(&mut self, path: &str, prefix: &str, value: &Value) {
        for (key, value) in value.as_object().into_iter().flatten() {
            let key = path_key(key);
            let below = format!("{path}.{key}");
            let dotted = format!("{prefix}{key}");
            match value {
                Value::Null => {}
                Value::Object(inner) if !inner.is_empty() => {
                    self.object(&below, &format!("{dotted}."), value)
                }
                value => {
                    let origin = self.origin_of_all(&below);
                    let _ = writeln!(self.out, "{dotted} = {}  # {origin}", inline(value));
                }
            }
        }
    }

    /// Where the value at exactly `path` came from.
    fn origin(&self, path: &str) -> Option<&'a str> {
        self.origins.get(path).copied()
    }

    /// Where the value at `path` came from: its own place, and those of references in its elements; or that of a value
    /// above it, if a short form was written; or the defaults.
    fn origin_of_all(&self, path: &str) -> String {
        let mut elements: Vec<(&str, &str)> = self
            .origins
            .iter()
            .filter(|(key, origin)| {
                key.strip_prefix(path).is_some_and(|rest| rest.starts_with('['))
                    && (origin.starts_with("env:") || origin.starts_with("file:"))
            })
            .map(|(key, origin)| (*key, *origin))
            .collect();
        elements.sort_unstable();
        let mut above = Some(path);
        let mut own = None;
        while let (None, Some(path)) = (own, above) {
            own = self.origin(path);
            above = path.rsplit_once('.').map(|(parent, _)| parent);
        }
        let mut all: Vec<&str> = vec![own.unwrap_or("default")];
        for (_, origin) in elements {
            if !all.contains(&origin) {
                all.push(origin);
            }
        }
        all.join(", ")
    }

    /// Prints one key of `path`.
    fn line(&mut self, path: &str, key: &str, value: &Value) {
        let origin = self.origin_of_all(&format!("{path}.{key}"));
        let _ = writeln!(self.out, "{key} = {}  # {origin}", inline(value));
    }

    fn wiring(&mut self, spec: &GraphSpec) {
        for pipeline in &spec.pipelines {
            let path = format!("pipelines.{}", pipeline.name);
            self.header(&path);
            let names = |references: &[Reference]| references.iter().map(written).collect::<Value>();
            self.line(&path, "from", &names(&pipeline.from));
            self.line(&path, "via", &names(&pipeline.via));
            self.line(&path, "to", &names(&pipeline.to));
            if let Some(signals) = &pipeline.signals {
                let words = signals.iter().map(|signal| signal.as_str()).collect();
                self.line(&path, "signals", &words);
            }
        }
        for edge in &spec.edges {
            let key = format!("{} -> {}", written(&edge.from), written(&edge.to));
            self.header(&format!("edges.{}", path_key(&key)));
            // The key may have been written with other spaces.
            let place = &edge.place;
            let path = format!(
                "edges.{}",
                place.source.text.get(place.span.clone()).unwrap_or_default()
            );
            let on_full = edge.on_full.and_then(|word| serde_json::to_value(word).ok());
            let settings = [
                ("max_items", edge.max_items.map(Value::from)),
                ("max_bytes", edge.max_bytes.map(Value::from)),
                ("on_full", on_full),
            ];
            for (key, value) in settings {
                if let Some(value) = value {
                    self.line(&path, key, &value);
                }
            }
        }
    }
}

fn written(reference: &Reference) -> String {
    match &reference.port {
        Some(port) => format!("{}.{port}", reference.name),
        None => reference.name.clone(),
    }
}

/// A value as TOML on one line, as a config has it. A dollar sign is doubled, so that it stays one when it is read.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => basic_string(&text.replace('$', "$$")),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(inline).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(fields) => inline_table(fields),
        other => other.to_string(),
    }
}

fn inline_table(fields: &Map<String, Value>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| format!("{} = {}", path_key(key), inline(value)))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

/// A string in double quotes on one line, whatever is in it.
fn basic_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
