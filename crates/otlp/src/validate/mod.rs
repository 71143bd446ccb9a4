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
//! - at most [`MAX_HOLLOW`] messages are hollow, and one more for every [`HOLLOW_SHARE`] bytes: see below.
//!
//! Unknown fields are skipped, their lengths checked.
//!
//! Three rules are stricter than protobuf's own: the nesting limit (protobuf libraries allow 100), groups (refused; OTLP has
//! none), and the number of hollow messages: those that are empty, items of fewer than 9 bytes, which have not even a time, and
//! attributes without a key. An empty message takes 2 bytes, and a decoder makes hundreds of it: a request of nothing else
//! costs whoever decodes it a hundred times its size, and whoever notes where its items stand ten times.
//!
//! # Flaws
//!
//! Ids are bytes to protobuf, so a wrong one leaves everything else readable: it is a flaw of one item, and no fault of the
//! request. [`Census::flaws`] says where the flawed items stand, and [`crate::flaws`] what is wrong and how to leave them out.
//! An item is flawed if
//!
//! - it is a span, and its trace id or span id is missing, all zero, or not 16 or 8 bytes long ("The ID is a 16-byte array. An
//!   ID with all zeroes OR of length other than 16 bytes is considered invalid. This field is required",
//!   `trace.v1.Span.trace_id`, and the same of `span_id`);
//! - any other id in it, of a parent, a link, a log record or an exemplar, is neither empty nor of its length: receivers that
//!   keep ids in arrays cannot carry such an item. These ids are optional, and may be empty or zero.
//!
//! More than [`MAX_FLAWS`] are a fault of the request.

mod rules;
mod tables;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use crate::{Signal, WireError};
pub(crate) use rules::{Action, Message, Table, UNKNOWN};
use std::ops::Range;
pub(crate) use tables::{KEY_VALUE, table};
pub(crate) use text::is_plain_attribute;
use walk::Walk;

/// How deep messages may nest, the request itself being 1. A span's string attribute takes 6 levels and each list or map
/// inside a value 2 or 3 more.
pub const MAX_NESTING: u32 = 32;

/// The most flawed items of one request.
pub const MAX_FLAWS: usize = 1 << 16;

/// The most messages that say nothing in a small request.
pub const MAX_HOLLOW: usize = 1 << 16;

/// A large request may have one more for so many bytes: those that are usual, such as attributes without a value, stand beside
/// others.
pub const HOLLOW_SHARE: usize = 16;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Spans, log records or metric data points, flawed ones included.
    pub items: u64,
    /// Where the flawed items stand: the range of each one's message, in the order of the request. For [`Depth::Shallow`]
    /// nothing is known of them, and this is empty.
    pub flaws: Vec<Range<usize>>,
}

/// Checks the bytes of an `Export*ServiceRequest` and counts its items.
///
/// # Errors
///
/// The first rule that is broken, and where, counted from the start of `request`.
pub fn validate(signal: Signal, request: &[u8], depth: Depth) -> Result<Census, WireError> {
    Walk::new(request).run(root(signal, depth))
}

/// How many items there are in a request that was validated before, or joined from such requests.
pub(crate) fn count_in_request(signal: Signal, request: &[u8]) -> Result<u64, WireError> {
    let walk = Walk::new(request).trusting();
    walk.run(root(signal, Depth::Shallow)).map(|census| census.items)
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
