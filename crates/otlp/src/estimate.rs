//! What a request would take in memory, decoded.

use crate::validate::{Action, KEY_VALUE, Message, Table, UNKNOWN, is_plain_attribute, root, table};
use crate::{Cursor, Depth, MAX_NESTING, Signal, Value, WireError, WireErrorKind};
use opentelemetry_proto::tonic::{common, logs, metrics, trace};

/// An upper bound of the heap bytes that a prost-like decoder holds after decoding this `Export*ServiceRequest`: structs in
/// growing vectors, strings each in an allocation of its own.
///
/// The sum, over the whole request, of
///
/// - for each element of a repeated field, twice its struct's size, and twice again for the first of a run: a vector starts
///   with room for 4 and doubles, so that n elements sit in room for at most 2 n + 2;
/// - for each string, bytes or id, its length rounded up to 8;
/// - for each packed number, 16 bytes (again a vector that doubles), and 16 for the vector.
///
/// Not counted: the headers and rounding of an allocator, and the copies that growing vectors hold for a moment. The bound
/// is at most three times the truth, plus what unknown fields would take.
///
/// # Errors
///
/// A fault that makes the bytes unreadable, or nesting beyond [`MAX_NESTING`]. Strings are not checked, see [`crate::validate`].
pub fn estimate_decoded_bytes(signal: Signal, request: &[u8]) -> Result<u64, WireError> {
    let mut estimate = Estimate { request, bytes: 0 };
    estimate.fields(request, root(signal, Depth::Full), 0, MAX_NESTING - 1)?;
    Ok(estimate.bytes)
}

/// A sum in the making.
struct Estimate<'a> {
    request: &'a [u8],
    bytes: u64,
}

impl<'a> Estimate<'a> {
    /// Adds what the fields of a message take. A scalar that may be one of many takes `slot` bytes in its vector.
    fn fields(&mut self, message: &'a [u8], rules: &Table, slot: u64, levels: u32) -> Result<(), WireError> {
        let mut cursor = Cursor::new(message);
        let mut previous = 0;
        while let Some(field) = self.located(message, cursor.next_field())? {
            let run = if field.number == previous { 2 } else { 4 };
            previous = field.number;
            let Value::Len(bytes) = field.value else {
                self.bytes += slot;
                continue;
            };
            let tag = u8::try_from(field.number << 3 | 2).unwrap_or(UNKNOWN | 2);
            match rules.action(tag) {
                Action::KeyValue => {
                    self.bytes += run * size_of::<common::v1::KeyValue>() as u64;
                    self.attribute(bytes, levels)?;
                }
                Action::Message => {
                    let child = rules.child(tag);
                    self.bytes += run * element_size(child);
                    self.nested(bytes, table(child), scalar_slot(child), levels)?;
                }
                Action::PackedFixed64 => self.bytes += 16 + 2 * bytes.len() as u64,
                Action::PackedVarint => {
                    let ends = bytes.iter().filter(|byte| **byte < 0x80).count() as u64;
                    self.bytes += 16 + 16 * ends;
                }
                _ => self.bytes += slot + (bytes.len() as u64).next_multiple_of(8),
            }
        }
        Ok(())
    }

    /// Adds what an attribute holds beside its struct.
    fn attribute(&mut self, attribute: &'a [u8], levels: u32) -> Result<(), WireError> {
        if levels >= 2 && is_plain_attribute(attribute) {
            // Tags and lengths take 6 bytes at least, rounding the two strings up takes 14 at most.
            self.bytes += attribute.len() as u64 + 8;
            return Ok(());
        }
        self.nested(attribute, &KEY_VALUE, 0, levels)
    }

    fn nested(&mut self, message: &'a [u8], rules: &Table, slot: u64, levels: u32) -> Result<(), WireError> {
        match levels.checked_sub(1) {
            Some(levels) => self.fields(message, rules, slot, levels),
            None => Err(WireError {
                kind: WireErrorKind::Depth,
                offset: self.offset(message),
            }),
        }
    }

    /// Moves the place of an error from the start of `message` to that of the request.
    fn located<T>(&self, message: &'a [u8], result: Result<T, WireError>) -> Result<T, WireError> {
        result.map_err(|error| WireError {
            offset: self.offset(message) + error.offset,
            ..error
        })
    }

    fn offset(&self, message: &'a [u8]) -> usize {
        message.as_ptr().addr() - self.request.as_ptr().addr()
    }
}

/// The size of one element of a vector of these, or 0 for a message that sits inside its parent's struct.
fn element_size(message: Message) -> u64 {
    let size = match message {
        Message::ResourceSpans => size_of::<trace::v1::ResourceSpans>(),
        Message::ScopeSpans => size_of::<trace::v1::ScopeSpans>(),
        Message::Span => size_of::<trace::v1::Span>(),
        Message::Event => size_of::<trace::v1::span::Event>(),
        Message::Link => size_of::<trace::v1::span::Link>(),
        Message::ResourceLogs => size_of::<logs::v1::ResourceLogs>(),
        Message::ScopeLogs => size_of::<logs::v1::ScopeLogs>(),
        Message::LogRecord => size_of::<logs::v1::LogRecord>(),
        Message::ResourceMetrics => size_of::<metrics::v1::ResourceMetrics>(),
        Message::ScopeMetrics => size_of::<metrics::v1::ScopeMetrics>(),
        Message::Metric => size_of::<metrics::v1::Metric>(),
        Message::NumberPoint => size_of::<metrics::v1::NumberDataPoint>(),
        Message::HistogramPoint => size_of::<metrics::v1::HistogramDataPoint>(),
        Message::ExponentialPoint => size_of::<metrics::v1::ExponentialHistogramDataPoint>(),
        Message::SummaryPoint => size_of::<metrics::v1::SummaryDataPoint>(),
        Message::Quantile => size_of::<metrics::v1::summary_data_point::ValueAtQuantile>(),
        Message::Exemplar => size_of::<metrics::v1::Exemplar>(),
        Message::EntityRef => size_of::<common::v1::EntityRef>(),
        Message::Element => size_of::<common::v1::AnyValue>(),
        _ => 0,
    };
    size as u64
}

/// What a scalar takes that may be one of many, unpacked: room for 4 in a vector of its own. 0 where a message has none.
fn scalar_slot(message: Message) -> u64 {
    let size = match message {
        Message::HistogramPoint | Message::Buckets => size_of::<u64>(),
        Message::EntityRef => size_of::<String>(),
        _ => 0,
    };
    4 * size as u64
}

#[cfg(test)]
mod tests;
