//! Is this request what its `.proto` declaration says? One walk over the bytes, no allocation, and the count of items comes
//! with it.
//!
//! A request that passes [`Depth::Full`] decodes with any protobuf library. What is checked:
//!
//! - every length stays inside the message around it, every varint ends within 10 bytes and 64 bits;
//! - every known field has the wire type of its declaration (repeated numbers: packed or not);
//! - every `string` is UTF-8 (protobuf requires it of proto3);
//! - every packed field holds whole elements;
//! - messages nest at most [`MAX_NESTING`] deep;
//! - ids have their length, see [`WireErrorKind::IdLength`].
//!
//! Unknown fields are skipped, their lengths checked.
//!
//! Three rules are stricter than protobuf's own: the nesting limit (protobuf libraries allow 100), groups (refused; OTLP has
//! none), and the lengths of ids. About the last, the declaration says: "The ID is a 16-byte array. An ID with all zeroes OR of
//! length other than 16 bytes is considered invalid" (`trace.v1.Span.trace_id`; 8 for span ids). An empty id is how proto3
//! writes one that is not set, and a zero id is well-formed bytes: both pass, and [`Census::invalid_ids`] counts the spans
//! that have one. Any other length cannot be carried by receivers that store ids in arrays, so it is refused at the door.

mod rules;
mod tables;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use crate::{Signal, WireError};
pub(crate) use rules::{Action, Message, Table, UNKNOWN};
pub(crate) use tables::{KEY_VALUE, table};
pub(crate) use text::is_plain_attribute;
use walk::Walk;

/// How deep messages may nest, the request itself being 1. A span's string attribute takes 6 levels and each list or map
/// inside a value 2 or 3 more.
pub const MAX_NESTING: u32 = 32;

/// How much of a request [`validate`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// The envelopes only: request, resource and scope envelopes, for metrics also each metric and its data. Items,
    /// resources, scopes and strings are skipped by their lengths. For senders that have validated already.
    Shallow,
    /// Everything.
    Full,
}

/// What a walk has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Spans, log records or metric data points.
    pub items: u64,
    /// Spans whose trace id or span id is missing or all zero, which the data model calls invalid. 0 for other signals, whose
    /// ids are optional, and for [`Depth::Shallow`].
    pub invalid_ids: u64,
}

/// Checks the bytes of an `Export*ServiceRequest` and counts its items.
///
/// # Errors
///
/// The first rule that is broken, and where, counted from the start of `request`.
pub fn validate(signal: Signal, request: &[u8], depth: Depth) -> Result<Census, WireError> {
    Walk::new(request).run(root(signal, depth))
}

/// How many items there are in the bytes of one resource envelope.
pub(crate) fn count_in_envelope(signal: Signal, envelope: &[u8]) -> Result<u64, WireError> {
    let message = match signal {
        Signal::Traces => Message::ShallowResourceSpans,
        Signal::Metrics => Message::ShallowResourceMetrics,
        Signal::Logs => Message::ShallowResourceLogs,
    };
    Walk::new(envelope).run(table(message)).map(|census| census.items)
}

/// The rules of the outermost message.
pub(crate) fn root(signal: Signal, depth: Depth) -> &'static Table {
    match (signal, depth) {
        (Signal::Traces, Depth::Full) => &tables::TRACE_REQUEST,
        (Signal::Metrics, Depth::Full) => &tables::METRICS_REQUEST,
        (Signal::Logs, Depth::Full) => &tables::LOGS_REQUEST,
        (Signal::Traces, Depth::Shallow) => &tables::SHALLOW_TRACE_REQUEST,
        (Signal::Metrics, Depth::Shallow) => &tables::SHALLOW_METRICS_REQUEST,
        (Signal::Logs, Depth::Shallow) => &tables::SHALLOW_LOGS_REQUEST,
    }
}
