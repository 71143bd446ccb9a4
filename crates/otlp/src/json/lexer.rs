//! The tokens of JSON (RFC 8259), pulled one at a time from the text. Strings without escapes are borrowed.

use std::borrow::Cow;

use super::error::{Failure, JsonErrorKind};

/// How deep the value of an unknown field may nest: what keeps the stack bounded.
pub(super) const MAX_SKIPPED_NESTING: usize = 100;

/// Reads a text from front to back.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, position: 0 }
    }

    /// Where the next token starts, white space skipped: what an error about it points at.
    pub(super) fn here(&mut self) -> usize {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
        self.position
    }

    /// The first byte of the next token.
    pub(super) fn peek(&mut self) -> Result<u8, Failure> {
        self.here();
        self.byte().ok_or_else(|| self.fail(JsonErrorKind::End))
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.here();
        if self.byte().is_none() {
            Ok(())
        } else {
            Err(self.fail(JsonErrorKind::Trailing))
        }
    }

    /// Takes the one-byte token `byte`, described by `what` if it is not there.
    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Failure> {
        if self.peek()? != byte {
            return Err(self.fail(JsonErrorKind::Expected(what)));
        }
        self.position += 1;
        Ok(())
    }

    /// The next key of an object whose brace is open and its colon, or nothing after the closing brace.
    pub(super) fn next_key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Failure> {
        if !self.next_member(b'}', "a comma or a closing brace", first)? {
            return Ok(None);
        }
        let key = self.string("a key in quotes")?;
        self.expect(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Whether an array whose bracket is open has another element; the closing bracket is taken.
    pub(super) fn next_element(&mut self, first: &mut bool) -> Result<bool, Failure> {
        self.next_member(b']', "a comma or a closing bracket", first)
    }

    fn next_member(&mut self, close: u8, what: &'static str, first: &mut bool) -> Result<bool, Failure> {
        let byte = self.peek()?;
        if byte == close {
            self.position += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            if byte != b',' {
                return Err(self.fail(JsonErrorKind::Expected(what)));
            }
            self.position += 1;
            if self.peek()? == close {
                return Err(self.fail(JsonErrorKind::Expected("a value after the comma")));
            }
        }
        Ok(true)
    }

    /// Takes `null` if it is next.
    pub(super) fn null(&mut self) -> Result<bool, Failure> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.word("null")?;
        Ok(true)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, Failure> {
        match self.peek()? {
            b't' => self.word("true").map(|()| true),
            b'f' => self.word("false").map(|()| false),
            _ => Err(self.fail(JsonErrorKind::Expected("true or false"))),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Failure> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fail(JsonErrorKind::Expected("a value")));
        }
        self.position += word.len();
        Ok(())
    }

    /// A number as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Failure> {
        let start = self.here();
        let length = number_length(self.rest()).ok_or_else(|| self.fail(JsonErrorKind::Number))?;
        self.position += length;
        Ok(self.text.get(start..self.position).unwrap_or_default())
    }

    /// A string with its escapes resolved. `what` describes it if it is not there.
    pub(super) fn string(&mut self, what: &'static str) -> Result<Cow<'a, str>, Failure> {
        self.expect(b'"', what)?;
        let start = self.position;
        self.run()?;
        let plain = self.text.get(start..self.position).unwrap_or_default();
        if self.byte() == Some(b'"') {
            self.position += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut owned = plain.to_string();
        while self.byte() == Some(b'\\') {
            owned.push(self.escape()?);
            let start = self.position;
            self.run()?;
            owned.push_str(self.text.get(start..self.position).unwrap_or_default());
        }
        self.position += 1;
        Ok(Cow::Owned(owned))
    }

    /// Moves over the characters of a string up to its end or the next escape.
    fn run(&mut self) -> Result<(), Failure> {
        let rest = self.rest();
        let plain = rest
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        self.position += plain.unwrap_or(rest.len());
        match self.byte() {
            None => Err(self.fail(JsonErrorKind::End)),
            Some(b'"' | b'\\') => Ok(()),
            Some(_) => Err(self.fail(JsonErrorKind::Control)),
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        let start = self.position;
        let letter = self.text.as_bytes().get(start + 1).copied();
        self.position += 2;
        let plain = match letter {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                return self
                    .unicode()
                    .ok_or_else(|| Failure::new(JsonErrorKind::Escape, start));
            }
            _ => return Err(Failure::new(JsonErrorKind::Escape, start)),
        };
        Ok(plain)
    }

    /// The rest of `\uXXXX`, and of the `\uXXXX` that has to follow the first half of a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest().strip_prefix(b"\\u")?;
        self.position += 2;
        let low = self
            .four_digits()?
            .checked_sub(0xdc00)
            .filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest().first_chunk::<4>()?;
        let value = digits.iter().try_fold(0, |value, &digit| {
            Some(value << 4 | char::from(digit).to_digit(16)?)
        });
        self.position += 4;
        value
    }

    /// Moves over a value of any type, which is `depth` levels deep in the unknown field, counted from 1.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Failure> {
        if depth > MAX_SKIPPED_NESTING {
            return Err(self.fail(JsonErrorKind::Depth));
        }
        let mut first = true;
        match self.peek()? {
            b'{' => {
                self.position += 1;
                while self.next_key(&mut first)?.is_some() {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            b'[' => {
                self.position += 1;
                while self.next_element(&mut first)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            b'"' => self.string("a string").map(drop),
            b'n' => self.word("null"),
            b't' | b'f' => self.boolean().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => Err(self.fail(JsonErrorKind::Expected("a value"))),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    /// An error at the current position.
    #[cold]
    pub(super) fn fail(&self, kind: JsonErrorKind) -> Failure {
        Failure::new(kind, self.position)
    }
}

/// How many bytes the number at the start of `text` has: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
pub(super) fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len())
    };
    let at = |position: usize| text.get(position).copied();
    let mut end = usize::from(at(0) == Some(b'-'));
    let whole = digits(end);
    if whole == 0 || (whole > 1 && at(end) == Some(b'0')) {
        return None;
    }
    end += whole;
    if at(end) == Some(b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(at(end), Some(b'e' | b'E')) {
        end += 1 + usize::from(matches!(at(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end);
        if exponent == 0 {
            return None;
        }
        end += exponent;
    }
    Some(end)
}
