//! The exporters' state machine, with the engine's queue and delivery around it, on a simulated network in simulated time.
//!
//! What runs is what ships, from the queue to the connection; only names, connections and time are simulated, in one thread, so
//! that a minute of faults takes milliseconds. A seed that fails is printed and can be run alone: `FOREBAY_FAULT_SEED=17`.
//! `FOREBAY_FAULT_SEEDS=2000` runs more of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod graph;
mod network;
mod scenarios;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Over, run};

/// Seeds without a word from the environment, for each protocol.
const SEEDS: u64 = 100;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

/// The seeds to run, for each of the two protocols.
fn seeds() -> Range<u64> {
    match from_environment("FOREBAY_FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("FOREBAY_FAULT_SEEDS").map_or(SEEDS, |seeds| seeds.div_ceil(2)),
    }
}

/// Runs all seeds. What they showed.
fn run_all(over: Over) -> String {
    let (mut repeated, mut requests, mut dials, mut items) = (0, 0, 0, 0);
    let mut longest = std::time::Duration::ZERO;
    let seeds = seeds();
    for seed in seeds.clone() {
        let shown = catch_unwind(AssertUnwindSafe(|| run(over, seed))).unwrap_or_else(|_| {
            panic!("seed {seed} of {over:?}: run it alone with FOREBAY_FAULT_SEED={seed}");
        });
        items += shown.items;
        repeated += shown.repeated;
        requests += shown.requests;
        dials += shown.dials;
        longest = longest.max(shown.healed_in);
    }
    // The faults were felt.
    assert!(
        seeds.end - seeds.start == 1 || (repeated > 0 && requests > items / 100 && dials > 2 * seeds.end)
    );
    format!(
        "{over:?}: seeds {seeds:?}: {items} items, all delivered, {repeated} of them more than once; {requests} requests, \
         {dials} connections; all was delivered at most {longest:?} after the last fault"
    )
}

// conformance: C9 C10
#[test]
fn property_everything_acknowledged_over_grpc_is_delivered_whatever_the_network_does() {
    println!("{}", run_all(Over::Grpc));
}

// conformance: C9 C10
#[test]
fn property_everything_acknowledged_over_http_is_delivered_whatever_the_network_does() {
    println!("{}", run_all(Over::Http));
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..4 {
        for over in [Over::Grpc, Over::Http] {
            assert_eq!(run(over, seed), run(over, seed));
        }
    }
}
