//! Payment cards.

use super::{ends_word, starts_word};

/// Digits of a card number (ISO/IEC 7812-1).
const FEWEST: usize = 13;
const MOST: usize = 19;

/// The mark is the first digit.
pub(crate) fn credit_card(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if !starts_word(text, at) {
        return None;
    }
    let mut digits = [0; MOST];
    let (mut count, mut end) = (0, at);
    let (mut groups, mut separator) = ([0_usize; 5], None);
    let mut group = 0;
    loop {
        match text.get(end) {
            Some(digit) if digit.is_ascii_digit() => {
                *digits.get_mut(count)? = digit - b'0';
                count += 1;
                *groups.get_mut(group)? += 1;
            }
            Some(byte @ (b' ' | b'-'))
                if count > 0
                    && group < 4
                    && separator.unwrap_or(*byte) == *byte
                    && text.get(end + 1).is_some_and(u8::is_ascii_digit) =>
            {
                separator = Some(*byte);
                group += 1;
            }
            _ => break,
        }
        end += 1;
    }
    let digits = digits.get(..count)?;
    let is_grouped = matches!(
        groups,
        [_, 0, 0, 0, 0] | [4, 4, 4, 1..=4, 0] | [4, 6, 4..=5, 0, 0] | [4, 4, 4, 4, 1..=3]
    );
    let is_card = count >= FEWEST && is_grouped && is_issued(digits) && luhn(digits) && ends_word(text, end);
    is_card.then_some((at, end))
}

/// Whether an issuer has numbers that begin so and are so long.
fn is_issued(digits: &[u8]) -> bool {
    let six = digits
        .iter()
        .take(6)
        .fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    let (four, three, two) = (six / 100, six / 1_000, six / 10_000);
    match digits.len() {
        13 | 16 | 19 if two / 10 == 4 => true,
        15 => matches!(two, 34 | 37),
        14 if matches!(two, 36 | 38 | 39) || matches!(three, 300..=305) => true,
        16 if matches!(two, 51..=55) || matches!(six, 222_100..=272_099) => true,
        16..=19 => {
            let discover = matches!(two, 64 | 65) || four == 6011 || matches!(six, 622_126..=622_925);
            let jcb = matches!(four, 3528..=3589);
            let diners = matches!(two, 36 | 38 | 39) || matches!(three, 300..=305);
            let others = matches!(two, 62 | 60 | 81) || matches!(four, 2200..=2204);
            discover || jcb || diners || others || is_maestro(four)
        }
        13..=19 => is_maestro(four),
        _ => false,
    }
}

fn is_maestro(four: u32) -> bool {
    matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
}

/// The check digit of ISO/IEC 7812-1, annex B.
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
