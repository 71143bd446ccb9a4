use super::*;
use crate::walk;
use bytes::BytesMut;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_span_is_as_large_as_the_published_measurements_assume() {
    let bytes = Request::new(Signal::Traces, 1000, 1, None).protobuf().len();
    assert!(
        (440..=475).contains(&(bytes / 1000)),
        "{} bytes per span",
        bytes / 1000
    );
}

#[test]
fn the_walk_and_the_count_find_what_was_built() {
    for signal in Signal::ALL {
        for items in [1, 10, 251, 1000] {
            let request = Request::new(signal, items, 7, None).protobuf();
            assert_eq!(
                forebay_otlp::count_items(signal, &request).unwrap(),
                items as u64,
                "{signal}"
            );
            assert_eq!(
                walk::identities(signal, &request, &mut |_| {}).unwrap(),
                items as u64,
                "{signal}"
            );
        }
    }
}

#[test]
fn a_patched_template_carries_each_identity_once() {
    for signal in Signal::ALL {
        let template = Template::new(signal, 300, 3).unwrap();
        let mut out = BytesMut::from(&b"head"[..]);
        template.append(5, 4, &mut out);
        let mut seen = Vec::new();
        walk::identities(signal, &out[4..], &mut |id| seen.push(id.unwrap())).unwrap();
        let expected: Vec<_> = (1200..1500)
            .map(|number| Identity { generator: 5, number })
            .collect();
        assert_eq!(seen, expected, "{signal}");
    }
}

#[test]
fn a_patched_template_is_the_request_built_with_the_identities() {
    for signal in Signal::ALL {
        let mut out = BytesMut::new();
        Template::new(signal, 50, 9).unwrap().append(2, 3, &mut out);
        let built = Request::new(
            signal,
            50,
            9,
            Some(Identities {
                generator: 2,
                first: 150,
            }),
        )
        .protobuf();
        assert_eq!(out, built, "{signal}");
    }
}

#[test]
fn json_names_every_item() {
    for (signal, key) in [
        (Signal::Traces, "spanId"),
        (Signal::Logs, "spanId"),
        (Signal::Metrics, "asInt"),
    ] {
        let request = Request::new(
            signal,
            12,
            1,
            Some(Identities {
                generator: 1,
                first: 0,
            }),
        );
        let text = String::from_utf8(request.json()).unwrap();
        assert_eq!(text.matches(&format!("\"{key}\"")).count(), 12);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}

/// What a stream of traces has sent: for each trace id its spans.
fn streamed(shape: TraceShape, items: usize, requests: u64) -> BTreeMap<Vec<u8>, Vec<Span>> {
    let stream = TraceStream::new(shape, items).unwrap();
    let mut traces: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for sequence in 0..requests {
        let mut out = BytesMut::new();
        stream.append(3, sequence, &mut out);
        let request = ExportTraceServiceRequest::decode(out.freeze()).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|r| r.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            traces.entry(span.trace_id.clone()).or_default().push(span);
        }
    }
    traces
}

#[test]
fn a_stream_of_traces_sends_each_trace_once_with_one_root() {
    for root in [Root::First, Root::Last] {
        let shape = TraceShape {
            spans_per_trace: 10,
            open_traces: 0,
            root,
        };
        let traces = streamed(shape, 500, 4);
        assert_eq!(traces.len(), 200);
        for spans in traces.values() {
            let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
            let roots: Vec<_> = spans.iter().filter(|s| s.parent_span_id.is_empty()).collect();
            assert_eq!((spans.len(), ids.len(), roots.len()), (10, 10, 1));
            assert_eq!(
                spans.iter().position(|s| s.parent_span_id.is_empty()),
                if root == Root::First { Some(0) } else { Some(9) }
            );
            assert!(
                spans
                    .iter()
                    .all(|s| s.parent_span_id.is_empty() || s.parent_span_id == roots[0].span_id)
            );
        }
        assert_eq!(traces.values().filter(|spans| is_failed(spans)).count(), 10);
        assert_eq!(traces.values().filter(|spans| is_slow(spans)).count(), 10);
    }
}

#[test]
fn spread_traces_have_their_spans_in_as_many_requests() {
    let shape = TraceShape {
        spans_per_trace: 5,
        open_traces: 80,
        root: Root::Missing,
    };
    // Ten traces begin in a request of 50, and span after span follows two requests later: each is open for eight.
    let traces = streamed(shape, 50, 20);
    let whole: Vec<_> = traces.values().filter(|spans| spans.len() == 5).collect();
    assert_eq!((traces.len(), whole.len()), (280, 120));
    assert!(
        whole
            .iter()
            .all(|spans| spans.iter().all(|s| !s.parent_span_id.is_empty()))
    );
}

#[test]
fn a_span_of_a_stream_has_about_five_hundred_bytes() {
    let shape = TraceShape {
        spans_per_trace: 10,
        ..TraceShape::default()
    };
    let bytes = TraceStream::new(shape, 1000).unwrap().bytes() / 1000;
    assert!((480..=510).contains(&bytes), "{bytes} bytes per span");
}

#[test]
fn traces_that_do_not_fill_requests_are_refused() {
    let shape = TraceShape {
        spans_per_trace: 10,
        ..TraceShape::default()
    };
    let error = TraceStream::new(shape, 25).err().unwrap().to_string();
    assert!(error.contains("a multiple of"), "{error}");
}

fn is_failed(spans: &[Span]) -> bool {
    spans.iter().any(|span| span.status.as_ref().unwrap().code == 2)
}

fn is_slow(spans: &[Span]) -> bool {
    spans
        .iter()
        .any(|span| span.end_time_unix_nano - span.start_time_unix_nano > 1_000_000_000)
}
