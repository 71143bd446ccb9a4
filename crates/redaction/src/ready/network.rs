//! Addresses.

use super::{before, ends_word, is_word, run, run_before, starts_word};

/// Octets of a local part (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// Octets of a domain (RFC 5321, section 4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;

/// The mark is the `@`.
pub(crate) fn email(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text.get(at) != Some(&b'@') || before(text, at) == Some(b'.') {
        return None;
    }
    let local = run_before(text, at, LONGEST_LOCAL, is_local);
    let mut start = behind_name(text, at - local, at);
    // Signs in front are more often of what stands around it.
    while start < at
        && text
            .get(start)
            .is_some_and(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    {
        start += 1;
    }
    let end = domain_end(text, at + 1)?;
    (start < at).then_some((start, end))
}

/// Where a local part starts that a path, a query or a name with `=` runs into. A name has letters, digits and `_`: other than in
/// `bounce-jane=shop.example@list.example`, which is one address within another.
fn behind_name(text: &[u8], from: usize, at: usize) -> usize {
    let local = text.get(from..at).unwrap_or_default();
    let path = local.iter().rposition(|byte| matches!(byte, b'/' | b'?' | b'&'));
    let mut start = path.map_or(0, |last| last + 1);
    while let Some(rest) = local.get(start..) {
        match rest.iter().position(|byte| !is_word(*byte)) {
            Some(name) if rest.get(name) == Some(&b'=') => start += name + 1,
            _ => break,
        }
    }
    from + start
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_{|}~-".contains(&byte)
}

/// The end of a domain with at least one dot and a last label of letters.
fn domain_end(text: &[u8], at: usize) -> Option<usize> {
    let length = run(text, at, LONGEST_DOMAIN, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
    });
    let domain = text.get(at..at + length)?;
    if !domain.first()?.is_ascii_alphanumeric() {
        return None;
    }
    let mut end = None;
    let mut label_start = 0;
    for label in domain.split(|byte| *byte == b'.') {
        if label.is_empty() {
            break;
        }
        let letters = label.len() >= 2 && label.iter().all(u8::is_ascii_alphabetic);
        if label_start > 0 && (letters || label.starts_with(b"xn--")) {
            end = Some(at + label_start + label.len());
        }
        label_start += label.len() + 1;
    }
    end
}

/// The mark is the first digit.
pub(crate) fn ipv4(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if !starts_word(text, at) || is_inside(text, at) {
        return None;
    }
    let end = dotted(text, at)?;
    let goes_on = text.get(end) == Some(&b'.') && text.get(end + 1).is_some_and(u8::is_ascii_digit);
    (ends_word(text, end) && !goes_on).then_some((at, end))
}

/// The end of four numbers with dots between them.
fn dotted(text: &[u8], at: usize) -> Option<usize> {
    let mut end = octet(text, at)?;
    for _ in 0..3 {
        if text.get(end) != Some(&b'.') {
            return None;
        }
        end = octet(text, end + 1)?;
    }
    Some(end)
}

/// Whether a part of a dotted number stands before, or of one with hyphens.
fn is_inside(text: &[u8], at: usize) -> bool {
    let word_before = |at: usize| before(text, at).is_some_and(is_word);
    matches!(before(text, at), Some(b'.' | b'-')) && word_before(at - 1)
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

/// The mark is the first digit, or the first colon if there is none before it.
pub(crate) fn ipv6(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let digits = run(text, start, 5, |byte| byte.is_ascii_hexdigit());
    let at = start + digits;
    if text.get(at) != Some(&b':') || digits > 4 || before(text, start).is_some_and(is_inside_address) {
        return None;
    }
    if digits == 0 && text.get(at + 1) != Some(&b':') {
        return None;
    }
    let (mut groups, mut gaps) = (usize::from(digits > 0), 0);
    let mut end = at;
    while text.get(end) == Some(&b':') {
        if text.get(end + 1) == Some(&b':') {
            gaps += 1;
            end += 1;
        }
        let length = run(text, end + 1, 5, |byte| byte.is_ascii_hexdigit());
        if length == 0 {
            // A gap may stand at the end, a single colon does not belong to it.
            end += usize::from(text.get(end.wrapping_sub(1)) == Some(&b':') && end > at);
            break;
        }
        if let Some(last) = dotted(text, end + 1) {
            groups += 2;
            end = last;
            break;
        }
        groups += 1;
        end += 1 + length;
        if length > 4 || groups > 8 {
            return None;
        }
    }
    let is_full = gaps == 0 && groups == 8;
    let is_short =
        gaps == 1 && (1..=7).contains(&groups) && text.get(start..end)?.iter().any(u8::is_ascii_digit);
    let is_whole = !text.get(end).copied().is_some_and(is_inside_address) || is_end(text, end);
    ((is_full || is_short) && is_whole).then_some((start, end))
}

fn is_inside_address(byte: u8) -> bool {
    is_word(byte) || byte == b':'
}

/// A colon behind an address does not belong to it unless something follows that does.
fn is_end(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b':') && !text.get(at + 1).copied().is_some_and(is_inside_address)
}

/// Six pairs with colons or hyphens between them, or three fours with dots. The mark is the first digit.
pub(crate) fn mac_address(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let size = run(text, at, 5, |byte| byte.is_ascii_hexdigit());
    let separator = *text.get(at + size)?;
    let groups = match (size, separator) {
        (2, b':' | b'-') => 6,
        (4, b'.') => 3,
        _ => return None,
    };
    let is_separated = |at: usize| before(text, at).is_some_and(|byte| byte == separator || is_word(byte));
    if is_separated(at) {
        return None;
    }
    let mut end = at;
    for group in 0..groups {
        if group > 0 {
            if text.get(end) != Some(&separator) {
                return None;
            }
            end += 1;
        }
        if run(text, end, size + 1, |byte| byte.is_ascii_hexdigit()) != size {
            return None;
        }
        end += size;
    }
    let goes_on = text.get(end) == Some(&separator) && text.get(end + 1).is_some_and(u8::is_ascii_hexdigit);
    let is_nothing = text
        .get(at..end)?
        .iter()
        .all(|byte| matches!(byte, b'0' | b':' | b'-' | b'.'));
    (ends_word(text, end) && !goes_on && !is_nothing).then_some((at, end))
}
