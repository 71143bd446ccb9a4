//! Statements in SQL.

use super::lexer::{Token, token};
use super::{Dialect, PLACEHOLDER};

/// Writes a statement without its literals and comments.
pub(super) fn write(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    let mut lists = Lists::default();
    let mut at = 0;
    while at < text.len() {
        at = match token(text, at, dialect) {
            Token::Comment(end) => end,
            Token::Literal(end) => {
                out.extend_from_slice(PLACEHOLDER);
                end
            }
            Token::Word(end) => {
                let word = text.get(at..end).unwrap_or_default();
                let is_truth = word.eq_ignore_ascii_case(b"true") || word.eq_ignore_ascii_case(b"false");
                out.extend_from_slice(if is_truth { PLACEHOLDER } else { word });
                lists.word(word);
                end
            }
            Token::Other(end) => {
                let byte = text.get(at).copied().unwrap_or_default();
                out.push(byte);
                lists.byte(byte, out);
                end
            }
            Token::Unclear => {
                out.extend_from_slice(PLACEHOLDER);
                return;
            }
        };
    }
}

/// Where the list behind an `IN` began.
#[derive(Default)]
struct Lists {
    /// The last word was `IN`, and nothing but blanks came since.
    is_in: bool,
    /// Where in what was written the list begins, behind its parenthesis.
    open: Option<usize>,
}

impl Lists {
    fn word(&mut self, word: &[u8]) {
        self.is_in = word.eq_ignore_ascii_case(b"in");
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'(' => self.open = self.is_in.then_some(out.len()),
            b')' => {
                if let Some(open) = self.open.take().filter(|open| is_list(out, *open)) {
                    out.truncate(open);
                    out.extend_from_slice(b"?)");
                }
            }
            byte if byte.is_ascii_whitespace() => return,
            _ => {}
        }
        self.is_in = false;
    }
}

/// Whether there is nothing but literals, signs and commas from a place on.
fn is_list(out: &[u8], open: usize) -> bool {
    let list = out.get(open..out.len() - 1).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'?' | b',' | b'-' | b'+') || byte.is_ascii_whitespace();
    list.contains(&b'?') && list.iter().all(is_part)
}
