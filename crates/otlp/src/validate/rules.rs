//! What each message of OTLP may hold, as one table per message.
//!
//! A tag is `number << 3 | wire type`, and OTLP uses field numbers up to 16. So a table of 256 answers with one load what has
//! to be done with the value behind a tag.

/// What to do with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A nested message: check its length, then its fields.
    Message,
    /// A nested `KeyValue`, which has a fast path.
    KeyValue,
    /// An item of the signal that is counted but not entered.
    Item,
    /// Any varint. Every integer, bool and enum of proto3 takes any of them, and drops the bits that it has no room for.
    Varint,
    /// 8 bytes.
    Fixed64,
    /// 4 bytes.
    Fixed32,
    /// A length and as many bytes, whatever they are.
    Bytes,
    /// A length and as many bytes of UTF-8.
    Str,
    /// An id of 16 bytes, or none.
    TraceId,
    /// An id of 8 bytes, or none.
    SpanId,
    /// As [`Action::SpanId`], but of another span than the one that it stands in.
    OtherSpanId,
    /// Elements of 8 bytes in one length-delimited field.
    PackedFixed64,
    /// Varints in one length-delimited field.
    PackedVarint,
    /// A known field with a wire type that it cannot have.
    Mismatch,
    /// A group, or wire type 6 or 7.
    WireType,
    /// Field number 0.
    FieldNumber,
}

/// The messages that have a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    ResourceSpans,
    ScopeSpans,
    Span,
    Event,
    Link,
    Status,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    ResourceMetrics,
    ScopeMetrics,
    Metric,
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
    NumberPoint,
    HistogramPoint,
    ExponentialPoint,
    SummaryPoint,
    Buckets,
    Quantile,
    Exemplar,
    Resource,
    Scope,
    EntityRef,
    AnyValue,
    /// An `AnyValue` in a list.
    Element,
    Array,
    KeyValueList,
    ShallowResourceSpans,
    ShallowScopeSpans,
    ShallowResourceLogs,
    ShallowScopeLogs,
    ShallowResourceMetrics,
    ShallowScopeMetrics,
    ShallowMetric,
    ShallowData,
}

/// Stands, with a wire type in the low three bits, for the tag of any field number from 31 on: no message has them.
pub(crate) const UNKNOWN: u8 = 31 << 3;

/// What a field holds: an action, or a nested message and its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// A value.
    Is(Action),
    /// A message.
    Holds(Message),
}

/// The fields of one message: their numbers and what they hold.
pub(crate) type Fields = &'static [(u32, Rule)];

/// An id of the message has a length that no id has.
pub(crate) const WRONG_LENGTH: u8 = 4;

/// The rules of one message.
#[derive(Debug)]
pub(crate) struct Table {
    /// By tag.
    actions: [Action; 256],
    /// By field number, where the action is [`Action::Message`].
    children: [Message; 32],
    /// What one occurrence of the message adds to the count of items: 0 or 1.
    pub(crate) items: u64,
    /// The ids of its own that the message must have: bits of the walk.
    pub(crate) ids: u8,
    /// The bits of the walk that are looked at in the end: those of `ids`, and that of a wrong length.
    pub(crate) judged: u8,
    /// The least bytes of one that says anything. A shorter one is hollow.
    pub(crate) least: usize,
}

/// An item of fewer bytes has not even a time, which alone takes 9.
pub(crate) const LEAST_ITEM: usize = 9;
/// An attribute of fewer bytes has no key.
pub(crate) const LEAST_ATTRIBUTE: usize = 3;

impl Table {
    /// A message that is no item.
    #[allow(
        clippy::indexing_slicing,
        reason = "evaluated at compile time, where an index out of range fails the build"
    )]
    pub(crate) const fn new(fields: Fields) -> Table {
        let mut actions = [Action::FieldNumber; 256];
        let mut tag = 8;
        while tag < actions.len() {
            actions[tag] = unknown_field(tag & 7);
            tag += 1;
        }
        let mut children = [Message::AnyValue; 32];
        let mut index = 0;
        while index < fields.len() {
            let number = fields[index].0 as usize;
            let action = match fields[index].1 {
                Rule::Is(action) => action,
                Rule::Holds(message) => {
                    children[number] = message;
                    Action::Message
                }
            };
            let mut wire = 0;
            while wire < 8 {
                actions[number << 3 | wire] = known_field(action, wire);
                wire += 1;
            }
            index += 1;
        }
        Table {
            actions,
            children,
            items: 0,
            ids: 0,
            judged: WRONG_LENGTH,
            least: 1,
        }
    }

    /// A message that is one item of its signal.
    pub(crate) const fn item(fields: Fields) -> Table {
        let mut table = Table::new(fields);
        table.items = 1;
        table.least = LEAST_ITEM;
        table
    }

    /// A message that says nothing in fewer than `least` bytes.
    pub(crate) const fn of_at_least(least: usize, fields: Fields) -> Table {
        let mut table = Table::new(fields);
        table.least = least;
        table
    }

    /// An item that must have the ids whose bits are set.
    pub(crate) const fn identified_item(fields: Fields, ids: u8) -> Table {
        let mut table = Table::item(fields);
        table.ids = ids;
        table.judged = ids | WRONG_LENGTH;
        table
    }

    /// What to do with the value behind `tag`.
    #[inline(always)]
    pub(crate) fn action(&self, tag: u8) -> Action {
        self.actions
            .get(usize::from(tag))
            .copied()
            .unwrap_or(Action::FieldNumber)
    }

    /// The message behind `tag`, where the action is [`Action::Message`].
    #[inline(always)]
    pub(crate) fn child(&self, tag: u8) -> Message {
        self.children
            .get(usize::from(tag >> 3))
            .copied()
            .unwrap_or(Message::AnyValue)
    }
}

/// What to do with an unknown field, given its wire type.
const fn unknown_field(wire: usize) -> Action {
    match wire {
        0 => Action::Varint,
        1 => Action::Fixed64,
        2 => Action::Bytes,
        5 => Action::Fixed32,
        _ => Action::WireType,
    }
}

/// What to do with a known field, given its wire type. Repeated numbers may be packed or not (protobuf encoding,
/// "Packed Repeated Fields").
const fn known_field(action: Action, wire: usize) -> Action {
    match (action, wire) {
        (_, 3 | 4 | 6 | 7) => Action::WireType,
        (Action::Varint | Action::PackedVarint, 0) => Action::Varint,
        (Action::Fixed64 | Action::PackedFixed64, 1) => Action::Fixed64,
        (Action::Fixed32, 5) => Action::Fixed32,
        (Action::Varint | Action::Fixed64 | Action::Fixed32, _) => Action::Mismatch,
        (action, 2) => action,
        _ => Action::Mismatch,
    }
}
