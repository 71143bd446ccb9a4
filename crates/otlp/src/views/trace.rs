//! Views on the messages of a trace request.

use super::get::{self, Repeated};
use super::{KeyValue, View};
use crate::{Value, WireError, fields};

/// `trace.v1.Span`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span<'a>(&'a [u8]);

impl<'a> View<'a> for Span<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Span(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Span<'a> {
    /// The trace: 16 bytes, or empty where it is not set.
    pub fn trace_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::span::TRACE_ID)
    }

    /// The span: 8 bytes, or empty where it is not set.
    pub fn span_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::span::SPAN_ID)
    }

    /// The W3C `tracestate`; empty where there is none.
    pub fn trace_state(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::span::TRACE_STATE)
    }

    /// The parent: 8 bytes, or empty for a root span.
    pub fn parent_span_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::span::PARENT_SPAN_ID)
    }

    /// W3C trace flags in the low 8 bits, then "has is_remote" (bit 8) and "is_remote" (bit 9) of the parent.
    pub fn flags(self) -> Result<u32, WireError> {
        get::fixed32(self.0, fields::span::FLAGS)
    }

    /// The operation.
    pub fn name(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::span::NAME)
    }

    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kind(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::span::KIND)? as i32)
    }

    /// Start, in nanoseconds since 1970.
    pub fn start_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::span::START_TIME_UNIX_NANO)
    }

    /// End, in nanoseconds since 1970.
    pub fn end_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::span::END_TIME_UNIX_NANO)
    }

    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::span::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::span::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }

    /// The events.
    pub fn events(self) -> Repeated<'a, Event<'a>> {
        Repeated::new(self.0, fields::span::EVENTS)
    }

    /// How many events the sender left out.
    pub fn dropped_events_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::span::DROPPED_EVENTS_COUNT)? as u32)
    }

    /// The links to other spans.
    pub fn links(self) -> Repeated<'a, Link<'a>> {
        Repeated::new(self.0, fields::span::LINKS)
    }

    /// How many links the sender left out.
    pub fn dropped_links_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::span::DROPPED_LINKS_COUNT)? as u32)
    }

    /// The outcome. Not set reads as unset.
    pub fn status(self) -> Result<Status<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::span::STATUS)?.unwrap_or_default(),
        ))
    }

    /// Every field that occurs once, in one pass.
    #[inline]
    pub fn read(self) -> Result<SpanFields<'a>, WireError> {
        use fields::span as number;
        let mut span = SpanFields::default();
        let mut cursor = self.cursor();
        while let Some(field) = cursor.next_field()? {
            match (field.number, field.value) {
                (number::TRACE_ID, Value::Len(bytes)) => span.trace_id = bytes,
                (number::SPAN_ID, Value::Len(bytes)) => span.span_id = bytes,
                (number::PARENT_SPAN_ID, Value::Len(bytes)) => span.parent_span_id = bytes,
                (number::TRACE_STATE, Value::Len(bytes)) => span.trace_state = bytes,
                (number::NAME, Value::Len(bytes)) => span.name = bytes,
                (number::STATUS, Value::Len(bytes)) => span.status = Status(bytes),
                (number::KIND, Value::Varint(value)) => span.kind = value as i32,
                (number::FLAGS, Value::Fixed32(value)) => span.flags = value,
                (number::START_TIME_UNIX_NANO, Value::Fixed64(value)) => span.start_time_unix_nano = value,
                (number::END_TIME_UNIX_NANO, Value::Fixed64(value)) => span.end_time_unix_nano = value,
                (number::DROPPED_ATTRIBUTES_COUNT, Value::Varint(value)) => {
                    span.dropped_attributes_count = value as u32
                }
                (number::DROPPED_EVENTS_COUNT, Value::Varint(value)) => {
                    span.dropped_events_count = value as u32
                }
                (number::DROPPED_LINKS_COUNT, Value::Varint(value)) => {
                    span.dropped_links_count = value as u32
                }
                (number::ATTRIBUTES | number::EVENTS | number::LINKS, Value::Len(_)) | (17.., _) => {}
                _ => return Err(get::mismatch(&cursor)),
            }
        }
        Ok(span)
    }
}

/// The fields of a span that occur once. Strings are bytes that validation has checked to be UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanFields<'a> {
    /// See [`Span::trace_id`].
    pub trace_id: &'a [u8],
    /// See [`Span::span_id`].
    pub span_id: &'a [u8],
    /// See [`Span::parent_span_id`].
    pub parent_span_id: &'a [u8],
    /// See [`Span::trace_state`].
    pub trace_state: &'a [u8],
    /// See [`Span::name`].
    pub name: &'a [u8],
    /// See [`Span::status`].
    pub status: Status<'a>,
    /// See [`Span::start_time_unix_nano`].
    pub start_time_unix_nano: u64,
    /// See [`Span::end_time_unix_nano`].
    pub end_time_unix_nano: u64,
    /// See [`Span::kind`].
    pub kind: i32,
    /// See [`Span::flags`].
    pub flags: u32,
    /// See [`Span::dropped_attributes_count`].
    pub dropped_attributes_count: u32,
    /// See [`Span::dropped_events_count`].
    pub dropped_events_count: u32,
    /// See [`Span::dropped_links_count`].
    pub dropped_links_count: u32,
}

/// `trace.v1.Span.Event`: something that happened during a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event<'a>(&'a [u8]);

impl<'a> View<'a> for Event<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Event(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Event<'a> {
    /// When, in nanoseconds since 1970.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::span_event::TIME_UNIX_NANO)
    }

    /// What happened.
    pub fn name(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::span_event::NAME)
    }

    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::span_event::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::span_event::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }
}

/// `trace.v1.Span.Link`: a reference to another span, perhaps of another trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link<'a>(&'a [u8]);

impl<'a> View<'a> for Link<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Link(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Link<'a> {
    /// The trace: 16 bytes, or empty.
    pub fn trace_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::span_link::TRACE_ID)
    }

    /// The span: 8 bytes, or empty.
    pub fn span_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::span_link::SPAN_ID)
    }

    /// The W3C `tracestate` of the linked span.
    pub fn trace_state(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::span_link::TRACE_STATE)
    }

    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::span_link::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::span_link::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }

    /// As [`Span::flags`], of the linked span.
    pub fn flags(self) -> Result<u32, WireError> {
        get::fixed32(self.0, fields::span_link::FLAGS)
    }
}

/// `trace.v1.Status`: the outcome of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status<'a>(&'a [u8]);

impl<'a> View<'a> for Status<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Status(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Status<'a> {
    /// An explanation for developers.
    pub fn message(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::status::MESSAGE)
    }

    /// 0 unset, 1 ok, 2 error.
    pub fn code(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::status::CODE)? as i32)
    }
}
