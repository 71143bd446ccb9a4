//! What makes a key, and its hash.

use crate::wire;
use forebay_otlp::edit::{Sieve, Sifting};
use forebay_otlp::fields::{instrumentation_scope, log_record, resource, span, status};
use forebay_otlp::{Cursor, IdentityHasher, Value, WireError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Something that items of one key have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// `resource:NAME`: an attribute of the resource.
    Resource(Box<str>),
    /// `scope`: the name of the instrumentation scope.
    Scope,
    /// `name`: the name of the span, or of the log record's event.
    Name,
    /// `kind`: the kind of the span.
    Kind,
    /// `status`: the status code of the span.
    Status,
    /// `severity`: the severity of the log record, in the six steps that have names.
    Severity,
    /// `attribute:NAME`: an attribute of the span or log record.
    Attribute(Box<str>),
}

impl KeyPart {
    fn parse(written: &str) -> Result<Self, String> {
        match written.split_once(':') {
            Some(("resource", name)) if !name.is_empty() => Ok(KeyPart::Resource(name.into())),
            Some(("attribute", name)) if !name.is_empty() => Ok(KeyPart::Attribute(name.into())),
            _ => match written {
                "scope" => Ok(KeyPart::Scope),
                "name" => Ok(KeyPart::Name),
                "kind" => Ok(KeyPart::Kind),
                "status" => Ok(KeyPart::Status),
                "severity" => Ok(KeyPart::Severity),
                _ => Err(format!(
                    "`{written}` is no part of a key: write `resource:NAME` or `attribute:NAME` for an attribute, or one of \
                     `scope`, `name`, `kind`, `status`, `severity`"
                )),
            },
        }
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyPart::Resource(name) => write!(f, "resource:{name}"),
            KeyPart::Scope => f.write_str("scope"),
            KeyPart::Name => f.write_str("name"),
            KeyPart::Kind => f.write_str("kind"),
            KeyPart::Status => f.write_str("status"),
            KeyPart::Severity => f.write_str("severity"),
            KeyPart::Attribute(name) => write!(f, "attribute:{name}"),
        }
    }
}

impl<'de> Deserialize<'de> for KeyPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KeyPart::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for KeyPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for KeyPart {
    fn schema_name() -> Cow<'static, str> {
        "KeyPart".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(resource|attribute):.+$|^(scope|name|kind|status|severity)$|\\$\\{",
            "description": "`resource:NAME`, `attribute:NAME`, `scope`, `name`, `kind`, `status` or `severity`."
        })
    }
}

/// What the hash of a part is mixed with, so that equal values of different parts are not taken for each other.
const NAME: u64 = 1;
const KIND: u64 = 2;
const STATUS: u64 = 3;
const SEVERITY: u64 = 4;
const SCOPE: u64 = 5;
/// Of the first attribute; the others follow.
const ATTRIBUTE: u64 = 6;

/// Which attributes and fields make a key.
///
/// A key is the hash of its parts. The hashes of the parts are added up, so that fields count in whatever order they stand. An
/// attribute is compared as it is encoded, with its type; of one that occurs twice in an item, both values count.
#[derive(Debug)]
pub(super) struct KeyPlan {
    hasher: IdentityHasher,
    resource: Vec<Box<[u8]>>,
    attributes: Vec<Box<[u8]>>,
    scope: bool,
    name: bool,
    kind: bool,
    status: bool,
    severity: bool,
    /// Finds what is wanted of a span, its `tracestate` besides.
    sieve: Sieve,
}

impl KeyPlan {
    /// The plan for some parts. Hashes of different seeds have nothing to do with each other.
    pub(super) fn new(parts: &[KeyPart], seed: u64) -> Self {
        let has = |part| parts.contains(&part);
        let named = |pick: fn(&KeyPart) -> Option<&str>| {
            let names = parts.iter().filter_map(pick);
            names.map(|name| name.as_bytes().into()).collect()
        };
        let mut plan = KeyPlan {
            hasher: IdentityHasher::new(seed),
            resource: named(|part| match part {
                KeyPart::Resource(name) => Some(name),
                _ => None,
            }),
            attributes: named(|part| match part {
                KeyPart::Attribute(name) => Some(name),
                _ => None,
            }),
            scope: has(KeyPart::Scope),
            name: has(KeyPart::Name),
            kind: has(KeyPart::Kind),
            status: has(KeyPart::Status),
            severity: has(KeyPart::Severity),
            sieve: Sieve::new(&[], span::ATTRIBUTES, &[]),
        };
        plan.sieve = plan.sieve_of_spans();
        plan
    }

    fn sieve_of_spans(&self) -> Sieve {
        let fields = [
            (true, span::TRACE_STATE),
            (self.name, span::NAME),
            (self.kind, span::KIND),
            (self.status, span::STATUS),
        ];
        let wanted = fields.into_iter().filter(|(wanted, _)| *wanted);
        let numbers: Vec<u32> = wanted.map(|(_, number)| number).collect();
        let keys: Vec<usize> = self.attributes.iter().map(|name| name.len()).collect();
        Sieve::new(&numbers, span::ATTRIBUTES, &keys)
    }

    /// The fields of a span that count: those of which something is asked, and the `tracestate`.
    #[inline]
    pub(super) fn sift<'a>(&self, span: &'a [u8]) -> Sifting<'_, 'a> {
        self.sieve.sift(span)
    }

    /// What a `Resource` adds to the keys in it.
    pub(super) fn of_resource(&self, message: &[u8]) -> Result<u64, WireError> {
        let mut hash = 0;
        for name in &self.resource {
            let value = wire::attribute(message, resource::ATTRIBUTES, name)?.unwrap_or_default();
            hash = self.hasher.pair(hash, self.hasher.bytes(value));
        }
        Ok(hash)
    }

    /// What an `InstrumentationScope` adds to the keys in it.
    pub(super) fn of_scope(&self, message: &[u8]) -> Result<u64, WireError> {
        if !self.scope {
            return Ok(0);
        }
        let name = wire::first_bytes(message, instrumentation_scope::NAME)?;
        Ok(self.text(SCOPE, name))
    }

    /// What a field of a span adds to its key.
    #[inline]
    pub(super) fn of_span_field(&self, number: u32, value: Value<'_>) -> Result<u64, WireError> {
        Ok(match (number, value) {
            (span::NAME, Value::Len(name)) if self.name => self.text(NAME, name),
            (span::KIND, Value::Varint(kind)) if self.kind => self.hasher.pair(KIND, kind),
            (span::STATUS, Value::Len(body)) if self.status => {
                let code = wire::first_number(body, status::CODE)?;
                // No status is the same as one that is not set.
                if code == 0 {
                    0
                } else {
                    self.hasher.pair(STATUS, code)
                }
            }
            (span::ATTRIBUTES, Value::Len(body)) => self.of_attribute(body)?,
            _ => 0,
        })
    }

    /// What a log record adds to its key.
    pub(super) fn of_record(&self, record: &[u8]) -> Result<u64, WireError> {
        if !self.severity && !self.name && self.attributes.is_empty() {
            return Ok(0);
        }
        let mut hash = 0_u64;
        let mut cursor = Cursor::new(record);
        while let Some(field) = cursor.next_field()? {
            let part = match (field.number, field.value) {
                (log_record::SEVERITY_NUMBER, Value::Varint(number)) if self.severity => {
                    self.hasher.pair(SEVERITY, number.div_ceil(4))
                }
                (log_record::EVENT_NAME, Value::Len(name)) if self.name => self.text(NAME, name),
                (log_record::ATTRIBUTES, Value::Len(body)) => self.of_attribute(body)?,
                _ => 0,
            };
            hash = hash.wrapping_add(part);
        }
        Ok(hash)
    }

    /// The key of what stands in a resource and a scope.
    #[inline]
    pub(super) fn key(&self, outer: u64, item: u64) -> u64 {
        self.hasher.pair(outer, item)
    }

    #[inline]
    fn of_attribute(&self, body: &[u8]) -> Result<u64, WireError> {
        let mut hash = 0_u64;
        for (index, name) in self.attributes.iter().enumerate() {
            if wire::may_be_named(body, name) {
                let (key, value) = wire::key_value(body)?;
                if key == &**name {
                    hash = hash.wrapping_add(self.text(ATTRIBUTE + index as u64, value));
                }
            }
        }
        Ok(hash)
    }

    /// Empty is the same as missing.
    #[inline]
    fn text(&self, part: u64, text: &[u8]) -> u64 {
        if text.is_empty() {
            0
        } else {
            self.hasher.pair(part, self.hasher.bytes(text))
        }
    }
}
