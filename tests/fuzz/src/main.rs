//! Runs fuzz targets without libFuzzer, on any toolchain: the committed inputs, then mutations of them for a time.
//!
//! `forebay-fuzz list` prints the targets' names; `forebay-fuzz TARGET SECONDS [SEED]` runs one. An input that breaks a promise is
//! written to the current folder.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a tool on a terminal"
)]

use forebay_fuzz::{Mutator, TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: forebay-fuzz list | TARGET SECONDS [SEED]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["list"] => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            Ok(())
        }
        [target, seconds] => run(target, seconds, "0"),
        [target, seconds, seed] => run(target, seconds, seed),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn run(target: &str, seconds: &str, seed: &str) -> Result<(), String> {
    let target = Target::named(target).ok_or_else(|| format!("there is no target `{target}`; {USAGE}"))?;
    let seconds: u64 = seconds.parse().map_err(|_| USAGE.to_owned())?;
    let seed = seed.parse().map_err(|_| USAGE.to_owned())?;
    let mut inputs = Mutator::new(target, seed).map_err(|error| format!("{}: {error}", target.name))?;
    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let mut runs = 0_u64;
    while began.elapsed() < length {
        let input = inputs.next_input();
        if catch_unwind(AssertUnwindSafe(|| (target.check)(&input))).is_err() {
            let file = format!("finding-{}-{seed}-{runs}", target.name);
            std::fs::write(&file, &input).map_err(|error| format!("{file}: {error}"))?;
            return Err(format!("{}: the input is in {file}", target.name));
        }
        runs += 1;
    }
    let rate = runs / length.as_secs().max(1);
    println!("{}: {runs} runs, {rate}/s, without coverage", target.name);
    Ok(())
}
