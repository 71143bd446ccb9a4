//! Tables, and how they compare with going through all rows.

use crate::*;
use forebay_otlp::edit::AttributeValue;

const ROOM: Limits = Limits {
    rows: 1 << 20,
    bytes: 1 << 26,
};

fn part(matching: Match) -> KeyPart {
    KeyPart {
        matching,
        ..KeyPart::default()
    }
}

fn shape(keys: &[KeyPart]) -> Shape {
    Shape {
        keys: keys.to_vec(),
        columns: vec![Column {
            name: "v".to_owned(),
            kind: Kind::String,
        }],
    }
}

fn build(keys: &[KeyPart], duplicates: Duplicates, rows: &[(&[&str], &str)]) -> Result<Table, Flaw> {
    let mut builder = Builder::new(shape(keys), duplicates, ROOM)?;
    for (at, (keys, value)) in rows.iter().enumerate() {
        builder.add(at as u64 + 1, keys, &[Cell::Text(value)])?;
    }
    builder.finish()
}

/// The text that is found for these values.
fn find(table: &Table, values: &[&str]) -> Option<String> {
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let found: Vec<_> = table.find(&values)?.values().collect();
    let [Some(body)] = &*found else {
        panic!("{found:?}")
    };
    let text = std::str::from_utf8(&body[2..]).unwrap();
    let mut expected = Vec::new();
    AttributeValue::String(text).encode(&mut expected);
    assert_eq!(*body, expected);
    Some(text.to_owned())
}

fn check(table: &Table, cases: &[(&[&str], Option<&str>)]) {
    for (values, expected) in cases {
        assert_eq!(find(table, values).as_deref(), *expected, "{values:?}");
    }
}

#[test]
fn a_whole_value_is_found() {
    let rows: [(&[&str], &str); 3] = [(&["shop"], "a"), (&["pay"], "b"), (&[""], "c")];
    let table = build(&[part(Match::Exact)], Duplicates::Refuse, &rows).unwrap();
    check(
        &table,
        &[
            (&["shop"], Some("a")),
            (&["pay"], Some("b")),
            (&[""], Some("c")),
            (&["Shop"], None),
            (&["sho"], None),
            (&["shops"], None),
        ],
    );
    assert_eq!(table.rows(), 3);
    assert!(table.find(&[]).is_none());
}

#[test]
fn the_longest_prefix_wins() {
    let rows: [(&[&str], &str); 4] = [
        (&["/api/"], "api"),
        (&["/api/v1/orders"], "orders"),
        (&["/"], "root"),
        (&["/api/v1/or"], "or"),
    ];
    let table = build(&[part(Match::Prefix)], Duplicates::Refuse, &rows).unwrap();
    check(
        &table,
        &[
            (&["/api/v1/orders/7"], Some("orders")),
            (&["/api/v1/ordinary"], Some("or")),
            (&["/api/v2"], Some("api")),
            (&["/api"], Some("root")),
            (&["api"], None),
            (&[""], None),
        ],
    );
    let long = format!("/api/{}", "x".repeat(100_000));
    assert_eq!(find(&table, &[&long]).as_deref(), Some("api"));
}

#[test]
fn with_a_separator_whole_segments_match() {
    let segments = KeyPart {
        separator: Some(b'.'),
        ..part(Match::Suffix)
    };
    let rows: [(&[&str], &str); 4] = [
        (&["example.com"], "domain"),
        (&[".eu.example.com"], "eu"),
        (&["eu.example.com"], "eu itself"),
        (&[""], "any"),
    ];
    let table = build(&[segments], Duplicates::Refuse, &rows).unwrap();
    check(
        &table,
        &[
            (&["www.example.com"], Some("domain")),
            (&["example.com"], Some("domain")),
            (&["badexample.com"], Some("any")),
            (&["a.eu.example.com"], Some("eu")),
            (&["eu.example.com"], Some("eu itself")),
            (&["neu.example.com"], Some("domain")),
        ],
    );
}

#[test]
fn the_longest_network_wins() {
    let rows: [(&[&str], &str); 7] = [
        (&["10.0.0.0/8"], "ten"),
        (&["10.1.0.0/16"], "ten one"),
        (&["10.1.2.3"], "host"),
        (&["2001:db8::/32"], "six"),
        (&["2001:db8:1::/48"], "six one"),
        (&["::/0"], "any six"),
        (&["::ffff:192.168.0.0/112"], "mapped"),
    ];
    let table = build(&[part(Match::Network)], Duplicates::Refuse, &rows).unwrap();
    check(
        &table,
        &[
            (&["10.1.2.3"], Some("host")),
            (&["10.1.2.4"], Some("ten one")),
            (&["10.2.0.0"], Some("ten")),
            (&["11.0.0.0"], None),
            (&["::ffff:10.1.2.3"], Some("host")),
            (&["192.168.9.9"], Some("mapped")),
            (&["2001:db8:1::9"], Some("six one")),
            (&["2001:db8:2::9"], Some("six")),
            (&["fe80::1"], Some("any six")),
            (&["10.1.2"], None),
            (&["not an address"], None),
        ],
    );
}

#[test]
fn several_parts_match_together() {
    let folded = KeyPart {
        ignore_case: true,
        ..part(Match::Exact)
    };
    let parts = [part(Match::Prefix), folded, part(Match::Exact)];
    let rows: [(&[&str], &str); 3] = [
        (&["/a", "EU", "x"], "1"),
        (&["/a/b", "eu", "x"], "2"),
        (&["/a/b", "us", "x"], "3"),
    ];
    let table = build(&parts, Duplicates::Refuse, &rows).unwrap();
    check(
        &table,
        &[
            (&["/a/c", "Eu", "x"], Some("1")),
            (&["/a/b/c", "EU", "x"], Some("2")),
            (&["/a/b", "US", "x"], Some("3")),
            (&["/a", "us", "x"], None),
            (&["/a", "eu", "X"], None),
        ],
    );
}

#[test]
fn rows_with_the_same_key() {
    let rows: [(&[&str], &str); 5] = [
        (&["b"], "1"),
        (&["a"], "2"),
        (&["A"], "3"),
        (&["b"], "4"),
        (&["a"], "5"),
    ];
    let folded = [KeyPart {
        ignore_case: true,
        ..part(Match::Exact)
    }];
    let refused = build(&folded, Duplicates::Refuse, &rows).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the key `a` is in line 2 and again in line 3"
    );
    let first = build(&folded, Duplicates::First, &rows).unwrap();
    check(&first, &[(&["a"], Some("2")), (&["b"], Some("1"))]);
    let last = build(&folded, Duplicates::Last, &rows).unwrap();
    check(&last, &[(&["a"], Some("5")), (&["b"], Some("4"))]);
    assert_eq!((first.rows(), last.rows()), (2, 2));
    let exact = build(&[part(Match::Exact)], Duplicates::Refuse, &rows).unwrap_err();
    assert_eq!(exact.to_string(), "the key `b` is in line 1 and again in line 4");
}

#[test]
fn keys_in_messages_read_as_they_are_written() {
    let twice = |parts: &[KeyPart], keys: &[&str]| {
        let rows = [(keys, "1"), (keys, "2")];
        build(parts, Duplicates::Refuse, &rows).unwrap_err().to_string()
    };
    let parts = [part(Match::Suffix), part(Match::Exact)];
    let words = "the key `.example.com, eu` is in line 1 and again in line 2";
    assert_eq!(twice(&parts, &[".example.com", "eu"]), words);
    let words = "the key `10.0.0.0/8` is in line 1 and again in line 2";
    assert_eq!(twice(&[part(Match::Network)], &["10.0.0.0/8"]), words);
}

#[test]
fn a_table_keeps_to_its_bounds() {
    let key = |number: usize| format!("key {number}");
    let fill = |limits: Limits| {
        let mut builder = Builder::new(shape(&[part(Match::Exact)]), Duplicates::Refuse, limits).unwrap();
        for number in 0..5_000 {
            builder.add(number as u64, &[&key(number)], &[Cell::Text(&key(number))])?;
        }
        builder.finish()
    };
    let bytes = fill(ROOM).unwrap().bytes();
    let rows = Limits { rows: 4_999, ..ROOM };
    assert_eq!(fill(rows).unwrap_err(), Flaw::TooManyRows { most: 4_999 });
    let mut fits = None;
    for most in (bytes / 2..).step_by(1 << 14) {
        match fill(Limits { bytes: most, ..ROOM }) {
            Ok(table) => {
                assert!(table.bytes() <= most);
                fits = Some(most);
                break;
            }
            Err(flaw) => assert_eq!(flaw, Flaw::TooLarge { most }),
        }
    }
    let fits = fits.unwrap();
    assert!(fits < bytes * 2, "{bytes} bytes are made within {fits}");
}

#[test]
fn what_cannot_be_a_table_is_refused() {
    let two = [part(Match::Prefix), part(Match::Network)];
    assert_eq!(build(&two, Duplicates::Refuse, &[]).unwrap_err(), Flaw::Shape);
    assert_eq!(build(&[], Duplicates::Refuse, &[]).unwrap_err(), Flaw::Shape);
    let rows: [(&[&str], &str); 1] = [(&["a", "b"], "1")];
    let one = [part(Match::Exact)];
    assert_eq!(build(&one, Duplicates::Refuse, &rows).unwrap_err(), Flaw::Shape);
    let long = "x".repeat(KEY_MAX + 1);
    let rows: [(&[&str], &str); 1] = [(&[&long], "1")];
    let refused = build(&one, Duplicates::Refuse, &rows).unwrap_err();
    assert_eq!(refused, Flaw::LongKey { bytes: KEY_MAX + 1 });
    let empty = build(&one, Duplicates::Refuse, &[]).unwrap();
    assert_eq!((empty.rows(), find(&empty, &["a"])), (0, None));
}
