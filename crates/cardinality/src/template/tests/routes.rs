//! Span names and paths after the conventions of public APIs. Each line of the tables names its route, gives a text and what has to become
//! of it; `=` stands for the text itself.

use super::templated;
use std::collections::HashMap;

/// Written while the rules were.
const ROUTES: &str = include_str!("routes.tsv");
/// Written before there was any rule.
const HELD_OUT: &str = include_str!("held_out.tsv");

/// Written when the rules were done, without looking at them.
const LATER: &str = include_str!("later.tsv");

struct Line {
    route: &'static str,
    text: &'static str,
    expected: &'static str,
}

fn lines(table: &'static str) -> Vec<Line> {
    let line = |line: &'static str| {
        let [route, text, expected] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let expected = if expected == "=" { text } else { expected };
        Line {
            route,
            text,
            expected,
        }
    };
    table.lines().map(line).collect()
}

/// How many lines with an id in them there are, and those that did not come out as expected.
fn wrong(lines: &[Line]) -> (usize, Vec<String>) {
    let of_ids = lines.iter().filter(|line| line.expected != line.text).count();
    let wrong = lines.iter().filter(|line| templated(line.text) != line.expected);
    let shown = wrong.map(|line| {
        format!(
            "{}\n  is     {}\n  wanted {}",
            line.text,
            templated(line.text),
            line.expected
        )
    });
    (of_ids, shown.collect())
}

fn assert_right(table: &'static str) {
    let (of_ids, wrong) = wrong(&lines(table));
    assert!(of_ids > 40);
    assert!(
        wrong.is_empty(),
        "{} of {of_ids}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_was_written_before_the_rules_comes_out_right() {
    assert_right(HELD_OUT);
}

#[test]
fn what_was_written_with_the_rules_comes_out_right() {
    assert_right(ROUTES);
}

#[test]
fn what_was_written_after_the_rules_comes_out_right() {
    assert_right(LATER);
}

#[test]
fn no_route_is_merged_with_another() {
    let mut owners = HashMap::new();
    let all: Vec<Line> = [HELD_OUT, ROUTES, LATER].into_iter().flat_map(lines).collect();
    assert!(all.len() >= 200);
    for line in &all {
        let owner = owners.entry(templated(line.text)).or_insert(line.route);
        assert_eq!(*owner, line.route, "{}", line.text);
    }
}
