//! Where the words of SQL end.

use super::Dialect;
use memchr::{memchr, memmem};

/// What stands at a place, up to which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A comment.
    Comment(usize),
    /// A literal.
    Literal(usize),
    /// A name, a word of the language, or a placeholder.
    Word(usize),
    /// Anything else: one byte.
    Other(usize),
    /// Nobody can say: the rest is to be hidden.
    Unclear,
}

/// The token that stands at a place within the text.
pub(super) fn token(text: &[u8], at: usize, dialect: Dialect) -> Token {
    let (Some(first), next) = (text.get(at).copied(), text.get(at + 1).copied()) else {
        return Token::Unclear;
    };
    match first {
        b'-' if next == Some(b'-') => line(text, at),
        b'/' if next == Some(b'*') => comment(text, at),
        b'#' if dialect == Dialect::MySql => line(text, at),
        // To some the beginning of a comment, to others part of a name or an operator.
        b'#' if dialect == Dialect::Unknown => Token::Unclear,
        b'\'' => quoted(text, at, dialect == Dialect::MySql, dialect),
        b'"' => match dialect {
            Dialect::MySql => quoted(text, at, true, dialect),
            Dialect::Unknown => quoted(text, at, false, dialect),
            _ => name(text, at, b'"'),
        },
        b'`' => name(text, at, b'`'),
        b'[' if dialect == Dialect::SqlServer => name(text, at, b']'),
        b'$' if dialect != Dialect::MySql => dollar(text, at),
        b'0'..=b'9' => Token::Literal(number(text, at)),
        b'.' if next.is_some_and(|byte| byte.is_ascii_digit()) && !follows_name(text, at) => {
            Token::Literal(number(text, at))
        }
        b':' | b'@' | b'?' | b'%' | b'$' => Token::Word(word_end(text, at + 1)),
        first if is_word(first) => word(text, at, dialect),
        _ => Token::Other(at + 1),
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#') || byte >= 0x80
}

fn follows_name(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    before.is_some_and(|byte| is_word(byte) || matches!(byte, b'"' | b'`' | b']'))
}

fn word_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_word(**byte)).count()
}

/// A word, or the letters before a literal that belong to it: `N'..'`, `x'..'`, `E'..'`, `_utf8'..'`, `U&'..'`, `q'[..]'`.
fn word(text: &[u8], at: usize, dialect: Dialect) -> Token {
    let end = word_end(text, at);
    let letters = text.get(at..end).unwrap_or_default();
    let is_one_of = |words: &[&[u8]]| words.iter().any(|word| letters.eq_ignore_ascii_case(word));
    let quote = match text.get(end..) {
        Some([b'\'', ..]) => end,
        Some([b'&', b'\'', ..]) if is_one_of(&[b"u"]) => end + 1,
        _ => return Token::Word(end),
    };
    let has_escapes = dialect == Dialect::MySql || is_one_of(&[b"e"]) && dialect == Dialect::PostgreSql;
    let is_oracle = matches!(dialect, Dialect::Standard | Dialect::Unknown);
    if is_oracle && is_one_of(&[b"q", b"nq"]) {
        return alternative(text, quote);
    }
    let is_prefix =
        is_one_of(&[b"n", b"b", b"x", b"e", b"u", b"r", b"rb", b"br"]) || letters.first() == Some(&b'_');
    // A quote within a name, or a word that runs into its literal.
    if !is_prefix && dialect == Dialect::Unknown {
        return Token::Unclear;
    }
    match is_prefix {
        true => quoted(text, quote, has_escapes, dialect),
        false => Token::Word(end),
    }
}

/// Oracle's `q'[it's]'`.
fn alternative(text: &[u8], quote: usize) -> Token {
    let Some(open) = text.get(quote + 1) else {
        return Token::Unclear;
    };
    let close = match open {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        b'<' => b'>',
        other => *other,
    };
    find(text, quote + 2, &[close, b'\'']).map_or(Token::Unclear, Token::Literal)
}

/// The end of what begins with a quote, in which that quote twice is one.
fn quoted(text: &[u8], at: usize, has_escapes: bool, dialect: Dialect) -> Token {
    let quote = text.get(at).copied().unwrap_or_default();
    let mut index = at + 1;
    while let Some(byte) = text.get(index) {
        index += match *byte {
            b'\\' if has_escapes => 2,
            // Either an escaped quote or the end.
            b'\\' if dialect == Dialect::Unknown && text.get(index + 1) == Some(&quote) => {
                return Token::Unclear;
            }
            byte if byte == quote && text.get(index + 1) == Some(&quote) => 2,
            byte if byte == quote => return Token::Literal(index + 1),
            _ => 1,
        };
    }
    Token::Unclear
}

/// A quoted name; one without an end may be anything.
fn name(text: &[u8], at: usize, close: u8) -> Token {
    let mut index = at + 1;
    while let Some(found) = text.get(index..).and_then(|rest| memchr(close, rest)) {
        index += found + 1;
        if text.get(index) != Some(&close) {
            return Token::Word(index);
        }
        index += 1;
    }
    Token::Unclear
}

/// `$1` is a placeholder, `$tag$..$tag$` text.
fn dollar(text: &[u8], at: usize) -> Token {
    let is_tag = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let length = text
        .get(at + 1..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| is_tag(byte))
        .count();
    let behind = at + 1 + length;
    let is_number = text.get(at + 1).is_some_and(u8::is_ascii_digit);
    if text.get(behind) != Some(&b'$') || is_number {
        return Token::Word(word_end(text, at + 1));
    }
    let tag = text.get(at..behind + 1).unwrap_or_default();
    find(text, behind + 1, tag).map_or(Token::Unclear, Token::Literal)
}

/// Comments may stand within one another. One without an end goes on to the end of the text.
fn comment(text: &[u8], at: usize) -> Token {
    let (mut depth, mut index) = (1_usize, at + 2);
    while let Some(pair) = text.get(index..index + 2) {
        let step = match pair {
            b"/*" => depth.saturating_add(1),
            b"*/" => depth - 1,
            _ => {
                index += 1;
                continue;
            }
        };
        (depth, index) = (step, index + 2);
        if depth == 0 {
            return Token::Comment(index);
        }
    }
    Token::Comment(text.len())
}

fn line(text: &[u8], at: usize) -> Token {
    let rest = text.get(at..).unwrap_or_default();
    Token::Comment(memchr(b'\n', rest).map_or(text.len(), |length| at + length))
}

/// A number, with all letters that run into it: `0x1F`, `1.5e-3`, `10d`.
fn number(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(byte) = text.get(end) {
        let is_exponent = |byte: Option<&u8>| matches!(byte, Some(b'e' | b'E'));
        let is_sign = matches!(byte, b'+' | b'-')
            && is_exponent(end.checked_sub(1).and_then(|before| text.get(before)))
            && text.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !(is_word(*byte) || *byte == b'.' || is_sign) {
            break;
        }
        end += 1;
    }
    end
}

fn find(text: &[u8], at: usize, what: &[u8]) -> Option<usize> {
    let found = memmem::find(text.get(at..)?, what)?;
    Some(at + found + what.len())
}
