//! Patterns, looked for in one pass.

mod found;

pub use found::{Found, merge};

use crate::ready::{Check, ReadyMade};
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;

/// How many findings of one regex there may be in one text. Where there are more, all from the last of them to the end of the text
/// is one finding, so that nothing is left behind and time stays linear whatever the text is.
pub const MOST_FINDINGS: usize = 1_000;

/// The bytes that a compiled regex may take.
const REGEX_BYTES: usize = 1 << 20;

/// The group of a regex that is found, where it has one of this name: what is around it stays.
const SECRET_GROUP: &str = "secret";

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// A pattern that is ready.
    Ready(ReadyMade),
    /// A regex in the syntax of the `regex` crate, without an anchor of its own: it is looked for anywhere in the text. Where it has
    /// a group named `secret`, that group is found and the rest is its surroundings: `token=(?<secret>\w+)`.
    Regex(&'a str),
}

/// Why a pattern cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Which of the patterns it is.
    pub pattern: usize,
    /// What is wrong with it, in words, without the pattern itself.
    pub message: String,
    /// Where in the pattern, in bytes from its start, if it is at one place.
    pub offset: Option<usize>,
}

impl PatternError {
    /// Of what is wrong with the pattern of this index, and where.
    pub(crate) fn at(pattern: usize, (message, offset): (String, Option<usize>)) -> Self {
        Self {
            pattern,
            message,
            offset,
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{}, at byte {offset} of the pattern", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PatternError {}

/// Patterns, compiled once. It is shared by threads; a scan needs nothing but the text.
#[derive(Debug)]
pub struct Scanner {
    seekers: Vec<Seeker>,
}

#[derive(Debug)]
enum Seeker {
    Ready(Check),
    Regex { regex: Regex, group: usize },
}

impl Scanner {
    /// Compiles patterns.
    ///
    /// # Errors
    ///
    /// The first pattern that is no regex, takes more than 1 MiB when compiled, can match bytes that are no UTF-8, or matches the empty
    /// text.
    pub fn new(patterns: &[Pattern<'_>]) -> Result<Self, PatternError> {
        let compile = |(index, pattern): (usize, &Pattern<'_>)| {
            seeker(*pattern).map_err(|wrong| PatternError::at(index, wrong))
        };
        let seekers = patterns.iter().enumerate().map(compile);
        Ok(Self {
            seekers: seekers.collect::<Result<_, _>>()?,
        })
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.seekers.len()
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.seekers.is_empty()
    }

    /// Looks for all patterns in a text. `found` is what was found, by place; what was in it is forgotten. Findings of different
    /// patterns may overlap ([`merge`]); those of one do not.
    ///
    /// The text should be UTF-8; of other bytes, what is found is what has the form of a pattern.
    pub fn scan(&self, text: &[u8], found: &mut Vec<Found>) {
        found.clear();
        for (pattern, seeker) in self.seekers.iter().enumerate() {
            match seeker {
                Seeker::Ready(check) => ready(*check, pattern, text, found),
                Seeker::Regex { regex, group } => findings(regex, *group, pattern, text, found),
            }
        }
        found.sort_unstable();
    }
}

fn ready(check: Check, pattern: usize, text: &[u8], found: &mut Vec<Found>) {
    let mut at = 0;
    while at < text.len() {
        match check(text, at) {
            Some((start, end)) => {
                found.push(Found { start, end, pattern });
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
}

fn findings(regex: &Regex, group: usize, pattern: usize, text: &[u8], found: &mut Vec<Found>) {
    let before = found.len();
    let mut push = |start: usize, end: usize| {
        if found.len() - before >= MOST_FINDINGS {
            found.push(Found {
                start,
                end: text.len(),
                pattern,
            });
            return false;
        }
        if start < end {
            found.push(Found { start, end, pattern });
        }
        true
    };
    if group == 0 {
        let _ = regex
            .find_iter(text)
            .all(|found| push(found.start(), found.end()));
    } else {
        let mut groups = regex
            .captures_iter(text)
            .filter_map(|captures| captures.get(group));
        let _ = groups.all(|found| push(found.start(), found.end()));
    }
}

fn seeker(pattern: Pattern<'_>) -> Result<Seeker, (String, Option<usize>)> {
    let text = match pattern {
        Pattern::Ready(ready) => return Ok(Seeker::Ready(ready.check())),
        Pattern::Regex(text) => text,
    };
    let hir = regex_syntax::Parser::new().parse(text).map_err(syntax)?;
    if hir.properties().minimum_len() == Some(0) {
        return Err(("matches the empty text, which is everywhere".into(), None));
    }
    let compiled = RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
    let regex = compiled.map_err(|_| {
        (
            "takes more than 1 MiB when compiled: lower its repetitions".into(),
            None,
        )
    })?;
    let group = regex
        .capture_names()
        .position(|name| name == Some(SECRET_GROUP))
        .unwrap_or(0);
    Ok(Seeker::Regex { regex, group })
}

/// What is wrong with a regex, and where.
pub(crate) fn syntax(error: regex_syntax::Error) -> (String, Option<usize>) {
    match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span().start.offset)),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span().start.offset)),
        _ => ("is no regex".into(), None),
    }
}
