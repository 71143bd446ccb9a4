//! Addresses.

use super::{ends_word, is_word, run, run_before, starts_word};

/// Octets of a local part (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// Octets of a domain (RFC 5321, section 4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;

/// The mark is the `@`.
pub(crate) fn email(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text.get(at) != Some(&b'@') {
        return None;
    }
    let local = run_before(text, at, LONGEST_LOCAL + 1, is_local);
    // What goes on is longer than an address can be. Its end is hidden all the same: a local part is easily run into.
    let mut start = at - local.min(LONGEST_LOCAL);
    while start < at
        && text
            .get(start)
            .is_some_and(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    {
        start += 1;
    }
    let end = domain_end(text, at + 1)?;
    let is_before = |byte| text.get(at - 1) == Some(&byte);
    (start < at && !is_before(b'.')).then_some((start, end))
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_{|}~-".contains(&byte)
}

/// The end of a domain with at least one dot and a last label of letters.
fn domain_end(text: &[u8], at: usize) -> Option<usize> {
    let length = run(text, at, LONGEST_DOMAIN, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
    });
    let mut end = at + length;
    while end > at {
        let label = run_before(text, end, end - at, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        });
        let start = end - label;
        let letters = text.get(start..end)?;
        let is_last =
            label >= 2 && letters.iter().all(u8::is_ascii_alphabetic) || letters.starts_with(b"xn--");
        if start <= at + 1 {
            return None;
        }
        let is_labelled = text.get(start - 2).is_some_and(u8::is_ascii_alphanumeric);
        if is_last && is_labelled {
            return text.get(at).is_some_and(u8::is_ascii_alphanumeric).then_some(end);
        }
        end = start - 1;
    }
    None
}

/// The mark is the first digit.
pub(crate) fn ipv4(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if !starts_word(text, at) || is_inside(text, at) {
        return None;
    }
    let mut end = octet(text, at)?;
    for _ in 0..3 {
        if text.get(end) != Some(&b'.') {
            return None;
        }
        end = octet(text, end + 1)?;
    }
    let goes_on = text.get(end) == Some(&b'.') && text.get(end + 1).copied().is_some_and(is_word);
    (ends_word(text, end) && !goes_on).then_some((at, end))
}

/// Whether a part of a dotted number stands before.
fn is_inside(text: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| text.get(at)).copied();
    before(1) == Some(b'.') && before(2).is_some_and(is_word)
}

/// The end of a number of 0 to 255 without a leading zero.
fn octet(text: &[u8], at: usize) -> Option<usize> {
    let digits = run(text, at, 4, |byte| byte.is_ascii_digit());
    let number = text.get(at..at + digits)?;
    let value = number
        .iter()
        .fold(0, |value: u32, digit| value * 10 + u32::from(digit - b'0'));
    let is_octet =
        (1..=3).contains(&digits) && value <= 255 && (digits == 1 || number.first() != Some(&b'0'));
    is_octet.then_some(at + digits)
}
