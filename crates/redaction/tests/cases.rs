//! What the ready-made patterns find in a written list of texts, and what they leave alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use fastrand::Rng;
use forebay_redaction::{Action, Found, Mask, Outcome, Pattern, ReadyMade, Redactor, Scanner, Scratch};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// The share of what is marked in the list that each pattern has to find, to the byte.
const RECALL: f64 = 1.0;

/// The share of what is found in the list that has to be marked, over all patterns.
const PRECISION: f64 = 0.98;

/// Cases in the list, at least.
const FEWEST: usize = 300;

/// The list, whose first lines say how it is written.
const LIST: &str = include_str!("cases/cases.txt");

/// One case: whose it is (none: no pattern's), a text, and what is to be found in it.
struct Case {
    pattern: Option<ReadyMade>,
    text: String,
    marked: Vec<Range<usize>>,
}

fn cases() -> Vec<Case> {
    let lines = LIST
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines.map(case).collect()
}

fn case(line: &str) -> Case {
    let (name, rest) = line.split_once('\t').unwrap();
    let pattern = (name != "-").then(|| ReadyMade::named(name).unwrap_or_else(|| panic!("{name}")));
    let rest = rest.replace("{~}", "").replace("{n}", "\n");
    let (mut text, mut marked) = (String::new(), Vec::new());
    for (index, piece) in rest.split("<<<").enumerate() {
        let Some((inside, behind)) = piece.split_once(">>>").filter(|_| index > 0) else {
            assert_eq!(index, 0, "a mark that does not end: {line}");
            text.push_str(piece);
            continue;
        };
        marked.push(text.len()..text.len() + inside.len());
        text.push_str(inside);
        text.push_str(behind);
    }
    Case {
        pattern,
        text,
        marked,
    }
}

fn scanner(patterns: &[ReadyMade]) -> Scanner {
    let patterns: Vec<_> = patterns.iter().copied().map(Pattern::Ready).collect();
    Scanner::new(&patterns).unwrap()
}

/// All patterns of [`precise`], as what masks them. To compile it takes a build for tests longer than all cases together do.
static ALL: LazyLock<Redactor> = LazyLock::new(|| {
    let rules = precise().into_iter();
    let rules = rules.map(|pattern| (Pattern::Ready(pattern), Action::Mask(Mask::default())));
    Redactor::new(rules.collect()).unwrap()
});

/// All but the net for what the others miss, which is not to be precise.
fn precise() -> Vec<ReadyMade> {
    let is_precise = |pattern: &ReadyMade| *pattern != ReadyMade::HighEntropyToken;
    ReadyMade::ALL.into_iter().filter(is_precise).collect()
}

fn scan(scanner: &Scanner, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    scanner.scan(text.as_bytes(), &mut found);
    found
}

#[derive(Clone, Copy, Default)]
struct Tally {
    right: usize,
    wrong: usize,
    missed: usize,
    /// Texts in which nothing is marked.
    empty: usize,
}

impl Tally {
    fn add(&mut self, case: &Case, found: &[Range<usize>]) {
        let right = found.iter().filter(|range| case.marked.contains(range)).count();
        self.right += right;
        self.wrong += found.len() - right;
        self.missed += case.marked.len() - right;
        self.empty += usize::from(case.marked.is_empty());
    }

    fn share(self, others: usize) -> f64 {
        match self.right + others {
            0 => 1.0,
            all => self.right as f64 / all as f64,
        }
    }

    fn line(self, name: &str) -> String {
        format!(
            "{name:<26} precision {:.3} recall {:.3} of {} findings and {} texts without",
            self.share(self.wrong),
            self.share(self.missed),
            self.right + self.missed,
            self.empty
        )
    }
}

/// Each pattern by itself, over its own cases and those that are nobody's.
fn tallies(mistakes: &mut Vec<String>) -> BTreeMap<ReadyMade, Tally> {
    let cases = cases();
    let tally = |pattern: ReadyMade| {
        let scanner = scanner(&[pattern]);
        let mut tally = Tally::default();
        let is_asked = |case: &&Case| case.pattern.is_none_or(|of| of == pattern);
        for case in cases.iter().filter(is_asked) {
            let found: Vec<_> = scan(&scanner, &case.text).iter().map(Found::range).collect();
            if found != case.marked {
                mistakes.push(format!("{pattern}: {:?} in {:?}", found, case.text));
            }
            tally.add(case, &found);
        }
        (pattern, tally)
    };
    precise()
        .into_iter()
        .chain([ReadyMade::HighEntropyToken])
        .map(tally)
        .collect()
}

#[test]
fn each_pattern_finds_what_is_marked_and_little_else() {
    let mut mistakes = Vec::new();
    let mut all = Tally::default();
    let mut missing = Vec::new();
    for (pattern, tally) in tallies(&mut mistakes) {
        println!("{}", tally.line(pattern.name()));
        if tally.share(tally.missed) < RECALL {
            missing.push(pattern);
        }
        all.right += tally.right;
        all.wrong += tally.wrong;
        all.missed += tally.missed;
        all.empty += tally.empty;
    }
    println!("{}", all.line("all"));
    assert!(missing.is_empty(), "{missing:?}\n{}", mistakes.join("\n"));
    assert!(all.share(all.wrong) >= PRECISION, "{}", mistakes.join("\n"));
}

#[test]
fn every_pattern_has_two_cases_of_either_kind_and_the_list_is_long() {
    let cases = cases();
    assert!(cases.len() >= FEWEST, "{}", cases.len());
    for pattern in ReadyMade::ALL {
        let of_it = || cases.iter().filter(|case| case.pattern == Some(pattern));
        let with = of_it().filter(|case| !case.marked.is_empty()).count();
        let without = of_it().filter(|case| case.marked.is_empty()).count();
        assert!(with >= 2 && without >= 2, "{pattern}: {with} and {without}");
    }
}

#[test]
fn all_together_find_nothing_in_ordinary_lines_and_all_that_is_marked() {
    let patterns = precise();
    let scanner = ALL.scanner();
    for case in cases() {
        let found = scan(scanner, &case.text);
        let Some(pattern) = case.pattern else {
            let names: Vec<_> = found.iter().map(|found| patterns[found.pattern]).collect();
            assert!(names.is_empty(), "{names:?} in {:?}", case.text);
            continue;
        };
        if pattern == ReadyMade::HighEntropyToken {
            continue;
        }
        let of_it = found.iter().filter(|found| patterns[found.pattern] == pattern);
        let ranges: Vec<_> = of_it.map(Found::range).collect();
        assert_eq!(ranges, case.marked, "{pattern} in {:?}", case.text);
    }
}

/// Findings and near misses, beside each other and beside what joins them to words, numbers and quotes.
fn planted(cases: &[Case], random: &mut Rng) -> String {
    const NOISE: [&str; 16] = [
        " ", " ", " ", ", ", ": ", "=", "\"", "'", "@", "://", "-", "4111 ", "\n", "\u{e9}", "token=", "0",
    ];
    let mut text = String::new();
    for _ in 0..random.usize(1..6) {
        text.push_str(&cases[random.usize(..cases.len())].text);
        for _ in 0..random.usize(1..4) {
            text.push_str(NOISE[random.usize(..NOISE.len())]);
        }
    }
    text
}

#[test]
fn property_masking_leaves_no_finding_behind() {
    let redactor = &*ALL;
    let (cases, mut scratch) = (cases(), Scratch::new());
    let mut random = Rng::with_seed(62);
    let mut changed = 0;
    for _ in 0..600 {
        let text = planted(&cases, &mut random);
        let outcome = redactor.redact(text.as_bytes(), &mut scratch);
        if outcome == Outcome::Unchanged {
            assert!(scan(redactor.scanner(), &text).is_empty(), "{text:?}");
            continue;
        }
        assert_eq!(outcome, Outcome::Changed);
        changed += 1;
        let masked = std::str::from_utf8(scratch.text()).unwrap();
        // What was put in may be found as the value that it is: it says nothing.
        let left = scan(redactor.scanner(), masked);
        let told: Vec<_> = left
            .iter()
            .map(|found| &masked[found.range()])
            .filter(|found| *found != "****")
            .collect();
        assert!(told.is_empty(), "{told:?} is left of {text:?} in {masked:?}");
    }
    assert!(changed > 400, "{changed}");
}
