//! Secrets out of the config or a file.

use crate::watch::{Content, Kept, Source, Usable};
use forebay_core::ComponentError;
use forebay_core::settings::Secret;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

/// The largest file that is read.
const FILE_MOST: u64 = 64 << 10;

/// Nothing but what is in its file makes a secret bad.
impl Usable for Secret {}
impl Usable for HeaderValue {}
impl Usable for Vec<[u8; 32]> {}

/// Loads the secret that is set under one of two keys, as whatever `make` makes of it.
///
/// # Errors
///
/// If neither is set, the file cannot be read, or there is nothing in it that `make` can use.
pub(super) fn load<T: Usable>(
    inline: (&'static str, Option<&Secret>),
    file: (&'static str, Option<&PathBuf>),
    make: impl Fn(&Content<'_>) -> Result<T, ComponentError> + Send + Sync + 'static,
) -> Result<Arc<Kept<T>>, ComponentError> {
    let Some(source) = Source::of(file, inline) else {
        let words = format!("neither `{}` nor `{}` is set", inline.0, file.0);
        return Err(ComponentError::new(words));
    };
    Kept::load(vec![source], FILE_MOST, move |contents| match contents {
        [content] => make(content),
        _ => Err(ComponentError::new("a secret comes from one place")),
    })
}

/// The one secret in a content: its only line that is not empty.
pub(super) fn only<'a>(content: &Content<'a>) -> Result<&'a str, ComponentError> {
    let mut lines = lines(content)?;
    let first = lines.next().ok_or_else(|| empty(content))?;
    if lines.next().is_some() {
        let from = content.source;
        return Err(ComponentError::new(format!(
            "{from} must hold one line, and holds several"
        )));
    }
    Ok(first)
}

/// The secrets in a content, one for each line: at least one, and none is empty.
pub(super) fn each<'a>(content: &Content<'a>) -> Result<Vec<&'a str>, ComponentError> {
    let found: Vec<&str> = lines(content)?.collect();
    if found.is_empty() {
        return Err(empty(content));
    }
    Ok(found)
}

fn empty(content: &Content<'_>) -> ComponentError {
    let from = content.source;
    ComponentError::new(format!(
        "{from} is empty: an empty secret proves nothing, and is never accepted or sent"
    ))
}

fn lines<'a>(content: &Content<'a>) -> Result<impl Iterator<Item = &'a str> + use<'a>, ComponentError> {
    let from = content.source;
    let text = str::from_utf8(content.bytes)
        .map_err(|_| ComponentError::new(format!("{from} is not text (UTF-8): is it the right file?")))?;
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().any(|line| line.chars().any(char::is_control)) {
        return Err(ComponentError::new(format!(
            "{from} has a control character in it: is it the right file?"
        )));
    }
    Ok(lines())
}

/// What secrets are compared by: neither their lengths nor their bytes show in the time that it takes.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}
