//! Random requests with things in them that must not leave.

use super::{CARD, MAIL, list, map, string};
use crate::testing::Decoded;
use crate::testing::attribute;
use fastrand::Rng;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// What must not leave: found by a pattern that is ready, by a regular expression, and by the key.
pub(super) const SECRETS: [&str; 4] = [CARD, MAIL, "tok-ABCDEF", "hunter2"];
/// What is found by nothing.
const HARMLESS: [&str; 6] = [
    "",
    "x",
    "GET /orders/17",
    "4111",
    "some@where",
    "\u{e9}t\u{e9} \u{65e5}\u{672c}",
];

/// Makes requests, and now and then plants something.
pub(super) struct Planter {
    pub(super) random: Rng,
    /// One of how many places has something planted; 0 for none.
    pub(super) rate: u32,
    pub(super) planted: usize,
}

impl Planter {
    fn plants(&mut self) -> bool {
        let plants = self.rate > 0 && self.random.u32(..self.rate) == 0;
        self.planted += usize::from(plants);
        plants
    }

    fn harmless(&mut self) -> String {
        let text = HARMLESS[self.random.usize(..HARMLESS.len())];
        let times = if self.random.u8(..8) == 0 { 30 } else { 1 };
        text.repeat(times)
    }

    fn text(&mut self) -> String {
        let mut text = self.harmless();
        if self.plants() {
            let secret = SECRETS[self.random.usize(..3)];
            text = format!("{text} is {secret} of {}", self.harmless());
        }
        text
    }

    fn key(&mut self) -> String {
        if self.plants() {
            return format!("k.{}", SECRETS[self.random.usize(..3)]);
        }
        ["a", "b", "http.method", "deep", "k.1"][self.random.usize(..5)].to_owned()
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.random.u8(..10) {
            0 => Value::BoolValue(true),
            1 if self.plants() => Value::IntValue(CARD.parse().unwrap()),
            1 => Value::IntValue(self.random.i64(-9999..9999)),
            2 if self.plants() => Value::DoubleValue(CARD.parse().unwrap()),
            2 => Value::DoubleValue(self.random.f64()),
            3 => Value::BytesValue([&[0xff], self.text().as_bytes(), &[0xfe]].concat()),
            4 if depth < 5 => {
                let count = self.random.usize(..4);
                list((0..count).map(|_| self.value(depth + 1)).collect())
            }
            5 if depth < 5 => {
                let entries = self.entries(depth + 1);
                let mut value = map(Vec::new());
                if let Value::KvlistValue(list) = &mut value {
                    list.values = entries;
                }
                value
            }
            _ => string(&self.text()),
        }
    }

    fn entries(&mut self, depth: u32) -> Vec<KeyValue> {
        let count = self.random.usize(..5);
        let entry = |_| {
            if self.plants() {
                let inner = match self.random.u8(..3) {
                    0 => string(SECRETS[3]),
                    1 => list(vec![string(SECRETS[3])]),
                    _ => map(vec![("x", Value::BytesValue(SECRETS[3].as_bytes().to_vec()))]),
                };
                return attribute("user.password", inner);
            }
            let value = self.value(depth);
            KeyValue {
                key: self.key(),
                value: (self.random.u8(..9) > 0).then_some(AnyValue { value: Some(value) }),
                ..KeyValue::default()
            }
        };
        (0..count).map(entry).collect()
    }

    fn resource(&mut self) -> Option<Resource> {
        (self.random.u8(..5) > 0).then(|| Resource {
            attributes: self.entries(0),
            ..Resource::default()
        })
    }

    fn scope(&mut self) -> Option<InstrumentationScope> {
        (self.random.u8(..5) > 0).then(|| InstrumentationScope {
            name: self.text(),
            version: self.text(),
            attributes: self.entries(0),
            dropped_attributes_count: self.random.u32(..2),
        })
    }

    fn several<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.random.usize(..4)).map(|_| make(self)).collect()
    }

    fn span(&mut self) -> Span {
        Span {
            trace_id: vec![7; 16],
            trace_state: self.text(),
            name: self.text(),
            attributes: self.entries(0),
            events: self.several(|planter| Event {
                name: planter.text(),
                attributes: planter.entries(0),
                ..Event::default()
            }),
            links: self.several(|planter| Link {
                trace_state: planter.text(),
                attributes: planter.entries(0),
                ..Link::default()
            }),
            status: Some(Status {
                message: self.text(),
                code: 2,
            }),
            flags: 0x101,
            ..Span::default()
        }
    }

    fn record(&mut self) -> LogRecord {
        LogRecord {
            time_unix_nano: 5,
            severity_text: self.text(),
            event_name: self.text(),
            body: Some(AnyValue {
                value: Some(self.value(0)),
            }),
            attributes: self.entries(0),
            ..LogRecord::default()
        }
    }

    fn exemplars(&mut self) -> Vec<Exemplar> {
        self.several(|planter| Exemplar {
            filtered_attributes: planter.entries(0),
            span_id: vec![1; 8],
            ..Exemplar::default()
        })
    }

    fn data(&mut self) -> Data {
        let numbers = |planter: &mut Self| {
            planter.several(|planter| NumberDataPoint {
                attributes: planter.entries(0),
                exemplars: planter.exemplars(),
                value: Some(number_data_point::Value::AsInt(3)),
                ..NumberDataPoint::default()
            })
        };
        match self.random.u8(..5) {
            0 => Data::Gauge(Gauge {
                data_points: numbers(self),
            }),
            1 => Data::Sum(Sum {
                data_points: numbers(self),
                ..Sum::default()
            }),
            2 => Data::Histogram(Histogram {
                data_points: self.several(|planter| HistogramDataPoint {
                    attributes: planter.entries(0),
                    exemplars: planter.exemplars(),
                    count: 1,
                    ..HistogramDataPoint::default()
                }),
                ..Histogram::default()
            }),
            3 => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.several(|planter| ExponentialHistogramDataPoint {
                    attributes: planter.entries(0),
                    exemplars: planter.exemplars(),
                    ..ExponentialHistogramDataPoint::default()
                }),
                ..ExponentialHistogram::default()
            }),
            _ => Data::Summary(Summary {
                data_points: self.several(|planter| SummaryDataPoint {
                    attributes: planter.entries(0),
                    ..SummaryDataPoint::default()
                }),
            }),
        }
    }

    fn metric(&mut self) -> Metric {
        Metric {
            name: self.text(),
            description: self.text(),
            unit: self.text(),
            metadata: self.entries(0),
            data: Some(self.data()),
        }
    }

    /// A request of a signal.
    pub(super) fn request(&mut self, signal: Signal) -> Decoded {
        match signal {
            Signal::Traces => Decoded::Traces(ExportTraceServiceRequest {
                resource_spans: self.several(|planter| ResourceSpans {
                    resource: planter.resource(),
                    scope_spans: planter.several(|planter| ScopeSpans {
                        scope: planter.scope(),
                        spans: planter.several(Self::span),
                        ..ScopeSpans::default()
                    }),
                    ..ResourceSpans::default()
                }),
            }),
            Signal::Logs => Decoded::Logs(ExportLogsServiceRequest {
                resource_logs: self.several(|planter| ResourceLogs {
                    resource: planter.resource(),
                    scope_logs: planter.several(|planter| ScopeLogs {
                        scope: planter.scope(),
                        log_records: planter.several(Self::record),
                        ..ScopeLogs::default()
                    }),
                    ..ResourceLogs::default()
                }),
            }),
            Signal::Metrics => Decoded::Metrics(ExportMetricsServiceRequest {
                resource_metrics: self.several(|planter| ResourceMetrics {
                    resource: planter.resource(),
                    scope_metrics: planter.several(|planter| ScopeMetrics {
                        scope: planter.scope(),
                        metrics: planter.several(Self::metric),
                        ..ScopeMetrics::default()
                    }),
                    ..ResourceMetrics::default()
                }),
            }),
        }
    }
}
