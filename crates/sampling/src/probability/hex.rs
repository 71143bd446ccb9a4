//! Numbers of 56 bits in hex digits, read and written without allocation.

use super::DIGITS;
use std::fmt;

/// Up to 14 lower-case hex digits, as thresholds and randomness are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex {
    digits: [u8; DIGITS],
    len: usize,
}

impl Hex {
    /// All 14 digits of a number below 2^56.
    pub(super) fn padded(value: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = value;
        for digit in digits.iter_mut().rev() {
            let nibble = (rest & 0xf) as u8;
            *digit = nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
            rest >>= 4;
        }
        Hex { digits, len: DIGITS }
    }

    /// The digits without the zeros at the end, but at least one.
    pub(super) fn trimmed(value: u64) -> Self {
        let zeros = (value.trailing_zeros() / 4) as usize;
        Hex {
            len: DIGITS.saturating_sub(zeros).max(1),
            ..Hex::padded(value)
        }
    }

    /// The digits.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The number that hex digits of either case write; nothing if one of the bytes is no digit, or there are more than 14.
pub(super) fn parse(text: &[u8]) -> Option<u64> {
    if text.len() > DIGITS {
        return None;
    }
    let mut value = 0;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        value = value << 4 | u64::from(digit);
    }
    Some(value)
}
