//! One set of attributes, gone through once.

use super::rewritten::{put_bytes, put_header};
use super::{AttributeRules, Named, OVERFLOW_VALUE, Rewritten, RuleState, Step, rule_bit};
use crate::template::Templater;
use crate::{Identity, SeriesHasher};
use forebay_otlp::WireError;
use forebay_otlp::edit::AttributeValue;
use forebay_otlp::fields::key_value;
use forebay_otlp::views::{KeyValue, Repeated, Scalar, View};

/// What rules need besides what they remember.
#[derive(Debug)]
pub struct RuleContext<'a> {
    /// What identities are made with.
    pub hasher: &'a SeriesHasher,
    /// The time, in seconds from any start.
    pub now: u32,
    /// Within what the templater learns, for each key by itself: a group.
    pub scope: Identity,
    /// The templater, where rules need one ([`AttributeRules::have_templates`]). Without it texts stay as they are.
    pub templater: Option<&'a mut Templater>,
}

/// What becomes of an attribute.
pub(super) enum Fate {
    /// It stays as it is, and has this identity.
    Stays(Identity),
    /// It is now what the scratch buffer holds, and has this identity.
    Becomes(Identity),
    Goes,
}

/// Buffers for one attribute.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The body of a `KeyValue`.
    pub(super) body: Vec<u8>,
    text: String,
}

impl Scratch {
    pub(super) fn shrink(&mut self, most: usize) {
        if self.body.capacity() > most {
            self.body = Vec::new();
        }
        if self.text.capacity() > most {
            self.text = String::new();
        }
    }

    /// Makes it an attribute with this key and text, as encoders write it: those of proto3 leave an empty key out.
    fn write(&mut self, key: &[u8], text: &str) {
        let value = AttributeValue::String(text);
        self.body.clear();
        if !key.is_empty() {
            put_bytes(&mut self.body, key_value::KEY, key);
        }
        put_header(&mut self.body, key_value::VALUE, value.encoded_len());
        value.encode(&mut self.body);
    }
}

/// An attribute on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) body: &'a [u8],
    pub(super) key: &'a [u8],
    /// The body of the `AnyValue`.
    value: &'a [u8],
}

/// The tags of the key and the value.
const KEY_TAG: u8 = (key_value::KEY as u8) << 3 | 2;
const VALUE_TAG: u8 = (key_value::VALUE as u8) << 3 | 2;

impl<'a> Attribute<'a> {
    #[inline]
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        // Nearly all are this: a short key, a short value, and nothing else.
        if let [KEY_TAG, length @ 0..0x80, rest @ ..] = body
            && let Some((key, [VALUE_TAG, length @ 0..0x80, value @ ..])) =
                rest.split_at_checked(usize::from(*length))
            && value.len() == usize::from(*length)
        {
            return Ok(Attribute { body, key, value });
        }
        let (key, value) = KeyValue::new(body).read()?;
        Ok(Attribute {
            body,
            key,
            value: value.bytes(),
        })
    }

    fn text(&self) -> Option<&'a str> {
        match Scalar::read(self.value) {
            Scalar::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }
}

/// What a step says of a value.
enum Verdict {
    Fine,
    /// It is replaced by the text in the scratch buffer.
    Text,
    /// It has no place.
    Overflow,
}

impl AttributeRules {
    /// Applies the rules to a set of attributes, and says whether that changed it. `out` has the set that comes out.
    ///
    /// `state` is one that was made for these rules.
    ///
    /// # Errors
    ///
    /// That an attribute, or the message around them, cannot be read. Then nothing that `out` holds means anything.
    #[inline]
    pub fn rewrite<'a>(
        &self,
        state: &mut RuleState,
        attributes: Repeated<'a, KeyValue<'a>>,
        context: &mut RuleContext<'_>,
        out: &mut Rewritten,
    ) -> Result<bool, WireError> {
        let (mut seen, rules) = (0_u64, state.rules());
        let others_go = self.keeping & rules != 0;
        out.pass(attributes, |attribute, scratch| {
            let Some(named) = self.named(attribute.key) else {
                return Ok(if others_go {
                    Fate::Goes
                } else {
                    Fate::Stays(context.hasher.attribute(attribute.body))
                });
            };
            if (named.dropping | named.leaving) & rules != 0 {
                return Ok(Fate::Goes);
            }
            if named.changing & rules == 0 {
                return Ok(Fate::Stays(context.hasher.attribute(attribute.body)));
            }
            let before = seen;
            seen |= rule_bit(named.number);
            if seen == before {
                return Ok(Fate::Goes);
            }
            let mut change = Change {
                named,
                state,
                context,
                scratch,
            };
            change.run(attribute)
        })
    }
}

/// A value on its way through the steps of its key.
struct Change<'s, 'c> {
    named: &'s Named,
    state: &'s mut RuleState,
    context: &'s mut RuleContext<'c>,
    scratch: &'s mut Scratch,
}

impl Change<'_, '_> {
    fn run(&mut self, given: Attribute<'_>) -> Result<Fate, WireError> {
        let mut changed = false;
        let (steps, rules) = (&self.named.steps, self.state.rules());
        for (_, step) in steps.iter().filter(|(rule, _)| rule_bit(*rule) & rules != 0) {
            let verdict = if changed {
                let body = std::mem::take(&mut self.scratch.body);
                let verdict = Attribute::read(&body).map(|attribute| self.ask(step, &attribute));
                self.scratch.body = body;
                verdict?
            } else {
                self.ask(step, &given)
            };
            match verdict {
                Verdict::Fine => {}
                Verdict::Text => {
                    let text = std::mem::take(&mut self.scratch.text);
                    self.scratch.write(&self.named.key, &text);
                    self.scratch.text = text;
                    changed = true;
                }
                Verdict::Overflow => {
                    self.scratch.write(&self.named.key, OVERFLOW_VALUE);
                    changed = true;
                    break;
                }
            }
        }
        let identity = |body| self.context.hasher.attribute(body);
        Ok(if changed {
            Fate::Becomes(identity(&self.scratch.body))
        } else {
            Fate::Stays(identity(given.body))
        })
    }

    /// What one step says of a value. One that has overflowed before it came here takes no place, and stays.
    fn ask(&mut self, step: &Step, attribute: &Attribute<'_>) -> Verdict {
        let text = attribute.text();
        if text == Some(OVERFLOW_VALUE) {
            return Verdict::Fine;
        }
        let fits = match step {
            Step::Template => {
                let templated = text.is_some_and(|text| self.template(text));
                return if templated { Verdict::Text } else { Verdict::Fine };
            }
            Step::Cap(number) => {
                let value = self.context.hasher.attribute(attribute.body);
                self.state.admit(*number, value, self.context.now)
            }
            Step::Allow(values) => values
                .binary_search_by(|value| (**value).cmp(attribute.value))
                .is_ok(),
        };
        if fits { Verdict::Fine } else { Verdict::Overflow }
    }

    /// Templates a text into the scratch buffer.
    fn template(&mut self, text: &str) -> bool {
        let Some(templater) = self.context.templater.as_mut() else {
            return false;
        };
        let scope = self
            .context
            .scope
            .plus(self.context.hasher.bytes(&self.named.key));
        templater.template_within(scope, text, &mut self.scratch.text)
    }
}
