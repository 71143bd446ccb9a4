//! Numbers of Asia.

use crate::ready::number::{Number, is_day};
use crate::ready::{ends_word, starts_word};

/// Twelve digits, the last of which is the check digit of Verhoeff; the first is 2 to 9.
pub(crate) fn in_aadhaar(number: &Number<'_>) -> bool {
    let is_written = number.is_grouped(&[4, 4, 4], b" -")
        || number.is_bare() && number.is_named(&["aadhaar", "aadhar", "uidai", "aadhaarnumber"]);
    is_written && number.digit(0) >= 2 && !number.is_monotone() && verhoeff(number.digits)
}

/// Verhoeff's check: products of the dihedral group of ten elements.
fn verhoeff(digits: &[u8]) -> bool {
    const TURNED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turn = |digit: u8| TURNED.get(usize::from(digit)).copied().unwrap_or_default();
    // 0 to 4 are turns of a pentagon, 5 to 9 its mirror images.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let places = digits.iter().rev().enumerate();
    let sum = places.fold(0, |sum, (index, digit)| {
        let turned = (0..index % 8).fold(*digit, |digit, _| turn(digit));
        product(sum, turned)
    });
    sum == 0
}

/// Thirteen digits: a day, the century and sex, six digits, of which the last is the check digit.
pub(crate) fn kr_rrn(number: &Number<'_>) -> bool {
    let is_written = number.is_formed(&[6, 7], b"-");
    let can_be = is_day(number.value(4, 6), number.value(2, 4)) && matches!(number.digit(6), 1..=8);
    let sum = number.weighed(&[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    is_written && can_be && (11 - sum % 11) % 10 == number.digit(12)
}

/// Eighteen digits, the last of which may be X: a place, a day, three digits, and the check (ISO/IEC 7064, MOD 11-2). The mark is the
/// first.
pub(crate) fn cn_resident_id(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let bytes = text.get(at..at + 18)?;
    let value = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| {
            digits
                .iter()
                .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
        })
    };
    let is_day = (1_880..2_100).contains(&value(6, 10)?) && is_day(value(12, 14)?, value(10, 12)?);
    let mut rest = 0;
    for byte in bytes.get(..17)? {
        if !byte.is_ascii_digit() {
            return None;
        }
        rest = (rest + u32::from(byte - b'0')) * 2 % 11;
    }
    let expected = match (12 - rest) % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    };
    let is_right = bytes
        .last()
        .is_some_and(|last| last.to_ascii_uppercase() == expected);
    let is_whole = starts_word(text, at) && ends_word(text, at + 18);
    (is_day && is_right && is_whole).then_some((at, at + 18))
}

/// Eleven digits, the last two of which are check digits; the first is not 0.
pub(crate) fn tr_kimlik(number: &Number<'_>) -> bool {
    let sum_of = |places: &[usize]| places.iter().map(|place| number.digit(*place)).sum::<u32>();
    let (odd, even) = (sum_of(&[0, 2, 4, 6, 8]), sum_of(&[1, 3, 5, 7]));
    let first = (odd * 7 + 100 - even) % 10;
    let second = (odd + even + number.digit(9)) % 10;
    number.is_bare() && number.digit(0) > 0 && first == number.digit(9) && second == number.digit(10)
}
