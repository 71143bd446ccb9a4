//! JSON text to wire bytes: one pass, no tree in between.

use std::borrow::Cow;

use super::binary::{read_base64, read_hex};
use super::error::{Failure, JsonErrorKind, Segment};
use super::lexer::{Lexer, number_length};
use super::number;
use super::wire::Wire;
use crate::schema::{FieldSpec, Kind, Label, Message};
use crate::{HOLLOW_SHARE, MAX_HOLLOW, MAX_NESTING};

/// How many bytes of text an empty message of JSON takes for each one of the wire, its place in the text included.
const JSON_RATIO: usize = 4;

/// Reads one message and writes its fields.
pub(super) struct Reader<'a> {
    lexer: Lexer<'a>,
    wire: Wire,
    /// Holds decoded base64 between the text and the wire.
    scratch: Vec<u8>,
    /// How many more messages may be empty.
    hollow: usize,
}

/// A scalar ready for the wire. Bytes and text are written where they are read.
#[derive(Clone, Copy)]
enum Number {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}

impl<'a> Reader<'a> {
    /// Converts `text`, which must be one message of type `message`, to at most `limit` bytes.
    pub(super) fn convert(
        text: &'a str,
        message: &'static Message,
        limit: usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut reader = Reader {
            lexer: Lexer::new(text),
            wire: Wire::new(text.len() / 2, limit),
            scratch: Vec::new(),
            hollow: MAX_HOLLOW + text.len() / (JSON_RATIO * HOLLOW_SHARE),
        };
        reader.message(message, 1)?;
        reader.lexer.end()?;
        Ok(reader.wire.finish())
    }

    fn message(&mut self, message: &'static Message, depth: u32) -> Result<(), Failure> {
        if depth > MAX_NESTING {
            return Err(self.lexer.fail(JsonErrorKind::Depth));
        }
        self.lexer.expect(b'{', "an object")?;
        let (mut first, mut hint, mut seen) = (true, 0, 0_u32);
        while let Some(key) = self.lexer.next_key(&mut first)? {
            let Some((index, field)) = message.by_json(&key, hint) else {
                self.lexer.skip(1)?;
                continue;
            };
            let again = seen & 1 << index != 0;
            seen |= 1 << index;
            hint = index + 1;
            self.field(field, again, depth)
                .map_err(|failure| failure.inside(Segment::Key(field.json)))?;
        }
        Ok(())
    }

    /// The value of a known field. `again` if its key stood in this object before: its default must then be written,
    /// or the earlier value would win.
    fn field(&mut self, field: &'static FieldSpec, again: bool, depth: u32) -> Result<(), Failure> {
        if self.lexer.null()? {
            return Ok(());
        }
        match (field.label, field.kind) {
            (Label::Repeated, _) => self.list(field, depth)?,
            (_, Kind::Message(message)) => self.nested(field.number, message, depth)?,
            _ => self.scalar(field, again || field.label != Label::Single)?,
        }
        self.within_limit()
    }

    fn within_limit(&self) -> Result<(), Failure> {
        match self.wire.excess() {
            Some(limit) => Err(self.lexer.fail(JsonErrorKind::TooLarge(limit))),
            None => Ok(()),
        }
    }

    fn nested(&mut self, number: u32, message: &'static Message, depth: u32) -> Result<(), Failure> {
        let open = self.wire.open(number);
        self.message(message, depth + 1)?;
        if self.wire.close(open) == 0 {
            match self.hollow.checked_sub(1) {
                Some(left) => self.hollow = left,
                None => return Err(self.lexer.fail(JsonErrorKind::Hollow)),
            }
        }
        Ok(())
    }

    fn list(&mut self, field: &'static FieldSpec, depth: u32) -> Result<(), Failure> {
        self.lexer.expect(b'[', "an array")?;
        if self.lexer.peek()? == b']' {
            return self.lexer.expect(b']', "a closing bracket");
        }
        let is_packed = field.kind.is_number();
        let packed = is_packed.then(|| self.wire.open(field.number));
        let (mut first, mut index) = (true, 0);
        while self.lexer.next_element(&mut first)? {
            let element = match field.kind {
                Kind::Message(message) => self.nested(field.number, message, depth),
                _ if is_packed => self.number(field.kind).map(|number| self.put(number)),
                _ => self.scalar(field, true),
            };
            let element = element.and_then(|()| self.within_limit());
            element.map_err(|failure| failure.inside(Segment::Index(index)))?;
            index += 1;
        }
        if let Some(open) = packed {
            self.wire.close(open);
        }
        Ok(())
    }

    /// A scalar with its tag. One that equals its default is written only if `keep_default`.
    fn scalar(&mut self, field: &FieldSpec, keep_default: bool) -> Result<(), Failure> {
        match field.kind {
            Kind::String => {
                let text = self.lexer.string("a string")?;
                self.delimited(field.number, text.as_bytes(), keep_default);
                Ok(())
            }
            Kind::Bytes => self.bytes(field.number, keep_default),
            Kind::Id(_) => self.id(field.number, keep_default),
            kind => {
                let number = self.number(kind)?;
                let (is_default, wire_type) = match number {
                    Number::Varint(value) => (value == 0, 0),
                    Number::Fixed64(value) => (value == 0, 1),
                    Number::Fixed32(value) => (value == 0, 5),
                };
                if keep_default || !is_default {
                    self.wire.tag(field.number, wire_type);
                    self.put(number);
                }
                Ok(())
            }
        }
    }

    fn delimited(&mut self, number: u32, bytes: &[u8], keep_default: bool) {
        if keep_default || !bytes.is_empty() {
            self.wire.length_delimited(number, bytes);
        }
    }

    fn bytes(&mut self, number: u32, keep_default: bool) -> Result<(), Failure> {
        let offset = self.lexer.here();
        let text = self.lexer.string("a base64 string")?;
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        read_base64(&text, &mut bytes).ok_or_else(|| Failure::new(JsonErrorKind::Base64, offset))?;
        self.delimited(number, &bytes, keep_default);
        self.scratch = bytes;
        Ok(())
    }

    /// An id: hexadecimal. One of a wrong length goes on as it is: it makes its item flawed, as on the wire, and nothing else.
    fn id(&mut self, number: u32, keep_default: bool) -> Result<(), Failure> {
        let offset = self.lexer.here();
        let text = self.lexer.string("a string of hexadecimal digits")?;
        let length = text.len() / 2;
        let (mut usual, mut long) = ([0_u8; 16], Vec::new());
        let id = match usual.get_mut(..length) {
            Some(id) => id,
            None => {
                long.resize(length, 0);
                long.as_mut_slice()
            }
        };
        if !read_hex(&text, id) {
            return Err(Failure::new(JsonErrorKind::Hex, offset));
        }
        self.delimited(number, id, keep_default);
        Ok(())
    }

    fn put(&mut self, number: Number) {
        match number {
            Number::Varint(value) => self.wire.varint(value),
            Number::Fixed32(value) => self.wire.raw(&value.to_le_bytes()),
            Number::Fixed64(value) => self.wire.raw(&value.to_le_bytes()),
        }
    }

    fn number(&mut self, kind: Kind) -> Result<Number, Failure> {
        let offset = self.lexer.here();
        self.number_of(kind, offset)
    }

    fn number_of(&mut self, kind: Kind, offset: usize) -> Result<Number, Failure> {
        let fail = |kind| Failure::new(kind, offset);
        if let Kind::Bool = kind {
            return Ok(Number::Varint(u64::from(self.lexer.boolean()?)));
        }
        if let Kind::Enum(_) = kind
            && self.lexer.peek()? == b'"'
        {
            return Err(fail(JsonErrorKind::EnumName));
        }
        let text = self.number_text(offset)?;
        if let Kind::Double = kind {
            return double(&text)
                .map(|value| Number::Fixed64(value.to_bits()))
                .map_err(fail);
        }
        plain_number(&text).map_err(fail)?;
        let value = number::integer(&text).map_err(fail)?;
        ranged(kind, value).ok_or_else(|| fail(JsonErrorKind::Range))
    }

    /// A number as it is written, with or without quotes.
    fn number_text(&mut self, offset: usize) -> Result<Cow<'a, str>, Failure> {
        match self.lexer.peek()? {
            b'"' => self.lexer.string("a number"),
            b'-' | b'0'..=b'9' => self.lexer.number().map(Cow::Borrowed),
            _ => Err(Failure::new(JsonErrorKind::Expected("a number"), offset)),
        }
    }
}

fn double(text: &str) -> Result<f64, JsonErrorKind> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => plain_number(text).and_then(|()| number::double(text)),
    }
}

/// What stands in quotes must be a number by the same rules as one without.
fn plain_number(text: &str) -> Result<(), JsonErrorKind> {
    if number_length(text.as_bytes()) == Some(text.len()) {
        Ok(())
    } else {
        Err(JsonErrorKind::Number)
    }
}

/// The number on the wire, if the type can hold the value.
fn ranged(kind: Kind, value: i128) -> Option<Number> {
    let number = match kind {
        Kind::Int32 | Kind::Enum(_) => Number::Varint(i64::from(i32::try_from(value).ok()?) as u64),
        Kind::Sint32 => {
            let value = i32::try_from(value).ok()?;
            Number::Varint(u64::from((value << 1 ^ value >> 31) as u32))
        }
        Kind::Uint32 => Number::Varint(u64::from(u32::try_from(value).ok()?)),
        Kind::Fixed32 => Number::Fixed32(u32::try_from(value).ok()?),
        Kind::Int64 => Number::Varint(i64::try_from(value).ok()? as u64),
        Kind::Uint64 => Number::Varint(u64::try_from(value).ok()?),
        Kind::Fixed64 => Number::Fixed64(u64::try_from(value).ok()?),
        Kind::Sfixed64 => Number::Fixed64(i64::try_from(value).ok()? as u64),
        _ => return None,
    };
    Some(number)
}
