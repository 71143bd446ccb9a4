//! Where rules look.

use super::*;
use crate::testing::Decoded;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

fn marked() -> Vec<KeyValue> {
    vec![attribute("k", string(CARD))]
}

/// A request of each signal with a card at every level.
fn requests() -> [Decoded; 3] {
    let resource = Some(Resource {
        attributes: marked(),
        ..Resource::default()
    });
    let scope = Some(InstrumentationScope {
        name: CARD.to_owned(),
        version: CARD.to_owned(),
        attributes: marked(),
        ..InstrumentationScope::default()
    });
    let text = || CARD.to_owned();
    let span = Span {
        name: text(),
        trace_state: text(),
        attributes: marked(),
        events: vec![Event {
            name: text(),
            attributes: marked(),
            ..Event::default()
        }],
        links: vec![Link {
            trace_state: text(),
            attributes: marked(),
            ..Link::default()
        }],
        status: Some(Status {
            message: text(),
            code: 2,
        }),
        ..Span::default()
    };
    let record = LogRecord {
        severity_text: text(),
        event_name: text(),
        attributes: marked(),
        body: Some(value(map(vec![("k", string(CARD))]))),
        ..LogRecord::default()
    };
    let mut traces = spans(vec![span]);
    let mut logs = logs(vec![record]);
    (traces.resource_spans[0].resource, logs.resource_logs[0].resource) =
        (resource.clone(), resource.clone());
    traces.resource_spans[0].scope_spans[0].scope = scope.clone();
    logs.resource_logs[0].scope_logs[0].scope = scope.clone();
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource,
            scope_metrics: vec![ScopeMetrics {
                scope,
                metrics: metrics(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    [
        Decoded::Traces(traces),
        Decoded::Metrics(metrics),
        Decoded::Logs(logs),
    ]
}

/// A metric of each kind.
fn metrics() -> Vec<Metric> {
    let exemplars = vec![Exemplar {
        filtered_attributes: marked(),
        ..Exemplar::default()
    }];
    let numbers = vec![NumberDataPoint {
        attributes: marked(),
        exemplars: exemplars.clone(),
        ..NumberDataPoint::default()
    }];
    let kinds = [
        Data::Gauge(Gauge {
            data_points: numbers.clone(),
        }),
        Data::Sum(Sum {
            data_points: numbers,
            ..Sum::default()
        }),
        Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                attributes: marked(),
                exemplars: exemplars.clone(),
                ..HistogramDataPoint::default()
            }],
            ..Histogram::default()
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                attributes: marked(),
                exemplars,
                ..ExponentialHistogramDataPoint::default()
            }],
            ..ExponentialHistogram::default()
        }),
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                attributes: marked(),
                ..SummaryDataPoint::default()
            }],
        }),
    ];
    let metric = |data| Metric {
        name: CARD.to_owned(),
        description: CARD.to_owned(),
        unit: CARD.to_owned(),
        metadata: marked(),
        data: Some(data),
    };
    kinds.into_iter().map(metric).collect()
}

/// How many cards are left in requests of spans, data points and log records, by a rule with these levels.
fn cards_left(levels: &str) -> [usize; 3] {
    let config =
        format!(r#"rules = [{{ name = "c", patterns = ["credit_card"], action = "mask" {levels} }}]"#);
    requests().map(|request| {
        let outcome = testing::run("redaction", &config, request.signal(), &[request.encode()]);
        let bytes = outcome.emitted.unwrap().0.contiguous();
        bytes
            .windows(CARD.len())
            .filter(|window| *window == CARD.as_bytes())
            .count()
    })
}

#[test]
fn a_rule_looks_everywhere_unless_it_says_where() {
    let all = [12, 4 + 5 * 4 + 5 + 4, 8];
    let whole = requests().map(|request| {
        let bytes = request.encode();
        bytes
            .windows(CARD.len())
            .filter(|window| *window == CARD.as_bytes())
            .count()
    });
    assert_eq!(whole, all);
    assert_eq!(cards_left(""), [0, 0, 0]);
    for (level, found) in [
        ("resource", [1, 1, 1]),
        ("scope", [3, 3, 3]),
        ("metric", [0, 20, 0]),
        ("item", [2, 5, 2]),
        ("name", [1, 0, 1]),
        ("status", [1, 0, 0]),
        ("body", [0, 0, 1]),
        ("event", [2, 0, 0]),
        ("link", [2, 0, 0]),
        ("exemplar", [0, 4, 0]),
    ] {
        let left = cards_left(&format!(", levels = [\"{level}\"]"));
        let expected = [0, 1, 2].map(|signal| all[signal] - found[signal]);
        assert_eq!(left, expected, "{level}");
    }
    let left = cards_left(", levels = [\"body\", \"resource\"]");
    assert_eq!(left, [11, 32, 6]);
}

#[test]
fn rules_of_other_levels_go_their_own_ways() {
    let config = r#"rules = [
    { name = "bodies", patterns = ["credit_card"], keys = ["p"], action = "mask", levels = ["body"] },
    { name = "rest", patterns = ["credit_card"], keys = ["p"], action = "drop", levels = ["item"] },
]"#;
    let record = LogRecord {
        body: Some(value(map(vec![("p", string("x")), ("q", string(CARD))]))),
        attributes: vec![attribute("p", string("x")), attribute("q", string(CARD))],
        event_name: CARD.to_owned(),
        ..LogRecord::default()
    };
    let left = records_left(config, vec![record]).remove(0);
    let body = map(vec![("p", string("****")), ("q", string("****"))]);
    assert_eq!((left.body, left.attributes.len()), (Some(value(body)), 0));
    assert_eq!(left.event_name, CARD);
}

#[test]
fn a_trace_state_goes_as_a_whole() {
    let config = r#"rules = [{ name = "mail", patterns = ["email"], action = "mask" }]"#;
    let span = Span {
        trace_state: format!("a=b,c={MAIL}"),
        name: format!("to {MAIL}"),
        ..Span::default()
    };
    let left = span_left(config, span);
    assert_eq!((left.trace_state.as_str(), left.name.as_str()), ("", "to ****"));
}
