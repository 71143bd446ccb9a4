//! What a scan costs: microseconds for each text of 1 KiB, by how many patterns are looked for.
//!
//! `cargo run --profile quick -p forebay-redaction --example cost`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an example says what it measured"
)]

use forebay_redaction::{Action, Mask, Outcome, Pattern, ReadyMade, Redactor, Scanner, Scratch};
use std::hint::black_box;
use std::time::Instant;

/// What a log may say.
const LINES: [&str; 8] = [
    "2026-11-23T18:29:50.123456Z INFO order_service::checkout request completed method=POST path=/api/v1/orders status=201 duration_ms=42",
    "level=warn ts=1732386590123 caller=main.go:215 msg=\"retrying upstream call\" attempt=3 backoff=1.5s trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "{\"time\":\"2026-11-23T18:29:50Z\",\"severity\":\"ERROR\",\"message\":\"connection reset by peer\",\"host\":\"node-17\",\"pid\":48123,\"bytes\":1048576}",
    "java.lang.IllegalStateException: pool exhausted\n\tat com.example.pool.Pool.take(Pool.java:117)\n\tat com.example.Main.run(Main.java:42)",
    "GET /static/js/app.3f2a9c1b.js HTTP/1.1 200 18273 \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/119.0.0.0\"",
    "scheduled pod default/web-7d4b9c6f5-x2x9k onto node ip-worker-3 in 118ms; requested cpu=250m memory=512Mi",
    "SELECT id, name FROM customers WHERE region = ? ORDER BY created_at LIMIT 50 took 7.25 ms, 50 rows",
    "user session 550e8400-e29b-41d4-a716-446655440000 expired after 3600 seconds of inactivity, cleaning up 12 entries",
];

fn texts(with_hits: bool) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = || {
        let mut text = String::new();
        while text.len() < 1_000 {
            text.push_str(LINES[random.usize(..LINES.len())]);
            text.push('\n');
        }
        text.truncate(990);
        if with_hits {
            text.push_str(" mail someone@mail.example card 4111 1111 1111 1111");
        } else {
            text.push_str(" nothing to be found in here, still.");
        }
        text
    };
    (0..256).map(|_| text()).collect()
}

fn own(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("(?i)customer[-_]{number}[a-z]+[0-9]{{4,}}|internal-{number}\\d{{6}}"))
        .collect()
}

/// The least of many, as others use the machine as well.
fn micros(texts: &[String], mut one: impl FnMut(&[u8])) -> f64 {
    let round = |one: &mut dyn FnMut(&[u8])| {
        let start = Instant::now();
        texts.iter().for_each(|text| one(black_box(text.as_bytes())));
        start.elapsed().as_secs_f64() * 1e6 / texts.len() as f64
    };
    (0..200).map(|_| round(&mut one)).fold(f64::MAX, f64::min)
}

fn main() {
    let (clean, hits) = (texts(false), texts(true));
    let usual: Vec<ReadyMade> = ReadyMade::ALL
        .into_iter()
        .filter(|ready| *ready != ReadyMade::HighEntropyToken)
        .collect();
    let own = own(30);
    let ready = |count: usize| {
        usual
            .iter()
            .take(count)
            .map(|ready| Pattern::Ready(*ready))
            .collect::<Vec<_>>()
    };
    let mixed = |count: usize| {
        let own = own.iter().take(count).map(|regex| Pattern::Regex(regex));
        ready(count).into_iter().chain(own).collect::<Vec<_>>()
    };
    let cases = [
        ("1 ready", ready(1)),
        ("30 ready", ready(30)),
        ("60 ready", ready(60)),
        ("15 ready, 15 own", mixed(15)),
        ("30 ready, 30 own", mixed(30)),
        ("all, and the net", ReadyMade::ALL.map(Pattern::Ready).to_vec()),
    ];
    println!(
        "{:<20} {:>12} {:>12} {:>14} {:>10} {:>10}",
        "patterns", "clean us", "hits us", "hidden us", "tables", "made ms"
    );
    let only = std::env::args().nth(1);
    for (name, patterns) in cases
        .into_iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let start = Instant::now();
        let scanner = Scanner::new(&patterns).unwrap();
        let made = start.elapsed().as_secs_f64() * 1e3;
        let mut found = Vec::new();
        let scan = micros(&clean, |text| scanner.scan(text, &mut found));
        let with_hits = micros(&hits, |text| scanner.scan(text, &mut found));
        let mask = Action::Mask(Mask { keep_last: 0 });
        let redactor = Redactor::new(
            patterns
                .into_iter()
                .map(|pattern| (pattern, mask.clone()))
                .collect(),
        )
        .unwrap();
        let mut scratch = Scratch::new();
        let mut changed = 0;
        let hidden = micros(&hits, |text| {
            changed += usize::from(redactor.redact(text, &mut scratch) == Outcome::Changed)
        });
        assert!(changed > 0);
        println!(
            "{name:<20} {scan:>12.3} {with_hits:>12.3} {hidden:>14.3} {:>10} {made:>10.1}",
            scanner.heap_bytes()
        );
    }
}
