//! Telephone numbers.

use super::number::Number;
use super::{before, is_word, run};

/// Digits of an international number (ITU-T E.164, section 6.2), and the fewest that we take for one.
const MOST: usize = 15;
const FEWEST: usize = 8;

/// What one may be apart from its digits.
const MOST_BYTES: usize = 24;

/// The mark is the `+`.
pub(crate) fn international(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if text.get(at) != Some(&b'+') || before(text, at).is_some_and(|byte| is_word(byte) || byte == b'+') {
        return None;
    }
    let (mut digits, mut count, mut end) = ([0; MOST], 0, at + 1);
    let mut index = at + 1;
    while index < at + MOST_BYTES {
        match text.get(index).copied() {
            Some(digit @ b'0'..=b'9') => {
                *digits.get_mut(count)? = digit - b'0';
                count += 1;
                end = index + 1;
            }
            // `+44 (0)20`: that zero is not dialled from abroad.
            Some(b'(') if text.get(index..index + 3) == Some(b"(0)") => index += 2,
            Some(b' ' | b'-' | b'.' | b'(' | b')') if is_between(text, index) => {}
            _ => break,
        }
        index += 1;
    }
    let digits = digits.get(..count)?;
    let is_whole = !text.get(end).copied().is_some_and(is_word);
    (count >= FEWEST && is_whole && is_country(digits)).then_some((at, end))
}

/// Whether what separates digits has some on both sides, or a parenthesis and one more.
fn is_between(text: &[u8], at: usize) -> bool {
    let next = |index: usize| text.get(at + index).copied();
    let goes_on = match next(1) {
        Some(b'0'..=b'9') => true,
        Some(b'(' | b' ' | b'-') => next(2).is_some_and(|byte| byte.is_ascii_digit() || byte == b'('),
        _ => false,
    };
    goes_on && before(text, at).is_some_and(|byte| byte != b'+' || next(0) == Some(b'('))
}

/// Whether a country has such a code (E.164, list of assigned codes); of North America, whether area and exchange can be.
fn is_country(digits: &[u8]) -> bool {
    let digit = |at: usize| digits.get(at).copied().unwrap_or_default();
    match (digit(0), digit(1)) {
        (1, area) => digits.len() == 11 && area >= 2 && digit(4) >= 2,
        (7, _) => digits.len() == 11,
        (0, _) | (2, 8) | (8, 3) | (8, 9) => false,
        _ => true,
    }
}

/// The national forms: of the United States and Canada, of France, of the United Kingdom. Ten or eleven digits.
pub(crate) fn national(number: &Number<'_>) -> bool {
    let is_us = number.is_grouped(&[3, 3, 4], b"-.") && is_north_american(number);
    let is_french =
        number.is_grouped(&[2, 2, 2, 2, 2], b" .-") && number.digit(0) == 0 && number.digit(1) > 0;
    let is_british = number.digits.len() == 11 && matches!(number.value(0, 2), 1..=3 | 7) && {
        number.is_grouped(&[3, 4, 4], b" ")
            || number.is_grouped(&[4, 3, 4], b" ")
            || number.is_grouped(&[5, 6], b" ")
    };
    is_us || is_french || is_british
}

fn is_north_american(number: &Number<'_>) -> bool {
    let is_service = |from: usize| number.digit(from + 1) == 1 && number.digit(from + 2) == 1;
    number.digit(0) >= 2 && number.digit(3) >= 2 && !is_service(0) && !is_service(3)
}

/// `(415) 555-0123`. The mark is the parenthesis.
pub(crate) fn in_parentheses(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let digits =
        |from: usize, length: usize| run(text, from, length + 1, |byte| byte.is_ascii_digit()) == length;
    if text.get(at) != Some(&b'(') || !digits(at + 1, 3) || text.get(at + 4) != Some(&b')') {
        return None;
    }
    let exchange = if text.get(at + 5) == Some(&b' ') {
        at + 6
    } else {
        at + 5
    };
    let is_separated = matches!(text.get(exchange + 3), Some(b'-' | b' ' | b'.'));
    let can_be = |from: usize| text.get(from).is_some_and(|digit| *digit >= b'2');
    let is_number = digits(exchange, 3) && is_separated && digits(exchange + 4, 4);
    let end = exchange + 8;
    let is_whole = !text.get(end).copied().is_some_and(is_word) && !before(text, at).is_some_and(is_word);
    (is_number && is_whole && can_be(at + 1) && can_be(exchange)).then_some((at, end))
}
