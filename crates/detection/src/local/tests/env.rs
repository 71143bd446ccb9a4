//! `env`: the percent-decoding rules of the specification, and its errors.

use super::{Place, Seen};
use crate::Kind;
use crate::local::env::Env;

fn look(variables: &[(&str, &str)]) -> Seen {
    Place::with(&[]).variables(variables).look(Kind::Env, &Env, &[])
}

fn attributes(text: &str) -> Seen {
    look(&[("OTEL_RESOURCE_ATTRIBUTES", text)])
}

#[test]
fn attributes_are_read_and_decoded() {
    let cases: [(&str, &[(&str, &str)]); 11] = [
        ("team=blue", &[("team", "blue")]),
        ("a=1,b=2", &[("a", "1"), ("b", "2")]),
        (" a = 1 ,\tb =2 ", &[("a", "1"), ("b", "2")]),
        ("a=x%2Cy%3Dz", &[("a", "x,y=z")]),
        ("a%3D=1", &[("a=", "1")]),
        (
            "a=caf%C3%A9,b=caf\u{e9}",
            &[("a", "caf\u{e9}"), ("b", "caf\u{e9}")],
        ),
        ("a=%20x%20", &[("a", " x ")]),
        ("a=1+1;b", &[("a", "1+1;b")]),
        ("a=x=y", &[("a", "x=y")]),
        ("a=", &[("a", "")]),
        ("a=1,b=2,a=3", &[("a", "3"), ("b", "2")]),
    ];
    for (text, expected) in cases {
        attributes(text).is("found", expected, "");
    }
}

#[test]
fn a_malformed_one_is_discarded_whole_and_said() {
    let cases = [
        ("a", "member 1 has no `=`"),
        ("a=1,b", "member 2 has no `=`"),
        ("a=1,", "member 2 has no `=`"),
        ("a=1,,b=2", "member 2 has no `=`"),
        ("a=1,=2", "member 2 has no key"),
        (" =2", "member 1 has no key"),
        (
            "a=1,b=%",
            "member 2 (`b`) has a value that has a `%` without two hexadecimal digits",
        ),
        ("a=%2", "(`a`) has a value that has a `%`"),
        ("a=%zz", "(`a`) has a value that has a `%`"),
        ("a=%+1", "(`a`) has a value that has a `%`"),
        ("%=1", "member 1 has a key that has a `%`"),
        ("a=%ff", "(`a`) has a value that is not UTF-8"),
        ("a=%C3", "(`a`) has a value that is not UTF-8"),
    ];
    for (text, why) in cases {
        attributes(text).is(
            "failed",
            &[],
            &format!(
                "`OTEL_RESOURCE_ATTRIBUTES` is passed over as a whole: {}",
                first(why)
            ),
        );
        attributes(text).is("failed", &[], why);
    }
}

/// The first word.
fn first(words: &str) -> &str {
    if words.starts_with('(') {
        "member"
    } else {
        words.split(' ').next().unwrap()
    }
}

#[test]
fn nothing_is_nothing() {
    look(&[]).is("absent", &[], "");
    attributes("").is("absent", &[], "");
    attributes("  ").is("absent", &[], "");
    look(&[("OTEL_SERVICE_NAME", "")]).is("absent", &[], "");
}

#[test]
fn the_variable_for_the_name_of_the_service_wins() {
    let both = [
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,service.name=other"),
    ];
    look(&both).is("found", &[("service.name", "shop"), ("a", "1")], "");
    attributes("service.name=other").is("found", &[("service.name", "other")], "");
    let broken = [("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "a")];
    look(&broken).is("partial", &[("service.name", "shop")], "member 1 has no `=`");
    look(&[("OTEL_SERVICE_NAME", "50%")]).is("found", &[("service.name", "50%")], "");
}
