//! A request for human eyes: what the `debug` exporter prints in its detailed mode.
//!
//! One line for each scalar and attribute, two spaces of indentation for each message:
//!
//! ```text
//! resourceSpans[0]
//!   resource
//!     attributes
//!       service.name: "checkout"
//!   scopeSpans[0]
//!     spans[0]
//!       traceId: 5b8efff798038103d269b633813fc60c
//!       kind: SERVER (2)
//!       startTimeUnixNano: 2018-12-13T14:51:00.300000000Z
//! ```
//!
//! Fields stand in the order of the wire, under their JSON names, so that what is printed can be searched for in the
//! OTLP documentation. Defaults that the wire leaves out are left out here. Control characters are escaped: telemetry
//! cannot move the cursor of a terminal.

mod page;
#[cfg(test)]
mod tests;

use page::{Page, Stop};

use crate::scalar::{Scalar, next_packed};
use crate::schema::{self, FieldSpec, Kind, Label, Message};
use crate::{Cursor, MAX_NESTING, Signal, Value, WireError, WireErrorKind};

/// How much of a request was rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What fitted. The text ends with [`TRUNCATED`] if there is room for that.
    Truncated,
}

/// The last line of a rendering that did not fit.
pub const TRUNCATED: &str = "\n... (truncated)\n";

/// Appends a readable rendering of an export request to `out`, at most `max_bytes` bytes of it.
///
/// The work is bounded by `max_bytes` too: what does not fit is not looked at.
///
/// # Errors
///
/// The first rule of the wire format that the bytes break before the text is full, with its offset in the innermost
/// message; `out` is then as it was.
pub fn render(
    signal: Signal,
    request: &[u8],
    max_bytes: usize,
    out: &mut String,
) -> Result<Extent, WireError> {
    let start = out.len();
    let mut page = Page::new(out, max_bytes);
    match message(&mut page, schema::request(signal), request, 0) {
        Ok(()) => Ok(Extent::Whole),
        Err(Stop::Full) => {
            page.mark(TRUNCATED);
            Ok(Extent::Truncated)
        }
        Err(Stop::Wire(error)) => {
            out.truncate(start);
            Err(error)
        }
    }
}

fn message(page: &mut Page<'_>, message: &'static Message, bytes: &[u8], level: u32) -> Result<(), Stop> {
    check_depth(level)?;
    let mut cursor = Cursor::new(bytes);
    let (mut list, mut hint) = (None, 0);
    while let Some(field) = cursor.next_field()? {
        let Some((index, spec)) = message.by_number(field.number, hint) else {
            continue;
        };
        hint = index;
        let position = match list {
            Some((number, position)) if number == field.number => position + 1,
            _ => 0,
        };
        list = Some((field.number, position));
        member(page, spec, field.value, (level, position)).map_err(|stop| stop.at(cursor.position()))?;
    }
    Ok(())
}

/// One field. `place` is its level and, in a list, its position in the run of elements that it belongs to.
fn member(
    page: &mut Page<'_>,
    spec: &'static FieldSpec,
    value: Value<'_>,
    place: (u32, usize),
) -> Result<(), Stop> {
    let (level, position) = place;
    match (spec.kind, value) {
        (Kind::Message(inner), Value::Len(bytes)) if std::ptr::eq(inner, &schema::common::KEY_VALUE) => {
            if position == 0 {
                page.line(level, format_args!("{}", spec.json))?;
            }
            page.indent(level + 1)?;
            key_value(page, bytes, level + 1)?;
            page.push("\n")
        }
        (Kind::Message(inner), Value::Len(bytes)) if std::ptr::eq(inner, &schema::common::ANY_VALUE) => {
            page.start(level, spec.json)?;
            any_value(page, bytes, level + 1)?;
            page.push("\n")
        }
        (Kind::Message(inner), Value::Len(bytes)) => {
            match spec.label {
                Label::Repeated => page.line(level, format_args!("{}[{position}]", spec.json))?,
                _ => page.line(level, format_args!("{}", spec.json))?,
            }
            message(page, inner, bytes, level + 1)
        }
        (kind, Value::Len(packed)) if kind.is_number() && spec.label == Label::Repeated => {
            page.start(level, spec.json)?;
            numbers(page, kind, packed)?;
            page.push("\n")
        }
        (kind, value) => {
            let scalar = Scalar::decode(kind, value)?;
            page.start(level, spec.json)?;
            match scalar {
                Scalar::Uint(nanos) if spec.json.ends_with("UnixNano") => page.time(nanos)?,
                scalar => page.scalar(scalar)?,
            }
            page.push("\n")
        }
    }
}

fn numbers(page: &mut Page<'_>, kind: Kind, mut packed: &[u8]) -> Result<(), Stop> {
    page.push("[")?;
    let mut separator = "";
    while let Some(scalar) = next_packed(kind, &mut packed)? {
        page.push(separator)?;
        page.scalar(scalar)?;
        separator = ", ";
    }
    page.push("]")
}

/// `key: value` of a `KeyValue`, on one line.
fn key_value(page: &mut Page<'_>, bytes: &[u8], level: u32) -> Result<(), Stop> {
    check_depth(level)?;
    let (mut key, mut value) = ("", None);
    let mut cursor = Cursor::new(bytes);
    while let Some(field) = cursor.next_field()? {
        match (field.number, field.value) {
            (1, Value::Len(bytes)) => key = text(bytes)?,
            (2, Value::Len(bytes)) => value = Some(bytes),
            _ => {}
        }
    }
    page.escaped(key)?;
    page.push(": ")?;
    any_value(page, value.unwrap_or_default(), level + 1)
}

/// An `AnyValue` on one line: JSON-like, bytes as base64 after `b64:`, nothing as `empty`.
fn any_value(page: &mut Page<'_>, bytes: &[u8], level: u32) -> Result<(), Stop> {
    check_depth(level)?;
    let mut last = None;
    let mut cursor = Cursor::new(bytes);
    while let Some(field) = cursor.next_field()? {
        if let Some((_, spec)) = schema::common::ANY_VALUE.by_number(field.number, 0) {
            last = Some((spec, field.value));
        }
    }
    match last {
        None => page.push("empty"),
        Some((
            FieldSpec {
                kind: Kind::Message(_),
                number,
                ..
            },
            Value::Len(list),
        )) => {
            let (open, close, each): (_, _, fn(&mut Page<'_>, &[u8], u32) -> _) = match number {
                5 => ("[", "]", any_value),
                _ => ("{", "}", key_value),
            };
            page.push(open)?;
            values(page, list, level + 1, each)?;
            page.push(close)
        }
        Some((spec, value)) => page.scalar(Scalar::decode(spec.kind, value)?),
    }
}

/// The elements of an `ArrayValue` or a `KeyValueList`: both have them in field 1.
fn values(
    page: &mut Page<'_>,
    list: &[u8],
    level: u32,
    each: fn(&mut Page<'_>, &[u8], u32) -> Result<(), Stop>,
) -> Result<(), Stop> {
    check_depth(level)?;
    let mut cursor = Cursor::new(list);
    let mut separator = "";
    while let Some(field) = cursor.next_field()? {
        if let (1, Value::Len(element)) = (field.number, field.value) {
            page.push(separator)?;
            each(page, element, level + 1)?;
            separator = ", ";
        }
    }
    Ok(())
}

fn check_depth(level: u32) -> Result<(), Stop> {
    if level < MAX_NESTING {
        Ok(())
    } else {
        Err(WireErrorKind::Depth.into())
    }
}

fn text(bytes: &[u8]) -> Result<&str, Stop> {
    Ok(simdutf8::basic::from_utf8(bytes).map_err(|_| WireErrorKind::Utf8)?)
}
