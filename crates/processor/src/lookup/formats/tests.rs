//! Tables in every format, and every mistake in them with its line.

use crate::lookup::config::LookupConfig;
use crate::lookup::formats;
use crate::lookup::plan::Plan;
use forebay_lookup::Table;
use forebay_otlp::edit::AttributeValue;
use forebay_transport::Stream;

const COLUMNS: &str = r#"
    key = [{ attribute = "k", column = "name" }]
    attributes = [
        { column = "team" },
        { column = "cost", type = "int" },
        { column = "share", type = "double" },
        { column = "live", type = "bool" },
    ]
"#;

/// The plan of a file with this name, by more keys of a config.
fn plan(name: &str, more: &str) -> Plan {
    let table = if more.contains("table") {
        String::new()
    } else {
        format!("table.path = \"{name}\"\n")
    };
    let keys = if more.contains("key =") { "" } else { COLUMNS };
    let config: LookupConfig = toml::from_str(&format!("{table}{more}\n{keys}")).unwrap();
    Plan::new(&config)
}

fn read_by(plan: &Plan, content: &[u8]) -> Result<Table, String> {
    let mut reader = content;
    formats::read(
        plan,
        Stream {
            reader: &mut reader,
            length: content.len() as u64,
        },
    )
}

fn read(name: &str, content: &str) -> Result<Table, String> {
    read_by(&plan(name, ""), content.as_bytes())
}

/// The values of a row.
fn row(table: &Table, key: &str) -> Option<Vec<Option<Vec<u8>>>> {
    let row = table.find(&[key.as_bytes()])?;
    Some(row.values().map(|value| value.map(<[u8]>::to_vec)).collect())
}

fn body(value: AttributeValue<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    value.encode(&mut out);
    Some(out)
}

/// What all formats below say.
fn check(table: &Table) {
    let shop = vec![
        body(AttributeValue::String("check, \"out\"")),
        body(AttributeValue::Int(4711)),
        body(AttributeValue::Double(0.5)),
        body(AttributeValue::Bool(true)),
    ];
    assert_eq!(row(table, "shop"), Some(shop));
    let pay = vec![body(AttributeValue::String("payments")), None, None, None];
    assert_eq!(row(table, "pay"), Some(pay));
    assert_eq!((row(table, "none"), table.rows()), (None, 2));
}

#[test]
fn every_format_says_the_same() {
    let csv = "team,name,other,cost,share,live\r\n\"check, \"\"out\"\"\",shop,x,4711,0.5,true\r\n\r\npayments,pay,,,,\r\n";
    check(&read("t.csv", csv).unwrap());
    check(&read("t.csv", &format!("\u{feff}{csv}")).unwrap());
    check(
        &read(
            "t.tsv",
            &csv.replace("k, ", "k; ").replace(',', "\t").replace("k; ", "k, "),
        )
        .unwrap(),
    );
    let lines = r#"
        {"name": "shop", "team": "check, \"out\"", "cost": 4711, "share": 0.5, "live": true, "other": [1]}

        {"name": "pay", "team": "payments", "cost": null}
    "#;
    check(&read("t.jsonl", lines).unwrap());
    check(&read("t.ndjson", lines.trim()).unwrap());
    let tables = r#"
        # Who owns what.
        [[row]] # the first
        name = "shop"
        team = "check, \"out\""
        cost = 4711
        share = 0.5
        live = true
        other = """
[[row]]
is text here, \""" too"""

        [[ row ]]
        name = 'pay'
        team = '''payments'''
    "#;
    check(&read("t.toml", tables).unwrap());
}

#[test]
fn a_format_can_be_said() {
    let plan = plan(
        "",
        "table = { path = \"owners.txt\", format = \"csv\", delimiter = \";\" }",
    );
    let table = read_by(&plan, b"name;team;cost;share;live\npay;payments;;;\n").unwrap();
    assert_eq!(
        row(&table, "pay").unwrap()[0],
        body(AttributeValue::String("payments"))
    );
}

#[test]
fn numbers_and_truths_can_be_keys() {
    let table = read(
        "t.jsonl",
        r#"{"name": 17, "team": "a", "cost": 1, "share": 1, "live": true}"#,
    )
    .unwrap();
    assert!(row(&table, "17").is_some());
}

#[test]
fn a_table_without_rows_is_a_table() {
    for (name, content) in [
        ("t.csv", "name,team,cost,share,live\n"),
        ("t.jsonl", ""),
        ("t.toml", "# none\n"),
    ] {
        assert_eq!(read(name, content).unwrap().rows(), 0, "{name}");
    }
}

#[test]
fn every_mistake_has_its_line() {
    let header = "name,team,cost,share,live";
    let cases = [
        (
            "t.csv",
            String::new(),
            "line 1: the first line has the names of the columns, and the file is empty",
        ),
        (
            "t.csv",
            "name,team,price,share,live\n".to_owned(),
            "line 1: there is no column `cost`: the columns are `name`, `team`, `price`, `share`, `live`",
        ),
        (
            "t.csv",
            "name,team,cost,share,live,team\n".to_owned(),
            "line 1: there are two columns `team`",
        ),
        (
            "t.csv",
            format!("{header}\na,b,1,1,true\n\nc,d,1,1\n"),
            "line 4: the row has 4 fields, and the first line has 5",
        ),
        (
            "t.csv",
            format!("{header}\r\na,b,1,1,true\r\n\r\n\r\nc,d,1,1,true,x\r\n"),
            "line 5: the row has 6 fields, and the first line has 5",
        ),
        (
            "t.csv",
            format!("{header}\na,\"b\"c,1,1,true\n"),
            "line 2: field 2 goes on behind its closing quote",
        ),
        (
            "t.csv",
            format!("{header}\na,b \"c\",1,1,true\n"),
            "line 2: field 2 has a quote and does not begin with one",
        ),
        (
            "t.csv",
            format!("{header}\na,\"b,1,1,true\n"),
            "line 2: there is a quote that is not closed",
        ),
        (
            "t.csv",
            format!("{header}\na,b,1,1,true\n\"two\nlines\",d,1,1,true\ne,f,many,1,true\n"),
            "line 5: column `cost`: `many` is not a whole number",
        ),
        (
            "t.csv",
            format!("{header}\na,b,1,1,true\nc,d,1,1,true\na,b,1,1,true\n"),
            "the key `a` is in line 2 and again in line 4. Say `duplicates = \"first\"` or `\"last\"` if that is meant",
        ),
        (
            "t.jsonl",
            "{\"name\": \"a\"}\n{\"name\": }".to_owned(),
            "line 2: expected value (character 10)",
        ),
        (
            "t.jsonl",
            "\n[1]".to_owned(),
            "line 2: invalid type: sequence, expected a map (character 0)",
        ),
        (
            "t.jsonl",
            "{\"team\": \"a\"}".to_owned(),
            "line 1: the row has no `name`, which it is found by",
        ),
        (
            "t.jsonl",
            "{\"name\": \"a\", \"team\": {}}".to_owned(),
            "line 1: column `team`: a list or an object is not a value",
        ),
        (
            "t.jsonl",
            "{\"name\": \"a\", \"live\": \"yes\"}".to_owned(),
            "line 1: column `live`: `yes` is not `true` or `false`",
        ),
        (
            "t.jsonl",
            "{\"name\": \"a\", \"team\": \"b\"}".to_owned(),
            "no row has a column `cost`: is it spelled as in the table?",
        ),
        (
            "t.toml",
            "[[row]]\nname = \"a\"\n\n[[row]]\nname = \"b\"\nteam = \n".to_owned(),
            "line 6: string values must be quoted, expected literal string",
        ),
        (
            "t.toml",
            "[[row]]\nname = \"a\"\ncost = 1.5\n".to_owned(),
            "line 1: column `cost`: `1.5` is not a whole number",
        ),
        (
            "t.toml",
            "[[rows]]\nname = \"a\"\n".to_owned(),
            "line 1: there is `rows`, and a table of rows is made of `[[row]]` only",
        ),
        (
            "t.toml",
            "[[row]]\nname = \"a\"\nteam = 2026-01-01\n".to_owned(),
            "line 1: column `team`: put the date in quotes",
        ),
    ];
    for (name, content, expected) in cases {
        assert_eq!(read(name, &content).unwrap_err(), expected, "{content}");
    }
}

#[test]
fn networks_that_are_none_have_their_line() {
    let keys = "key = [{ attribute = \"a\", column = \"net\", match = \"cidr\" }]\nattributes = [{ column = \"zone\" }]";
    let plan = plan("t.csv", keys);
    let read =
        |rows: &str| read_by(&plan, format!("net,zone\n10.0.0.0/8,a\n{rows}\n").as_bytes()).unwrap_err();
    assert_eq!(
        read("10.1.0.0/8,b"),
        "line 3: `10.1.0.0/8` has bits set behind the first 8: is `10.0.0.0/8` meant?"
    );
    assert_eq!(
        read("2001:db8::/129,b"),
        "line 3: `2001:db8::/129` is not a network: an address has no more than 32 bits, or 128 with colons"
    );
}

#[test]
fn tables_that_are_too_large_are_refused() {
    let rows: String = (0..2_000)
        .map(|number| format!("name {number},team {number},1,1,true\n"))
        .collect();
    let content = format!("name,team,cost,share,live\n{rows}");
    let read = |more: &str| read_by(&plan("t.csv", more), content.as_bytes());
    assert_eq!(
        read("max_rows = 1999").unwrap_err(),
        "there are more than 1999 rows: let `max_rows` be more"
    );
    assert_eq!(
        read("max_bytes = \"20KiB\"").unwrap_err(),
        "the table takes more than 20480 bytes of memory: let `max_bytes` be more"
    );
    assert_eq!(read("").unwrap().rows(), 2_000);
}

#[test]
fn a_row_without_end_is_refused_before_it_fills_the_memory() {
    let long = "x".repeat(3 << 20);
    let quoted = format!(
        "name,team,cost,share,live\na,b,1,1,true\n\"{}",
        "x\n".repeat(1 << 20)
    );
    let refused = read("t.csv", &quoted).unwrap_err();
    assert_eq!(
        refused,
        "line 3: the row has more than 1048576 bytes. Is there a quote that is not closed?"
    );
    let refused = read("t.jsonl", &format!("{{\"name\": \"{long}\"}}")).unwrap_err();
    assert_eq!(refused, "line 1: the row has more than 1048576 bytes");
    let refused = read("t.toml", &format!("[[row]]\nname = '''{}", "x\n".repeat(1 << 20))).unwrap_err();
    assert_eq!(refused, "line 1: the row has more than 1048576 bytes");
}

#[test]
fn what_is_no_text_has_its_line() {
    for name in ["t.jsonl", "t.toml"] {
        assert_eq!(
            read_by(&plan(name, ""), b"\n\xff\n").unwrap_err(),
            "line 2: this is not UTF-8"
        );
    }
    let refused = read_by(
        &plan("t.csv", ""),
        b"name,team,cost,share,live\na,\xff,1,1,true\n",
    )
    .unwrap_err();
    assert_eq!(refused, "line 2: this is not UTF-8");
}

#[test]
fn property_no_content_makes_reading_panic() {
    let mut random = fastrand::Rng::with_seed(3);
    let pieces = [
        "name",
        ",",
        "\n",
        "\"",
        "[[row]]\n",
        "name = ",
        "'''",
        "\"\"\"",
        "{",
        "}",
        ":",
        "\\",
        "#",
        "1",
        "a",
        "\u{e9}",
        "=",
        "\r",
        "\"name\"",
    ];
    for _ in 0..3_000 {
        let content: String = (0..random.usize(..30))
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        for name in ["t.csv", "t.jsonl", "t.toml", "t.mmdb"] {
            // Whether it is a table is not the question.
            let _ = read(name, &content).map(|table| table.rows());
        }
    }
}
