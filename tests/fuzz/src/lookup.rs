//! Tables from files.

use crate::processing::{pass_whole, start};
use crate::support::generate;
use bytes::Bytes;
use fastrand::Rng;
use forebay_lookup::{
    Builder, Cell, Column, Duplicates, Flaw, KeyPart, Kind, Limits, Match, Shape, Table, add_database,
};
use forebay_otlp::edit::AttributeValue;
use forebay_otlp::{Depth, Signal, validate};
use std::fs;
use std::path::PathBuf;

const LIMITS: Limits = Limits {
    rows: 200,
    bytes: 64 << 10,
};

const FORMATS: [&str; 4] = ["csv", "jsonl", "toml", "mmdb"];
const MATCHES: [(&str, Match); 4] = [
    ("exact", Match::Exact),
    ("prefix", Match::Prefix),
    ("suffix", Match::Suffix),
    ("cidr", Match::Network),
];

/// A file that is gone when it is dropped.
struct File(PathBuf);

impl File {
    fn new(content: &[u8]) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let digits: String = thread.chars().filter(char::is_ascii_digit).collect();
        let name = format!("forebay-fuzz-{}-{digits}", std::process::id());
        let file = File(std::env::temp_dir().join(name));
        fs::write(&file.0, content).expect("there is room for a small file");
        file
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A table loads within its bounds or is explained. What loads can be looked up, and says what a plain search says.
pub(crate) fn check(data: &[u8]) {
    let Some((how, table)) = data.split_first() else {
        return;
    };
    let format = FORMATS[usize::from(*how) % 4];
    let matching = MATCHES[usize::from(*how) / 4 % 4];
    let ignore_case = how & 16 != 0;
    as_file(table, format, matching.0, ignore_case);
    if format == "mmdb" {
        database(table);
    } else if let Ok(text) = std::str::from_utf8(table) {
        let separator = (how & 32 != 0).then_some(b'.');
        let part = KeyPart {
            matching: matching.1,
            ignore_case,
            separator: separator.filter(|_| matches!(matching.1, Match::Prefix | Match::Suffix)),
        };
        rows(text, part, how & 64 != 0);
    }
}

/// Through the processor, which reads the file.
fn as_file(table: &[u8], format: &str, matching: &str, ignore_case: bool) {
    let file = File::new(table);
    let (column, matching, ignore_case) = match format {
        "mmdb" => ("", "cidr", false),
        _ => ("column = \"a\",", matching, ignore_case && matching != "cidr"),
    };
    let path = file.0.to_str().expect("a folder with a plain name");
    let config = format!(
        "table = {{ path = \"{path}\", format = \"{format}\" }}
        level = \"item\"
        key = [{{ attribute = \"a\", {column} match = \"{matching}\", ignore_case = {ignore_case} }}]
        attributes = [{{ column = \"b\", key = \"put\", default = \"d\" }}, {{ column = \"c\", type = \"int\" }}]
        max_rows = {}
        max_bytes = \"64KiB\"",
        LIMITS.rows
    );
    match start("lookup", &config) {
        Ok(processor) => {
            let request = Bytes::from(generate::request(Signal::Logs, &mut Rng::with_seed(1)).encode());
            assert!(validate(Signal::Logs, &request, Depth::Full).is_ok());
            pass_whole(&*processor, Signal::Logs, &request);
        }
        Err(words) => assert!(
            words.contains("`table.path`"),
            "what is wrong with the file is not said: {words}"
        ),
    }
}

fn shape(part: KeyPart, columns: &[(&str, Kind)]) -> Shape {
    let column = |(name, kind): &(&str, Kind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
    };
    Shape {
        keys: vec![part],
        columns: columns.iter().map(column).collect(),
    }
}

/// A MaxMind database, by itself.
fn database(bytes: &[u8]) {
    let part = KeyPart {
        matching: Match::Network,
        ..KeyPart::default()
    };
    let shape = shape(
        part,
        &[("b", Kind::String), ("c", Kind::Int), ("d.0.e", Kind::Double)],
    );
    let mut builder = Builder::new(shape, Duplicates::Refuse, LIMITS).expect("the shape is right");
    let read = add_database(bytes, &mut builder).and_then(|()| builder.finish());
    match read {
        Ok(table) => {
            within_bounds(&table);
            for address in [
                "0.0.0.0",
                "10.1.2.3",
                "255.255.255.255",
                "::1",
                "2001:db8::1",
                "ffff::",
            ] {
                let row = table.find(&[address.as_bytes()]);
                assert!(row.is_none_or(|row| row.values().count() == 3));
            }
        }
        Err(flaw) => assert!(!flaw.to_string().is_empty()),
    }
}

fn within_bounds(table: &Table) {
    assert!(table.rows() <= LIMITS.rows && table.bytes() <= LIMITS.bytes);
}

/// Rows of a key and a value, as lines with a comma between them.
fn rows(text: &str, part: KeyPart, first: bool) {
    let duplicates = if first {
        Duplicates::First
    } else {
        Duplicates::Last
    };
    let shape = shape(part, &[("b", Kind::String)]);
    let mut builder = Builder::new(shape, duplicates, LIMITS).expect("the shape is right");
    let mut added = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let (key, value) = line.split_once(',').unwrap_or((line, ""));
        match builder.add(number, &[key], &[Cell::Text(value)]) {
            Ok(()) => added.push((key, value)),
            // Of no use from here on, but for how it is dropped.
            Err(flaw) => return assert!(!flaw.to_string().is_empty()),
        }
    }
    match builder.finish() {
        Ok(table) => {
            within_bounds(&table);
            found(&table, part, first, &added);
        }
        Err(Flaw::TooLarge { .. }) => {}
        Err(flaw) => panic!("{flaw}"),
    }
}

/// Keys and values are looked up, alone and one behind the other, and a plain search says the same.
fn found(table: &Table, part: KeyPart, first: bool, rows: &[(&str, &str)]) {
    for (at, (key, value)) in rows.iter().enumerate().take(8) {
        let other = rows[rows.len() - 1 - at].0;
        for sought in [
            (*key).to_owned(),
            (*value).to_owned(),
            format!("{key}{other}"),
            format!("{other}.{key}"),
        ] {
            let row = table.find(&[sought.as_bytes()]);
            if part.matching == Match::Network {
                assert!(row.is_some() || sought != *key || key.parse::<std::net::IpAddr>().is_err());
                continue;
            }
            let found = row.and_then(|row| row.values().next().expect("there is one column"));
            let expected = searched(part, first, rows, &sought).map(|value| {
                let mut body = Vec::new();
                AttributeValue::String(value).encode(&mut body);
                body
            });
            assert_eq!(found, expected.as_deref(), "{sought:?}");
        }
    }
}

/// The value of the longest key that matches, and of those that are the same the first or the last.
fn searched<'r>(part: KeyPart, first: bool, rows: &[(&str, &'r str)], sought: &str) -> Option<&'r str> {
    let form = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        if part.ignore_case {
            bytes.make_ascii_lowercase();
        }
        if part.matching == Match::Suffix {
            bytes.reverse();
        }
        bytes
    };
    let sought = form(sought);
    let matches = |key: &[u8]| {
        if part.matching == Match::Exact || key == sought {
            return key == sought;
        }
        let ends =
            |separator: u8| key.is_empty() || key.ends_with(&[separator]) || sought[key.len()] == separator;
        sought.starts_with(key) && part.separator.is_none_or(ends)
    };
    let mut best: Option<(usize, &str)> = None;
    for (key, value) in rows {
        let key = form(key);
        let is_better = best.is_none_or(|(length, _)| key.len() > length || key.len() == length && !first);
        if matches(&key) && is_better {
            best = Some((key.len(), value));
        }
    }
    best.map(|(_, value)| value)
}
