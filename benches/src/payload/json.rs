//! OTLP JSON of the messages that this module builds: field names in camelCase, ids in hex, 64-bit numbers as strings,
//! enums as numbers. Source: OTLP specification, "JSON Protobuf Encoding". Fields that are never set are left out.

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

pub(super) fn traces(request: &ExportTraceServiceRequest) -> Value {
    let groups = request.resource_spans.iter().map(|group| {
        let scopes = list(group.scope_spans.iter().map(
            |scoped| json!({ "scope": scope(&scoped.scope), "spans": list(scoped.spans.iter().map(span)) }),
        ));
        json!({ "resource": resource(&group.resource), "scopeSpans": scopes, "schemaUrl": group.schema_url })
    });
    json!({ "resourceSpans": list(groups) })
}

pub(super) fn logs(request: &ExportLogsServiceRequest) -> Value {
    let groups = request.resource_logs.iter().map(|group| {
        let scopes = list(group.scope_logs.iter().map(|scoped| {
            json!({ "scope": scope(&scoped.scope), "logRecords": list(scoped.log_records.iter().map(log_record)) })
        }));
        json!({ "resource": resource(&group.resource), "scopeLogs": scopes })
    });
    json!({ "resourceLogs": list(groups) })
}

pub(super) fn metrics(request: &ExportMetricsServiceRequest) -> Value {
    let groups = request.resource_metrics.iter().map(|group| {
        let scopes = list(group.scope_metrics.iter().map(|scoped| {
            json!({ "scope": scope(&scoped.scope), "metrics": list(scoped.metrics.iter().map(metric)) })
        }));
        json!({ "resource": resource(&group.resource), "scopeMetrics": scopes })
    });
    json!({ "resourceMetrics": list(groups) })
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::Array(values.collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn resource(resource: &Option<Resource>) -> Value {
    json!({ "attributes": attributes(resource.as_ref().map_or(&[], |resource| resource.attributes.as_slice())) })
}

fn scope(scope: &Option<InstrumentationScope>) -> Value {
    scope.as_ref().map_or(
        Value::Null,
        |scope| json!({ "name": scope.name, "version": scope.version }),
    )
}

fn attributes(attributes: &[KeyValue]) -> Value {
    list(
        attributes
            .iter()
            .map(|attribute| json!({ "key": attribute.key, "value": any(&attribute.value) })),
    )
}

fn any(value: &Option<AnyValue>) -> Value {
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => json!({ "stringValue": text }),
        Some(any_value::Value::IntValue(number)) => json!({ "intValue": number.to_string() }),
        // No other kind is built here.
        _ => json!({}),
    }
}

fn span(span: &Span) -> Value {
    json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "attributes": attributes(&span.attributes),
        "status": {},
    })
}

fn log_record(record: &LogRecord) -> Value {
    json!({
        "timeUnixNano": record.time_unix_nano.to_string(),
        "observedTimeUnixNano": record.observed_time_unix_nano.to_string(),
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": any(&record.body),
        "attributes": attributes(&record.attributes),
        "traceId": hex(&record.trace_id),
        "spanId": hex(&record.span_id),
        "flags": record.flags,
    })
}

fn metric(metric: &Metric) -> Value {
    let mut value = json!({ "name": metric.name, "unit": metric.unit });
    let data = match &metric.data {
        Some(Data::Gauge(gauge)) => Some(("gauge", json!({ "dataPoints": points(&gauge.data_points) }))),
        Some(Data::Sum(sum)) => Some((
            "sum",
            json!({
                "dataPoints": points(&sum.data_points),
                "aggregationTemporality": sum.aggregation_temporality,
                "isMonotonic": sum.is_monotonic,
            }),
        )),
        // No other kind is built here.
        _ => None,
    };
    if let (Some((key, data)), Some(object)) = (data, value.as_object_mut()) {
        object.insert(key.to_owned(), data);
    }
    value
}

fn points(points: &[NumberDataPoint]) -> Value {
    list(points.iter().map(|point| {
        let value = match point.value {
            Some(number_data_point::Value::AsInt(value)) => value,
            _ => 0,
        };
        json!({
            "attributes": attributes(&point.attributes),
            "startTimeUnixNano": point.start_time_unix_nano.to_string(),
            "timeUnixNano": point.time_unix_nano.to_string(),
            "asInt": value.to_string(),
        })
    }))
}
