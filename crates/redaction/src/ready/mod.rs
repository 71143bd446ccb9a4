//! Patterns that are ready: what each finds, and how it is checked.
//!
//! A check is asked about one place in a text, that of the pattern's mark (the `@` of an address, the first digit of a number), and
//! looks at a window around it that has a bound. All are of ASCII: what they find begins and ends between characters.

mod cards;
mod network;

use std::fmt;

/// What is found for the mark at this place: its first byte, and the byte behind its last.
pub(crate) type Check = fn(text: &[u8], at: usize) -> Option<(usize, usize)>;

/// A pattern that is ready. Each says what it finds, how it is checked, and what it is known to miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReadyMade {
    /// Numbers of payment cards (ISO/IEC 7812): 13 to 19 digits in one piece or in groups with spaces or hyphens, as they are
    /// printed on cards. Checked: the ranges and lengths of American Express, Diners Club, Discover, JCB, Maestro, Mastercard, Mir,
    /// RuPay, UnionPay and Visa, and the check digit (Luhn). Missed: numbers that are split otherwise.
    CreditCard,
    /// Addresses of e-mail: a local part of up to 64 letters, digits and `.!#$%&'*+/=?^_{|}~-` (RFC 5321, section 4.5.3.1; RFC 5322,
    /// `dot-atom`), `@`, and a domain with a dot whose last label has at least two letters. Missed: quoted local parts, addresses
    /// in brackets, domains without a dot, and those with letters other than ASCII.
    Email,
    /// IPv4 addresses in four decimal parts of 0 to 255 without leading zeros. Checked: the ranges, and that there is no fifth part, so
    /// that versions of five parts and numbers of objects are none. Missed: other notations. A version of four parts is found.
    Ipv4,
}

impl ReadyMade {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CreditCard, Self::Email, Self::Ipv4];

    /// Its name, as configs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreditCard => "credit_card",
            Self::Email => "email",
            Self::Ipv4 => "ipv4",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ready| ready.name() == name)
    }

    pub(crate) fn check(self) -> Check {
        match self {
            Self::CreditCard => cards::credit_card,
            Self::Email => network::email,
            Self::Ipv4 => network::ipv4,
        }
    }
}

impl fmt::Display for ReadyMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a byte belongs to a word, so that a number or a token beside it is but a part of something longer. Bytes of characters
/// beyond ASCII do: they are letters more often than not.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The byte before a place, if there is one.
pub(crate) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| text.get(at)).copied()
}

/// Whether no word reaches into a place from the left.
pub(crate) fn starts_word(text: &[u8], at: usize) -> bool {
    !before(text, at).is_some_and(is_word)
}

/// Whether no word goes on at a place.
pub(crate) fn ends_word(text: &[u8], at: usize) -> bool {
    !text.get(at).copied().is_some_and(is_word)
}

/// How many bytes from a place on are such, counting no further than `most`.
pub(crate) fn run(text: &[u8], at: usize, most: usize, is_such: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default().iter().take(most);
    rest.take_while(|byte| is_such(**byte)).count()
}

/// How many bytes before a place are such, counting no further than `most`.
pub(crate) fn run_before(text: &[u8], at: usize, most: usize, is_such: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(..at).unwrap_or_default().iter().rev().take(most);
    rest.take_while(|byte| is_such(**byte)).count()
}
