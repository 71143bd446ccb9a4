use super::*;

fn wire(signal: Signal, json: &str) -> Vec<u8> {
    crate::json::to_protobuf(signal, json.as_bytes(), 1 << 20).unwrap()
}

fn rendered(signal: Signal, json: &str) -> String {
    let mut out = String::new();
    assert_eq!(
        render(signal, &wire(signal, json), 1 << 20, &mut out),
        Ok(Extent::Whole)
    );
    out
}

const TRACE: &str = r#"{"resourceSpans":[{
    "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"check\u001b[31m\"out\""}}]},
    "scopeSpans":[{"scope":{"name":"lib"},"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","kind":2,"startTimeUnixNano":"1544712660300000000",
        "attributes":[
            {"key":"list","value":{"arrayValue":{"values":[{"intValue":1},{"boolValue":true},{}]}}},
            {"key":"map","value":{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":1.5}},{"key":"b"}]}}},
            {"key":"raw","value":{"bytesValue":"AAEC"}}],
        "events":[{"name":"one"},{"name":"two"}],
        "status":{"code":7}}]}]}]}"#;

#[test]
fn a_trace_reads_like_this() {
    let expected = r#"resourceSpans[0]
  resource
    attributes
      service.name: "check\u{1b}[31m\"out\""
  scopeSpans[0]
    scope
      name: "lib"
    spans[0]
      traceId: 5b8efff798038103d269b633813fc60c
      kind: SERVER (2)
      startTimeUnixNano: 2018-12-13T14:51:00.300000000Z
      attributes
        list: [1, true, empty]
        map: {a: 1.5, b: empty}
        raw: b64:AAEC
      events[0]
        name: "one"
      events[1]
        name: "two"
      status
        code: unknown (7)
"#;
    assert_eq!(rendered(Signal::Traces, TRACE), expected);
}

#[test]
fn points_and_records_read_like_this() {
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","histogram":{
        "aggregationTemporality":2,"dataPoints":[{"count":"3","sum":-0.5,"bucketCounts":[1,2],"explicitBounds":[10]}]}}]}]}]}"#;
    let expected = r#"      histogram
        aggregationTemporality: CUMULATIVE (2)
        dataPoints[0]
          count: 3
          sum: -0.5
          bucketCounts: [1, 2]
          explicitBounds: [10.0]
"#;
    assert!(
        rendered(Signal::Metrics, json).ends_with(expected),
        "{}",
        rendered(Signal::Metrics, json)
    );
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":10,"body":{"stringValue":"hi"}}]}]}]}"#;
    let expected = "resourceLogs[0]\n  scopeLogs[0]\n    logRecords[0]\n      severityNumber: INFO2 (10)\n      body: \"hi\"\n";
    assert_eq!(rendered(Signal::Logs, json), expected);
}

#[test]
fn every_bound_holds_and_says_so() {
    let whole = rendered(Signal::Traces, TRACE);
    let bytes = wire(Signal::Traces, TRACE);
    for max in 0..whole.len() {
        let mut out = "kept\u{e9}".to_string();
        assert_eq!(
            render(Signal::Traces, &bytes, max, &mut out),
            Ok(Extent::Truncated),
            "{max}"
        );
        let text = out.strip_prefix("kept\u{e9}").unwrap();
        assert!(text.len() <= max, "{max}");
        let kept = if max < TRUNCATED.len() {
            text
        } else {
            text.strip_suffix(TRUNCATED).unwrap()
        };
        assert!(whole.starts_with(kept), "{max}");
    }
    let mut out = String::new();
    assert_eq!(
        render(Signal::Traces, &bytes, whole.len(), &mut out),
        Ok(Extent::Whole)
    );
    assert_eq!(out, whole);
}

#[test]
fn a_cut_never_splits_a_character() {
    let json = r#"{"resourceLogs":[{"schemaUrl":"\ud83d\ude00\ud83d\ude00\ud83d\ude00\ud83d\ude00\ud83d\ude00\ud83d\ude00"}]}"#;
    let bytes = wire(Signal::Logs, json);
    for max in 0..80 {
        let mut out = String::new();
        render(Signal::Logs, &bytes, max, &mut out).unwrap();
        assert!(out.len() <= max);
    }
}

#[test]
fn damage_leaves_the_output_alone() {
    let mut bytes = wire(Signal::Traces, TRACE);
    bytes.pop();
    let mut out = "kept".to_string();
    let error = render(Signal::Traces, &bytes, 1 << 20, &mut out).unwrap_err();
    assert_eq!(error.kind, WireErrorKind::Truncated);
    assert_eq!(out, "kept");
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (nanos, expected) in [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (951_782_399_999_999_999, "2000-02-28T23:59:59.999999999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        (951_868_800_000_000_000, "2000-03-01T00:00:00.000000000Z"),
        (1_735_689_599_000_000_001, "2024-12-31T23:59:59.000000001Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
        (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
    ] {
        let mut out = String::new();
        Page::new(&mut out, 100).time(nanos).unwrap();
        assert_eq!(out, expected);
    }
}
