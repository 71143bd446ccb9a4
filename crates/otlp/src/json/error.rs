//! What can be wrong with OTLP/JSON text, and where.

use std::fmt;

use thiserror::Error;

/// Why a JSON text was refused, with the field and the position in the text.
///
/// Its text never quotes a value: telemetry does not leak into logs through it. Names of unknown fields do not appear
/// either.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct JsonError {
    /// The rule that is broken.
    pub kind: JsonErrorKind,
    /// The innermost known field, such as `resourceSpans[0].scopeSpans[0].spans[3].traceId`. Empty for the whole text.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} at line {}, column {}", self.kind, self.line, self.column)
    }
}

/// The rules that a text can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JsonErrorKind {
    /// The text is not UTF-8 (RFC 8259, section 8.1).
    #[error("text is not valid UTF-8")]
    Utf8,
    /// The text ends inside a value.
    #[error("unexpected end of text")]
    End,
    /// Something else was required here: a syntax error or a value of the wrong JSON type.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Text other than white space follows the request.
    #[error("text after the end of the message")]
    Trailing,
    /// A backslash sequence that JSON does not know, or half of a surrogate pair (RFC 8259, section 7).
    #[error("invalid escape sequence in string")]
    Escape,
    /// A character below U+0020 that is not escaped (RFC 8259, section 7).
    #[error("control character in string")]
    Control,
    /// A number that is not written as RFC 8259, section 6, has it.
    #[error("malformed number")]
    Number,
    /// A fraction where the field takes integers.
    #[error("number is not an integer")]
    NotInteger,
    /// A number outside the range of the field's type.
    #[error("number out of range")]
    Range,
    /// An enum value as a string: OTLP allows integers only (OTLP specification, "JSON Protobuf Encoding").
    #[error("enum values are integers in OTLP/JSON, names are not allowed")]
    EnumName,
    /// An id with another character than 0-9, a-f and A-F, or with half a byte.
    #[error("id is not hexadecimal")]
    Hex,
    /// Bytes that are not base64 (RFC 4648, sections 4 and 5; padding may be left out).
    #[error("bytes are not base64")]
    Base64,
    /// Messages nested deeper than [`crate::MAX_NESTING`], or the value of an unknown field deeper than 100.
    #[error("nested too deeply")]
    Depth,
    /// More empty messages than any sender needs: see [`crate::MAX_HOLLOW`].
    #[error("too many messages that say nothing")]
    Hollow,
    /// The message would be larger than the caller's limit, in bytes.
    #[error("message larger than {0} bytes")]
    TooLarge(usize),
}

/// A step on the way to a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Segment {
    Key(&'static str),
    Index(usize),
}

/// An error on its way out: the path grows from its end, and nothing is paid for it where all is well.
#[derive(Debug)]
pub(super) struct Failure(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: JsonErrorKind,
    offset: usize,
    path: Vec<Segment>,
}

impl Failure {
    #[cold]
    pub(super) fn new(kind: JsonErrorKind, offset: usize) -> Self {
        Failure(Box::new(Details {
            kind,
            offset,
            path: Vec::new(),
        }))
    }

    /// The same error, seen from the message or list around it.
    #[cold]
    pub(super) fn inside(mut self, segment: Segment) -> Self {
        self.0.path.push(segment);
        self
    }

    /// The error as the caller sees it.
    pub(super) fn locate(self, text: &[u8]) -> JsonError {
        let before = text.get(..self.0.offset).unwrap_or(text);
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        JsonError {
            kind: self.0.kind,
            path: render(&self.0.path),
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column: in_line.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1,
        }
    }
}

fn render(innermost_first: &[Segment]) -> String {
    let mut path = String::new();
    for segment in innermost_first.iter().rev() {
        match segment {
            Segment::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Segment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}
