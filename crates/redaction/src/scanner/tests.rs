//! What scans find, against one pattern at a time.

use super::*;
use crate::ready::{Look, NUMBER_MARKS, counting};
use std::collections::BTreeSet;

fn ready(patterns: &[ReadyMade]) -> Scanner {
    Scanner::new(
        &patterns
            .iter()
            .map(|ready| Pattern::Ready(*ready))
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

fn scan(scanner: &Scanner, text: &[u8]) -> Vec<Found> {
    let mut found = vec![Found {
        start: 9,
        end: 9,
        pattern: 9,
    }];
    scanner.scan(text, &mut found);
    assert!(found.windows(2).all(|pair| pair[0] <= pair[1]));
    found
}

/// What a pattern finds if it is asked at each place, without marks: by each of its looks apart.
fn reference(ready: ReadyMade, text: &[u8]) -> BTreeSet<(usize, usize)> {
    let mut all = BTreeSet::new();
    let mut done = 0;
    for at in 0..text.len() {
        for look in ready.looks() {
            let found = match look {
                Look::Marked(_, check) => check(text, at),
                Look::Tokens(tokens) => tokens.iter().find_map(|token| token.check(text, at)),
                Look::Number(digits, check) => number_at(text, at, digits, *check),
            };
            if let Some((start, end)) = found.filter(|_| at >= done) {
                all.insert((start, end));
                done = end.max(at + 1);
            }
        }
    }
    all
}

fn number_at(text: &[u8], at: usize, digits: &[usize], check: NumberCheck) -> Option<(usize, usize)> {
    if !text[at].is_ascii_digit() {
        return None;
    }
    let parts = number::parts(text, at)?;
    (1..=parts.groups()).rev().find_map(|groups| {
        let number = parts.beginning(text, at, groups)?;
        (digits.contains(&number.digits.len()) && check(&number)).then_some((at, number.end))
    })
}

/// Pieces that are near what patterns find; some are found by themselves.
fn pieces() -> Vec<String> {
    let words = "4111 1111 5500-0000 0000 0004 378282246310005 -- - . , : :: @ a@b.cd x.y@host.example 10.0.0.1 1.2.3 fe80::1 \
        2001:db8::ff00:42:8329 00:1b:44:11:3a:b7 001b.4411.3ab7 +49 +1 (415) 555-0123 ( ) password secret= token: \"key\":\" ' \" \
        Bearer Basic eyJ eyJhbGciOiJub25lIn0 .e30. AKIA AIza ghp_ glpat- xoxb- sk_live_ npm_ SG. hvs. dapi ://user:pw@host https ://  \
        -----BEGIN PRIVATE KEY----- -----END DE89 3704 0044 0532 0130 00 123-45-6789 943 476 5919 86095742719 111.444.777-35 ssn bsn nhs \
        12345678Z RSSMRA85T10A562S 811228-9874 756.9217.0769.85 \u{e9} \u{20ac} Zz09 0 1 2 3 abcDEF012 sig= private_key_id";
    words
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .chain([" ".into(), "\n".into()])
        .collect()
}

fn text_of(pieces: &[String], random: &mut fastrand::Rng) -> String {
    (0..random.usize(1..30))
        .map(|_| pieces[random.usize(..pieces.len())].as_str())
        .collect()
}

#[test]
fn property_marks_miss_nothing_and_all_together_find_what_each_finds_alone() {
    let all = ready(&ReadyMade::ALL);
    let pieces = pieces();
    let mut random = fastrand::Rng::with_seed(21);
    let mut kinds = BTreeSet::new();
    for _ in 0..300 {
        let text = text_of(&pieces, &mut random);
        let together = scan(&all, text.as_bytes());
        for (index, pattern) in ReadyMade::ALL.into_iter().enumerate() {
            let of_it = together.iter().filter(|found| found.pattern == index);
            let found: BTreeSet<_> = of_it.map(|found| (found.start, found.end)).collect();
            assert_eq!(
                found,
                reference(pattern, text.as_bytes()),
                "{pattern} in {text:?}"
            );
            kinds.extend(found.iter().map(|_| pattern));
        }
        assert!(
            together.iter().all(|found| text.get(found.range()).is_some()),
            "{text:?}"
        );
    }
    assert!(kinds.len() > 15, "{kinds:?}");
}

#[test]
fn property_regexes_find_what_they_find_alone() {
    let regexes = [
        "ab+c",
        r"\bid-\d{3,5}\b",
        "(?i)straSSe|\u{df}x",
        r"[^a-z\s]{4}",
        r"\w+",
        "x(?:yz|zy)*q",
        r"(?-u:[a-c])\d",
        "k.n",
        r"^secret",
        r"(foo|bar){2}",
        "[\u{e0}-\u{ff}]{2}",
        r".*=.*;",
        "(?i)kelvin",
        r"(?:a|b)?c{2,}d",
    ];
    let patterns: Vec<_> = regexes.iter().map(|regex| Pattern::Regex(regex)).collect();
    let scanner = Scanner::new(&patterns).unwrap();
    let words = [
        "ab",
        "bb",
        "c",
        "id-",
        "123",
        "4",
        " ",
        "stra",
        "SSE",
        "\u{df}",
        "x",
        "yz",
        "zy",
        "q",
        "k",
        "\u{212a}elvin",
        "n",
        "\n",
        "secret",
        "foo",
        "bar",
        "\u{e9}\u{e8}",
        "=",
        ";",
        "ccd",
        "!!!!",
        "a1",
    ];
    let compiled = regexes.map(|regex| regex::Regex::new(regex).unwrap());
    let mut random = fastrand::Rng::with_seed(4);
    let mut kinds = BTreeSet::new();
    for _ in 0..5_000 {
        let text: String = (0..random.usize(..40))
            .map(|_| words[random.usize(..words.len())])
            .collect();
        let mut expected = Vec::new();
        for (pattern, regex) in compiled.iter().enumerate() {
            expected.extend(regex.find_iter(&text).map(|found| Found {
                start: found.start(),
                end: found.end(),
                pattern,
            }));
            kinds.extend(expected.last().map(|found| found.pattern));
        }
        expected.sort_unstable();
        assert_eq!(scan(&scanner, text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(kinds.len(), regexes.len(), "{kinds:?}");
}

/// However long the text is and wherever the four readers of it begin.
#[test]
fn a_secret_is_found_wherever_it_stands() {
    let scanner = Scanner::new(&[
        Pattern::Ready(ReadyMade::Email),
        Pattern::Ready(ReadyMade::CreditCard),
        Pattern::Regex("needle[0-9]"),
    ]);
    let scanner = scanner.unwrap();
    for (pattern, secret) in ["a@b.cd", "4111111111111111", "needle7"].into_iter().enumerate() {
        for length in [0, 40, 96, 97, 131, 512, 4_090, 4_200, 9_000] {
            for before in (0..=length).step_by(if length > 600 { 61 } else { 1 }) {
                let text = format!(
                    "{}{secret}{}",
                    "; ".repeat(before / 2),
                    " .".repeat((length - before) / 2)
                );
                let start = before / 2 * 2;
                let expected = Found {
                    start,
                    end: start + secret.len(),
                    pattern,
                };
                assert_eq!(scan(&scanner, text.as_bytes()), [expected], "{length} {before}");
            }
        }
    }
}

#[test]
fn marks_are_whole_and_every_pattern_has_some() {
    for ready in ReadyMade::ALL {
        assert_eq!(ReadyMade::named(ready.name()), Some(ready));
        assert!(!ready.looks().is_empty(), "{ready}");
        for look in ready.looks() {
            let Look::Marked(marks, _) = look else {
                continue;
            };
            for (mark, _) in marks.iter().chain(&NUMBER_MARKS) {
                let sequences = compile::sequences_of(mark);
                assert!(
                    !sequences.is_empty() && sequences.len() < compile::WHOLE.most,
                    "{mark}"
                );
                assert!(
                    sequences
                        .iter()
                        .all(|sequence| !sequence.is_cut && !sequence.sets.is_empty()),
                    "{mark}"
                );
            }
        }
    }
    let names: BTreeSet<_> = ReadyMade::ALL.iter().map(|ready| ready.name()).collect();
    assert_eq!(names.len(), ReadyMade::ALL.len());
    assert_eq!(ReadyMade::named("credit-card"), None);
}

/// Each of these is what one pattern or another begins to look at. Twice as much of it takes twice as many looks, and none of it more than
/// a few for each byte.
#[test]
fn hostile_texts_take_time_in_proportion() {
    let all = ready(&ReadyMade::ALL);
    let units = [
        "1",
        "1 ",
        "12-",
        "1.",
        "@",
        "a@",
        "a@b.",
        "eyJ",
        "eyJ.",
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJub25lIn0.",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "AKIA",
        "ghp_",
        "glpat-",
        "ya29.",
        "sk-",
        "://",
        "a://",
        "a://b:",
        ":",
        "::",
        "a:",
        "1:",
        "00:",
        "+1",
        "+1 ",
        "(415)",
        "password=",
        "password=\"",
        "secret",
        "secret: ",
        "token:'",
        "bearer ",
        "bearer",
        "basic ",
        "sig=",
        "SharedAccessKey=",
        "DE89 ",
        "DE89",
        "A",
        "z",
        "aB3",
        "-",
        "\u{e9}",
        "private_key_id",
        "Authorization: Bearer ",
        "ABCDEF12A",
        " 12345678A",
        "\\\"",
    ];
    for unit in units {
        let looks = |bytes: usize| {
            let text = unit.repeat(bytes / unit.len());
            counting::taken();
            let found = scan(&all, text.as_bytes());
            (counting::taken(), found.len())
        };
        let ((half, _), (whole, findings)) = (looks(1 << 15), looks(1 << 16));
        assert!(whole <= 40 << 16, "{unit:?}: {whole}");
        assert!(whole <= half * 2 + half / 10 + 10_000, "{unit:?}: {half} {whole}");
        assert!(findings <= 1 << 16);
    }
}

#[test]
fn findings_of_a_regex_have_a_bound_and_nothing_is_left_behind() {
    let scanner = Scanner::new(&[Pattern::Regex("[A-Z]"), Pattern::Regex("x(?<secret>y)")]).unwrap();
    let capitals = "A".repeat(5_000);
    let found = scan(&scanner, capitals.as_bytes());
    assert_eq!(found.len(), MOST_FINDINGS + 1);
    assert_eq!(
        found.last().copied(),
        Some(Found {
            start: MOST_FINDINGS,
            end: 5_000,
            pattern: 0
        })
    );
    let groups = scan(&scanner, "xy".repeat(1_500).as_bytes());
    assert_eq!(
        groups[..2],
        [
            Found {
                start: 1,
                end: 2,
                pattern: 1
            },
            Found {
                start: 3,
                end: 4,
                pattern: 1
            }
        ]
    );
    assert_eq!(groups.last().map(|found| found.end), Some(3_000));
}

#[test]
fn what_cannot_be_looked_for_is_told_with_its_place() {
    let wrong =
        |regex: &str| Scanner::new(&[Pattern::Ready(ReadyMade::Email), Pattern::Regex(regex)]).unwrap_err();
    let cases = [
        ("a(b", "unclosed group, at byte 1 of the pattern"),
        ("a*", "matches the empty text, which is everywhere"),
        (
            r"(?-u)\xff",
            "pattern can match invalid UTF-8, at byte 5 of the pattern",
        ),
        (
            r"a(?=b)",
            "look-around, including look-ahead and look-behind, is not supported, at byte 1 of the pattern",
        ),
        (
            "[a-z]{500}{500}",
            "takes more than 1 MiB when compiled: lower its repetitions",
        ),
    ];
    for (regex, expected) in cases {
        let error = wrong(regex);
        assert_eq!((error.pattern, error.to_string().as_str()), (1, expected));
    }
}

#[test]
fn many_patterns_are_still_one_automaton() {
    let words: Vec<String> = (0..40)
        .map(|number| format!("(?i)w{number}[a-z]+[0-9]{{2}}q\\d*x{number}"))
        .collect();
    let mut patterns: Vec<_> = words.iter().map(|word| Pattern::Regex(word)).collect();
    patterns.extend(ReadyMade::ALL.map(Pattern::Ready));
    let scanner = Scanner::new(&patterns).unwrap();
    assert_eq!(
        (scanner.len(), scanner.is_empty()),
        (40 + ReadyMade::ALL.len(), false)
    );
    assert!(scanner.heap_bytes() < 4 << 20, "{}", scanner.heap_bytes());
    assert_eq!(scan(&scanner, b"a W39ab12q7x39 b").len(), 1);
    let nothing = Scanner::new(&[]).unwrap();
    assert!(nothing.is_empty() && scan(&nothing, b"anything").is_empty());
}
