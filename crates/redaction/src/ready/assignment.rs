//! Values that are named as secrets.

use super::{is_word, run, run_before};

/// A value is followed no further than this many bytes.
const MOST_VALUE: usize = 512;

/// How values are quoted, if they are: `"`, `'`, or a quote within a text that is quoted itself.
const QUOTES: [&[u8]; 4] = [b"\\\"", b"\\'", b"\"", b"'"];

/// What stands where a value was, or will be.
const NO_SECRETS: [&[u8]; 11] = [
    b"null",
    b"nil",
    b"none",
    b"true",
    b"false",
    b"undefined",
    b"redacted",
    b"[redacted]",
    b"hidden",
    b"masked",
    b"empty",
];

/// A value behind a name that ends in a word for secrets. The mark is the last letter of that word.
pub(crate) fn password_assignment(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let name_end = at + 1;
    if !is_named(text, name_end) {
        return None;
    }
    let quote = QUOTES
        .iter()
        .find(|quote| text.get(name_end..).is_some_and(|rest| rest.starts_with(quote)));
    let mut behind = name_end + quote.map_or(0, |quote| quote.len());
    behind += run(text, behind, 2, |byte| byte == b' ');
    let (sign, is_equals) = match text.get(behind..)? {
        [b':', b'=', ..] | [b'=', b'>', ..] => (2, true),
        [b'=', b'=', ..] => return None,
        [b'=', ..] => (1, true),
        [b':', ..] => (1, false),
        _ => return None,
    };
    behind += sign;
    behind += run(text, behind, 2, |byte| byte == b' ');
    let (start, end) = value(text, behind, is_equals)?;
    let bytes = text.get(start..end)?;
    let is_hidden = bytes.iter().all(|byte| *byte == b'*') || is_placeholder(bytes);
    let is_directory = bytes.first() == Some(&b'/') && is_working_directory(text, name_end);
    (!is_hidden && !is_directory).then_some((start, end))
}

/// Whether the name that ends here is that of the variable in which shells keep the directory that they are in, or were in before
/// (POSIX.1-2017, XCU, `cd`).
fn is_working_directory(text: &[u8], end: usize) -> bool {
    let length = run_before(text, end, 8, is_word);
    let name = text.get(end - length..end).unwrap_or_default();
    name.eq_ignore_ascii_case(b"pwd") || name.eq_ignore_ascii_case(b"oldpwd")
}

/// Whether a name ends here that is one of a secret.
fn is_named(text: &[u8], end: usize) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"password",
        b"passwd",
        b"passphrase",
        b"pwd",
        b"secret",
        b"token",
        b"apikey",
        b"api_key",
        b"api-key",
        b"secret_key",
        b"access_key",
        b"private_key",
    ];
    if text.get(end).copied().is_some_and(is_word) {
        return false;
    }
    let ends_in = |word: &&[u8]| {
        let name = end.checked_sub(word.len()).and_then(|from| text.get(from..end));
        name.is_some_and(|name| name.eq_ignore_ascii_case(word))
    };
    WORDS.iter().any(ends_in)
}

/// Where a value starts and ends.
fn value(text: &[u8], at: usize, is_equals: bool) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    if let Some(quote) = QUOTES.iter().find(|quote| rest.starts_with(quote)) {
        let start = at + quote.len();
        return Some((start, start + quoted(text.get(start..)?, quote)));
    }
    let is_part = |byte: u8| byte > b' ' && byte != 0x7f && !b",;&\"'<>()[]{}\\".contains(&byte);
    let length = run(text, at, MOST_VALUE, is_part);
    let word = text.get(at..at + length)?;
    // Prose has a colon behind such words as well.
    let is_prose = !is_equals
        && !word
            .iter()
            .any(|byte| !byte.is_ascii_alphabetic() && !b".:!?-".contains(byte));
    // A sentence ends behind it, and it not with the sentence.
    let dots = word.iter().rev().take_while(|byte| **byte == b'.').count();
    (!is_prose).then_some((at, at + length - dots))
}

/// The length of a value up to its closing quote; without one, all that can be one.
fn quoted(rest: &[u8], quote: &[u8]) -> usize {
    let mut index = 0;
    while index < rest.len().min(MOST_VALUE) {
        match rest.get(index..) {
            Some(found) if found.starts_with(quote) => return index,
            Some([b'\\', ..]) if quote.len() == 1 => index += 2,
            _ => index += 1,
        }
    }
    // Not within a character.
    let mut end = index.min(rest.len());
    while rest.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end += 1;
    }
    end
}

fn is_placeholder(value: &[u8]) -> bool {
    let is_reference = value.starts_with(b"$")
        || value.starts_with(b"{{")
        || value.starts_with(b"%")
        || value.starts_with(b"<");
    is_reference || value == b"?" || NO_SECRETS.iter().any(|word| value.eq_ignore_ascii_case(word))
}
