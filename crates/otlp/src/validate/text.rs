//! Is this text? Nearly all strings of telemetry are short and ASCII, so the check is built for those: a few overlapping
//! loads, no loop.

/// The top bit of every byte.
const TOP: u64 = 0x8080_8080_8080_8080;

/// Whether `bytes` are UTF-8.
#[inline(always)]
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || is_multibyte_utf8(bytes)
}

#[inline(never)]
fn is_multibyte_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether no byte of `bytes` has its top bit set. The first and the last chunk of a size overlap where they have to.
#[inline(always)]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        let ends = fold(first) | fold(last);
        if bytes.len() <= 32 {
            return ends & TOP == 0;
        }
        return is_long_ascii(bytes);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & TOP == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & TOP as u32 == 0;
    }
    bytes.iter().fold(0, |seen, byte| seen | byte) < 0x80
}

/// As [`is_ascii`], for 33 bytes and more.
#[inline(always)]
fn is_long_ascii(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<32>(), bytes.last_chunk::<32>()) else {
        return false;
    };
    if (fold(first) | fold(last)) & TOP != 0 {
        return false;
    }
    bytes.len() <= 64 || bytes.is_ascii()
}

/// The 8-byte words of a chunk, laid over each other.
#[inline(always)]
fn fold<const N: usize>(chunk: &[u8; N]) -> u64 {
    chunk
        .as_chunks::<8>()
        .0
        .iter()
        .fold(0, |seen, word| seen | u64::from_le_bytes(*word))
}

/// Whether `attribute` is a `KeyValue` in one of the shapes that nearly all have: an ASCII key and a value that is a scalar,
/// every length in one byte.
///
/// ```text
/// 0A key-length key 12 value-length 0A string-length string
/// 0A key-length key 12 value-length (10 | 18) varint
/// 0A key-length key 12 value-length 21 double
/// ```
///
/// False says nothing: the attribute may still be good.
#[inline(always)]
pub(crate) fn is_plain_attribute(attribute: &[u8]) -> bool {
    let [0x0a, key, rest @ ..] = attribute else {
        return false;
    };
    let Some((name, value)) = rest.split_at_checked(usize::from(*key)) else {
        return false;
    };
    let Some((&[tag, length, kind, first], tail)) = value.split_first_chunk::<4>() else {
        return false;
    };
    if tag != 0x12 || usize::from(length) != tail.len() + 2 {
        return false;
    }
    // Lengths in one byte are below 0x80: ASCII, too, so that one look at everything settles them all.
    if kind == 0x0a {
        return usize::from(first) == tail.len() && is_ascii(attribute);
    }
    is_plain_number(kind, first, tail) && *key < 0x80 && is_ascii(name)
}

/// Whether the value of tag `kind`, whose bytes are `first` and `tail`, is exactly one bool, integer or double.
#[inline(always)]
fn is_plain_number(kind: u8, first: u8, tail: &[u8]) -> bool {
    match (kind, tail) {
        (0x10 | 0x18, []) => first < 0x80,
        (0x10 | 0x18, [last]) => first >= 0x80 && *last < 0x80,
        (0x10 | 0x18, [second, last]) => first & second >= 0x80 && *last < 0x80,
        (0x21, [_, _, _, _, _, _, _]) => true,
        _ => false,
    }
}
