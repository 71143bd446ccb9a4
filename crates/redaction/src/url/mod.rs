//! Sanitised URLs.
//!
//! Semantic conventions, attributes `url.full` and `url.query`: user information and the values of some query parameters are replaced
//! by `REDACTED`; the names of parameters stay. Names are compared case-sensitively, as the conventions say, after decoding `%` and `+`
//! (RFC 3986, section 2.1), so that an encoded name hides nothing.

mod path;
#[cfg(test)]
mod tests;

use crate::keys::{KeyPattern, KeySet};
use memchr::memchr;

const REDACTED: &[u8] = b"REDACTED";

/// A name of a parameter that is longer is not compared: its value is hidden, unless all values stay.
const LONGEST_NAME: usize = 128;

/// The parameters whose values the conventions hide, and those that carry the same in signatures of AWS (Signature Version 4) and
/// Google Cloud.
pub const SENSITIVE_PARAMETERS: [&str; 9] = [
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Credential",
    "X-Goog-Security-Token",
    "X-Goog-Signature",
];

/// What of a URL is hidden.
#[derive(Debug)]
pub struct UrlRules {
    /// Whether user and password before the host are: `https://REDACTED:REDACTED@host/`.
    pub user_info: bool,
    /// Which values of query parameters are.
    pub query: QueryRule,
    /// Whether the fragment is: `#REDACTED`.
    pub fragment: bool,
    /// Whether those parts of the path are that look like ids: digits only; UUIDs; 16 hexadecimal digits and more, of which one is of 0
    /// to 9.
    pub path_ids: bool,
}

/// Which values of query parameters are hidden. Parameters without `=` have no value.
#[derive(Debug)]
pub enum QueryRule {
    /// None.
    KeepAll,
    /// Those of parameters with these names.
    Hide(KeySet),
    /// All but those of parameters with these names.
    KeepOnly(KeySet),
}

/// What became of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlOutcome {
    /// There was nothing to hide; nothing was written.
    Unchanged,
    /// What may leave was written.
    Changed,
    /// It is no URL; nothing was written. Whether it may leave is for the caller to say.
    NotUrl,
}

impl UrlRules {
    /// As the conventions say: user information and the values of [`SENSITIVE_PARAMETERS`] are hidden; paths and fragments stay.
    ///
    /// # Errors
    ///
    /// None: names are compared as they are.
    pub fn conventional() -> Result<Self, crate::PatternError> {
        let names = SENSITIVE_PARAMETERS.map(KeyPattern::Exact);
        let query = QueryRule::Hide(KeySet::new(&names)?);
        Ok(Self {
            user_info: true,
            query,
            fragment: false,
            path_ids: false,
        })
    }

    /// Writes what may leave of a URL (`scheme://authority/path?query#fragment`, RFC 3986), or of one without its beginning
    /// (`/path?query`), behind what is in `out`.
    ///
    /// Bytes that a URL cannot have (blanks, control characters, `<`, `>`, `"`) make a text no URL; so does a beginning other than
    /// those two.
    pub fn sanitize(&self, text: &[u8], out: &mut Vec<u8>) -> UrlOutcome {
        let is_foreign = |byte: &u8| *byte <= b' ' || *byte == 0x7f || matches!(*byte, b'<' | b'>' | b'"');
        let Some(authority) = authority_start(text).filter(|_| !text.iter().any(is_foreign)) else {
            return UrlOutcome::NotUrl;
        };
        let before = out.len();
        let (head, rest) = text.split_at_checked(authority).unwrap_or((text, &[]));
        out.extend_from_slice(head);
        let is_end = |byte: &u8| matches!(*byte, b'/' | b'?' | b'#');
        let end = if authority == 0 {
            0
        } else {
            rest.iter().position(is_end).unwrap_or(rest.len())
        };
        let (host, rest) = rest.split_at_checked(end).unwrap_or_default();
        self.host(host, out);
        let (rest, fragment) = split(rest, b'#');
        let (path, query) = split(rest, b'?');
        match self.path_ids {
            true => path::write(path, out),
            false => out.extend_from_slice(path),
        }
        if let Some(query) = query {
            out.push(b'?');
            self.parameters(query, out);
        }
        if let Some(fragment) = fragment {
            out.push(b'#');
            out.extend_from_slice(if self.fragment && !fragment.is_empty() {
                REDACTED
            } else {
                fragment
            });
        }
        settle(text, before, out)
    }

    /// Writes what may leave of a query without its `?`, as the attribute `url.query` has it, behind what is in `out`.
    pub fn sanitize_query(&self, text: &[u8], out: &mut Vec<u8>) -> UrlOutcome {
        let before = out.len();
        self.parameters(text, out);
        settle(text, before, out)
    }

    /// User information ends at the last `@`: what stands before an earlier one is part of it.
    fn host(&self, host: &[u8], out: &mut Vec<u8>) {
        let at = host
            .iter()
            .rposition(|byte| *byte == b'@')
            .filter(|_| self.user_info);
        let Some((user, host)) = at.and_then(|at| host.split_at_checked(at)) else {
            return out.extend_from_slice(host);
        };
        if memchr(b':', user).is_some() {
            out.extend_from_slice(b"REDACTED:REDACTED");
        } else if !user.is_empty() {
            out.extend_from_slice(REDACTED);
        }
        out.extend_from_slice(host);
    }

    fn parameters(&self, query: &[u8], out: &mut Vec<u8>) {
        let is_separator = |byte: &u8| matches!(*byte, b'&' | b';');
        for parameter in query.split_inclusive(is_separator) {
            let separator = parameter.last().filter(|byte| is_separator(byte));
            let length = parameter.len() - usize::from(separator.is_some());
            let (name, value) = split(parameter.get(..length).unwrap_or_default(), b'=');
            out.extend_from_slice(name);
            if let Some(value) = value {
                out.push(b'=');
                let is_hidden = !value.is_empty() && self.is_hidden(name);
                out.extend_from_slice(if is_hidden { REDACTED } else { value });
            }
            out.extend(separator);
        }
    }

    fn is_hidden(&self, name: &[u8]) -> bool {
        let is_among = |set: &KeySet, otherwise: bool| {
            let mut decoded = [0; LONGEST_NAME];
            match decode(name, &mut decoded) {
                Some(name) => set.contains(name),
                None => otherwise,
            }
        };
        match &self.query {
            QueryRule::KeepAll => false,
            QueryRule::Hide(names) => is_among(names, true),
            QueryRule::KeepOnly(names) => !is_among(names, false),
        }
    }
}

/// Nothing is written where nothing has changed.
fn settle(text: &[u8], before: usize, out: &mut Vec<u8>) -> UrlOutcome {
    if out.get(before..) == Some(text) {
        out.truncate(before);
        return UrlOutcome::Unchanged;
    }
    UrlOutcome::Changed
}

/// Where the authority starts, behind `scheme://`; 0 if there is but a path; `None` if it is no URL.
fn authority_start(text: &[u8]) -> Option<usize> {
    if text.first() == Some(&b'/') {
        // `//host/path` names its host, and has the scheme of whoever asked.
        return Some(if text.get(1) == Some(&b'/') { 2 } else { 0 });
    }
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'-' | b'.');
    let length = text.iter().take_while(|byte| is_scheme(byte)).count();
    let starts = text.first().is_some_and(u8::is_ascii_alphabetic);
    (starts && text.get(length..length + 3) == Some(b"://")).then_some(length + 3)
}

/// What stands before the first of such a byte, and what behind it.
fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr(at, text) {
        Some(index) => (text.get(..index).unwrap_or_default(), text.get(index + 1..)),
        None => (text, None),
    }
}

/// A name without its encoding, unless it is too long.
fn decode<'a>(name: &[u8], decoded: &'a mut [u8; LONGEST_NAME]) -> Option<&'a [u8]> {
    let (mut at, mut length) = (0, 0);
    while let Some(byte) = name.get(at) {
        let hex = |at: usize| name.get(at).and_then(|digit| (*digit as char).to_digit(16));
        let encoded = (*byte == b'%').then(|| hex(at + 1).zip(hex(at + 2))).flatten();
        let byte = match (encoded, byte) {
            (Some((high, low)), _) => (high * 16 + low) as u8,
            (None, b'+') => b' ',
            (None, byte) => *byte,
        };
        at += if encoded.is_some() { 3 } else { 1 };
        *decoded.get_mut(length)? = byte;
        length += 1;
    }
    decoded.get(..length)
}
