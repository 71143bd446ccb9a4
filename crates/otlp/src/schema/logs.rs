//! `logs.v1` and `collector.logs.v1`.

use super::common::{ANY_VALUE, KEY_VALUE, RESOURCE, SCOPE};
use super::{Enum, Kind, Message, repeated, single};

pub(super) static LOGS_REQUEST: Message = Message {
    name: "ExportLogsServiceRequest",
    fields: &[repeated(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))],
};

pub(super) static LOGS_RESPONSE: Message = Message {
    name: "ExportLogsServiceResponse",
    fields: &[single(1, "partialSuccess", Kind::Message(&LOGS_PARTIAL))],
};

static LOGS_PARTIAL: Message = Message {
    name: "ExportLogsPartialSuccess",
    fields: &[
        single(1, "rejectedLogRecords", Kind::Int64),
        single(2, "errorMessage", Kind::String),
    ],
};

static RESOURCE_LOGS: Message = Message {
    name: "ResourceLogs",
    fields: &[
        single(1, "resource", Kind::Message(&RESOURCE)),
        repeated(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static SCOPE_LOGS: Message = Message {
    name: "ScopeLogs",
    fields: &[
        single(1, "scope", Kind::Message(&SCOPE)),
        repeated(2, "logRecords", Kind::Message(&LOG_RECORD)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static LOG_RECORD: Message = Message {
    name: "LogRecord",
    fields: &[
        single(1, "timeUnixNano", Kind::Fixed64),
        single(11, "observedTimeUnixNano", Kind::Fixed64),
        single(2, "severityNumber", Kind::Enum(&SEVERITY)),
        single(3, "severityText", Kind::String),
        single(5, "body", Kind::Message(&ANY_VALUE)),
        repeated(6, "attributes", Kind::Message(&KEY_VALUE)),
        single(7, "droppedAttributesCount", Kind::Uint32),
        single(8, "flags", Kind::Fixed32),
        single(9, "traceId", Kind::Id(16)),
        single(10, "spanId", Kind::Id(8)),
        single(12, "eventName", Kind::String),
    ],
};

static SEVERITY: Enum = Enum {
    prefix: "SEVERITY_NUMBER_",
    values: &[
        "UNSPECIFIED",
        "TRACE",
        "TRACE2",
        "TRACE3",
        "TRACE4",
        "DEBUG",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "INFO",
        "INFO2",
        "INFO3",
        "INFO4",
        "WARN",
        "WARN2",
        "WARN3",
        "WARN4",
        "ERROR",
        "ERROR2",
        "ERROR3",
        "ERROR4",
        "FATAL",
        "FATAL2",
        "FATAL3",
        "FATAL4",
    ],
};
