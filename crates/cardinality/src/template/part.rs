//! The parts of one segment: what stands between `/`, spaces and other marks, taken apart at `-`, `_`, `.` and their likes.

use super::fixed::Output;
use super::random::Looks;
use super::shape;

/// How far an id with dashes and underscores in it is followed: bytes.
const LONGEST_TOKEN: usize = 128;

/// Numbers that belong to the word before them, with a dash or without.
const WELL_KNOWN: &[(&[u8], &[&[u8]])] = &[
    (b"sha", &[b"1", b"2", b"3", b"224", b"256", b"384", b"512"]),
    (b"aes", &[b"128", b"192", b"256"]),
    (b"base", &[b"16", b"32", b"58", b"62", b"64"]),
    (b"es", &[b"256", b"384", b"512", b"2015", b"2020"]),
    (b"rs", &[b"256", b"384", b"512"]),
    (b"hs", &[b"256", b"384", b"512"]),
    (b"ps", &[b"256", b"384", b"512"]),
    (b"ed", &[b"25519", b"448"]),
    (b"curve", &[b"25519"]),
    (b"x", &[b"25519", b"448", b"509", b"264", b"265", b"86"]),
    (b"h", &[b"2", b"3", b"261", b"263", b"264", b"265"]),
    (b"p", &[b"224", b"256", b"384", b"521"]),
    (b"i", &[b"386", b"486", b"586", b"686"]),
    (b"s", &[b"3", b"390"]),
    (b"ec", &[b"2"]),
    (b"md", &[b"4", b"5"]),
    (b"mp", &[b"3", b"4"]),
    (b"utf", &[b"7", b"8", b"16", b"32"]),
    (b"ipv", &[b"4", b"6"]),
    (b"http", &[b"1", b"2", b"3"]),
    (b"oauth", &[b"1", b"2"]),
    (b"int", &[b"8", b"16", b"32", b"64", b"128", b"256"]),
    (b"float", &[b"16", b"32", b"64", b"128"]),
    (b"iso", &[b"639", b"3166", b"4217", b"8601", b"8859", b"20022"]),
    (b"rfc", &[b"822", b"2822", b"3339", b"5424", b"7807", b"9457"]),
    (b"cp", &[b"437", b"850", b"1250", b"1251", b"1252"]),
    (b"windows", &[b"1250", b"1251", b"1252"]),
    (b"office", &[b"365"]),
    (b"v", &[b"1", b"2", b"3", b"4", b"5", b"6"]),
];

/// Letters after a number that make a measure of it.
const UNITS: &[&[u8]] = &[
    b"p", b"k", b"s", b"m", b"h", b"d", b"ms", b"us", b"ns", b"kb", b"mb", b"gb", b"px", b"x", b"w", b"th",
    b"bit",
];

/// Whether the number belongs to the word that `word` ends with. Stems of one or two letters have to begin a word of their own.
pub(super) fn well_known(word: &[u8], number: &[u8]) -> bool {
    let last = word.last().map(u8::to_ascii_lowercase);
    WELL_KNOWN.iter().any(|(stem, numbers)| {
        if stem.last() != last.as_ref() {
            return false;
        }
        let from = word.len().checked_sub(stem.len());
        let Some((front, tail)) = from.and_then(|from| word.split_at_checked(from)) else {
            return false;
        };
        let fits = tail.eq_ignore_ascii_case(stem) && numbers.contains(&number);
        fits && (stem.len() > 2 || begins(front, tail))
    })
}

/// Whether a word begins between the two: nothing before it, no letter, or a capital after a small letter.
fn begins(front: &[u8], tail: &[u8]) -> bool {
    let capital = tail.first().is_some_and(u8::is_ascii_uppercase);
    front
        .last()
        .is_none_or(|last| !last.is_ascii_alphabetic() || (capital && last.is_ascii_lowercase()))
}

/// What stands before a part in its segment.
#[derive(Clone, Copy)]
pub(super) enum Before<'a> {
    Nothing,
    Word(&'a [u8]),
    Placeholder,
}

/// What becomes of a part.
enum Verdict {
    Stays,
    /// From the given byte on.
    Becomes(usize, &'static str),
    /// A random id: what follows may belong to it.
    Random,
}

/// One segment of a text.
pub(super) struct Segment<'a> {
    /// All of the text.
    pub(super) text: &'a [u8],
    pub(super) end: usize,
    pub(super) before: Before<'a>,
}

impl<'a> Segment<'a> {
    fn bytes(&self, from: usize, to: usize) -> &'a [u8] {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Templates the segment from `at` on; says where it went on to, which may be beyond the end of the segment.
    pub(super) fn template(&mut self, mut at: usize, output: &mut Output<'_>) -> usize {
        if self.is_jwt(at) {
            return self.put(at, self.end, "{token}", output);
        }
        if let Some(length) = self.base64(at) {
            at = self.put(at, at + length, name_of(length), output);
        }
        let start = at;
        while at < self.end {
            let length = shape::span(self.bytes(at, self.end), part_byte);
            if length == 0 {
                at += 1;
                continue;
            }
            at = match self.several(start, at) {
                Some((length, placeholder)) => self.put(at, at + length, placeholder, output),
                None => self.one(at, at + length, output),
            };
        }
        at
    }

    fn put(&mut self, from: usize, to: usize, placeholder: &'static str, output: &mut Output<'_>) -> usize {
        if placeholder.is_empty() {
            self.before = Before::Word(self.bytes(from, to));
        } else {
            output.replace(from, to, placeholder);
            self.before = Before::Placeholder;
        }
        to
    }

    /// Three runs of base64url with points between them; the first is an object in JSON (RFC 7519, section 3).
    fn is_jwt(&self, at: usize) -> bool {
        let all = self.bytes(at, self.end);
        all.len() >= 30 && all.starts_with(b"eyJ") && all.contains(&b'.')
    }

    /// How long an id in base64url (RFC 4648, section 5) at the front is that has dashes or underscores in it: no part of it is a word, and
    /// together they are random.
    fn base64(&self, at: usize) -> Option<usize> {
        // Beside a placeholder it would be a piece of something that was looked at as a whole.
        if matches!(self.before, Before::Placeholder) || self.text.get(self.end) == Some(&b'{') {
            return None;
        }
        let rest = self.bytes(at, self.end.min(at + LONGEST_TOKEN + 1));
        let length = shape::span(rest, base64_byte);
        if !(16..=LONGEST_TOKEN).contains(&length) || rest.get(length).is_some_and(|byte| *byte != b'.') {
            return None;
        }
        let all = rest.get(..length)?;
        let mut parts = all.split(|byte| matches!(byte, b'-' | b'_'));
        // `ch_3MmlLrLkdIwHu7ix0snN0B15` keeps its front.
        let prefix = parts
            .clone()
            .next()
            .is_some_and(|front| front.iter().all(u8::is_ascii_lowercase));
        if prefix || parts.clone().count() == 1 {
            return None;
        }
        let mut looks = Looks::default();
        let no_word = parts.all(|part| {
            let part = Looks::at(part);
            looks.add(&part);
            !part.word()
        });
        (no_word && looks.all_classes() && looks.random(false)).then_some(length)
    }

    /// What goes over several parts. An empty placeholder: it stays.
    fn several(&self, start: usize, at: usize) -> Option<(usize, &'static str)> {
        let rest = self.bytes(at, self.text.len());
        let found = |placeholder| move |length: usize| (length, placeholder);
        if !rest.first()?.is_ascii_hexdigit() {
            return self.version(rest).or_else(|| self.pod(start, at));
        }
        shape::uuid(rest)
            .map(found("{uuid}"))
            .or_else(|| self.pod(start, at))
            .or_else(|| shape::time(rest).map(found("{time}")))
            .or_else(|| shape::ipv4(rest).map(found("{ip}")))
            .or_else(|| self.date(at, rest).map(found("{date}")))
            .or_else(|| self.dashed(rest).map(found("{ip}")))
            .or_else(|| self.version(rest))
            .or_else(|| decimal(rest).map(found("{id}")))
    }

    /// A date within the segment, or one over three segments from the start of this one on.
    fn date(&self, at: usize, rest: &[u8]) -> Option<usize> {
        let length = shape::date(rest)?;
        let starts =
            matches!(self.before, Before::Nothing) && self.text.get(at.wrapping_sub(1)) == Some(&b'/');
        (at + length <= self.end || starts).then_some(length)
    }

    fn version(&self, rest: &[u8]) -> Option<(usize, &'static str)> {
        if matches!(self.before, Before::Placeholder) {
            return None;
        }
        shape::version(rest).map(|length| (length, ""))
    }

    fn pod(&self, start: usize, at: usize) -> Option<(usize, &'static str)> {
        let behind_dash = at > start && self.text.get(at - 1) == Some(&b'-');
        let fits =
            behind_dash && matches!(self.before, Before::Word(_)) && shape::pod(self.bytes(at, self.end));
        fits.then(|| (self.end - at, "{pod}"))
    }

    fn dashed(&self, rest: &[u8]) -> Option<usize> {
        match self.before {
            Before::Word(b"ip" | b"IP") => shape::ipv4_dashed(rest),
            _ => None,
        }
    }

    /// One part alone; says where to go on.
    fn one(&mut self, at: usize, end: usize, output: &mut Output<'_>) -> usize {
        let part = self.bytes(at, end);
        match self.verdict(at, part) {
            Verdict::Stays => self.put(at, end, "", output),
            Verdict::Becomes(from, placeholder) => self.put(at + from, end, placeholder, output),
            Verdict::Random => {
                let end = self.follow(end);
                self.put(at, end, name_of(end - at), output)
            }
        }
    }

    fn verdict(&self, at: usize, part: &[u8]) -> Verdict {
        if shape::digits(part) == part.len() {
            return self.number(at, part);
        }
        if !part.is_ascii() {
            return Verdict::Stays;
        }
        if let Some(verdict) = hexadecimal(part) {
            return verdict;
        }
        let looks = Looks::at(part);
        let behind_underscore = self.text.get(at.wrapping_sub(1)) == Some(&b'_');
        if looks.random(behind_underscore && matches!(self.before, Before::Word(_))) {
            return Verdict::Random;
        }
        letters_and_digits(part)
    }

    /// A number: after a word up to two digits are part of the name.
    fn number(&self, at: usize, part: &[u8]) -> Verdict {
        let stays = match self.before {
            Before::Word(word) => part.len() <= 2 || well_known(word, part),
            Before::Placeholder => false,
            // `2-factor`, but not `7.json` and not `7-x2x4z`.
            Before::Nothing => part.len() == 1 && self.word_follows(at + 1),
        };
        if stays {
            Verdict::Stays
        } else {
            Verdict::Becomes(0, "{id}")
        }
    }

    /// Whether a dash and letters alone come next.
    fn word_follows(&self, at: usize) -> bool {
        let rest = self.bytes(at, self.end);
        let Some((b'-' | b'_', behind)) = rest.split_first() else {
            return false;
        };
        let word = shape::span(behind, part_byte);
        let letters = shape::span(behind, |byte| byte.is_ascii_alphabetic());
        (1..16).contains(&letters) && letters == word
    }

    /// Where an id in base64url ends that goes on behind a dash or an underscore: at the end of the segment or at a point, unless there
    /// is a word in between.
    fn follow(&self, end: usize) -> usize {
        let rest = self.bytes(end, self.end.min(end + LONGEST_TOKEN + 1));
        let length = shape::span(rest, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
        });
        let more = rest.get(..length).unwrap_or_default();
        let complete = length <= LONGEST_TOKEN && rest.get(length).is_none_or(|byte| *byte == b'.');
        let mut parts = more.split(|byte| matches!(byte, b'-' | b'_'));
        if complete && !parts.any(|part| Looks::at(part).word()) {
            end + length
        } else {
            end
        }
    }
}

/// Letters and digits, and all that is not ASCII.
fn part_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn base64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// What a random id of this length is called.
fn name_of(length: usize) -> &'static str {
    if length >= 32 { "{token}" } else { "{id}" }
}

/// A number with a fraction.
fn decimal(text: &[u8]) -> Option<usize> {
    let whole = shape::digits(text);
    let fraction = shape::digits(text.get(whole + 1..)?);
    let end = whole + 1 + fraction;
    let next = text.get(end);
    let ended = next.is_none_or(|byte| !part_byte(*byte) && *byte != b'.');
    (whole > 0 && text.get(whole) == Some(&b'.') && fraction > 0 && ended).then_some(end)
}

/// Hashes, and ids that are hexadecimal.
fn hexadecimal(part: &[u8]) -> Option<Verdict> {
    let sid = matches!(part, [first, second, rest @ ..]
        if first.is_ascii_uppercase() && second.is_ascii_uppercase() && rest.len() == 32 && hex(rest));
    if sid {
        return Some(Verdict::Becomes(2, "{id}"));
    }
    if let Some(number) = part.strip_prefix(b"0x") {
        return (number.len() >= 8 && hex(number)).then_some(Verdict::Becomes(0, "{hash}"));
    }
    if part.len() < 7 || !hex(part) || !part.iter().any(u8::is_ascii_digit) {
        return None;
    }
    // Mixed case is no hash, it is chance.
    if part.iter().any(u8::is_ascii_uppercase) && part.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    match part.len() {
        7 if digit_runs(part) < 2 => None,
        24 => Some(Verdict::Becomes(0, "{id}")),
        32 => Some(Verdict::Becomes(0, "{uuid}")),
        _ if short_number_behind_word(part) => None,
        _ => Some(Verdict::Becomes(0, "{hash}")),
    }
}

fn hex(part: &[u8]) -> bool {
    part.iter().all(u8::is_ascii_hexdigit)
}

fn digit_runs(part: &[u8]) -> usize {
    part.chunk_by(|first, second| first.is_ascii_digit() == second.is_ascii_digit())
        .filter(|run| run.first().is_some_and(u8::is_ascii_digit))
        .count()
}

/// `facade12`.
fn short_number_behind_word(part: &[u8]) -> bool {
    let letters = shape::span(part, |byte| byte.is_ascii_alphabetic());
    letters + 2 >= part.len()
}

/// Letters and then digits, or digits and then letters; what is mixed further and not random stays.
fn letters_and_digits(part: &[u8]) -> Verdict {
    let letters = shape::span(part, |byte| byte.is_ascii_alphabetic());
    let (word, behind) = part.split_at_checked(letters).unwrap_or((part, &[]));
    let numbers = shape::digits(behind);
    if numbers < behind.len() {
        return if letters == 0 {
            digits_first(behind, numbers)
        } else {
            Verdict::Stays
        };
    }
    if numbers <= 2 || well_known(word, behind) {
        return Verdict::Stays;
    }
    if letters == 1 && numbers >= 6 && word.first().is_some_and(u8::is_ascii_uppercase) {
        return Verdict::Becomes(0, "{id}");
    }
    let date = shape::date_front(behind) == Some(behind.len());
    Verdict::Becomes(letters, if date { "{date}" } else { "{id}" })
}

fn digits_first(part: &[u8], numbers: usize) -> Verdict {
    let behind = part.get(numbers..).unwrap_or_default();
    let letters = shape::span(behind, |byte| byte.is_ascii_alphabetic());
    let measure = numbers <= 4 && UNITS.iter().any(|unit| unit.eq_ignore_ascii_case(behind));
    if numbers <= 2 || letters < behind.len() || measure {
        return Verdict::Stays;
    }
    Verdict::Becomes(0, "{id}")
}
