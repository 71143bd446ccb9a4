//! Typed views on the messages of a request: what a field means, read from the bytes where they are.
//!
//! A view is a slice with a type. Making one costs nothing and checks nothing; a getter scans its message for one field, which
//! is what a rule that reads one or two fields wants. Where many fields of one message are needed, `read` gathers them in one
//! pass, and [`View::cursor`] is always there.
//!
//! Getters follow proto3: a field that is not set reads as its default, the last of repeated scalars counts, repeated numbers
//! may be packed or not. One thing is simpler than protobuf: a message that is not repeated and yet occurs twice is not merged,
//! the last counts. No known encoder writes such a thing.
//!
//! Every getter fails with a [`crate::WireError`] where the bytes cannot be read, where the field has a wire type other than its
//! declaration's, or where a `string` is not UTF-8; never after [`crate::validate`] with [`crate::Depth::Full`] has passed the
//! request. Offsets in the errors of a view count from the start of its bytes.

mod common;
mod get;
mod logs;
mod metrics;
mod points;
mod scalar;
mod trace;

#[cfg(test)]
mod tests;

use crate::Cursor;

pub use common::{
    AnyValue, AnyValueKind, ArrayValue, EntityRef, KeyValue, KeyValueList, Request, Resource,
    ResourceEnvelope, Scope, ScopeEnvelope,
};
pub use get::{Element, Numbers, Repeated, Varint};
pub use logs::{LogFields, LogRecord};
pub use metrics::{Data, ExponentialHistogram, Gauge, Histogram, Metric, Sum, Summary};
pub use points::{
    Buckets, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Number, NumberDataPoint,
    SummaryDataPoint, ValueAtQuantile,
};
pub use scalar::Scalar;
pub use trace::{Event, Link, Span, SpanFields, Status};

/// A typed slice over one message.
pub trait View<'a>: Copy {
    /// The view on the fields of `message`, without its tag and length.
    fn new(message: &'a [u8]) -> Self;

    /// The bytes that the view is on.
    fn bytes(self) -> &'a [u8];

    /// A cursor over the fields.
    #[inline]
    fn cursor(self) -> Cursor<'a> {
        Cursor::new(self.bytes())
    }
}

/// A message of which only the bytes are wanted.
impl<'a> View<'a> for &'a [u8] {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        message
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self
    }
}
