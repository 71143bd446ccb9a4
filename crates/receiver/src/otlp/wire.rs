//! The few messages that are written by hand.

/// The tag of a length-delimited field.
const DELIMITED: u32 = 2;

/// A number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field that is a number. Zero is written, too.
pub(super) fn put_number(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field << 3));
    put_varint(out, value);
}

/// A field that is text, bytes or a message.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(out, u64::from(field << 3 | DELIMITED));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
