//! Finding and hiding, in one go.

use super::{Action, STARS};
use crate::scanner::{Found, Pattern, PatternError, Scanner, merge, syntax};
use regex::bytes::{RegexSet, RegexSetBuilder};

/// How often a text is looked at. What is put in changes what is beside it, so that a text from which something was taken is
/// looked at again; one that still has something in it after so many times is replaced as a whole.
const ROUNDS: usize = 4;

/// A buffer that became larger is not kept for the next text.
const KEPT_BYTES: usize = 64 << 10;

/// The bytes that the compiled values which are allowed may take together.
const ALLOWED_BYTES: usize = 4 << 20;

/// Patterns, and what is done where they are found.
#[derive(Debug)]
pub struct Redactor {
    scanner: Scanner,
    actions: Box<[Action]>,
    allowed: RegexSet,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found: the text may leave as it is.
    Unchanged,
    /// Something was found and hidden: [`Scratch::text`] may leave in its place.
    Changed,
    /// Something was found that is not to leave in any form ([`Action::Drop`]), by the pattern of this index.
    Dropped(usize),
}

/// What a [`Redactor`] works with, to be used again for the next text: it allocates where a text has findings, and then only as far as
/// its buffers have not grown before. What is larger than 64 KiB is given back with the next text.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    found: Vec<Found>,
    hits: Vec<usize>,
    text: Vec<u8>,
    before: Vec<u8>,
    /// Where in `text` there is what was put in.
    put: Vec<(usize, usize)>,
    put_before: Vec<(usize, usize)>,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// What may leave in the place of the text that was given last, if it was [`Outcome::Changed`].
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The patterns that were found in the text that was given last, each as often as something was hidden by it.
    pub fn hits(&self) -> &[usize] {
        &self.hits
    }

    /// The bytes that its buffers take on the heap.
    pub fn heap_bytes(&self) -> usize {
        let places = self.put.capacity() + self.put_before.capacity();
        self.text.capacity()
            + self.before.capacity()
            + self.hits.capacity() * size_of::<usize>()
            + self.found.capacity() * size_of::<Found>()
            + places * size_of::<(usize, usize)>()
    }

    fn begin(&mut self) {
        self.hits.clear();
        self.put.clear();
        self.put_before.clear();
        self.text.clear();
        self.before.clear();
        for buffer in [&mut self.text, &mut self.before] {
            buffer.shrink_to(KEPT_BYTES);
        }
        self.found.shrink_to(KEPT_BYTES / size_of::<Found>());
        self.hits.shrink_to(KEPT_BYTES / size_of::<usize>());
        for list in [&mut self.put, &mut self.put_before] {
            list.shrink_to(KEPT_BYTES / size_of::<(usize, usize)>());
        }
    }
}

impl Redactor {
    /// Compiles patterns; each has its action. Findings that overlap are one, as [`merge`] joins them, except that a finding that
    /// drops the text always does.
    ///
    /// # Errors
    ///
    /// As [`Scanner::new`].
    pub fn new(rules: Vec<(Pattern<'_>, Action)>) -> Result<Self, PatternError> {
        let (patterns, actions): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        let scanner = Scanner::new(&patterns)?;
        Ok(Self {
            scanner,
            actions: actions.into(),
            allowed: RegexSet::empty(),
        })
    }

    /// The same, but what matches one of these regexes as a whole is no finding, as the address of the company's own
    /// support (`support@example\.com`).
    ///
    /// # Errors
    ///
    /// The first that is no regex; or that they take more than 4 MiB together when compiled, about the last.
    pub fn allow(self, allowed: &[&str]) -> Result<Self, PatternError> {
        for (index, regex) in allowed.iter().enumerate() {
            regex_syntax::parse(regex).map_err(|error| PatternError::at(index, syntax(error)))?;
        }
        let whole = allowed.iter().map(|regex| format!("^(?:{regex})$"));
        let compiled = RegexSetBuilder::new(whole).size_limit(ALLOWED_BYTES).build();
        let too_large = "takes, with those before, more than 4 MiB when compiled: lower its repetitions";
        let last = allowed.len().saturating_sub(1);
        let allowed = compiled.map_err(|_| PatternError::at(last, (too_large.into(), None)))?;
        Ok(Self { allowed, ..self })
    }

    /// What it looks for.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Looks for all patterns in a text and hides what it finds.
    ///
    /// In what it leaves in [`Scratch::text`] nothing is found any more, other than within what it put in itself.
    pub fn redact(&self, text: &[u8], scratch: &mut Scratch) -> Outcome {
        self.scanner.scan(text, &mut scratch.found);
        if scratch.found.is_empty() {
            return Outcome::Unchanged;
        }
        scratch.begin();
        if !self.is_anything_left(text, scratch) {
            return Outcome::Unchanged;
        }
        scratch.text.extend_from_slice(text);
        for _ in 0..ROUNDS {
            if let Some(dropped) = self.dropped(scratch) {
                scratch.hits.push(dropped);
                return Outcome::Dropped(dropped);
            }
            merge(&mut scratch.found);
            self.rewrite(scratch);
            self.scanner.scan(&scratch.text, &mut scratch.found);
            let text = std::mem::take(&mut scratch.text);
            let left = self.is_anything_left(&text, scratch);
            scratch.text = text;
            if !left {
                return Outcome::Changed;
            }
        }
        scratch
            .hits
            .extend(scratch.found.iter().map(|found| found.pattern));
        scratch.text.clear();
        scratch.text.extend_from_slice(STARS);
        Outcome::Changed
    }

    /// Forgets findings that are allowed, and those within what was put in.
    fn is_anything_left(&self, text: &[u8], scratch: &mut Scratch) -> bool {
        let put = &scratch.put;
        let is_ours = |found: &Found| {
            let behind = put.partition_point(|(start, _)| *start <= found.start);
            let last = behind.checked_sub(1).and_then(|index| put.get(index));
            last.is_some_and(|(_, end)| found.end <= *end)
        };
        let is_allowed = |found: &Found| {
            !self.allowed.is_empty()
                && text
                    .get(found.range())
                    .is_some_and(|bytes| self.allowed.is_match(bytes))
        };
        scratch
            .found
            .retain(|found| !is_ours(found) && !is_allowed(found));
        !scratch.found.is_empty()
    }

    fn dropped(&self, scratch: &Scratch) -> Option<usize> {
        let drops = |found: &&Found| matches!(self.actions.get(found.pattern), Some(Action::Drop));
        scratch.found.iter().find(drops).map(|found| found.pattern)
    }

    /// One round: `text` with its findings replaced.
    fn rewrite(&self, scratch: &mut Scratch) {
        std::mem::swap(&mut scratch.text, &mut scratch.before);
        std::mem::swap(&mut scratch.put, &mut scratch.put_before);
        scratch.text.clear();
        scratch.put.clear();
        let Scratch {
            found,
            hits,
            text,
            before,
            put,
            put_before,
        } = scratch;
        let mut earlier = put_before.iter().copied().peekable();
        let mut done = 0;
        for finding in found.iter() {
            copy(before, (done, finding.start), &mut earlier, text, put);
            done = finding.end;
            hits.push(finding.pattern);
            // What was put in earlier and is found again, in part, is replaced with it.
            while earlier.next_if(|(start, _)| *start < done).is_some() {}
            let start = text.len();
            let bytes = before.get(finding.range()).unwrap_or_default();
            match self.actions.get(finding.pattern) {
                Some(Action::Mask(mask)) => mask.write(bytes, text),
                Some(Action::Hash(key)) => key.write(bytes, text),
                Some(Action::Truncate) => return,
                Some(Action::Drop) | None => text.extend_from_slice(STARS),
            }
            put.push((start, text.len()));
        }
        copy(before, (done, before.len()), &mut earlier, text, put);
    }
}

/// Copies what stays, with the places in it of what was put in earlier.
fn copy(
    before: &[u8],
    (from, to): (usize, usize),
    earlier: &mut std::iter::Peekable<impl Iterator<Item = (usize, usize)>>,
    text: &mut Vec<u8>,
    put: &mut Vec<(usize, usize)>,
) {
    let at = text.len();
    while let Some((start, end)) = earlier.next_if(|(start, _)| *start < to) {
        if start >= from && end <= to {
            put.push((at + start - from, at + end - from));
        }
    }
    text.extend_from_slice(before.get(from..to).unwrap_or_default());
}
