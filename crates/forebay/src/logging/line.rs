//! One event as one line.

use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Fields that say which node an event is about.
const SUBJECTS: [&str; 4] = ["node", "receiver", "processor", "exporter"];

/// An event's message and fields, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Those of `event`.
    pub(crate) fn of(event: &Event<'_>) -> Fields {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields
    }

    /// A hash of the node that the event is about; 0 if it is about none.
    pub(crate) fn subject(&self) -> u64 {
        let mut about = self
            .fields
            .iter()
            .filter(|(name, _)| SUBJECTS.contains(name))
            .peekable();
        if about.peek().is_none() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        about.for_each(|(_, value)| value.hash(&mut hasher));
        hasher.finish()
    }

    /// The line for programs: time, level, target, message, then the event's own fields.
    pub(crate) fn to_json(&self, metadata: &Metadata<'_>, suppressed: u64) -> String {
        let mut object = Map::new();
        object.insert("timestamp".to_owned(), now().into());
        object.insert("level".to_owned(), metadata.level().as_str().into());
        object.insert("target".to_owned(), metadata.target().into());
        object.insert("message".to_owned(), self.message.clone().into());
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.clone());
        }
        if suppressed > 0 {
            object.insert("suppressed".to_owned(), suppressed.into());
        }
        format!("{}\n", Value::Object(object))
    }

    /// The line for people.
    pub(crate) fn to_text(&self, metadata: &Metadata<'_>, suppressed: u64, color: bool) -> String {
        let level = *metadata.level();
        let (on, off) = match (color, level) {
            (false, _) => ("", ""),
            (true, Level::ERROR) => ("\u{1b}[31m", "\u{1b}[0m"),
            (true, Level::WARN) => ("\u{1b}[33m", "\u{1b}[0m"),
            (true, Level::INFO) => ("\u{1b}[32m", "\u{1b}[0m"),
            (true, _) => ("\u{1b}[2m", "\u{1b}[0m"),
        };
        let mut line = format!("{} {on}{level:>5}{off} {}", now(), printable(&self.message));
        for (name, value) in &self.fields {
            // Writing to a string cannot fail, here and below.
            let _ = match value {
                Value::String(text) if is_word(text) => write!(line, " {name}={text}"),
                other => write!(line, " {name}={other}"),
            };
        }
        if suppressed > 0 {
            let _ = write!(line, " (after {suppressed} more like it)");
        }
        line.push('\n');
        line
    }

    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

/// Whether a text needs no quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.:/@+%,".contains(c))
}

/// A text without what would steer a terminal or begin a line of its own: messages may quote what others sent.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The time, as RFC 3339 writes it.
fn now() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}
