//! Numbers with letters in them.

use crate::ready::number::is_day;
use crate::ready::{ends_word, starts_word};

/// Digits at a place, as a number.
fn value(text: &[u8], from: usize, length: usize) -> Option<u64> {
    let digits = text.get(from..from + length)?;
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
    })
}

fn whole(text: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    (starts_word(text, at) && ends_word(text, end)).then_some((at, end))
}

/// Spain: eight digits and a letter (DNI), or X, Y or Z, seven digits and a letter (NIE); the letter is the remainder by 23. The mark is
/// the first character.
pub(crate) fn es_dni(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let hyphen = |at: usize| usize::from(text.get(at) == Some(&b'-'));
    let (number, end) = match text.get(at)?.to_ascii_uppercase() {
        letter @ b'X'..=b'Z' => {
            let digits = at + 1 + hyphen(at + 1);
            (
                u64::from(letter - b'X') * 10_000_000 + value(text, digits, 7)?,
                digits + 7,
            )
        }
        _ => (value(text, at, 8)?, at + 8),
    };
    let end = end + hyphen(end);
    let letter = b"TRWAGMYFPDXBNJZSQVHLCKE".get((number % 23) as usize)?;
    let is_right = text.get(end)?.to_ascii_uppercase() == *letter;
    whole(text, at, end + 1).filter(|_| is_right)
}

/// Italy: sixteen characters (six letters, year, month, day, place, check letter). Digits may be letters, where two persons would have
/// the same. The mark is the first.
pub(crate) fn it_codice_fiscale(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let bytes = text.get(at..at + 16)?;
    let mut sum = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let byte = byte.to_ascii_uppercase();
        let is_letter = matches!(index, 0..=5 | 8 | 11 | 15);
        let is_right = match is_letter {
            true => byte.is_ascii_uppercase(),
            false => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte),
        };
        let is_month = index != 8 || b"ABCDEHLMPRST".contains(&byte);
        if !is_right || !is_month {
            return None;
        }
        let place = u32::from(if byte.is_ascii_digit() {
            byte - b'0'
        } else {
            byte - b'A'
        });
        sum += match index {
            15 if sum % 26 != place => return None,
            15 => 0,
            // Counted from one, these are the odd places.
            index if index % 2 == 0 => ODD.get(place as usize).copied()?,
            _ => place,
        };
    }
    whole(text, at, at + 16)
}

/// Finland: a day, a sign for the century, three digits, and a check by 31. The mark is the first digit.
pub(crate) fn fi_henkilotunnus(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (day, individual) = (value(text, at, 6)?, value(text, at + 7, 3)?);
    let is_sign = matches!(text.get(at + 6)?, b'+' | b'-' | b'A'..=b'F' | b'U'..=b'Y');
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(((day * 1_000 + individual) % 31) as usize)?;
    let is_right = text.get(at + 10) == Some(check) && is_day(day / 10_000, day / 100 % 100);
    whole(text, at, at + 11).filter(|_| is_sign && is_right && individual >= 2)
}

/// Singapore: S, T, F or G, seven digits, and a check letter. The mark is the first letter.
pub(crate) fn sg_nric(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *text.get(at)?;
    let digits = value(text, at + 1, 7)?;
    let weights = [2, 3, 4, 5, 6, 7, 2];
    let places = weights.iter().scan(digits, |rest, weight| {
        let digit = *rest % 10;
        *rest /= 10;
        Some(digit * weight)
    });
    let (more, letters): (u64, &[u8; 11]) = match first {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return None,
    };
    let sum = places.sum::<u64>() + more;
    let letter = letters.get((sum % 11) as usize)?;
    whole(text, at, at + 9).filter(|_| text.get(at + 8) == Some(letter))
}
