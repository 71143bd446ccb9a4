//! Sets of attributes, put into arbitrary requests and by a model.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    arbitrary::{KEYS, logs, metrics, traces},
    model::Model,
};
use crate::edit::{AttributeSet, AttributeValue, Editor, JoinedAttributes, Level, Present};

type Pairs = Vec<(&'static str, i64)>;

fn set_of(pairs: &Pairs) -> AttributeSet {
    AttributeSet::new(
        pairs
            .iter()
            .map(|&(key, value)| (key, AttributeValue::Int(value))),
    )
}

fn sets() -> impl Strategy<Value = Vec<Pairs>> {
    let key = prop_oneof![3 => select(&KEYS[..]), 1 => select(&["", "new", "a.much.longer.name"][..])];
    vec(vec((key, any::<i64>()), 0..5), 0..4)
}

fn int(value: i64) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Value::IntValue(value)),
    })
}

/// What putting the pairs, joined to one list, comes to.
fn put(list: &mut Vec<KeyValue>, sets: &[Pairs], present: Present) {
    let before = list.len();
    let mut done: Vec<&str> = Vec::new();
    for &(key, value) in sets.iter().flatten().filter(|(key, _)| !key.is_empty()) {
        if done.contains(&key) {
            continue;
        }
        done.push(key);
        let mut there = false;
        for found in list.iter_mut().take(before).filter(|found| found.key == key) {
            there = true;
            if present == Present::Replace {
                found.value = int(value);
            }
        }
        if !there {
            list.push(KeyValue {
                key: key.into(),
                value: int(value),
                ..KeyValue::default()
            });
        }
    }
}

fn check<M: Model>(request: &M, level: Level, pairs: &[Pairs], present: Present) {
    let mut expected = request.clone();
    expected.change(level, &|list| put(list, pairs, present));
    let made: Vec<AttributeSet> = pairs.iter().map(set_of).collect();
    let sets: Vec<&AttributeSet> = made.iter().collect();
    let input = Bytes::from(request.encode_to_vec());
    let mut editor = Editor::new();
    let mut changes = 0;
    let edited = editor
        .edit_level(M::SIGNAL, &input, level, |patch| {
            changes += patch.put_attributes(&sets, present)?;
            Ok(())
        })
        .unwrap();
    let output = edited.to_bytes();
    assert_eq!(M::decode(output.clone()).unwrap(), expected);
    assert_eq!(output.len(), expected.encoded_len());
    assert_eq!(changes == 0, edited.is_unchanged());
    assert_eq!(edited.is_unchanged(), output == input);
}

proptest! {
    #[test]
    fn property_sets_are_put_into_traces(
        request in traces(),
        level in select(vec![Level::Resource, Level::Scope, Level::Item]),
        sets in sets(),
        present in select(vec![Present::Keep, Present::Replace]),
    ) {
        check(&request, level, &sets, present);
    }

    #[test]
    fn property_sets_are_put_into_metrics(
        request in metrics(),
        level in select(vec![Level::Resource, Level::Scope, Level::Metric, Level::Item]),
        sets in sets(),
        present in select(vec![Present::Keep, Present::Replace]),
    ) {
        check(&request, level, &sets, present);
    }

    #[test]
    fn property_sets_are_put_into_logs(
        request in logs(),
        level in select(vec![Level::Resource, Level::Scope, Level::Item]),
        sets in sets(),
        present in select(vec![Present::Keep, Present::Replace]),
    ) {
        check(&request, level, &sets, present);
    }
}

#[test]
fn a_set_gives_out_what_it_was_made_of() {
    let value = "x".repeat(300);
    let set = AttributeSet::new([
        ("a", AttributeValue::String(&value)),
        ("b", AttributeValue::Bool(true)),
        ("a", AttributeValue::Int(1)),
        ("", AttributeValue::Int(1)),
    ]);
    assert_eq!((set.len(), set.is_empty()), (2, false));
    let keys: Vec<&[u8]> = set.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"a", b"b"]);
    let mut body = Vec::new();
    AttributeValue::String(&value).encode(&mut body);
    assert_eq!(set.get(b"a"), Some(&*body));
    assert_eq!(set.get(b"c"), None);
    assert!(AttributeSet::default().is_empty());
    assert!(set.heap_bytes() < 330);
}

#[test]
fn values_may_be_arrays() {
    use prost::Message;
    let long = "x".repeat(200);
    let inner = [AttributeValue::Int(-1)];
    let array = [
        AttributeValue::String(&long),
        AttributeValue::Array(&inner),
        AttributeValue::Array(&[]),
    ];
    let value = AttributeValue::Array(&array);
    let mut body = Vec::new();
    value.encode(&mut body);
    assert_eq!(body.len(), value.encoded_len());
    let Some(Value::ArrayValue(read)) = AnyValue::decode(&*body).unwrap().value else {
        panic!("no array")
    };
    let kinds: Vec<Option<Value>> = read.values.into_iter().map(|value| value.value).collect();
    assert_eq!(kinds[0], Some(Value::StringValue(long.clone())));
    let Some(Value::ArrayValue(first)) = &kinds[1] else {
        panic!("no array in it")
    };
    assert_eq!(first.values, [int(-1).unwrap()]);
    assert!(matches!(&kinds[2], Some(Value::ArrayValue(empty)) if empty.values.is_empty()));
}

#[test]
fn a_set_that_is_filled_again_is_like_a_new_one() {
    let first = [("a", AttributeValue::Int(1)), ("bb", AttributeValue::Int(2))];
    let second = [("ccc", AttributeValue::Bool(true)), ("a", AttributeValue::Int(3))];
    let mut set = AttributeSet::new(first);
    set.clear();
    assert_eq!(set, AttributeSet::default());
    for (key, value) in second {
        set.add(key, value);
    }
    assert_eq!(set, AttributeSet::new(second));
}

/// What joining lists comes to: the first of each key.
fn joined(lists: &[Vec<(String, String)>]) -> Vec<(String, String)> {
    let mut expected: Vec<(String, String)> = Vec::new();
    for (key, value) in lists.iter().flatten().filter(|(key, _)| !key.is_empty()) {
        if !expected.iter().any(|(other, _)| other == key) {
            expected.push((key.clone(), value.clone()));
        }
    }
    expected
}

fn of_texts(list: &[(String, String)]) -> AttributeSet {
    AttributeSet::new(
        list.iter()
            .map(|(key, value)| (&**key, AttributeValue::String(value))),
    )
}

fn texts() -> impl Strategy<Value = Vec<Vec<(String, String)>>> {
    // Few keys, so that many are the same; some so long that their lengths take two bytes, as those of some values do.
    let key = prop_oneof![
        4 => "[a-d]{0,2}",
        1 => "[ab]{7,9}",
        1 => select(vec!["k".repeat(127), "k".repeat(128), "l".repeat(128), "k".repeat(20_000)])
    ];
    let value = prop_oneof![
        4 => "[a-z]{0,5}",
        1 => (100_usize..140).prop_map(|length| "v".repeat(length)),
        1 => (16_300_usize..16_500).prop_map(|length| "v".repeat(length))
    ];
    vec(vec((key, value), 0..12), 0..5)
}

proptest! {
    #[test]
    fn property_sets_that_are_joined_are_what_one_of_all_of_them_is(lists in texts(), split in vec(any::<bool>(), 5)) {
        let mut all = JoinedAttributes::default();
        // What was there before leaves nothing behind.
        all.add(&of_texts(&[("a".to_owned(), "before".to_owned())]));
        all.clear();
        for (list, split) in lists.iter().zip(split) {
            let set = of_texts(list);
            let (keys, values) = set.split();
            for (key, value) in set.iter() {
                prop_assert_eq!(keys.get(&values, key), Some(value));
            }
            prop_assert_eq!(keys.get(&values, b"no such key"), None);
            if split {
                all.add_split(&keys, &values);
            } else {
                all.add(&set);
            }
        }
        prop_assert_eq!(all.set(), &of_texts(&joined(&lists)));
    }

    #[test]
    fn property_equal_keys_put_their_values_together_with_any_of_them(list in texts(), other in "[a-z]{0,5}") {
        let list = joined(&list);
        let changed: Vec<(String, String)> = list.iter().map(|(key, _)| (key.clone(), other.clone())).collect();
        let (keys, _) = of_texts(&list).split();
        let (same, values) = of_texts(&changed).split();
        prop_assert_eq!(&keys, &same);
        let mut all = JoinedAttributes::default();
        all.add_split(&keys, &values);
        prop_assert_eq!(all.set(), &of_texts(&changed));
    }
}
