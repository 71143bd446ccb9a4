//! From patterns to what scans for them.

use super::automaton::{self, Mark};
use super::required::{self, Reach};
use super::{Asked, Numbers, Pattern, PatternError, Scanner, Target, syntax};
use crate::ready::{Look, NUMBER_MARKS};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::hir::Hir;

/// The bytes that a compiled regex may take, and those that it may take for each thread that asks it.
const REGEX_BYTES: usize = 1 << 20;
const THREAD_BYTES: usize = 256 << 10;

/// The bytes that all regexes without marks may take together.
const UNMARKED_BYTES: usize = 16 << 20;

/// The group of a regex that is found, where it has one of this name: what is around it stays.
const SECRET_GROUP: &str = "secret";

/// Marks of a regex that come more often than once in so many bytes of a log are of no use: it is asked about every text.
const RARE: f64 = 1.0 / 500.0;

/// The marks of patterns that are ready are spelled out whole.
pub(super) const WHOLE: Reach = Reach {
    longest: 16,
    most: 256,
};

/// Those of regexes are as long as the automaton has room for.
const REACHES: [Reach; 5] = [
    Reach { longest: 8, most: 64 },
    Reach { longest: 6, most: 32 },
    Reach { longest: 4, most: 32 },
    Reach { longest: 3, most: 16 },
    Reach { longest: 2, most: 16 },
];

/// What is compiled so far.
#[derive(Default)]
struct Compiler {
    marks: Vec<Mark>,
    targets: Vec<Target>,
    numbers: Numbers,
    regexes: Vec<(Asked, Hir)>,
}

pub(super) fn compile(patterns: &[Pattern<'_>]) -> Result<Scanner, PatternError> {
    let mut compiler = Compiler::default();
    for (index, pattern) in patterns.iter().enumerate() {
        match pattern {
            Pattern::Ready(ready) => ready.looks().iter().for_each(|look| compiler.look(index, look)),
            Pattern::Regex(text) => {
                let compiled = regex(text).map_err(|wrong| PatternError::at(index, wrong))?;
                let (regex, group, hir) = compiled;
                compiler.regexes.push((
                    Asked {
                        pattern: index,
                        regex,
                        group,
                    },
                    hir,
                ));
            }
        }
    }
    for reach in REACHES {
        if let Some((automaton, targets, unmarked)) = compiler.automaton(reach) {
            return compiler.finish(patterns, automaton, targets, unmarked);
        }
    }
    let message =
        "has, with those before, too many beginnings to look for in one pass: take some patterns out";
    let last = patterns.len().saturating_sub(1);
    Err(PatternError::at(last, (message.into(), None)))
}

impl Compiler {
    fn target(&mut self, target: Target) -> u16 {
        self.targets.push(target);
        (self.targets.len() - 1) as u16
    }

    fn look(&mut self, pattern: usize, look: &Look) {
        match look {
            Look::Marked(marks, check) => {
                let target = self.target(Target::Look {
                    pattern,
                    check: *check,
                });
                marks
                    .iter()
                    .for_each(|(mark, place)| self.mark(mark, *place, target));
            }
            Look::Tokens(tokens) => {
                for token in *tokens {
                    let target = self.target(Target::Token { pattern, token });
                    self.mark(&regex_syntax::escape(token.prefix), 0, target);
                }
            }
            Look::Number(digits, check) => {
                if self.numbers.by_digits.iter().all(Vec::is_empty) {
                    let target = self.target(Target::Number);
                    NUMBER_MARKS
                        .iter()
                        .for_each(|(mark, place)| self.mark(mark, *place, target));
                }
                for digits in *digits {
                    if let Some(patterns) = self.numbers.by_digits.get_mut(*digits) {
                        patterns.push((pattern, *check));
                    }
                }
            }
        }
    }

    fn mark(&mut self, mark: &str, place: isize, target: u16) {
        for sequence in sequences_of(mark) {
            let length = sequence.sets.len();
            let back = if place < 0 {
                place.unsigned_abs()
            } else {
                length.saturating_sub(place.unsigned_abs())
            };
            self.marks.push(Mark {
                sequence,
                back,
                target,
            });
        }
    }

    /// The automaton with marks of regexes that reach so far, and the regexes that have none that are of use. `None` if it would be too
    /// large.
    fn automaton(&self, reach: Reach) -> Option<(automaton::Automaton, Vec<Target>, Vec<usize>)> {
        let (mut marks, mut targets, mut unmarked) = (self.marks.clone(), self.targets.clone(), Vec::new());
        for (index, (_, hir)) in self.regexes.iter().enumerate() {
            let sequences = required::sequences(hir, reach);
            let is_empty = sequences.iter().any(|sequence| sequence.sets.is_empty());
            if is_empty || required::frequency(&sequences) > RARE {
                unmarked.push(index);
                continue;
            }
            targets.push(Target::Regex(index));
            let target = u16::try_from(targets.len() - 1).ok()?;
            marks.extend(sequences.into_iter().map(|sequence| Mark {
                sequence,
                back: 0,
                target,
            }));
        }
        let automaton = automaton::build(&marks).ok()?;
        Some((automaton, targets, unmarked))
    }

    fn finish(
        self,
        patterns: &[Pattern<'_>],
        automaton: automaton::Automaton,
        targets: Vec<Target>,
        unmarked: Vec<usize>,
    ) -> Result<Scanner, PatternError> {
        let regexes: Box<[Asked]> = self.regexes.into_iter().map(|(asked, _)| asked).collect();
        let pattern_of = |index: &usize| regexes.get(*index).map(|asked| asked.pattern);
        let texts =
            unmarked
                .iter()
                .filter_map(pattern_of)
                .filter_map(|pattern| match patterns.get(pattern) {
                    Some(Pattern::Regex(text)) => Some(*text),
                    _ => None,
                });
        let unmarked_set = set(texts).map_err(|wrong| {
            let last = unmarked.last().and_then(pattern_of).unwrap_or_default();
            PatternError::at(last, (wrong.into(), None))
        })?;
        let (targets, unmarked) = (targets.into(), unmarked.into());
        let numbers = self.numbers;
        Ok(Scanner {
            automaton,
            targets,
            numbers,
            regexes,
            unmarked_set,
            unmarked,
            patterns: patterns.len(),
        })
    }
}

/// The sequences that a mark of a pattern that is ready stands for.
pub(super) fn sequences_of(mark: &str) -> Vec<super::bytes::Sequence> {
    let parsed = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(mark);
    parsed
        .map(|hir| required::beginnings(&hir, WHOLE))
        .unwrap_or_default()
}

fn set<'a>(texts: impl Iterator<Item = &'a str>) -> Result<RegexSet, &'static str> {
    let built = RegexSetBuilder::new(texts).size_limit(UNMARKED_BYTES).build();
    built.map_err(|_| "takes, with others that have nothing rare in them, more than 16 MiB when compiled: lower its repetitions")
}

/// A regex, which of its groups is found, and what it is made of; or what is wrong with it, and where.
fn regex(text: &str) -> Result<(Regex, usize, Hir), (String, Option<usize>)> {
    let hir = regex_syntax::Parser::new().parse(text).map_err(syntax)?;
    if hir.properties().minimum_len() == Some(0) {
        return Err(("matches the empty text, which is everywhere".into(), None));
    }
    let compiled = RegexBuilder::new(text)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(THREAD_BYTES)
        .build();
    let too_large = "takes more than 1 MiB when compiled: lower its repetitions";
    let regex = compiled.map_err(|_| (too_large.into(), None))?;
    let group = regex.capture_names().position(|name| name == Some(SECRET_GROUP));
    Ok((regex, group.unwrap_or(0), hir))
}
