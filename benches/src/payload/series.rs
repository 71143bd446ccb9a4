//! Metrics without end: requests whose points belong to a given number of series, or to ever new ones, made of encoded
//! requests by patching numbers, times and values.
//!
//! A point's series is a number, twelve hexadecimal digits in one of its attributes; the other nine and all else that tells
//! series apart follow from its place in the cycle of requests that carries each live series once. So two points of the same
//! number are of one series, and a new number makes a new series.

use super::offsets::each;
use super::series_shape::{Kind, METRICS_MAX, SeriesShape, Temporality};
use super::{Builder, attributes};
use crate::Result;
use bytes::BytesMut;
use forebay_otlp::{Cursor, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, number_data_point,
};
use prost::Message;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many different requests are patched in turn.
const VARIANTS: usize = 8;
/// The digits of a number.
const DIGITS: usize = 12;
/// The time from one point to the next.
const POINT_NANOS: u64 = 1000;
/// The values of a gauge repeat after so many points of its series.
const LEVELS: u64 = 10;

/// The attribute that says which series a point belongs to, and the one that says which resource it is.
const SERIES_KEY: &str = "enduser.id";
const RESOURCE_KEY: &str = "service.instance.id";

const METRICS: [&str; METRICS_MAX] = [
    "http.server.requests",
    "http.server.request.size",
    "http.server.response.size",
    "http.client.requests",
    "http.client.request.size",
    "db.client.operations",
    "messaging.process.messages",
    "rpc.server.calls",
    "shop.cart.changes",
    "shop.order.lines",
];
const BOUNDS: [f64; 9] = [5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 1000.0];

/// Makes requests of metrics.
pub struct SeriesStream {
    variants: Vec<Variant>,
    shape: SeriesShape,
    items: u64,
    /// When the generator started.
    epoch: u64,
}

struct Variant {
    bytes: Vec<u8>,
    /// Where the number of each resource stands.
    resources: Vec<usize>,
    points: Vec<Places>,
    /// What the points of sums add up to.
    sum: u64,
}

/// Where a point's fields stand in the request: offsets of their values.
#[derive(Clone, Debug, Default)]
struct Places {
    number: usize,
    start: usize,
    time: usize,
    is_gauge: bool,
    values: Vec<(usize, Amount)>,
}

/// What a point adds to its series.
#[derive(Clone, Copy, Debug)]
enum Amount {
    Integer(u64),
    Float(f64),
}

impl SeriesStream {
    /// Encodes the requests that will be patched.
    ///
    /// # Errors
    /// Requests of `items` points cannot be made of such series.
    pub fn new(shape: SeriesShape, items: usize) -> Result<SeriesStream> {
        shape.check(items)?;
        let count = VARIANTS.min(shape.live_series / items.max(1));
        Ok(SeriesStream {
            variants: (0..count as u64)
                .map(|seed| Variant::new(shape, items, seed))
                .collect::<Result<_>>()?,
            shape,
            items: items as u64,
            epoch: SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64,
        })
    }

    /// Encoded bytes of a request, about.
    pub fn bytes(&self) -> usize {
        self.variants.first().map_or(0, |variant| variant.bytes.len())
    }

    /// What the points of the request with this sequence add up to, if they are deltas of whole numbers.
    pub fn sum(&self, sequence: u64) -> Option<u64> {
        let has_sum = self.shape.kind == Kind::Sum && self.shape.temporality == Temporality::Delta;
        has_sum.then(|| self.variant_of(sequence).1.map_or(0, |variant| variant.sum))
    }

    /// Which request of the cycle has this sequence, and what it is made of.
    fn variant_of(&self, sequence: u64) -> (u64, Option<&Variant>) {
        let live = self.shape.live_series as u64;
        let nth = sequence % (live / self.items).max(1);
        (nth, self.variants.get(nth as usize % self.variants.len().max(1)))
    }

    /// Appends the request with this sequence to `out`.
    pub fn append(&self, sequence: u64, out: &mut BytesMut) {
        let (nth, Some(variant)) = self.variant_of(sequence) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(&variant.bytes);
        let Some(request) = out.get_mut(start..) else {
            return;
        };
        for (group, place) in variant.resources.iter().enumerate() {
            let group = nth * variant.resources.len() as u64 + group as u64;
            put(request, *place, &hex(group % self.shape.resources.max(1) as u64));
        }
        let first = sequence * self.items;
        for (index, places) in (first..).zip(&variant.points) {
            self.patch(request, places, index);
        }
    }

    /// Makes a point of the template the one with this index in the stream.
    fn patch(&self, request: &mut [u8], places: &Places, index: u64) {
        let live = self.shape.live_series as u64;
        let every = self.shape.new_series_every;
        let is_new = every > 0 && index.is_multiple_of(every);
        let (number, cycle) = if is_new {
            (live + index / every, 0)
        } else {
            (index % live, index / live)
        };
        let is_cumulative = self.shape.temporality == Temporality::Cumulative;
        // As if each series had been sent before: its first point, too, counts from one cycle ago.
        let time = self.epoch + (index + live) * POINT_NANOS;
        let start = if is_cumulative {
            self.epoch
        } else {
            time - live * POINT_NANOS
        };
        let times = match (places.is_gauge, is_cumulative) {
            (true, _) => 1 + cycle % LEVELS,
            (false, true) => 1 + cycle,
            (false, false) => 1,
        };
        put(request, places.number, &hex(number));
        put(request, places.start, &start.to_le_bytes());
        put(request, places.time, &time.to_le_bytes());
        for (offset, amount) in &places.values {
            put(request, *offset, &amount.times(times).to_le_bytes());
        }
    }
}

impl Amount {
    fn whole(self) -> Option<u64> {
        match self {
            Amount::Integer(amount) => Some(amount),
            Amount::Float(_) => None,
        }
    }

    /// The bits of so many times the amount.
    fn times(self, times: u64) -> u64 {
        match self {
            Amount::Integer(amount) => amount * times,
            Amount::Float(amount) => (amount * times as f64).to_bits(),
        }
    }
}

fn put(request: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(target) = request.get_mut(offset..offset + bytes.len()) {
        target.copy_from_slice(bytes);
    }
}

/// The last digits of a number.
fn hex(number: u64) -> [u8; DIGITS] {
    let mut rest = number;
    let mut digits = [0; DIGITS];
    for digit in digits.iter_mut().rev() {
        let nibble = (rest & 15) as u8;
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        };
        rest >>= 4;
    }
    digits
}

impl Variant {
    fn new(shape: SeriesShape, items: usize, seed: u64) -> Result<Variant> {
        let mut builder = Builder {
            random: fastrand::Rng::with_seed(seed),
            identities: None,
        };
        let resource_metrics = Builder::groups(items)
            .map(|group| builder.series_group(shape, &group))
            .collect();
        let bytes = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
        let mut variant = Variant {
            resources: Vec::new(),
            points: Vec::new(),
            bytes: Vec::new(),
            sum: 0,
        };
        variant.find(&bytes)?;
        if variant.points.len() != items || variant.points.iter().any(|point| point.number == 0) {
            return Err("a point of the template was not found".into());
        }
        let values = variant.points.iter().flat_map(|point| &point.values);
        let sum = values.filter_map(|(_, amount)| amount.whole()).sum();
        Ok(Variant {
            bytes,
            sum,
            ..variant
        })
    }

    /// Field numbers from opentelemetry/proto/metrics/v1/metrics.proto and resource/v1/resource.proto.
    fn find(&mut self, request: &[u8]) -> Result<()> {
        let Variant {
            resources, points, ..
        } = self;
        each(request, 0, 1, &mut |group, at| {
            each(group, at, 1, &mut |resource, at| {
                each(resource, at, 1, &mut |attribute, at| {
                    resources.extend(value_of(attribute, at, RESOURCE_KEY));
                    Ok(())
                })
            })?;
            each(group, at, 2, &mut |scope, at| {
                each(scope, at, 2, &mut |metric, at| {
                    for field in [5, 7, 9] {
                        each(metric, at, field, &mut |data, at| {
                            each(data, at, 1, &mut |point, at| {
                                points.push(point_places(point, at, field)?);
                                Ok(())
                            })
                        })?;
                    }
                    Ok(())
                })
            })
        })
    }
}

impl Builder {
    fn series_group(&mut self, shape: SeriesShape, points: &Range<usize>) -> ResourceMetrics {
        let cut = |nth: usize| points.start + points.len() * nth / shape.metrics;
        let metrics = METRICS
            .iter()
            .take(shape.metrics)
            .enumerate()
            .map(|(nth, name)| {
                let kind = match (shape.kind, nth % 3) {
                    (Kind::Mixed, 0) => Kind::Sum,
                    (Kind::Mixed, 1) => Kind::Gauge,
                    (Kind::Mixed, _) => Kind::Histogram,
                    (kind, _) => kind,
                };
                Metric {
                    name: (*name).to_owned(),
                    unit: "1".to_owned(),
                    data: Some(self.series_data(kind, shape.temporality, cut(nth)..cut(nth + 1))),
                    ..Metric::default()
                }
            })
            .collect();
        // All of one seed: nothing but its number tells one resource from another.
        let mut fixed = Builder {
            random: fastrand::Rng::with_seed(0),
            identities: None,
        };
        ResourceMetrics {
            resource: Some(fixed.resource()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(attributes::scope("io.opentelemetry.http")),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }
    }

    fn series_data(&mut self, kind: Kind, temporality: Temporality, points: Range<usize>) -> Data {
        let aggregation_temporality = match temporality {
            Temporality::Delta => AggregationTemporality::Delta as i32,
            Temporality::Cumulative => AggregationTemporality::Cumulative as i32,
        };
        if kind == Kind::Histogram {
            return Data::Histogram(Histogram {
                data_points: points.map(|_| self.series_histogram()).collect(),
                aggregation_temporality,
            });
        }
        let data_points = points.map(|_| self.series_number(kind == Kind::Gauge)).collect();
        if kind == Kind::Gauge {
            return Data::Gauge(Gauge { data_points });
        }
        Data::Sum(Sum {
            data_points,
            aggregation_temporality,
            is_monotonic: kind == Kind::Sum,
        })
    }

    fn series_number(&mut self, is_gauge: bool) -> NumberDataPoint {
        let value = if is_gauge {
            number_data_point::Value::AsDouble(self.random.f64() + 0.5)
        } else {
            number_data_point::Value::AsInt(self.random.i64(1..100))
        };
        NumberDataPoint {
            attributes: self.series_attributes(),
            start_time_unix_nano: 1,
            time_unix_nano: 1,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }

    fn series_histogram(&mut self) -> HistogramDataPoint {
        let bucket_counts: Vec<u64> = (0..=BOUNDS.len()).map(|_| self.random.u64(1..10)).collect();
        let count = bucket_counts.iter().sum();
        HistogramDataPoint {
            attributes: self.series_attributes(),
            start_time_unix_nano: 1,
            time_unix_nano: 1,
            count,
            sum: Some(count as f64 * 20.0),
            bucket_counts,
            explicit_bounds: BOUNDS.to_vec(),
            ..HistogramDataPoint::default()
        }
    }

    /// Ten attributes of about 250 bytes.
    fn series_attributes(&mut self) -> Vec<KeyValue> {
        vec![
            attributes::text("http.request.method", self.pick(&["GET", "PUT", "POST"])),
            attributes::text(
                "http.route",
                self.pick(&["/api/v1/carts/{id}", "/api/v1/orders/{id}"]),
            ),
            attributes::int("http.response.status_code", self.random.i64(200..206)),
            attributes::text("url.scheme", "https"),
            attributes::text("server.address", self.pick(&["api-01", "api-02", "api-03"])),
            attributes::int("server.port", 8443),
            attributes::text(SERIES_KEY, "0".repeat(DIGITS)),
            attributes::text("tenant", self.pick(&["north", "south", "east", "west"])),
            attributes::text("channel", self.pick(&["web", "app", "kiosk"])),
            attributes::int("app.release", self.random.i64(100..120)),
        ]
    }
}

/// `data` is the number of the metric's field: 5 a gauge, 7 a sum, 9 a histogram, whose attributes are field 9.
fn point_places(point: &[u8], at: usize, data: u32) -> Result<Places> {
    let attributes = if data == 9 { 9 } else { 7 };
    let mut places = Places {
        is_gauge: data == 5,
        ..Places::default()
    };
    let mut cursor = Cursor::new(point);
    while let Some(field) = cursor.next_field()? {
        let end = at + cursor.position();
        match (field.number, field.value) {
            (2, Value::Fixed64(_)) => places.start = end - 8,
            (3, Value::Fixed64(_)) => places.time = end - 8,
            (4, Value::Fixed64(bits)) if data != 9 => places.float(end - 8, bits),
            (5, Value::Fixed64(bits)) => places.float(end - 8, bits),
            (4 | 6, Value::Fixed64(amount)) => places.values.push((end - 8, Amount::Integer(amount))),
            (6, Value::Len(counts)) if data == 9 => places.counts(counts, end - counts.len()),
            (number, Value::Len(attribute)) if number == attributes => {
                if let Some(value) = value_of(attribute, end - attribute.len(), SERIES_KEY) {
                    places.number = value;
                }
            }
            _ => {}
        }
    }
    Ok(places)
}

impl Places {
    fn float(&mut self, offset: usize, bits: u64) {
        self.values.push((offset, Amount::Float(f64::from_bits(bits))));
    }

    /// The packed counts of buckets.
    fn counts(&mut self, counts: &[u8], at: usize) {
        let (chunks, _) = counts.as_chunks();
        for (nth, chunk) in chunks.iter().enumerate() {
            let amount = Amount::Integer(u64::from_le_bytes(*chunk));
            self.values.push((at + nth * 8, amount));
        }
    }
}

/// Where the text of a `KeyValue` with this key starts: it is the last that the message holds.
fn value_of(attribute: &[u8], at: usize, key: &str) -> Option<usize> {
    let mut cursor = Cursor::new(attribute);
    let first = cursor.next_field().ok()??;
    (first.bytes()? == key.as_bytes()).then_some(())?;
    let any = cursor.next_field().ok()??.bytes()?;
    let text = Cursor::new(any).next_field().ok()??.bytes()?;
    Some(at + attribute.len() - text.len())
}

#[cfg(test)]
mod tests;
