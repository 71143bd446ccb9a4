//! Decoded requests, and their items one by one.

use bytes::Bytes;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// A request, decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decoded {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

impl Decoded {
    pub(crate) fn signal(&self) -> Signal {
        match self {
            Decoded::Traces(_) => Signal::Traces,
            Decoded::Metrics(_) => Signal::Metrics,
            Decoded::Logs(_) => Signal::Logs,
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Decoded::Traces(request) => request.encode_to_vec(),
            Decoded::Metrics(request) => request.encode_to_vec(),
            Decoded::Logs(request) => request.encode_to_vec(),
        }
        .into()
    }

    pub(crate) fn decode(signal: Signal, bytes: &[u8]) -> Decoded {
        match signal {
            Signal::Traces => Decoded::Traces(ExportTraceServiceRequest::decode(bytes).expect("valid")),
            Signal::Metrics => Decoded::Metrics(ExportMetricsServiceRequest::decode(bytes).expect("valid")),
            Signal::Logs => Decoded::Logs(ExportLogsServiceRequest::decode(bytes).expect("valid")),
        }
    }
}

/// What one item is, and what it stands in, as conditions see it; the message it is, as its bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) scope: InstrumentationScope,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) status: i32,
    pub(crate) severity: i32,
    pub(crate) metric_type: &'static str,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) whole: Vec<u8>,
}

/// Every item, with what it stands in.
pub(crate) fn flatten(request: &Decoded) -> Vec<View> {
    let mut views = Vec::new();
    let mut request = request.clone();
    each_item(&mut request, |view, _| views.push(view));
    views
}

/// Calls `visit` with each item's view and its attributes, to be changed.
pub(crate) fn each_item(request: &mut Decoded, mut visit: impl FnMut(View, &mut Vec<KeyValue>)) {
    match request {
        Decoded::Traces(request) => {
            for resource in &mut request.resource_spans {
                for scope in &mut resource.scope_spans {
                    for span in &mut scope.spans {
                        let view = View {
                            name: span.name.clone(),
                            kind: span.kind,
                            status: span.status.as_ref().map_or(0, |status| status.code),
                            whole: span.encode_to_vec(),
                            ..outer(&resource.resource, &scope.scope, &span.attributes)
                        };
                        visit(view, &mut span.attributes);
                    }
                }
            }
        }
        Decoded::Logs(request) => {
            for resource in &mut request.resource_logs {
                for scope in &mut resource.scope_logs {
                    for record in &mut scope.log_records {
                        let view = View {
                            name: record.event_name.clone(),
                            severity: record.severity_number,
                            whole: record.encode_to_vec(),
                            ..outer(&resource.resource, &scope.scope, &record.attributes)
                        };
                        visit(view, &mut record.attributes);
                    }
                }
            }
        }
        Decoded::Metrics(request) => {
            for resource in &mut request.resource_metrics {
                for scope in &mut resource.scope_metrics {
                    for metric in &mut scope.metrics {
                        let base = View {
                            name: metric.name.clone(),
                            ..outer(&resource.resource, &scope.scope, &[])
                        };
                        each_point(metric, |metric_type, whole, attributes| {
                            let own = attributes.clone();
                            visit(
                                View {
                                    metric_type,
                                    whole,
                                    attributes: own,
                                    ..base.clone()
                                },
                                attributes,
                            );
                        });
                    }
                }
            }
        }
    }
}

fn outer(resource: &Option<Resource>, scope: &Option<InstrumentationScope>, own: &[KeyValue]) -> View {
    View {
        resource: resource.clone().unwrap_or_default().attributes,
        scope: scope.clone().unwrap_or_default(),
        attributes: own.to_vec(),
        ..View::default()
    }
}

fn each_point(metric: &mut Metric, mut visit: impl FnMut(&'static str, Vec<u8>, &mut Vec<KeyValue>)) {
    match &mut metric.data {
        Some(Data::Gauge(data)) => {
            data.data_points
                .iter_mut()
                .for_each(|p| visit("gauge", p.encode_to_vec(), &mut p.attributes));
        }
        Some(Data::Sum(data)) => {
            data.data_points
                .iter_mut()
                .for_each(|p| visit("sum", p.encode_to_vec(), &mut p.attributes));
        }
        Some(Data::Histogram(data)) => {
            data.data_points
                .iter_mut()
                .for_each(|p| visit("histogram", p.encode_to_vec(), &mut p.attributes));
        }
        Some(Data::ExponentialHistogram(data)) => data
            .data_points
            .iter_mut()
            .for_each(|p| visit("exponential_histogram", p.encode_to_vec(), &mut p.attributes)),
        Some(Data::Summary(data)) => {
            data.data_points
                .iter_mut()
                .for_each(|p| visit("summary", p.encode_to_vec(), &mut p.attributes));
        }
        None => {}
    }
}

/// The value of the first attribute of this name.
pub(crate) fn first<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}
