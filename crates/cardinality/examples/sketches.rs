//! What the sketches cost: memory, and processor time for each operation.
//!
//! ```text
//! cargo run --profile quick -p forebay-cardinality --example sketches
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program to be run by hand"
)]

use forebay_cardinality::sketch::{Attribute, Distinct, Frequency, Profile};
use forebay_cardinality::{Identity, SeriesHasher};

const ROUNDS: u32 = 2_000_000;

fn main() {
    let mut random = fastrand::Rng::with_seed(1);
    let identities: Vec<_> = (0..1 << 16).map(|_| Identity(random.u128(..))).collect();
    for bytes in [1 << 12, 1 << 16, 1 << 20, 1 << 24] {
        let mut frequency = Frequency::new(bytes);
        timed(
            &format!("Frequency of {} KiB: add", frequency.memory() >> 10),
            |_| frequency.add(Identity(random.u128(..))),
        );
        timed("  estimate", |round| {
            frequency.estimate(
                identities
                    .get(round as usize % identities.len())
                    .copied()
                    .unwrap_or_default(),
            )
        });
    }
    let mut distinct = Distinct::<64>::new();
    timed("Distinct of 64 bytes: insert", |_| {
        distinct.insert(Identity(random.u128(..)))
    });
    timed("  estimate", |_| std::hint::black_box(&distinct).estimate());
    timed("random numbers alone", |_| random.u128(..));
    for wanted in [false, true] {
        profile(wanted);
    }
}

/// Ten attributes, one of them another in each set.
fn profile(wanted: bool) {
    let hasher = SeriesHasher::with_seed(1);
    let keys: Vec<_> = (0..9).map(|number| format!("usual.attribute.{number}")).collect();
    let value = b"\x0a\x0ethe same value";
    let usual: Vec<_> = keys
        .iter()
        .map(|key| Attribute {
            key: key.as_bytes(),
            value,
            identity: hasher.bytes(key.as_bytes()),
        })
        .collect();
    let rest = usual
        .iter()
        .fold(Identity::default(), |sum, one| sum.plus(one.identity));
    let mut profile = Profile::new();
    let memory = profile.memory();
    let name = if wanted { "see, one in 16" } else { "see" };
    let mut random = fastrand::Rng::with_seed(2);
    timed(&format!("Profile of {memory} bytes: {name}"), |_| {
        let identity = Identity(random.u128(..));
        let key = b"user.id";
        let last = Attribute { key, value, identity };
        let set = rest.plus(identity);
        if !wanted || profile.wants(set) {
            profile.see(set, usual.iter().copied().chain([last]));
        }
    });
    timed("  worst", |_| profile.worst().count());
    let start = cpu();
    let blame = profile.blame();
    println!("  blame: {} ns", cpu() - start);
    println!("  {:?} of {:.0} series", blame.first().unwrap(), profile.series());
}

fn timed<T>(name: &str, mut operation: impl FnMut(u32) -> T) {
    let start = cpu();
    for round in 0..ROUNDS {
        std::hint::black_box(operation(round));
    }
    println!("{name}: {:.1} ns", (cpu() - start) as f64 / f64::from(ROUNDS));
}

/// The processor time of this thread, in nanoseconds.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
