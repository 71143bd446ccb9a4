//! The second pass over a batch: each item is compared with the threshold of its key.

use super::survey::{Seen, Survey};
use crate::probability::{RANDOMNESS, SpanHead, THRESHOLD, set_text, set_trace_state};
use forebay_otlp::edit::{Edit, ItemContext, Patch, Verdict};
use forebay_otlp::{Signal, WireError};
use forebay_sampling::adaptive::Tally;
use forebay_sampling::probability::{Randomness, Threshold, TraceState};

/// Thins a batch that was looked through.
#[derive(Debug)]
pub(super) struct Thin {
    tally: Tally,
    items: std::vec::IntoIter<Seen>,
    chance: fastrand::Rng,
    scratch: Vec<u8>,
}

/// What is to be written into an item that stays.
#[derive(Clone, Copy, Debug)]
struct Change {
    threshold: Threshold,
    /// Only where the item came without any.
    drawn: Option<Randomness>,
}

impl Thin {
    /// `chance` is for items that have no randomness.
    pub(super) fn new(survey: Survey<'_>, chance: fastrand::Rng) -> Self {
        Thin {
            tally: survey.tally,
            items: survey.items.into_iter(),
            chance,
            scratch: Vec::new(),
        }
    }

    /// Nothing for an item that goes; for one that stays, what is to be changed in it.
    #[inline]
    fn decide(&mut self, seen: &Seen) -> Option<Option<Change>> {
        let own = self.tally.threshold(seen.place);
        if own <= seen.arrived {
            return Some(None);
        }
        match seen.randomness {
            Some(randomness) => own.keeps(randomness).then_some(Some(Change {
                threshold: own,
                drawn: None,
            })),
            None => self.draw(own, seen.arrived),
        }
    }

    /// Decides by chance. Whatever randomness an item may have had, it is above what it has passed.
    fn draw(&mut self, own: Threshold, arrived: Threshold) -> Option<Option<Change>> {
        let drawn = self.chance.u64(arrived.value()..=Randomness::HIGHEST.value());
        let randomness = Randomness::new(drawn)?;
        own.keeps(randomness).then_some(Some(Change {
            threshold: own,
            drawn: Some(randomness),
        }))
    }

    /// A `tracestate` that cannot be read, or has no room for the threshold, gives way to one that says nothing else: what a span stands for
    /// must not be lost.
    fn write_span(
        &mut self,
        span: &mut Patch<'_>,
        change: Change,
        head: &SpanHead<'_>,
    ) -> Result<(), WireError> {
        let arrived = TraceState::parse(head.trace_state).unwrap_or_default();
        let mut bare = TraceState::default();
        if let Some(randomness) = arrived.randomness() {
            bare.set_randomness(randomness);
        }
        for mut state in [arrived, bare] {
            state.set_threshold(Some(change.threshold));
            if let Some(randomness) = change.drawn {
                state.set_randomness(randomness);
            }
            if set_trace_state(span, &state, &mut self.scratch)? {
                break;
            }
        }
        Ok(())
    }

    fn write_record(&mut self, record: &mut Patch<'_>, change: Change) -> Result<(), WireError> {
        if let Some(randomness) = change.drawn {
            set_text(
                record,
                RANDOMNESS,
                randomness.to_hex().as_str(),
                &mut self.scratch,
            )?;
        }
        let threshold = change.threshold.to_hex();
        set_text(record, THRESHOLD, threshold.as_str(), &mut self.scratch)
    }
}

impl Edit for Thin {
    #[inline]
    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let Some(seen) = self.items.next() else {
            // As many items stand here as in the first pass, which was over the same bytes.
            return Ok(Verdict::Keep);
        };
        let Some(change) = self.decide(&seen) else {
            return Ok(Verdict::Drop);
        };
        if let Some(change) = change {
            match context.signal {
                Signal::Traces => self.write_span(item, change, &SpanHead::read(context.item)?)?,
                _ => self.write_record(item, change)?,
            }
        }
        Ok(Verdict::Keep)
    }
}
