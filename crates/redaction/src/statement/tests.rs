//! What is left of statements.

use super::*;

fn left(language: Language, text: &str) -> String {
    let mut out = b"before".to_vec();
    let changed = language.sanitize(text.as_bytes(), &mut out);
    let written = String::from_utf8(out.split_off(6)).unwrap();
    assert!(changed || written.is_empty(), "{text}");
    if changed { written } else { text.to_owned() }
}

fn all(cases: &[(Dialect, &str, &str)]) {
    for (dialect, text, expected) in cases {
        assert_eq!(
            left(Language::Sql(*dialect), text),
            *expected,
            "{dialect:?} {text}"
        );
    }
}

use Dialect::{MySql, PostgreSql, SqlServer, Standard, Unknown};

#[test]
fn literals_of_every_kind_are_replaced() {
    for dialect in [MySql, PostgreSql, SqlServer, Standard, Unknown] {
        all(&[
            (
                dialect,
                "SELECT * FROM t WHERE a = 'x' AND b=12",
                "SELECT * FROM t WHERE a = ? AND b=?",
            ),
            (
                dialect,
                "SELECT 'it''s', -1.5e-3, 0xFF, .5, 7.",
                "SELECT ?, -?, ?, ?, ?",
            ),
            (
                dialect,
                "SELECT DATE '2020-01-01', X'ff', N'a', TRUE, False, NULL",
                "SELECT DATE ?, ?, ?, ?, ?, NULL",
            ),
            (
                dialect,
                "SELECT t1.c2 FROM t1 WHERE c3 = ? AND c4 = :p5 AND c6 = @p7",
                "SELECT t1.c2 FROM t1 WHERE c3 = ? AND c4 = :p5 AND c6 = @p7",
            ),
            (
                dialect,
                "SELECT a -- it's 'b'\nFROM c /* d's */ WHERE e='f'",
                "SELECT a \nFROM c  WHERE e=?",
            ),
            (dialect, "SELECT 1;SELECT 'a", "SELECT ?;SELECT ?"),
            (dialect, "SELECT a FROM b /* never", "SELECT a FROM b "),
            (dialect, "INTERVAL '1' DAY", "INTERVAL ? DAY"),
            (dialect, "SELECT caf\u{e9} FROM b", "SELECT caf\u{e9} FROM b"),
            (dialect, "", ""),
        ]);
    }
}

#[test]
fn lists_become_one() {
    all(&[
        (Standard, "a IN (1, 2,3) AND b in('x')", "a IN (?) AND b in(?)"),
        (Standard, "a IN (SELECT 1, 2)", "a IN (SELECT ?, ?)"),
        (Standard, "a NOT IN (-1, ?, 3)", "a NOT IN (?)"),
        (Standard, "VALUES (1, 2), (3, 4)", "VALUES (?, ?), (?, ?)"),
        (
            Standard,
            "f(1, 2) IN ((1, 2), (3, 4))",
            "f(?, ?) IN ((?, ?), (?, ?))",
        ),
        (Standard, "a IN (b, 1)", "a IN (b, ?)"),
        (Standard, "a IN ()", "a IN ()"),
    ]);
}

#[test]
fn each_dialect_quotes_in_its_own_way() {
    all(&[
        (
            MySql,
            r#"a = 'it\'s' AND b = "c" AND `d 1` = 2 # e"#,
            "a = ? AND b = ? AND `d 1` = ? ",
        ),
        (MySql, r"a = 'b\\' AND c = 1", "a = ? AND c = ?"),
        (
            PostgreSql,
            r#"a = 'b\' AND "c 1" = E'd\'e' AND f #>> '{g}' = $1"#,
            r#"a = ? AND "c 1" = ? AND f #>> ? = $1"#,
        ),
        (
            PostgreSql,
            "a = $$it's$$ AND b = $x1$ $$ 'c $x1$ AND d=$2",
            "a = ? AND b = ? AND d=$2",
        ),
        (PostgreSql, "a = U&'d\\0061t'", "a = ?"),
        (
            SqlServer,
            "SELECT [it's 1] FROM #t1 WHERE a = N'b'",
            "SELECT [it's 1] FROM #t1 WHERE a = ?",
        ),
        (
            Standard,
            r#"a = q'[it's]' AND "it's 1" = 2"#,
            r#"a = ? AND "it's 1" = ?"#,
        ),
    ]);
}

#[test]
fn what_is_not_known_is_hidden() {
    all(&[
        (Unknown, r#"a = "b" AND c = 'd'"#, "a = ? AND c = ?"),
        (Unknown, r"a = 'b\' OR c = 'd' AND e", "a = ?"),
        (Unknown, "SELECT [it's 1], 'b'", "SELECT [?"),
        (Unknown, "a # it's\nb", "a ?"),
        (Unknown, r#"{"find": "users"}"#, r#"{"find": "?"}"#),
        (Unknown, "{call p(1)}", "{call p(?)}"),
        (SqlServer, "SELECT [a", "SELECT ?"),
    ]);
}

#[test]
fn of_commands_the_key_stays() {
    let cases = [
        (
            "HMSET myhash field1 'Hello' field2 'World'",
            "HMSET myhash ? ? ? ?",
        ),
        ("GET key", "GET key"),
        ("auth user word", "auth ? ?"),
        ("SET k \"a b\\\" c\"\nSET l 'open", "SET k ?\nSET l ?"),
        ("CONFIG SET requirepass x", "CONFIG ? ? ?"),
        ("  ", "  "),
    ];
    for (text, expected) in cases {
        assert_eq!(left(Language::Command, text), expected);
    }
}

#[test]
fn of_documents_the_names_stay() {
    let cases = [
        (
            r#"{"a": [1, "b", {"c": null}], "d" : true}"#,
            r#"{"a": ["?", "?", {"c": "?"}], "d" : "?"}"#,
        ),
        (r#"{"a\"b": "c\"d"}"#, r#"{"a\"b": "?"}"#),
        (r#"{"a": "open"#, r#"{"a": "?""#),
        ("find users", "\"?\" \"?\""),
        ("{}", "{}"),
    ];
    for (text, expected) in cases {
        assert_eq!(left(Language::Document, text), expected);
    }
}

#[test]
fn systems_have_their_language() {
    assert_eq!(Language::of_system("mariadb"), Language::Sql(MySql));
    assert_eq!(Language::of_system("valkey"), Language::Command);
    assert_eq!(Language::of_system("mongodb"), Language::Document);
    assert_eq!(Language::of_system("other_sql"), Language::Sql(Unknown));
}

/// Whatever the text: what was hidden stays hidden, and it is settled after one time.
#[test]
fn property_nothing_within_quotes_leaves() {
    let pieces = [
        "'", "''", "\\", "\"", "`", "[", "]", "$$", "$a$", "--", "\n", "/*", "*/", "#", "q'", "E", "x", "1",
        " in (", ")", ",", " ",
    ];
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..40_000 {
        let head: String = (0..random.usize(..10))
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        for dialect in [MySql, PostgreSql, SqlServer, Standard, Unknown] {
            let once = left(Language::Sql(dialect), &head);
            assert!(once.len() <= head.len() + 1, "{dialect:?} {head:?} {once:?}");
        }
        // Of a statement that is well-formed to all, nothing of a literal is left whatever stands in it.
        let literal = head.replace(['\'', '\\'], "");
        let statement = format!("SELECT a FROM b WHERE c = '{literal} 7secret' AND d = 5");
        for dialect in [MySql, PostgreSql, SqlServer, Standard, Unknown] {
            assert_eq!(
                left(Language::Sql(dialect), &statement),
                "SELECT a FROM b WHERE c = ? AND d = ?"
            );
        }
    }
}
