//! Rules do what decoding a set, changing it rule by rule, and encoding it would.

use super::support::{Rig, attribute, text};
use crate::rules::{AllowedValue, OVERFLOW_VALUE, Rule};
use crate::template::fixed;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue as Decoded};
use prost::Message;
use std::collections::{HashMap, HashSet};

const KEYS: [&str; 7] = ["a", "b", "cc", "ddd", "http.route", "user.id", ""];

/// Rules as they are explained: one after the other, each to the whole set.
struct Model {
    rules: Vec<Rule>,
    /// For each rule and key, the values that have a place.
    places: Vec<HashMap<String, HashSet<Vec<u8>>>>,
}

impl Model {
    fn apply(&mut self, mut set: Vec<Decoded>) -> Vec<Decoded> {
        let goes = |key: &str| {
            self.rules.iter().any(|rule| match rule {
                Rule::Drop(keys) => keys.iter().any(|named| named == key),
                Rule::Keep(keys) => !keys.iter().any(|named| named == key),
                _ => false,
            })
        };
        // Whatever goes in the end takes no place.
        set.retain(|attribute| !goes(&attribute.key));
        for (rule, places) in self.rules.iter().zip(&mut self.places) {
            let keys = match rule {
                Rule::Drop(_) | Rule::Keep(_) => continue,
                Rule::Template(keys) | Rule::Cap { keys, .. } | Rule::Allow { keys, .. } => keys,
            };
            for key in keys {
                let mut first = true;
                set.retain(|attribute| attribute.key != *key || std::mem::take(&mut first));
                if let Some(attribute) = set.iter_mut().find(|attribute| attribute.key == *key) {
                    change(rule, places.entry(key.clone()).or_default(), attribute);
                }
            }
        }
        set
    }
}

fn change(rule: &Rule, places: &mut HashSet<Vec<u8>>, attribute: &mut Decoded) {
    let value = attribute.value.clone().and_then(|any| any.value);
    if value == Some(Value::StringValue(OVERFLOW_VALUE.into())) {
        return;
    }
    let fits = match rule {
        Rule::Template(_) => {
            if let Some(Value::StringValue(before)) = value {
                let mut after = String::new();
                if fixed(&before, &mut after) {
                    *attribute = text(&attribute.key, &after);
                }
            }
            true
        }
        Rule::Cap { limit, .. } => {
            let encoded = attribute.encode_to_vec();
            places.contains(&encoded) || (places.len() < *limit && places.insert(encoded))
        }
        Rule::Allow { values, .. } => values.iter().any(|allowed| match (allowed, &value) {
            (AllowedValue::Text(allowed), Some(Value::StringValue(value))) => allowed == value,
            (AllowedValue::Int(allowed), Some(Value::IntValue(value))) => allowed == value,
            (AllowedValue::Bool(allowed), Some(Value::BoolValue(value))) => allowed == value,
            _ => false,
        }),
        Rule::Drop(_) | Rule::Keep(_) => true,
    };
    if !fits {
        *attribute = text(&attribute.key, OVERFLOW_VALUE);
    }
}

fn some_key(random: &mut fastrand::Rng) -> String {
    KEYS[random.usize(..KEYS.len())].to_owned()
}

/// One or two keys.
fn different_keys(random: &mut fastrand::Rng) -> Vec<String> {
    let mut keys = vec![some_key(random), some_key(random)];
    keys.dedup();
    keys.truncate(random.usize(1..3));
    keys
}

fn some_rule(random: &mut fastrand::Rng) -> Rule {
    match random.u8(..9) {
        0 => Rule::Drop((0..random.usize(..3)).map(|_| some_key(random)).collect()),
        1 => Rule::Keep((0..random.usize(3..9)).map(|_| some_key(random)).collect()),
        2..4 => Rule::Template(different_keys(random)),
        4..7 => Rule::Cap {
            keys: different_keys(random),
            limit: random.usize(..6),
        },
        _ => Rule::Allow {
            keys: different_keys(random),
            values: vec![
                AllowedValue::Text(format!("v/{}", random.u8(..6))),
                AllowedValue::Text("v/{id}".into()),
                AllowedValue::Int(random.i64(..4)),
                AllowedValue::Bool(random.bool()),
            ],
        },
    }
}

fn some_value(random: &mut fastrand::Rng) -> Value {
    match random.u8(..12) {
        0..6 => Value::StringValue(format!("v/{}", random.u8(..12))),
        6 => Value::StringValue(OVERFLOW_VALUE.into()),
        7 => Value::StringValue("x".repeat(random.usize(..300))),
        8 => Value::IntValue(random.i64(..4)),
        9 => Value::BoolValue(random.bool()),
        10 => Value::DoubleValue(f64::from(random.u8(..3))),
        _ => Value::ArrayValue(ArrayValue {
            values: vec![AnyValue {
                value: Some(Value::IntValue(random.i64(..3))),
            }],
        }),
    }
}

fn some_set(random: &mut fastrand::Rng) -> Vec<Decoded> {
    (0..random.usize(..8))
        .map(|_| {
            let mut some = attribute(&some_key(random), some_value(random));
            if random.u8(..20) == 0 {
                some.value = None;
            }
            some
        })
        .collect()
}

#[test]
fn property_rules_do_what_decoding_and_changing_would() {
    let (mut changes, mut sets) = (0_u32, 0_u32);
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rules: Vec<Rule> = (0..random.usize(..6)).map(|_| some_rule(&mut random)).collect();
        let mut rig = Rig::new(&rules);
        let mut model = Model {
            places: vec![HashMap::new(); rules.len()],
            rules,
        };
        for _ in 0..25 {
            let set = some_set(&mut random);
            let expected = model.apply(set.clone());
            let (changed, out) = rig.apply(&set);
            assert_eq!(out, expected, "seed {seed}: {:?} on {set:?}", model.rules);
            assert_eq!(changed, out != set, "seed {seed}: {:?} on {set:?}", model.rules);
            sets += 1;
            changes += u32::from(changed);
        }
    }
    assert!(
        changes > sets / 4 && changes < sets * 9 / 10,
        "{changes} of {sets}"
    );
}

#[test]
fn property_damaged_sets_are_errors_or_sets() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rules: Vec<Rule> = (0..4).map(|_| some_rule(&mut random)).collect();
        let mut rig = Rig::new(&rules);
        for _ in 0..20 {
            let mut point = super::support::point(&some_set(&mut random));
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..point.len());
                point[at] = random.u8(..);
            }
            let attributes = super::support::attributes(&point);
            let Ok(changed) = rig.apply_to(&point) else {
                continue;
            };
            assert_eq!(changed, rig.out.attributes().is_some());
            let after = rig.out.attributes().unwrap_or(attributes);
            assert_eq!(rig.hasher.attributes(after), Ok(rig.out.set()), "seed {seed}");
        }
    }
}
