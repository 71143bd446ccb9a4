//! One pass over a request: what is looked up is read where it stands, and what is found is put in.

use super::config::{KeyConfig, LevelWord};
use super::state::{Loaded, Tally};
use super::{Known, Lookup};
use crate::matching::Tracker;
use crate::wire::{self, Scalar};
use forebay_core::{Origin, Signal};
use forebay_lookup::Row;
use forebay_otlp::WireError;
use forebay_otlp::edit::{AttributeSet, AttributeValue, Edit, ItemContext, Level, Patch, Verdict};
use forebay_otlp::fields::{instrumentation_scope, resource};
use smallvec::SmallVec;
use std::io::Write;

/// A value that is looked up. Its memory is used again for the next one.
#[derive(Debug, Default)]
struct Held {
    is_there: bool,
    text: Vec<u8>,
}

impl Held {
    /// Takes the body of an `AnyValue`: its text, or a number or boolean as it is written.
    fn take(&mut self, body: Option<&[u8]>) {
        self.text.clear();
        let written = match body.map(Scalar::read) {
            Some(Scalar::Text(text)) => {
                self.text.extend_from_slice(text);
                Ok(())
            }
            Some(Scalar::Int(value)) => write!(self.text, "{value}"),
            Some(Scalar::Double(value)) => write!(self.text, "{value}"),
            Some(Scalar::Bool(value)) => write!(self.text, "{value}"),
            Some(Scalar::Other) | None => {
                self.is_there = false;
                return;
            }
        };
        self.is_there = written.is_ok();
    }
}

/// A pass over one request, with one table.
pub(super) struct Pass<'p> {
    lookup: &'p Lookup,
    loaded: &'p Loaded,
    tracker: Tracker<'p>,
    /// What is looked up: a value for each part of the key.
    values: Vec<Held>,
    set: AttributeSet,
    pub(super) tally: Tally,
}

impl<'p> Pass<'p> {
    pub(super) fn new(lookup: &'p Lookup, loaded: &'p Loaded, signal: Signal, origin: &Origin) -> Self {
        let mut values = Vec::with_capacity(lookup.config.key.len());
        let mut body = Vec::new();
        for key in &lookup.config.key {
            let mut held = Held::default();
            body.clear();
            if let Some(known) = key.from_context {
                let is_known = Known::encode(known, origin, &mut body);
                held.take(is_known.then_some(&*body));
            }
            values.push(held);
        }
        Pass {
            lookup,
            loaded,
            tracker: Tracker::new(std::slice::from_ref(&lookup.config.when), signal),
            values,
            set: AttributeSet::default(),
            tally: Tally::default(),
        }
    }

    /// Reads what is looked up of a message of this level.
    fn read(&mut self, level: LevelWord, message: &[u8], number: u32) -> Result<(), WireError> {
        let config = &self.lookup.config;
        for (key, held) in config.key.iter().zip(&mut self.values) {
            if let Some(name) = named_at(key, level, config.level) {
                held.take(wire::attribute(message, number, name.as_bytes())?);
            }
        }
        Ok(())
    }

    /// Puts into a message of the level that gets the attributes what is found.
    fn enrich(&mut self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if self.values.iter().any(|value| !value.is_there) {
            self.tally.absent += 1;
            return Ok(());
        }
        let row = self.find();
        match row {
            Some(_) => self.tally.hits += 1,
            None => self.tally.misses += 1,
        }
        self.fill(row);
        patch.put_attributes(&[&self.set], self.lookup.present)?;
        Ok(())
    }

    /// The row for the values.
    fn find(&self) -> Option<Row<'p>> {
        let values: SmallVec<[&[u8]; 4]> = self.values.iter().map(|value| &*value.text).collect();
        self.loaded.table.find(&values)
    }

    /// Fills the set with what a row has, and with what stands in for what it does not have.
    fn fill(&mut self, row: Option<Row<'_>>) {
        self.set.clear();
        let mut values = row.as_ref().map(Row::values);
        for attribute in &self.lookup.attributes {
            let found = values.as_mut().and_then(|values| values.next().flatten());
            if let Some(body) = found.or(attribute.default.as_deref()) {
                self.set.add(&attribute.key, AttributeValue::Encoded(body));
            }
        }
    }
}

/// The attribute that a part of the key is, if it belongs to this level.
fn named_at(key: &KeyConfig, level: LevelWord, usual: LevelWord) -> Option<&str> {
    let own = key.level.unwrap_or(usual);
    key.attribute.as_deref().filter(|_| own == level)
}

impl Edit for Pass<'_> {
    fn level(&self) -> Level {
        self.lookup.config.level.into()
    }

    fn resource(&mut self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if self.tracker.enter_resource(patch.message())? == 0 {
            return Ok(());
        }
        self.read(LevelWord::Resource, patch.message(), resource::ATTRIBUTES)?;
        match self.lookup.config.level {
            LevelWord::Resource => self.enrich(patch),
            _ => Ok(()),
        }
    }

    fn scope(&mut self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if self.tracker.enter_scope(patch.message())? == 0 {
            return Ok(());
        }
        self.read(
            LevelWord::Scope,
            patch.message(),
            instrumentation_scope::ATTRIBUTES,
        )?;
        match self.lookup.config.level {
            LevelWord::Scope => self.enrich(patch),
            _ => Ok(()),
        }
    }

    fn metric(&mut self, metric: &mut Patch<'_>) -> Result<(), WireError> {
        self.tracker.enter_metric(metric.message())
    }

    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if self.tracker.any(context)? {
            self.read(LevelWord::Item, item.message(), context.attributes)?;
            self.enrich(item)?;
        }
        Ok(Verdict::Keep)
    }
}
