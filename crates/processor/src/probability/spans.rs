//! Spans: randomness in the trace id, sampling values in the `tracestate`, and a say of the program's own in an attribute.

use crate::wire::{self, Scalar};
use forebay_otlp::edit::{Patch, Sieve};
use forebay_otlp::fields::span;
use forebay_otlp::{Field, Value, WireError};
use forebay_sampling::probability::TraceState;

/// The attribute by which a program asks that a span be kept or dropped (OpenTracing, semantic conventions).
const PRIORITY: &[u8] = b"sampling.priority";

/// What samplers read of a span, in one pass over its fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpanHead<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) trace_state: &'a [u8],
    /// The attribute `sampling.priority`, if there is one.
    pub(crate) priority: Option<Scalar<'a>>,
}

/// Finds the `tracestate` and the attributes that may be [`PRIORITY`].
const SIEVE: Sieve = Sieve::new(&[span::TRACE_STATE], span::ATTRIBUTES, &[PRIORITY.len()]);

impl<'a> SpanHead<'a> {
    /// Reads the body of a `Span`. Of what occurs twice the first counts.
    #[inline]
    pub(crate) fn read(span: &'a [u8]) -> Result<Self, WireError> {
        let mut head = SpanHead {
            trace_id: wire::first_bytes(span, span::TRACE_ID)?,
            ..SpanHead::default()
        };
        let mut sifting = SIEVE.sift(span);
        while let Some(field) = sifting.next_field()? {
            head.take(&field)?;
        }
        Ok(head)
    }

    #[inline(never)]
    fn take(&mut self, field: &Field<'a>) -> Result<(), WireError> {
        let Value::Len(body) = field.value else {
            return Ok(());
        };
        if field.number == span::TRACE_STATE {
            if self.trace_state.is_empty() {
                self.trace_state = body;
            }
        } else if self.priority.is_none() && wire::may_be_named(body, PRIORITY) {
            let (key, value) = wire::key_value(body)?;
            self.priority = (key == PRIORITY).then(|| Scalar::read(value));
        }
        Ok(())
    }
}

/// Writes `state` into a span, by way of `scratch`. Nothing is changed, and the answer is no, if it would be too long.
pub(crate) fn set_trace_state(
    span: &mut Patch<'_>,
    state: &TraceState<'_>,
    scratch: &mut Vec<u8>,
) -> Result<bool, WireError> {
    scratch.clear();
    if state.write(scratch).is_err() {
        return Ok(false);
    }
    span.set_field_in_order(span::TRACE_STATE, Value::Len(scratch))?;
    Ok(true)
}
