//! What is learned of texts.

use crate::identity::Identity;
use crate::template::{Settings, Templater};
use std::collections::HashSet;

fn settings(max_literals: u32) -> Settings {
    Settings {
        max_literals,
        ..Settings::default()
    }
}

fn template(templater: &mut Templater, text: &str) -> String {
    let mut out = String::new();
    if templater.template(text, &mut out) {
        out
    } else {
        text.to_owned()
    }
}

#[test]
fn a_position_with_too_many_words_becomes_one() {
    let mut templater = Templater::new(settings(100));
    for number in 0..100 {
        let text = format!("GET /users/{}/posts", name(number));
        assert_eq!(template(&mut templater, &text), text);
    }
    assert_eq!(
        template(&mut templater, &format!("GET /users/{}/posts", name(100))),
        "GET /users/{var}/posts"
    );
    assert_eq!(
        template(&mut templater, &format!("GET /users/{}/likes/7", name(101))),
        "GET /users/{var}/likes/{id}"
    );
    // What was seen before stays what it was.
    let first = format!("GET /users/{}/posts", name(0));
    assert_eq!(template(&mut templater, &first), first);
    // Other positions know nothing of it.
    let other = format!("GET /teams/{}/posts", name(200));
    assert_eq!(template(&mut templater, &other), other);
}

#[test]
fn no_routes_merge_below_the_bound() {
    let mut templater = Templater::new(settings(100));
    let mut seen = HashSet::new();
    for first in 0..100 {
        for second in 0..50 {
            let text = format!("GET /{}/{}/list", name(first), name(second));
            assert!(seen.insert(template(&mut templater, &text)));
        }
    }
}

#[test]
fn what_a_text_is_about_is_never_merged() {
    let mut templater = Templater::new(settings(5));
    for number in 0..1000 {
        let text = format!("com.acme.{}/Get", name(number));
        assert_eq!(template(&mut templater, &text), text);
    }
}

#[test]
fn behind_a_position_that_was_merged_learning_goes_on() {
    let mut templater = Templater::new(settings(10));
    let distinct: HashSet<String> = (0..100_000)
        .map(|number| {
            template(
                &mut templater,
                &format!("GET /users/{}/posts/{}", name(number), name(number * 7)),
            )
        })
        .collect();
    // Ten users with ten posts each at most, the same for all others, and `{var}` in either place.
    assert!(distinct.len() <= 11 * 11, "{}", distinct.len());
    assert!(distinct.contains("GET /users/{var}/posts/{var}"));
}

#[test]
fn scopes_learn_by_themselves() {
    let mut templater = Templater::new(Settings {
        max_literals: 10,
        max_positions: 1000,
        max_positions_of_scope: 100,
    });
    let mut out = String::new();
    let (flooded, other) = (Identity(1 << 64 | 1), Identity(7 << 64 | 7));
    for number in 0..10_000 {
        templater.template_within(
            flooded,
            &format!("a/{}/{}/x", name(number % 11), name(number)),
            &mut out,
        );
    }
    assert!(templater.positions() <= 101);
    for number in 0..10 {
        assert!(!templater.template_within(other, &format!("a/{}/x", name(number)), &mut out));
    }
    assert!(templater.template_within(other, &format!("a/{}/x", name(10)), &mut out));
    assert_eq!(out, "a/{var}/x");
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let settings = Settings {
        max_literals: 100,
        max_positions: 2_000,
        max_positions_of_scope: 2_000,
    };
    let mut templater = Templater::new(settings);
    for number in 0..200_000 {
        template(
            &mut templater,
            &format!("x/{}/{}/{}", name(number / 7), name(number), name(number * 3)),
        );
    }
    assert!(templater.positions() <= 2_000);
    assert!(
        templater.memory() <= Templater::bound(&settings),
        "{}",
        templater.memory()
    );
}

#[test]
fn settings_are_found_for_a_memory() {
    for bytes in [70_000, 100_000, 480_000, 1 << 20, 100 << 20] {
        let settings = Settings::within(100, bytes);
        assert!(Templater::bound(&settings) <= bytes);
        assert!(Templater::bound(&settings) * 3 > bytes || bytes < 200_000);
    }
}

#[test]
fn nothing_is_learned_if_no_words_are_asked_for() {
    let mut templater = Templater::new(settings(0));
    for number in 0..1000 {
        let text = format!("GET /users/{}", name(number));
        assert_eq!(template(&mut templater, &text), text);
    }
    assert_eq!(templater.positions(), 0);
    assert_eq!(template(&mut templater, "GET /users/17"), "GET /users/{id}");
}

#[test]
fn names_of_tables_are_not_learned() {
    let mut templater = Templater::new(settings(5));
    for number in 0..100 {
        let text = format!("SELECT a FROM {}", name(number));
        assert_eq!(template(&mut templater, &text), text);
    }
}

/// A name without digits.
fn name(number: u32) -> String {
    let letter = |digit: u32| char::from(b'a' + (digit % 26) as u8);
    [number, number / 26, number / 676, number / 17_576]
        .map(letter)
        .iter()
        .collect()
}
