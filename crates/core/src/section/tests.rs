//! Tests of reading a table into a config: every mistake, each at its place, no secret in a message.

use super::*;
use crate::settings::{Count, Period, Size};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Loose {
    size: Option<Size>,
    wait: Option<Period>,
    count: Option<Count>,
    port: Option<u16>,
    password: Option<u16>,
    kind: Option<Kind>,
    rules: Vec<Rule>,
    kinds: Vec<Kind>,
    sizes: Vec<Size>,
    ports: Vec<u16>,
    words: Vec<Word>,
    pair: Option<Pair>,
    grid: Vec<Vec<Kind>>,
    lists: std::collections::BTreeMap<String, Vec<Kind>>,
    nested: Option<Box<Loose>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Memory,
    Disk,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    key: String,
    port: u16,
}

/// What is wrong with it is found when its string has been read: the error comes without a place.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Word;

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if word.contains(' ') {
            return Err(format!("this has {} spaces", word.matches(' ').count()));
        }
        Ok(Word)
    }
}

/// Two sizes at least, and none twice to begin with.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Size>")]
struct Pair;

impl TryFrom<Vec<Size>> for Pair {
    type Error = &'static str;

    fn try_from(sizes: Vec<Size>) -> Result<Self, Self::Error> {
        match sizes.as_slice() {
            [] | [_] => Err("a pair has two sizes"),
            [first, rest @ ..] if rest.contains(first) => Err("one size is there twice"),
            _ => Ok(Pair),
        }
    }
}

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        name: "test.toml".to_owned(),
        text: text.to_owned(),
    })
}

/// `line: message` of every mistake, with the text to blame.
fn mistakes(section: &Section) -> Vec<(String, String)> {
    let found = section.read::<Loose>().unwrap_err();
    let blamed = |diagnostic: &Diagnostic| {
        let place = diagnostic.place.clone().unwrap();
        place.source.text[place.span].to_owned()
    };
    found
        .iter()
        .map(|diagnostic| (blamed(diagnostic), diagnostic.message.clone()))
        .collect()
}

#[test]
fn every_mistake_of_a_table_is_reported_at_its_place() {
    let section = Section::whole(source(
        "size = \"3 parsecs\"\nwaitt = \"1s\"\nport = 70000\nkind = \"dsk\"\n[nested]\nwait = 5\ncount = 3\n",
    ));
    let found = mistakes(&section);
    let blamed: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(found.len(), 5, "{found:?}");
    for text in ["\"3 parsecs\"", "waitt", "70000", "\"dsk\"", "5"] {
        assert!(blamed.contains(&text), "{text} is not in {blamed:?}");
    }
}

#[test]
fn mistakes_inside_array_elements_are_all_reported() {
    let section = Section::whole(source(
        "rules = [{ key = \"a\", port = \"x\" }, { key = 3, port = 4 }, { key = \"c\" }]\n",
    ));
    let found = mistakes(&section);
    let blamed: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(blamed, ["\"x\"", "3", "{ key = \"c\" }"], "{found:?}");
}

#[test]
fn a_wrong_word_in_an_array_has_its_own_place() {
    let blamed = |text: &str| {
        let found = mistakes(&Section::whole(source(text)));
        found.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    assert_eq!(
        blamed("kinds = [\"disk\", \"dsk\", \"memory\", \"men\", \"dsk\"]"),
        ["\"dsk\"", "\"men\"", "\"dsk\""]
    );
    let text = "kinds = [\"disk\",\n \"dsk\"]\nsizes = [\"1KiB\", \"1 parsec\", 3.5]\nports = [1, 70000]\n";
    assert_eq!(blamed(text), ["\"dsk\"", "70000", "\"1 parsec\"", "3.5"]);
    assert_eq!(
        blamed("grid = [[\"disk\"], [\"memory\", \"dsk\"]]\n[nested.lists]\na = [\"x\"]\n"),
        ["\"dsk\"", "\"x\""]
    );
    let text = "[[rules]]\nkey = \"a\"\nport = 1\n[nested]\nwords = [\"a b\", \"a\", \"b c\", 5]\n";
    assert_eq!(blamed(text), ["\"a b\"", "\"b c\"", "5"]);
    let long = format!("words = [{}\"1 parsec\", \"a\"]", "\"a\", ".repeat(999));
    assert_eq!(blamed(&long), ["\"1 parsec\""]);
}

#[test]
fn what_is_wrong_with_an_array_as_a_whole_has_the_place_of_the_array() {
    for array in ["[]", "[\"1KiB\"]", "[\"1KiB\", \"2KiB\", \"1KiB\"]"] {
        let found = mistakes(&Section::whole(source(&format!("pair = {array}"))));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, array);
    }
    let found = mistakes(&Section::whole(source("pair = [\"1KiB\", \"3 parsecs\"]")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "\"3 parsecs\"");
}

#[test]
fn an_unknown_key_or_word_comes_with_what_was_meant() {
    let section = Section::whole(source("waitt = \"1s\"\nkind = \"dsk\"\n"));
    let found = section.read::<Loose>().unwrap_err();
    let help: Vec<&str> = found.iter().filter_map(|d| d.help.as_deref()).collect();
    assert!(help.contains(&"did you mean `wait`?"), "{help:?}");
    assert!(help.contains(&"did you mean `disk`?"), "{help:?}");
}

#[test]
fn a_resolved_value_is_read_and_never_shown() {
    let text = "port = \"${env:PORT}\"\nnested = { count = \"${env:COUNT}\" }\n";
    let resolved: Resolved = [(7, "hunter2hunter2".to_owned()), (40, "12".to_owned())].into();
    assert_eq!(text.find("\"${env:PORT}"), Some(7));
    assert_eq!(text.find("\"${env:COUNT}"), Some(40));
    let section = Section::at(source(text), Vec::new(), Arc::new(resolved));
    let found = mistakes(&section);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("${env:PORT}"), "{found:?}");
    assert!(!found[0].1.contains("hunter2"), "{found:?}");

    let inner = Section::at(source(text), vec!["nested".to_owned()], section.resolved);
    assert_eq!(inner.read::<Loose>().unwrap().count, Some(Count(12)));
}

#[test]
fn the_value_of_a_secret_key_is_never_shown() {
    let section = Section::whole(source("password = \"hunter2\"\n"));
    let found = mistakes(&section);
    assert!(
        found[0].1.contains("***") && !found[0].1.contains("hunter2"),
        "{found:?}"
    );
}

#[test]
fn a_hidden_key_is_not_read_and_a_missing_table_is_empty() {
    let text = source("[a]\ntype = \"x\"\nport = 3\n");
    let section = Section::at(Arc::clone(&text), vec!["a".to_owned()], Arc::default()).without("type");
    assert_eq!(section.read::<Loose>().unwrap().port, Some(3));
    let rules = Section::whole(source("rules = [{ key = \"a\", port = 3 }]\n"));
    let read = rules.read::<Loose>().unwrap().rules;
    assert_eq!((read[0].key.as_str(), read[0].port), ("a", 3));
    assert_eq!(Section::empty(text).read::<Loose>().unwrap().port, None);
}

#[test]
fn a_text_that_is_no_toml_gives_its_syntax_errors() {
    let found = Section::whole(source("a = \nb = ]\n"))
        .read::<Loose>()
        .unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_key_path_leads_to_the_value_or_to_the_nearest_table() {
    let text = "[nested]\nport = 3\n";
    let section = Section::whole(source(text));
    let words = |path: &[&str]| text[section.place_of(path).span].to_owned();
    assert_eq!(words(&["nested", "port"]), "3");
    assert_eq!(words(&["nested", "count"]), "nested");
}

/// A table that judges itself, while it is being read.
#[derive(Debug)]
struct Judged;

impl<'de> Deserialize<'de> for Judged {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = std::collections::BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
        let blamed = table.iter().find_map(|(key, value)| match value {
            toml::Value::Array(names) => names.iter().find_map(|name| match name.as_str() {
                Some(name) if name.starts_with('x') => Some(name.to_owned()),
                _ => None,
            }),
            _ => key.starts_with('x').then(|| key.clone()),
        });
        match blamed {
            Some(name) => Err(serde::de::Error::custom(format!("`{name}` is not liked"))),
            None if table.is_empty() => Err(serde::de::Error::custom("nothing is there")),
            None => Ok(Judged),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Judges {
    #[serde(default)]
    one: Option<Judged>,
}

#[test]
fn what_a_table_says_of_a_part_of_itself_stands_at_that_part() {
    let told = |text: &str| {
        let section = Section::whole(source(text));
        let found = section.read::<Judges>().map(|judges| judges.one.is_some());
        found.map_err(|found| {
            let words = found
                .into_iter()
                .map(|found| text[found.place.unwrap().span].to_owned());
            words.collect::<Vec<String>>()
        })
    };
    assert_eq!(told("one = { a = 1 }"), Ok(true));
    assert_eq!(
        told("one = { a = 1, xb = 2, xc = 3 }"),
        Err(vec!["xb".to_owned(), "xc".to_owned()])
    );
    assert_eq!(
        told("one = { a = [\"b\", \"xc\"] }"),
        Err(vec!["\"xc\"".to_owned()])
    );
    // That nothing is left once the key is out, is nobody's mistake.
    assert_eq!(told("one = { xb = 2 }"), Err(vec!["xb".to_owned()]));
    assert_eq!(told("one = {}"), Err(vec!["{}".to_owned()]));
}

#[test]
fn a_place_may_be_that_of_one_of_many() {
    let text = "rules = [{ key = 1 }, { key = 2 }]\nnames = [\"a\", \"b\"]\n";
    let section = Section::whole(source(text));
    let words = |path: &[&str]| text[section.place_of(path).span].to_owned();
    assert_eq!(words(&["names", "1"]), "\"b\"");
    assert_eq!(words(&["rules", "1"]), "{ key = 2 }");
    assert_eq!(words(&["rules", "1", "key"]), "2");
    assert_eq!(words(&["rules", "7"]), "[{ key = 1 }, { key = 2 }]");
}
