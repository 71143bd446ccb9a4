//! Requests put together again from what the views say. Whoever compares them with the originals has read every field through the
//! views.

use forebay_otlp::views::{self, AnyValueKind, Numbers, Repeated, View};
use forebay_otlp::{Signal, WireError};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};

use super::Request;

type Read<T> = Result<T, WireError>;

/// The request that the views see in `bytes`. Messages that are absent read as empty ones and so become present.
pub fn request(signal: Signal, bytes: &[u8]) -> Read<Request> {
    let envelopes = views::Request::new(bytes).resource_envelopes();
    Ok(match signal {
        Signal::Traces => Request::Traces(ExportTraceServiceRequest {
            resource_spans: each(envelopes, resource_spans)?,
        }),
        Signal::Metrics => Request::Metrics(ExportMetricsServiceRequest {
            resource_metrics: each(envelopes, resource_metrics)?,
        }),
        Signal::Logs => Request::Logs(ExportLogsServiceRequest {
            resource_logs: each(envelopes, resource_logs)?,
        }),
    })
}

fn each<'a, V: View<'a>, T>(views: Repeated<'a, V>, make: impl Fn(V) -> Read<T>) -> Read<Vec<T>> {
    views.map(|view| make(view?)).collect()
}

fn texts(views: Repeated<'_, &[u8]>) -> Read<Vec<String>> {
    each(views, |bytes| Ok(String::from_utf8_lossy(bytes).into_owned()))
}

fn key_value(view: views::KeyValue<'_>) -> Read<KeyValue> {
    let (key, value) = view.read()?;
    assert_eq!((key, value), (view.key()?.as_bytes(), view.value()?));
    Ok(KeyValue {
        key: view.key()?.into(),
        value: Some(any_value(value)?),
        key_strindex: view.key_strindex()?,
    })
}

fn any_value(view: views::AnyValue<'_>) -> Read<AnyValue> {
    let value = match view.kind()? {
        AnyValueKind::Empty => None,
        AnyValueKind::Text(text) => Some(Value::StringValue(text.into())),
        AnyValueKind::Bool(value) => Some(Value::BoolValue(value)),
        AnyValueKind::Int(value) => Some(Value::IntValue(value)),
        AnyValueKind::Double(value) => Some(Value::DoubleValue(value)),
        AnyValueKind::Array(list) => Some(Value::ArrayValue(ArrayValue {
            values: each(list.values(), any_value)?,
        })),
        AnyValueKind::Map(map) => Some(Value::KvlistValue(KeyValueList {
            values: each(map.values(), key_value)?,
        })),
        AnyValueKind::Bytes(bytes) => Some(Value::BytesValue(bytes.into())),
        AnyValueKind::TextIndex(index) => Some(Value::StringValueStrindex(index)),
    };
    Ok(AnyValue { value })
}

fn resource(view: views::Resource<'_>) -> Read<Resource> {
    let entity = |view: views::EntityRef<'_>| {
        Ok(EntityRef {
            schema_url: view.schema_url()?.into(),
            r#type: view.entity_type()?.into(),
            id_keys: texts(view.id_keys())?,
            description_keys: texts(view.description_keys())?,
        })
    };
    Ok(Resource {
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
        entity_refs: each(view.entity_refs(), entity)?,
    })
}

fn scope(view: views::Scope<'_>) -> Read<InstrumentationScope> {
    Ok(InstrumentationScope {
        name: view.name()?.into(),
        version: view.version()?.into(),
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
    })
}

fn resource_spans(view: views::ResourceEnvelope<'_>) -> Read<ResourceSpans> {
    let scope_spans = |view: views::ScopeEnvelope<'_>| {
        Ok(ScopeSpans {
            scope: Some(scope(view.scope()?)?),
            spans: each(view.spans(), span)?,
            schema_url: view.schema_url()?.into(),
        })
    };
    Ok(ResourceSpans {
        resource: Some(resource(view.resource()?)?),
        scope_spans: each(view.scope_envelopes(), scope_spans)?,
        schema_url: view.schema_url()?.into(),
    })
}

fn span(view: views::Span<'_>) -> Read<Span> {
    let status = view.status()?;
    Ok(Span {
        trace_id: view.trace_id()?.into(),
        span_id: view.span_id()?.into(),
        trace_state: view.trace_state()?.into(),
        parent_span_id: view.parent_span_id()?.into(),
        flags: view.flags()?,
        name: view.name()?.into(),
        kind: view.kind()?,
        start_time_unix_nano: view.start_time_unix_nano()?,
        end_time_unix_nano: view.end_time_unix_nano()?,
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
        events: each(view.events(), event)?,
        dropped_events_count: view.dropped_events_count()?,
        links: each(view.links(), link)?,
        dropped_links_count: view.dropped_links_count()?,
        status: Some(Status {
            message: status.message()?.into(),
            code: status.code()?,
        }),
    })
}

fn event(view: views::Event<'_>) -> Read<Event> {
    Ok(Event {
        time_unix_nano: view.time_unix_nano()?,
        name: view.name()?.into(),
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
    })
}

fn link(view: views::Link<'_>) -> Read<Link> {
    Ok(Link {
        trace_id: view.trace_id()?.into(),
        span_id: view.span_id()?.into(),
        trace_state: view.trace_state()?.into(),
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
        flags: view.flags()?,
    })
}

fn resource_logs(view: views::ResourceEnvelope<'_>) -> Read<ResourceLogs> {
    let scope_logs = |view: views::ScopeEnvelope<'_>| {
        Ok(ScopeLogs {
            scope: Some(scope(view.scope()?)?),
            log_records: each(view.log_records(), log_record)?,
            schema_url: view.schema_url()?.into(),
        })
    };
    Ok(ResourceLogs {
        resource: Some(resource(view.resource()?)?),
        scope_logs: each(view.scope_envelopes(), scope_logs)?,
        schema_url: view.schema_url()?.into(),
    })
}

fn log_record(view: views::LogRecord<'_>) -> Read<LogRecord> {
    Ok(LogRecord {
        time_unix_nano: view.time_unix_nano()?,
        observed_time_unix_nano: view.observed_time_unix_nano()?,
        severity_number: view.severity_number()?,
        severity_text: view.severity_text()?.into(),
        body: Some(any_value(view.body()?)?),
        attributes: each(view.attributes(), key_value)?,
        dropped_attributes_count: view.dropped_attributes_count()?,
        flags: view.flags()?,
        trace_id: view.trace_id()?.into(),
        span_id: view.span_id()?.into(),
        event_name: view.event_name()?.into(),
    })
}

fn resource_metrics(view: views::ResourceEnvelope<'_>) -> Read<ResourceMetrics> {
    let scope_metrics = |view: views::ScopeEnvelope<'_>| {
        Ok(ScopeMetrics {
            scope: Some(scope(view.scope()?)?),
            metrics: each(view.metrics(), metric)?,
            schema_url: view.schema_url()?.into(),
        })
    };
    Ok(ResourceMetrics {
        resource: Some(resource(view.resource()?)?),
        scope_metrics: each(view.scope_envelopes(), scope_metrics)?,
        schema_url: view.schema_url()?.into(),
    })
}

fn metric(view: views::Metric<'_>) -> Read<Metric> {
    Ok(Metric {
        name: view.name()?.into(),
        description: view.description()?.into(),
        unit: view.unit()?.into(),
        metadata: each(view.metadata(), key_value)?,
        data: view.data()?.map(data).transpose()?,
    })
}

fn data(view: views::Data<'_>) -> Read<Data> {
    Ok(match view {
        views::Data::Gauge(view) => Data::Gauge(Gauge {
            data_points: each(view.data_points(), number_point)?,
        }),
        views::Data::Sum(view) => Data::Sum(Sum {
            data_points: each(view.data_points(), number_point)?,
            aggregation_temporality: view.aggregation_temporality()?,
            is_monotonic: view.is_monotonic()?,
        }),
        views::Data::Histogram(view) => Data::Histogram(Histogram {
            data_points: each(view.data_points(), histogram_point)?,
            aggregation_temporality: view.aggregation_temporality()?,
        }),
        views::Data::ExponentialHistogram(view) => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: each(view.data_points(), exponential_point)?,
            aggregation_temporality: view.aggregation_temporality()?,
        }),
        views::Data::Summary(view) => Data::Summary(Summary {
            data_points: each(view.data_points(), summary_point)?,
        }),
    })
}

fn numbers<E: views::Element>(numbers: Numbers<'_, E>) -> Read<Vec<E::Number>> {
    numbers.collect()
}

fn number_point(view: views::NumberDataPoint<'_>) -> Read<NumberDataPoint> {
    let value = view.value()?.map(|value| match value {
        views::Number::Double(value) => number_data_point::Value::AsDouble(value),
        views::Number::Int(value) => number_data_point::Value::AsInt(value),
    });
    Ok(NumberDataPoint {
        attributes: each(view.attributes(), key_value)?,
        start_time_unix_nano: view.start_time_unix_nano()?,
        time_unix_nano: view.time_unix_nano()?,
        exemplars: each(view.exemplars(), exemplar)?,
        flags: view.flags()?,
        value,
    })
}

fn histogram_point(view: views::HistogramDataPoint<'_>) -> Read<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: each(view.attributes(), key_value)?,
        start_time_unix_nano: view.start_time_unix_nano()?,
        time_unix_nano: view.time_unix_nano()?,
        count: view.count()?,
        sum: view.sum()?,
        bucket_counts: numbers(view.bucket_counts())?,
        explicit_bounds: numbers(view.explicit_bounds())?,
        exemplars: each(view.exemplars(), exemplar)?,
        flags: view.flags()?,
        min: view.min()?,
        max: view.max()?,
    })
}

fn exponential_point(view: views::ExponentialHistogramDataPoint<'_>) -> Read<ExponentialHistogramDataPoint> {
    let buckets = |view: views::Buckets<'_>| {
        Ok(Some(Buckets {
            offset: view.offset()?,
            bucket_counts: numbers(view.bucket_counts())?,
        }))
    };
    Ok(ExponentialHistogramDataPoint {
        attributes: each(view.attributes(), key_value)?,
        start_time_unix_nano: view.start_time_unix_nano()?,
        time_unix_nano: view.time_unix_nano()?,
        count: view.count()?,
        sum: view.sum()?,
        scale: view.scale()?,
        zero_count: view.zero_count()?,
        positive: buckets(view.positive()?)?,
        negative: buckets(view.negative()?)?,
        flags: view.flags()?,
        exemplars: each(view.exemplars(), exemplar)?,
        min: view.min()?,
        max: view.max()?,
        zero_threshold: view.zero_threshold()?,
    })
}

fn summary_point(view: views::SummaryDataPoint<'_>) -> Read<SummaryDataPoint> {
    let quantile = |view: views::ValueAtQuantile<'_>| {
        Ok(ValueAtQuantile {
            quantile: view.quantile()?,
            value: view.value()?,
        })
    };
    Ok(SummaryDataPoint {
        attributes: each(view.attributes(), key_value)?,
        start_time_unix_nano: view.start_time_unix_nano()?,
        time_unix_nano: view.time_unix_nano()?,
        count: view.count()?,
        sum: view.sum()?,
        quantile_values: each(view.quantile_values(), quantile)?,
        flags: view.flags()?,
    })
}

fn exemplar(view: views::Exemplar<'_>) -> Read<Exemplar> {
    let value = view.value()?.map(|value| match value {
        views::Number::Double(value) => exemplar::Value::AsDouble(value),
        views::Number::Int(value) => exemplar::Value::AsInt(value),
    });
    Ok(Exemplar {
        filtered_attributes: each(view.filtered_attributes(), key_value)?,
        time_unix_nano: view.time_unix_nano()?,
        span_id: view.span_id()?.into(),
        trace_id: view.trace_id()?.into(),
        value,
    })
}
