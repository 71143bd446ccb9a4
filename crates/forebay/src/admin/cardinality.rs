//! `/status/cardinality?top=10&by=live&group=...`: what the processors that limit cardinality see of it.

use super::Admin;
use super::pages::{json, text};
use bytes::Bytes;
use forebay_core::CardinalityQuery;
use http::{Response, StatusCode};
use http_body_util::Full;

/// The path.
pub(crate) const PATH: &str = "/status/cardinality";

impl Admin {
    /// Asks every limiter the question that stands in the address. If there is none, the list is empty.
    pub(super) fn cardinality(&self, question: &str) -> Response<Full<Bytes>> {
        match query(question) {
            Ok(query) => json(&self.running.cardinality(&query)),
            Err(words) => text(StatusCode::BAD_REQUEST, &format!("{words}\n")),
        }
    }
}

/// The question that `text`, the part of an address behind its question mark, asks.
pub(super) fn query(text: &str) -> Result<CardinalityQuery, String> {
    let mut query = CardinalityQuery::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value).ok_or_else(|| format!("`{key}` is not percent-encoded UTF-8"))?;
        match key {
            "top" => query.top = top(&value)?,
            "by" => query.by = value.parse()?,
            "group" => query.group = Some(value).filter(|group| !group.is_empty()),
            _ => {
                return Err(format!(
                    "nothing is known of `{key}`: top, by and group can be given"
                ));
            }
        }
    }
    Ok(query)
}

/// How much is asked for. The command line has the same rule.
pub(crate) fn top(text: &str) -> Result<usize, String> {
    let most = CardinalityQuery::TOP_MAX;
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("`top` is a number from 1 to {most}"))
}

/// The text that an address writes as `text` (application/x-www-form-urlencoded).
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            plain => plain,
        });
    }
    String::from_utf8(out).ok()
}

/// How an address writes `text`.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
