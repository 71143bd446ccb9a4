//! The law of the limiter: whatever comes in whatever order, what goes out measures as much as what came in.
//!
//! Senders of all kinds of series do what senders do: begin anew with and without saying so, leave and come back, send late, twice, or
//! nonsense. What they send and what the limiter makes of it is entered into two sets of books, which are kept by the rules of the
//! metrics data model. After each request the books must agree.
//!
//! `FOREBAY_LAW_CASES` is the number of interleavings. A failure prints the seed of its own, with all that happened up to the first
//! request that went wrong; `FOREBAY_LAW_SEED` runs that one alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, and nobody else uses it"
)]

mod books;
mod point;
mod sender;
mod shown;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use world::{ENOUGH, World};

/// Interleavings for each of the two properties where no other number is asked for. One has about 50 points.
const CASES: u64 = 50_000;
/// Threads that share them.
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs one interleaving; how many points it had, or what went wrong at which request.
fn run(world: &mut World, seed: u64) -> Result<usize, String> {
    for request in 0..2 + seed % 16 {
        world
            .step()
            .map_err(|wrong| format!("request {request}: {wrong}"))?;
    }
    Ok(world.points)
}

/// Runs one interleaving, and once more with all that happens if it goes wrong: up to the request that was wrong first.
fn check(seed: u64, memory: u64) -> usize {
    let wrong = match run(&mut World::new(seed, memory), seed) {
        Ok(points) => return points,
        Err(wrong) => wrong,
    };
    let mut world = World::new(seed, memory);
    world.log = Some(String::new());
    let again = run(&mut world, seed);
    panic!(
        "{}{again:?}\nFOREBAY_LAW_SEED={seed}: {wrong}",
        world.log.unwrap_or_default()
    );
}

/// Runs as many interleavings as are asked for.
fn check_all(memory: impl Fn(u64) -> u64 + Sync) {
    if let Some(seed) = number("FOREBAY_LAW_SEED") {
        check(seed, memory(seed));
        return;
    }
    let cases = number("FOREBAY_LAW_CASES").unwrap_or(CASES);
    let points = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (points, memory) = (&points, &memory);
            scope.spawn(move || {
                for seed in (thread..cases).step_by(THREADS as usize) {
                    points.fetch_add(check(seed, memory(seed)), Ordering::Relaxed);
                }
            });
        }
    });
    // One may be short, many cannot.
    assert!(cases < 100 || points.into_inner() as u64 >= 10 * cases);
}

#[test]
fn property_what_goes_out_measures_what_came_in() {
    check_all(|_| ENOUGH);
}

/// Where not all can be remembered points are dropped rather than counted twice, and nothing is lost unless points were dropped.
#[test]
fn property_nothing_counts_twice_where_memory_is_short() {
    check_all(|seed| 1000 + seed % 64 * 1000);
}
