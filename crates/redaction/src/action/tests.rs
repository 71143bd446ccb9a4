//! What is left of texts.

use super::*;
use crate::ready::ReadyMade;
use crate::scanner::Pattern;

const KEY: &[u8] = b"Jefe";

fn redactor(rules: &[(&str, Action)]) -> Redactor {
    let rules = rules
        .iter()
        .map(|(regex, action)| (Pattern::Regex(regex), action.clone()));
    Redactor::new(rules.collect()).unwrap()
}

fn left(redactor: &Redactor, text: &str) -> String {
    let mut scratch = Scratch::new();
    match redactor.redact(text.as_bytes(), &mut scratch) {
        Outcome::Unchanged => text.to_owned(),
        Outcome::Changed => String::from_utf8(scratch.text().to_vec()).unwrap(),
        Outcome::Dropped(pattern) => format!("dropped by {pattern}"),
    }
}

fn mask(keep_last: usize) -> Action {
    Action::Mask(Mask { keep_last })
}

#[test]
fn what_is_found_is_masked_and_the_rest_stays() {
    let stars = redactor(&[("secret[0-9]+", mask(0))]);
    assert_eq!(left(&stars, "a secret1, secret22."), "a ****, ****.");
    assert_eq!(left(&stars, "nothing"), "nothing");
    let last = redactor(&[("secret[^ ]+", mask(3))]);
    assert_eq!(left(&last, "a secret12345 b"), "a ****345 b");
    assert_eq!(
        left(&last, "a secret\u{e9}\u{20ac}x b"),
        "a ****\u{e9}\u{20ac}x b"
    );
    let short = redactor(&[("[0-9]+", mask(4))]);
    assert_eq!(
        left(&short, "1234567 12345678"),
        "**** ****5678",
        "less than twice as long"
    );
}

#[test]
fn only_the_group_that_is_named_is_hidden() {
    let named = redactor(&[("id=(?<secret>[0-9]+);(?:x=(?<other>.))?", mask(0))]);
    assert_eq!(left(&named, "id=12;x=3 id=4;"), "id=****;x=3 id=****;");
}

#[test]
fn a_hash_is_that_of_the_rfc_and_equal_findings_have_equal_ones() {
    // RFC 4231, test case 2.
    let text = "what do ya want for nothing?";
    let all = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let full = redactor(&[("what.*", Action::Hash(HashKey::new(KEY, 64).unwrap()))]);
    assert_eq!(left(&full, text), all);
    let short = redactor(&[("what[^,]*", Action::Hash(HashKey::new(KEY, 9).unwrap()))]);
    assert_eq!(
        left(&short, &format!("{text},{text}")),
        format!("{0},{0}", &all[..9])
    );
    assert_eq!(
        HashKey::new(KEY, 7).unwrap_err().to_string(),
        "a hash has 8 to 64 hexadecimal digits, not 7"
    );
    assert!(HashKey::new(KEY, 65).is_err() && HashKey::new(b"", 8).is_ok());
    assert!(!format!("{:?}", HashKey::new(KEY, 8)).contains("Jefe"));
}

#[test]
fn a_text_is_cut_off_or_dropped_where_told() {
    let rules = redactor(&[
        ("cut", Action::Truncate),
        ("drop", Action::Drop),
        ("[a-z]+stars", mask(0)),
    ]);
    assert_eq!(
        left(&rules, "1 stars 2 astars 3 cut 4 bstars"),
        "1 stars 2 **** 3 "
    );
    assert_eq!(left(&rules, "cut it"), "");
    assert_eq!(left(&rules, "cut, then drop"), "dropped by 1");
    assert_eq!(left(&rules, "a dropstars"), "dropped by 1", "whatever is longer");
}

#[test]
fn findings_that_overlap_are_hidden_as_the_longest_is() {
    let rules = redactor(&[("b+c", mask(0)), ("a+b", mask(2)), ("aabbc", mask(1))]);
    assert_eq!(left(&rules, "xaaaby"), "x****aby");
    assert_eq!(left(&rules, "xaaabcy"), "x****bcy");
    assert_eq!(left(&rules, "xaabbcy"), "x****cy");
}

#[test]
fn what_was_hidden_is_counted_for_its_pattern() {
    let rules = redactor(&[("a+", mask(0)), ("b+", mask(0)), ("aab", mask(0))]);
    let mut scratch = Scratch::new();
    assert_eq!(rules.redact(b"b, aab, a", &mut scratch), Outcome::Changed);
    assert_eq!(
        (scratch.text(), scratch.hits()),
        (&b"****, ****, ****"[..], &[1, 2, 0][..])
    );
    assert_eq!(rules.redact(b"c", &mut scratch), Outcome::Unchanged);
}

#[test]
fn what_is_allowed_stays() {
    let rules = Redactor::new(vec![(Pattern::Ready(ReadyMade::Email), mask(0))]).unwrap();
    let rules = rules
        .allow(&[r"support@example\.com", r".*@test\.example"])
        .unwrap();
    assert_eq!(
        left(
            &rules,
            "support@example.com me@example.com a@test.example xsupport@example.com"
        ),
        "support@example.com **** a@test.example ****"
    );
    let error = Redactor::new(Vec::new())
        .unwrap()
        .allow(&["a", "b["])
        .unwrap_err();
    assert_eq!((error.pattern, error.offset), (1, Some(1)));
}

#[test]
fn what_comes_to_light_is_hidden_as_well() {
    // The first finding stands in the way of the second.
    let rules = redactor(&[("bbb", mask(0)), (r"a\W", mask(0))]);
    assert_eq!(left(&rules, "abbb"), "*******");
    // Each round brings something new to light: in the end nothing is left.
    let endless = redactor(&[("x", mask(0)), (r"y\*", mask(0))]);
    assert_eq!(left(&endless, "yyyyyyyyx"), "****");
    // What was put in is not found in itself.
    let stars = redactor(&[(r"\*+", mask(0)), ("z", mask(0))]);
    assert_eq!(left(&stars, "z *"), "**** ****");
}

#[test]
fn a_scratch_gives_large_buffers_back() {
    let rules = redactor(&[("a", mask(0))]);
    let mut scratch = Scratch::new();
    assert_eq!(rules.redact(&[b'a'; 100_000], &mut scratch), Outcome::Changed);
    assert!(scratch.heap_bytes() > 100_000);
    assert_eq!(rules.redact(b"a", &mut scratch), Outcome::Changed);
    assert!(scratch.heap_bytes() <= 6 * (64 << 10));
}
