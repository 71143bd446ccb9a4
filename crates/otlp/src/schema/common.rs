//! `common.v1` and `resource.v1`.

use super::{Kind, Message, oneof, repeated, single};

/// Any value: the readable rendering puts it on one line.
pub(crate) static ANY_VALUE: Message = Message {
    name: "AnyValue",
    fields: &[
        oneof(1, "stringValue", Kind::String),
        oneof(2, "boolValue", Kind::Bool),
        oneof(3, "intValue", Kind::Int64),
        oneof(4, "doubleValue", Kind::Double),
        oneof(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        oneof(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        oneof(7, "bytesValue", Kind::Bytes),
        oneof(8, "stringValueStrindex", Kind::Int32),
    ],
};

static ARRAY_VALUE: Message = Message {
    name: "ArrayValue",
    fields: &[repeated(1, "values", Kind::Message(&ANY_VALUE))],
};

static KEY_VALUE_LIST: Message = Message {
    name: "KeyValueList",
    fields: &[repeated(1, "values", Kind::Message(&KEY_VALUE))],
};

/// One attribute: the readable rendering puts it on one line.
pub(crate) static KEY_VALUE: Message = Message {
    name: "KeyValue",
    fields: &[
        single(1, "key", Kind::String),
        single(2, "value", Kind::Message(&ANY_VALUE)),
        single(3, "keyStrindex", Kind::Int32),
    ],
};

pub(super) static SCOPE: Message = Message {
    name: "InstrumentationScope",
    fields: &[
        single(1, "name", Kind::String),
        single(2, "version", Kind::String),
        repeated(3, "attributes", Kind::Message(&KEY_VALUE)),
        single(4, "droppedAttributesCount", Kind::Uint32),
    ],
};

static ENTITY_REF: Message = Message {
    name: "EntityRef",
    fields: &[
        single(1, "schemaUrl", Kind::String),
        single(2, "type", Kind::String),
        repeated(3, "idKeys", Kind::String),
        repeated(4, "descriptionKeys", Kind::String),
    ],
};

pub(super) static RESOURCE: Message = Message {
    name: "Resource",
    fields: &[
        repeated(1, "attributes", Kind::Message(&KEY_VALUE)),
        single(2, "droppedAttributesCount", Kind::Uint32),
        repeated(3, "entityRefs", Kind::Message(&ENTITY_REF)),
    ],
};
