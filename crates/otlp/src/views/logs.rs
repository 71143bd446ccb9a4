//! Views on the messages of a logs request.

use super::get::{self, Repeated};
use super::{AnyValue, KeyValue, View};
use crate::{Value, WireError, fields};

/// `logs.v1.LogRecord`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRecord<'a>(&'a [u8]);

impl<'a> View<'a> for LogRecord<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        LogRecord(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> LogRecord<'a> {
    /// When the event happened, in nanoseconds since 1970; 0 where unknown.
    pub fn time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::log_record::TIME_UNIX_NANO)
    }

    /// When it was observed by the collection system, in nanoseconds since 1970.
    pub fn observed_time_unix_nano(self) -> Result<u64, WireError> {
        get::fixed64(self.0, fields::log_record::OBSERVED_TIME_UNIX_NANO)
    }

    /// 1 to 24, four levels each for trace, debug, info, warn, error and fatal; 0 unspecified.
    pub fn severity_number(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::log_record::SEVERITY_NUMBER)? as i32)
    }

    /// The level as the source wrote it.
    pub fn severity_text(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::log_record::SEVERITY_TEXT)
    }

    /// The body. Not set reads as an empty value.
    pub fn body(self) -> Result<AnyValue<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::log_record::BODY)?.unwrap_or_default(),
        ))
    }

    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::log_record::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::log_record::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }

    /// W3C trace flags in the low 8 bits.
    pub fn flags(self) -> Result<u32, WireError> {
        get::fixed32(self.0, fields::log_record::FLAGS)
    }

    /// The trace: 16 bytes, or empty where there is none.
    pub fn trace_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::log_record::TRACE_ID)
    }

    /// The span: 8 bytes, or empty where there is none.
    pub fn span_id(self) -> Result<&'a [u8], WireError> {
        get::bytes(self.0, fields::log_record::SPAN_ID)
    }

    /// The name that identifies the class of an event; empty for a plain record.
    pub fn event_name(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::log_record::EVENT_NAME)
    }

    /// Every field that occurs once, in one pass.
    #[inline]
    pub fn read(self) -> Result<LogFields<'a>, WireError> {
        use fields::log_record as number;
        let mut log = LogFields::default();
        let mut cursor = self.cursor();
        while let Some(field) = cursor.next_field()? {
            match (field.number, field.value) {
                (number::TIME_UNIX_NANO, Value::Fixed64(value)) => log.time_unix_nano = value,
                (number::OBSERVED_TIME_UNIX_NANO, Value::Fixed64(value)) => {
                    log.observed_time_unix_nano = value
                }
                (number::SEVERITY_NUMBER, Value::Varint(value)) => log.severity_number = value as i32,
                (number::SEVERITY_TEXT, Value::Len(bytes)) => log.severity_text = bytes,
                (number::BODY, Value::Len(bytes)) => log.body = View::new(bytes),
                (number::DROPPED_ATTRIBUTES_COUNT, Value::Varint(value)) => {
                    log.dropped_attributes_count = value as u32
                }
                (number::FLAGS, Value::Fixed32(value)) => log.flags = value,
                (number::TRACE_ID, Value::Len(bytes)) => log.trace_id = bytes,
                (number::SPAN_ID, Value::Len(bytes)) => log.span_id = bytes,
                (number::EVENT_NAME, Value::Len(bytes)) => log.event_name = bytes,
                (number::ATTRIBUTES, Value::Len(_)) | (4 | 13.., _) => {}
                _ => return Err(get::mismatch(&cursor)),
            }
        }
        Ok(log)
    }
}

/// The fields of a log record that occur once. Strings are bytes that validation has checked to be UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFields<'a> {
    /// See [`LogRecord::time_unix_nano`].
    pub time_unix_nano: u64,
    /// See [`LogRecord::observed_time_unix_nano`].
    pub observed_time_unix_nano: u64,
    /// See [`LogRecord::severity_number`].
    pub severity_number: i32,
    /// See [`LogRecord::severity_text`].
    pub severity_text: &'a [u8],
    /// See [`LogRecord::body`].
    pub body: AnyValue<'a>,
    /// See [`LogRecord::dropped_attributes_count`].
    pub dropped_attributes_count: u32,
    /// See [`LogRecord::flags`].
    pub flags: u32,
    /// See [`LogRecord::trace_id`].
    pub trace_id: &'a [u8],
    /// See [`LogRecord::span_id`].
    pub span_id: &'a [u8],
    /// See [`LogRecord::event_name`].
    pub event_name: &'a [u8],
}
