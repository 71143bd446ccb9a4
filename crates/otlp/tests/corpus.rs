//! Runs the committed corpus of the fuzz targets through their checks, on any toolchain.
//!
//! The files named `seed-*` are generated here; `FOREBAY_BLESS=1 cargo test -p forebay-otlp --test corpus` writes them again. Inputs
//! that fuzzing finds are added beside them under names of their own.

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

#[path = "../fuzz/src/lib.rs"]
mod checks;
mod support;

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;
use forebay_otlp::{Signal, json, schema};
use support::scramble::scramble;
use support::{damage, generate};

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 4] = [
    ("validate_vs_prost", checks::validate_vs_prost),
    ("edit", checks::edit),
    ("json_roundtrip", checks::json_roundtrip),
    ("text", checks::text),
];

const MAX_FILE_BYTES: usize = 2048;

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target]
        .iter()
        .collect()
}

/// One request of each signal in each of these shapes: as prost writes it, rearranged, damaged, and for the JSON target as text.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for signal in Signal::ALL {
        let mut rng = Rng::with_seed(signal as u64);
        let wire = loop {
            let request = generate::request(signal, &mut rng);
            if (2..6).contains(&request.items()) && request.encode().len() < MAX_FILE_BYTES / 2 {
                break request.encode();
            }
        };
        let rearranged = scramble(schema::request(signal), &wire, &mut rng);
        let damaged = damage(&wire, &mut rng);
        let mut shapes = vec![("plain", wire), ("rearranged", rearranged), ("damaged", damaged)];
        if target == "json_roundtrip" {
            shapes.push(("json", small_json(signal, &mut rng)));
        }
        let head: &[u8] = if target == "text" {
            &[signal as u8, 20]
        } else {
            &[signal as u8]
        };
        for (shape, body) in shapes {
            seeds.push((format!("seed-{signal}-{shape}"), [head, &body].concat()));
        }
    }
    seeds
}

fn small_json(signal: Signal, rng: &mut Rng) -> Vec<u8> {
    loop {
        let mut text = Vec::new();
        let request = generate::request(signal, rng);
        json::from_protobuf(signal, &request.encode(), &mut text).unwrap();
        if request.items() > 0 && text.len() < MAX_FILE_BYTES {
            return text;
        }
    }
}

#[test]
fn the_seeds_are_those_that_the_generator_gives() {
    for (target, _) in TARGETS {
        for (name, bytes) in seeds(target) {
            let path = folder(target).join(name);
            if std::env::var_os("FOREBAY_BLESS").is_some() {
                fs::create_dir_all(folder(target)).unwrap();
                fs::write(&path, &bytes).unwrap();
            }
            assert!(
                fs::read(&path).unwrap_or_default() == bytes,
                "{} is out of date: see above",
                path.display()
            );
        }
    }
}

#[test]
fn every_file_of_the_corpus_passes_its_check() {
    for (target, check) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(folder(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.len() <= MAX_FILE_BYTES, "{} is too large", path.display());
            eprintln!("{}", path.display());
            check(&bytes);
            files += 1;
        }
        assert!(files >= 9, "{target} has {files} files");
    }
}

#[test]
fn property_checks_hold_for_random_and_damaged_inputs() {
    support::for_each_case(60, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let rearranged = scramble(schema::request(signal), &wire, rng);
        let damaged = damage(&wire, rng);
        let noise: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
        for body in [wire, rearranged, damaged, noise] {
            for (target, check) in TARGETS {
                let head: &[u8] = if target == "text" {
                    &[signal as u8, 100]
                } else {
                    &[signal as u8]
                };
                check(&[head, &body].concat());
            }
        }
    });
}
