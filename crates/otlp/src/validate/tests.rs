use super::{Census, Depth, HOLLOW_SHARE, MAX_FLAWS, MAX_HOLLOW, MAX_NESTING, validate};
use crate::{Signal, WireError, WireErrorKind};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    exponential_histogram_data_point::Buckets, metric::Data,
};
use prost::Message;

/// A field of wire type 2.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut out);
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// A trace request of one span with these bytes.
fn span(bytes: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, bytes)))
}

fn full(signal: Signal, request: &[u8]) -> Result<Census, WireErrorKind> {
    validate(signal, request, Depth::Full).map_err(|error| error.kind)
}

/// What our walk and prost say of a span.
fn verdicts(bytes: &[u8]) -> (Result<u64, WireErrorKind>, bool) {
    let request = span(bytes);
    let ours = full(Signal::Traces, &request).map(|census| census.items);
    (
        ours,
        ExportTraceServiceRequest::decode(request.as_slice()).is_ok(),
    )
}

fn attribute(value: Value) -> Vec<u8> {
    KeyValue {
        key: "key".into(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
    .encode_to_vec()
}

#[test]
fn an_empty_request_has_no_items() {
    for signal in Signal::ALL {
        for depth in [Depth::Shallow, Depth::Full] {
            assert_eq!(validate(signal, &[], depth), Ok(Census::default()));
        }
    }
}

#[test]
fn spans_without_valid_ids_are_flawed() {
    let good = [field(1, &[7; 16]), field(2, &[7; 8])].concat();
    let zero = [field(1, &[0; 16]), field(2, &[7; 8])].concat();
    let empty = [field(1, &[7; 16]), field(2, &[])].concat();
    let short = [field(1, &[7; 3]), field(2, &[7; 8])].concat();
    let padded = [vec![0x0a, 0x90, 0], vec![7; 16], field(2, &[7; 8])].concat();
    let last_wins = [zero.clone(), field(1, &[9; 16])].concat();
    let last_loses = [good.clone(), field(2, &[0; 8])].concat();
    let spans = [
        (good, true),
        (zero, false),
        (empty, false),
        (short, false),
        (padded, true),
        (last_wins, true),
        (last_loses, false),
        (Vec::new(), false),
    ];
    let (mut request, mut flaws) = (Vec::new(), Vec::new());
    for (bytes, valid) in &spans {
        request.extend(span(bytes));
        if !valid {
            flaws.push(request.len() - bytes.len()..request.len());
        }
    }
    assert_eq!(full(Signal::Traces, &request), Ok(Census { items: 8, flaws }));
    let shallow = validate(Signal::Traces, &request, Depth::Shallow);
    assert_eq!(
        shallow,
        Ok(Census {
            items: 8,
            flaws: Vec::new()
        })
    );
}

#[test]
fn an_id_of_a_link_flaws_its_span_and_no_other() {
    let ids = [field(1, &[7; 16]), field(2, &[7; 8])].concat();
    let linked = |id: &[u8]| [ids.clone(), field(13, &field(1, id)), field(5, b"name")].concat();
    let spans = [linked(&[1; 16]), linked(&[1; 15]), linked(&[]), ids.clone()];
    let request: Vec<u8> = spans.iter().flat_map(|bytes| span(bytes)).collect();
    let flaws = full(Signal::Traces, &request).unwrap().flaws;
    let first = span(&spans[0]).len() + span(&spans[1]).len();
    let [flaw] = &flaws[..] else { panic!("{flaws:?}") };
    assert_eq!(*flaw, first - spans[1].len()..first);
}

#[test]
fn flaws_are_borne_up_to_a_bound() {
    let spans = |count| field(1, &field(2, &field(2, &[0x30, 0]).repeat(count)));
    let most = full(Signal::Traces, &spans(MAX_FLAWS)).unwrap();
    assert_eq!((most.items, most.flaws.len()), (MAX_FLAWS as u64, MAX_FLAWS));
    assert_eq!(
        full(Signal::Traces, &spans(MAX_FLAWS + 1)),
        Err(WireErrorKind::Flaws)
    );
}

#[test]
fn messages_that_say_nothing_are_borne_up_to_a_bound() {
    let attributes = |count: usize, beside: usize| {
        let record = [field(6, b"").repeat(count), field(3, &vec![b'x'; beside])];
        field(1, &field(2, &field(2, &record.concat())))
    };
    let verdict = |count, beside| full(Signal::Logs, &attributes(count, beside)).map(|census| census.items);
    // With the 2 bytes of each attribute the request has an eighth of MAX_HOLLOW more.
    let most = MAX_HOLLOW + MAX_HOLLOW / 8;
    assert_eq!(verdict(most, 100), Ok(1));
    assert_eq!(verdict(2 * MAX_HOLLOW, 0), Err(WireErrorKind::Hollow));
    assert_eq!(verdict(2 * MAX_HOLLOW, MAX_HOLLOW * HOLLOW_SHARE), Ok(1));
    // Neither do these say anything: records without a time, attributes without a key.
    let records = |record: &[u8], count: usize| {
        let record = field(2, record).repeat(count);
        full(Signal::Logs, &field(1, &field(2, &record))).map(|census| census.items)
    };
    let (timed, severe) = ([0x09, 1, 2, 3, 4, 5, 6, 7, 8], [0x10, 1]);
    assert_eq!(records(&severe, MAX_HOLLOW), Ok(MAX_HOLLOW as u64));
    assert_eq!(records(&severe, 2 * MAX_HOLLOW), Err(WireErrorKind::Hollow));
    assert_eq!(records(&timed, 2 * MAX_HOLLOW), Ok(2 * MAX_HOLLOW as u64));
    let nameless = field(6, &field(1, b"")).repeat(2 * MAX_HOLLOW);
    assert_eq!(records(&nameless, 1), Err(WireErrorKind::Hollow));
    let envelopes = field(1, b"").repeat(2 * MAX_HOLLOW);
    for depth in [Depth::Shallow, Depth::Full] {
        let error = validate(Signal::Metrics, &envelopes, depth).unwrap_err();
        assert_eq!(error.kind, WireErrorKind::Hollow);
    }
}

#[test]
fn every_kind_of_value_passes_on_the_fast_and_the_slow_path() {
    let array = Value::ArrayValue(ArrayValue {
        values: vec![AnyValue {
            value: Some(Value::BoolValue(true)),
        }],
    });
    let entry = KeyValue {
        key: "inner".into(),
        value: None,
        ..Default::default()
    };
    let values = [
        Value::StringValue(String::new()),
        Value::StringValue("plain".into()),
        Value::StringValue("x".repeat(300)),
        Value::StringValue("größe ✓".into()),
        Value::BoolValue(false),
        Value::IntValue(1),
        Value::IntValue(443),
        Value::IntValue(70_000),
        Value::IntValue(-1),
        Value::DoubleValue(0.5),
        Value::BytesValue(vec![0xff; 3]),
        array,
        Value::KvlistValue(KeyValueList { values: vec![entry] }),
    ];
    for value in values {
        let bytes = attribute(value.clone());
        assert_eq!(verdicts(&field(9, &bytes)), (Ok(1), true), "{value:?}");
    }
}

#[test]
fn strings_of_every_length_are_checked_at_every_byte() {
    for length in 1..200_usize {
        let text = vec![b'a'; length];
        for at in [0, length / 2, length - 1] {
            let mut bad = text.clone();
            bad[at] = 0xff;
            let key_value = [field(1, &bad), field(2, &field(1, b"v"))].concat();
            assert_eq!(
                verdicts(&field(9, &key_value)),
                (Err(WireErrorKind::Utf8), false),
                "key, {at} of {length}"
            );
            let key_value = [field(1, b"k"), field(2, &field(1, &bad))].concat();
            assert_eq!(
                verdicts(&field(9, &key_value)),
                (Err(WireErrorKind::Utf8), false),
                "value, {at} of {length}"
            );
            assert_eq!(
                verdicts(&field(5, &bad)),
                (Err(WireErrorKind::Utf8), false),
                "name, {at} of {length}"
            );
        }
        assert_eq!(verdicts(&field(5, &text)), (Ok(1), true));
    }
}

#[test]
fn every_broken_rule_has_its_kind() {
    use WireErrorKind as Kind;
    let cases: [(&str, Vec<u8>, Kind); 14] = [
        ("length past the end", vec![0x2a, 5, b'a'], Kind::Truncated),
        ("tag without a value", vec![0x2a], Kind::Truncated),
        ("half a fixed64", vec![0x39, 1, 2, 3], Kind::Truncated),
        ("half a fixed32", vec![0x85, 0x01, 1, 2], Kind::Truncated),
        ("half a varint", vec![0x30, 0x80], Kind::Truncated),
        (
            "long varint",
            [vec![0x30], vec![0xff; 10], vec![1]].concat(),
            Kind::VarintOverflow,
        ),
        (
            "65 bits",
            [vec![0x30], vec![0xff; 9], vec![2]].concat(),
            Kind::VarintOverflow,
        ),
        ("field 0", vec![0x02, 0], Kind::FieldNumber),
        (
            "field 2^29",
            vec![0x80, 0x80, 0x80, 0x80, 0x10, 0],
            Kind::FieldNumber,
        ),
        ("wire type 6", vec![0xf6, 0x01], Kind::WireType),
        ("name as varint", vec![0x28, 1], Kind::Mismatch),
        ("flags as varint", vec![0x80, 0x01, 1], Kind::Mismatch),
        (
            "kind as fixed64",
            vec![0x31, 0, 0, 0, 0, 0, 0, 0, 0],
            Kind::Mismatch,
        ),
        ("attribute as fixed32", vec![0x4d, 0, 0, 0, 0], Kind::Mismatch),
    ];
    for (name, bytes, kind) in cases {
        assert_eq!(verdicts(&bytes), (Err(kind), false), "{name}");
    }
}

#[test]
fn what_is_stricter_than_prost_is_only_what_the_module_says() {
    assert_eq!(
        verdicts(&[0xfb, 0x01, 0xfc, 0x01]),
        (Err(WireErrorKind::WireType), true)
    );
}

#[test]
fn unknown_fields_are_skipped_but_have_to_end() {
    let unknown = [
        vec![0xf8, 0x07, 1],
        vec![0x82, 0x7d, 2, 0xff, 0xff],
        vec![0xfd, 0x01, 1, 2, 3, 4],
        vec![0xf9, 0x07],
    ];
    let mut bytes = unknown.concat();
    bytes.extend_from_slice(&[0; 8]);
    assert_eq!(verdicts(&bytes), (Ok(1), true));
    bytes.truncate(bytes.len() - 1);
    assert_eq!(verdicts(&bytes), (Err(WireErrorKind::Truncated), false));
}

#[test]
fn padded_tags_and_lengths_are_read_as_what_they_mean() {
    assert_eq!(verdicts(&[0xaa, 0x80, 0x00, 0x81, 0x00, b'a']), (Ok(1), true));
    assert_eq!(
        verdicts(&[0xaa, 0x80, 0x00, 0x81, 0x00, 0xff]),
        (Err(WireErrorKind::Utf8), false)
    );
    assert_eq!(verdicts(&[0xca, 0x00, 0x82, 0x00, 0x0a, 0x00]), (Ok(1), true));
    assert_eq!(
        verdicts(&[0xca, 0x00, 0x83, 0x00, 0x0a, 0x01, 0xff]),
        (Err(WireErrorKind::Utf8), false)
    );
}

/// A span attribute whose value is nested `arrays` deep.
fn nested(arrays: usize) -> Vec<u8> {
    let value = (0..arrays).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    span(&field(9, &[field(1, b"k"), field(2, &value)].concat()))
}

#[test]
fn nesting_ends_at_the_limit() {
    // Request, resource envelope, scope envelope, span, attribute, value; then two levels for each array.
    let fits = (MAX_NESTING as usize - 6) / 2;
    assert_eq!(
        full(Signal::Traces, &nested(fits)).map(|census| census.items),
        Ok(1)
    );
    assert_eq!(full(Signal::Traces, &nested(fits + 1)), Err(WireErrorKind::Depth));
    assert_eq!(full(Signal::Traces, &nested(50_000)), Err(WireErrorKind::Depth));
}

#[test]
fn a_plain_attribute_does_not_slip_below_the_limit() {
    let plain = attribute(Value::StringValue("v".into()));
    for lists in [12, 13] {
        // Two levels for each list of attributes: an odd number of levels is left to the innermost.
        let value = (0..lists).fold(field(6, &field(1, &plain)), |inner, _| {
            field(5, &field(1, &inner))
        });
        let body = field(1, &field(2, &field(2, &field(5, &value))));
        let levels = 5 + 2 * lists + 1 + 2;
        let expected = if levels <= MAX_NESTING as usize {
            Ok(1)
        } else {
            Err(WireErrorKind::Depth)
        };
        assert_eq!(
            full(Signal::Logs, &body).map(|census| census.items),
            expected,
            "{lists} lists"
        );
    }
}

#[test]
fn the_fault_is_found_where_it_is() {
    let good = field(9, &attribute(Value::StringValue("v".into())));
    let bad = field(9, &[field(1, b"k"), field(2, &field(1, &[0xff]))].concat());
    let request = span(&[good.clone(), good, bad].concat());
    let offset = request.len() - 3;
    let expected = WireError {
        kind: WireErrorKind::Utf8,
        offset,
    };
    assert_eq!(validate(Signal::Traces, &request, Depth::Full), Err(expected));

    let cut = span(&[field(9, &attribute(Value::BoolValue(true))), vec![0x4a, 9, 1]].concat());
    let expected = WireError {
        kind: WireErrorKind::Truncated,
        offset: cut.len() - 1,
    };
    assert_eq!(validate(Signal::Traces, &cut, Depth::Full), Err(expected));
}

fn metrics(data: Vec<Data>) -> Vec<u8> {
    let metrics = data.into_iter().map(|data| Metric {
        name: "m".into(),
        data: Some(data),
        ..Default::default()
    });
    let scope_metrics = vec![ScopeMetrics {
        metrics: metrics.collect(),
        ..Default::default()
    }];
    let resource_metrics = vec![ResourceMetrics {
        scope_metrics,
        ..Default::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn points_of_all_five_kinds_are_counted() {
    let number = NumberDataPoint {
        time_unix_nano: 1,
        ..Default::default()
    };
    let histogram = HistogramDataPoint {
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        ..Default::default()
    };
    let buckets = Some(Buckets {
        offset: -3,
        bucket_counts: vec![1, 300, u64::MAX],
    });
    let exponential = ExponentialHistogramDataPoint {
        scale: -1,
        positive: buckets,
        ..Default::default()
    };
    let request = metrics(vec![
        Data::Gauge(Gauge {
            data_points: vec![number.clone(); 2],
        }),
        Data::Sum(Sum {
            data_points: vec![number; 3],
            aggregation_temporality: 1,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram {
            data_points: vec![histogram; 4],
            ..Default::default()
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential; 5],
            ..Default::default()
        }),
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint::default(); 6],
        }),
    ]);
    for depth in [Depth::Shallow, Depth::Full] {
        assert_eq!(
            validate(Signal::Metrics, &request, depth).map(|census| census.items),
            Ok(20)
        );
    }
}

#[test]
fn packed_fields_hold_whole_elements_or_are_not_packed() {
    let point = |bytes: &[u8]| field(1, &field(2, &field(2, &field(9, &field(1, bytes)))));
    let buckets = |bytes: &[u8]| field(1, &field(2, &field(2, &field(10, &field(1, &field(8, bytes))))));
    let unpacked = [vec![0x31], vec![0; 8]].concat();
    let cases = [
        (point(&field(6, &[0; 16])), None),
        (point(&field(6, &[0; 15])), Some(WireErrorKind::Packed)),
        (point(&field(7, &[0; 9])), Some(WireErrorKind::Packed)),
        (point(&unpacked), None),
        (point(&[0x30, 0]), Some(WireErrorKind::Mismatch)),
        (buckets(&field(2, &[1, 0x80, 0x01])), None),
        (buckets(&field(2, &[1, 0x80])), Some(WireErrorKind::Packed)),
        (buckets(&[0x10, 0x05]), None),
    ];
    for (request, error) in cases {
        assert_eq!(full(Signal::Metrics, &request).err(), error, "{request:?}");
        assert_eq!(
            ExportMetricsServiceRequest::decode(request.as_slice()).is_err(),
            error.is_some(),
            "{request:?}"
        );
    }
}

#[test]
fn the_shallow_form_does_not_enter_items_but_checks_envelopes() {
    let bad_item = span(&[0xff]);
    assert_eq!(
        validate(Signal::Traces, &bad_item, Depth::Shallow).map(|census| census.items),
        Ok(1)
    );
    let bad_scope_envelope = field(1, &field(2, &[0x12, 9]));
    let error = validate(Signal::Traces, &bad_scope_envelope, Depth::Shallow).unwrap_err();
    assert_eq!(
        error,
        WireError {
            kind: WireErrorKind::Truncated,
            offset: 6
        }
    );
}

/// Mutated requests: whatever prost refuses must be refused, and what only we refuse must be among the documented rules.
#[test]
fn property_verdicts_agree_with_prost() {
    let mut random = fastrand::Rng::with_seed(0x0071_1ce5);
    let attributes = [
        attribute(Value::IntValue(443)),
        attribute(Value::StringValue("größe".into())),
    ];
    let seed = span(
        &[
            field(1, &[7; 16]),
            field(9, &attributes[0]),
            field(9, &attributes[1]),
            field(5, b"name"),
        ]
        .concat(),
    );
    let point = [field(7, &[0; 16]), field(6, &[1; 24]), field(9, &attributes[0])].concat();
    let metric = field(
        1,
        &field(
            2,
            &field(2, &[field(1, b"m"), field(9, &field(1, &point))].concat()),
        ),
    );
    let log = field(
        1,
        &field(
            2,
            &field(
                2,
                &[field(5, &field(1, b"body")), field(6, &attributes[1])].concat(),
            ),
        ),
    );
    for round in 0..60_000 {
        let (signal, seed) = [
            (Signal::Traces, &seed),
            (Signal::Metrics, &metric),
            (Signal::Logs, &log),
        ][round % 3];
        let mut bytes = seed.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = if random.bool() {
                random.u8(..)
            } else {
                bytes[at] ^ 1 << random.u32(..8)
            };
        }
        let ours = full(signal, &bytes);
        let prost = match signal {
            Signal::Traces => ExportTraceServiceRequest::decode(bytes.as_slice()).is_ok(),
            Signal::Metrics => ExportMetricsServiceRequest::decode(bytes.as_slice()).is_ok(),
            Signal::Logs => ExportLogsServiceRequest::decode(bytes.as_slice()).is_ok(),
        };
        match ours {
            Ok(_) => assert!(prost, "prost refuses {bytes:02x?}"),
            Err(WireErrorKind::WireType) => {}
            Err(kind) => assert!(!prost, "prost accepts, {kind}: {bytes:02x?}"),
        }
    }
}
