//! Secrets that are told by what stands around them.

use super::tokens::Alphabet;
use super::{before, ends_word, is_word, run, run_before, starts_word};
use memchr::memmem;

/// A value is followed no further than this many bytes.
const MOST_VALUE: usize = 4_096;

/// `Bearer` and `Basic` with what follows. The mark is their first letter.
pub(crate) fn bearer_token(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if !starts_word(text, at) {
        return None;
    }
    let is_basic = text.get(at..at + 5)?.eq_ignore_ascii_case(b"basic");
    let is_bearer = text.get(at..at + 6)?.eq_ignore_ascii_case(b"bearer");
    let scheme = at + if is_basic { 5 } else { 6 };
    let blanks = run(text, scheme, 3, |byte| matches!(byte, b' ' | b'\t'));
    if !(is_basic || is_bearer) || blanks == 0 {
        return None;
    }
    let start = scheme + blanks;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let length = run(text, start, MOST_VALUE, is_token);
    let token = text.get(start..start + length)?;
    let is_secret = match is_basic {
        true => is_user_and_password(token),
        false if is_header(text, at) => length >= 4,
        false => length >= 16 && token.iter().any(u8::is_ascii_digit),
    };
    is_secret.then_some((start, start + length))
}

/// Whether the name of the header stands before.
fn is_header(text: &[u8], at: usize) -> bool {
    let blanks = run_before(text, at, 8, |byte| {
        matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b':' | b'=' | b'[')
    });
    let end = at - blanks;
    let name = end
        .checked_sub(b"authorization".len())
        .and_then(|from| text.get(from..end));
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"authorization"))
}

/// Whether it is the encoding of something with a colon in it (RFC 7617, section 2).
fn is_user_and_password(token: &[u8]) -> bool {
    token.len() >= 8
        && decoded(token).take(256).any(|byte| byte == b':')
        && token.iter().all(|byte| Alphabet::Base64.has(*byte))
}

/// The bytes that base64 of either alphabet stands for, up to the first character of neither.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let value = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    text.chunks(4).flat_map(move |four| {
        let mut bits = 0_u32;
        let mut count = 0;
        for value in four.iter().map_while(value) {
            bits = bits << 6 | u32::from(value);
            count += 1;
        }
        let bytes = bits.checked_shl(32 - 6 * count).unwrap_or_default().to_be_bytes();
        bytes.into_iter().take(count as usize * 6 / 8)
    })
}

/// A JSON Web Token in its compact form. The mark is the first of its `eyJ`.
pub(crate) fn jwt(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| Alphabet::Url.has(byte);
    if text.get(at..at + 3)? != b"eyJ" || before(text, at).is_some_and(is_part) {
        return None;
    }
    let header = run(text, at, MOST_VALUE, is_part);
    let dot = at + header;
    if text.get(dot) != Some(&b'.') || !is_jose_header(text.get(at..dot)?) {
        return None;
    }
    let mut end = dot + 1 + run(text, dot + 1, usize::MAX, is_part);
    // A signature, or the three further parts of an encrypted one.
    for _ in 0..3 {
        if text.get(end) == Some(&b'.') {
            end += 1 + run(text, end + 1, usize::MAX, is_part);
        }
    }
    while before(text, end) == Some(b'.') {
        end -= 1;
    }
    (end > dot + 2).then_some((at, end))
}

/// RFC 7515, section 4.1.1: every header has `alg`.
fn is_jose_header(encoded: &[u8]) -> bool {
    let mut window = [0; 5];
    let mut has_algorithm = false;
    let mut last = 0;
    for byte in decoded(encoded) {
        window.rotate_left(1);
        if let Some(slot) = window.last_mut() {
            *slot = byte;
        }
        has_algorithm |= &window == b"\"alg\"";
        last = byte;
    }
    has_algorithm && last == b'}'
}

/// A private key in PEM (RFC 7468), with all its lines. One whose end is not there goes on to the end of the text. The mark is the first
/// hyphen.
pub(crate) fn private_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if text.get(at..at + BEGIN.len())? != BEGIN {
        return None;
    }
    let label = at + BEGIN.len();
    let length = run(text, label, 64, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
    });
    let name = text.get(label..label + length)?;
    memmem::find(name, b"PRIVATE KEY")?;
    let body = label + length;
    let rest = text.get(body..)?;
    let end = memmem::find(rest, b"-----END ").map(|found| body + found + b"-----END ".len());
    let hyphens =
        end.and_then(|end| Some(end + memmem::find(text.get(end..text.len().min(end + 80))?, b"-----")? + 5));
    Some((at, hyphens.unwrap_or(text.len())))
}

/// The key of AWS that is not to be known: 40 characters behind its name. The mark is the `s` of `secret`.
pub(crate) fn aws_secret_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let letters = run(text, at, 24, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' ')
    });
    let name = text.get(at..at + letters)?;
    let squeezed = name
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .map(u8::to_ascii_lowercase);
    let is_told = name.eq_ignore_ascii_case(b"secret_key") && is_of_aws(text, at);
    if !is_told && !squeezed.take(15).eq(*b"secretaccesskey") {
        return None;
    }
    let gap = run(text, at + letters, 8, |byte| {
        matches!(byte, b'"' | b'\'' | b'\\' | b' ' | b':' | b'=' | b'>')
    });
    let start = at + letters + gap;
    let length = run(text, start, 41, |byte| Alphabet::Base64.has(byte));
    (gap > 0 && length == 40).then_some((start, start + 40))
}

fn is_of_aws(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(4)..at).unwrap_or_default();
    before.eq_ignore_ascii_case(b"aws_") || before.eq_ignore_ascii_case(b"aws.")
}

/// The id of the key of a service account of Google Cloud; the key itself is a private key in PEM. The mark is the `p` of its name.
pub(crate) fn gcp_service_account(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const NAME: &[u8] = b"private_key_id";
    if text.get(at..at + NAME.len())? != NAME {
        return None;
    }
    let behind = at + NAME.len();
    let gap = run(text, behind, 8, |byte| {
        matches!(byte, b'"' | b'\\' | b' ' | b':' | b'=')
    });
    let length = run(text, behind + gap, 41, |byte| Alphabet::Hex.has(byte));
    (length == 40).then_some((behind + gap, behind + gap + 40))
}

/// The signature of a shared access signature of Azure. The mark is the `s` of `sig=`.
pub(crate) fn azure_signature(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text.get(at..at + 4)? != b"sig=" || before(text, at).is_some_and(is_word) {
        return None;
    }
    let is_value = |byte: u8| Alphabet::Base64.has(byte) || byte == b'%';
    let length = run(text, at + 4, 121, is_value);
    ((43..=120).contains(&length) && ends_word(text, at + 4 + length)).then_some((at + 4, at + 4 + length))
}

/// User and password in a URL. The mark is the colon behind the scheme.
pub(crate) fn url_credentials(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text.get(at..at + 3)? != b"://" || !before(text, at).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let start = at + 3;
    let is_authority = |byte: u8| byte > b' ' && byte != 0x7f && !b"/?#\"'<>\\".contains(&byte);
    let length = run(text, start, 512, is_authority);
    let authority = text.get(start..start + length)?;
    let user = authority.get(..authority.iter().rposition(|byte| *byte == b'@')?)?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.get(colon + 1..)?;
    let is_hidden = password.iter().all(|byte| *byte == b'*') || password == b"REDACTED";
    (!is_hidden).then_some((start, start + user.len()))
}

/// A long word of letters and digits as they come by chance. The mark is its first byte.
pub(crate) fn high_entropy_token(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const FEWEST: usize = 24;
    const MOST: usize = 512;
    let is_part = |byte: u8| Alphabet::Base64.has(byte) && byte != b'=' || matches!(byte, b'_' | b'-');
    if before(text, at).is_some_and(is_part) {
        return None;
    }
    let length = run(text, at, MOST, is_part);
    let word = text.get(at..at + length)?;
    let has = |is_such: fn(&u8) -> bool| word.iter().any(is_such);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    (length >= FEWEST && is_mixed && entropy(word) >= 4.0).then_some((at, at + length))
}

/// Bits for each byte (Shannon).
fn entropy(word: &[u8]) -> f64 {
    let mut times = [0_u32; 256];
    for byte in word {
        if let Some(times) = times.get_mut(usize::from(*byte)) {
            *times += 1;
        }
    }
    let length = word.len() as f64;
    let part = |times: &u32| f64::from(*times) / length;
    times
        .iter()
        .filter(|times| **times > 0)
        .map(|times| -part(times) * part(times).log2())
        .sum()
}
