//! Numbers of Europe.

use crate::ready::number::{Number, is_day, luhn};

/// Ten digits, the last of which is the check digit, by 11.
pub(crate) fn uk_nhs(number: &Number<'_>) -> bool {
    let is_written = number.is_grouped(&[3, 3, 4], b" -")
        || number.is_bare() && number.is_named(&["nhs", "nhsnumber", "national health"]);
    let check = 11 - number.weighed(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    is_written && !number.is_monotone() && check % 11 == number.digit(9)
}

/// Eleven digits, the last of which is the check digit (ISO/IEC 7064, MOD 11,10); of the first ten, one is there twice or thrice and the
/// others once at most.
pub(crate) fn de_steuer_id(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_grouped(&[2, 3, 3, 3], b" ");
    let mut times = [0_u8; 10];
    for digit in number.digits.iter().take(10) {
        if let Some(times) = times.get_mut(usize::from(*digit)) {
            *times += 1;
        }
    }
    let more = times.iter().filter(|times| **times > 1).count();
    let is_mixed = more == 1 && times.iter().all(|times| *times <= 3);
    is_written && number.digit(0) > 0 && is_mixed && mod_11_10(number.digits)
}

/// ISO/IEC 7064, MOD 11,10.
fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product: u32, digit| {
        let sum = match (product + u32::from(*digit)) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// Fifteen digits: sex, year, month, place, number, and the key of two digits, by 97. Those of Corsica have a letter and are missed.
pub(crate) fn fr_nir(number: &Number<'_>) -> bool {
    let is_written = number.is_bare()
        || number.is_grouped(&[1, 2, 2, 2, 3, 3, 2], b" .")
        || number.is_formed(&[13, 2], b" ");
    let can_be = matches!(number.digit(0), 1 | 2 | 3 | 4 | 7 | 8)
        && matches!(number.value(3, 5), 1..=12 | 20..=42 | 50..);
    is_written && can_be && 97 - number.value(0, 13) % 97 == number.value(13, 15)
}

/// Nine digits, weighed, are a multiple of 11; bare ones are found only behind their name.
pub(crate) fn nl_bsn(number: &Number<'_>) -> bool {
    const NAMES: [&str; 5] = [
        "bsn",
        "bsnnummer",
        "burgerservice",
        "burgerservicenummer",
        "sofinummer",
    ];
    let is_written = number.is_bare() && number.is_named(&NAMES) || number.is_formed(&[4, 2, 3], b"..");
    let sum = number.weighed(&[9, 8, 7, 6, 5, 4, 3, 2]) + 11 - number.digit(8);
    is_written && !number.is_monotone() && sum.is_multiple_of(11)
}

/// Eleven digits: a day with the century in its month, four digits, and the check digit.
pub(crate) fn pl_pesel(number: &Number<'_>) -> bool {
    let sum = number.weighed(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    let is_day = is_day(number.value(4, 6), number.value(2, 4) % 20);
    number.is_bare() && is_day && (10 - sum % 10) % 10 == number.digit(10)
}

const PERSONNUMMER: [&str; 6] = [
    "personnummer",
    "personnumret",
    "personnr",
    "person-nr",
    "person-nummer",
    "ssn",
];

/// Ten digits, or twelve with the century: a day (that of a coordination number has 60 more), three digits, and the check digit (Luhn).
pub(crate) fn se_personnummer(number: &Number<'_>) -> bool {
    let century = number.digits.len().saturating_sub(10);
    let is_written = number.is_formed(&[6 + century as u8, 4], b"-") || number.is_bare();
    let is_year = century == 0 || (18..=20).contains(&number.value(0, 2));
    let month = number.value(century + 2, century + 4);
    let day = number.value(century + 4, century + 6);
    let is_day = is_day(day, month) || is_day(day.saturating_sub(60), month);
    // Without the hyphen, ten digits are often times, and twelve are where the last four are a time of a day in this century.
    let is_minute =
        number.value(century + 6, century + 8) < 24 && number.value(century + 8, century + 10) < 60;
    let is_time = century == 0 || number.value(0, 2) == 20 && is_minute;
    let is_told = !number.is_bare() || !is_time || number.is_named(&PERSONNUMMER);
    is_written && is_year && is_day && is_told && luhn(number.digits.get(century..).unwrap_or_default())
}

/// Eleven digits: a day, three digits, and the key of two, by 97; of those born from 2000 on with a 2 in front.
pub(crate) fn be_national_number(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_formed(&[2, 2, 2, 3, 2], b"..-.");
    let body = number.value(0, 9);
    let key = number.value(9, 11);
    let is_right = 97 - body % 97 == key || 97 - (2_000_000_000 + body) % 97 == key;
    is_written && is_day(number.value(4, 6), number.value(2, 4)) && is_right
}

/// Eleven digits: a day (that of a D number has 40 more), three digits, and two check digits, by 11.
pub(crate) fn no_fodselsnummer(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_formed(&[6, 5], b" ");
    let day = number.value(0, 2);
    let is_day = is_day(if day > 40 { day - 40 } else { day }, number.value(2, 4));
    let check = |weights: &[u32]| (11 - number.weighed(weights) % 11) % 11;
    let first = check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == number.digit(9);
    is_written && is_day && first && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == number.digit(10)
}

/// Thirteen digits that begin with 756, the last of which is the check digit (EAN-13).
pub(crate) fn ch_ahv(number: &Number<'_>) -> bool {
    let is_written = number.is_bare() || number.is_formed(&[3, 4, 4, 2], b"...");
    let sum = number.weighed(&[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    is_written && number.value(0, 3) == 756 && (10 - sum % 10) % 10 == number.digit(12)
}
