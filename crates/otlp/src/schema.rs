//! The OTLP messages of the three signals as one static table: what the conversion to and from JSON and the readable
//! rendering walk over. The hot path does not use it: it names the few fields that it needs.
//!
//! Source: the `.proto` files of opentelemetry-proto 1.x (`common`, `resource`, `trace`, `metrics`, `logs` and the
//! `collector` services, all `v1`). A test compares every entry with the descriptors compiled from those files.

use crate::Signal;

pub(crate) mod common;
mod logs;
mod metrics;
#[cfg(test)]
mod tests;
mod trace;

/// A message type.
#[derive(Debug)]
pub struct Message {
    /// The name in the `.proto` files, without its package, nested types with their parent: `Span.Event`.
    pub name: &'static str,
    /// The fields in the order of their declaration. Fewer than 32.
    pub fields: &'static [FieldSpec],
}

impl Message {
    /// The field with a number, and its index in [`Message::fields`]. `hint` is the index to look at first: fields
    /// mostly come in the order of their declaration.
    #[inline]
    pub fn by_number(&self, number: u32, hint: usize) -> Option<(usize, &'static FieldSpec)> {
        self.find(hint, |field| field.number == number)
    }

    /// The field with a JSON key, and its index in [`Message::fields`]. `hint` as in [`Message::by_number`].
    #[inline]
    pub fn by_json(&self, key: &str, hint: usize) -> Option<(usize, &'static FieldSpec)> {
        self.find(hint, |field| field.json == key)
    }

    #[inline]
    fn find(&self, hint: usize, is_it: impl Fn(&FieldSpec) -> bool) -> Option<(usize, &'static FieldSpec)> {
        let fields: &'static [FieldSpec] = self.fields;
        let from_hint = fields.iter().enumerate().skip(hint);
        let before = fields.iter().enumerate().take(hint);
        from_hint.chain(before).find(|(_, field)| is_it(field))
    }
}

/// One field of a message.
#[derive(Debug)]
pub struct FieldSpec {
    /// The field number on the wire.
    pub number: u32,
    /// The JSON key: the declared name in lowerCamelCase.
    pub json: &'static str,
    /// The type of the value, or of each element.
    pub kind: Kind,
    /// How often the field occurs, and whether its absence differs from its default.
    pub label: Label,
}

/// How often a field occurs, and whether its absence differs from its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// At most once. A scalar is absent exactly when it has its default value (zero, empty).
    Single,
    /// At most once, with presence: declared `optional`, so a default value that is there must be kept.
    Optional,
    /// A member of the message's only `oneof`: the last one on the wire counts, and a default value must be kept.
    Oneof,
    /// Any number of times. Numbers are written packed and accepted in both forms.
    Repeated,
}

/// The type of a field's value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// UTF-8 text.
    String,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A trace id (16) or span id (8): bytes, hexadecimal in JSON. The number is the length if it is not empty.
    Id(usize),
    /// A varint 0 or 1.
    Bool,
    /// A varint, negative numbers in 10 bytes.
    Int32,
    /// A zigzag varint.
    Sint32,
    /// A varint.
    Uint32,
    /// 4 bytes.
    Fixed32,
    /// A varint, negative numbers in 10 bytes.
    Int64,
    /// A varint.
    Uint64,
    /// 8 bytes.
    Fixed64,
    /// 8 bytes, two's complement.
    Sfixed64,
    /// 8 bytes, IEEE 754.
    Double,
    /// A varint like [`Kind::Int32`]. Numbers without a name are allowed: proto3 enums are open.
    Enum(&'static Enum),
    /// A message, length-delimited.
    Message(&'static Message),
}

impl Kind {
    /// Whether the value is a number, an enum or a boolean: repeated, these may be packed.
    pub const fn is_number(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_))
    }
}

/// An enumeration.
#[derive(Debug)]
pub struct Enum {
    /// The part that the declared names of its values have in common, such as `SPAN_KIND_`.
    pub prefix: &'static str,
    /// The declared names without the prefix. The index is the number.
    pub values: &'static [&'static str],
}

/// The message that a client sends: `Export*ServiceRequest`.
pub const fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &trace::TRACE_REQUEST,
        Signal::Metrics => &metrics::METRICS_REQUEST,
        Signal::Logs => &logs::LOGS_REQUEST,
    }
}

/// The message that a server answers with: `Export*ServiceResponse`.
pub const fn response(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &trace::TRACE_RESPONSE,
        Signal::Metrics => &metrics::METRICS_RESPONSE,
        Signal::Logs => &logs::LOGS_RESPONSE,
    }
}

const fn single(number: u32, json: &'static str, kind: Kind) -> FieldSpec {
    FieldSpec {
        number,
        json,
        kind,
        label: Label::Single,
    }
}

const fn optional(number: u32, json: &'static str, kind: Kind) -> FieldSpec {
    FieldSpec {
        number,
        json,
        kind,
        label: Label::Optional,
    }
}

const fn oneof(number: u32, json: &'static str, kind: Kind) -> FieldSpec {
    FieldSpec {
        number,
        json,
        kind,
        label: Label::Oneof,
    }
}

const fn repeated(number: u32, json: &'static str, kind: Kind) -> FieldSpec {
    FieldSpec {
        number,
        json,
        kind,
        label: Label::Repeated,
    }
}
