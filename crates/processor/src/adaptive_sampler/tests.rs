//! What is kept, what is written into it, and what users see; in `swings` whole runs against a simulated clock.

mod swings;
mod written;

use super::AdaptiveSampler;
use super::config::AdaptiveSamplerConfig;
use crate::testing::{self, Decoded, attribute, mistake, text};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use forebay_sampling::probability::{Randomness, Threshold, TraceState};
use forebay_telemetry::{Exposition, Instruments};
use forebay_testkit::SimulatedClock;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use std::sync::Arc;
use std::time::Duration;

const KIND: &str = "adaptive_sampler";

/// A started processor, with its clock.
struct Rig {
    sampler: AdaptiveSampler,
    clock: SimulatedClock,
}

impl Rig {
    fn new(config: &str, seed: u64) -> Rig {
        let config: AdaptiveSamplerConfig = toml::from_str(config).expect("a config");
        let rig = Rig {
            sampler: AdaptiveSampler::new(&config, fastrand::Rng::with_seed(seed)),
            clock: SimulatedClock::default(),
        };
        rig.sampler.state.start(rig.clock.clock());
        rig
    }

    fn give(&self, request: &Decoded) -> testing::Outcome {
        self.give_bytes(request.signal(), request.encode())
    }

    fn give_bytes(&self, signal: Signal, bytes: Bytes) -> testing::Outcome {
        testing::pass(&self.sampler, Arc::default(), signal, &[bytes])
    }

    fn advance(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }

    /// The samples of all its metrics.
    fn exposition(&self) -> String {
        let mut exposition = Exposition::new();
        for metric in self.sampler.state.families() {
            self.sampler
                .state
                .write(metric, "n", &mut exposition.family(metric));
        }
        exposition.finish()
    }
}

fn span(id: u128, name: &str) -> Span {
    Span {
        trace_id: id.to_be_bytes().to_vec(),
        span_id: vec![1; 8],
        name: name.to_owned(),
        ..Span::default()
    }
}

fn resource(service: &str) -> Option<Resource> {
    Some(Resource {
        attributes: vec![KeyValue {
            key: "service.name".to_owned(),
            value: text(service),
            ..KeyValue::default()
        }],
        ..Resource::default()
    })
}

fn resource_spans(service: &str, scope: &str, spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope {
        name: scope.to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: resource(service),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

fn traces(spans: Vec<Span>) -> Decoded {
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![resource_spans("shop", "http", spans)],
    })
}

fn logs(log_records: Vec<LogRecord>) -> Decoded {
    let scope_logs = vec![ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    }];
    Decoded::Logs(ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource("shop"),
            scope_logs,
            ..ResourceLogs::default()
        }],
    })
}

fn spans_of(outcome: &testing::Outcome) -> Vec<Span> {
    let Some((payload, items)) = &outcome.emitted else {
        return Vec::new();
    };
    let Decoded::Traces(request) = Decoded::decode(Signal::Traces, &payload.contiguous()) else {
        panic!("traces go in")
    };
    let scopes = request.resource_spans.into_iter().flat_map(|r| r.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
    assert_eq!(spans.len() as u64, *items);
    spans
}

fn records_of(outcome: &testing::Outcome) -> Vec<LogRecord> {
    let Some((payload, _)) = &outcome.emitted else {
        return Vec::new();
    };
    let Decoded::Logs(request) = Decoded::decode(Signal::Logs, &payload.contiguous()) else {
        panic!("log records go in")
    };
    let scopes = request.resource_logs.into_iter().flat_map(|r| r.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

fn threshold_of(span: &Span) -> Option<Threshold> {
    TraceState::parse(span.trace_state.as_bytes())
        .unwrap()
        .threshold()
}

/// A thousand spans of random traces in one batch of one key, of which a target of 10/s cannot let many through.
fn flood(name: &str, seed: u64) -> Vec<Span> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..1000).map(|_| span(rng.u128(1..), name)).collect()
}

#[test]
fn what_is_below_the_target_passes_untouched() {
    let rig = Rig::new("target = \"1000/s\"", 1);
    let request = traces(flood("a", 1)[..100].to_vec()).encode();
    for _ in 0..20 {
        let outcome = rig.give_bytes(Signal::Traces, request.clone());
        let (payload, items) = outcome.emitted.expect("all is kept");
        assert_eq!(items, 100);
        assert_eq!(payload.contiguous().as_ptr(), request.as_ptr());
        assert_eq!(outcome.balance.sampled_out, 0);
        rig.advance(0.5);
    }
}

#[test]
fn what_is_sampled_out_is_counted_and_a_success_to_the_sender() {
    let rig = Rig::new("target = \"10/s\"", 1);
    let outcome = rig.give(&traces(flood("a", 1)));
    let kept = spans_of(&outcome).len() as u64;
    assert!(kept > 0 && kept < 200, "{kept}");
    assert_eq!(outcome.balance.sampled_out, 1000 - kept);
    assert_eq!(outcome.balance.delivered, kept);
    assert!(outcome.verdict.failure.is_none());
}

#[test]
fn a_batch_of_which_nothing_is_left_is_a_success_to_the_sender() {
    let rig = Rig::new("target = \"10/s\"", 1);
    // R = 0: the first of all to go.
    let lowest = 1 << 56;
    let outcome = rig.give(&traces(vec![span(lowest, "a"); 1000]));
    assert!(outcome.emitted.is_none());
    assert_eq!(outcome.balance.sampled_out, 1000);
    assert!(outcome.verdict.failure.is_none());
}

#[test]
fn the_signals_have_a_target_each() {
    let rig = Rig::new("target = \"100/s\"", 1);
    let record = LogRecord {
        severity_number: 9,
        ..LogRecord::default()
    };
    let mut kept_spans = 0;
    for _ in 0..100 {
        let outcome = rig.give(&logs(vec![record.clone(); 1000]));
        assert!(records_of(&outcome).len() < 500);
        kept_spans += spans_of(&rig.give(&traces(flood("a", 1)[..5].to_vec()))).len();
        rig.advance(0.1);
    }
    assert_eq!(kept_spans, 500, "50 spans a second are below the target");
}

#[test]
fn data_points_are_not_taken() {
    let prepared = testing::prepare(KIND, "target = \"1/s\"").expect("a config");
    assert!(!prepared.declaration.inputs.contains(Signal::Metrics));
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let outcome = testing::run(
        KIND,
        "target = \"1/s\"",
        Signal::Traces,
        &[Bytes::from_static(&[0x0a, 0x05, 0x12])],
    );
    assert!(outcome.emitted.is_none());
    assert_eq!(outcome.balance.refused[Reason::Malformed as usize], 1);
}

/// How many of 10 rare spans per second are kept beside 2000 others, when `keys` tell them apart or not.
fn kept_of_rare(keys: &str, rare: &ResourceSpans) -> usize {
    let rig = Rig::new(&format!("target = \"100/s\"\nkeys = {keys}"), 1);
    let mut kept = 0;
    for second in 0..20 {
        let usual = resource_spans(
            "shop",
            "http",
            [flood("a", second), flood("a", second + 100)].concat(),
        );
        let request = Decoded::Traces(ExportTraceServiceRequest {
            resource_spans: vec![usual, rare.clone()],
        });
        let outcome = rig.give(&request);
        kept += spans_of(&outcome)
            .iter()
            .filter(|span| span.span_id == [2; 8])
            .count();
        rig.advance(1.0);
    }
    kept
}

#[test]
fn each_part_of_a_key_tells_items_apart() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut rare = |change: fn(&mut Span)| -> Vec<Span> {
        let make = |_| {
            let mut span = Span {
                span_id: vec![2; 8],
                ..span(rng.u128(1..), "a")
            };
            change(&mut span);
            span
        };
        (0..10).map(make).collect()
    };
    let none = rare(|_| {});
    let name = rare(|span| span.name = "b".to_owned());
    let kind = rare(|span| span.kind = 2);
    let status = rare(|span| {
        span.status = Some(Status {
            code: 2,
            ..Status::default()
        });
    });
    let route = rare(|span| {
        span.attributes = vec![attribute("http.route", Value::StringValue("/x".to_owned()))];
    });
    for (keys, rare) in [
        (
            r#"["resource:service.name"]"#,
            resource_spans("other", "http", none.clone()),
        ),
        (r#"["scope"]"#, resource_spans("shop", "other", none.clone())),
        (r#"["name"]"#, resource_spans("shop", "http", name)),
        (r#"["kind"]"#, resource_spans("shop", "http", kind)),
        (r#"["status"]"#, resource_spans("shop", "http", status)),
        (
            r#"["attribute:http.route"]"#,
            resource_spans("shop", "http", route),
        ),
    ] {
        assert_eq!(kept_of_rare(keys, &rare), 200, "{keys}");
        let alike = kept_of_rare("[]", &rare);
        assert!(alike < 100, "{alike} without {keys}");
    }
}

#[test]
fn severities_of_log_records_tell_them_apart_by_their_six_steps() {
    let rig = Rig::new("target = \"100/s\"\nkeys = [\"severity\"]", 1);
    let record = |severity_number| LogRecord {
        severity_number,
        ..LogRecord::default()
    };
    let mut kept = [0; 25];
    for _ in 0..20 {
        let mut records = vec![record(9); 1000];
        records.extend(vec![record(10); 1000]);
        records.extend(vec![record(17); 10]);
        records.extend(vec![record(18); 10]);
        for record in records_of(&rig.give(&logs(records))) {
            kept[record.severity_number as usize] += 1;
        }
        rig.advance(1.0);
    }
    assert_eq!((kept[17], kept[18]), (200, 200));
    assert!(kept[9] + kept[10] < 3000, "{kept:?}");
    assert_eq!(rig.sampler.state.channel(Signal::Logs).map(|_| ()), Some(()));
    assert!(
        rig.exposition()
            .contains("forebay_adaptive_sampler_keys{node=\"n\",signal=\"logs\"} 2\n")
    );
}

#[test]
fn some_of_each_key_is_kept_although_the_target_is_below_it() {
    let rig = Rig::new("target = \"10/s\"\nmin_per_key = \"5/s\"", 1);
    let mut kept = 0;
    for second in 0..40 {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let spans = names.iter().enumerate();
        let spans = spans.flat_map(|(index, name)| flood(name, second * 10 + index as u64)[..100].to_vec());
        kept += spans_of(&rig.give(&traces(spans.collect()))).len();
        rig.advance(1.0);
    }
    // 8 keys with 5/s each, for 40 seconds.
    assert!((1300..1900).contains(&kept), "{kept}");
}

#[test]
fn the_metrics_tell_what_comes_what_goes_and_the_level() {
    let rig = Rig::new("target = \"100/s\"\nmax_keys = 2", 1);
    assert_eq!(
        rig.exposition().matches("signal").count(),
        0,
        "nothing was seen yet"
    );
    for second in 0..30 {
        let spans = ["a", "b", "c", "d"].map(|name| flood(name, second));
        rig.give(&traces(spans.concat()));
        rig.advance(1.0);
    }
    let text = rig.exposition();
    let value = |name: &str| -> f64 {
        let sample = format!("{name}{{node=\"n\",signal=\"traces\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&sample));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .parse()
            .unwrap()
    };
    let arriving = value("forebay_adaptive_sampler_arriving_per_second");
    assert!((arriving / 4000.0 - 1.0).abs() < 0.2, "{arriving}");
    let kept = value("forebay_adaptive_sampler_kept_per_second");
    assert!((kept / 100.0 - 1.0).abs() < 0.25, "{kept}");
    let level = value("forebay_adaptive_sampler_level_per_second");
    assert!((level / 33.3 - 1.0).abs() < 0.8, "{level}");
    assert_eq!(value("forebay_adaptive_sampler_keys"), 2.0);
    assert_eq!(value("forebay_adaptive_sampler_overflowed_keys_total"), 60.0);
    assert!(!text.contains("logs"));
    rig.advance(3600.0);
    assert!(
        rig.exposition()
            .contains("_kept_per_second{node=\"n\",signal=\"traces\"} 0.")
    );
}

#[test]
fn mistakes_are_shown_at_their_place() {
    for (config, blamed, words) in [
        ("target = \"fast\"", "\"fast\"", "is not a rate"),
        ("target = 100", "100", "a rate, such as \"1000/s\""),
        ("target = \"0/s\"", "\"0/s\"", "lets nothing through"),
        (
            "target = \"1/s\"\nkeys = [\"name\", \"colour\"]",
            "\"colour\"",
            "is no part of a key",
        ),
        (
            "target = \"1/s\"\nkeys = [\"attribute:\"]",
            "\"attribute:\"",
            "is no part of a key",
        ),
        (
            "target = \"1/s\"\nkeys = [\"name\", \"name\"]",
            "[\"name\", \"name\"]",
            "given twice",
        ),
        ("target = \"1/s\"\nmax_keys = 0", "0", "number of keys"),
        ("target = \"1/s\"\nmax_keys = 100001", "100001", "number of keys"),
        (
            "target = \"1/s\"\nmin_per_key = \"1kB/s\"",
            "\"1kB/s\"",
            "another unit",
        ),
        (
            "target = \"1MB/s\"\nmin_per_key = \"1/s\"",
            "\"1/s\"",
            "another unit",
        ),
        ("target = \"10%\"\nmin_per_key = \"1%\"", "\"1%\"", "another unit"),
        (
            "target = \"1/s\"\nadjust_interval = \"1ms\"",
            "\"1ms\"",
            "too short",
        ),
        (
            "target = \"1/s\"\nadjust_interval = \"2s\"",
            "\"2s\"",
            "too short for the interval",
        ),
        (
            "target = \"1/s\"\nwindow = \"400ms\"",
            "\"400ms\"",
            "too short for the interval",
        ),
        ("target = \"1/s\"\nwindow = \"2h\"", "\"2h\"", "too long"),
        ("target = \"1/s\"\nwindows = \"2h\"", "windows", "unknown key"),
        ("max_keys = 5", "", "target"),
    ] {
        let (message, piece) = mistake(KIND, config);
        assert!(message.contains(words), "{config}: {message}");
        assert!(piece.contains(blamed), "{config}: blames {piece}");
    }
}

#[test]
fn a_config_is_written_as_it_is_read() {
    let written = r#"target = "5MiB/s"
keys = ["resource:a", "scope", "name", "kind", "status", "severity", "attribute:b:c"]
max_keys = 7
min_per_key = "1KiB/s"
adjust_interval = "200ms"
window = "10s"
"#;
    let config: AdaptiveSamplerConfig = toml::from_str(written).expect("a config");
    assert_eq!(toml::to_string(&config).unwrap(), written);
}
