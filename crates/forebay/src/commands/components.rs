//! `forebay components`: what this binary can be made of, from the same structs that read the config.

use crate::cli::{ComponentsArgs, Exit, Format};
use crate::keys::{Key, keys, to_markdown, to_text, wrapped};
use crate::out::{Out, complain};
use crate::registry::registry;
use forebay_config::json_schema;
use forebay_core::diagnostic::closest;
use forebay_core::registry::{About, Registered, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One component type.
struct Component {
    /// `receivers`, `processors` or `exporters`.
    group: &'static str,
    about: About,
    keys: Vec<Key>,
}

pub(crate) fn components(args: &ComponentsArgs, out: Out) -> Exit {
    let all = every_component(&registry());
    let wanted: Vec<&Component> = match args.kind.as_deref() {
        None => all.iter().collect(),
        Some(word) => all
            .iter()
            .filter(|component| component.group == word || component.about.kind == word)
            .collect(),
    };
    if wanted.is_empty() {
        complain(&unknown(args.kind.as_deref().unwrap_or_default(), &all));
        return Exit::Config;
    }
    let text = match args.format {
        Format::Text if args.kind.is_none() => list(&wanted),
        Format::Text => wanted.iter().map(|component| component.to_text()).collect(),
        Format::Json => {
            let objects: Vec<Value> = wanted.iter().map(|component| component.to_json()).collect();
            format!("{:#}\n", json!(objects))
        }
        Format::Markdown => page(&wanted),
    };
    out.print(&text, Exit::Done)
}

fn every_component(registry: &Registry) -> Vec<Component> {
    let schema = json_schema(registry);
    let mut all = of_role("receivers", &registry.receivers, &schema);
    all.extend(of_role("processors", &registry.processors, &schema));
    all.extend(of_role("exporters", &registry.exporters, &schema));
    all
}

fn of_role<P>(
    group: &'static str,
    types: &BTreeMap<&'static str, Registered<P>>,
    schema: &Value,
) -> Vec<Component> {
    let component = |registered: &Registered<P>| {
        let definition = format!("{group}.{}", registered.about.kind);
        let table = schema
            .pointer("/definitions")
            .and_then(|all| all.get(&definition));
        Component {
            group,
            about: registered.about,
            keys: table.map(|table| keys(schema, table)).unwrap_or_default(),
        }
    };
    types.values().map(component).collect()
}

fn unknown(word: &str, all: &[Component]) -> String {
    let known: Vec<&str> = all.iter().map(|component| component.about.kind).collect();
    let help = match closest(word, &known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("known: {}", known.join(", ")),
    };
    format!("error: there is no component type `{word}`\n  = help: {help}\n")
}

/// One line for each type.
fn list(components: &[&Component]) -> String {
    let width = components
        .iter()
        .map(|component| component.about.kind.len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    let mut group = "";
    for component in components {
        if component.group != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}{}\n", component.group));
            group = component.group;
        }
        let (kind, summary) = (component.about.kind, component.about.summary);
        out.push_str(&format!("  {kind:width$}  {summary}\n"));
    }
    out
}

/// A page of the reference. The headings of each component's own words go one level down, below its name.
fn page(components: &[&Component]) -> String {
    let mut out = String::new();
    let mut group = "";
    for component in components {
        if component.group != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            let mut letters = component.group.chars();
            let title: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            out.push_str(&format!(
                "{gap}# {title}{}\n\nPrinted by `forebay components {} --format markdown`. How values are written: \
                 [config](config.md).\n",
                letters.as_str(),
                component.group
            ));
            group = component.group;
        }
        out.push_str(&component.to_markdown());
    }
    out
}

impl Component {
    /// The example below the header that it stands under in a config.
    fn example(&self) -> String {
        format!(
            "[{}.{}]\n{}\n",
            self.group,
            self.about.kind,
            self.about.example.trim_end()
        )
    }

    fn to_text(&self) -> String {
        let About {
            kind,
            summary,
            details,
            ..
        } = self.about;
        let paragraphs: String = details
            .split("\n\n")
            .map(|paragraph| format!("\n{}", plain(paragraph)))
            .collect();
        let example: String = self.example().lines().map(|line| format!("  {line}\n")).collect();
        format!(
            "{kind} ({})\n  {summary}\n{paragraphs}\nExample:\n{example}\nKeys:\n{}\n",
            self.group,
            to_text(&self.keys)
        )
    }

    fn to_markdown(&self) -> String {
        let About {
            kind,
            summary,
            details,
            ..
        } = self.about;
        let details = details.trim();
        let gap = if details.is_empty() { "" } else { "\n\n" };
        format!(
            "\n## `{kind}`\n\n{summary}{gap}{details}\n\n```toml\n{}```\n\n{}",
            self.example(),
            to_markdown(&self.keys)
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "role": self.group,
            "type": self.about.kind,
            "summary": self.about.summary,
            "details": self.about.details,
            "example": self.example(),
            "keys": self.keys,
        })
    }
}

/// A paragraph of Markdown for a terminal: lists and code as they are, prose in lines.
fn plain(paragraph: &str) -> String {
    let first = paragraph.trim_start().chars().next();
    if matches!(first, Some('-' | '*' | '|' | '`')) || paragraph.starts_with("    ") {
        paragraph.lines().map(|line| format!("  {line}\n")).collect()
    } else {
        wrapped(paragraph, 96, "  ")
    }
}
