use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, NumberDataPoint, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::{MAX_NESTING, Signal, WireErrorKind};

const LIMIT: usize = 1 << 20;

fn span_text(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn span(fields: &str) -> Result<Span, JsonError> {
    let wire = to_protobuf(Signal::Traces, span_text(fields).as_bytes(), LIMIT)?;
    let mut request = ExportTraceServiceRequest::decode(wire.as_slice()).unwrap();
    Ok(request
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans
        .remove(0))
}

fn span_error(fields: &str) -> JsonErrorKind {
    span(fields).unwrap_err().kind
}

fn body(value: &str) -> Result<AnyValue, JsonError> {
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}"#);
    let wire = to_protobuf(Signal::Logs, text.as_bytes(), LIMIT)?;
    let mut request = ExportLogsServiceRequest::decode(wire.as_slice()).unwrap();
    let mut records = request.resource_logs.remove(0).scope_logs.remove(0).log_records;
    Ok(records.remove(0).body.unwrap())
}

fn int(value: &str) -> Result<i64, JsonErrorKind> {
    match body(&format!(r#"{{"intValue":{value}}}"#))
        .map_err(|error| error.kind)?
        .value
    {
        Some(any_value::Value::IntValue(value)) => Ok(value),
        other => panic!("{other:?}"),
    }
}

fn double(value: &str) -> Result<f64, JsonErrorKind> {
    match body(&format!(r#"{{"doubleValue":{value}}}"#))
        .map_err(|error| error.kind)?
        .value
    {
        Some(any_value::Value::DoubleValue(value)) => Ok(value),
        other => panic!("{other:?}"),
    }
}

fn metric_text(data: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m",{data}}}]}}]}}]}}"#)
}

fn metric_data(data: &str) -> metric::Data {
    let wire = to_protobuf(Signal::Metrics, metric_text(data).as_bytes(), LIMIT).unwrap();
    let mut request = ExportMetricsServiceRequest::decode(wire.as_slice()).unwrap();
    request
        .resource_metrics
        .remove(0)
        .scope_metrics
        .remove(0)
        .metrics
        .remove(0)
        .data
        .unwrap()
}

fn to_json(signal: Signal, wire: &[u8]) -> Result<String, WireError> {
    let mut out = Vec::new();
    from_protobuf(signal, wire, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// A field with bytes, each part of it short.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

fn log_wire(record: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, record)))
}

fn log_json(record: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#)
}

// conformance: J1
#[test]
fn ids_are_hexadecimal_of_either_case() {
    let good =
        span(r#""traceId":"5B8EFFF798038103d269b633813fc60c","spanId":"eee19B7EC3C1B174","parentSpanId":"""#);
    let good = good.unwrap();
    assert_eq!(good.trace_id[..4], [0x5b, 0x8e, 0xff, 0xf7]);
    assert_eq!(good.span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]);
    assert!(good.parent_span_id.is_empty());

    assert_eq!(span(r#""traceId":"5B8E""#).unwrap().trace_id, [0x5b, 0x8e]);
    let long = format!(r#""spanId":"{}""#, "07".repeat(500));
    assert_eq!(span(&long).unwrap().span_id, [7; 500]);
    assert_eq!(span_error(r#""spanId":"eee19B7EC3C1B17""#), JsonErrorKind::Hex);
    assert_eq!(span_error(r#""spanId":"W47/95gDgQM=0000""#), JsonErrorKind::Hex);
    assert_eq!(span_error(r#""spanId":"eee19B7EC3C1B1é""#), JsonErrorKind::Hex);
    assert_eq!(
        span_error(r#""spanId":7"#),
        JsonErrorKind::Expected("a string of hexadecimal digits")
    );
}

// conformance: J2
#[test]
fn enums_are_integers_only() {
    assert_eq!(span(r#""kind":2"#).unwrap().kind, 2);
    assert_eq!(span(r#""kind":-7"#).unwrap().kind, -7, "open enum");
    assert_eq!(
        span_error(r#""kind":"SPAN_KIND_SERVER""#),
        JsonErrorKind::EnumName
    );
    assert_eq!(span_error(r#""kind":2147483648"#), JsonErrorKind::Range);
    let data = metric_data(r#""sum":{"aggregationTemporality":2,"isMonotonic":true}"#);
    assert!(matches!(data, metric::Data::Sum(sum) if sum.aggregation_temporality == 2 && sum.is_monotonic));
}

// conformance: J3, J4
#[test]
fn unknown_and_snake_case_fields_are_ignored_whatever_they_hold() {
    for value in [
        "1",
        "-0.5e7",
        "true",
        "null",
        r#""\u00e9\n""#,
        "[]",
        "{}",
        r#"[[{"a":[1,{}]}],"x",null]"#,
    ] {
        let text = format!(r#""unknown":{value},"name":"n","trace_state":{value},"Kind":{value}"#);
        let span = span(&text).unwrap();
        assert_eq!(
            (span.name.as_str(), span.trace_state.as_str(), span.kind),
            ("n", "", 0),
            "{value}"
        );
    }
    assert_eq!(span_error(r#""unknown":nil"#), JsonErrorKind::Expected("a value"));
    assert_eq!(
        span_error(r#""unknown":[1,]"#),
        JsonErrorKind::Expected("a value after the comma")
    );
    assert_eq!(
        span_error(r#""unknown":{1:2}"#),
        JsonErrorKind::Expected("a key in quotes")
    );
    let deep = |levels: usize| format!(r#""unknown":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(span(&deep(100)).is_ok());
    assert_eq!(span_error(&deep(101)), JsonErrorKind::Depth);
    assert_eq!(
        span_error(&"[".repeat(1 << 20).replacen('[', r#""x":["#, 1)),
        JsonErrorKind::Depth
    );
}

#[test]
fn null_is_absence() {
    let text = r#""name":null,"kind":null,"attributes":null,"status":null,"traceId":null,"flags":null"#;
    assert_eq!(span(text).unwrap(), Span::default());
    assert_eq!(
        span_error(r#""attributes":[null]"#),
        JsonErrorKind::Expected("an object")
    );
    assert_eq!(body(r#"{"intValue":null}"#).unwrap().value, None);
}

// conformance: J5
#[test]
fn integers_of_64_bits_come_as_numbers_or_strings() {
    for text in [
        "9223372036854775807",
        r#""9223372036854775807""#,
        "9223372036854775807.000",
        "92233720368547758.07e2",
    ] {
        assert_eq!(int(text), Ok(i64::MAX), "{text}");
    }
    for text in ["-9223372036854775808", r#""-9223372036854775808""#] {
        assert_eq!(int(text), Ok(i64::MIN), "{text}");
    }
    for (text, value) in [
        ("1e3", 1000),
        ("1.50E+2", 150),
        ("15000e-3", 15),
        ("-0", 0),
        ("0e99999999999999", 0),
    ] {
        assert_eq!(int(text), Ok(value), "{text}");
        assert_eq!(int(&format!("\"{text}\"")), Ok(value), "{text} in quotes");
    }
    let long = format!("1{}e-60", "0".repeat(60));
    assert_eq!(int(&long), Ok(1));
    for text in ["1.5", "1e-1", "5e-99999"] {
        assert_eq!(int(text), Err(JsonErrorKind::NotInteger), "{text}");
    }
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "1e19",
        "1e40",
        "1e99999999999999999999",
    ] {
        assert_eq!(int(text), Err(JsonErrorKind::Range), "{text}");
    }
    for text in [
        r#""""#,
        r#"" 1""#,
        r#""+1""#,
        r#""01""#,
        r#""1_0""#,
        r#""0x10""#,
        r#""1e""#,
        "01",
        "1.",
        "-",
        "-x",
    ] {
        assert!(int(text).is_err(), "{text}");
    }
    assert_eq!(int("true"), Err(JsonErrorKind::Expected("a number")));
    assert_eq!(
        span(r#""startTimeUnixNano":18446744073709551615"#)
            .unwrap()
            .start_time_unix_nano,
        u64::MAX
    );
    assert_eq!(span_error(r#""startTimeUnixNano":-1"#), JsonErrorKind::Range);
}

#[test]
fn integers_of_32_bits_have_their_range() {
    let parsed = span(r#""flags":4294967295,"droppedAttributesCount":"7""#).unwrap();
    assert_eq!((parsed.flags, parsed.dropped_attributes_count), (u32::MAX, 7));
    assert_eq!(span_error(r#""flags":4294967296"#), JsonErrorKind::Range);
    for scale in [i32::MIN, -1, 0, 1, i32::MAX] {
        let point = format!(r#""exponentialHistogram":{{"dataPoints":[{{"scale":{scale}}}]}}"#);
        match metric_data(&point) {
            metric::Data::ExponentialHistogram(histogram) => {
                assert_eq!(histogram.data_points[0].scale, scale)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn doubles_have_three_words() {
    assert!(double(r#""NaN""#).unwrap().is_nan());
    assert_eq!(double(r#""Infinity""#), Ok(f64::INFINITY));
    assert_eq!(double(r#""-Infinity""#), Ok(f64::NEG_INFINITY));
    assert_eq!(double("12"), Ok(12.0));
    assert_eq!(double(r#""1.5e-3""#), Ok(0.0015));
    assert_eq!(double("-0").map(f64::to_bits), Ok((-0.0_f64).to_bits()));
    assert_eq!(double("1e309"), Err(JsonErrorKind::Range));
    for text in ["NaN", r#""nan""#, r#""inf""#, r#""infinity""#, r#""""#] {
        assert!(double(text).is_err(), "{text}");
    }
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    for text in ["+/+/AA==", "-_-_AA==", "+/+/AA", "-_+/AA"] {
        let value = body(&format!(r#"{{"bytesValue":"{text}"}}"#)).unwrap().value;
        assert_eq!(
            value,
            Some(any_value::Value::BytesValue(vec![0xfb, 0xff, 0xbf, 0])),
            "{text}"
        );
    }
    for text in ["A", "AA=", "AAAA=", "AA===", "A A=", "AA=A", "===="] {
        let error = body(&format!(r#"{{"bytesValue":"{text}"}}"#)).unwrap_err();
        assert_eq!(error.kind, JsonErrorKind::Base64, "{text}");
    }
}

#[test]
fn base64_and_hexadecimal_read_what_they_write() {
    for length in 0..40_u8 {
        let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(73)).collect();
        let (mut text, mut back) = (Vec::new(), Vec::new());
        write_base64(&bytes, &mut text);
        binary::read_base64(std::str::from_utf8(&text).unwrap(), &mut back).unwrap();
        assert_eq!(back, bytes);
        let (mut text, mut back) = (Vec::new(), vec![0; bytes.len()]);
        write_hex(&bytes, &mut text);
        assert!(binary::read_hex(std::str::from_utf8(&text).unwrap(), &mut back));
        assert_eq!(back, bytes);
    }
    let mut text = Vec::new();
    write_base64(b"foobar", &mut text);
    assert_eq!(text, b"Zm9vYmFy", "RFC 4648, section 10");
}

#[test]
fn strings_have_all_escapes() {
    let parsed = span(r#""name":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00 plain é""#).unwrap();
    assert_eq!(
        parsed.name,
        "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{20ac}\u{1f600} plain \u{e9}"
    );
    for text in [
        r#""\x""#,
        r#""\ud83d""#,
        r#""\ud83d\u0041""#,
        r#""\ude00""#,
        r#""\u12G4""#,
        r#""\u+123""#,
        r#""\é""#,
    ] {
        assert_eq!(
            span_error(&format!(r#""name":{text}"#)),
            JsonErrorKind::Escape,
            "{text}"
        );
    }
    assert_eq!(span_error("\"name\":\"a\nb\""), JsonErrorKind::Control);
    let keys = span(r#""n\u0061me":"by an escaped key""#).unwrap();
    assert_eq!(keys.name, "by an escaped key");
}

#[test]
fn members_of_a_oneof_keep_their_defaults() {
    let text = r#"{"arrayValue":{"values":[{"stringValue":""},{"boolValue":false},{"intValue":"0"},{"doubleValue":0.0},{"arrayValue":{}},{"kvlistValue":{}},{"bytesValue":""},{}]}}"#;
    let parsed = body(text).unwrap();
    let Some(any_value::Value::ArrayValue(array)) = &parsed.value else {
        panic!("{parsed:?}")
    };
    let present: Vec<bool> = array.values.iter().map(|value| value.value.is_some()).collect();
    assert_eq!(present, [true, true, true, true, true, true, true, false]);

    let wire = to_protobuf(
        Signal::Logs,
        log_json(&format!(r#"{{"body":{text}}}"#)).as_bytes(),
        LIMIT,
    )
    .unwrap();
    assert_eq!(
        to_json(Signal::Logs, &wire).unwrap(),
        log_json(&format!(r#"{{"body":{text}}}"#))
    );
}

#[test]
fn optional_and_oneof_numbers_of_points_keep_zero() {
    let text = r#""gauge":{"dataPoints":[{"asInt":"0"},{"asDouble":0.0},{}]}"#;
    let metric::Data::Gauge(gauge) = metric_data(text) else {
        panic!("not a gauge")
    };
    let values: Vec<_> = gauge.data_points.iter().map(|point| point.value).collect();
    let expected = [
        Some(number_data_point::Value::AsInt(0)),
        Some(number_data_point::Value::AsDouble(0.0)),
        None,
    ];
    assert_eq!(values, expected);
    assert_eq!(gauge.data_points[2], NumberDataPoint::default());

    let text = r#""histogram":{"dataPoints":[{"count":"0","sum":0,"min":0,"explicitBounds":[0],"bucketCounts":["0",0]}]}"#;
    let metric::Data::Histogram(histogram) = metric_data(text) else {
        panic!("not a histogram")
    };
    let expected = HistogramDataPoint {
        sum: Some(0.0),
        min: Some(0.0),
        explicit_bounds: vec![0.0],
        bucket_counts: vec![0, 0],
        ..Default::default()
    };
    assert_eq!(histogram.data_points, [expected]);
    let wire = to_protobuf(Signal::Metrics, metric_text(text).as_bytes(), LIMIT).unwrap();
    let out = r#""histogram":{"dataPoints":[{"sum":0.0,"min":0.0,"explicitBounds":[0.0],"bucketCounts":["0","0"]}]}"#;
    assert_eq!(to_json(Signal::Metrics, &wire).unwrap(), metric_text(out));
}

#[test]
fn a_repeated_key_is_a_repeated_field() {
    let parsed = span(r#""name":"a","name":"b","kind":3,"kind":0,"traceState":"x","traceState":"""#).unwrap();
    assert_eq!(
        (parsed.name.as_str(), parsed.kind, parsed.trace_state.as_str()),
        ("b", 0, "")
    );
    let parsed =
        span(r#""status":{"code":2},"status":{"message":"m"},"events":[{}],"events":[{},{}]"#).unwrap();
    let status = parsed.status.unwrap();
    assert_eq!(
        (status.code, status.message.as_str(), parsed.events.len()),
        (2, "m", 3)
    );
    let value = body(r#"{"stringValue":"a","intValue":1}"#).unwrap().value;
    assert_eq!(value, Some(any_value::Value::IntValue(1)));
}

#[test]
fn errors_name_the_field_the_line_and_the_column() {
    let text = "{\n \"resourceSpans\": [{}, {\"scopeSpans\": [{\"spans\": [\n  {\"name\": \"\u{e9}\", \"traceId\": 5}]}]}]}";
    let error = to_protobuf(Signal::Traces, text.as_bytes(), LIMIT).unwrap_err();
    assert_eq!(error.path, "resourceSpans[1].scopeSpans[0].spans[0].traceId");
    assert_eq!((error.line, error.column), (3, 28));
    assert_eq!(
        error.to_string(),
        "resourceSpans[1].scopeSpans[0].spans[0].traceId: expected a string of hexadecimal digits at line 3, column 28"
    );
    let error = to_protobuf(Signal::Traces, b"[]", LIMIT).unwrap_err();
    assert_eq!(error.to_string(), "expected an object at line 1, column 1");
    for (text, kind) in [
        (&b""[..], JsonErrorKind::End),
        (b"{", JsonErrorKind::End),
        (b"{\"a\":\"", JsonErrorKind::End),
        (b"{} {}", JsonErrorKind::Trailing),
        (b"{\"a\" 1}", JsonErrorKind::Expected("a colon")),
        (
            b"{\"a\":1 \"b\":2}",
            JsonErrorKind::Expected("a comma or a closing brace"),
        ),
        (
            b"{\"a\":[1 2]}",
            JsonErrorKind::Expected("a comma or a closing bracket"),
        ),
        (b"{\"a\":\"\xff\"}", JsonErrorKind::Utf8),
        (b"\xef\xbb\xbf{}", JsonErrorKind::Expected("an object")),
    ] {
        assert_eq!(
            to_protobuf(Signal::Traces, text, LIMIT).unwrap_err().kind,
            kind,
            "{text:?}"
        );
    }
}

#[test]
fn size_and_nesting_are_limited() {
    let text = span_text(&format!(r#""name":"{}""#, "n".repeat(300)));
    let wire = to_protobuf(Signal::Traces, text.as_bytes(), LIMIT).unwrap();
    assert!(to_protobuf(Signal::Traces, text.as_bytes(), wire.len()).is_ok());
    let error = to_protobuf(Signal::Traces, text.as_bytes(), wire.len() - 1).unwrap_err();
    assert_eq!(error.kind, JsonErrorKind::TooLarge(wire.len() - 1));

    let zeros = format!(
        r#""histogram":{{"dataPoints":[{{"explicitBounds":[{}0]}}]}}"#,
        "0,".repeat(1000)
    );
    let error = to_protobuf(Signal::Metrics, metric_text(&zeros).as_bytes(), 500).unwrap_err();
    assert_eq!(error.kind, JsonErrorKind::TooLarge(500), "stopped in the list");

    // Request, resource logs, scope logs, record and body are 5 levels; a list adds 2.
    let nested = |lists: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(lists), "]}}".repeat(lists));
        log_json(&format!(r#"{{"body":{open}{{}}{close}}}"#))
    };
    let most = (MAX_NESTING as usize - 5) / 2;
    let wire = to_protobuf(Signal::Logs, nested(most).as_bytes(), LIMIT).unwrap();
    assert_eq!(to_json(Signal::Logs, &wire).unwrap(), nested(most));
    crate::validate(Signal::Logs, &wire, crate::Depth::Full).unwrap();
    let error = to_protobuf(Signal::Logs, nested(most + 1).as_bytes(), LIMIT).unwrap_err();
    assert_eq!(error.kind, JsonErrorKind::Depth);
}

#[test]
fn empty_messages_are_borne_up_to_a_bound() {
    let records = |record: &str, count: usize| log_json(&vec![record; count].join(","));
    let convert = |text: &str| to_protobuf(Signal::Logs, text.as_bytes(), 1 << 30);
    // With the 3 bytes of each record there may be three in 64 more.
    let most = crate::MAX_HOLLOW / 61 * 64;
    let wire = convert(&records("{}", most)).unwrap();
    assert!(crate::validate(Signal::Logs, &wire, crate::Depth::Shallow).is_ok());
    for record in ["{}", r#"{"unknown":1}"#] {
        let error = convert(&records(record, 10 * crate::MAX_HOLLOW)).unwrap_err();
        assert_eq!(error.kind, JsonErrorKind::Hollow);
        assert!(
            error.path.starts_with("resourceLogs[0].scopeLogs[0].logRecords["),
            "{error}"
        );
    }
    let full = r#"{"severityNumber":1}"#;
    assert!(convert(&records(full, 10 * crate::MAX_HOLLOW)).is_ok());
}

#[test]
fn nesting_without_end_is_refused_where_it_is_too_deep() {
    let lists = |key: &str| format!(r#"{{"{key}":{}"#, "[".repeat(100_000));
    let objects = |key: &str| format!(r#"{{"{key}":{}"#, r#"{"kvlistValue":"#.repeat(100_000));
    let values = format!(
        "{}{}",
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"#,
        r#"{"arrayValue":{"values":["#.repeat(100_000)
    );
    for text in [lists("x"), objects("x"), values] {
        let error = to_protobuf(Signal::Logs, text.as_bytes(), 1 << 30).unwrap_err();
        assert_eq!(error.kind, JsonErrorKind::Depth);
    }
}

#[test]
fn long_messages_get_long_lengths() {
    for length in [126, 127, 128, 129, 16_383, 16_384, 2_097_152] {
        let name = "x".repeat(length);
        let wire = to_protobuf(
            Signal::Traces,
            span_text(&format!(r#""name":"{name}""#)).as_bytes(),
            1 << 23,
        )
        .unwrap();
        let request = ExportTraceServiceRequest::decode(wire.as_slice()).unwrap();
        assert_eq!(
            request.encode_to_vec(),
            wire,
            "{length}: lengths as short as prost's"
        );
        assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].name, name);
    }
}

#[test]
fn fields_out_of_order_are_gathered() {
    // droppedAttributesCount, attribute, severity text, attribute, body twice (merged), severity again.
    let attribute = |key: &[u8]| field(6, &field(1, key));
    let record = [
        &[0x38, 3][..],
        &attribute(b"a"),
        &field(3, b"first"),
        &attribute(b"b"),
        &field(5, &field(5, &field(1, &[0x18, 1]))),
        &field(3, b"last"),
        &field(5, &field(5, &field(1, &[0x18, 2]))),
        &field(13, b"unknown"),
    ]
    .concat();
    assert_eq!(
        to_json(Signal::Logs, &log_wire(&record)).unwrap(),
        log_json(
            r#"{"severityText":"last","body":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}},"attributes":[{"key":"a"},{"key":"b"}],"droppedAttributesCount":3}"#
        )
    );
}

#[test]
fn the_last_member_of_a_oneof_wins() {
    let list = |value: u8| field(5, &field(1, &[0x18, value]));
    let body = |members: &[Vec<u8>]| to_json(Signal::Logs, &log_wire(&field(5, &members.concat()))).unwrap();
    let expected = |value: &str| log_json(&format!(r#"{{"body":{value}}}"#));
    assert_eq!(body(&[list(1), vec![0x18, 7]]), expected(r#"{"intValue":"7"}"#));
    assert_eq!(
        body(&[vec![0x18, 7], field(1, b"")]),
        expected(r#"{"stringValue":""}"#)
    );
    assert_eq!(
        body(&[list(1), vec![0x18, 7], list(2), list(3)]),
        expected(r#"{"arrayValue":{"values":[{"intValue":"2"},{"intValue":"3"}]}}"#)
    );
}

#[test]
fn damaged_bytes_are_refused_with_their_offset_and_leave_the_output_alone() {
    let cases = [
        (field(3, b"\xff"), WireErrorKind::Utf8, 6),
        (vec![0x18, 1], WireErrorKind::Mismatch, 6),
        (vec![0x2a, 9], WireErrorKind::Truncated, 8),
        (vec![0x2b], WireErrorKind::WireType, 6),
    ];
    for (record, kind, offset) in cases {
        let mut out = b"before".to_vec();
        let error = from_protobuf(Signal::Logs, &log_wire(&record), &mut out).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{record:?}");
        assert_eq!(out, b"before");
    }
}

#[test]
fn output_escapes_what_json_requires() {
    let record = field(3, "\"\\\u{0}\u{1f}\n\r\t\u{7f}/\u{e9}\u{2028}".as_bytes());
    let json = to_json(Signal::Logs, &log_wire(&record)).unwrap();
    assert_eq!(
        json,
        log_json("{\"severityText\":\"\\\"\\\\\\u0000\\u001f\\n\\r\\t\u{7f}/\u{e9}\u{2028}\"}")
    );
}

// conformance: J5
#[test]
fn responses_convert_both_ways() {
    let response = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 3,
            error_message: "full".into(),
        }),
    };
    let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#;
    let mut out = Vec::new();
    response_to_json(Signal::Traces, &response.encode_to_vec(), &mut out).unwrap();
    assert_eq!(out, json);
    assert_eq!(
        response_from_json(Signal::Traces, json, LIMIT).unwrap(),
        response.encode_to_vec()
    );
    for (signal, key) in [
        (Signal::Metrics, "rejectedDataPoints"),
        (Signal::Logs, "rejectedLogRecords"),
    ] {
        let json = format!(r#"{{"partialSuccess":{{"{key}":"1"}}}}"#);
        let wire = response_from_json(signal, json.as_bytes(), LIMIT).unwrap();
        let mut out = Vec::new();
        response_to_json(signal, &wire, &mut out).unwrap();
        assert_eq!(out, json.as_bytes());
    }
    let mut out = Vec::new();
    response_to_json(Signal::Logs, b"", &mut out).unwrap();
    assert_eq!(out, b"{}");
}
