//! Traces without end: requests whose spans belong to ever new traces, made of encoded requests by patching ids, times
//! and what makes a trace worth keeping.
//!
//! Of each hundred traces five have a span with an error (status and `http.response.status_code`), five have a root of two
//! seconds where others have 20 ms, and one is marked `app.synthetic`. So a policy keeps a share that is known beforehand.

use super::offsets::each;
use super::{Builder, TraceShape, attributes};
use crate::Result;
use crate::identity::Identity;
use bytes::BytesMut;
use forebay_otlp::{Cursor, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind};
use prost::Message;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many different requests are patched in turn.
const VARIANTS: u64 = 8;
/// The pattern that decides which traces are worth keeping repeats after so many.
const PATTERN: u64 = 100;

/// Of [`PATTERN`] traces, those with a span that failed.
const FAILED: std::ops::Range<u64> = 0..5;
/// Of [`PATTERN`] traces, those with a slow root.
const SLOW: std::ops::Range<u64> = 5..10;
/// Of [`PATTERN`] traces, the one that is marked as synthetic.
const SYNTHETIC: u64 = 10;

const SPAN_LASTS: Duration = Duration::from_millis(5);
const ROOT_LASTS: Duration = Duration::from_millis(20);
const SLOW_ROOT_LASTS: Duration = Duration::from_secs(2);

/// `Status.code` of an error, `200` and `503` as varints of two bytes.
const ERROR: u8 = 2;
const OK_200: [u8; 2] = [0xc8, 0x01];
const FAILED_503: [u8; 2] = [0xf7, 0x03];

/// Makes requests of traces.
pub struct TraceStream {
    variants: Vec<Variant>,
    spans_per_trace: usize,
    root: Option<usize>,
    /// How many traces begin in a request.
    starting: u64,
    stride: u64,
    epoch: u64,
}

struct Variant {
    bytes: Vec<u8>,
    places: Vec<Places>,
}

/// Where a span's fields stand in the request: offsets of their values.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    trace_id: usize,
    span_id: usize,
    parent: Option<usize>,
    start: usize,
    end: usize,
    status: usize,
    http_status: usize,
    synthetic: usize,
}

/// A span by its place in the stream.
struct Position {
    trace: u64,
    /// Which of its trace's spans it is, in the order of arrival.
    index: usize,
}

impl TraceStream {
    /// Encodes the requests that will be patched.
    ///
    /// # Errors
    /// Requests of `items` spans cannot be made of such traces.
    pub fn new(shape: TraceShape, items: usize) -> Result<TraceStream> {
        shape.check(items)?;
        let mut stream = TraceStream {
            variants: Vec::new(),
            spans_per_trace: shape.spans_per_trace,
            root: shape.root(),
            starting: (items / shape.spans_per_trace) as u64,
            stride: shape.stride(items),
            epoch: SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64,
        };
        stream.variants = (0..VARIANTS)
            .map(|seed| stream.variant(items, seed))
            .collect::<Result<_>>()?;
        Ok(stream)
    }

    /// Encoded bytes of a request, about.
    pub fn bytes(&self) -> usize {
        self.variants.first().map_or(0, |variant| variant.bytes.len())
    }

    /// Appends the request with this sequence to `out`. A span's identity has the number `trace * spans per trace + index`.
    pub fn append(&self, generator: u16, sequence: u64, out: &mut BytesMut) {
        let Some(variant) = self.variants.get((sequence % VARIANTS) as usize) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(&variant.bytes);
        let Some(request) = out.get_mut(start..) else {
            return;
        };
        for (item, places) in variant.places.iter().enumerate() {
            self.patch(request, places, &self.position(sequence, item), generator);
        }
    }

    fn variant(&self, items: usize, seed: u64) -> Result<Variant> {
        let mut builder = Builder {
            random: fastrand::Rng::with_seed(seed),
            identities: None,
        };
        let resource_spans = Builder::groups(items)
            .map(|group| {
                builder.resource_spans(group, |builder, _, item| {
                    let has_parent = Some(self.position(0, item).index) != self.root;
                    builder.stream_span(has_parent)
                })
            })
            .collect();
        let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let places = places(&bytes)?;
        if places.len() != items {
            return Err("a span of the template was not found".into());
        }
        Ok(Variant { bytes, places })
    }

    /// Which span an item of a request is. Together: trace after trace. Spread: all first spans, all second spans and so on,
    /// each kind one stride of requests younger than the one before.
    fn position(&self, sequence: u64, item: usize) -> Position {
        if self.stride == 0 {
            let nth = (item / self.spans_per_trace.max(1)) as u64;
            return Position {
                trace: sequence * self.starting + nth,
                index: item % self.spans_per_trace.max(1),
            };
        }
        let index = item / (self.starting.max(1) as usize);
        let nth = item as u64 % self.starting.max(1);
        // The first requests hold the ends of traces that had begun before the stream did.
        let begun = sequence + self.stride * (self.spans_per_trace - 1 - index) as u64;
        Position {
            trace: begun * self.starting + nth,
            index,
        }
    }

    fn patch(&self, request: &mut [u8], places: &Places, position: &Position, generator: u16) {
        let Position { trace, index } = *position;
        let identity = |index: usize| {
            let number = trace * self.spans_per_trace as u64 + index as u64;
            Identity { generator, number }.encode().to_be_bytes()
        };
        let mut put = |offset: usize, bytes: &[u8]| {
            if let Some(target) = request.get_mut(offset..offset + bytes.len()) {
                target.copy_from_slice(bytes);
            }
        };
        put(places.trace_id, &trace_id(trace, generator));
        put(places.span_id, &identity(index));
        if let Some(parent) = places.parent {
            // Without a root, the parent is a span that nobody sends.
            put(parent, &identity(self.root.unwrap_or(self.spans_per_trace)));
        }
        let nth = trace % PATTERN;
        let is_root = self.root == Some(index);
        let (start, end) = times(nth, index, is_root);
        let base = self.epoch + trace * 1000;
        put(places.start, &(base + start.as_nanos() as u64).to_le_bytes());
        put(places.end, &(base + end.as_nanos() as u64).to_le_bytes());
        let failed = FAILED.contains(&nth) && index == self.spans_per_trace / 2;
        put(places.status, &[if failed { ERROR } else { 0 }]);
        put(places.http_status, if failed { &FAILED_503 } else { &OK_200 });
        put(places.synthetic, &[u8::from(nth == SYNTHETIC)]);
    }
}

/// Start and end of a span, from the start of its trace.
fn times(nth: u64, index: usize, is_root: bool) -> (Duration, Duration) {
    if !is_root {
        let start = Duration::from_micros(100) * (index as u32 + 1);
        return (start, start + SPAN_LASTS);
    }
    let lasts = if SLOW.contains(&nth) {
        SLOW_ROOT_LASTS
    } else {
        ROOT_LASTS
    };
    (Duration::ZERO, lasts)
}

/// A trace id whose bits look random, as samplers expect, and which no other number gives (SplitMix64: a bijection).
fn trace_id(trace: u64, generator: u16) -> [u8; 16] {
    let mut id = [0; 16];
    let (high, low) = id.split_at_mut(8);
    high.copy_from_slice(&mix(trace.wrapping_mul(2) ^ u64::from(generator) << 48).to_be_bytes());
    low.copy_from_slice(&mix(trace.wrapping_mul(2) + 1).to_be_bytes());
    id
}

fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Builder {
    /// A span with all the fields that are patched, in about 500 bytes.
    fn stream_span(&mut self, has_parent: bool) -> Span {
        let mut attributes = self.http_server();
        for attribute in &mut attributes {
            if attribute.key == HTTP_STATUS {
                *attribute = attributes::int(HTTP_STATUS, 200);
            }
        }
        attributes.push(attributes::text("thread.name", "exec-7"));
        let synthetic = any_value::Value::BoolValue(false);
        attributes.push(KeyValue {
            key: SYNTHETIC_KEY.to_owned(),
            value: Some(AnyValue {
                value: Some(synthetic),
            }),
            ..KeyValue::default()
        });
        Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            parent_span_id: if has_parent { vec![1; 8] } else { Vec::new() },
            flags: 1,
            name: self
                .pick(&["GET /api/v1/carts/{id}", "PUT /api/v1/orders/{id}"])
                .to_owned(),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: 1,
            end_time_unix_nano: 1,
            attributes,
            status: Some(Status {
                code: 1,
                ..Status::default()
            }),
            ..Span::default()
        }
    }
}

const HTTP_STATUS: &str = "http.response.status_code";
const SYNTHETIC_KEY: &str = "app.synthetic";

/// Field numbers from opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto.
fn places(request: &[u8]) -> Result<Vec<Places>> {
    let mut found = Vec::new();
    each(request, 0, 1, &mut |resource, at| {
        each(resource, at, 2, &mut |scope, at| {
            each(scope, at, 2, &mut |span, at| {
                found.push(span_places(span, at)?);
                Ok(())
            })
        })
    })?;
    Ok(found)
}

fn span_places(span: &[u8], at: usize) -> Result<Places> {
    let mut places = Places::default();
    let mut cursor = Cursor::new(span);
    while let Some(field) = cursor.next_field()? {
        let end = at + cursor.position();
        match (field.number, field.value) {
            (1, Value::Len(id)) => places.trace_id = end - id.len(),
            (2, Value::Len(id)) => places.span_id = end - id.len(),
            (4, Value::Len(id)) => places.parent = (!id.is_empty()).then_some(end - id.len()),
            (7, Value::Fixed64(_)) => places.start = end - 8,
            (8, Value::Fixed64(_)) => places.end = end - 8,
            (9, Value::Len(attribute)) if named(attribute, HTTP_STATUS) => places.http_status = end - 2,
            (9, Value::Len(attribute)) if named(attribute, SYNTHETIC_KEY) => places.synthetic = end - 1,
            // Its last byte is that of its only field, `code`.
            (15, Value::Len(_)) => places.status = end - 1,
            _ => {}
        }
    }
    Ok(places)
}

/// Whether a `KeyValue` has this key, its field 1.
fn named(attribute: &[u8], key: &str) -> bool {
    let first = Cursor::new(attribute).next_field().ok().flatten();
    first.and_then(|field| field.bytes()) == Some(key.as_bytes())
}
