//! Values that are too long, cut.
//!
//! Lengths are those of the OpenTelemetry specification ("Common", section "Attribute Limits"): of a string its characters, of an
//! array of bytes the bytes, of a list or map those of each value in it.

use super::value::put_message;
use crate::wire::Scalar;
use forebay_otlp::fields::{any_value, array_value, key_value, key_value_list};
use forebay_otlp::{Cursor, MAX_NESTING, Value, WireError};
use forebay_redaction::limits::{cut_bytes, cut_text};

/// Appends the body of an `AnyValue` in which no value is longer than `most`. Nothing, and nothing appended, if none was in the body
/// `value`, or if it cannot be read.
pub(super) fn truncate(value: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
    if let Scalar::Text(text) = Scalar::read(value) {
        return cut_text(text, most).map(|cut| put_message(out, any_value::STRING_VALUE, cut));
    }
    let start = out.len();
    let changed = fields(value, Kind::Value, &Limit { most, depth: 0 }, out).unwrap_or(false);
    if !changed {
        out.truncate(start);
    }
    changed.then_some(())
}

/// A message that values stand in.
#[derive(Clone, Copy)]
enum Kind {
    Value,
    List,
    Map,
    Entry,
}

/// What the value in a field is.
enum Part {
    Text,
    Bytes,
    Message(Kind),
}

impl Kind {
    fn part(self, number: u32) -> Option<Part> {
        Some(match (self, number) {
            (Kind::Value, any_value::STRING_VALUE) => Part::Text,
            (Kind::Value, any_value::BYTES_VALUE) => Part::Bytes,
            (Kind::Value, any_value::ARRAY_VALUE) => Part::Message(Kind::List),
            (Kind::Value, any_value::KVLIST_VALUE) => Part::Message(Kind::Map),
            (Kind::List, array_value::VALUES) | (Kind::Entry, key_value::VALUE) => Part::Message(Kind::Value),
            (Kind::Map, key_value_list::VALUES) => Part::Message(Kind::Entry),
            _ => return None,
        })
    }
}

/// How long values may be, and how deep in others they stand.
struct Limit {
    most: usize,
    depth: u32,
}

/// Appends the fields of a message, and says whether anything in them was cut. What stands deeper than requests may be nested stays.
fn fields(message: &[u8], kind: Kind, limit: &Limit, out: &mut Vec<u8>) -> Result<bool, WireError> {
    let mut cursor = Cursor::new(message);
    let (mut changed, mut start) = (false, 0);
    while let Some(field) = cursor.next_field()? {
        let whole = message.get(start..cursor.position()).unwrap_or_default();
        start = cursor.position();
        let (Some(part), Value::Len(bytes)) = (kind.part(field.number), field.value) else {
            out.extend_from_slice(whole);
            continue;
        };
        let mut made = Vec::new();
        let cut = match part {
            Part::Text => cut_text(bytes, limit.most),
            Part::Bytes => cut_bytes(bytes, limit.most),
            Part::Message(inner) => {
                let deeper = Limit {
                    most: limit.most,
                    depth: limit.depth + 1,
                };
                let cut = deeper.depth <= MAX_NESTING && fields(bytes, inner, &deeper, &mut made)?;
                cut.then_some(&made[..])
            }
        };
        match cut {
            Some(cut) => {
                put_message(out, field.number, cut);
                changed = true;
            }
            None => out.extend_from_slice(whole),
        }
    }
    Ok(changed)
}
