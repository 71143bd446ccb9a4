//! OTLP/JSON against a second implementation, in Python: `crates/testkit/python/otlp_json.py`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    dead_code,
    reason = "a test, which needs parts of what it shares with others"
)]

mod support;

use fastrand::Rng;
use forebay_otlp::{Signal, json, schema};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use support::scramble::scramble;
use support::{Request, damage, generate};

const TWIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/python/otlp_json.py");
const LIMIT: usize = 1 << 24;

/// Questions to the twin. All are asked at once: a process for each would take longer than all answers.
#[derive(Default)]
struct Questions(String);

impl Questions {
    fn ask(&mut self, question: &str, signal: Signal, operands: &[&[u8]]) {
        write!(self.0, "{question} {signal}").unwrap();
        for operand in operands {
            write!(self.0, " {}", hex(operand)).unwrap();
        }
        self.0.push('\n');
    }

    fn invent(&mut self, signal: Signal, seed: u64) {
        writeln!(self.0, "invent {signal} {seed}").unwrap();
    }

    /// The answers in the order of the questions: bytes, or why there are none.
    fn answers(self) -> Vec<Result<Vec<u8>, String>> {
        let mut twin = Command::new("python3")
            .arg(TWIN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut stdin = twin.stdin.take().unwrap();
        let asking = std::thread::spawn(move || stdin.write_all(self.0.as_bytes()));
        let output = twin.wait_with_output().unwrap();
        asking.join().unwrap().unwrap();
        assert!(output.status.success(), "the twin has failed");
        let answers = String::from_utf8(output.stdout).unwrap();
        answers.lines().map(understood).collect()
    }
}

fn understood(answer: &str) -> Result<Vec<u8>, String> {
    let (word, rest) = answer.split_once(' ').unwrap();
    match word {
        "ok" => Ok(bytes(rest)),
        _ => Err(rest.to_owned()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What prost makes of the bytes: equal texts are equal messages, whatever the bits of their NaNs.
fn meaning(signal: Signal, wire: &[u8]) -> String {
    format!("{:?}", Request::decode(signal, wire).unwrap())
}

/// Requests as prost writes them, and rearranged.
fn requests(cases: u64) -> Vec<(Signal, Vec<u8>)> {
    let mut requests = Vec::new();
    for seed in 0..cases {
        for signal in Signal::ALL {
            let mut rng = Rng::with_seed(seed ^ (signal as u64) << 62);
            let plain = generate::request(signal, &mut rng).encode();
            requests.push((signal, scramble(schema::request(signal), &plain, &mut rng)));
            requests.push((signal, plain));
        }
    }
    requests
}

fn ours(signal: Signal, wire: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    json::from_protobuf(signal, wire, &mut text).unwrap();
    text
}

/// Texts that the twin makes up: numbers in quotes and with exponents, escapes, keys twice and unknown, `null`, white space.
fn inventions(cases: u64) -> Vec<(Signal, Vec<u8>)> {
    let (mut questions, mut signals) = (Questions::default(), Vec::new());
    for seed in 0..cases {
        for signal in Signal::ALL {
            questions.invent(signal, seed);
            signals.push(signal);
        }
    }
    let texts = questions.answers().into_iter().map(Result::unwrap);
    signals.into_iter().zip(texts).collect()
}

/// Both read the same from a text, or both refuse it. Returns how many were accepted.
fn both_read_the_same(texts: &[(Signal, Vec<u8>)]) -> usize {
    let mut questions = Questions::default();
    for (signal, text) in texts {
        questions.ask("wire", *signal, &[text]);
    }
    let answers = questions.answers();
    assert_eq!(answers.len(), texts.len());
    let mut accepted = 0;
    for ((signal, text), theirs) in texts.iter().zip(answers) {
        let shown = String::from_utf8_lossy(text);
        match (json::to_protobuf(*signal, text, LIMIT), theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(meaning(*signal, &ours), meaning(*signal, &theirs), "{shown}");
                accepted += 1;
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(why)) => panic!("only the twin refuses: {why}: {shown}"),
            (Err(why), Ok(_)) => panic!("only the twin accepts what we refuse: {why}: {shown}"),
        }
    }
    accepted
}

#[test]
fn property_what_we_write_is_what_the_twin_would_write() {
    let requests = requests(100);
    let mut questions = Questions::default();
    for (signal, wire) in &requests {
        questions.ask("same", *signal, &[&ours(*signal, wire), wire]);
    }
    for ((signal, wire), answer) in requests.iter().zip(questions.answers()) {
        answer.unwrap_or_else(|why| panic!("{signal}: {why}: {}", hex(wire)));
    }
}

#[test]
fn property_what_the_twin_writes_reads_as_it_was() {
    let requests = requests(100);
    let mut questions = Questions::default();
    for (signal, wire) in &requests {
        questions.ask("json", *signal, &[wire]);
    }
    for ((signal, wire), text) in requests.iter().zip(questions.answers()) {
        let text = text.unwrap();
        let back = json::to_protobuf(*signal, &text, LIMIT).expect("it can be read");
        assert_eq!(meaning(*signal, &back), meaning(*signal, wire));
    }
}

#[test]
fn property_texts_that_take_liberties_read_alike() {
    let texts = inventions(250);
    let accepted = both_read_the_same(&texts);
    assert!(accepted > texts.len() / 2, "{accepted} of {}", texts.len());
    assert!(accepted < texts.len(), "none was to be refused");
}

#[test]
fn property_damaged_texts_read_alike_or_are_refused_by_both() {
    let mut texts = inventions(60);
    let mut rng = Rng::with_seed(7);
    texts.extend(
        requests(20)
            .iter()
            .map(|(signal, wire)| (*signal, ours(*signal, wire))),
    );
    let damaged = |(signal, text): &(Signal, Vec<u8>)| (*signal, damage(text, &mut rng));
    let texts: Vec<_> = texts.iter().map(damaged).collect();
    assert!(both_read_the_same(&texts) > 0);
}

#[test]
fn the_committed_texts_read_alike() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/json");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(corpus).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        if let Some((first, text)) = input.split_first() {
            texts.push((Signal::ALL[usize::from(*first) % 3], text.to_vec()));
        }
    }
    assert!(both_read_the_same(&texts) >= 3);
}
