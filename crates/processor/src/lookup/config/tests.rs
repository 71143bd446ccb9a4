//! Every mistake of a config, and the place that is blamed.

use crate::testing::{mistake, prepare};

const REST: &str = r#"
table = { rows = [{ ns = "shop", team = "a" }] }
key = [{ attribute = "k", column = "ns" }]
attributes = [{ column = "team" }]
"#;

/// What is said of the whole config, and the piece that is blamed.
fn said(config: &str) -> (String, String) {
    let (words, blamed) = mistake("lookup", config);
    let blamed = blamed.lines().next().unwrap_or_default().to_owned();
    (words, blamed)
}

/// The same with one of the keys of a good config replaced by another text.
fn said_of(key: &str, text: &str) -> (String, String) {
    let rest: Vec<&str> = REST.lines().filter(|line| !line.starts_with(key)).collect();
    said(&format!("{}\n{text}\n", rest.join("\n")))
}

#[test]
fn what_is_right_is_accepted() {
    assert!(prepare("lookup", REST).is_ok());
    let more = r#"level = "item"
        override = true
        duplicates = "last"
        reload_interval = "1s"
        max_rows = 10
        max_bytes = "1MiB"
        when = { names = ["GET"] }
        table = { rows = [{ ns = "shop", net = "10.0.0.0/8", a = 1 }, { ns = "shop", net = "10.0.0.0/8" }] }
        key = [
            { attribute = "k", level = "resource", column = "ns", ignore_case = true },
            { from_context = "client.address", column = "net", match = "cidr" },
        ]
        attributes = [{ column = "a", key = "b", type = "int", default = 7 }, { column = "a", key = "c", default = 1.5 }]"#;
    assert!(
        prepare("lookup", more).is_ok(),
        "{:?}",
        prepare("lookup", more).err()
    );
}

#[test]
fn mistakes_in_tables_have_their_places() {
    let cases = [
        ("table = {}", "the table has neither a `path` nor `rows`", "table"),
        (
            "table = { format = \"csv\", rows = [{ ns = \"a\" }] }",
            "only a file has a format",
            "\"csv\"",
        ),
        (
            "table = { delimiter = \";\", rows = [{ ns = \"a\" }] }",
            "only CSV has a delimiter",
            "\";\"",
        ),
        (
            "table = { rows = [{ ns = \"a\", team = \"b\" }, { ns = \"a\", team = \"c\" }] }",
            "another row has the key `a`",
            "{ ns = \"a\", team = \"c\" }",
        ),
        (
            "table = { rows = [{ ns = \"a\", team = \"b\" }, { team = \"c\" }] }",
            "the row has no `ns`, which it is found by",
            "{ team = \"c\" }",
        ),
        (
            "table = { rows = [{ ns = \"a\", team = [\"b\"] }] }",
            "column `team`: a list is not a value",
            "{ ns = \"a\", team = [\"b\"] }",
        ),
    ];
    for (text, words, blamed) in cases {
        assert_eq!(said_of("table", text), (words.to_owned(), blamed.to_owned()));
    }
    let (words, blamed) = said_of("table", "table = { path = \"/no/such/owners.csv\" }");
    assert!(
        words.starts_with("cannot read the table /no/such/owners.csv: No such file"),
        "{words}"
    );
    assert_eq!(blamed, "\"/no/such/owners.csv\"");
    let file = tempfile::Builder::new().suffix(".txt").tempfile().unwrap();
    let path = file.path().display();
    let (words, _) = said_of("table", &format!("table = {{ path = \"{path}\" }}"));
    assert_eq!(words, format!("how {path} is written is not told by its name"));
    let (words, _) = said_of(
        "table",
        &format!("table = {{ path = \"{path}\", format = \"xml\" }}"),
    );
    assert!(words.contains("xml"), "{words}");
    let both = format!("table = {{ path = \"{path}\", format = \"csv\", rows = [{{ ns = \"a\" }}] }}");
    assert_eq!(
        said_of("table", &both).0,
        "a table has a `path` or `rows`, not both"
    );
}

#[test]
fn mistakes_in_keys_have_their_places() {
    let cases = [
        ("key = []", "a key has 1 to 8 parts", "[]"),
        (
            "key = [{ column = \"ns\" }]",
            "say what is looked up: `attribute` or `from_context`",
            "{ column = \"ns\" }",
        ),
        (
            "key = [{ attribute = \"k\" }]",
            "say which column this part of the key is compared with: `column`",
            "{ attribute = \"k\" }",
        ),
        (
            "key = [{ attribute = \"k\", from_context = \"auth.name\", column = \"ns\" }]",
            "what is looked up is an `attribute` or `from_context`, not both",
            "\"auth.name\"",
        ),
        (
            "key = [{ from_context = \"auth.name\", level = \"resource\", column = \"ns\" }]",
            "what is known of the sender belongs to no level",
            "\"resource\"",
        ),
        (
            "key = [{ attribute = \"\", column = \"ns\" }]",
            "an attribute has a name",
            "\"\"",
        ),
        (
            "key = [{ attribute = \"k\", column = \"ns\", level = \"item\" }]",
            "what is looked up cannot lie below the `level` that gets the attributes, which is shared by many such",
            "\"item\"",
        ),
        (
            "key = [{ attribute = \"k\", column = \"ns\", match = \"prefix\" }, { attribute = \"k\", column = \"ns\", match = \"cidr\" }]",
            "of two parts of a key there is no longest match: only one may be other than `exact`",
            "\"cidr\"",
        ),
        (
            "key = [{ attribute = \"k\", column = \"ns\", separator = \".\" }]",
            "a separator goes with `match = \"prefix\"` or `\"suffix\"`",
            "\".\"",
        ),
        (
            "key = [{ attribute = \"k\", column = \"ns\", match = \"cidr\", ignore_case = true }]",
            "addresses are the same in capitals already",
            "true",
        ),
    ];
    for (text, words, blamed) in cases {
        assert_eq!(said_of("key", text), (words.to_owned(), blamed.to_owned()));
    }
    let (words, blamed) = said_of(
        "key",
        "key = [{ attribute = \"k\", column = \"ns\", match = \"prefix\", separator = \"::\" }]",
    );
    assert!(words.contains("one ASCII character"), "{words}");
    assert_eq!(blamed, "\"::\"");
}

#[test]
fn mistakes_in_attributes_have_their_places() {
    let cases = [
        ("attributes = []", "a lookup puts in 1 to 64 attributes", "[]"),
        (
            "attributes = [{ column = \"team\" }, { column = \"x\", key = \"team\" }]",
            "the attribute `team` is put in twice",
            "\"team\"",
        ),
        (
            "attributes = [{ column = \"team\", key = \"\" }]",
            "an attribute has a name",
            "\"\"",
        ),
        (
            "attributes = [{ column = \"team\", type = \"int\", default = \"none\" }]",
            "`none` is not a whole number",
            "\"none\"",
        ),
        (
            "attributes = [{ column = \"team\", default = [\"none\"] }]",
            "a default is one value, not a list",
            "[\"none\"]",
        ),
    ];
    for (text, words, blamed) in cases {
        assert_eq!(said_of("attributes", text), (words.to_owned(), blamed.to_owned()));
    }
}

#[test]
fn other_mistakes_have_their_places() {
    let cases = [
        (
            "reload_interval = \"10ms\"",
            "a file is looked at every 100ms at most",
            "\"10ms\"",
        ),
        ("max_rows = 0", "a table without rows finds nothing", "0"),
        (
            "max_bytes = \"0B\"",
            "a table without memory finds nothing",
            "\"0B\"",
        ),
        (
            "when = { names = [\"GET\"] }",
            "what is put in at this `level` cannot depend on a condition on the item: other items share it",
            "when",
        ),
        (
            "when = { scope = { names = [\"http\"] } }",
            "what is put in at this `level` cannot depend on a condition on the scope: other scopes share it",
            "when",
        ),
    ];
    for (text, words, blamed) in cases {
        assert_eq!(said_of("nothing", text), (words.to_owned(), blamed.to_owned()));
    }
}

#[test]
fn a_database_is_looked_up_by_one_address() {
    let file = tempfile::Builder::new().suffix(".mmdb").tempfile().unwrap();
    let path = file.path().display();
    let config = |key: &str, more: &str| {
        format!(
            "table = {{ path = \"{path}\" }}\n{key}\nattributes = [{{ column = \"country.iso_code\" }}]\n{more}\n"
        )
    };
    let cidr = "key = [{ attribute = \"client.address\", match = \"cidr\" }]";
    assert!(prepare("lookup", &config(cidr, "")).is_ok());
    let words = |key: &str, more: &str| said(&config(key, more)).0;
    assert_eq!(
        words("key = [{ attribute = \"client.address\" }]", ""),
        "a MaxMind database is looked up by address: `match = \"cidr\"`"
    );
    assert_eq!(
        words(
            "key = [{ attribute = \"client.address\", match = \"cidr\", column = \"net\" }]",
            ""
        ),
        "a MaxMind database has no column for its networks"
    );
    assert_eq!(
        words(
            "key = [{ attribute = \"client.address\", match = \"cidr\" }, { attribute = \"b\", match = \"cidr\" }]",
            ""
        ),
        "of two parts of a key there is no longest match: only one may be other than `exact`"
    );
    assert_eq!(
        words(cidr, "duplicates = \"first\""),
        "in a MaxMind database there is only one row for each network"
    );
}
