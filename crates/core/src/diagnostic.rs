//! What is wrong with a config file, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A config text, and the name that errors call it by: a path, or `env:NAME`. The text may hold secrets, and so only the
/// name prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// What the user calls it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

/// A place in a config text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// The bytes meant.
    pub span: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look: the process starts.
    Warning,
    /// The process does not start.
    Error,
}

/// One thing that is wrong, with its place and a way to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where; nothing if no place is to blame.
    pub place: Option<Place>,
    /// A second place that has to do with it, and what.
    pub related: Option<(Place, String)>,
    /// What was probably meant, or how to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            related: None,
            help: None,
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(message)
        }
    }

    /// The same at a place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with a second place.
    pub fn related(mut self, place: Place, words: impl Into<String>) -> Self {
        self.related = Some((place, words.into()));
        self
    }

    /// The same with advice.
    pub fn help(mut self, words: impl Into<String>) -> Self {
        self.help = Some(words.into());
        self
    }

    /// The same with "did you mean" if one of `known` is close to `written`, else with the list of what is known.
    pub fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match closest(written, &known) {
            Some(close) => self.help(format!("did you mean `{close}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("known: {}", known.join(", "))),
        }
    }
}

/// The one of `known` that `written` was probably meant to be.
pub fn closest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).max(1);
    let distance = |word: &str| strsim::damerau_levenshtein(written, word);
    known
        .iter()
        .map(|word| (distance(word), *word))
        .filter(|(d, _)| *d <= allowed)
        .min()
        .map(|(_, word)| word)
}
