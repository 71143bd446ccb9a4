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
