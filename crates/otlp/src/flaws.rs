//! Flawed items: what is wrong with one, and where it stands. Which items are flawed is what [`crate::validate()`] finds, and
//! [`crate::edit::Editor::remove`] leaves them out.
//!
//! Nothing here is on the way of a request without flaws, and what it costs grows with the envelopes that are passed over.

use crate::schema::{self, FieldSpec, Kind, Label, Message};
use crate::{Cursor, Field, Signal};
use std::fmt::Write;
use std::ops::Range;

/// How deep ids are looked for inside an item: those of links and exemplars are one level down.
const ID_LEVELS: u32 = 2;

/// The path of the innermost message that contains `place`, as OTLP/JSON names its fields:
/// `resourceSpans[0].scopeSpans[0].spans[3]`. Empty for the request itself.
///
/// Bytes that cannot be read end the search: then it is the path of the last message that could be.
pub fn path_to(signal: Signal, request: &[u8], place: &Range<usize>) -> String {
    walk_to(signal, request, place).0
}

/// What is wrong with the flawed item at `item`, one of [`crate::Census::flaws`]: its path and the rule that it breaks. For
/// people.
pub fn explain(signal: Signal, request: &[u8], item: &Range<usize>) -> String {
    let (path, message) = walk_to(signal, request, item);
    let bytes = request.get(item.clone()).unwrap_or_default();
    let wrong = wrong_id(message, bytes, ID_LEVELS).or_else(|| missing_id(signal, message, bytes));
    format!("{path}: {}", wrong.as_deref().unwrap_or("an id is invalid"))
}

/// The path to a place and the message there.
fn walk_to(signal: Signal, request: &[u8], place: &Range<usize>) -> (String, &'static Message) {
    let (mut path, mut message, mut body) = (String::new(), schema::request(signal), 0..request.len());
    while body != *place
        && let Some(step) = step_towards(message, request, &body, place)
    {
        step.push_to(&mut path);
        (message, body) = (step.message, step.body);
    }
    (path, message)
}

/// A nested message on the way to a place.
struct Step {
    field: &'static FieldSpec,
    /// How many of the same field there are before it.
    index: usize,
    message: &'static Message,
    body: Range<usize>,
}

impl Step {
    fn push_to(&self, path: &mut String) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(self.field.json);
        if self.field.label == Label::Repeated {
            // Writing to a string does not fail.
            let _ = write!(path, "[{}]", self.index);
        }
    }
}

/// The field of the message at `body` whose own message contains `place`.
fn step_towards(
    message: &'static Message,
    request: &[u8],
    body: &Range<usize>,
    place: &Range<usize>,
) -> Option<Step> {
    let mut cursor = Cursor::new(request.get(body.clone())?);
    let mut before = [0; 32];
    while let Ok(Some(field)) = cursor.next_field() {
        let end = body.start + cursor.position();
        let Some((spec, inner, bytes)) = nested(message, &field) else {
            continue;
        };
        let Some(index) = before.get_mut(field.number as usize) else {
            continue;
        };
        let start = end - bytes.len();
        if start <= place.start && place.end <= end {
            return Some(Step {
                field: spec,
                index: *index,
                message: inner,
                body: start..end,
            });
        }
        *index += 1;
    }
    None
}

/// The message in a field, if it holds one.
fn nested<'a>(
    message: &'static Message,
    field: &Field<'a>,
) -> Option<(&'static FieldSpec, &'static Message, &'a [u8])> {
    let (_, spec) = message.by_number(field.number, 0)?;
    match spec.kind {
        Kind::Message(inner) => Some((spec, inner, field.bytes()?)),
        _ => None,
    }
}

/// The first id in a message, or in one inside it, that has a wrong length.
fn wrong_id(message: &'static Message, bytes: &[u8], levels: u32) -> Option<String> {
    let mut cursor = Cursor::new(bytes);
    while let Ok(Some(field)) = cursor.next_field() {
        if let Some((spec, inner, bytes)) = nested(message, &field) {
            let deeper = levels.checked_sub(1);
            if let Some(wrong) = deeper.and_then(|levels| wrong_id(inner, bytes, levels)) {
                return Some(format!("{}: {wrong}", spec.json));
            }
        } else if let Some((spec, length, id)) = id(message, &field)
            && !id.is_empty()
            && id.len() != length
        {
            return Some(format!("{} has {} bytes, not {length}", spec.json, id.len()));
        }
    }
    None
}

/// The id that a span must have and has not.
fn missing_id(signal: Signal, message: &'static Message, bytes: &[u8]) -> Option<String> {
    if signal != Signal::Traces {
        return None;
    }
    let required = message.fields.iter().take(2);
    required.into_iter().find_map(|spec| {
        let mut last: &[u8] = &[];
        let mut cursor = Cursor::new(bytes);
        while let Ok(Some(field)) = cursor.next_field() {
            if field.number == spec.number {
                last = field.bytes().unwrap_or_default();
            }
        }
        let words = if last.is_empty() {
            "is missing"
        } else {
            "is all zero"
        };
        let unset = last.iter().all(|&byte| byte == 0);
        unset.then(|| format!("{} {words}", spec.json))
    })
}

fn id<'a>(message: &'static Message, field: &Field<'a>) -> Option<(&'static FieldSpec, usize, &'a [u8])> {
    let (_, spec) = message.by_number(field.number, 0)?;
    match spec.kind {
        Kind::Id(length) => Some((spec, length, field.bytes()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{explain, path_to};
    use crate::edit::Editor;
    use crate::{Depth, Signal, validate};
    use bytes::Bytes;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::metrics::v1::{
        Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
    };
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::Link};
    use prost::Message;

    fn span(trace_id: &[u8], span_id: &[u8]) -> Span {
        Span {
            trace_id: trace_id.into(),
            span_id: span_id.into(),
            ..Default::default()
        }
    }

    fn good() -> Span {
        span(&[1; 16], &[2; 8])
    }

    fn traces(scopes: Vec<Vec<Span>>) -> ExportTraceServiceRequest {
        let scope = |spans| ScopeSpans {
            spans,
            ..Default::default()
        };
        let resource = |spans| ResourceSpans {
            scope_spans: vec![scope(spans)],
            ..Default::default()
        };
        ExportTraceServiceRequest {
            resource_spans: scopes.into_iter().map(resource).collect(),
        }
    }

    /// What is wrong with each flawed item, and the request without them.
    fn mended(signal: Signal, request: &[u8]) -> (Vec<String>, Bytes) {
        let request = Bytes::copy_from_slice(request);
        let flaws = validate(signal, &request, Depth::Full).unwrap().flaws;
        let words = flaws.iter().map(|flaw| explain(signal, &request, flaw));
        let words = words.collect();
        let mut editor = Editor::new();
        let rest = editor.remove(signal, &request, &flaws).unwrap().to_bytes();
        assert!(validate(signal, &rest, Depth::Full).unwrap().flaws.is_empty());
        (words, rest)
    }

    #[test]
    fn every_flaw_of_spans_is_named_and_their_siblings_stay() {
        let linked = Span {
            links: vec![
                Link::default(),
                Link {
                    span_id: vec![1; 9],
                    ..Default::default()
                },
            ],
            ..good()
        };
        let child = Span {
            parent_span_id: vec![1; 7],
            ..good()
        };
        let root = Span {
            parent_span_id: vec![0; 8],
            ..good()
        };
        let scopes = vec![
            vec![good(), span(&[1; 3], &[2; 8]), root, span(&[0; 16], &[2; 8])],
            vec![span(&[1; 16], &[]), Span::default()],
            vec![linked, child, good()],
        ];
        let (words, rest) = mended(Signal::Traces, &traces(scopes.clone()).encode_to_vec());
        let at = |resource: u8, span: u8, wrong: &str| {
            format!("resourceSpans[{resource}].scopeSpans[0].spans[{span}]: {wrong}")
        };
        assert_eq!(
            words,
            [
                at(0, 1, "traceId has 3 bytes, not 16"),
                at(0, 3, "traceId is all zero"),
                at(1, 0, "spanId is missing"),
                at(1, 1, "traceId is missing"),
                at(2, 0, "links: spanId has 9 bytes, not 8"),
                at(2, 1, "parentSpanId has 7 bytes, not 8"),
            ]
        );
        let kept = [
            vec![scopes[0][0].clone(), scopes[0][2].clone()],
            vec![scopes[2][2].clone()],
        ];
        assert_eq!(rest, traces(kept.into()).encode_to_vec());
    }

    #[test]
    fn a_flawed_record_or_point_takes_no_other_with_it() {
        let record = |trace_id: &[u8]| LogRecord {
            trace_id: trace_id.into(),
            ..Default::default()
        };
        let logs = |log_records| ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                scope_logs: vec![ScopeLogs {
                    log_records,
                    ..Default::default()
                }],
                ..Default::default()
            }],
        };
        let wire = logs(vec![record(&[]), record(&[0; 16]), record(&[1; 8]), record(&[])]).encode_to_vec();
        let (words, rest) = mended(Signal::Logs, &wire);
        assert_eq!(
            words,
            ["resourceLogs[0].scopeLogs[0].logRecords[2]: traceId has 8 bytes, not 16"]
        );
        assert_eq!(
            rest,
            logs(vec![record(&[]), record(&[0; 16]), record(&[])]).encode_to_vec()
        );

        let point = |span_id: &[u8]| NumberDataPoint {
            exemplars: vec![Exemplar {
                span_id: span_id.into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let metric = |data_points| Metric {
            data: Some(Data::Gauge(Gauge { data_points })),
            ..Default::default()
        };
        let metrics = |metrics| ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                scope_metrics: vec![ScopeMetrics {
                    metrics,
                    ..Default::default()
                }],
                ..Default::default()
            }],
        };
        let wire = metrics(vec![
            metric(vec![point(&[1])]),
            metric(vec![point(&[]), point(&[7; 8]), point(&[7; 16])]),
        ]);
        let (words, rest) = mended(Signal::Metrics, &wire.encode_to_vec());
        let at = "resourceMetrics[0].scopeMetrics[0].metrics";
        assert_eq!(
            words,
            [
                format!("{at}[0].gauge.dataPoints[0]: exemplars: spanId has 1 bytes, not 8"),
                format!("{at}[1].gauge.dataPoints[2]: exemplars: spanId has 16 bytes, not 8"),
            ]
        );
        let left = metrics(vec![metric(vec![point(&[]), point(&[7; 8])])]);
        assert_eq!(rest, left.encode_to_vec());
    }

    #[test]
    fn a_fault_has_the_path_of_the_message_that_it_stands_in() {
        let mut wire = traces(vec![vec![good()], vec![good(), good()]]).encode_to_vec();
        let last = wire.len() - 1;
        wire[last - 8] = 0x10; // The span id becomes a number.
        let fault = validate(Signal::Traces, &wire, Depth::Full).unwrap_err();
        let path = path_to(Signal::Traces, &wire, &(fault.offset..fault.offset));
        assert_eq!(path, "resourceSpans[1].scopeSpans[0].spans[1]");
        assert_eq!(path_to(Signal::Traces, &[0x0a, 9], &(0..0)), "");
    }
}
