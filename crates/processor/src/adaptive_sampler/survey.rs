//! The first pass over a batch: what there is of each key, before anything is decided.

use super::keys::KeyPlan;
use crate::probability::{RecordHead, Wanted};
use crate::wire;
use forebay_otlp::edit::{Edit, ItemContext, Patch, Verdict};
use forebay_otlp::fields::span;
use forebay_otlp::{Signal, Value, WireError};
use forebay_sampling::adaptive::Tally;
use forebay_sampling::probability::{Randomness, Threshold, TraceState};

/// What is remembered of an item until its key has a threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The key's place in the tally.
    pub(super) place: usize,
    /// Nothing if it came without any.
    pub(super) randomness: Option<Randomness>,
    /// What it has passed before, as far as that can be believed.
    pub(super) arrived: Threshold,
}

/// What a batch has brought.
#[derive(Debug)]
pub(super) struct Survey<'p> {
    plan: &'p KeyPlan,
    counts_bytes: bool,
    resource: u64,
    outer: u64,
    wanted: Wanted,
    pub(super) tally: Tally,
    /// In the order of the request.
    pub(super) items: Vec<Seen>,
}

impl<'p> Survey<'p> {
    /// Of a batch of so many items, which weigh one each, or as many as they have bytes.
    pub(super) fn new(plan: &'p KeyPlan, items: u64, counts_bytes: bool) -> Self {
        Survey {
            plan,
            counts_bytes,
            resource: 0,
            outer: 0,
            wanted: Wanted::default(),
            tally: Tally::new(),
            items: Vec::with_capacity(usize::try_from(items).unwrap_or_default()),
        }
    }

    #[inline]
    fn span(&mut self, span: &[u8]) -> Result<(u64, Sampled), WireError> {
        let trace_id = wire::first_bytes(span, span::TRACE_ID)?;
        let (mut trace_state, mut hash): (&[u8], u64) = (&[], 0);
        let mut sifting = self.plan.sift(span);
        while let Some(field) = sifting.next_field()? {
            match (field.number, field.value) {
                // As everywhere in samplers, the first one counts.
                (span::TRACE_STATE, Value::Len(state)) if trace_state.is_empty() => trace_state = state,
                (number, value) => hash = hash.wrapping_add(self.plan.of_span_field(number, value)?),
            }
        }
        let own = Randomness::from_trace_id(trace_id);
        let sampled = if trace_state.is_empty() {
            Sampled::never(own)
        } else {
            let state = TraceState::parse(trace_state).unwrap_or_default();
            Sampled::before(state.randomness().or(own), state.threshold())
        };
        Ok((hash, sampled))
    }

    fn record(&mut self, record: &[u8]) -> Result<(u64, Sampled), WireError> {
        let head = RecordHead::read(record, &self.wanted)?;
        let own = Randomness::from_trace_id(head.trace_id);
        let explicit = head.randomness().and_then(|text| Randomness::parse(text).ok());
        let threshold = head.threshold().and_then(|text| Threshold::parse(text).ok());
        let sampled = Sampled::before(explicit.or(own), threshold);
        Ok((self.plan.of_record(record)?, sampled))
    }
}

/// What an item says of its randomness, and of how it was sampled before.
#[derive(Clone, Copy, Debug)]
struct Sampled {
    randomness: Option<Randomness>,
    arrived: Threshold,
}

impl Sampled {
    #[inline]
    fn never(randomness: Option<Randomness>) -> Self {
        Sampled {
            randomness,
            arrived: Threshold::ALWAYS,
        }
    }

    /// A threshold that the item's own randomness does not pass is not true: nothing is known of how it was sampled.
    #[inline]
    fn before(randomness: Option<Randomness>, threshold: Option<Threshold>) -> Self {
        let passes = |threshold: &Threshold| randomness.is_none_or(|randomness| threshold.keeps(randomness));
        Sampled {
            randomness,
            arrived: threshold.filter(passes).unwrap_or(Threshold::ALWAYS),
        }
    }
}

impl Edit for Survey<'_> {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        self.resource = self.plan.of_resource(resource.message())?;
        Ok(())
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        self.outer = self.plan.key(self.resource, self.plan.of_scope(scope.message())?);
        Ok(())
    }

    fn changes_items(&self) -> bool {
        false
    }

    #[inline]
    fn decide(&mut self, context: &ItemContext<'_>) -> Result<Verdict, WireError> {
        let item = context.item;
        let (hash, sampled) = match context.signal {
            Signal::Traces => self.span(item)?,
            _ => self.record(item)?,
        };
        let key = self.plan.key(self.outer, hash);
        let weight = if self.counts_bytes { item.len() as u64 } else { 1 };
        self.items.push(Seen {
            place: self.tally.add(key, weight, sampled.arrived),
            randomness: sampled.randomness,
            arrived: sampled.arrived,
        });
        Ok(Verdict::Keep)
    }
}
