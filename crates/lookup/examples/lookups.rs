//! What a table costs: memory against the size of its file, the most that is taken while it is made, and processor time for each
//! lookup.
//!
//! ```text
//! cargo run --profile quick -p forebay-lookup --example lookups -- ROWS exact|two|prefix|suffix|v4|v6
//! ```
//!
//! Rows have an owner, a cost centre and a tier, as a CSV file would have them; the file's size is that of these lines. Keys that
//! are looked up come in no order, and one in ten is not in the table. Times are of the processor, those of walking through the same keys
//! taken off.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program to be run by hand"
)]

use forebay_lookup::{Builder, Cell, Column, Duplicates, KeyPart, Kind, Limits, Match, Shape, Table};
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const LOOKUPS: usize = 1_000_000;
/// The best of so many rounds counts: others have a share in the machine.
const ROUNDS: usize = 5;

/// The processor time of this thread, in nanoseconds.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// A kind of table: how its keys are matched, what the n-th one is, and what is looked up to find it, or to find nothing.
struct Case {
    name: &'static str,
    parts: Vec<KeyPart>,
    key: fn(u64) -> Vec<String>,
    value: fn(u64) -> Vec<String>,
}

fn part(matching: Match) -> KeyPart {
    KeyPart {
        matching,
        ..KeyPart::default()
    }
}

/// A number that looks like any other, the same for the same one.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

fn namespace(number: u64) -> String {
    format!("namespace-{:x}", mixed(number) >> 28)
}

/// Paths of two to five segments.
fn path(number: u64) -> String {
    let mut path = format!("/api/v{}", number % 3);
    for segment in 0..1 + number % 4 {
        path.push_str(&format!("/{:x}", mixed(number + segment) >> 40));
    }
    path.push_str(&format!("/{number:x}"));
    path
}

/// Networks of 20 to 32 bits, most of them of 24 and less, as lists of addresses have them.
fn v4(number: u64) -> String {
    let length = [24, 24, 24, 23, 22, 21, 20, 32][number as usize % 8];
    let address = (mixed(number) >> 32) as u32 & u32::MAX << (32 - length);
    format!("{}/{length}", Ipv4Addr::from_bits(address))
}

fn v6(number: u64) -> String {
    let length = [48, 48, 48, 32, 40, 44, 56, 64][number as usize % 8];
    let high = 0x2000_0000_0000_0000 | mixed(number) >> 3;
    let address = u128::from(high) << 64 & u128::MAX << (128 - length);
    format!("{}/{length}", Ipv6Addr::from_bits(address))
}

fn address_in(network: &str) -> String {
    network.split('/').next().unwrap().to_owned()
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "exact",
            parts: vec![part(Match::Exact)],
            key: |number| vec![namespace(number)],
            value: |number| vec![namespace(number)],
        },
        Case {
            name: "two",
            parts: vec![part(Match::Exact), part(Match::Exact)],
            key: |number| vec![format!("cluster-{}", number % 20), namespace(number)],
            value: |number| vec![format!("cluster-{}", number % 20), namespace(number)],
        },
        Case {
            name: "prefix",
            parts: vec![part(Match::Prefix)],
            key: |number| vec![path(number)],
            value: |number| vec![format!("{}/items/17", path(number))],
        },
        Case {
            name: "suffix",
            parts: vec![KeyPart {
                separator: Some(b'.'),
                ..part(Match::Suffix)
            }],
            key: |number| vec![format!("{}.example.com", namespace(number))],
            value: |number| vec![format!("web-1.{}.example.com", namespace(number))],
        },
        Case {
            name: "v4",
            parts: vec![part(Match::Network)],
            key: |number| vec![v4(number)],
            value: |number| vec![address_in(&v4(number))],
        },
        Case {
            name: "v6",
            parts: vec![part(Match::Network)],
            key: |number| vec![v6(number)],
            value: |number| vec![address_in(&v6(number))],
        },
    ]
}

fn builder(parts: &[KeyPart]) -> Builder {
    let column = |(name, kind): (&str, Kind)| Column {
        name: name.to_owned(),
        kind,
    };
    let shape = Shape {
        keys: parts.to_vec(),
        columns: [
            ("team", Kind::String),
            ("cost_centre", Kind::Int),
            ("tier", Kind::String),
        ]
        .map(column)
        .to_vec(),
    };
    let limits = Limits {
        rows: u64::MAX,
        bytes: 1 << 32,
    };
    Builder::new(shape, Duplicates::Last, limits).unwrap()
}

/// The table of so many rows, and the size of its file.
fn make(case: &Case, rows: u64) -> (Table, usize) {
    let mut builder = builder(&case.parts);
    let mut file = 0;
    for number in 0..rows {
        let keys = (case.key)(number);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let team = format!("team-{}", mixed(number) % 300);
        let cost = (mixed(number) % 5_000 + 10_000).cast_signed();
        let tier = ["gold", "silver", "bronze"][number as usize % 3];
        file += keys.iter().map(|key| key.len() + 1).sum::<usize>() + team.len() + 5 + tier.len() + 3;
        let cells = [Cell::Text(&team), Cell::Int(cost), Cell::Text(tier)];
        builder.add(number, &keys, &cells).unwrap();
    }
    (builder.finish().unwrap(), file)
}

/// Nanoseconds for each lookup, without and with reading its values, in the best of several rounds, and how many found a row.
fn measure(table: &Table, values: &[Vec<String>]) -> ([f64; 2], usize) {
    let walk = |find: &dyn Fn(&[&[u8]]) -> bool| {
        let start = cpu();
        let mut found = 0;
        for value in values {
            let value: [&[u8]; 2] = [value[0].as_bytes(), value.last().unwrap().as_bytes()];
            let value = if values[0].len() == 1 {
                &value[..1]
            } else {
                &value[..]
            };
            found += usize::from(find(black_box(value)));
        }
        ((cpu() - start) as f64 / values.len() as f64, found)
    };
    let mut best = [f64::MAX; 2];
    let mut all_found = 0;
    for _ in 0..ROUNDS {
        let (idle, _) = walk(&|value| value[0].first().is_some_and(|byte| *byte == 0));
        let (bare, _) = walk(&|value| table.find(value).is_some());
        let (read, found) = walk(&|value| {
            table
                .find(value)
                .is_some_and(|row| row.values().flatten().count() == 3)
        });
        best = [best[0].min(bare - idle), best[1].min(read - idle)];
        all_found = found;
    }
    (best, all_found)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rows: u64 = arguments[1].parse().unwrap();
    let case = cases()
        .into_iter()
        .find(|case| case.name == arguments[2])
        .unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let (table, file) = make(&case, rows);
    let heap = dhat::HeapStats::get();
    let wanted = |lookup: u64| {
        let number = mixed(lookup) % rows;
        (case.value)(if lookup.is_multiple_of(10) {
            rows + number
        } else {
            number
        })
    };
    let values: Vec<Vec<String>> = (0..LOOKUPS as u64).map(wanted).collect();
    let ([bare, read], found) = measure(&table, &values);
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "{}: {} rows; file {:.1} MB, table {:.1} MB ({:.2}), told {:.1} MB, at most {:.1} MB while it was made; {bare:.0} ns \
         for each lookup, {read:.0} ns with its values, {:.1}% found",
        case.name,
        table.rows(),
        megabytes(file),
        megabytes(heap.curr_bytes),
        heap.curr_bytes as f64 / file as f64,
        megabytes(table.bytes() as usize),
        megabytes(heap.max_bytes),
        found as f64 / LOOKUPS as f64 * 100.0,
    );
}
