//! Ids, in as few bytes as they have information.

/// A uid. Nearly all are UUIDs, which fit into 16 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Uid {
    /// A UUID in its canonical form: lower case, with hyphens.
    Uuid([u8; 16]),
    /// Whatever else it is.
    Other(Box<str>),
}

/// Where the hyphens of a UUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    pub(crate) fn new(text: &str) -> Uid {
        uuid(text.as_bytes()).map_or_else(|| Uid::Other(text.into()), Uid::Uuid)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Uid::Uuid(_) => 0,
            Uid::Other(text) => text.len(),
        }
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let in_place = |at: &usize| text.get(*at) == Some(&b'-');
    if text.len() != 36 || !HYPHENS.iter().all(in_place) {
        return None;
    }
    let mut digits = [0; 32];
    let plain = text.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at));
    for (digit, (_, byte)) in digits.iter_mut().zip(plain) {
        *digit = *byte;
    }
    hex(&digits)
}

/// The id of a container, without the runtime's name before it. Nearly all have 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ContainerId {
    /// 64 digits in lower case.
    Hex([u8; 32]),
    /// Whatever else it is.
    Other(Box<str>),
}

impl ContainerId {
    pub(crate) fn new(text: &str) -> ContainerId {
        let id = bare(text);
        hex(id.as_bytes()).map_or_else(|| ContainerId::Other(id.into()), ContainerId::Hex)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            ContainerId::Hex(_) => 0,
            ContainerId::Other(text) => text.len(),
        }
    }
}

/// A container's id without the runtime's name: what is behind `://`, or all of it.
pub(crate) fn bare(id: &str) -> &str {
    id.split_once("://").map_or(id, |(_, id)| id)
}

/// The bytes that these digits stand for, if all of them are hexadecimal, in lower case, and there are `2 * N`.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Seconds since the Unix epoch of a time as the API writes it: `2026-01-31T10:20:30Z`, with or without a fraction. Nothing: it is
/// something else.
pub(crate) fn seconds(rfc3339: &str) -> Option<i64> {
    let number = |from: usize, to: usize| rfc3339.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !rfc3339.ends_with('Z') || !(1..=12).contains(&month) {
        return None;
    }
    // Days since 1970-01-01, by years that begin in March, so that the leap day is the last one of its year.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
