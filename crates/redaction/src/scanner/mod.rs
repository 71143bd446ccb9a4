//! Patterns, looked for in one pass.

mod automaton;
mod bytes;
mod compile;
mod found;
mod required;
#[cfg(test)]
mod tests;

pub use found::{Found, merge};

use crate::ready::number::{self, NumberCheck};
use crate::ready::{Check, ReadyMade};
use automaton::Automaton;
use regex::bytes::{Regex, RegexSet};
use smallvec::SmallVec;
use std::fmt;

/// How many findings of one regex there may be in one text. Where there are more, all from the last of them to the end of the text
/// is one finding, so that nothing is left behind and time stays linear whatever the text is.
pub const MOST_FINDINGS: usize = 1_000;

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
///
/// A text is read once by one automaton, which knows the marks of all patterns: short sequences of which one is in everything that a
/// pattern finds, as the `@` of an address or `AKIA`. Only where a mark is, its pattern is asked. Regexes have marks as well, which are
/// derived from what they require; where one of them is found, the regex is asked about the text. Those that require nothing that is rare
/// (`\w+`) are asked about every text, all at once.
#[derive(Debug)]
pub struct Scanner {
    automaton: Automaton,
    /// What marks are of.
    targets: Box<[Target]>,
    numbers: Numbers,
    regexes: Box<[Asked]>,
    /// The regexes that have no marks, in the order of `unmarked`.
    unmarked_set: RegexSet,
    unmarked: Box<[usize]>,
    patterns: usize,
}

/// What a mark is of.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// Of a pattern that looks around it.
    Look { pattern: usize, check: Check },
    /// Of a token.
    Token {
        pattern: usize,
        token: &'static crate::ready::Token,
    },
    /// Of a number.
    Number,
    /// Of a regex.
    Regex(usize),
}

/// The patterns that find numbers, by how many digits these have.
#[derive(Debug, Default)]
struct Numbers {
    by_digits: [Vec<(usize, NumberCheck)>; number::MOST_DIGITS],
}

/// A regex, and whose it is.
#[derive(Debug)]
struct Asked {
    pattern: usize,
    regex: Regex,
    /// The group that is found; 0 is all of it.
    group: usize,
}

impl Scanner {
    /// Compiles patterns.
    ///
    /// # Errors
    ///
    /// The first pattern that is no regex, takes more than 1 MiB when compiled, can match bytes that are no UTF-8, or matches the empty
    /// text.
    pub fn new(patterns: &[Pattern<'_>]) -> Result<Self, PatternError> {
        compile::compile(patterns)
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.patterns == 0
    }

    /// Bytes that the tables of the automaton take. Each regex takes up to 1 MiB beside them, and up to 256 KiB for each thread that asks
    /// it.
    pub fn heap_bytes(&self) -> usize {
        self.automaton.heap_bytes() + size_of_val(&*self.targets)
    }

    /// Looks for all patterns in a text. `found` is what was found, by place; what was in it is forgotten. Findings may overlap
    /// ([`merge`]).
    ///
    /// The text should be UTF-8; of other bytes, what is found is what has the form of a pattern.
    pub fn scan(&self, text: &[u8], found: &mut Vec<Found>) {
        found.clear();
        let mut pass = Pass {
            scanner: self,
            text,
            found,
            done: SmallVec::new(),
            asked: SmallVec::new(),
        };
        self.automaton.run(text, |target, at| pass.mark(target, at));
        pass.finish();
        if found.len() > 1 {
            found.sort_unstable();
        }
    }
}

/// One pass over a text.
struct Pass<'a> {
    scanner: &'a Scanner,
    text: &'a [u8],
    found: &'a mut Vec<Found>,
    /// Of each pattern, up to where it has found something. Empty until it finds the first.
    done: SmallVec<[usize; 64]>,
    /// The regexes of which there are marks. Empty until there is one.
    asked: SmallVec<[bool; 64]>,
}

impl Pass<'_> {
    fn mark(&mut self, target: u16, at: usize) {
        match self.scanner.targets.get(usize::from(target)) {
            Some(Target::Look { pattern, check }) => self.look(*pattern, at, |text| check(text, at)),
            Some(Target::Token { pattern, token }) => self.look(*pattern, at, |text| token.check(text, at)),
            Some(Target::Number) => self.number(at),
            Some(Target::Regex(regex)) => self.ask(*regex),
            None => {}
        }
    }

    /// Within what a pattern has found it does not look again.
    fn look(&mut self, pattern: usize, at: usize, check: impl Fn(&[u8]) -> Option<(usize, usize)>) {
        if self.done.get(pattern).is_some_and(|done| at < *done) {
            return;
        }
        if let Some((start, end)) = check(self.text) {
            self.push(Found { start, end, pattern }, at);
        }
    }

    fn push(&mut self, found: Found, at: usize) {
        self.found.push(found);
        if self.done.is_empty() {
            self.done.resize(self.scanner.patterns, 0);
        }
        if let Some(done) = self.done.get_mut(found.pattern) {
            *done = found.end.max(at + 1);
        }
    }

    fn number(&mut self, at: usize) {
        let Some(parts) = number::parts(self.text, at) else {
            return;
        };
        // The longest first: a number that is found hides those that begin it.
        for groups in (1..=parts.groups()).rev() {
            let text = self.text;
            let Some(number) = parts.beginning(text, at, groups) else {
                continue;
            };
            let scanner = self.scanner;
            let patterns = scanner.numbers.by_digits.get(number.digits.len());
            for (pattern, check) in patterns.into_iter().flatten() {
                self.look(*pattern, at, |_| check(&number).then_some((at, number.end)));
            }
        }
    }

    fn ask(&mut self, regex: usize) {
        if self.asked.is_empty() {
            self.asked.resize(self.scanner.regexes.len(), false);
        }
        if let Some(asked) = self.asked.get_mut(regex) {
            *asked = true;
        }
    }

    /// Asks the regexes of which there are marks, and those that have none.
    fn finish(mut self) {
        let scanner = self.scanner;
        if !scanner.unmarked.is_empty() {
            let matching = scanner.unmarked_set.matches(self.text);
            matching
                .iter()
                .filter_map(|index| scanner.unmarked.get(index))
                .for_each(|regex| self.ask(*regex));
        }
        for (regex, _) in scanner
            .regexes
            .iter()
            .zip(&self.asked)
            .filter(|(_, asked)| **asked)
        {
            regex.find_all(self.text, self.found);
        }
    }
}

impl Asked {
    fn find_all(&self, text: &[u8], found: &mut Vec<Found>) {
        let before = found.len();
        let mut push = |start: usize, end: usize| {
            if found.len() - before >= MOST_FINDINGS {
                found.push(Found {
                    start,
                    end: text.len(),
                    pattern: self.pattern,
                });
                return false;
            }
            if start < end {
                found.push(Found {
                    start,
                    end,
                    pattern: self.pattern,
                });
            }
            true
        };
        if self.group == 0 {
            let _ = self
                .regex
                .find_iter(text)
                .all(|found| push(found.start(), found.end()));
        } else {
            let mut groups = self
                .regex
                .captures_iter(text)
                .filter_map(|captures| captures.get(self.group));
            let _ = groups.all(|found| push(found.start(), found.end()));
        }
    }
}

/// What is wrong with a regex, and where.
pub(crate) fn syntax(error: regex_syntax::Error) -> (String, Option<usize>) {
    match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span().start.offset)),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span().start.offset)),
        _ => ("is no regex".into(), None),
    }
}
