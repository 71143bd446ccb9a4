//! Processors that enrich, one behind the other, against what they mean for each item by itself.

use super::{Decoded, KEYS, TEXTS, View, flatten, request, run};
use crate::testing::attribute;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// A processor, as a config has it and as the test understands it.
#[derive(Clone, Debug)]
enum Stage {
    /// `attributes`, under `resource` or `item`.
    Upsert {
        level: &'static str,
        key: &'static str,
        value: &'static str,
    },
    Keep {
        level: &'static str,
        keys: Vec<&'static str>,
    },
    Group(Vec<&'static str>),
    Compact(bool),
}

impl Stage {
    /// Its type and its config.
    fn config(&self) -> (&'static str, String) {
        match self {
            Stage::Upsert { level, key, value } => (
                "attributes",
                format!("{level} = [{{ action = \"upsert\", key = \"{key}\", value = \"{value}\" }}]"),
            ),
            Stage::Keep { level, keys } => (
                "attributes",
                format!("{level} = [{{ action = \"keep\", keys = {keys:?} }}]"),
            ),
            Stage::Group(keys) => ("group_by_attributes", format!("keys = {keys:?}")),
            Stage::Compact(metrics) => ("resource_compaction", format!("merge_metrics = {metrics}")),
        }
    }

    /// What it means for one item.
    fn apply(&self, view: &mut View) {
        let list = |level: &str, view: &mut View| match level {
            "resource" => std::mem::take(&mut view.resource),
            _ => std::mem::take(&mut view.attributes),
        };
        let (level, mut own) = match self {
            Stage::Upsert { level, .. } | Stage::Keep { level, .. } => (*level, list(level, view)),
            Stage::Group(keys) => return group(keys, view),
            Stage::Compact(_) => return,
        };
        match self {
            Stage::Upsert { key, value, .. } => {
                let put = attribute(key, Value::StringValue((*value).to_owned()));
                if !own.iter().any(|found| found.key == *key) {
                    own.push(put.clone());
                }
                let same = own.iter_mut().filter(|found| found.key == *key);
                same.for_each(|found| found.value.clone_from(&put.value));
            }
            Stage::Keep { keys, .. } => own.retain(|found| keys.contains(&&*found.key)),
            Stage::Group(_) | Stage::Compact(_) => {}
        }
        match level {
            "resource" => view.resource = own,
            _ => view.attributes = own,
        }
    }
}

fn group(keys: &[&str], view: &mut View) {
    for key in keys {
        let Some(first) = view.attributes.iter().find(|own| own.key == *key).cloned() else {
            continue;
        };
        view.attributes.retain(|own| own.key != *key);
        view.resource.retain(|own| own.key != *key);
        view.resource.push(first);
    }
}

fn stage() -> impl Strategy<Value = Stage> {
    let level = || select(vec!["resource", "item"]);
    let keys = |most| subsequence(&KEYS[..], 1..most);
    prop_oneof![
        (level(), select(&KEYS[..]), select(&TEXTS[..])).prop_map(|(level, key, value)| Stage::Upsert {
            level,
            key,
            value
        }),
        (level(), keys(7)).prop_map(|(level, keys)| Stage::Keep { level, keys }),
        keys(4).prop_shuffle().prop_map(Stage::Group),
        any::<bool>().prop_map(Stage::Compact),
    ]
}

/// All that an item is and stands in; attributes as a list ordered by their keys.
fn said(view: &View) -> String {
    let list = |attributes: &[KeyValue]| {
        let mut sorted: Vec<(String, String)> = attributes
            .iter()
            .map(|own| {
                let value = own.value.as_ref().and_then(|value| value.value.as_ref());
                (own.key.clone(), format!("{value:?}"))
            })
            .collect();
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        sorted
    };
    let View {
        scope,
        name,
        kind,
        status,
        severity,
        metric_type,
        ..
    } = view;
    let (resource, own) = (list(&view.resource), list(&view.attributes));
    format!("{resource:?} {scope:?} {name} {kind} {status} {severity} {metric_type} {own:?}")
}

fn all(views: &[View]) -> Vec<String> {
    let mut all: Vec<String> = views.iter().map(said).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_processors_in_a_row_do_to_each_item_what_each_of_them_means(
        request in request(), stages in vec(stage(), 1..6),
    ) {
        let signal = request.signal();
        let mut expected = flatten(&request);
        let mut bytes = request.encode();
        for stage in &stages {
            let (kind, config) = stage.config();
            let outcome = run(kind, &config, signal, &[bytes]);
            let (payload, items) = outcome.emitted.expect("nothing is dropped");
            prop_assert_eq!(items as usize, expected.len());
            bytes = payload.contiguous();
            expected.iter_mut().for_each(|view| stage.apply(view));
        }
        let after = flatten(&Decoded::decode(signal, &bytes));
        prop_assert_eq!(all(&after), all(&expected), "{:?}", stages);
    }
}
