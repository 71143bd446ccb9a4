//! Bytes as text: hexadecimal for ids, base64 for everything else (RFC 4648).

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
}

/// Fills `bytes` from hexadecimal digits of either case. `false` for any other character; the lengths must agree.
pub(super) fn read_hex(digits: &str, bytes: &mut [u8]) -> bool {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return false;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        match (char::from(*high).to_digit(16), char::from(*low).to_digit(16)) {
            (Some(high), Some(low)) => *byte = (high << 4 | low) as u8,
            _ => return false,
        }
    }
    true
}

/// Appends base64 with the standard alphabet and padding.
pub(crate) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let symbol = |group: u32, shift: u32| {
        BASE64
            .get((group >> shift & 0x3f) as usize)
            .copied()
            .unwrap_or_default()
    };
    for chunk in bytes.chunks(3) {
        let mut padded = [0_u8; 4];
        for (to, from) in padded.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let group = u32::from_be_bytes(padded);
        let mut symbols = [
            symbol(group, 18),
            symbol(group, 12),
            symbol(group, 6),
            symbol(group, 0),
        ];
        for symbol in symbols.iter_mut().skip(chunk.len() + 1) {
            *symbol = b'=';
        }
        out.extend_from_slice(&symbols);
    }
}

/// Appends the bytes that base64 text stands for: with the standard or the URL-safe alphabet, padded or not. Nothing if
/// it is neither.
pub(super) fn read_base64(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    for chunk in body.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for &symbol in chunk {
            group = group << 6 | sextet(symbol)?;
        }
        let [_, bytes @ ..] = (group << (6 * (4 - chunk.len() as u32))).to_be_bytes();
        match chunk.len() {
            4 => out.extend_from_slice(&bytes),
            3 => out.extend(bytes.iter().take(2)),
            2 => out.extend(bytes.iter().take(1)),
            _ => return None,
        }
    }
    Some(())
}

fn sextet(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
