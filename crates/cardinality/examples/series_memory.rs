//! What the limiter takes: memory for each series, and processor time for each point.
//!
//! ```text
//! cargo run --profile quick -p forebay-cardinality --example series_memory -- live delta|cumulative|gauge|histogram SERIES
//! cargo run --profile quick -p forebay-cardinality --example series_memory -- flood delta|cumulative|gauge|histogram MILLIONS
//! cargo run --profile quick -p forebay-cardinality --example series_memory -- hitters delta|cumulative|gauge|histogram THOUSANDS
//! ```
//!
//! `live`: all series are given a place, then report again and again. `flood`: each point is of a series that never comes again, before
//! a limit of 2,000 series and 16 MiB. `hitters`: how many points of a thousand real series keep their own series in such a flood. Points have ten attributes and come 500 in a request. Times are of the processor, those of
//! making the requests taken off.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program to be run by hand"
)]

#[path = "../tests/endurance/flood.rs"]
mod flood;
#[path = "../tests/endurance/traffic.rs"]
mod traffic;
#[path = "../tests/endurance/world.rs"]
mod world;

use traffic::{EPOCH, Kind, Point, Request, SECOND};
use world::{policy, settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POINTS: usize = 500;

struct Load {
    world: world::World,
    request: Request,
    /// Points so far.
    points: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let kind = match arguments[2].as_str() {
        "delta" => Kind::Delta,
        "cumulative" => Kind::Cumulative,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        other => panic!("{other}: not a kind"),
    };
    let number: u64 = arguments[3].parse().unwrap();
    match arguments[1].as_str() {
        "live" => live(kind, number),
        "hitters" => hitters(kind, number),
        "flood" => one_offs(kind, number),
        other => panic!("{other}: not a mode"),
    }
}

/// A thousand real series with nine of ten points, and so many thousands that come once.
fn hitters(kind: Kind, thousands: u64) {
    let start = cpu();
    let kept = flood::kept(kind, 1_000, thousands * 1_000);
    println!(
        "{kind:?}, {thousands},000 series that come once: {:.3}% of the real points keep their series; {:.0} s",
        kept * 100.0,
        (cpu() - start) as f64 / 1e9
    );
}

/// Each series gets a place, then reports three times more.
fn live(kind: Kind, series: u64) {
    // What any use of a limiter takes, of however few series, is not theirs.
    Load::new(kind, 1, u64::MAX).review(0);
    let mut load = Load::new(kind, u32::MAX, u64::MAX);
    let making = load.making();
    let idle = resident();
    for round in 0..4 {
        let start = cpu();
        for first in (0..series).step_by(POINTS) {
            load.review(first);
        }
        let each = (cpu() - start) as f64 / series as f64 - making;
        println!(
            "{kind:?}, {} live, round {round}: {each:.0} ns/point; accounted {:.1}, resident {:.1} bytes/series",
            load.world.live(),
            load.world.limiter.usage().bytes as f64 / series as f64,
            (resident() - idle) as f64 / series as f64,
        );
    }
}

/// A hundred thousand points a second, none of a series that was there before.
fn one_offs(kind: Kind, millions: u64) {
    let mut load = Load::new(kind, 2_000, 16 << 20);
    let making = load.making();
    let mut after_first = 0.0;
    for million in 1..=millions {
        let start = cpu();
        for first in ((million - 1) * 1_000_000..million * 1_000_000).step_by(POINTS) {
            load.review(first);
        }
        let each = (cpu() - start) as f64 / 1e6 - making;
        let resident = resident() as f64 / 1e6;
        if million == 1 {
            after_first = resident;
        }
        if million.is_power_of_two() || million % 10 == 0 {
            println!(
                "{kind:?}, {million} million: {each:.0} ns/point; accounted {:.2} MB, resident {resident:.2} MB ({:+.2}%)",
                load.world.limiter.usage().bytes as f64 / 1e6,
                (resident / after_first - 1.0) * 100.0,
            );
        }
    }
    println!("{:?}", load.world.limiter.counts(0));
}

impl Load {
    fn new(kind: Kind, limit: u32, max_bytes: u64) -> Self {
        Load {
            world: world::World::new(settings(policy(limit), max_bytes)),
            request: Request::new(kind, POINTS),
            points: 0,
        }
    }

    /// Nanoseconds for making a point.
    fn making(&mut self) -> f64 {
        let start = cpu();
        for first in (0..500_000).step_by(POINTS) {
            self.make(first);
            std::hint::black_box(self.request.bytes());
        }
        (cpu() - start) as f64 / 500_000.0
    }

    fn make(&mut self, first: u64) {
        for number in 0..POINTS as u64 {
            let series = (first + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let time = EPOCH + (self.points + number) * SECOND / 100_000;
            let value = 1000 + self.points / 10_000 + number;
            let point = Point {
                series,
                start: EPOCH,
                time,
                value,
            };
            self.request.set(number as usize, point);
        }
    }

    fn review(&mut self, first: u64) {
        self.make(first);
        self.points += POINTS as u64;
        let now = (self.points / 100_000) as u32;
        std::hint::black_box(self.world.review(&self.request, now));
    }
}

/// The processor time of this thread, in nanoseconds.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// The resident memory of the process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
