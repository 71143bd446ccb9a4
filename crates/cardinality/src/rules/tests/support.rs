//! Sets of attributes, as they are on the wire and decoded.

use crate::rules::{AttributeRules, MetricRule, Rewritten, Rule, RuleContext, RuleState};
use crate::template::{Settings, Templater};
use crate::{Identity, SeriesHasher};
use forebay_otlp::WireError;
use forebay_otlp::views::{KeyValue, Repeated, View};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue as Decoded};
use prost::Message;

/// The number that attributes have in a data point of numbers.
const ATTRIBUTES: u32 = 7;

/// An attribute.
pub(super) fn attribute(key: &str, value: Value) -> Decoded {
    Decoded {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Decoded::default()
    }
}

/// An attribute with a text.
pub(super) fn text(key: &str, text: &str) -> Decoded {
    attribute(key, Value::StringValue(text.to_owned()))
}

/// Attributes with texts.
pub(super) fn texts(attributes: &[(&str, &str)]) -> Vec<Decoded> {
    attributes.iter().map(|(key, value)| text(key, value)).collect()
}

/// A point: its attributes with other fields before, between and after them.
pub(super) fn point(attributes: &[Decoded]) -> Vec<u8> {
    let mut bytes = vec![3 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8];
    for (place, attribute) in attributes.iter().enumerate() {
        prost::encoding::message::encode(ATTRIBUTES, attribute, &mut bytes);
        if place == 1 {
            bytes.extend([8 << 3, 1]);
        }
    }
    bytes.extend([4 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes
}

/// The attributes of a point.
pub(super) fn attributes(point: &[u8]) -> Repeated<'_, KeyValue<'_>> {
    Repeated::new(point, ATTRIBUTES)
}

/// So many words in a place, and further ones are `{var}`.
const WORDS: u32 = 2;

/// The metric that rules are applied to.
pub(super) const METRIC: &[u8] = b"requests";

/// Rules with all that they need.
pub(super) struct Rig {
    pub(super) hasher: SeriesHasher,
    pub(super) rules: AttributeRules,
    pub(super) state: Option<RuleState>,
    pub(super) out: Rewritten,
    pub(super) now: u32,
    /// Of templates.
    pub(super) scope: Identity,
    pub(super) templater: Templater,
}

impl Rig {
    /// With rules for every metric.
    pub(super) fn new(rules: &[Rule]) -> Rig {
        let rules: Vec<MetricRule> = rules.iter().cloned().map(MetricRule::from).collect();
        Rig::of(&rules)
    }

    pub(super) fn of(rules: &[MetricRule]) -> Rig {
        let rules = AttributeRules::new(rules).unwrap();
        Rig {
            hasher: SeriesHasher::with_seed(5),
            state: RuleState::new(&rules, METRIC, 60),
            rules,
            out: Rewritten::new(),
            now: 0,
            scope: Identity(77),
            templater: Templater::new(Settings {
                max_literals: WORDS,
                ..Settings::default()
            }),
        }
    }

    /// Whether the rules changed the set, and what came out, decoded. The identity is checked.
    pub(super) fn apply(&mut self, set: &[Decoded]) -> (bool, Vec<Decoded>) {
        let point = point(set);
        let changed = self.apply_to(&point).unwrap();
        (changed, self.came_out(&point))
    }

    /// Whether the rules changed the attributes of a point.
    pub(super) fn apply_to(&mut self, point: &[u8]) -> Result<bool, WireError> {
        let mut context = RuleContext {
            hasher: &self.hasher,
            now: self.now,
            scope: self.scope,
            templater: Some(&mut self.templater),
        };
        match &mut self.state {
            Some(state) => self
                .rules
                .rewrite(state, attributes(point), &mut context, &mut self.out),
            // What a limiter does where no rule is for a metric.
            None => self.out.without(attributes(point), &[], &self.hasher),
        }
    }

    /// Memory of what is remembered.
    pub(super) fn memory(&self) -> usize {
        self.state.as_ref().unwrap().memory()
    }

    /// [`Rig::apply`] with texts, of which only what came out is told.
    pub(super) fn texts(&mut self, set: &[(&str, &str)]) -> Vec<(String, String)> {
        let (_, out) = self.apply(&texts(set));
        out.into_iter()
            .map(|attribute| match attribute.value.unwrap().value.unwrap() {
                Value::StringValue(text) => (attribute.key, text),
                other => panic!("{other:?} is no text"),
            })
            .collect()
    }

    /// What the last call for `point` gave, decoded. The identity is checked.
    pub(super) fn came_out(&self, point: &[u8]) -> Vec<Decoded> {
        let after = self.out.attributes().unwrap_or_else(|| attributes(point));
        let decoded: Vec<Decoded> = after
            .map(|attribute| Decoded::decode(attribute.unwrap().bytes()).unwrap())
            .collect();
        assert_eq!(self.out.set(), self.identity(&decoded), "{decoded:?}");
        decoded
    }

    /// The identity of a set.
    fn identity(&self, set: &[Decoded]) -> Identity {
        self.hasher.attributes(attributes(&point(set))).unwrap()
    }
}
