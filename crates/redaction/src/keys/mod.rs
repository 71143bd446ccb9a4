//! Keys by name, glob and regex, as one matcher.

#[cfg(test)]
mod tests;

use crate::scanner::{PatternError, syntax};
use regex::bytes::{RegexSet, RegexSetBuilder};
use std::collections::HashMap;

/// The bytes that the compiled globs and regexes of one set may take together.
const SET_BYTES: usize = 4 << 20;

/// Which keys are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPattern<'a> {
    /// The key of this name.
    Exact(&'a str),
    /// Keys of this form: `*` stands for any characters or none, `?` for one; all others for themselves. The whole key has to have
    /// the form.
    Glob(&'a str),
    /// Keys in which this regex is found, anywhere unless it says otherwise (`^`, `$`).
    Regex(&'a str),
}

/// Keys, compiled once. Asking for a key by name takes one look into a table; globs and regexes are asked all at once.
///
/// Case matters, unless a regex says otherwise (`(?i)`).
#[derive(Debug)]
pub struct KeySet {
    exact: HashMap<Box<[u8]>, usize>,
    forms: RegexSet,
    /// Of each form, the pattern it was.
    patterns: Box<[usize]>,
}

impl KeySet {
    /// Compiles keys.
    ///
    /// # Errors
    ///
    /// The first pattern that is no regex; or, if all of them are, that they take more than 4 MiB together, about the last.
    pub fn new(keys: &[KeyPattern<'_>]) -> Result<Self, PatternError> {
        let mut exact = HashMap::new();
        let (mut forms, mut patterns) = (Vec::new(), Vec::new());
        for (index, key) in keys.iter().enumerate() {
            let form = match key {
                KeyPattern::Exact(name) => {
                    exact.entry(name.as_bytes().into()).or_insert(index);
                    continue;
                }
                KeyPattern::Glob(glob) => regex_of_glob(glob),
                KeyPattern::Regex(regex) => (*regex).to_owned(),
            };
            let checked = regex_syntax::ParserBuilder::new()
                .utf8(false)
                .build()
                .parse(&form);
            checked.map_err(|error| PatternError::at(index, syntax(error)))?;
            forms.push(form);
            patterns.push(index);
        }
        let too_large = "takes, with those before, more than 4 MiB when compiled: lower its repetitions";
        let compiled = RegexSetBuilder::new(&forms).size_limit(SET_BYTES).build();
        let last = patterns.last().copied().unwrap_or_default();
        let forms = compiled.map_err(|_| PatternError::at(last, (too_large.into(), None)))?;
        Ok(Self {
            exact,
            forms,
            patterns: patterns.into(),
        })
    }

    /// Whether the key is one of them.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.exact.contains_key(key) || !self.patterns.is_empty() && self.forms.is_match(key)
    }

    /// The first of the patterns that the key is meant by.
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        let by_name = self.exact.get(key).copied();
        if self.patterns.is_empty() {
            return by_name;
        }
        let by_form = self.forms.matches(key).iter().next();
        let by_form = by_form.and_then(|form| self.patterns.get(form).copied());
        match (by_name, by_form) {
            (Some(name), Some(form)) => Some(name.min(form)),
            (name, form) => name.or(form),
        }
    }

    /// Whether no key is meant.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }
}

fn regex_of_glob(glob: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut buffer = [0; 4];
    for character in glob.chars() {
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            other => regex.push_str(&regex_syntax::escape(other.encode_utf8(&mut buffer))),
        }
    }
    regex.push('$');
    regex
}
