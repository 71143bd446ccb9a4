//! Patterns that are ready: what each finds, and how it is checked.
//!
//! A pattern has marks: short sequences of bytes of which one is in everything that it finds (the `@` of an address with what is beside
//! it, the first letters of a token). Where a mark is found, the pattern is asked to look: at a window with a bound, around the place of the
//! mark. Marks and findings are of ASCII: what is found begins and ends between characters.

mod assignment;
mod cards;
mod looks;
mod national;
mod network;
pub(crate) mod number;
mod pattern;
mod phone;
mod secrets;
mod tokens;

pub use pattern::ReadyMade;

use number::NumberCheck;
pub(crate) use tokens::Token;

/// What is found for a mark at this place: its first byte, and the byte behind its last.
pub(crate) type Check = fn(text: &[u8], at: usize) -> Option<(usize, usize)>;

/// One way in which a pattern is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Where one of these marks is: regexes of bytes with the place in them that is meant, counted from the start or, if it is negative,
    /// from the end.
    Marked(&'static [(&'static str, isize)], Check),
    /// Where one of these tokens begins.
    Tokens(&'static [Token]),
    /// Among numbers with so many digits.
    Number(&'static [usize], NumberCheck),
}

/// The marks of a number: where neither a word nor a number goes on, five digits, or fewer and a separator with more behind.
pub(crate) const NUMBER_MARKS: [(&str, isize); 2] = [
    ("[^0-9A-Za-z.,:/-](?:[0-9]{5}|[0-9]{1,4}[ ./-][0-9])", 1),
    ("[^0-9][.,:/-](?:[0-9]{5}|[0-9]{1,4}[ ./-][0-9])", 2),
];

/// Whether a byte belongs to a word, so that a token beside it is but a part of something longer. Bytes of characters beyond ASCII do not:
/// in languages that are written without blanks they stand beside everything.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
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
    let length = rest.take_while(|byte| is_such(**byte)).count();
    steps(length + 1);
    length
}

/// How many bytes before a place are such, counting no further than `most`.
pub(crate) fn run_before(text: &[u8], at: usize, most: usize, is_such: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(..at).unwrap_or_default().iter().rev().take(most);
    let length = rest.take_while(|byte| is_such(**byte)).count();
    steps(length + 1);
    length
}

/// Bytes that checks look at, as the tests count them.
#[cfg(not(test))]
pub(crate) fn steps(_: usize) {}

#[cfg(test)]
pub(crate) use counting::steps;

#[cfg(test)]
pub(crate) mod counting {
    //! How many bytes checks have looked at, in this thread.

    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn steps(more: usize) {
        STEPS.set(STEPS.get() + more);
    }

    /// How many since it was asked last.
    pub(crate) fn taken() -> usize {
        STEPS.take()
    }
}
