//! Views on the messages that all signals share: resource, scope, attributes and values.

use super::get::{self, Repeated};
use super::{LogRecord, Metric, Span, View};
use crate::{Field, Value, WireError, fields};

/// An `Export*ServiceRequest`. The resource envelopes have the same number in all three signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a>(&'a [u8]);

impl<'a> View<'a> for Request<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Request(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Request<'a> {
    /// The envelopes, one for each resource.
    pub fn resource_envelopes(self) -> Repeated<'a, ResourceEnvelope<'a>> {
        Repeated::new(self.0, fields::trace_service_request::RESOURCE_SPANS)
    }
}

/// `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`: the three have the same numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceEnvelope<'a>(&'a [u8]);

impl<'a> View<'a> for ResourceEnvelope<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ResourceEnvelope(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ResourceEnvelope<'a> {
    /// Who sent the items of this envelope. Not set reads as empty.
    pub fn resource(self) -> Result<Resource<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::resource_spans::RESOURCE)?.unwrap_or_default(),
        ))
    }

    /// The envelopes, one for each scope.
    pub fn scope_envelopes(self) -> Repeated<'a, ScopeEnvelope<'a>> {
        Repeated::new(self.0, fields::resource_spans::SCOPE_SPANS)
    }

    /// The schema that the resource follows.
    pub fn schema_url(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::resource_spans::SCHEMA_URL)
    }
}

/// `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`: the three have the same numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeEnvelope<'a>(&'a [u8]);

impl<'a> View<'a> for ScopeEnvelope<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ScopeEnvelope(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ScopeEnvelope<'a> {
    /// What produced the items of this envelope. Not set reads as empty.
    pub fn scope(self) -> Result<Scope<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::scope_spans::SCOPE)?.unwrap_or_default(),
        ))
    }

    /// The bytes of spans, metrics or log records.
    pub fn items(self) -> Repeated<'a, &'a [u8]> {
        Repeated::new(self.0, fields::scope_spans::SPANS)
    }

    /// The spans of a trace request.
    pub fn spans(self) -> Repeated<'a, Span<'a>> {
        Repeated::new(self.0, fields::scope_spans::SPANS)
    }

    /// The metrics of a metrics request.
    pub fn metrics(self) -> Repeated<'a, Metric<'a>> {
        Repeated::new(self.0, fields::scope_spans::SPANS)
    }

    /// The records of a logs request.
    pub fn log_records(self) -> Repeated<'a, LogRecord<'a>> {
        Repeated::new(self.0, fields::scope_spans::SPANS)
    }

    /// The schema that the items follow.
    pub fn schema_url(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::scope_spans::SCHEMA_URL)
    }
}

/// `resource.v1.Resource`: the entity that telemetry is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a>(&'a [u8]);

impl<'a> View<'a> for Resource<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Resource(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Resource<'a> {
    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::resource::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::resource::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }

    /// Which attributes identify which entities.
    pub fn entity_refs(self) -> Repeated<'a, EntityRef<'a>> {
        Repeated::new(self.0, fields::resource::ENTITY_REFS)
    }
}

/// `common.v1.InstrumentationScope`: the library or module that produced telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope<'a>(&'a [u8]);

impl<'a> View<'a> for Scope<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        Scope(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Scope<'a> {
    /// Its name; may be empty.
    pub fn name(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::instrumentation_scope::NAME)
    }

    /// Its version; may be empty.
    pub fn version(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::instrumentation_scope::VERSION)
    }

    /// Attributes. Keys are unique by the specification; a reader takes the first of duplicates.
    pub fn attributes(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::instrumentation_scope::ATTRIBUTES)
    }

    /// How many attributes the sender left out.
    pub fn dropped_attributes_count(self) -> Result<u32, WireError> {
        Ok(get::varint(self.0, fields::instrumentation_scope::DROPPED_ATTRIBUTES_COUNT)? as u32)
    }
}

/// `common.v1.EntityRef`: an entity, by references to attributes of the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntityRef<'a>(&'a [u8]);

impl<'a> View<'a> for EntityRef<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        EntityRef(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> EntityRef<'a> {
    /// The schema of the entity.
    pub fn schema_url(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::entity_ref::SCHEMA_URL)
    }

    /// The type, such as `service`.
    pub fn entity_type(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::entity_ref::TYPE)
    }

    /// The attribute keys that identify it: bytes that validation has checked to be UTF-8.
    pub fn id_keys(self) -> Repeated<'a, &'a [u8]> {
        Repeated::new(self.0, fields::entity_ref::ID_KEYS)
    }

    /// The attribute keys that describe it: bytes that validation has checked to be UTF-8.
    pub fn description_keys(self) -> Repeated<'a, &'a [u8]> {
        Repeated::new(self.0, fields::entity_ref::DESCRIPTION_KEYS)
    }
}

/// `common.v1.KeyValue`: an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValue<'a>(&'a [u8]);

impl<'a> View<'a> for KeyValue<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        KeyValue(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> KeyValue<'a> {
    /// The key.
    pub fn key(self) -> Result<&'a str, WireError> {
        get::text(self.0, fields::key_value::KEY)
    }

    /// The value. Not set reads as [`AnyValueKind::Empty`].
    pub fn value(self) -> Result<AnyValue<'a>, WireError> {
        Ok(View::new(
            get::message(self.0, fields::key_value::VALUE)?.unwrap_or_default(),
        ))
    }

    /// The index of the key in a table of strings; used by profiles only.
    pub fn key_strindex(self) -> Result<i32, WireError> {
        Ok(get::varint(self.0, fields::key_value::KEY_STRINDEX)? as i32)
    }

    /// Key and value in one pass, without a check of the key's UTF-8.
    #[inline]
    pub fn read(self) -> Result<(&'a [u8], AnyValue<'a>), WireError> {
        let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
        let mut cursor = self.cursor();
        while let Some(Field { number, value: held }) = cursor.next_field()? {
            match (number, held) {
                (fields::key_value::KEY, Value::Len(bytes)) => key = bytes,
                (fields::key_value::VALUE, Value::Len(bytes)) => value = bytes,
                (fields::key_value::KEY | fields::key_value::VALUE, _) => return Err(get::mismatch(&cursor)),
                _ => {}
            }
        }
        Ok((key, AnyValue(value)))
    }
}

/// `common.v1.AnyValue`: a value of any kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnyValue<'a>(&'a [u8]);

impl<'a> View<'a> for AnyValue<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        AnyValue(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> AnyValue<'a> {
    /// What the value is. Of several members of the `oneof` the last counts, as protobuf has it.
    pub fn kind(self) -> Result<AnyValueKind<'a>, WireError> {
        use fields::any_value as number;
        let mut kind = AnyValueKind::Empty;
        let mut cursor = self.cursor();
        while let Some(field) = cursor.next_field()? {
            kind = match (field.number, field.value) {
                (number::STRING_VALUE, Value::Len(bytes)) => AnyValueKind::Text(get::utf8(bytes, &cursor)?),
                (number::BOOL_VALUE, Value::Varint(value)) => AnyValueKind::Bool(value != 0),
                (number::INT_VALUE, Value::Varint(value)) => AnyValueKind::Int(value.cast_signed()),
                (number::DOUBLE_VALUE, Value::Fixed64(bits)) => AnyValueKind::Double(f64::from_bits(bits)),
                (number::ARRAY_VALUE, Value::Len(bytes)) => AnyValueKind::Array(ArrayValue(bytes)),
                (number::KVLIST_VALUE, Value::Len(bytes)) => AnyValueKind::Map(KeyValueList(bytes)),
                (number::BYTES_VALUE, Value::Len(bytes)) => AnyValueKind::Bytes(bytes),
                (number::STRING_VALUE_STRINDEX, Value::Varint(index)) => {
                    AnyValueKind::TextIndex(index as i32)
                }
                (number::STRING_VALUE..=number::STRING_VALUE_STRINDEX, _) => {
                    return Err(get::mismatch(&cursor));
                }
                _ => kind,
            };
        }
        Ok(kind)
    }
}

/// The kinds of value that an attribute or a log body can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnyValueKind<'a> {
    /// No value.
    Empty,
    /// A string.
    Text(&'a str),
    /// A bool.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A list of values.
    Array(ArrayValue<'a>),
    /// A list of keys with values.
    Map(KeyValueList<'a>),
    /// Bytes that need not be text.
    Bytes(&'a [u8]),
    /// The index of a string in a table of strings; used by profiles only.
    TextIndex(i32),
}

/// `common.v1.ArrayValue`: a list of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrayValue<'a>(&'a [u8]);

impl<'a> View<'a> for ArrayValue<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        ArrayValue(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> ArrayValue<'a> {
    /// The values.
    pub fn values(self) -> Repeated<'a, AnyValue<'a>> {
        Repeated::new(self.0, fields::array_value::VALUES)
    }
}

/// `common.v1.KeyValueList`: keys with values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValueList<'a>(&'a [u8]);

impl<'a> View<'a> for KeyValueList<'a> {
    #[inline]
    fn new(message: &'a [u8]) -> Self {
        KeyValueList(message)
    }

    #[inline]
    fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> KeyValueList<'a> {
    /// The entries.
    pub fn values(self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, fields::key_value_list::VALUES)
    }
}

impl<'a> Repeated<'a, KeyValue<'a>> {
    /// The value of the first attribute of this key. A linear search: for one or two keys, not for many.
    pub fn find(self, key: &str) -> Result<Option<AnyValue<'a>>, WireError> {
        for attribute in self {
            let (name, value) = attribute?.read()?;
            if name == key.as_bytes() {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}
