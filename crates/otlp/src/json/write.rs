//! Wire bytes to compact JSON.
//!
//! A message whose fields each stand in one run is written in one pass, in the order of the wire. Protobuf also allows
//! the elements of a list to be scattered and a singular field to be repeated (the last scalar wins, messages merge);
//! such a message is walked once for each of its fields. The cost stays linear in the size of the input either way.

use std::io::Write as _;

use smallvec::SmallVec;

use super::binary::{write_base64, write_hex};
use crate::scalar::{Scalar, next_packed};
use crate::schema::{FieldSpec, Kind, Label, Message};
use crate::{Cursor, Field, MAX_NESTING, Value, WireError, WireErrorKind};

/// Writes one message.
pub(super) struct Writer<'a, 'o> {
    /// The outermost message, where error offsets count from.
    root: &'a [u8],
    out: &'o mut Vec<u8>,
}

/// The state of an object that is being written.
#[derive(Default)]
struct Object {
    /// The number of the field whose array is open.
    list: Option<u32>,
    has_members: bool,
}

/// A field, and where it starts in the outermost message.
type At<'a> = (Field<'a>, usize);

/// The bytes of a message: more than one slice if it was a singular field that occurred more than once.
type Parts<'a> = SmallVec<[&'a [u8]; 2]>;

impl<'a, 'o> Writer<'a, 'o> {
    /// Appends the JSON of `bytes`, a message of type `message`.
    pub(super) fn convert(
        message: &'static Message,
        bytes: &'a [u8],
        out: &'o mut Vec<u8>,
    ) -> Result<(), WireError> {
        Writer { root: bytes, out }.message(message, &[bytes], 1)
    }

    fn message(
        &mut self,
        message: &'static Message,
        parts: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), WireError> {
        if depth > MAX_NESTING {
            let offset = parts.first().map_or(0, |part| offset_of(self.root, part));
            return Err(WireError {
                kind: WireErrorKind::Depth,
                offset,
            });
        }
        self.out.push(b'{');
        let mut object = Object::default();
        match parts {
            [bytes] if self.is_orderly(message, bytes)? => self.stream(message, bytes, &mut object, depth)?,
            _ => self.gather(message, parts, &mut object, depth)?,
        }
        object.end_list(self.out);
        self.out.push(b'}');
        Ok(())
    }

    /// Whether each field stands in one run, and singular ones and oneofs only once.
    fn is_orderly(&self, message: &'static Message, bytes: &'a [u8]) -> Result<bool, WireError> {
        let mut cursor = Cursor::new(bytes);
        let (mut seen, mut last, mut has_oneof) = (0_u32, None, false);
        while let Some((field, _)) = next(self.root, bytes, &mut cursor)? {
            let Some((index, spec)) = message.by_number(field.number, last.unwrap_or(0)) else {
                continue;
            };
            let is_continued = last == Some(index) && spec.label == Label::Repeated;
            let is_second = spec.label == Label::Oneof && std::mem::replace(&mut has_oneof, true);
            if (seen & 1 << index != 0 && !is_continued) || is_second {
                return Ok(false);
            }
            seen |= 1 << index;
            last = Some(index);
        }
        Ok(true)
    }

    /// Writes the fields in the order of the wire.
    fn stream(
        &mut self,
        message: &'static Message,
        bytes: &'a [u8],
        object: &mut Object,
        depth: u32,
    ) -> Result<(), WireError> {
        let mut cursor = Cursor::new(bytes);
        let mut hint = 0;
        while let Some(at) = next(self.root, bytes, &mut cursor)? {
            if let Some((index, spec)) = message.by_number(at.0.number, hint) {
                hint = index;
                self.occurrence(object, spec, at, depth)?;
            }
        }
        Ok(())
    }

    /// Writes the fields in the order of the table, each from all its occurrences in all parts.
    fn gather(
        &mut self,
        message: &'static Message,
        parts: &[&'a [u8]],
        object: &mut Object,
        depth: u32,
    ) -> Result<(), WireError> {
        let root = self.root;
        for spec in message.fields {
            match (spec.label, spec.kind) {
                (Label::Repeated, _) => each(root, parts, |at| match at.0.number == spec.number {
                    true => self.occurrence(object, spec, at, depth),
                    false => Ok(()),
                })?,
                (_, Kind::Message(inner)) => {
                    let merged = merged(root, message, spec, parts)?;
                    if !merged.is_empty() {
                        object.key(spec, self.out);
                        self.message(inner, &merged, depth + 1)?;
                    }
                }
                _ => {
                    if let Some(at) = last(root, message, spec, parts)? {
                        self.occurrence(object, spec, at, depth)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes one field of the wire: a member, or an element of a list that is a member.
    fn occurrence(
        &mut self,
        object: &mut Object,
        spec: &'static FieldSpec,
        (field, offset): At<'a>,
        depth: u32,
    ) -> Result<(), WireError> {
        let at = |kind| WireError { kind, offset };
        match (spec.label, spec.kind, field.value) {
            (Label::Repeated, Kind::Message(inner), Value::Len(part)) => {
                object.element(spec, self.out);
                self.message(inner, &[part], depth + 1)
            }
            (_, Kind::Message(inner), Value::Len(part)) => {
                object.key(spec, self.out);
                self.message(inner, &[part], depth + 1)
            }
            (Label::Repeated, kind, Value::Len(packed)) if kind.is_number() => {
                let mut rest = packed;
                while let Some(scalar) = next_packed(kind, &mut rest).map_err(at)? {
                    object.element(spec, self.out);
                    write_scalar(scalar, self.out);
                }
                Ok(())
            }
            (label, kind, value) => {
                let scalar = Scalar::decode(kind, value).map_err(at)?;
                if label == Label::Repeated {
                    object.element(spec, self.out);
                } else if label != Label::Single || !scalar.is_default() {
                    object.key(spec, self.out);
                } else {
                    return Ok(());
                }
                write_scalar(scalar, self.out);
                Ok(())
            }
        }
    }
}

impl Object {
    /// Writes the key of a member.
    fn key(&mut self, spec: &'static FieldSpec, out: &mut Vec<u8>) {
        self.end_list(out);
        out.extend_from_slice(if self.has_members { b",\"" } else { b"\"" });
        out.extend_from_slice(spec.json.as_bytes());
        out.extend_from_slice(b"\":");
        self.has_members = true;
    }

    /// Starts an element of a list: its key and bracket before the first one, a comma before the others.
    fn element(&mut self, spec: &'static FieldSpec, out: &mut Vec<u8>) {
        if self.list == Some(spec.number) {
            out.push(b',');
            return;
        }
        self.key(spec, out);
        out.push(b'[');
        self.list = Some(spec.number);
    }

    fn end_list(&mut self, out: &mut Vec<u8>) {
        if self.list.take().is_some() {
            out.push(b']');
        }
    }
}

/// The next field, and where it starts in the outermost message.
fn next<'a>(root: &[u8], bytes: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Option<At<'a>>, WireError> {
    let position = cursor.position();
    match cursor.next_field() {
        Ok(field) => Ok(field.map(|field| (field, offset_of(root, bytes) + position))),
        Err(error) => Err(WireError {
            offset: error.offset + offset_of(root, bytes),
            ..error
        }),
    }
}

/// Where `part`, a slice of `root`, starts in it.
fn offset_of(root: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(root.as_ptr() as usize)
}

fn each<'a>(
    root: &[u8],
    parts: &[&'a [u8]],
    mut visit: impl FnMut(At<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    for bytes in parts {
        let mut cursor = Cursor::new(bytes);
        while let Some(at) = next(root, bytes, &mut cursor)? {
            visit(at)?;
        }
    }
    Ok(())
}

/// Whether a field is another member of the oneof that `spec` belongs to: then it undoes what stood before it.
fn is_rival(message: &'static Message, spec: &FieldSpec, number: u32) -> bool {
    let is_oneof = |number| {
        message
            .by_number(number, 0)
            .is_some_and(|(_, other)| other.label == Label::Oneof)
    };
    spec.label == Label::Oneof && spec.number != number && is_oneof(number)
}

/// The last occurrence of a scalar.
fn last<'a>(
    root: &[u8],
    message: &'static Message,
    spec: &FieldSpec,
    parts: &[&'a [u8]],
) -> Result<Option<At<'a>>, WireError> {
    let mut last = None;
    each(root, parts, |at| {
        if at.0.number == spec.number {
            last = Some(at);
        } else if is_rival(message, spec, at.0.number) {
            last = None;
        }
        Ok(())
    })?;
    Ok(last)
}

/// All occurrences of a singular message.
fn merged<'a>(
    root: &[u8],
    message: &'static Message,
    spec: &FieldSpec,
    parts: &[&'a [u8]],
) -> Result<Parts<'a>, WireError> {
    let mut merged = Parts::new();
    each(root, parts, |(field, offset)| {
        if is_rival(message, spec, field.number) {
            merged.clear();
        } else if field.number == spec.number {
            merged.push(field.bytes().ok_or(WireError {
                kind: WireErrorKind::Mismatch,
                offset,
            })?);
        }
        Ok(())
    })?;
    Ok(merged)
}

fn write_scalar(scalar: Scalar<'_>, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail: its error type is that of every writer.
    let _ = match scalar {
        Scalar::Text(text) => return write_string(text, out),
        Scalar::Bytes(bytes) => return quoted(out, |out| write_base64(bytes, out)),
        Scalar::Id(bytes) => return quoted(out, |out| write_hex(bytes, out)),
        Scalar::Bool(value) => write!(out, "{value}"),
        Scalar::Small(value) => write!(out, "{value}"),
        Scalar::Enum(value, _) => write!(out, "{value}"),
        Scalar::Int(value) => write!(out, "\"{value}\""),
        Scalar::Uint(value) => write!(out, "\"{value}\""),
        Scalar::Double(value) if value.is_finite() => write!(out, "{value:?}"),
        Scalar::Double(value) if value.is_nan() => write!(out, "\"NaN\""),
        Scalar::Double(value) => write!(out, "\"{}Infinity\"", if value < 0.0 { "-" } else { "" }),
    };
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A string with the escapes that JSON requires and no others (RFC 8259, section 7).
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest
        .iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        if let Some((&special, tail)) = after.split_first() {
            escape(special, out);
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            return write_hex(&[byte], out);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
