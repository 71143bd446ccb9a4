//! Runs the committed inputs of the fuzz targets, and some that are made of them, on any toolchain.
//!
//! The files named `seed-*` are made here: `FOREBAY_BLESS=1 cargo test -p forebay-fuzz` writes them again. What fuzzing found to be
//! worth keeping is named by its hash, and what it found to be wrong by what it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod seeds;

use forebay_fuzz::{Mutator, TARGETS, Target};
use std::collections::BTreeSet;
use std::fs;

/// The most bytes of one input, and of all of them.
const MAX_FILE_BYTES: usize = 4096;
const MAX_ALL_BYTES: usize = 1 << 20;

#[test]
fn the_seeds_are_those_that_the_generator_gives() {
    for target in TARGETS {
        for (name, bytes) in seeds::of(target.name) {
            let path = target.corpus().join(format!("seed-{name}"));
            if std::env::var_os("FOREBAY_BLESS").is_some() {
                fs::create_dir_all(target.corpus()).unwrap();
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
    let mut all = 0;
    for target in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(target.corpus()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.len() <= MAX_FILE_BYTES, "{} is too large", path.display());
            eprintln!("{}", path.display());
            (target.check)(&bytes);
            files += 1;
            all += bytes.len();
        }
        assert!(files >= 3, "{} has {files} files", target.name);
    }
    assert!(all <= MAX_ALL_BYTES, "the corpus has {all} bytes");
}

/// The folders of configs, which are worth more to the target than what is made for it; `tests/fuzz/run` starts from them too.
const CONFIGS: [&str; 3] = [
    "configs",
    "crates/config/tests/wrong",
    "crates/forebay/tests/wrong",
];

#[test]
fn every_config_of_the_project_passes_its_check() {
    let target = Target::named("config").unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for folder in CONFIGS {
        let files = fs::read_dir(format!("{root}/{folder}")).unwrap();
        assert!(
            files
                .map(|file| (target.check)(&fs::read(file.unwrap().path()).unwrap()))
                .count()
                > 0
        );
    }
}

#[test]
fn every_folder_and_every_dictionary_is_that_of_a_target() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len());
    for folder in ["corpus", "dictionaries"] {
        for entry in fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = name.strip_suffix(".dict").unwrap_or(&name);
            assert!(names.contains(name), "{folder}/{name} belongs to no target");
        }
    }
}

#[test]
fn property_targets_hold_for_mutations_of_the_corpus() {
    for target in TARGETS {
        let mut inputs = Mutator::new(target, 1).unwrap();
        for _ in 0..300 {
            let input = inputs.next_input();
            let check = std::panic::AssertUnwindSafe(|| (target.check)(&input));
            if let Err(panic) = std::panic::catch_unwind(check) {
                eprintln!("{}: {:?}", target.name, input.escape_ascii().to_string());
                std::panic::resume_unwind(panic);
            }
        }
    }
}
