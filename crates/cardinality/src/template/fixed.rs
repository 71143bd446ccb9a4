//! The fixed rules, over all of a text.

use super::part::{Before, Segment};
use super::{MAX_LENGTH, shape, sql};

/// A shorter segment without digits cannot be an id.
const LONG_SEGMENT: usize = 20;

/// The longest placeholder that is known as one: bytes.
const LONGEST_PLACEHOLDER: usize = 64;

/// Templates `text` by the fixed rules alone: whether something changed. If so `out` holds the result, else it is empty and the
/// text is to be used as it is. Texts above [`MAX_LENGTH`] never change.
pub fn fixed(text: &str, out: &mut String) -> bool {
    out.clear();
    if text.len() > MAX_LENGTH || plain(text.as_bytes()) {
        return false;
    }
    if sql::is_statement(text) {
        return sql::template(text, out);
    }
    let mut scan = Scan {
        text: text.as_bytes(),
        previous: (0, 0),
        placeholder: None,
        output: Output { text, copied: 0, out },
    };
    scan.run();
    scan.output.finish()
}

/// Whether nothing in the text can be an id, seen in one pass.
fn plain(text: &[u8]) -> bool {
    let mut run = 0;
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                run += 1;
                if run >= LONG_SEGMENT {
                    return false;
                }
            }
            b'0'..=b'9' | b'@' | b'\'' | b'?' => return false,
            _ => run = 0,
        }
    }
    true
}

/// Bytes that are in a segment and do not separate two.
pub(super) fn segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'~' | b'$') || byte >= 0x80
}

/// Whether one digit in the next segment is a version.
pub(super) fn comes_with_version(word: &[u8]) -> bool {
    matches!(word, b"api" | b"rest" | b"apis" | b"version")
}

/// What is written of a text: what was replaced, and what stands between as it is.
pub(super) struct Output<'a> {
    text: &'a str,
    copied: usize,
    out: &'a mut String,
}

impl Output<'_> {
    pub(super) fn replace(&mut self, from: usize, to: usize, placeholder: &str) {
        self.out
            .push_str(self.text.get(self.copied..from).unwrap_or_default());
        self.out.push_str(placeholder);
        self.copied = to;
    }

    fn finish(self) -> bool {
        if self.copied == 0 {
            return false;
        }
        self.out
            .push_str(self.text.get(self.copied..).unwrap_or_default());
        true
    }
}

struct Scan<'a> {
    text: &'a [u8],
    /// Where the segment before began and ended.
    previous: (usize, usize),
    /// Where the last placeholder ended.
    placeholder: Option<usize>,
    output: Output<'a>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(&byte) = self.text.get(at) {
            at = match byte {
                b'{' => self.braced(at),
                b'[' => self.wide(at).unwrap_or(at + 1),
                b'%' if self.escaped(at) => at + 3,
                _ if segment_byte(byte) => self.wide(at).unwrap_or_else(|| self.segment(at)),
                _ => at + 1,
            };
        }
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.text.get(at..).unwrap_or_default()
    }

    fn escaped(&self, at: usize) -> bool {
        matches!(self.rest(at), [_, first, second, ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit())
    }

    fn put(&mut self, from: usize, to: usize, placeholder: &'static str) -> usize {
        self.output.replace(from, to, placeholder);
        self.placeholder = Some(to);
        self.previous = (from, to);
        to
    }

    /// A placeholder that is there stays; a UUID or a number in braces becomes one.
    fn braced(&mut self, at: usize) -> usize {
        let rest = self.rest(at + 1);
        let window = rest
            .get(..rest.len().min(LONGEST_PLACEHOLDER))
            .unwrap_or_default();
        let length = shape::span(window, |byte| {
            !matches!(byte, b'{' | b'}' | b'/' | b' ' | b'"' | b'(' | b'\'')
        });
        let Some((inside, [b'}', ..])) = window.split_at_checked(length) else {
            return at + 1;
        };
        let end = at + length + 2;
        if length == 36 && shape::uuid(inside).is_some() {
            return self.put(at, end, "{uuid}");
        }
        if length > 0 && shape::digits(inside) == length {
            return self.put(at, end, "{id}");
        }
        match inside {
            [first, ..] if first.is_ascii_alphabetic() || matches!(first, b'*' | b'+' | b'_' | b'$') => {
                self.placeholder = Some(end);
                end
            }
            _ => at + 1,
        }
    }

    /// What goes beyond one segment: addresses.
    fn wide(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest(at);
        // Behind a colon it would be a piece of something longer.
        let piece = at > 0 && self.text.get(at - 1) == Some(&b':');
        if !piece && let Some(length) = shape::ipv6(rest) {
            return Some(self.put(at, at + length, "{ip}"));
        }
        if let Some(length) = shape::mac(rest) {
            return Some(self.put(at, at + length, "{mac}"));
        }
        let local = shape::span(rest, segment_byte);
        let length = shape::email(rest, local)?;
        Some(self.put(at, at + length, "{email}"))
    }

    fn segment(&mut self, at: usize) -> usize {
        let length = shape::span(self.rest(at), segment_byte);
        let end = at + length;
        let bytes = self.text.get(at..end).unwrap_or_default();
        let to = if self.nothing_to_find(bytes) || self.is_version_of_api(at, bytes) {
            end
        } else {
            let before = if self.placeholder == Some(at) {
                Before::Placeholder
            } else {
                Before::Nothing
            };
            let mut segment = Segment {
                text: self.text,
                end,
                before,
            };
            let to = segment.template(at, &mut self.output);
            if matches!(segment.before, Before::Placeholder) {
                self.placeholder = Some(to);
            }
            to
        };
        self.previous = (at, to);
        to
    }

    fn nothing_to_find(&self, segment: &[u8]) -> bool {
        segment.len() < LONG_SEGMENT && !segment.iter().any(u8::is_ascii_digit)
    }

    /// One digit after `api`, or at the start of a path: `/rest/api/2/issue`, `/2/users`.
    fn is_version_of_api(&self, at: usize, segment: &[u8]) -> bool {
        if segment.len() != 1 || at == 0 || self.text.get(at - 1) != Some(&b'/') {
            return false;
        }
        let (from, to) = self.previous;
        let word = self.text.get(from..to).unwrap_or_default();
        if to + 1 == at && comes_with_version(word) {
            return true;
        }
        let starts = at == 1 || self.text.get(at - 2) == Some(&b' ');
        let goes_on = self.rest(at + 1).strip_prefix(b"/").is_some_and(|path| {
            let word = shape::span(path, |byte| byte.is_ascii_lowercase());
            (1..LONG_SEGMENT).contains(&word) && matches!(path.get(word), None | Some(b'/' | b' ' | b'?'))
        });
        starts && goes_on
    }
}
