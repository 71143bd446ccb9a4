//! Which runs of letters and digits nobody would have chosen as a name.

use super::part::well_known;

/// For each letter those that often follow it. Together they are 97% of the pairs in the words of documentation and identifiers, and half
/// of all pairs that there could be.
const FOLLOWERS: [&[u8]; 26] = [
    b"abcdfgiklmnprstuvwxy",
    b"abceilorstu",
    b"acdefhiklmoprstuvy",
    b"acdefgilmoprstuvy",
    b"abcdefgiklmnopqrstuvwxy",
    b"acdefilorstuy",
    b"aeghilnorsu",
    b"adeimorstu",
    b"abcdefgklmnoprstvxz",
    b"e",
    b"aeist",
    b"acdefilopstuvy",
    b"abdeimopstu",
    b"abcdefgiklmnoprstuvy",
    b"abcdfgiklmnoprstuvwx",
    b"acdehiloprstuy",
    b"u",
    b"abcdefgiklmnoprstuvwy",
    b"acdefghiklmnoprstuwy",
    b"acdefhilmnoprstuxy",
    b"abcdefgilmnprst",
    b"aeio",
    b"aehinors",
    b"aceipt",
    b"imnps",
    b"aei",
];

/// What a run of letters and digits looks like.
#[derive(Debug, Default)]
pub(super) struct Looks {
    length: usize,
    letters: usize,
    numbers: usize,
    /// Runs of digits that are not the end of a well-known word, such as `s3`.
    digits: usize,
    upper: bool,
    lower: bool,
    /// Runs of upper case, of lower case and of digits.
    runs: usize,
    /// Letters beside each other, and how many of these pairs are rare.
    pairs: usize,
    rare: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
}

impl Looks {
    /// Looks at ASCII letters and digits.
    pub(super) fn at(part: &[u8]) -> Looks {
        let mut looks = Looks {
            length: part.len(),
            ..Looks::default()
        };
        let mut before: Option<(Class, u8)> = None;
        for (at, &byte) in part.iter().enumerate() {
            let class = class(byte);
            if before.is_none_or(|(other, _)| other != class) {
                looks.runs += 1;
                looks.digits += usize::from(class == Class::Digit && !ends_well_known(part, at));
            }
            match class {
                Class::Upper => looks.upper = true,
                Class::Lower => looks.lower = true,
                Class::Digit => looks.numbers += 1,
            }
            if class != Class::Digit {
                looks.letters += 1;
                looks.pair(before, byte);
            }
            before = Some((class, byte));
        }
        looks
    }

    /// Takes another part for more of the same.
    pub(super) fn add(&mut self, other: &Looks) {
        self.length += other.length;
        self.letters += other.letters;
        self.numbers += other.numbers;
        self.digits += other.digits;
        self.upper |= other.upper;
        self.lower |= other.lower;
        self.runs += other.runs;
        self.pairs += other.pairs;
        self.rare += other.rare;
    }

    fn pair(&mut self, before: Option<(Class, u8)>, byte: u8) {
        let Some((Class::Upper | Class::Lower, first)) = before else {
            return;
        };
        self.pairs += 1;
        let index = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'));
        let followers = FOLLOWERS.get(index).copied().unwrap_or_default();
        self.rare += usize::from(!followers.contains(&byte.to_ascii_lowercase()));
    }

    /// Whether nobody would have chosen it as a name. `prefixed`: it stands behind a word and an underscore, as ids of
    /// Stripe and its likes do.
    pub(super) fn random(&self, prefixed: bool) -> bool {
        self.broken_by_digits()
            || self.many_digits()
            || self.mixed()
            || self.rare_letters()
            || (prefixed && self.mixed_a_little())
    }

    /// Digits again and again, and few letters between them.
    fn broken_by_digits(&self) -> bool {
        let short = self.letters <= 3 * (self.digits + 1);
        short && (self.digits >= 3 || (self.digits == 2 && self.length >= 8))
    }

    /// Long, and a quarter of it digits in several places.
    fn many_digits(&self) -> bool {
        self.length >= 16 && self.digits >= 2 && self.numbers * 4 >= self.length
    }

    /// Changes between capitals, small letters and digits at every second place: words written as one have longer runs.
    fn mixed(&self) -> bool {
        self.length >= 10 && self.digits >= 1 && self.runs * 2 >= self.length
    }

    fn mixed_a_little(&self) -> bool {
        self.length >= 10 && self.digits >= 1 && self.upper && self.lower && self.runs * 5 >= self.length * 2
    }

    /// Pairs of letters that words do not have.
    fn rare_letters(&self) -> bool {
        let irregular = self.digits >= 1
            || (self.length >= 16 && self.upper && self.lower && self.runs * 2 >= self.length);
        irregular && self.length >= 10 && self.pairs >= 4 && self.rare * 3 >= self.pairs
    }

    /// Whether it has capitals, small letters and digits.
    pub(super) fn all_classes(&self) -> bool {
        self.upper && self.lower && self.numbers > 0
    }

    /// Whether it can be read: small letters, perhaps with a capital in front, in pairs that words have.
    pub(super) fn word(&self) -> bool {
        self.letters == self.length
            && self.length >= 3
            && self.lower
            && self.runs <= 2
            && self.rare * 4 <= self.pairs
    }
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Digit,
        b'A'..=b'Z' => Class::Upper,
        _ => Class::Lower,
    }
}

/// Whether the digits from `at` on end a well-known word, such as `utf8` in `decodeUtf8Text`.
fn ends_well_known(part: &[u8], at: usize) -> bool {
    let (before, rest) = part.split_at_checked(at).unwrap_or((part, &[]));
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    well_known(before, rest.get(..end).unwrap_or_default())
}
