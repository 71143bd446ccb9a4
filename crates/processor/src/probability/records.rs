//! Log records: randomness in the trace id or an attribute, sampling values in attributes.

use crate::wire::{self, Scalar};
use forebay_otlp::edit::{AttributeValue, Patch};
use forebay_otlp::fields::{key_value, log_record};
use forebay_otlp::{Cursor, Value, WireError};

/// The attribute of log records that has their threshold, as `th` in the `tracestate` of spans.
pub(crate) const THRESHOLD: &str = "sampling.threshold";
/// The attribute of log records that has their randomness, as `rv` in the `tracestate` of spans.
pub(crate) const RANDOMNESS: &str = "sampling.randomness";

/// The attributes that the user names; an empty name is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Whose value makes the randomness.
    pub(crate) source: String,
    /// Whose value says what share of records like this is to be kept.
    pub(crate) priority: String,
}

/// What samplers read of a log record, in one pass over its fields. Of attributes that occur twice the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RecordHead<'a> {
    pub(crate) trace_id: &'a [u8],
    threshold: Option<Scalar<'a>>,
    randomness: Option<Scalar<'a>>,
    /// The value of [`Wanted::source`]: the body of its `AnyValue`.
    pub(crate) source: Option<&'a [u8]>,
    /// The value of [`Wanted::priority`].
    pub(crate) priority: Option<Scalar<'a>>,
}

impl<'a> RecordHead<'a> {
    /// Reads the body of a `LogRecord`.
    pub(crate) fn read(record: &'a [u8], wanted: &Wanted) -> Result<Self, WireError> {
        let mut head = RecordHead::default();
        let mut cursor = Cursor::new(record);
        while let Some(field) = cursor.next_field()? {
            match (field.number, field.value) {
                (log_record::TRACE_ID, Value::Len(id)) => head.trace_id = id,
                (log_record::ATTRIBUTES, Value::Len(body)) => head.attribute(body, wanted)?,
                _ => {}
            }
        }
        Ok(head)
    }

    /// The text of [`THRESHOLD`], if there is any.
    pub(crate) fn threshold(&self) -> Option<&'a [u8]> {
        text(self.threshold)
    }

    /// The text of [`RANDOMNESS`], if there is any.
    pub(crate) fn randomness(&self) -> Option<&'a [u8]> {
        text(self.randomness)
    }

    #[inline]
    fn attribute(&mut self, body: &'a [u8], wanted: &Wanted) -> Result<(), WireError> {
        let mut names = [THRESHOLD, RANDOMNESS, &wanted.source, &wanted.priority].into_iter();
        if !names.any(|name| wire::may_be_named(body, name.as_bytes())) {
            return Ok(());
        }
        let (key, value) = wire::key_value(body)?;
        if key.is_empty() {
            return Ok(());
        }
        if key == THRESHOLD.as_bytes() {
            self.threshold.get_or_insert(Scalar::read(value));
        } else if key == RANDOMNESS.as_bytes() {
            self.randomness.get_or_insert(Scalar::read(value));
        }
        if key == wanted.source.as_bytes() {
            self.source.get_or_insert(value);
        }
        if key == wanted.priority.as_bytes() {
            self.priority.get_or_insert(Scalar::read(value));
        }
        Ok(())
    }
}

/// The text of an attribute that has one.
fn text(value: Option<Scalar<'_>>) -> Option<&[u8]> {
    match value {
        Some(Scalar::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Gives a record's attribute `key` this text, whether it is there or not, by way of `scratch`.
pub(crate) fn set_text(
    record: &mut Patch<'_>,
    key: &str,
    text: &str,
    scratch: &mut Vec<u8>,
) -> Result<(), WireError> {
    let value = AttributeValue::String(text);
    if record.attribute(key.as_bytes())?.is_none() {
        record.append_attribute(key, value);
        return Ok(());
    }
    scratch.clear();
    value.encode(scratch);
    record.each(log_record::ATTRIBUTES, 0, |attribute| {
        if wire::key_value(attribute.message())?.0 == key.as_bytes() {
            attribute.set_field(key_value::VALUE, Value::Len(scratch))?;
        }
        Ok(())
    })
}
