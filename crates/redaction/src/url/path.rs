//! Ids in paths.

use super::REDACTED;

/// Hexadecimal digits from which on a part of a path is an id.
const FEWEST_HEX: usize = 16;

/// Writes a path with its ids hidden.
pub(super) fn write(path: &[u8], out: &mut Vec<u8>) {
    for (index, part) in path.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(if is_id(part) { REDACTED } else { part });
    }
}

fn is_id(part: &[u8]) -> bool {
    let has_digit = part.iter().any(u8::is_ascii_digit);
    let is_number = has_digit && part.iter().all(u8::is_ascii_digit);
    let is_hex = has_digit && part.len() >= FEWEST_HEX && part.iter().all(u8::is_ascii_hexdigit);
    is_number || is_hex || is_uuid(part)
}

/// RFC 9562, section 4.
fn is_uuid(part: &[u8]) -> bool {
    let is_right = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    part.len() == 36 && part.iter().enumerate().all(is_right)
}
