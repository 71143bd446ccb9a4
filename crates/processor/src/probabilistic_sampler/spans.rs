//! Spans, one by one.

use super::decision::{Carried, Change, Priority, Sampler, Source};
use super::meter::Tally;
use crate::probability::{SpanHead, set_trace_state};
use crate::wire::Scalar;
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edit, ItemContext, Patch, Verdict};
use forebay_sampling::probability::TraceState;

/// One pass over a request.
#[derive(Debug)]
pub(super) struct SpanPass<'s> {
    sampler: &'s Sampler,
    tally: Tally,
    scratch: Vec<u8>,
}

impl<'s> SpanPass<'s> {
    pub(super) fn new(sampler: &'s Sampler) -> Self {
        SpanPass {
            sampler,
            tally: Tally::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Edit for SpanPass<'_> {
    #[inline]
    fn item(&mut self, context: &ItemContext<'_>, span: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let head = SpanHead::read(context.item)?;
        let state = TraceState::parse(head.trace_state).ok();
        let carried = state.map(|state| Carried {
            threshold: state.threshold(),
            randomness: state.randomness(),
        });
        let source = Source::of_trace(head.trace_id);
        let mut decision = self.sampler.decide(source, carried, priority(head.priority));
        if let (Some(change), Some(state)) = (decision.change, state)
            && !self.write(span, change, state)?
        {
            // There is no room to say what the span stands for: it is as if it could not be read.
            decision = self.sampler.decide(source, None, priority(head.priority));
        }
        self.tally.count(decision.policy, decision.keep);
        Ok(if decision.keep {
            Verdict::Keep
        } else {
            Verdict::Drop
        })
    }
}

impl SpanPass<'_> {
    /// Writes a change into a span, or says that there is no room for it.
    fn write(
        &mut self,
        span: &mut Patch<'_>,
        change: Change,
        mut state: TraceState<'_>,
    ) -> Result<bool, WireError> {
        state.set_threshold(Some(change.threshold));
        if let Some(randomness) = change.randomness {
            state.set_randomness(randomness);
        }
        set_trace_state(span, &state, &mut self.scratch)
    }
}

/// What a span asks for by its attribute: a number, or the text of one. Below zero, or no number, is nothing.
#[inline]
fn priority(attribute: Option<Scalar<'_>>) -> Priority {
    match attribute {
        None => Priority::Usual,
        Some(value) => asked(value),
    }
}

#[cold]
fn asked(value: Scalar<'_>) -> Priority {
    let number = match value {
        Scalar::Int(value) => Some(value as f64),
        Scalar::Double(value) => Some(value),
        Scalar::Text(text) => str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        Scalar::Bool(_) | Scalar::Other => None,
    };
    match number {
        Some(0.0) => Priority::Drop,
        Some(number) if number > 0.0 => Priority::Keep,
        _ => Priority::Usual,
    }
}
