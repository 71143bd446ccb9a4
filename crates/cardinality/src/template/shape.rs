//! Shapes that are told by their form alone: UUIDs, addresses, dates, versions. Each function says how many bytes at the front of `text` have
//! the shape; what comes after them is no letter and no digit.

use std::net::Ipv6Addr;
use std::str::FromStr as _;

/// Letters and digits of Kubernetes' generated names, without those that make words or are mistaken for one another
/// (`k8s.io/apimachinery/pkg/util/rand`).
const GENERATED: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The longest address of IPv6 with a zone would be longer; this is the longest without one.
const LONGEST_IPV6: usize = 45;

/// How many bytes at the front fulfil `what`.
pub(super) fn span(text: &[u8], what: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !what(byte)).unwrap_or(text.len())
}

pub(super) fn digits(text: &[u8]) -> usize {
    span(text, |byte| byte.is_ascii_digit())
}

/// `length`, if no letter, no digit and no placeholder follows.
fn ended(text: &[u8], length: usize) -> Option<usize> {
    let next = text.get(length);
    next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80 && *byte != b'{')
        .then_some(length)
}

fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

fn rest(text: &[u8], from: usize) -> &[u8] {
    text.get(from..).unwrap_or_default()
}

/// Decimal digits as a number; more than four are out of every range here.
fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 4 || digits(text) != text.len() {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit & 15)))
}

fn within(text: &[u8], from: usize, length: usize, low: u32, high: u32) -> bool {
    let found = text.get(from..from + length).and_then(number);
    found.is_some_and(|number| (low..=high).contains(&number))
}

/// Eight, four, four, four and twelve hex digits with dashes between them (RFC 9562, section 4).
pub(super) fn uuid(text: &[u8]) -> Option<usize> {
    let front = text.get(..36)?;
    let fits = front.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if fits { ended(text, 36) } else { None }
}

fn year(text: &[u8]) -> bool {
    within(text, 0, 4, 1900, 2099)
}

fn month(text: &[u8], from: usize) -> bool {
    within(text, from, 2, 1, 12)
}

fn day(text: &[u8], from: usize) -> bool {
    within(text, from, 2, 1, 31)
}

/// A date with its parts in this order: `2024-01-15`, `2024.01.15`, `2024_01_15`, `2024/01/15`, `20240115`. Letters may follow.
pub(super) fn date_front(text: &[u8]) -> Option<usize> {
    if !year(text) {
        return None;
    }
    if month(text, 4) && day(text, 6) {
        return Some(8);
    }
    let between = byte(text, 4);
    let full = matches!(between, b'-' | b'.' | b'_' | b'/')
        && month(text, 5)
        && byte(text, 7) == between
        && day(text, 8);
    full.then_some(10)
}

/// A date alone; also a year and a month (`2024-01`, `2024.01`).
pub(super) fn date(text: &[u8]) -> Option<usize> {
    let full = date_front(text).and_then(|length| ended(text, length));
    full.or_else(|| {
        let short = year(text) && matches!(byte(text, 4), b'-' | b'.') && month(text, 5);
        let more = matches!(byte(text, 7), b'-' | b'.') && byte(text, 8).is_ascii_digit();
        if short && !more { ended(text, 7) } else { None }
    })
}

/// A colon between hours and minutes, in a query perhaps escaped.
fn colon(text: &[u8], at: usize) -> usize {
    match (byte(text, at), byte(text, at + 1), byte(text, at + 2)) {
        (b':', _, _) => 1,
        (b'%', b'3', b'A' | b'a') => 3,
        _ => 0,
    }
}

/// Hours and minutes with a colon between them; seconds and their fraction if there are any.
fn clock(text: &[u8]) -> Option<(usize, bool)> {
    let mark = colon(text, 2);
    if mark == 0 || !within(text, 0, 2, 0, 24) || !within(text, 2 + mark, 2, 0, 59) {
        return None;
    }
    let minutes = 4 + mark;
    let mark = colon(text, minutes);
    if mark == 0 || !within(text, minutes + mark, 2, 0, 60) {
        return Some((minutes, false));
    }
    let seconds = minutes + mark + 2;
    let fraction = match byte(text, seconds) {
        b'.' | b',' => digits(rest(text, seconds + 1)),
        _ => 0,
    };
    Some((seconds + fraction + usize::from(fraction > 0), true))
}

/// `Z`, `+01:00`, `-0500` or nothing.
fn zone(text: &[u8]) -> usize {
    match byte(text, 0) {
        b'Z' | b'z' => 1,
        b'+' | b'-' if within(text, 1, 2, 0, 14) => {
            let mark = colon(text, 3);
            if within(text, 3 + mark, 2, 0, 59) {
                5 + mark
            } else {
                0
            }
        }
        _ => 0,
    }
}

/// A time of day with its seconds, or a date with a time behind a `T` (RFC 3339; ISO 8601 also without dashes and colons).
pub(super) fn time(text: &[u8]) -> Option<usize> {
    if let Some((length, true)) = clock(text) {
        return ended(text, length + zone(rest(text, length)));
    }
    let front = date_front(text)?;
    if !matches!(byte(text, front), b'T' | b't') {
        return None;
    }
    let behind = rest(text, front + 1);
    let length = match clock(behind) {
        Some((length, _)) => length,
        None if matches!(digits(behind), 4 | 6) => digits(behind),
        None => return None,
    };
    ended(text, front + 1 + length + zone(rest(behind, length)))
}

/// Four numbers up to 255 with `between` between them.
fn four(text: &[u8], between: u8) -> Option<usize> {
    let mut at = 0;
    for group in 0..4 {
        let length = digits(rest(text, at));
        if length > 3 || !within(text, at, length, 0, 255) {
            return None;
        }
        at += length;
        if group < 3 {
            if byte(text, at) != between {
                return None;
            }
            at += 1;
        }
    }
    ended(text, at)
}

/// A port with its colon, or nothing.
fn port(text: &[u8]) -> usize {
    let length = digits(rest(text, 1));
    let fits = byte(text, 0) == b':' && (1..=5).contains(&length);
    if fits && ended(text, 1 + length).is_some() {
        1 + length
    } else {
        0
    }
}

/// An address of IPv4, with its port.
pub(super) fn ipv4(text: &[u8]) -> Option<usize> {
    let length = four(text, b'.')?;
    // A fifth number makes it something else.
    if byte(text, length) == b'.' && matches!(byte(text, length + 1), b'0'..=b'9' | b'{') {
        return None;
    }
    Some(length + port(rest(text, length)))
}

/// An address of IPv4 as Amazon's host names have it: `10-0-0-1`.
pub(super) fn ipv4_dashed(text: &[u8]) -> Option<usize> {
    four(text, b'-')
}

/// An address of IPv6 in brackets, with its port, or without brackets.
pub(super) fn ipv6(text: &[u8]) -> Option<usize> {
    let bracket = usize::from(byte(text, 0) == b'[');
    let inside = rest(text, bracket);
    let length = span(inside, |byte| {
        byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
    });
    let colon = || inside.iter().take(length).any(|byte| *byte == b':');
    if !(2..=LONGEST_IPV6).contains(&length) || !colon() {
        return None;
    }
    let address = std::str::from_utf8(inside.get(..length)?).ok()?;
    // `add::feed` is a path in a program.
    let digits = address.bytes().any(|byte| byte.is_ascii_digit());
    if !digits || Ipv6Addr::from_str(address).is_err() {
        return None;
    }
    if bracket == 0 {
        return ended(text, length);
    }
    let end = length + 2;
    (byte(text, end - 1) == b']').then(|| end + port(rest(text, end)))
}

/// Six pairs of hex digits with colons or dashes between them (IEEE 802, "MAC address").
pub(super) fn mac(text: &[u8]) -> Option<usize> {
    let between = byte(text, 2);
    let front = text.get(..17)?;
    let fits = front.iter().enumerate().all(|(at, byte)| match at % 3 {
        2 => *byte == between,
        _ => byte.is_ascii_hexdigit(),
    });
    if fits && matches!(between, b':' | b'-') {
        ended(text, 17)
    } else {
        None
    }
}

/// A version: two or three numbers of up to three digits with points between them, the first two of them short, or a `v` before one or more.
pub(super) fn version(text: &[u8]) -> Option<usize> {
    let front = usize::from(matches!(byte(text, 0), b'v' | b'V'));
    let mut at = front;
    let mut groups = 0;
    loop {
        let length = digits(rest(text, at));
        if length == 0 || length > 3 || (groups < 2 && front == 0 && length > 2) {
            return None;
        }
        at += length;
        groups += 1;
        if groups == 4 || byte(text, at) != b'.' || !byte(text, at + 1).is_ascii_digit() {
            break;
        }
        at += 1;
    }
    if groups == 1 && front == 0 {
        return None;
    }
    let behind = rest(text, at);
    let stage = span(behind, |byte| byte.is_ascii_lowercase());
    let known = matches!(
        behind.get(..stage),
        Some(b"alpha" | b"beta" | b"rc" | b"a" | b"b" | b"p" | b"preview")
    );
    if stage > 0 && known {
        at += stage + digits(rest(behind, stage)).min(3);
    }
    ended(text, at)
}

/// What Kubernetes appends to the name of a deployment (`7d9f8b6c5-x2x4z`), of a job (`28401120-x2x4z`) or of a daemon set (`x2x4z`).
/// `text` begins behind the dash and goes to the end of the segment.
pub(super) fn pod(text: &[u8]) -> bool {
    let hash = span(text, |byte| {
        matches!(byte, b'4'..=b'9' | b'b' | b'c' | b'd' | b'f')
    });
    let front = [hash, digits(text)].into_iter().find(|&length| {
        (6..=10).contains(&length) && byte(text, length) == b'-' && generated(rest(text, length + 1))
    });
    let with_hash = front.is_some_and(|length| span(text, |byte| byte.is_ascii_alphabetic()) < length);
    with_hash || (generated(text) && digit_before_letter(text))
}

fn generated(text: &[u8]) -> bool {
    text.len() == 5 && text.iter().all(|byte| GENERATED.contains(byte))
}

/// Not `http2`.
fn digit_before_letter(text: &[u8]) -> bool {
    text.windows(2)
        .any(|pair| matches!(pair, [first, second] if first.is_ascii_digit() && second.is_ascii_alphabetic()))
        && span(text, |byte| byte.is_ascii_digit()) < 4
}

/// An e-mail address, given where its local part ends: how long all of it is. The `@` may be escaped.
pub(super) fn email(text: &[u8], local: usize) -> Option<usize> {
    let mark = match (byte(text, local), byte(text, local + 1), byte(text, local + 2)) {
        (b'@', _, _) => 1,
        (b'%', b'4', b'0') => 3,
        _ => return None,
    };
    let domain = rest(text, local + mark);
    let length = span(domain, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
    });
    if domain.get(length) == Some(&b'{') {
        return None;
    }
    // A full stop behind the address is not part of it.
    let stops = domain
        .get(..length)?
        .iter()
        .rev()
        .take_while(|byte| **byte == b'.')
        .count();
    let length = length - stops;
    let name = domain.get(..length)?;
    let top = name
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let dotted = top >= 2 && name.len() > top + 1 && byte(name, name.len() - top - 1) == b'.';
    (local > 0 && dotted).then_some(local + mark + length)
}
