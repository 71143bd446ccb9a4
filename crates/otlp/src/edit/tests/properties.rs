//! The editor against the model, on arbitrary requests of the three signals.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

use super::{
    arbitrary::{KEYS, logs, metrics, traces},
    model::Model,
};
use crate::{
    Signal,
    edit::{AttributeEditor, AttributeValue, Editor, Level, SplitLimits, Verdict},
};

/// One change, to be made by the editor and by the model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(&'static str, i64),
    Update(&'static str, i64),
    Upsert(&'static str, i64),
    UpsertFrom(&'static str, &'static str),
    Delete(&'static str),
    DeleteTokens,
    Rename(&'static str, &'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || select(&KEYS[..]);
    let value = any::<i64>;
    let step = prop_oneof![
        (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::Update(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::Upsert(key, value)),
        (key(), key()).prop_map(|(key, source)| Step::UpsertFrom(key, source)),
        key().prop_map(Step::Delete),
        Just(Step::DeleteTokens),
        (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
    ];
    vec(step, 0..4)
}

fn compile(steps: &[Step]) -> AttributeEditor {
    steps
        .iter()
        .fold(AttributeEditor::new(), |editor, step| match *step {
            Step::Insert(key, value) => editor.insert(key, AttributeValue::Int(value)),
            Step::Update(key, value) => editor.update(key, AttributeValue::Int(value)),
            Step::Upsert(key, value) => editor.upsert(key, AttributeValue::Int(value)),
            Step::UpsertFrom(key, source) => editor.upsert_from(key, source),
            Step::Delete(key) => editor.delete(key),
            Step::DeleteTokens => editor.delete_matching(|key| key.starts_with(b"token")),
            Step::Rename(from, to) => editor.rename(from, to),
        })
}

fn put(list: &mut Vec<KeyValue>, key: &str, value: Option<AnyValue>, (insert, update): (bool, bool)) {
    let present = list.iter().any(|attribute| attribute.key == key);
    if present && update {
        list.iter_mut()
            .filter(|attribute| attribute.key == key)
            .for_each(|found| found.value = value.clone());
    }
    if !present && insert {
        list.push(KeyValue {
            key: key.into(),
            value,
            ..KeyValue::default()
        });
    }
}

fn follow(step: Step, list: &mut Vec<KeyValue>) {
    let int = |value| {
        Some(AnyValue {
            value: Some(Value::IntValue(value)),
        })
    };
    match step {
        Step::Insert(key, value) => put(list, key, int(value), (true, false)),
        Step::Update(key, value) => put(list, key, int(value), (false, true)),
        Step::Upsert(key, value) => put(list, key, int(value), (true, true)),
        Step::UpsertFrom(key, source) => {
            if let Some(found) = list.iter().find(|attribute| attribute.key == source).cloned() {
                put(list, key, Some(found.value.unwrap_or_default()), (true, true));
            }
        }
        Step::Delete(key) => list.retain(|attribute| attribute.key != key),
        Step::DeleteTokens => list.retain(|attribute| !attribute.key.starts_with("token")),
        Step::Rename(from, to) => {
            if from != to && list.iter().any(|attribute| attribute.key == from) {
                list.retain(|attribute| attribute.key != to);
                list.iter_mut()
                    .filter(|attribute| attribute.key == from)
                    .for_each(|found| found.key = to.into());
            }
        }
    }
}

fn check_attributes<M: Model>(request: &M, level: Level, steps: &[Step]) {
    let mut expected = request.clone();
    for &step in steps {
        expected.change(level, &|list| follow(step, list));
    }
    let input = Bytes::from(request.encode_to_vec());
    let attributes = compile(steps);
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(M::SIGNAL, &input, level, |patch| {
            patch.edit_attributes(&attributes)
        })
        .unwrap();
    let output = edited.to_bytes();
    assert_eq!(M::decode(output.clone()).unwrap(), expected);
    assert_eq!(output.len(), edited.output_len());
    assert_eq!(
        output.len(),
        expected.encoded_len(),
        "every length prefix is in its shortest form"
    );
    assert_eq!(edited.to_segments().concat(), output);
}

/// A number that depends on all bytes of an item.
fn digest(item: &[u8]) -> usize {
    let mut hasher = DefaultHasher::new();
    item.hash(&mut hasher);
    (hasher.finish() >> 8) as usize
}

fn check_drop<M: Model>(request: &M, modulus: usize) {
    let mut expected = request.clone();
    expected.retain(&mut |item| !digest(item).is_multiple_of(modulus));
    let input = Bytes::from(request.encode_to_vec());
    let decide = |item: &[u8]| {
        if digest(item).is_multiple_of(modulus) {
            Verdict::Drop
        } else {
            Verdict::Keep
        }
    };
    let mut editor = Editor::new();
    let edited = editor
        .drop_items(M::SIGNAL, &input, |context| decide(context.item))
        .unwrap();
    let output = edited.to_bytes();
    assert_eq!(M::decode(output.clone()).unwrap(), expected);
    assert_eq!(output.len(), expected.encoded_len());
    assert_eq!(edited.kept, expected.items().len());
    assert_eq!(edited.kept + edited.dropped, request.items().len());
    assert_eq!(edited.is_unchanged(), edited.dropped == 0);
    assert_eq!(edited.to_segments().concat(), output);
}

fn check_split<M: Model>(request: &M, max_items: Option<NonZeroUsize>, max_bytes: Option<NonZeroUsize>) {
    let input = Bytes::from(request.encode_to_vec());
    let parts = Editor::new()
        .split(M::SIGNAL, &input, SplitLimits { max_items, max_bytes })
        .unwrap();
    let mut items = Vec::new();
    for part in &parts {
        let decoded = M::decode(part.bytes.clone()).unwrap();
        assert_eq!(decoded.items().len(), part.items);
        assert_eq!(decoded.encoded_len(), part.bytes.len());
        assert!(max_items.is_none_or(|limit| part.items <= limit.get()));
        assert!(part.items <= 1 || max_bytes.is_none_or(|limit| part.bytes.len() <= limit.get()));
        items.extend(decoded.items());
    }
    assert_eq!(items, request.items());
}

fn check_partition<M: Model>(request: &M, count: usize) {
    let input = Bytes::from(request.encode_to_vec());
    let parts = Editor::new()
        .partition(M::SIGNAL, &input, |context| digest(context.item) % count)
        .unwrap();
    assert!(parts.is_sorted_by(|left, right| left.0 < right.0));
    let mut total = 0;
    for (name, part) in &parts {
        let mut expected = request.clone();
        expected.retain(&mut |item| digest(item) % count == *name);
        let decoded = M::decode(part.bytes.clone()).unwrap();
        assert_eq!(decoded.items(), expected.items());
        assert_eq!(part.items, expected.items().len());
        assert!(part.items > 0);
        total += part.items;
    }
    assert_eq!(total, request.items().len());
    let by_resource = Editor::new().split_by_resource(M::SIGNAL, &input).unwrap();
    let items: Vec<_> = by_resource
        .iter()
        .flat_map(|part| M::decode(part.bytes.clone()).unwrap().items())
        .collect();
    assert_eq!(items, request.items());
}

/// Every operation on bytes that need not be a request: the result does not matter, only that there is one.
fn check_any(signal: Signal, bytes: &[u8]) {
    let input = Bytes::copy_from_slice(bytes);
    let attributes = AttributeEditor::new()
        .upsert("env", AttributeValue::Bool(true))
        .rename("a", "b")
        .delete_matching(|key| key.len() > 3)
        .upsert_from("c", "b");
    let mut editor = Editor::new();
    for level in [Level::Resource, Level::Scope, Level::Metric, Level::Item] {
        let edited = editor.edit_level(signal, &input, level, |patch| {
            patch.set_field(5, crate::Value::Len(b"new"))?;
            patch.set_field_in_order(3, crate::Value::Len(b"new"))?;
            patch.edit_attributes(&attributes)?;
            patch.each(11, 3, |event| event.edit_attributes(&attributes))
        });
        if let Ok(edited) = edited {
            assert_eq!(edited.to_bytes().len(), edited.output_len());
            assert_eq!(edited.to_segments().concat(), edited.to_bytes());
        }
    }
    let three = NonZeroUsize::new(3);
    let limits = SplitLimits {
        max_items: three,
        max_bytes: NonZeroUsize::new(90),
    };
    let items = editor
        .split(signal, &input, limits)
        .map(|parts| parts.iter().map(|part| part.items).sum::<usize>());
    let groups = editor.partition(signal, &input, |context| digest(context.item) % 3);
    let grouped = groups.map(|groups| groups.iter().map(|(_, part)| part.items).sum::<usize>());
    assert_eq!(items, grouped);
    let resources = editor.split_by_resource(signal, &input);
    assert_eq!(
        items,
        resources.map(|parts| parts.iter().map(|part| part.items).sum())
    );
}

fn limit(most: usize) -> impl Strategy<Value = Option<NonZeroUsize>> {
    proptest::option::of((1..most).prop_map(|limit| NonZeroUsize::new(limit).unwrap()))
}

fn damaged(request: Vec<u8>, damage: &[(Index, u8)], length: &Index) -> Vec<u8> {
    let mut bytes = request;
    for (index, byte) in damage {
        if !bytes.is_empty() {
            let place = index.index(bytes.len());
            bytes[place] = *byte;
        }
    }
    let length = length.index(bytes.len() + 1);
    bytes.truncate(length.max(bytes.len() / 2));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn property_attribute_edits_of_traces(
        request in traces(),
        level in select(vec![Level::Resource, Level::Scope, Level::Item]),
        steps in steps(),
    ) {
        check_attributes(&request, level, &steps);
    }

    #[test]
    fn property_attribute_edits_of_logs(
        request in logs(),
        level in select(vec![Level::Resource, Level::Scope, Level::Item]),
        steps in steps(),
    ) {
        check_attributes(&request, level, &steps);
    }

    #[test]
    fn property_attribute_edits_of_metrics(
        request in metrics(),
        level in select(vec![Level::Resource, Level::Scope, Level::Metric, Level::Item]),
        steps in steps(),
    ) {
        check_attributes(&request, level, &steps);
    }

    #[test]
    fn property_dropped_items(
        traces in traces(), logs in logs(), metrics in metrics(), modulus in 1_usize..5,
    ) {
        check_drop(&traces, modulus);
        check_drop(&logs, modulus);
        check_drop(&metrics, modulus);
    }

    #[test]
    fn property_split_conserves_items(
        traces in traces(), logs in logs(), metrics in metrics(), items in limit(8), bytes in limit(600),
    ) {
        check_split(&traces, items, bytes);
        check_split(&logs, items, bytes);
        check_split(&metrics, items, bytes);
    }

    #[test]
    fn property_partition_conserves_items(
        traces in traces(), logs in logs(), metrics in metrics(), count in 1_usize..6,
    ) {
        check_partition(&traces, count);
        check_partition(&logs, count);
        check_partition(&metrics, count);
    }

    #[test]
    fn property_damaged_requests_never_panic(
        traces in traces(),
        metrics in metrics(),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        length in any::<Index>(),
    ) {
        use prost::Message;
        check_any(Signal::Traces, &damaged(traces.encode_to_vec(), &damage, &length));
        check_any(Signal::Metrics, &damaged(metrics.encode_to_vec(), &damage, &length));
        check_any(Signal::Logs, &damaged(metrics.encode_to_vec(), &damage, &length));
    }
}
