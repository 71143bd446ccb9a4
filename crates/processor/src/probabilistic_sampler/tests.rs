//! The Collector's vectors, and what users see; in `model` whole requests against decoding, deciding and encoding.

mod model;

use super::meter::{Meter, Tally};
use crate::testing::{self, Decoded, attribute};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use forebay_telemetry::{Exposition, Instruments};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

const KIND: &str = "probabilistic_sampler";

/// R = 0x80000000000000: kept at 50%, and not at 49%.
const DEFAULT_ID: u128 = 0xfefe_fefe_fefe_fefe_fe80_0000_0000_0000;
/// Kept at every percentage.
const IMPROBABLE_ID: u128 = 0x1111_1111_1111_1111_11ff_ffff_ffff_ffff;

fn span(id: u128, trace_state: &str) -> Span {
    Span {
        trace_id: id.to_be_bytes().to_vec(),
        trace_state: trace_state.to_owned(),
        name: "GET /orders".to_owned(),
        ..Span::default()
    }
}

fn traces(spans: Vec<Span>) -> Decoded {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    Decoded::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    })
}

fn logs(log_records: Vec<LogRecord>) -> Decoded {
    let scope_logs = vec![ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    }];
    Decoded::Logs(ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs,
            ..ResourceLogs::default()
        }],
    })
}

fn sample(config: &str, request: &Decoded) -> testing::Outcome {
    testing::run(KIND, config, request.signal(), &[request.encode()])
}

/// What is left of the spans.
fn spans_of(outcome: &testing::Outcome) -> Vec<Span> {
    let Some((payload, _)) = &outcome.emitted else {
        return Vec::new();
    };
    let Decoded::Traces(request) = Decoded::decode(Signal::Traces, &payload.contiguous()) else {
        panic!("traces go in")
    };
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|envelope| envelope.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// The `tracestate` of a span after sampling; nothing if it was dropped.
fn sampled(config: &str, span: Span) -> Option<String> {
    let outcome = sample(config, &traces(vec![span]));
    spans_of(&outcome).pop().map(|span| span.trace_state)
}

/// What is left of a log record.
fn sampled_record(config: &str, record: LogRecord) -> Option<LogRecord> {
    let outcome = sample(config, &logs(vec![record]));
    let (payload, _) = outcome.emitted?;
    let Decoded::Logs(mut request) = Decoded::decode(Signal::Logs, &payload.contiguous()) else {
        panic!("logs go in")
    };
    request.resource_logs.pop()?.scope_logs.pop()?.log_records.pop()
}

fn config(percentage: f64, rest: &str) -> String {
    format!("sampling_percentage = {percentage}\n{rest}")
}

/// The Collector's table: percentage, precision, trace id, `tracestate`, and what comes out of `equalizing` and `proportional`.
#[test]
fn spans_are_sampled_as_the_collector_samples_them() {
    let nearly_all = f64::from(((1.0_f64 - 8e-7) * 100.0) as f32);
    for (percentage, precision, id, arrived, equalizing, proportional) in [
        (100.0, 4, DEFAULT_ID, "", Some("ot=th:0"), Some("ot=th:0")),
        (50.0, 4, DEFAULT_ID, "", Some("ot=th:8"), Some("ot=th:8")),
        (49.0, 4, DEFAULT_ID, "", None, None),
        (
            25.0,
            4,
            0xddc0_0000_0000_0000,
            "",
            Some("ot=th:c"),
            Some("ot=th:c"),
        ),
        (25.0, 4, 0xddb0_0000_0000_0000, "", None, None),
        (
            1.0,
            14,
            DEFAULT_ID,
            "ot=rv:FD70A3D70A3D71",
            Some("ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71"),
            Some("ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71"),
        ),
        (
            1.0,
            4,
            DEFAULT_ID,
            "ot=rv:FD70A3D70A3D71",
            Some("ot=rv:FD70A3D70A3D71;th:fd70a"),
            Some("ot=rv:FD70A3D70A3D71;th:fd70a"),
        ),
        (1.0, 3, DEFAULT_ID, "ot=rv:FD70A3D70A3D71", None, None),
        (1.0, 14, DEFAULT_ID, "ot=rv:FD70A3D70A3D70", None, None),
        (
            1.0,
            14,
            DEFAULT_ID,
            "ot=rv:fd70B000000000",
            Some("ot=rv:fd70B000000000;th:fd70a3d70a3d71"),
            Some("ot=rv:fd70B000000000;th:fd70a3d70a3d71"),
        ),
        (
            1.0,
            4,
            0xa0fe_0000_0000_0000,
            "",
            Some("ot=th:fd70a"),
            Some("ot=th:fd70a"),
        ),
        (
            50.0,
            4,
            DEFAULT_ID,
            "ot=rv:90000000000000;th:8",
            Some("ot=rv:90000000000000;th:8"),
            None,
        ),
        (25.0, 4, DEFAULT_ID, "ot=th:8", None, None),
        (25.0, 4, u128::MAX, "ot=th:8", Some("ot=th:c"), Some("ot=th:e")),
        (
            50.0,
            4,
            DEFAULT_ID,
            "ot=rv:c0000000000000;th:8",
            Some("ot=rv:c0000000000000;th:8"),
            Some("ot=rv:c0000000000000;th:c"),
        ),
        (
            40.0,
            3,
            DEFAULT_ID,
            "ot=rv:a0000000000000",
            Some("ot=rv:a0000000000000;th:99a"),
            Some("ot=rv:a0000000000000;th:99a"),
        ),
        (
            40.0,
            6,
            0xa0d0_0000_0000_0000,
            "ot=th:8",
            Some("ot=th:99999a"),
            Some("ot=th:cccccd"),
        ),
        (40.0, 3, 0xa0b0_0000_0000_0000, "ot=th:8", Some("ot=th:99a"), None),
        (40.0, 3, 0xa080_0000_0000_0000, "ot=th:8", None, None),
        (
            100.0 / 16384.0,
            4,
            IMPROBABLE_ID,
            "ot=th:fffc",
            Some("ot=th:fffc"),
            Some("ot=th:fffffff"),
        ),
        (
            nearly_all,
            10,
            IMPROBABLE_ID,
            "",
            Some("ot=th:00000cccccccd"),
            Some("ot=th:00000cccccccd"),
        ),
        (
            0.0625,
            4,
            IMPROBABLE_ID,
            "ot=th:fffffffffffff8",
            Some("ot=th:fffffffffffff8"),
            None,
        ),
    ] {
        for (mode, expected) in [("equalizing", equalizing), ("proportional", proportional)] {
            let rest = format!("sampling_precision = {precision}\nmode = \"{mode}\"");
            let came = sampled(&config(percentage, &rest), span(id, arrived));
            assert_eq!(came.as_deref(), expected, "{percentage}% {mode}: {arrived}");
        }
    }
}

#[test]
fn hashed_spans_carry_what_they_were_decided_by() {
    for (percentage, threshold) in [
        (100.0, "0"),
        (75.0, "4"),
        (50.0, "8"),
        (25.0, "c"),
        (10.0, "e668"),
        (100.0 / 3.0, "aaac"),
    ] {
        let config = config(percentage, "hash_seed = 4397");
        let mut random = fastrand_ids();
        let kept: Vec<String> = (0..400)
            .filter_map(|_| sampled(&config, span(random(), "")))
            .collect();
        assert!(!kept.is_empty(), "{percentage}");
        let (mut different, end) = (std::collections::BTreeSet::new(), format!(";th:{threshold}"));
        for state in kept {
            let rv = state
                .strip_prefix("ot=rv:")
                .and_then(|rest| rest.strip_suffix(&end));
            different.insert(rv.map(str::to_owned).unwrap_or_else(|| panic!("{state}")));
            assert_eq!(
                sampled(
                    "sampling_percentage = 100\nmode = \"equalizing\"",
                    span(7, &state)
                ),
                Some(state)
            );
        }
        assert!(different.len() > 10);
    }
}

/// Trace ids that are the same each time.
fn fastrand_ids() -> impl FnMut() -> u128 {
    let mut state = 1_u128;
    move || {
        state = state
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
            .wrapping_add(7);
        state ^ state >> 64
    }
}

/// The Collector's decision, from its description: 14 bits of FNV-1a over the seed and the id.
#[test]
fn the_hash_is_taken_of_the_seed_and_the_id() {
    let mut random = fastrand_ids();
    for seed in [1_u32, 22, 0x0302_4001] {
        let config = config(30.0, &format!("hash_seed = {seed}"));
        for _ in 0..200 {
            let id = random();
            let bytes = seed.to_le_bytes().into_iter().chain(id.to_be_bytes());
            let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            let kept = (hash & 0x3fff) < (30.0_f32 * 163.84) as u32;
            assert_eq!(sampled(&config, span(id, "")).is_some(), kept, "{seed} {id:x}");
        }
    }
}

/// What the Collector calls errors: with `fail_closed` the span goes, without it passes.
#[test]
fn spans_about_which_nothing_can_be_decided_are_dropped_or_pass() {
    for (id, arrived, passes_as) in [
        (0, "", "ot=th:0"),
        (0, "ot=th:8", "ot=th:8"),
        (DEFAULT_ID, "ot=rv:abababababababab", "ot=rv:abababababababab"),
        (DEFAULT_ID, "ot=th:abababababababab", "ot=th:abababababababab"),
        (DEFAULT_ID, "ot=th:-1", "ot=th:-1"),
        (DEFAULT_ID, "nonsense", "nonsense"),
        (0x70_0000_0000_0000, "ot=th:8", "ot=th:0"),
        (
            DEFAULT_ID,
            "ot=th:8;rv:70000000000000,a=1",
            "ot=rv:70000000000000;th:0,a=1",
        ),
        (
            DEFAULT_ID,
            "ot=rv:40000000000000;th:8",
            "ot=rv:40000000000000;th:0",
        ),
    ] {
        for mode in ["equalizing", "proportional"] {
            let open = config(100.0, &format!("mode = \"{mode}\"\nfail_closed = false"));
            assert_eq!(
                sampled(&open, span(id, arrived)).as_deref(),
                Some(passes_as),
                "{mode} {arrived}"
            );
            let closed = config(100.0, &format!("mode = \"{mode}\""));
            assert_eq!(sampled(&closed, span(id, arrived)), None, "{mode} {arrived}");
        }
    }
    for arrived in ["ot=th:8", "ot=rv:80000000000000", "ot=th"] {
        let open = config(0.01, "mode = \"hash_seed\"\nfail_closed = false");
        assert_eq!(
            sampled(&open, span(DEFAULT_ID, arrived)).as_deref(),
            Some(arrived)
        );
        assert_eq!(
            sampled(&config(100.0, "hash_seed = 1"), span(DEFAULT_ID, arrived)),
            None
        );
    }
    let open = config(50.0, "mode = \"hash_seed\"\nfail_closed = false");
    assert_eq!(sampled(&open, span(0, "")).as_deref(), Some("ot=th:0"));
}

#[test]
fn a_span_that_has_no_room_for_its_threshold_cannot_be_decided_about() {
    let full = format!("ot=x:{}", "1".repeat(254));
    assert_eq!(sampled(&config(100.0, ""), span(DEFAULT_ID, &full)), None);
    let open = config(100.0, "fail_closed = false");
    assert_eq!(sampled(&open, span(DEFAULT_ID, &full)), Some(full));
}

#[test]
fn spans_can_ask_to_be_kept_or_dropped() {
    let asks = |value: Value, state: &str| Span {
        attributes: vec![
            attribute("other.attribute.x", Value::IntValue(0)),
            attribute("sampling.priority", value),
        ],
        ..span(DEFAULT_ID, state)
    };
    let text = |text: &str| Value::StringValue(text.to_owned());
    for value in [
        Value::IntValue(2),
        Value::DoubleValue(0.1),
        text("1"),
        text("1e3"),
    ] {
        let kept = sampled(&config(1.0, ""), asks(value.clone(), ""));
        assert_eq!(kept.as_deref(), Some("ot=th:0"), "{value:?}");
        let kept = sampled(&config(0.0, ""), asks(value.clone(), "ot=th:4,a=b"));
        assert_eq!(kept.as_deref(), Some("ot=th:4,a=b"), "{value:?}");
        let kept = sampled(&config(1.0, ""), asks(value, "nonsense"));
        assert_eq!(kept.as_deref(), Some("nonsense"));
    }
    for value in [Value::IntValue(0), Value::DoubleValue(-0.0), text("0.0")] {
        assert_eq!(
            sampled(&config(100.0, ""), asks(value.clone(), "")),
            None,
            "{value:?}"
        );
    }
    for value in [
        Value::IntValue(-1),
        Value::DoubleValue(f64::NAN),
        Value::BoolValue(true),
        text("high"),
        text(""),
    ] {
        let all = sampled(&config(100.0, ""), asks(value.clone(), ""));
        assert_eq!(all.as_deref(), Some("ot=th:0"), "{value:?}");
        assert_eq!(
            sampled(&config(49.0, ""), asks(value.clone(), "")),
            None,
            "{value:?}"
        );
    }
}

#[test]
fn zero_percent_keeps_nothing_that_does_not_ask_for_it() {
    for rest in [
        "",
        "mode = \"equalizing\"",
        "mode = \"hash_seed\"",
        "fail_closed = false",
    ] {
        let config = config(0.0, rest);
        for (id, state) in [(u128::MAX, ""), (0, ""), (DEFAULT_ID, "ot=th:8")] {
            assert_eq!(sampled(&config, span(id, state)), None, "{rest}");
        }
    }
}

fn record(id: u128, attributes: &[(&str, Value)]) -> LogRecord {
    LogRecord {
        trace_id: id.to_be_bytes().to_vec(),
        attributes: attributes
            .iter()
            .map(|(key, value)| attribute(key, value.clone()))
            .collect(),
        ..LogRecord::default()
    }
}

fn values(attributes: &[KeyValue], key: &str) -> Vec<String> {
    let found = attributes.iter().filter(|attribute| attribute.key == key);
    found
        .map(|attribute| match &attribute.value.as_ref().unwrap().value {
            Some(Value::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn records_carry_their_sampling_values_in_attributes() {
    let text = |text: &str| Value::StringValue(text.to_owned());
    for (rest, id, attributes, threshold) in [
        ("", DEFAULT_ID, vec![], Some("8")),
        ("", 0x70_0000_0000_0000, vec![], None),
        ("", DEFAULT_ID, vec![("sampling.threshold", text("8"))], None),
        ("", u128::MAX, vec![("sampling.threshold", text("8"))], Some("c")),
        (
            "mode = \"equalizing\"",
            DEFAULT_ID,
            vec![("sampling.threshold", text("8"))],
            Some("8"),
        ),
        (
            "",
            DEFAULT_ID,
            vec![("sampling.randomness", text("70000000000000"))],
            None,
        ),
        (
            "",
            7,
            vec![("sampling.randomness", text("80000000000000"))],
            Some("8"),
        ),
        (
            "",
            u128::MAX,
            vec![("sampling.threshold", Value::IntValue(8))],
            Some("8"),
        ),
        (
            "",
            u128::MAX,
            vec![("sampling.threshold", text("123456789abcdef"))],
            None,
        ),
        ("", 0, vec![], None),
    ] {
        let kept = sampled_record(&config(50.0, rest), record(id, &attributes));
        let found = kept
            .as_ref()
            .map(|record| values(&record.attributes, "sampling.threshold"));
        assert_eq!(
            found,
            threshold.map(|hex| vec![hex.to_owned()]),
            "{rest} {attributes:?}"
        );
    }
}

#[test]
fn records_without_a_trace_are_sampled_by_an_attribute() {
    for (source, id) in [("traceID", 0), ("record", DEFAULT_ID)] {
        for mode in ["hash_seed", "equalizing", "proportional"] {
            let rest =
                format!("mode = \"{mode}\"\nattribute_source = \"{source}\"\nfrom_attribute = \"user\"");
            let config = config(50.0, &rest);
            let mut kept = 0;
            for user in 0..200 {
                let value = Value::StringValue(format!("user {user}"));
                let Some(record) = sampled_record(&config, record(id, &[("user", value)])) else {
                    continue;
                };
                kept += 1;
                let randomness = values(&record.attributes, "sampling.randomness").concat();
                assert!(
                    randomness.as_str() >= "8" && randomness.len() == 14,
                    "{randomness}"
                );
                assert_eq!(values(&record.attributes, "sampling.threshold"), ["8"]);
            }
            assert!((50..150).contains(&kept), "{mode}: {kept}");
            assert_eq!(
                sampled_record(&config, record(id, &[("other", Value::IntValue(1))])),
                None
            );
            assert_eq!(
                sampled_record(
                    &config,
                    record(id, &[("user", Value::StringValue(String::new()))])
                ),
                None
            );
        }
    }
}

/// FNV-1a over four zeros and the text of the value: what the Collector makes of values that are not strings.
#[test]
fn values_are_hashed_as_the_collector_writes_them() {
    let config = config(100.0, "attribute_source = \"record\"\nfrom_attribute = \"k\"");
    let randomness = |value: Value| {
        let record = sampled_record(&config, record(0, &[("k", value)]))?;
        Some(values(&record.attributes, "sampling.randomness").concat())
    };
    for (value, text) in [
        (Value::IntValue(-17), "-17"),
        (Value::BoolValue(true), "true"),
        (Value::BytesValue(b"raw".to_vec()), "raw"),
        (Value::DoubleValue(17.0), "17"),
        (Value::DoubleValue(0.1), "0.1"),
        (Value::DoubleValue(1e20), "100000000000000000000"),
        (Value::DoubleValue(-1e21), "-1e+21"),
        (Value::DoubleValue(1.5e-7), "1.5e-7"),
    ] {
        let expected = randomness(Value::StringValue(text.to_owned()));
        assert!(expected.is_some());
        assert_eq!(randomness(value), expected, "{text}");
    }
    assert_eq!(randomness(Value::DoubleValue(f64::INFINITY)), None);
    assert_eq!(randomness(Value::ArrayValue(Default::default())), None);
}

#[test]
fn records_can_ask_for_another_percentage() {
    let config = |percentage| config(percentage, "sampling_priority = \"priority\"");
    for (percentage, value, id, threshold) in [
        (1.0, Value::IntValue(50), DEFAULT_ID, Some("8")),
        (1.0, Value::DoubleValue(50.0), DEFAULT_ID, Some("8")),
        (0.0, Value::IntValue(50), DEFAULT_ID, Some("8")),
        (100.0, Value::IntValue(25), DEFAULT_ID, None),
        (1.0, Value::IntValue(100), DEFAULT_ID, Some("0")),
        (1.0, Value::IntValue(1000), 0, Some("0")),
        (1.0, Value::IntValue(50), 0, None),
        (100.0, Value::IntValue(0), DEFAULT_ID, None),
        (100.0, Value::IntValue(-5), DEFAULT_ID, Some("0")),
        (100.0, Value::StringValue("0".to_owned()), DEFAULT_ID, Some("0")),
    ] {
        let record = record(id, &[("priority", value.clone())]);
        let kept = sampled_record(&config(percentage), record);
        let found = kept.map(|record| values(&record.attributes, "sampling.threshold").concat());
        assert_eq!(found.as_deref(), threshold, "{percentage} {value:?}");
    }
}

#[test]
fn nothing_dropped_and_nothing_to_say_leaves_the_bytes_alone() {
    let states = ["ot=th:c", "a=1,ot=th:c0;x:1", "ot=th:ffff;rv:ffffffffffffff"];
    let spans = states.map(|state| span(u128::MAX, state)).to_vec();
    let request = traces(spans).encode();
    let slices = [request.clone(), request];
    let config = config(25.0, "mode = \"equalizing\"");
    let outcome = testing::run(KIND, &config, Signal::Traces, &slices);
    let (payload, items) = outcome.emitted.expect("all is kept");
    assert_eq!(items, 6);
    for (before, after) in slices.iter().zip(payload.slices()) {
        assert_eq!(before.as_ptr(), after.as_ptr());
    }
    assert_eq!(outcome.leased, payload.len() as u64);
}

#[test]
fn what_is_dropped_is_sampled_out_and_a_success_to_its_sender() {
    let both = traces(vec![span(7, ""), span(DEFAULT_ID, ""), span(8, "")]);
    let outcome = sample(&config(50.0, ""), &both);
    assert_eq!(spans_of(&outcome).len(), 1);
    assert_eq!((outcome.balance.sampled_out, outcome.balance.delivered), (2, 1));
    assert!(outcome.verdict.failure.is_none());
    let outcome = sample(&config(10.0, ""), &both);
    assert!(outcome.emitted.is_none() && outcome.verdict.failure.is_none());
    assert_eq!(outcome.balance.sampled_out, 3);
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let broken = Bytes::from_static(&[0x0a, 0x04, 0x12, 0x02, 0x12, 0x05]);
    let outcome = testing::run(KIND, &config(50.0, ""), Signal::Traces, &[broken]);
    assert_eq!(
        outcome.verdict.failure.map(|failure| failure.reason),
        Some(Reason::Malformed)
    );
}

#[test]
fn the_mode_follows_from_the_other_keys() {
    let rv = |rest: &str| {
        sampled(&config(100.0, rest), span(DEFAULT_ID, ""))
            .unwrap()
            .contains("rv:")
    };
    assert!(!rv(""));
    assert!(rv("hash_seed = 22"));
    assert!(!rv("hash_seed = 22\nmode = \"proportional\""));
    assert!(!rv("attribute_source = \"record\"\nfrom_attribute = \"a\""));
    let record = record(DEFAULT_ID, &[("a", Value::IntValue(1))]);
    let hashed = "attribute_source = \"record\"\nfrom_attribute = \"a\"";
    for (rest, hashes) in [("", false), (hashed, true)] {
        let kept = sampled_record(&config(100.0, rest), record.clone()).unwrap();
        assert_eq!(
            !values(&kept.attributes, "sampling.randomness").is_empty(),
            hashes
        );
    }
}

#[test]
fn percentages_are_read_as_people_write_them() {
    for (written, threshold) in [
        ("25", "c"),
        ("25.0", "c"),
        ("\"25%\"", "c"),
        ("\"1/4\"", "c"),
        ("\"25\"", "c"),
    ] {
        let kept = sampled(&format!("sampling_percentage = {written}"), span(u128::MAX, ""));
        assert_eq!(kept, Some(format!("ot=th:{threshold}")), "{written}");
    }
}

#[test]
fn wrong_configs_are_explained_where_they_are_wrong() {
    let half = |rest: &str| config(50.0, rest);
    for (config, message, blamed) in [
        (config(101.0, ""), "is not a percentage from 0 to 100", "101"),
        (config(-1.0, ""), "is not a percentage from 0 to 100", "-1"),
        (
            "sampling_percentage = \"half\"".to_owned(),
            "is not a percentage",
            "\"half\"",
        ),
        (
            "sampling_percentage = nan".to_owned(),
            "is not a percentage",
            "nan",
        ),
        (
            half("sampling_precision = 0"),
            "is not a number of hex digits from 1 to 14",
            "0",
        ),
        (
            half("sampling_precision = 15"),
            "is not a number of hex digits from 1 to 14",
            "15",
        ),
        (
            half("hash_seed = 4294967296"),
            "is not a whole number from 0 to 4294967295",
            "4294967296",
        ),
        (half("mode = \"fair\""), "unknown value", "\"fair\""),
        (
            half("attribute_source = \"record\""),
            "which attribute log records are sampled by",
            "\"record\"",
        ),
        (half("from_attribute = \"\""), "an attribute has a name", "\"\""),
        (
            config(0.006, "mode = \"hash_seed\""),
            "less than one of the 16384 buckets",
            "0.006",
        ),
    ] {
        let (said, place) = testing::mistake(KIND, &config);
        assert!(said.contains(message), "{config}: {said}");
        assert_eq!(place, blamed, "{config}");
    }
    let Err(found) = testing::prepare(KIND, "") else {
        panic!("a sampler needs a percentage")
    };
    assert!(
        found[0].message.contains("sampling_percentage"),
        "{}",
        found[0].message
    );
}

#[test]
fn what_was_decided_is_counted_by_what_decided_it() {
    use super::decision::Policy;
    let meter = Meter::new("user.id");
    let mut tally = Tally::default();
    for (policy, kept) in [
        (Policy::TraceId, true),
        (Policy::TraceId, false),
        (Policy::Attribute, true),
    ] {
        tally.count(policy, kept);
    }
    meter.add(Signal::Traces, &tally);
    meter.add(Signal::Traces, &tally);
    meter.add(Signal::Logs, &tally);
    let mut exposition = Exposition::new();
    for metric in meter.families() {
        meter.write(metric, "sampler", &mut exposition.family(metric));
    }
    let text = exposition.finish();
    for line in [
        r#"count_traces_sampled_total{processor="sampler",policy="trace_id_w3c",sampled="true"} 2"#,
        r#"count_traces_sampled_total{processor="sampler",policy="trace_id_w3c",sampled="false"} 2"#,
        r#"count_traces_sampled_total{processor="sampler",policy="user.id",sampled="true"} 2"#,
        r#"count_logs_sampled_total{processor="sampler",policy="user.id",sampled="true"} 1"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
}
