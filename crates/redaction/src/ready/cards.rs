//! Payment cards and bank accounts.

use super::number::{Number, luhn};
use super::{before, is_word};

/// Digits 13 to 19 (ISO/IEC 7812-1).
pub(crate) fn credit_card(number: &Number<'_>) -> bool {
    let is_separated = |lengths: &[u8]| number.is_grouped(lengths, b" -");
    let is_grouped = || match number.digits.len() {
        13..=15 if is_separated(&[4, 6, 4]) || is_separated(&[4, 6, 5]) => true,
        13 => is_separated(&[4, 4, 4, 1]),
        14 => is_separated(&[4, 4, 4, 2]),
        15 => is_separated(&[4, 4, 4, 3]),
        16 => is_separated(&[4, 4, 4, 4]),
        17 => is_separated(&[4, 4, 4, 4, 1]),
        18 => is_separated(&[4, 4, 4, 4, 2]),
        _ => is_separated(&[4, 4, 4, 4, 3]) || is_separated(&[6, 13]),
    };
    is_issued(number) && luhn(number.digits) && (number.is_bare() || is_grouped())
}

/// Whether an issuer has numbers that begin so and are so long.
fn is_issued(number: &Number<'_>) -> bool {
    let six = number.value(0, 6);
    let (four, three, two) = (six / 100, six / 1_000, six / 10_000);
    let is_diners = matches!(two, 36 | 38 | 39) || matches!(three, 300..=305);
    let is_maestro = matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763);
    match number.digits.len() {
        // Visa.
        13 | 16 | 19 if two / 10 == 4 => true,
        // American Express.
        15 if matches!(two, 34 | 37) => true,
        // Mastercard.
        16 if matches!(two, 51..=55) || matches!(six, 222_100..=272_099) => true,
        14 if is_diners => true,
        16..=19 => {
            let discover = matches!(two, 64 | 65) || four == 6011;
            let jcb = matches!(four, 3528..=3589);
            let union_pay = matches!(two, 62 | 81);
            let (mir, ru_pay) = (matches!(four, 2200..=2204), two == 60 || two == 82);
            discover || jcb || union_pay || mir || ru_pay || is_diners || is_maestro
        }
        13..=15 => is_maestro,
        _ => false,
    }
}

/// Lengths of account numbers by country (ISO 13616, registry of SWIFT), in groups of six bytes: two letters, and so many characters.
const LENGTHS: [(&[u8; 2], usize); 89] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The mark is the first letter.
pub(crate) fn iban(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if before(text, at).is_some_and(is_word) {
        return None;
    }
    let country = text.get(at..at + 2)?;
    let (_, length) = LENGTHS
        .iter()
        .find(|(letters, _)| letters.as_slice() == country)?;
    let (mut count, mut end, mut rest) = (0, at, 0_u32);
    let mut head = [0; 4];
    // The first four characters count as the last (ISO 13616, annex A).
    while count < *length {
        let byte = text.get(end).copied()?;
        let is_gap =
            byte == b' ' && count % 4 == 0 && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
        if !is_gap {
            if let Some(slot) = head.get_mut(count) {
                *slot = byte;
            } else {
                rest = remainder(rest, byte)?;
            }
            count += 1;
        }
        end += 1;
    }
    for byte in head {
        rest = remainder(rest, byte)?;
    }
    let is_whole = !text.get(end).copied().is_some_and(is_word);
    (rest == 1 && is_whole).then_some((at, end))
}

/// The remainder by 97 (ISO/IEC 7064) with one more character; letters are 10 to 35.
fn remainder(rest: u32, byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some((rest * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u32::from(byte - b'A') + 10) % 97),
        _ => None,
    }
}
