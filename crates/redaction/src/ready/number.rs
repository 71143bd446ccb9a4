//! Numbers as they stand in texts: digits, in one piece or in groups.
//!
//! Many patterns are numbers. A number is taken apart once for all of them, and each is asked only about numbers that have as many digits
//! as its own.

use super::{before, run, run_before, steps};

/// Digits of the longest number that anyone asks about, and one more.
pub(crate) const MOST_DIGITS: usize = 20;

/// Groups of the number with the most of them: the French one has seven.
const MOST_GROUPS: usize = 8;

/// How far before a number its name is looked for, in bytes.
const NAME_WITHIN: usize = 32;

/// The beginning of a number that ends where one of its groups does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    text: &'a [u8],
    /// Where it starts.
    pub(crate) start: usize,
    /// The byte behind it.
    pub(crate) end: usize,
    /// The values of its digits, without what separates them.
    pub(crate) digits: &'a [u8],
    /// How many digits each group has.
    lengths: &'a [u8],
    /// What stands between the groups.
    separators: &'a [u8],
}

/// Whether a number is what a pattern finds.
pub(crate) type NumberCheck = fn(&Number<'_>) -> bool;

impl<'a> Number<'a> {
    /// Whether it is in one piece.
    pub(crate) fn is_bare(&self) -> bool {
        self.lengths.len() == 1
    }

    /// Whether its groups have these lengths, with the same one of these separators between all of them.
    pub(crate) fn is_grouped(&self, lengths: &[u8], separators: &[u8]) -> bool {
        let first = self.separators.first();
        let is_even = self.separators.iter().all(|separator| Some(separator) == first);
        self.lengths == lengths && is_even && first.is_some_and(|first| separators.contains(first))
    }

    /// Whether its groups have these lengths, with just these separators between them.
    pub(crate) fn is_formed(&self, lengths: &[u8], separators: &[u8]) -> bool {
        self.lengths == lengths && self.separators == separators
    }

    /// Whether one of these words, in lower case, stands shortly before it: as a word of its own, or as a part of a name that is written
    /// with underscores or with capitals (`userSsn`). Within other words they are nothing (`using`, `className`).
    pub(crate) fn is_named(&self, names: &[&str]) -> bool {
        let from = self.start.saturating_sub(NAME_WITHIN);
        let words = self.text.get(from..self.start).unwrap_or_default();
        steps(words.len());
        let is_there = |name: &&str| {
            let mut windows = words.windows(name.len()).enumerate();
            windows.any(|(at, window)| {
                window.eq_ignore_ascii_case(name.as_bytes())
                    && is_seam(self.text, from + at)
                    && is_seam(self.text, from + at + name.len())
            })
        };
        names.iter().any(is_there)
    }

    /// The value of some of its digits.
    pub(crate) fn value(&self, from: usize, to: usize) -> u64 {
        let digits = self.digits.get(from..to).unwrap_or_default();
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(*digit))
    }

    /// The sum of the digits, each times its weight.
    pub(crate) fn weighed(&self, weights: &[u32]) -> u32 {
        self.digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| u32::from(*digit) * weight)
            .sum()
    }

    /// One digit.
    pub(crate) fn digit(&self, at: usize) -> u32 {
        self.digits.get(at).copied().map_or(0, u32::from)
    }

    /// Whether all digits are the same, which check digits often agree to.
    pub(crate) fn is_monotone(&self) -> bool {
        self.digits.iter().all(|digit| Some(digit) == self.digits.first())
    }
}

/// A number with all its beginnings.
pub(crate) struct Parts {
    digits: [u8; MOST_DIGITS],
    lengths: [u8; MOST_GROUPS],
    separators: [u8; MOST_GROUPS],
    /// Where each group ends.
    ends: [usize; MOST_GROUPS],
    groups: usize,
}

/// Takes the number apart that starts at a place. `None` if it is but a part of something longer: of a word, of a fraction, of a date or of
/// another number.
pub(crate) fn parts(text: &[u8], start: usize) -> Option<Parts> {
    if is_part(text, start) {
        return None;
    }
    let mut parts = Parts {
        digits: [0; MOST_DIGITS],
        lengths: [0; MOST_GROUPS],
        separators: [0; MOST_GROUPS],
        ends: [0; MOST_GROUPS],
        groups: 0,
    };
    let (mut at, mut count) = (start, 0);
    for group in 0..MOST_GROUPS {
        let length = run(text, at, MOST_DIGITS - count, |byte| byte.is_ascii_digit());
        let digits = text.get(at..at + length).unwrap_or_default();
        for (slot, digit) in parts.digits.iter_mut().skip(count).zip(digits) {
            *slot = digit - b'0';
        }
        (at, count) = (at + length, count + length);
        let behind = text.get(at).copied();
        // More digits than anyone asks about, or letters that belong to them.
        if length == 0 || count >= MOST_DIGITS || behind.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            break;
        }
        *parts.lengths.get_mut(group)? = length as u8;
        *parts.ends.get_mut(group)? = at;
        parts.groups = group + 1;
        let goes_on = text.get(at + 1).is_some_and(u8::is_ascii_digit);
        match behind {
            Some(separator @ (b' ' | b'-' | b'.' | b'/')) if goes_on => {
                *parts.separators.get_mut(group)? = separator;
            }
            _ => break,
        }
        at += 1;
    }
    (parts.groups > 0).then_some(parts)
}

/// Whether a word may begin or end at a place: no letter is on one of its sides, or a small one before it and a capital behind.
fn is_seam(text: &[u8], at: usize) -> bool {
    match (before(text, at), text.get(at)) {
        (Some(left), Some(right)) if left.is_ascii_alphabetic() && right.is_ascii_alphabetic() => {
            left.is_ascii_lowercase() && right.is_ascii_uppercase()
        }
        _ => true,
    }
}

/// Whether what starts here is part of something that began before.
fn is_part(text: &[u8], start: usize) -> bool {
    let Some(last) = before(text, start) else {
        return false;
    };
    let is_glue = matches!(last, b'-' | b'.' | b'/' | b',' | b':');
    let joins = is_glue && before(text, start - 1).is_some_and(|byte| byte.is_ascii_digit());
    last.is_ascii_alphanumeric() || joins || last == b'-' && is_uuid_before(text, start - 1)
}

/// Whether four hexadecimal digits behind a hyphen come before, as in a UUID.
fn is_uuid_before(text: &[u8], at: usize) -> bool {
    let hex = run_before(text, at, 5, |byte| byte.is_ascii_hexdigit());
    hex == 4 && before(text, at - 4) == Some(b'-')
}

impl Parts {
    /// The beginning with so many groups, counted from one, unless what follows belongs to it.
    pub(crate) fn beginning<'a>(&'a self, text: &'a [u8], start: usize, groups: usize) -> Option<Number<'a>> {
        let lengths = self.lengths.get(..groups)?;
        let end = self.ends.get(groups.checked_sub(1)?).copied()?;
        let separator = self.separators.get(groups - 1).copied().unwrap_or_default();
        if matches!(separator, b'-' | b'.' | b'/') {
            return None;
        }
        let count: usize = lengths.iter().copied().map(usize::from).sum();
        Some(Number {
            text,
            start,
            end,
            digits: self.digits.get(..count)?,
            lengths,
            separators: self.separators.get(..groups - 1)?,
        })
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }
}

/// The check digit of ISO/IEC 7812-1, annex B, of the last digit (Luhn).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => u32::from(*digit),
            _ => u32::from(digit * 2 / 10 + digit * 2 % 10),
        });
    sum.sum::<u32>().is_multiple_of(10)
}

/// Whether there is such a day: the year of 0 to 99 has all days that it has in any century.
pub(crate) fn is_day(day: u64, month: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}
