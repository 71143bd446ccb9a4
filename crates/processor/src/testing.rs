//! For the tests of processors: running one on one request, and random requests.

use bytes::Bytes;
use forebay_core::component::{BuiltProcessor, Outputs};
use forebay_core::ledger::Ledger;
use forebay_core::registry::{PreparedProcessor, Registry};
use forebay_core::{
    Accounts, Balance, Batch, DeliveryToken, Diagnostic, Entry, NodeId, Payload, Section, Signal, Source,
    Time, Verdict,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Reads a config text as the table of a processor of this type.
pub(crate) fn prepare(kind: &str, config: &str) -> Result<PreparedProcessor, Vec<Diagnostic>> {
    let mut registry = Registry::default();
    crate::register(&mut registry);
    let source = Source {
        name: "test.toml".to_owned(),
        text: config.to_owned(),
    };
    (registry.processors[kind].prepare)(&Section::whole(Arc::new(source)))
}

/// The first thing wrong with a config text, and the piece of it that is blamed.
pub(crate) fn mistake(kind: &str, config: &str) -> (String, String) {
    let Err(found) = prepare(kind, config) else {
        panic!("`{config}` is accepted")
    };
    let place = found[0].place.clone().expect("a mistake has a place");
    (found[0].message.clone(), place.source.text[place.span].to_owned())
}

/// What came of one request.
pub(crate) struct Outcome {
    /// The bytes that the processor emitted, and how many items it says are in them; nothing if it emitted nothing.
    pub(crate) emitted: Option<(Payload, u64)>,
    pub(crate) balance: Balance,
    pub(crate) verdict: Verdict,
    /// Bytes on the ledger while the emitted batch was there.
    pub(crate) leased: u64,
}

/// Runs a processor on one request, and delivers what it emits.
pub(crate) fn run(kind: &str, config: &str, signal: Signal, slices: &[Bytes]) -> Outcome {
    let prepared = prepare(kind, config).unwrap_or_else(|found| panic!("{config}: {found:?}"));
    let Ok(BuiltProcessor::Stateless(processor)) = (prepared.build)(1) else {
        panic!("not stateless")
    };
    let payload: Payload = slices.iter().cloned().collect();
    let items = forebay_otlp::count_items(signal, &payload.contiguous()).unwrap_or(1);
    let (accounts, ledger) = (Accounts::new(1), Ledger::new(1 << 30));
    let (token, mut delivery) = DeliveryToken::new();
    let entry = Entry {
        custody: accounts.receive(NodeId(0), signal, items, payload.len() as u64),
        lease: ledger.lease(payload.len() as u64).expect("room"),
        token,
        origin: Arc::default(),
        received_at: Time::default(),
    };
    let mut outputs = Outputs::new();
    processor.process(Batch::new(signal, payload, entry), &mut outputs);
    let batches: Vec<Batch> = outputs.drain().map(|(_, batch)| batch).collect();
    assert!(batches.len() <= 1);
    let leased = ledger.read().used;
    let mut emitted = None;
    for batch in batches {
        emitted = Some((batch.payload().clone(), batch.items()));
        batch.delivered(0, None);
    }
    let Poll::Ready(verdict) = Pin::new(&mut delivery).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the sender waits for ever")
    };
    let balance = accounts.total();
    assert_eq!(
        (balance.unaccounted(), balance.held, ledger.read().used),
        (0, 0, 0)
    );
    Outcome {
        emitted,
        balance,
        verdict,
        leased,
    }
}

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

/// The keys of random attributes: few, so that they meet those of random configs.
pub(crate) const KEYS: [&str; 7] = [
    "a",
    "b",
    "c",
    "http.method",
    "http.header.x",
    "http.header.y",
    "ключ",
];
pub(crate) const TEXTS: [&str; 7] = ["", "x", "GET /orders/17", "17", "true", "1.5", "日本語"];
pub(crate) const NAMES: [&str; 5] = ["GET /orders", "GET /health", "POST /orders", "", "größe"];

pub(crate) fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Value::StringValue(value.to_owned())),
    })
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    let array = Value::ArrayValue(ArrayValue {
        values: text("x").into_iter().collect(),
    });
    prop_oneof![
        5 => select(&TEXTS[..]).prop_map(text),
        2 => select(vec![0, 1, 17, -3, i64::MIN]).prop_map(|n| Some(AnyValue { value: Some(Value::IntValue(n)) })),
        2 => select(vec![0.0, 1.5, -2.75, 17.0, 1e300, 3e-9])
            .prop_map(|n| Some(AnyValue { value: Some(Value::DoubleValue(n)) })),
        1 => any::<bool>().prop_map(|b| Some(AnyValue { value: Some(Value::BoolValue(b)) })),
        1 => Just(Some(AnyValue { value: Some(Value::BytesValue(vec![0, 255])) })),
        1 => Just(Some(AnyValue { value: Some(array) })),
        1 => Just(Some(AnyValue { value: None })),
        1 => "[a-z]{120,140}".prop_map(|long| text(&long)),
    ]
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let one = (select(&KEYS[..]), any_value());
    vec(
        one.prop_map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value,
            ..KeyValue::default()
        }),
        0..6,
    )
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::weighted(
        0.8,
        attributes().prop_map(|attributes| Resource {
            attributes,
            ..Resource::default()
        }),
    )
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let own = (select(&NAMES[..]), select(&TEXTS[..]), attributes());
    let scope = own.prop_map(|(name, version, attributes)| InstrumentationScope {
        name: name.to_owned(),
        version: version.to_owned(),
        attributes,
        dropped_attributes_count: 3,
    });
    option::weighted(0.8, scope)
}

fn span() -> impl Strategy<Value = Span> {
    let event = attributes().prop_map(|attributes| Event {
        name: "e".to_owned(),
        attributes,
        ..Event::default()
    });
    let own = (
        select(&NAMES[..]),
        0..6,
        option::of(0..3),
        attributes(),
        vec(event, 0..3),
    );
    own.prop_map(|(name, kind, status, attributes, events)| Span {
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        name: name.to_owned(),
        kind,
        start_time_unix_nano: 5,
        attributes,
        events,
        status: status.map(|code| Status {
            code,
            message: "m".to_owned(),
        }),
        flags: 0x101,
        ..Span::default()
    })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let own = (select(&NAMES[..]), 0..25, attributes(), any_value());
    own.prop_map(|(name, severity_number, attributes, body)| LogRecord {
        event_name: name.to_owned(),
        severity_number,
        attributes,
        body,
        ..LogRecord::default()
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    (select(&NAMES[..]), 0..6, vec(attributes(), 0..4)).prop_map(|(name, kind, points)| Metric {
        name: name.to_owned(),
        unit: "s".to_owned(),
        data: data(kind, points),
        ..Metric::default()
    })
}

fn data(kind: i32, points: Vec<Vec<KeyValue>>) -> Option<Data> {
    let points = points.into_iter();
    let number = |attributes| NumberDataPoint {
        attributes,
        time_unix_nano: 9,
        value: Some(number_data_point::Value::AsInt(4)),
        ..NumberDataPoint::default()
    };
    Some(match kind {
        0 => Data::Gauge(Gauge {
            data_points: points.map(number).collect(),
        }),
        1 => Data::Sum(Sum {
            data_points: points.map(number).collect(),
            is_monotonic: true,
            ..Sum::default()
        }),
        2 => Data::Histogram(Histogram {
            data_points: points
                .map(|attributes| HistogramDataPoint {
                    attributes,
                    bucket_counts: vec![1, 2],
                    explicit_bounds: vec![0.5],
                    ..HistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 2,
        }),
        3 => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: points
                .map(|attributes| ExponentialHistogramDataPoint {
                    attributes,
                    scale: -3,
                    ..ExponentialHistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 1,
        }),
        4 => Data::Summary(Summary {
            data_points: points
                .map(|attributes| SummaryDataPoint {
                    attributes,
                    sum: 2.5,
                    ..SummaryDataPoint::default()
                })
                .collect(),
        }),
        _ => return None,
    })
}

/// Requests of all signals, some of them with envelopes that hold nothing.
pub(crate) fn request() -> impl Strategy<Value = Decoded> {
    let schema_url = "https://example.com/schema";
    let spans = (scope(), vec(span(), 0..5)).prop_map(move |(scope, spans)| ScopeSpans {
        scope,
        spans,
        schema_url: schema_url.to_owned(),
    });
    let traces = (resource(), vec(spans, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
        resource,
        scope_spans,
        schema_url: String::new(),
    });
    let records = (scope(), vec(record(), 0..5)).prop_map(|(scope, log_records)| ScopeLogs {
        scope,
        log_records,
        schema_url: String::new(),
    });
    let logs = (resource(), vec(records, 0..3)).prop_map(move |(resource, scope_logs)| ResourceLogs {
        resource,
        scope_logs,
        schema_url: schema_url.to_owned(),
    });
    let metrics = (scope(), vec(metric(), 0..4)).prop_map(|(scope, metrics)| ScopeMetrics {
        scope,
        metrics,
        schema_url: String::new(),
    });
    let metrics = (resource(), vec(metrics, 0..3)).prop_map(|(resource, scope_metrics)| ResourceMetrics {
        resource,
        scope_metrics,
        schema_url: String::new(),
    });
    prop_oneof![
        vec(traces, 0..3)
            .prop_map(|resource_spans| Decoded::Traces(ExportTraceServiceRequest { resource_spans })),
        vec(logs, 0..3).prop_map(|resource_logs| Decoded::Logs(ExportLogsServiceRequest { resource_logs })),
        vec(metrics, 0..3)
            .prop_map(|resource_metrics| Decoded::Metrics(ExportMetricsServiceRequest { resource_metrics })),
    ]
}

/// Cuts `bytes` into up to three slices, which need not be requests by themselves.
pub(crate) fn cut(bytes: &Bytes, places: (usize, usize)) -> Vec<Bytes> {
    let mut places = [places.0 % (bytes.len() + 1), places.1 % (bytes.len() + 1)];
    places.sort_unstable();
    vec![
        bytes.slice(..places[0]),
        bytes.slice(places[0]..places[1]),
        bytes.slice(places[1]..),
    ]
}

/// A condition as a config writes it, and as the tests understand it.
#[derive(Clone, Copy)]
pub(crate) struct Condition {
    /// The key of the selector, and the value.
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) holds: fn(Signal, &View) -> bool,
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

/// The value of the first attribute of this name.
pub(crate) fn first<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn has_text(attributes: &[KeyValue], key: &str, test: impl Fn(&str) -> bool) -> bool {
    match first(attributes, key) {
        Some(Value::StringValue(text)) => test(text),
        Some(Value::IntValue(value)) => test(&value.to_string()),
        Some(Value::BoolValue(value)) => test(&value.to_string()),
        _ => false,
    }
}

/// Conditions on what items stand in.
pub(crate) const OUTER: [Condition; 5] = [
    Condition {
        key: "resource",
        value: r#"{ a = "x" }"#,
        holds: |_, v| has_text(&v.resource, "a", |t| t == "x"),
    },
    Condition {
        key: "resource",
        value: "{ b = { present = false } }",
        holds: |_, v| !v.resource.iter().any(|a| a.key == "b"),
    },
    Condition {
        key: "resource",
        value: r#"{ a = ["regex:^1", true, 17] }"#,
        holds: |_, v| {
            has_text(&v.resource, "a", |t| t.starts_with('1'))
                || matches!(first(&v.resource, "a"), Some(Value::BoolValue(true)))
                || matches!(first(&v.resource, "a"), Some(Value::DoubleValue(n)) if *n == 17.0)
        },
    },
    Condition {
        key: "signals",
        value: r#"["traces", "logs"]"#,
        holds: |s, _| s != Signal::Metrics,
    },
    Condition {
        key: "signals",
        value: r#"["metrics"]"#,
        holds: |s, _| s == Signal::Metrics,
    },
];

/// Conditions on scopes.
pub(crate) const SCOPE: [Condition; 2] = [
    Condition {
        key: "scope",
        value: r#"{ names = ["glob:*orders"] }"#,
        holds: |_, v| v.scope.name.ends_with("orders"),
    },
    Condition {
        key: "scope",
        value: r#"{ versions = ["glob:?", "exact:1.5"], attributes = { "ключ" = { present = true } } }"#,
        holds: |_, v| {
            (v.scope.version.chars().count() == 1 || v.scope.version == "1.5")
                && v.scope.attributes.iter().any(|a| a.key == "ключ")
        },
    },
];

/// Conditions on items.
pub(crate) const ITEM: [Condition; 10] = [
    Condition {
        key: "names",
        value: r#"["glob:GET *", "größe"]"#,
        holds: |_, v| v.name.starts_with("GET ") || v.name == "größe",
    },
    Condition {
        key: "names",
        value: r#"["regex:(?i)ORDERS$"]"#,
        holds: |_, v| v.name.ends_with("orders"),
    },
    Condition {
        key: "kinds",
        value: r#"["server", "internal"]"#,
        holds: |s, v| s == Signal::Traces && [1, 2].contains(&v.kind),
    },
    Condition {
        key: "status",
        value: r#"["unset"]"#,
        holds: |s, v| s == Signal::Traces && v.status == 0,
    },
    Condition {
        key: "severity_min",
        value: r#""warn""#,
        holds: |s, v| s == Signal::Logs && v.severity >= 13,
    },
    Condition {
        key: "severity_max",
        value: r#""debug""#,
        holds: |s, v| s == Signal::Logs && (1..=8).contains(&v.severity),
    },
    Condition {
        key: "metric_types",
        value: r#"["sum", "summary"]"#,
        holds: |_, v| ["sum", "summary"].contains(&v.metric_type),
    },
    Condition {
        key: "attributes",
        value: r#"{ a = "x" }"#,
        holds: |_, v| has_text(&v.attributes, "a", |t| t == "x"),
    },
    Condition {
        key: "attributes",
        value: r#"{ "ключ" = ["glob:*本*", { present = false }] }"#,
        holds: |_, v| {
            has_text(&v.attributes, "ключ", |t| t.contains('本'))
                || !v.attributes.iter().any(|a| a.key == "ключ")
        },
    },
    Condition {
        key: "attributes",
        value: "{ c = 1.5, b = { present = true } }",
        holds: |_, v| {
            matches!(first(&v.attributes, "c"), Some(Value::DoubleValue(n)) if *n == 1.5)
                && v.attributes.iter().any(|a| a.key == "b")
        },
    },
];

/// Conditions with different keys that can hold together for some signal.
pub(crate) fn conditions(from: Vec<Condition>) -> impl Strategy<Value = Vec<Condition>> {
    vec(select(from), 1..4).prop_map(|mut chosen| {
        chosen.sort_by_key(|condition| condition.key);
        chosen.dedup_by_key(|condition| condition.key);
        if chosen.iter().any(|condition| {
            condition.value.starts_with("\"")
                || condition.key == "kinds"
                || condition.key == "status"
                || condition.key == "metric_types"
        }) {
            let special = |key: &str| {
                ["kinds", "metric_types", "severity_max", "severity_min", "status"].contains(&key)
            };
            let kept = chosen.iter().position(|condition| special(condition.key));
            let mut index = 0;
            chosen.retain(|condition| {
                let keep = condition.key != "signals" && (!special(condition.key) || Some(index) == kept);
                index += 1;
                keep
            });
        }
        chosen
    })
}

/// Conditions as the table of a selector.
pub(crate) fn selector(conditions: &[Condition]) -> String {
    let keys: Vec<String> = conditions
        .iter()
        .map(|condition| format!("{condition:?}"))
        .collect();
    format!("{{ {} }}", keys.join(", "))
}
