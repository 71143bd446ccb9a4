//! What the editor should do, done the slow way: on requests decoded by prost.

use std::fmt::Debug;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{InstrumentationScope, KeyValue},
    metrics::v1::{Metric, metric::Data},
    resource::v1::Resource,
};
use prost::Message;

use crate::{Signal, edit::Level};

pub(super) type Change<'c> = &'c dyn Fn(&mut Vec<KeyValue>);

/// A request of one signal, decoded.
pub(super) trait Model: Message + Debug + Default + Clone + PartialEq {
    const SIGNAL: Signal;

    /// Changes every list of attributes of a level.
    fn change(&mut self, level: Level, change: Change<'_>);

    /// Keeps the items, encoded, about which `keep` says so, and removes what becomes empty.
    fn retain(&mut self, keep: &mut dyn FnMut(&[u8]) -> bool);

    /// The items with what they stand in: everything but their siblings, encoded.
    fn items(&self) -> Vec<Vec<u8>>;
}

fn change_resource(resource: &mut Option<Resource>, change: Change<'_>) {
    let mut changed = resource.clone().unwrap_or_default();
    change(&mut changed.attributes);
    if resource.is_some() || !changed.attributes.is_empty() {
        *resource = Some(changed);
    }
}

fn change_scope(scope: &mut Option<InstrumentationScope>, change: Change<'_>) {
    let mut changed = scope.clone().unwrap_or_default();
    change(&mut changed.attributes);
    if scope.is_some() || !changed.attributes.is_empty() {
        *scope = Some(changed);
    }
}

/// A filter of items that counts.
struct Filter<'k> {
    keep: &'k mut dyn FnMut(&[u8]) -> bool,
    kept: usize,
    dropped: usize,
}

impl<'k> Filter<'k> {
    fn new(keep: &'k mut dyn FnMut(&[u8]) -> bool) -> Self {
        Filter {
            keep,
            kept: 0,
            dropped: 0,
        }
    }

    fn items<M: Message>(&mut self, items: &mut Vec<M>) {
        items.retain(|item| {
            let keep = (self.keep)(&item.encode_to_vec());
            *(if keep { &mut self.kept } else { &mut self.dropped }) += 1;
            keep
        });
    }

    /// Whether something stays inside of what `filter` goes through, or nothing went.
    fn stays(&mut self, filter: impl FnOnce(&mut Self)) -> bool {
        let (kept, dropped) = (self.kept, self.dropped);
        filter(self);
        self.kept > kept || self.dropped == dropped
    }

    fn points(&mut self, metric: &mut Metric) {
        match &mut metric.data {
            None => {}
            Some(Data::Gauge(data)) => self.items(&mut data.data_points),
            Some(Data::Sum(data)) => self.items(&mut data.data_points),
            Some(Data::Histogram(data)) => self.items(&mut data.data_points),
            Some(Data::ExponentialHistogram(data)) => self.items(&mut data.data_points),
            Some(Data::Summary(data)) => self.items(&mut data.data_points),
        }
    }
}

/// The identity of an item: the encodings of what it stands in, and its own.
fn identity(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&b"|"[..])
}

fn head<M: Message>(head: &Option<M>) -> Vec<u8> {
    head.as_ref().map_or_else(Vec::new, M::encode_to_vec)
}

impl Model for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal::Traces;

    fn change(&mut self, level: Level, change: Change<'_>) {
        for envelope in &mut self.resource_spans {
            match level {
                Level::Resource => change_resource(&mut envelope.resource, change),
                Level::Scope => {
                    envelope
                        .scope_spans
                        .iter_mut()
                        .for_each(|scope| change_scope(&mut scope.scope, change));
                }
                Level::Metric => {}
                Level::Item => {
                    let spans = envelope.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans);
                    spans.for_each(|span| change(&mut span.attributes));
                }
            }
        }
    }

    fn retain(&mut self, keep: &mut dyn FnMut(&[u8]) -> bool) {
        let mut filter = Filter::new(keep);
        self.resource_spans.retain_mut(|envelope| {
            filter.stays(|filter| {
                envelope
                    .scope_spans
                    .retain_mut(|scope| filter.stays(|filter| filter.items(&mut scope.spans)));
            })
        });
    }

    fn items(&self) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for envelope in &self.resource_spans {
            for scope in &envelope.scope_spans {
                for span in &scope.spans {
                    let (url, inner_url) = (envelope.schema_url.as_bytes(), scope.schema_url.as_bytes());
                    let heads = (head(&envelope.resource), head(&scope.scope));
                    items.push(identity(&[
                        url,
                        &heads.0,
                        inner_url,
                        &heads.1,
                        &span.encode_to_vec(),
                    ]));
                }
            }
        }
        items
    }
}

impl Model for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal::Logs;

    fn change(&mut self, level: Level, change: Change<'_>) {
        for envelope in &mut self.resource_logs {
            match level {
                Level::Resource => change_resource(&mut envelope.resource, change),
                Level::Scope => {
                    envelope
                        .scope_logs
                        .iter_mut()
                        .for_each(|scope| change_scope(&mut scope.scope, change));
                }
                Level::Metric => {}
                Level::Item => {
                    let records = envelope
                        .scope_logs
                        .iter_mut()
                        .flat_map(|scope| &mut scope.log_records);
                    records.for_each(|record| change(&mut record.attributes));
                }
            }
        }
    }

    fn retain(&mut self, keep: &mut dyn FnMut(&[u8]) -> bool) {
        let mut filter = Filter::new(keep);
        self.resource_logs.retain_mut(|envelope| {
            filter.stays(|filter| {
                envelope
                    .scope_logs
                    .retain_mut(|scope| filter.stays(|filter| filter.items(&mut scope.log_records)));
            })
        });
    }

    fn items(&self) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for envelope in &self.resource_logs {
            for scope in &envelope.scope_logs {
                for record in &scope.log_records {
                    let (url, inner_url) = (envelope.schema_url.as_bytes(), scope.schema_url.as_bytes());
                    let heads = (head(&envelope.resource), head(&scope.scope));
                    items.push(identity(&[
                        url,
                        &heads.0,
                        inner_url,
                        &heads.1,
                        &record.encode_to_vec(),
                    ]));
                }
            }
        }
        items
    }
}

impl Model for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal::Metrics;

    fn change(&mut self, level: Level, change: Change<'_>) {
        for envelope in &mut self.resource_metrics {
            if level == Level::Resource {
                change_resource(&mut envelope.resource, change);
            }
            for scope in &mut envelope.scope_metrics {
                if level == Level::Scope {
                    change_scope(&mut scope.scope, change);
                }
                for metric in &mut scope.metrics {
                    match level {
                        Level::Metric => change(&mut metric.metadata),
                        Level::Item => change_points(metric, change),
                        _ => {}
                    }
                }
            }
        }
    }

    fn retain(&mut self, keep: &mut dyn FnMut(&[u8]) -> bool) {
        let mut filter = Filter::new(keep);
        self.resource_metrics.retain_mut(|envelope| {
            filter.stays(|filter| {
                envelope.scope_metrics.retain_mut(|scope| {
                    filter.stays(|filter| {
                        scope
                            .metrics
                            .retain_mut(|metric| filter.stays(|filter| filter.points(metric)));
                    })
                });
            })
        });
    }

    fn items(&self) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for envelope in &self.resource_metrics {
            for scope in &envelope.scope_metrics {
                for metric in &scope.metrics {
                    let mut points = Vec::new();
                    let mut shell = metric.clone();
                    let mut take = |point: &[u8]| {
                        points.push(point.to_vec());
                        false
                    };
                    Filter::new(&mut take).points(&mut shell);
                    let (url, inner_url) = (envelope.schema_url.as_bytes(), scope.schema_url.as_bytes());
                    let heads = (
                        head(&envelope.resource),
                        head(&scope.scope),
                        shell.encode_to_vec(),
                    );
                    let identify =
                        |point: Vec<u8>| identity(&[url, &heads.0, inner_url, &heads.1, &heads.2, &point]);
                    items.extend(points.into_iter().map(identify));
                }
            }
        }
        items
    }
}

fn change_points(metric: &mut Metric, change: Change<'_>) {
    match &mut metric.data {
        None => {}
        Some(Data::Gauge(data)) => data
            .data_points
            .iter_mut()
            .for_each(|point| change(&mut point.attributes)),
        Some(Data::Sum(data)) => data
            .data_points
            .iter_mut()
            .for_each(|point| change(&mut point.attributes)),
        Some(Data::Histogram(data)) => data
            .data_points
            .iter_mut()
            .for_each(|point| change(&mut point.attributes)),
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points
                .iter_mut()
                .for_each(|point| change(&mut point.attributes));
        }
        Some(Data::Summary(data)) => data
            .data_points
            .iter_mut()
            .for_each(|point| change(&mut point.attributes)),
    }
}
