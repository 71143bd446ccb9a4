//! Tests of strings.

use regex::bytes::{RegexSet, RegexSetBuilder};
use std::fmt;

/// The most memory that the expressions of one test, and their lookup cache, may take, in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// A test that a string passes or not.
#[derive(Clone, Debug)]
pub struct TextTest(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Sorted by length, then by bytes.
    OneOf(Box<[Box<[u8]>]>),
    Found(RegexSet),
}

impl TextTest {
    /// Whether it is one of these texts.
    pub fn one_of<T: AsRef<str>>(texts: &[T]) -> TextTest {
        let mut sorted: Vec<Box<[u8]>> = texts.iter().map(|text| text.as_ref().as_bytes().into()).collect();
        sorted.sort_unstable_by(|one, two| (one.len(), one).cmp(&(two.len(), two)));
        sorted.dedup();
        TextTest(Kind::OneOf(sorted.into()))
    }

    /// Whether one of these regular expressions is found in it, anywhere unless it is anchored. All are looked for at once.
    ///
    /// # Errors
    ///
    /// Why they cannot be used: an expression is wrong, or together they need more than 4 MiB.
    pub fn found<T: AsRef<str>>(expressions: &[T]) -> Result<TextTest, RegexError> {
        RegexSetBuilder::new(expressions)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(|set| TextTest(Kind::Found(set)))
            .map_err(|error| RegexError(error.to_string()))
    }

    /// Whether `text` passes.
    #[inline]
    pub fn passes(&self, text: &[u8]) -> bool {
        match &self.0 {
            Kind::OneOf(texts) => match &**texts {
                [only] => **only == *text,
                many => many
                    .binary_search_by(|candidate| (candidate.len(), &**candidate).cmp(&(text.len(), text)))
                    .is_ok(),
            },
            Kind::Found(set) => set.is_match(text),
        }
    }
}

/// Whether they were made of the same texts or expressions.
impl PartialEq for TextTest {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::OneOf(one), Kind::OneOf(two)) => one == two,
            (Kind::Found(one), Kind::Found(two)) => one.patterns() == two.patterns(),
            _ => false,
        }
    }
}

/// Why regular expressions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError(String);

impl fmt::Display for RegexError {
    /// The last line of the reason; a drawing of the expression may stand above it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.lines().last().unwrap_or_default();
        f.write_str(last.trim_start_matches("error: "))
    }
}

impl std::error::Error for RegexError {}
