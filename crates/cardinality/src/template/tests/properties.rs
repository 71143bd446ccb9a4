//! What holds for every text.

use super::templated;
use crate::template::{MAX_LENGTH, Settings, Templater};
use fastrand::Rng;

/// Pieces that texts are made of, so that they come near to all rules.
const PIECES: &[&str] = &[
    "users",
    "api",
    "v1",
    "v2beta1",
    "Order",
    "X",
    "order",
    "1",
    "12",
    "123",
    "12345",
    "2024",
    "01",
    "15",
    "T",
    "10",
    "30",
    "Z",
    "cus",
    "9s6XKzkNRiz8i3",
    "550e8400-e29b-41d4-a716-446655440000",
    "550e8400",
    "deadbeef",
    "3f2a1b9c",
    "7d9f8b6c5",
    "x2x4z",
    "10.0.0.1",
    "2001:db8::1",
    "jane",
    "@",
    "example.com",
    "%40",
    "%3A",
    "%2F",
    "{",
    "}",
    "{id}",
    "{uuid}",
    "[",
    "]",
    "<",
    ">",
    "*",
    "eyJ",
    "SELECT",
    " FROM ",
    "IN (",
    "VALUES",
    "'",
    "\"",
    "ip",
    "sha",
    "256",
    "AC0123456789abcdef0123456789abcdef",
    "JzTY20BRgKO",
    "HjmUJj0wLg",
    "\u{e9}",
    "\u{4f60}",
    "api/",
    "/api/2/",
    "0x",
    "e",
    "00:1B:44:11:3A:B7",
    "\\",
];
const MARKS: &[&str] = &[
    "/", "/", "/", " ", "-", "-", "_", ".", ":", "?", "=", "&", ",", "(", ")", "+", "~", "", "", "",
];

const PLACEHOLDERS: &[&str] = &[
    "{id}", "{uuid}", "{hash}", "{token}", "{pod}", "{email}", "{ip}", "{mac}", "{date}", "{time}",
];

fn text(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(..12) {
        match rng.u8(..8) {
            0 => (0..rng.usize(..24)).for_each(|_| text.push(rng.alphanumeric())),
            1 => (0..rng.usize(..12)).for_each(|_| text.push(rng.char('0'..='f'))),
            2 => text.push(rng.char('!'..='~')),
            _ => text.push_str(rng.choice(PIECES).unwrap()),
        }
        text.push_str(rng.choice(MARKS).unwrap());
    }
    text
}

#[test]
fn property_templating_again_changes_nothing() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..60_000 {
        let text = text(&mut rng);
        let once = templated(&text);
        assert_eq!(templated(&once), once, "of {text}");
    }
}

/// The letters of words are kept: nothing is lost but what became a placeholder.
#[test]
fn property_what_is_between_placeholders_was_in_the_text() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..30_000 {
        let text = text(&mut rng);
        let once = templated(&text);
        if text.contains("SELECT") {
            continue;
        }
        let kept = PLACEHOLDERS
            .iter()
            .fold(once, |kept, placeholder| kept.replace(placeholder, "\0"));
        let mut rest = text.as_str();
        for kept in kept.split('\0') {
            let at = rest.find(kept).unwrap_or_else(|| panic!("{kept} of {text}"));
            rest = &rest[at + kept.len()..];
        }
    }
}

#[test]
fn property_any_text_is_taken() {
    let mut rng = Rng::with_seed(3);
    let mut templater = Templater::new(Settings::default());
    let mut out = String::new();
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..rng.usize(..200)).map(|_| rng.u8(..)).collect();
        let text = String::from_utf8_lossy(&bytes);
        let once = templated(&text);
        assert!(once.len() <= 4 * text.len().max(4));
        templater.template(&text, &mut out);
    }
}

#[test]
fn property_learning_is_stable() {
    let settings = Settings {
        max_literals: 3,
        max_positions: 500,
        max_positions_of_scope: 400,
    };
    let mut templater = Templater::new(settings);
    let mut rng = Rng::with_seed(4);
    let (mut out, mut again) = (String::new(), String::new());
    for _ in 0..30_000 {
        let text = text(&mut rng);
        let changed = templater.template(&text, &mut out);
        let once = if changed { out.clone() } else { text.clone() };
        // The same text comes out alike for ever, and what came out comes out as it is.
        assert_eq!(templater.template(&text, &mut again), changed);
        assert_eq!(again, out);
        assert!(!templater.template(&once, &mut again), "{once} became {again}");
        assert!(templater.memory() <= Templater::bound(&settings));
    }
}

/// A text that is hard for any rule costs as much as its length.
#[test]
fn property_the_longest_texts_are_taken() {
    let mut out = String::new();
    for piece in PIECES.iter().chain(MARKS).filter(|piece| !piece.is_empty()) {
        let text = piece.repeat(MAX_LENGTH / piece.len());
        super::fixed(&text, &mut out);
        assert!(out.len() <= 4 * MAX_LENGTH);
    }
}
