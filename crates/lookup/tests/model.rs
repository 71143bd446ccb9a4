//! Every kind of match against going through all rows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use forebay_lookup::{Builder, Cell, Column, Duplicates, KeyPart, Kind, Limits, Match, Shape, Table};
use forebay_otlp::edit::AttributeValue;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

/// Texts that have much in common.
fn text() -> impl Strategy<Value = String> {
    let piece = select(&["a", "b", "ab", ".", "/", "A", "\u{e9}", "abcabcab"][..]);
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Networks that lie within each other, as text.
fn network() -> impl Strategy<Value = String> {
    let v4 = (select(vec![0u32, 8, 9, 16, 23, 24, 31, 32]), 0u32..8).prop_map(|(length, bits)| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        let address = (0x0a00_0000 | bits << 8 | bits) & mask;
        format!("{}/{length}", std::net::Ipv4Addr::from_bits(address))
    });
    let v6 = (select(vec![0u32, 1, 32, 47, 48, 64, 127, 128]), 0u128..8).prop_map(|(length, bits)| {
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        let address = (0x2001_0db8 << 96 | bits << 80 | bits) & mask;
        format!("{}/{length}", std::net::Ipv6Addr::from_bits(address))
    });
    let mapped = (0u32..4).prop_map(|bits| format!("::ffff:10.0.{bits}.0/120"));
    prop_oneof![4 => v4, 4 => v6, 1 => mapped]
}

fn address() -> impl Strategy<Value = String> {
    let v4 = (0u8..8, 0u8..8).prop_map(|(c, d)| format!("10.0.{c}.{d}"));
    let v6 = (0u16..8, 0u16..8, any::<bool>())
        .prop_map(|(c, d, low)| format!("2001:db8:{c}::{d}:{}", u8::from(low)));
    prop_oneof![
        4 => v4.clone(),
        4 => v6,
        1 => v4.prop_map(|address| format!("::ffff:{address}")),
        1 => Just("11.0.0.1".to_owned()),
        1 => Just("fe80::1".to_owned()),
        1 => Just("no address".to_owned()),
    ]
}

fn part() -> impl Strategy<Value = KeyPart> {
    let matching = select(vec![Match::Exact, Match::Prefix, Match::Suffix, Match::Network]);
    let separator = proptest::option::of(select(vec![b'.', b'/']));
    (matching, any::<bool>(), separator).prop_map(|(matching, ignore_case, separator)| KeyPart {
        matching,
        ignore_case,
        separator,
    })
}

/// Parts of a key, of which at most one is matched other than whole.
fn parts() -> impl Strategy<Value = Vec<KeyPart>> {
    (vec(part(), 1..4), 0usize..4).prop_map(|(mut parts, ranged)| {
        for (at, part) in parts.iter_mut().enumerate() {
            if at != ranged {
                part.matching = Match::Exact;
            }
        }
        parts
    })
}

fn key(parts: Vec<KeyPart>) -> impl Strategy<Value = Vec<String>> {
    let texts = parts.into_iter().map(|part| match part.matching {
        Match::Network => network().boxed(),
        Match::Exact => select(&["a", "A", "b"][..]).prop_map(str::to_owned).boxed(),
        _ => text().boxed(),
    });
    texts.collect::<Vec<_>>()
}

fn value(parts: Vec<KeyPart>) -> impl Strategy<Value = Vec<String>> {
    let texts = parts.into_iter().map(|part| match part.matching {
        Match::Network => address().boxed(),
        Match::Exact => select(&["a", "A", "b", "c"][..]).prop_map(str::to_owned).boxed(),
        _ => text().boxed(),
    });
    texts.collect::<Vec<_>>()
}

type Case = (Vec<KeyPart>, Vec<Vec<String>>, Vec<Vec<String>>);

fn case() -> impl Strategy<Value = Case> {
    parts().prop_flat_map(|parts| {
        let rows = vec(key(parts.clone()), 0..40);
        let values = vec(value(parts.clone()), 1..40);
        (Just(parts), rows, values)
    })
}

fn fold(part: KeyPart, text: &str) -> String {
    if part.ignore_case {
        text.to_ascii_lowercase()
    } else {
        text.to_owned()
    }
}

/// The family of an address, and its bits as text.
fn bits(address: IpAddr) -> (char, String) {
    match address.to_canonical() {
        IpAddr::V4(address) => ('4', format!("{:032b}", address.to_bits())),
        IpAddr::V6(address) => ('6', format!("{:0128b}", address.to_bits())),
    }
}

/// The family of a network, and those of its bits that count.
fn network_bits(text: &str) -> (char, String) {
    let (address, length) = text.split_once('/').unwrap();
    let address: IpAddr = address.parse().unwrap();
    let mut length: usize = length.parse().unwrap();
    let (family, mut bits) = bits(address);
    if address.is_ipv6() && family == '4' {
        length -= 96;
    }
    bits.truncate(length);
    (family, bits)
}

/// Whether a key may end or begin at this place of a value, between two bytes.
fn is_boundary(part: KeyPart, value: &[u8], at: usize) -> bool {
    let is_edge = at == 0 || at == value.len();
    is_edge
        || part
            .separator
            .is_none_or(|separator| value[at - 1] == separator || value[at] == separator)
}

/// How long the match of one part is, if it is one.
fn match_length(part: KeyPart, key: &str, value: &str) -> Option<usize> {
    if part.matching == Match::Network {
        let (family, own) = bits(value.parse().ok()?);
        let (of, network) = network_bits(key);
        return (family == of && own.starts_with(&network)).then_some(network.len());
    }
    let (key, value) = (fold(part, key), fold(part, value));
    let (key, value) = (key.as_bytes(), value.as_bytes());
    let matches = match part.matching {
        Match::Exact => key == value,
        Match::Prefix => value.starts_with(key) && is_boundary(part, value, key.len()),
        _ => value.ends_with(key) && is_boundary(part, value, value.len() - key.len()),
    };
    matches.then_some(key.len())
}

/// Which rows have the same key.
fn canonical(parts: &[KeyPart], key: &[String]) -> Vec<(char, String)> {
    let each = parts.iter().zip(key).map(|(part, text)| match part.matching {
        Match::Network => network_bits(text),
        _ => ('t', fold(*part, text)),
    });
    each.collect()
}

/// The row that is found, by going through all of them.
fn naive(parts: &[KeyPart], rows: &[Vec<String>], value: &[String], last: bool) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (at, key) in rows.iter().enumerate() {
        let lengths: Option<Vec<usize>> = parts
            .iter()
            .zip(key.iter().zip(value))
            .map(|(part, (key, value))| match_length(*part, key, value))
            .collect();
        let Some(lengths) = lengths else { continue };
        let total: usize = lengths.iter().sum();
        if best.is_none_or(|(most, _)| total > most || (total == most && last)) {
            best = Some((total, at));
        }
    }
    best.map(|(_, at)| at)
}

fn build(parts: &[KeyPart], rows: &[Vec<String>], duplicates: Duplicates) -> Result<Table, String> {
    let shape = Shape {
        keys: parts.to_vec(),
        columns: vec![Column {
            name: "row".to_owned(),
            kind: Kind::Int,
        }],
    };
    let limits = Limits {
        rows: 1_000,
        bytes: 1 << 20,
    };
    let mut builder = Builder::new(shape, duplicates, limits).unwrap();
    for (at, row) in rows.iter().enumerate() {
        let keys: Vec<&str> = row.iter().map(String::as_str).collect();
        let added = builder.add(at as u64 + 1, &keys, &[Cell::Int(at as i64)]);
        added.map_err(|flaw| flaw.to_string())?;
    }
    builder.finish().map_err(|flaw| flaw.to_string())
}

fn found(table: &Table, value: &[String]) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = value.iter().map(String::as_bytes).collect();
    let row = table.find(&values)?;
    row.values().next().flatten().map(<[u8]>::to_vec)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn property_a_table_finds_what_going_through_all_rows_finds((parts, rows, values) in case()) {
        for (duplicates, last) in [(Duplicates::First, false), (Duplicates::Last, true)] {
            let table = build(&parts, &rows, duplicates).unwrap();
            for value in &values {
                let expected = naive(&parts, &rows, value, last).map(|at| {
                    let mut body = Vec::new();
                    AttributeValue::Int(at as i64).encode(&mut body);
                    body
                });
                prop_assert_eq!(found(&table, value), expected, "{:?} {:?}", parts, value);
            }
        }
    }

    #[test]
    fn property_the_first_row_with_a_known_key_is_the_mistake((parts, rows, _) in case()) {
        let keys: Vec<_> = rows.iter().map(|row| canonical(&parts, row)).collect();
        let twice = (0..keys.len()).find_map(|second| {
            let first = keys[..second].iter().position(|key| *key == keys[second])?;
            Some(format!(" is in line {} and again in line {}", first + 1, second + 1))
        });
        match (build(&parts, &rows, Duplicates::Refuse), twice) {
            (Ok(table), None) => prop_assert_eq!(table.rows(), rows.len() as u64),
            (Err(words), Some(expected)) => prop_assert!(words.ends_with(&expected), "{} {}", words, expected),
            (built, expected) => prop_assert!(false, "{:?} {:?}", built.map(|table| table.rows()), expected),
        }
    }
}
