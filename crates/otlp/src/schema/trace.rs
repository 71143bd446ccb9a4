//! `trace.v1` and `collector.trace.v1`.

use super::common::{KEY_VALUE, RESOURCE, SCOPE};
use super::{Enum, Kind, Message, repeated, single};

pub(super) static TRACE_REQUEST: Message = Message {
    name: "ExportTraceServiceRequest",
    fields: &[repeated(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))],
};

pub(super) static TRACE_RESPONSE: Message = Message {
    name: "ExportTraceServiceResponse",
    fields: &[single(1, "partialSuccess", Kind::Message(&TRACE_PARTIAL))],
};

static TRACE_PARTIAL: Message = Message {
    name: "ExportTracePartialSuccess",
    fields: &[
        single(1, "rejectedSpans", Kind::Int64),
        single(2, "errorMessage", Kind::String),
    ],
};

static RESOURCE_SPANS: Message = Message {
    name: "ResourceSpans",
    fields: &[
        single(1, "resource", Kind::Message(&RESOURCE)),
        repeated(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static SCOPE_SPANS: Message = Message {
    name: "ScopeSpans",
    fields: &[
        single(1, "scope", Kind::Message(&SCOPE)),
        repeated(2, "spans", Kind::Message(&SPAN)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static SPAN: Message = Message {
    name: "Span",
    fields: &[
        single(1, "traceId", Kind::Id(16)),
        single(2, "spanId", Kind::Id(8)),
        single(3, "traceState", Kind::String),
        single(4, "parentSpanId", Kind::Id(8)),
        single(16, "flags", Kind::Fixed32),
        single(5, "name", Kind::String),
        single(6, "kind", Kind::Enum(&SPAN_KIND)),
        single(7, "startTimeUnixNano", Kind::Fixed64),
        single(8, "endTimeUnixNano", Kind::Fixed64),
        repeated(9, "attributes", Kind::Message(&KEY_VALUE)),
        single(10, "droppedAttributesCount", Kind::Uint32),
        repeated(11, "events", Kind::Message(&EVENT)),
        single(12, "droppedEventsCount", Kind::Uint32),
        repeated(13, "links", Kind::Message(&LINK)),
        single(14, "droppedLinksCount", Kind::Uint32),
        single(15, "status", Kind::Message(&STATUS)),
    ],
};

static SPAN_KIND: Enum = Enum {
    prefix: "SPAN_KIND_",
    values: &[
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ],
};

static EVENT: Message = Message {
    name: "Span.Event",
    fields: &[
        single(1, "timeUnixNano", Kind::Fixed64),
        single(2, "name", Kind::String),
        repeated(3, "attributes", Kind::Message(&KEY_VALUE)),
        single(4, "droppedAttributesCount", Kind::Uint32),
    ],
};

static LINK: Message = Message {
    name: "Span.Link",
    fields: &[
        single(1, "traceId", Kind::Id(16)),
        single(2, "spanId", Kind::Id(8)),
        single(3, "traceState", Kind::String),
        repeated(4, "attributes", Kind::Message(&KEY_VALUE)),
        single(5, "droppedAttributesCount", Kind::Uint32),
        single(6, "flags", Kind::Fixed32),
    ],
};

static STATUS: Message = Message {
    name: "Status",
    fields: &[
        single(2, "message", Kind::String),
        single(3, "code", Kind::Enum(&STATUS_CODE)),
    ],
};

static STATUS_CODE: Enum = Enum {
    prefix: "STATUS_CODE_",
    values: &["UNSET", "OK", "ERROR"],
};
