//! One pass over a request.

use super::state::{OTHERS, Partition};
use super::{ItemLimits, OVERFLOW, Rule, Target, key};
use crate::wire::{self, Scalar};
use forebay_cardinality::Identity;
use forebay_otlp::edit::{AttributeValue, Edit, ItemContext, Patch, Verdict};
use forebay_otlp::fields::{key_value, resource, span};
use forebay_otlp::{Value, WireError};
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::MutexGuard;

/// What was changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) overflowed: u64,
    pub(super) templated: u64,
}

/// A value to be replaced.
#[derive(Debug)]
struct Change {
    rule: usize,
    /// Where the attribute's message stands in the item; nothing for the name.
    attribute: Option<Range<usize>>,
    /// Where the original stands in the item: a text, or the body of an `AnyValue`.
    original: Range<usize>,
    is_text: bool,
    /// Where what it becomes stands among the texts.
    becomes: Range<usize>,
}

/// A value as it came.
#[derive(Clone, Copy)]
enum Found<'a> {
    Text(&'a [u8]),
    /// The body of an `AnyValue` that is no text.
    Other(&'a [u8]),
}

#[derive(Debug)]
pub(super) struct Pass<'l> {
    limits: &'l ItemLimits,
    now: u32,
    /// That of the service whose items come, locked as long as they do.
    partition: Option<MutexGuard<'l, Partition>>,
    service: usize,
    tally: Tally,
    /// What values of the item become, one behind the other.
    texts: String,
    templated: String,
    changes: SmallVec<[Change; 4]>,
}

impl<'l> Pass<'l> {
    pub(super) fn new(limits: &'l ItemLimits, now: u32) -> Self {
        Pass {
            limits,
            now,
            partition: None,
            service: OTHERS,
            tally: Tally::default(),
            texts: String::new(),
            templated: String::new(),
            changes: SmallVec::new(),
        }
    }

    /// What was changed. Nothing is locked any more.
    pub(super) fn finish(self) -> Tally {
        self.tally
    }

    /// Looks at the values of an item that are limited, and notes what is to be changed.
    #[inline]
    fn look(&mut self, item: &[u8], partition: &mut Partition) -> Result<(), WireError> {
        let limits = self.limits;
        let mut name = None;
        let mut sifting = limits.sieve.sift(item);
        while let Some(field) = sifting.next_field()? {
            let Value::Len(body) = field.value else {
                continue;
            };
            if field.number == span::NAME && limits.is_of_spans() {
                // Of several the last one counts, as everywhere in protobuf.
                name = Some(body);
            } else {
                self.attribute(item, body, partition)?;
            }
        }
        if let Some(name) = name
            && let Some(rule) = limits
                .settings
                .rules
                .iter()
                .position(|rule| rule.target == Target::Name)
        {
            self.judge((rule, Found::Text(name)), partition, |becomes| Change {
                rule,
                attribute: None,
                original: place(item, name),
                is_text: true,
                becomes,
            });
        }
        Ok(())
    }

    #[inline]
    fn attribute(&mut self, item: &[u8], body: &[u8], partition: &mut Partition) -> Result<(), WireError> {
        let limits = self.limits;
        for (rule, wanted) in limits.settings.rules.iter().map(key).enumerate() {
            let Some(wanted) = wanted.filter(|wanted| wire::may_be_named(body, wanted.as_bytes())) else {
                continue;
            };
            let (name, value) = wire::key_value(body)?;
            if name != wanted.as_bytes() {
                continue;
            }
            let found = match Scalar::read(value) {
                Scalar::Text(text) => Found::Text(text),
                _ => Found::Other(value),
            };
            let (Found::Text(original) | Found::Other(original)) = found;
            self.judge((rule, found), partition, |becomes| Change {
                rule,
                attribute: Some(place(item, body)),
                original: place(item, original),
                is_text: matches!(found, Found::Text(_)),
                becomes,
            });
        }
        Ok(())
    }

    /// Notes a change if the value is templated, or has no place.
    #[inline]
    fn judge(
        &mut self,
        (rule, found): (usize, Found<'_>),
        partition: &mut Partition,
        change: impl FnOnce(Range<usize>) -> Change,
    ) {
        let Some(limited) = self.limits.settings.rules.get(rule) else {
            return;
        };
        // What an instance before this one has replaced takes no place, and needs none.
        if matches!(found, Found::Text(text) if text == OVERFLOW.as_bytes()) {
            return;
        }
        let hasher = &self.limits.state.hasher;
        let mut identity = match found {
            Found::Text(text) => hasher.bytes(text),
            // `17` and `"17"` are two values.
            Found::Other(value) => hasher.bytes(value).plus(Identity(1)),
        };
        let templated = limited.template
            && !partition.passes(self.service, rule, identity)
            && self.template(rule, found, partition);
        if templated {
            identity = hasher.bytes(self.templated.as_bytes());
        }
        let start = self.texts.len();
        if !partition.admit(self.service, rule, identity, self.now) {
            self.tally.overflowed += 1;
            self.texts.push_str(OVERFLOW);
        } else if templated {
            self.tally.templated += 1;
            self.texts.push_str(&self.templated);
        } else {
            return;
        }
        self.changes.push(change(start..self.texts.len()));
    }

    /// Whether a text differs when it is templated: into `self.templated`. Bytes that are no text stay as they are.
    #[inline]
    fn template(&mut self, rule: usize, found: Found<'_>, partition: &mut Partition) -> bool {
        let Found::Text(text) = found else {
            return false;
        };
        str::from_utf8(text)
            .is_ok_and(|text| partition.template(self.service, rule, text, &mut self.templated))
    }

    /// Writes what was noted into the item.
    #[inline(never)]
    fn write(&mut self, item: &mut Patch<'_>) -> Result<(), WireError> {
        let message = item.message();
        if let Some(change) = self.changes.iter().find(|change| change.attribute.is_none()) {
            item.set_field(span::NAME, Value::Len(self.becomes(change).as_bytes()))?;
        }
        if self.changes.iter().any(|change| change.attribute.is_some()) {
            let number = item.attribute_field();
            item.each(number, 0, |attribute| {
                let here = place(message, attribute.message());
                let change = self
                    .changes
                    .iter()
                    .find(|change| change.attribute.as_ref() == Some(&here));
                match change {
                    Some(change) => set_text(attribute, self.becomes(change)),
                    None => Ok(()),
                }
            })?;
        }
        for change in &self.changes {
            if let Some(key) = self.rule(change).and_then(|rule| rule.original.as_deref()) {
                keep_original(item, key, change)?;
            }
        }
        Ok(())
    }

    fn becomes(&self, change: &Change) -> &str {
        self.texts.get(change.becomes.clone()).unwrap_or_default()
    }

    fn rule(&self, change: &Change) -> Option<&'l Rule> {
        self.limits.settings.rules.get(change.rule)
    }
}

impl Edit for Pass<'_> {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        let (namespace, name) = service(resource.message())?;
        let hasher = &self.limits.state.hasher;
        let identity = hasher.then(hasher.bytes(namespace), hasher.bytes(name));
        // One partition at a time: two threads that had one each and wanted the other's would wait for ever.
        self.partition = None;
        self.partition = self.limits.partition(identity.low());
        if let Some(partition) = &mut self.partition {
            self.service = partition.service(identity, self.now, || service_name(namespace, name));
        }
        Ok(())
    }

    #[inline]
    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let Some(mut partition) = self.partition.take() else {
            return Ok(Verdict::Keep);
        };
        let looked = self.look(context.item, &mut partition);
        self.partition = Some(partition);
        looked?;
        if !self.changes.is_empty() {
            self.write(item)?;
            self.changes.clear();
            self.texts.clear();
        }
        Ok(Verdict::Keep)
    }
}

impl ItemLimits {
    #[inline]
    fn is_of_spans(&self) -> bool {
        self.settings.signal == forebay_core::Signal::Traces
    }
}

/// Where `part`, a piece of `whole`, stands in it.
#[inline]
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}

/// Gives a `KeyValue` a text as its value.
fn set_text(attribute: &mut Patch<'_>, text: &str) -> Result<(), WireError> {
    let mut value = Vec::with_capacity(text.len() + 4);
    AttributeValue::String(text).encode(&mut value);
    attribute.set_field(key_value::VALUE, Value::Len(&value))
}

/// Adds the attribute that keeps the original, unless an instance before this one did.
fn keep_original(item: &mut Patch<'_>, key: &str, change: &Change) -> Result<(), WireError> {
    if item.attribute(key.as_bytes())?.is_some() {
        return Ok(());
    }
    let original = item.message().get(change.original.clone()).unwrap_or_default();
    if !change.is_text {
        item.append_attribute(key, AttributeValue::Encoded(original));
        return Ok(());
    }
    match str::from_utf8(original) {
        Ok(text) => item.append_attribute(key, AttributeValue::String(text)),
        Err(_) => item.append_attribute(key, AttributeValue::Bytes(original)),
    }
    Ok(())
}

/// The values of `service.namespace` and `service.name` of a `Resource`, empty if they are missing.
fn service(message: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let of = |key: &[u8]| Ok(wire::attribute(message, resource::ATTRIBUTES, key)?.unwrap_or_default());
    Ok((of(b"service.namespace")?, of(b"service.name")?))
}

/// `NAMESPACE/NAME`, or the name alone: for people.
fn service_name(namespace: &[u8], name: &[u8]) -> String {
    let text = |value| match Scalar::read(value) {
        Scalar::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    match (text(namespace), text(name)) {
        (namespace, name) if namespace.is_empty() && name.is_empty() => "without service.name".to_owned(),
        (namespace, name) if namespace.is_empty() => name,
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
