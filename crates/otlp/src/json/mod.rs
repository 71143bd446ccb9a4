//! OTLP/JSON to and from the wire, in one pass each and without a tree or a decoded message in between.
//!
//! The rules, each with its source. "OTLP" is the OTLP specification, section "JSON Protobuf Encoding"; "ProtoJSON" is
//! the protobuf documentation, "ProtoJSON format", which OTLP builds on.
//!
//! | what | in | out | source |
//! |---|---|---|---|
//! | keys | lowerCamelCase; any other key, `snake_case` included, is an unknown field | lowerCamelCase | OTLP |
//! | unknown fields | ignored, whatever their value, which must be JSON | left out | OTLP |
//! | trace and span ids | hexadecimal, either case; one of a wrong length is a flaw of its item, see [`crate::flaws`] | lower case | OTLP |
//! | other bytes | base64, standard or URL-safe alphabet, padding optional | standard, padded | ProtoJSON |
//! | enums | integers, also unknown ones; names are refused | integers | OTLP |
//! | 64-bit integers | number or string | string | OTLP, ProtoJSON |
//! | 32-bit integers | number or string | number | ProtoJSON |
//! | integers written with a fraction or an exponent | accepted if the value is integral: `1e3`, `2.0` | never | ProtoJSON |
//! | doubles | number or string; `"NaN"`, `"Infinity"`, `"-Infinity"`; beyond the finite range refused | the shortest that reads back the same | ProtoJSON |
//! | `null` | the field is absent; not allowed in a list | never | ProtoJSON |
//! | defaults (zero, empty) | equal to absence | left out, except in a oneof and in `optional` fields | ProtoJSON |
//! | a key twice in an object | as a field twice on the wire: last scalar or oneof member wins, messages merge, lists append | never | protobuf encoding, "Last One Wins" |
//!
//! Messages nest at most [`crate::MAX_NESTING`] deep, as on the wire, and the values of unknown fields at most 100. As few
//! messages may be empty as on the wire, for four times as many bytes.

mod binary;
mod error;
mod lexer;
mod number;
mod read;
#[cfg(test)]
mod tests;
mod wire;
mod write;

pub use error::{JsonError, JsonErrorKind};

pub(crate) use binary::{write_base64, write_hex};

use error::Failure;
use read::Reader;
use write::Writer;

use crate::schema::{self, Message};
use crate::{Signal, WireError};

/// Converts the JSON of an export request to its wire bytes.
///
/// `limit` is the most bytes that the message may have: JSON can be a quarter of it (`0` is a byte, the number 8), so
/// the size of the text does not bound it. Memory stays within the limit plus the largest value of the text, and twice that
/// while the vector grows; it starts with room for half the text.
///
/// # Errors
///
/// The first rule that the text breaks, see [`JsonErrorKind`]. What was converted until then is dropped.
pub fn to_protobuf(signal: Signal, text: &[u8], limit: usize) -> Result<Vec<u8>, JsonError> {
    read(schema::request(signal), text, limit)
}

/// Appends the compact JSON of an export request to `out`.
///
/// The JSON is in the order of the wire, except where a message has its fields out of order. It has at most about 20
/// bytes for each byte of the message, and typically twice as many bytes.
///
/// # Errors
///
/// The first rule of the wire format that the bytes break; `out` is then as it was. The lengths of ids are not checked.
pub fn from_protobuf(signal: Signal, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    write(schema::request(signal), bytes, out)
}

/// Converts the JSON of an export response (`{}` or a partial success) to its wire bytes. `limit` and errors as for
/// [`to_protobuf`].
///
/// # Errors
///
/// The first rule that the text breaks, see [`JsonErrorKind`].
pub fn response_from_json(signal: Signal, text: &[u8], limit: usize) -> Result<Vec<u8>, JsonError> {
    read(schema::response(signal), text, limit)
}

/// Appends the compact JSON of an export response to `out`: `{}` for full success,
/// `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"..."}}` otherwise, with `rejectedDataPoints` or
/// `rejectedLogRecords` for the other signals.
///
/// # Errors
///
/// The first rule of the wire format that the bytes break; `out` is then as it was.
pub fn response_to_json(signal: Signal, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    write(schema::response(signal), bytes, out)
}

fn read(message: &'static Message, text: &[u8], limit: usize) -> Result<Vec<u8>, JsonError> {
    let converted = match simdutf8::compat::from_utf8(text) {
        Ok(valid) => Reader::convert(valid, message, limit),
        Err(error) => Err(Failure::new(JsonErrorKind::Utf8, error.valid_up_to())),
    };
    converted.map_err(|failure| failure.locate(text))
}

fn write(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    let written = Writer::convert(message, bytes, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}
