//! Numbers of the Americas, Australia and South Africa.

use crate::ready::number::{Number, is_day, luhn};

/// Nine digits. The Social Security Administration gives none with 000, 666 or 900 and above in front, 00 in the middle or 0000 behind.
pub(crate) fn us_ssn(number: &Number<'_>) -> bool {
    let (area, group, serial) = (number.value(0, 3), number.value(3, 5), number.value(5, 9));
    let can_be = !matches!(area, 0 | 666 | 900..) && group > 0 && serial > 0;
    let is_written = number.is_grouped(&[3, 2, 4], b"-")
        || (number.is_grouped(&[3, 2, 4], b" ") || number.is_bare())
            && number.is_named(&["ssn", "social security"]);
    can_be && is_written && !number.is_monotone()
}

/// Nine digits, the last of which is the check digit (Luhn). None begins with 0 or 8.
pub(crate) fn ca_sin(number: &Number<'_>) -> bool {
    let is_written = number.is_grouped(&[3, 3, 3], b" -")
        || number.is_bare() && number.is_named(&["sin", "sinnumber", "social insurance"]);
    !matches!(number.digit(0), 0 | 8) && is_written && luhn(number.digits)
}

/// Eleven digits, the last two of which are check digits.
pub(crate) fn br_cpf(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_formed(&[3, 3, 3, 2], b"..-");
    let check = |weights: &[u32]| number.weighed(weights) * 10 % 11 % 10;
    let first = [10, 9, 8, 7, 6, 5, 4, 3, 2];
    let second = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    is_written
        && !number.is_monotone()
        && check(&first) == number.digit(9)
        && check(&second) == number.digit(10)
}

/// Fourteen digits, the last two of which are check digits.
pub(crate) fn br_cnpj(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_formed(&[2, 3, 3, 4, 2], b"../-");
    let check = |weights: &[u32]| match number.weighed(weights) % 11 {
        rest @ 2.. => 11 - rest,
        _ => 0,
    };
    let first = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let second = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    is_written
        && !number.is_monotone()
        && check(&first) == number.digit(12)
        && check(&second) == number.digit(13)
}

/// Nine digits, weighed, are a multiple of 11.
pub(crate) fn au_tfn(number: &Number<'_>) -> bool {
    let is_written = number.is_named(&["tfn", "tfnnumber", "tax file"])
        && (number.is_bare() || number.is_grouped(&[3, 3, 3], b" -"));
    let sum = number.weighed(&[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    is_written && !number.is_monotone() && sum.is_multiple_of(11)
}

/// Thirteen digits: a day, four digits, whether a citizen, 8 or 9, and the check digit (Luhn).
pub(crate) fn za_id(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_grouped(&[6, 4, 3], b" ");
    let can_be =
        is_day(number.value(4, 6), number.value(2, 4)) && number.digit(10) <= 2 && number.digit(11) >= 8;
    is_written && can_be && luhn(number.digits)
}
