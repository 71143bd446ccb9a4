//! Spans: randomness in the trace id, sampling values in the `tracestate`, and a say of the program's own in an attribute.

use crate::wire::{self, Scalar};
use forebay_otlp::edit::Patch;
use forebay_otlp::fields::span;
use forebay_otlp::{Cursor, Value, WireError};
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

impl<'a> SpanHead<'a> {
    /// Reads the body of a `Span`.
    #[inline]
    pub(crate) fn read(span: &'a [u8]) -> Result<Self, WireError> {
        let mut head = SpanHead::default();
        let mut cursor = Cursor::new(span);
        while let Some(field) = cursor.next_field()? {
            let Value::Len(body) = field.value else { continue };
            match field.number {
                span::TRACE_ID => head.trace_id = body,
                span::TRACE_STATE => head.trace_state = body,
                span::ATTRIBUTES if wire::may_be_named(body, PRIORITY) => head.attribute(body)?,
                _ => {}
            }
        }
        Ok(head)
    }

    #[cold]
    fn attribute(&mut self, body: &'a [u8]) -> Result<(), WireError> {
        let (key, value) = wire::key_value(body)?;
        if key == PRIORITY && self.priority.is_none() {
            self.priority = Some(Scalar::read(value));
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
