//! Databases as their specification has them, written here, and damaged ones.

use super::*;
use crate::{Column, Duplicates, KeyPart, Kind, Limits, Shape, Table};
use forebay_otlp::edit::AttributeValue;

/// A value of a record.
#[derive(Clone)]
enum Value {
    Text(&'static str),
    Double(f64),
    /// Of 16 bits (type 5), 32 (type 6) or 64 (type 9).
    Unsigned(u8, u64),
    Bool(bool),
    Map(Vec<(&'static str, Value)>),
    Array(Vec<Value>),
}

/// The control byte of a field (section "MaxMind DB Data Section"): its type and its size, both small.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let size = u8::try_from(size).unwrap();
    assert!(size < 29);
    if kind < 8 {
        out.push(kind << 5 | size);
    } else {
        out.extend([size, kind - 7]);
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Double(value) => {
            control(3, 8, out);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Unsigned(kind, value) => {
            let bytes = value.to_be_bytes();
            let bytes = &bytes[value.leading_zeros() as usize / 8..];
            control(*kind, bytes.len(), out);
            out.extend_from_slice(bytes);
        }
        Value::Bool(value) => control(14, usize::from(*value), out),
        Value::Map(pairs) => {
            control(7, pairs.len(), out);
            for (key, value) in pairs {
                write(&Value::Text(key), out);
                write(value, out);
            }
        }
        Value::Array(values) => {
            control(11, values.len(), out);
            for value in values {
                write(value, out);
            }
        }
    }
}

/// What a branch of the tree leads to: a node, a record by its place in the data section, or nothing.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Record(usize),
}

/// A database of networks of IPv6 addresses, in which those of IPv4 are the last 32 bits behind 96 times 0, with records of 32 bits.
fn database(networks: &[(&str, usize)], records: &[Value]) -> Vec<u8> {
    let (mut data, mut places) = (Vec::new(), Vec::new());
    for record in records {
        places.push(data.len());
        write(record, &mut data);
    }
    let mut nodes = vec![[Branch::Nothing; 2]];
    for (network, record) in networks {
        let network = Network::parse(network).unwrap();
        let (bits, length) = if network.is_v6 {
            (network.bits, network.length)
        } else {
            (network.bits >> 96, network.length + 96)
        };
        let mut node = 0;
        for depth in 0..length {
            let bit = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[node][bit] = Branch::Record(places[*record]);
            } else if let Branch::Node(next) = nodes[node][bit] {
                node = next;
            } else {
                nodes.push([Branch::Nothing; 2]);
                nodes[node][bit] = Branch::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let mut out = Vec::new();
    for branch in nodes.iter().flatten() {
        let pointer = match branch {
            Branch::Nothing => nodes.len(),
            Branch::Node(node) => *node,
            Branch::Record(place) => nodes.len() + 16 + place,
        };
        out.extend_from_slice(&u32::try_from(pointer).unwrap().to_be_bytes());
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::Unsigned(5, 2)),
        ("binary_format_minor_version", Value::Unsigned(5, 0)),
        ("build_epoch", Value::Unsigned(9, 1)),
        ("database_type", Value::Text("Test")),
        ("description", Value::Map(vec![("en", Value::Text("test"))])),
        ("ip_version", Value::Unsigned(5, 6)),
        ("languages", Value::Array(vec![Value::Text("en")])),
        ("node_count", Value::Unsigned(6, nodes.len() as u64)),
        ("record_size", Value::Unsigned(5, 32)),
    ]);
    write(&metadata, &mut out);
    out
}

fn country(code: &'static str, name: &'static str, latitude: f64) -> Value {
    Value::Map(vec![
        (
            "country",
            Value::Map(vec![
                ("iso_code", Value::Text(code)),
                ("geoname_id", Value::Unsigned(6, 7)),
            ]),
        ),
        (
            "city",
            Value::Map(vec![("names", Value::Map(vec![("en", Value::Text(name))]))]),
        ),
        (
            "location",
            Value::Map(vec![("latitude", Value::Double(latitude))]),
        ),
        ("is_eu", Value::Bool(true)),
        (
            "parts",
            Value::Array(vec![Value::Text("first"), Value::Text("second")]),
        ),
    ])
}

fn example() -> Vec<u8> {
    let nothing = Value::Map(Vec::new());
    database(
        &[
            ("10.0.0.0/8", 0),
            ("192.0.2.0/24", 1),
            ("192.0.3.0/24", 1),
            ("2001:db8::/32", 1),
            ("2001:db9::/33", 2),
        ],
        &[
            country("DE", "Berlin", 52.5),
            country("FR", "Paris", 48.9),
            nothing,
        ],
    )
}

fn read(database: &[u8], columns: &[(&str, Kind)]) -> Result<Table, Flaw> {
    let columns = columns.iter().map(|(name, kind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
    });
    let shape = Shape {
        keys: vec![KeyPart {
            matching: Match::Network,
            ..KeyPart::default()
        }],
        columns: columns.collect(),
    };
    let limits = Limits {
        rows: 1000,
        bytes: 1 << 20,
    };
    let mut builder = Builder::new(shape, Duplicates::Refuse, limits)?;
    add_database(database, &mut builder)?;
    builder.finish()
}

fn body(value: AttributeValue<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    value.encode(&mut out);
    Some(out)
}

fn found(table: &Table, address: &str) -> Option<Vec<Option<Vec<u8>>>> {
    let row = table.find(&[address.as_bytes()])?;
    Some(row.values().map(|value| value.map(<[u8]>::to_vec)).collect())
}

const COLUMNS: [(&str, Kind); 7] = [
    ("country.iso_code", Kind::String),
    ("city.names.en", Kind::String),
    ("location.latitude", Kind::Double),
    ("country.geoname_id", Kind::Int),
    ("is_eu", Kind::Bool),
    ("parts.1", Kind::String),
    ("no.such.path", Kind::String),
];

#[test]
fn values_are_found_by_their_paths() {
    let table = read(&example(), &COLUMNS).unwrap();
    let paris = Some(vec![
        body(AttributeValue::String("FR")),
        body(AttributeValue::String("Paris")),
        body(AttributeValue::Double(48.9)),
        body(AttributeValue::Int(7)),
        body(AttributeValue::Bool(true)),
        body(AttributeValue::String("second")),
        None,
    ]);
    for address in ["192.0.2.1", "192.0.3.255", "::ffff:192.0.2.1", "2001:db8:1::1"] {
        assert_eq!(found(&table, address), paris, "{address}");
    }
    let berlin = found(&table, "10.9.9.9").unwrap();
    assert_eq!(berlin[0], body(AttributeValue::String("DE")));
    assert_eq!(found(&table, "2001:db9::1"), Some(vec![None; 7]));
    assert_eq!(found(&table, "192.0.4.0"), None);
    assert_eq!(found(&table, "2001:dba::1"), None);
    assert_eq!(table.rows(), 5);
}

#[test]
fn numbers_become_text_where_text_is_asked_for() {
    let columns = [
        ("country.geoname_id", Kind::String),
        ("location.latitude", Kind::String),
    ];
    let berlin = found(&read(&example(), &columns).unwrap(), "10.0.0.1").unwrap();
    let expected = [AttributeValue::String("7"), AttributeValue::String("52.5")].map(body);
    assert_eq!(berlin, expected);
}

#[test]
fn a_value_of_another_kind_is_refused_with_its_network() {
    let refused = read(&example(), &[("country.iso_code", Kind::Int)]).unwrap_err();
    let words = "network 10.0.0.0/8: column `country.iso_code`: `DE` is not a whole number";
    assert_eq!(refused.to_string(), words);
    let refused = read(&example(), &[("country", Kind::String)]).unwrap_err();
    assert!(matches!(refused, Flaw::Database { .. }), "{refused}");
}

#[test]
fn what_is_no_database_is_refused() {
    for wrong in [&b""[..], b"namespace,team\nshop,a\n", b"\xab\xcd\xefMaxMind.com"] {
        let refused = read(wrong, &COLUMNS).unwrap_err().to_string();
        assert!(
            refused.starts_with("this MaxMind database cannot be read: "),
            "{refused}"
        );
    }
}

#[test]
fn property_damaged_databases_are_read_or_refused() {
    let mut random = fastrand::Rng::with_seed(11);
    let whole = example();
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..4_000 {
        let mut damaged = whole.clone();
        if round % 8 == 0 {
            damaged.truncate(random.usize(..whole.len()));
        }
        for _ in 0..random.usize(1..5) {
            let at = random.usize(..damaged.len().max(1));
            if let Some(byte) = damaged.get_mut(at) {
                *byte = random.u8(..);
            }
        }
        match read(&damaged, &COLUMNS) {
            Ok(table) => {
                accepted += 1;
                found(&table, "192.0.2.1");
                found(&table, "2001:db8::1");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 500 && accepted > 100,
        "{refused} refused, {accepted} accepted"
    );
}
