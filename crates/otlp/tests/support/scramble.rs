//! The same request in other bytes: protobuf allows fields in any order, scattered lists, singular messages in pieces, packed
//! numbers unpacked, overlong varints and unknown fields. Few senders do these things, so tests have to.

use fastrand::Rng;
use forebay_otlp::schema::{Kind, Label, Message};
use forebay_otlp::{Cursor, Field, Value};

/// Rearranges a valid message. Decoded, it need not be equal to the original (the order of lists changes, and of two
/// occurrences of a scalar the last one counts), but every reader has to read the result alike.
pub fn scramble(message: &'static Message, bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut cursor = Cursor::new(bytes);
    while let Some(field) = cursor.next_field().expect("a valid message") {
        pieces(message, field, rng, &mut fields);
    }
    if rng.u8(0..3) == 0 {
        let mut unknown = Vec::new();
        put_tag(&mut unknown, 1000, 2, rng);
        put_delimited(&mut unknown, b"\xff unknown", rng);
        fields.push(unknown);
    }
    if rng.bool() {
        rng.shuffle(&mut fields);
    }
    if !fields.is_empty() && rng.u8(0..4) == 0 {
        let again = rng.choice(&fields).expect("not empty").clone();
        fields.push(again);
    }
    fields.concat()
}

/// A message without the singular messages in it that are empty: to most readers they are the same as absent ones.
pub fn without_empty(message: &'static Message, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut cursor = Cursor::new(bytes);
    let mut start = 0;
    while let Some(field) = cursor.next_field().expect("a valid message") {
        let spec = message
            .by_number(field.number, 0)
            .map(|(_, spec)| (spec.kind, spec.label));
        match (spec, field.value) {
            (Some((Kind::Message(inner), label)), Value::Len(body)) => {
                let body = without_empty(inner, body);
                if label != Label::Single || !body.is_empty() {
                    put_plain_varint(&mut out, u64::from(field.number) << 3 | 2);
                    put_plain_varint(&mut out, body.len() as u64);
                    out.extend_from_slice(&body);
                }
            }
            _ => out.extend_from_slice(&bytes[start..cursor.position()]),
        }
        start = cursor.position();
    }
    out
}

/// One field of the original as one or more fields.
fn pieces(message: &'static Message, field: Field<'_>, rng: &mut Rng, out: &mut Vec<Vec<u8>>) {
    let Some((_, spec)) = message.by_number(field.number, 0) else {
        return;
    };
    match (spec.kind, spec.label, field.value) {
        (Kind::Message(inner), label, Value::Len(body)) => {
            let body = scramble(inner, body, rng);
            let parts = if label != Label::Repeated && rng.u8(0..4) == 0 {
                split(&body)
            } else {
                vec![body]
            };
            for part in parts {
                let mut piece = Vec::new();
                put_tag(&mut piece, field.number, 2, rng);
                put_delimited(&mut piece, &part, rng);
                out.push(piece);
            }
        }
        (Kind::Double | Kind::Fixed64, Label::Repeated, Value::Len(packed)) if rng.bool() => {
            for element in packed.chunks(8) {
                let mut piece = Vec::new();
                put_tag(&mut piece, field.number, 1, rng);
                piece.extend_from_slice(element);
                out.push(piece);
            }
        }
        (_, _, value) => {
            let mut piece = Vec::new();
            put_field(&mut piece, field.number, value, rng);
            out.push(piece);
        }
    }
}

/// A message in two: what merging them gives is the message.
fn split(body: &[u8]) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(body);
    let first = cursor.next_field().map(|_| cursor.position()).unwrap_or(0);
    vec![body[..first].to_vec(), body[first..].to_vec()]
}

fn put_field(out: &mut Vec<u8>, number: u32, value: Value<'_>, rng: &mut Rng) {
    match value {
        Value::Varint(value) => {
            put_tag(out, number, 0, rng);
            put_varint(out, value, rng);
        }
        Value::Fixed64(value) => {
            put_tag(out, number, 1, rng);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Len(bytes) => {
            put_tag(out, number, 2, rng);
            put_delimited(out, bytes, rng);
        }
        Value::Fixed32(value) => {
            put_tag(out, number, 5, rng);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8, rng: &mut Rng) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type), rng);
}

fn put_delimited(out: &mut Vec<u8>, bytes: &[u8], rng: &mut Rng) {
    put_varint(out, bytes.len() as u64, rng);
    out.extend_from_slice(bytes);
}

/// A varint, now and then padded: `0x81 0x00` is 1 as well.
fn put_varint(out: &mut Vec<u8>, value: u64, rng: &mut Rng) {
    let start = out.len();
    put_plain_varint(out, value);
    if rng.u8(0..16) == 0 && out.len() - start < 9 {
        *out.last_mut().expect("just pushed") |= 0x80;
        out.push(0);
    }
}

fn put_plain_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
