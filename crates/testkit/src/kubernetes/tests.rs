//! What the server says of itself.

use super::selector::Selector;
use super::store::{Query, Store};
use super::*;
use std::collections::BTreeMap;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn selectors_select_as_the_api_server_does() {
    let object = values(&[("app", "a"), ("tier", "front")]);
    for (selector, selects) in [
        ("", true),
        ("app=a", true),
        ("app==a,tier=front", true),
        ("app=b", false),
        ("app!=b", true),
        ("other!=x", true),
        ("tier in (front, back)", true),
        ("tier notin (front)", false),
        ("app", true),
        ("other", false),
        ("!other", true),
        ("!app", false),
    ] {
        assert_eq!(
            Selector::read(selector).unwrap().selects(&object),
            selects,
            "{selector}"
        );
    }
}

#[test]
fn a_list_goes_on_as_it_was_when_it_began() {
    let mut store = Store::default();
    for number in 0..5 {
        store.put("pods", PodSpec::new("n", &format!("p{number}"), number).object());
    }
    let query = Query {
        plural: "pods".into(),
        ..Query::default()
    };
    let first = store.list(&query, 2);
    store.delete("pods", "n", "p4");
    let second = store.go_on(first.continuation.unwrap(), 10).unwrap();
    assert_eq!((first.items.len(), first.left, second.items.len()), (2, 3, 3));
    assert_eq!(first.version, second.version);
    let again = store.list(&query, 2);
    store.compact();
    assert!(store.go_on(again.continuation.unwrap(), 2).is_none());
}

#[test]
fn an_object_that_is_selected_no_more_is_deleted_for_those_who_watch() {
    let mut store = Store::default();
    let query = Query {
        plural: "pods".into(),
        labels: Selector::read("app=a").unwrap(),
        ..Query::default()
    };
    let pod = PodSpec::new("n", "p", 1);
    store.put("pods", pod.clone().label("app", "b").object());
    store.put("pods", pod.clone().label("app", "a").object());
    store.put("pods", pod.clone().label("app", "a").label("x", "y").object());
    store.put("pods", pod.label("app", "b").object());
    store.delete("pods", "n", "p");
    let kinds: Vec<&str> = store
        .since(0)
        .iter()
        .filter_map(|change| Some(query.event(change)?.0))
        .collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
}

#[test]
fn pods_have_the_size_that_pods_have() {
    let size = Population::pod(1).object().to_string().len();
    assert!((3_000..10_000).contains(&size), "{size}");
}
