//! Senders of series: what they measure, and what they do to their points.

use crate::books::Manner;
use crate::point::{Kind, Point};
use crate::shown::COMMON_BOUND;
use fastrand::Rng;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};

/// How a stream is sent.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub kind: Kind,
    /// `AggregationTemporality`.
    pub temporality: i32,
    /// Start times are not known.
    pub has_no_starts: bool,
    /// Some series have no sum, or no buckets: sums, or buckets, cannot be compared.
    pub lacks_sums: bool,
    pub lacks_buckets: bool,
    /// Doubles are any, not such that their sums are exact.
    pub is_rough: bool,
}

impl Style {
    pub fn any(rng: &mut Rng) -> Style {
        Style {
            kind: crate::point::KINDS[rng.usize(..6)],
            temporality: match rng.u8(0..8) {
                0 => 0,
                1 | 2 => 1,
                _ => 2,
            },
            has_no_starts: rng.u8(0..6) == 0,
            lacks_sums: rng.u8(0..6) == 0,
            lacks_buckets: rng.u8(0..6) == 0,
            is_rough: rng.u8(0..6) == 0,
        }
    }

    /// Metrics data model: temporality and monotonicity say how points add up; a gauge has its last value; a summary is a total.
    pub fn manner(&self) -> Manner {
        match (self.kind, self.temporality) {
            (Kind::Gauge, _) | (Kind::UpDown, 2) => Manner::Level,
            (Kind::Summary, _) | (_, 2) => Manner::Total,
            _ => Manner::Delta,
        }
    }
}

/// What was measured, as it grows.
#[derive(Clone, Debug, Default)]
struct Grown {
    int: i64,
    double: f64,
    values: Vec<f64>,
}

/// One series.
#[derive(Clone, Debug)]
pub struct Sender {
    pub name: String,
    style: Style,
    start: u64,
    time: u64,
    grown: Grown,
    is_double: bool,
    bounds: Vec<f64>,
    has_sum: bool,
    scale: i32,
    threshold: f64,
    /// The last points that it made.
    history: Vec<Point>,
    /// When it last sent anything.
    sent: u64,
}

/// How late points of levels come at most, in nanoseconds: less than the time after which a series may lose its place.
pub const LATE: u64 = 14_000_000_000;

const BOUNDS: [&[f64]; 5] = [
    &[COMMON_BOUND],
    &[1.0, COMMON_BOUND],
    &[1.0, 2.0, COMMON_BOUND, 64.0],
    &[0.0, COMMON_BOUND, 64.0],
    &[2.0, COMMON_BOUND, 16.0, 1024.0],
];
const THRESHOLDS: [f64; 3] = [0.0, 0.003_906_25, 0.0625];

impl Sender {
    pub fn new(name: String, style: Style, time: u64, rng: &mut Rng) -> Sender {
        let bounds = match style.lacks_buckets && rng.bool() {
            true => &[],
            false => BOUNDS[rng.usize(..BOUNDS.len())],
        };
        Sender {
            name,
            style,
            start: time,
            time,
            grown: Grown::default(),
            is_double: rng.bool(),
            bounds: bounds.to_vec(),
            has_sum: !(style.lacks_sums && rng.bool()),
            scale: rng.i32(-2..=6),
            threshold: THRESHOLDS[rng.usize(..3)],
            history: Vec::new(),
            sent: time,
        }
    }

    /// The next point, which may be any that a sender can send, late and broken ones among them.
    pub fn next(&mut self, now: u64, rng: &mut Rng) -> Point {
        // A level that was idle is forgotten: that a point of it comes late then nobody can know.
        if self.style.manner() == Manner::Level && now - self.sent > LATE {
            self.history.clear();
        }
        self.sent = now;
        let late = |history: &[Point], rng: &mut Rng| history.get(rng.usize(..history.len().max(1))).cloned();
        match rng.u8(0..32) {
            0 | 1 => self.begin(now, rng),
            2 => self.forget(),
            3 => self.grow(rng),
            4..=6 => {
                if let Some(point) = late(&self.history, rng) {
                    return point;
                }
            }
            7 => return self.ended(now),
            8 => return self.flawed(now, rng),
            9 => self.change(rng),
            _ => {}
        }
        self.advance(now, rng)
    }

    /// Begins anew, and says so.
    pub fn begin(&mut self, now: u64, rng: &mut Rng) {
        self.forget();
        self.start = now + rng.u64(0..1000);
        self.time = self.time.max(self.start);
    }

    /// Begins anew and says nothing: with values lower than any before, or it could not be told.
    fn forget(&mut self) {
        self.grown = Grown::default();
    }

    /// Is sent with other bounds, of another type, at a lower scale or a wider threshold.
    fn change(&mut self, rng: &mut Rng) {
        if !self.bounds.is_empty() {
            self.bounds = BOUNDS[rng.usize(..BOUNDS.len())].to_vec();
        }
        self.is_double = !self.is_double;
        self.scale = (self.scale - rng.i32(0..2)).max(-2);
        self.threshold = THRESHOLDS[rng.usize(..3)].max(self.threshold);
    }

    fn grow(&mut self, rng: &mut Rng) {
        let step = match self.style.manner() {
            Manner::Level => rng.i64(-1000..1000),
            _ if self.style.kind == Kind::UpDown => rng.i64(-1000..1000),
            _ => rng.i64(0..1000),
        };
        let rough = if self.style.is_rough { rng.f64() } else { 0.0 };
        self.grown.int += step;
        self.grown.double += step as f64 / 8.0 + rough;
        for _ in 0..rng.usize(0..4) {
            let value = f64::from(rng.u8(0..12)) * f64::from(rng.i32(-6..7)).exp2() / 8.0 + rough;
            self.grown
                .values
                .push(if rng.u8(0..6) == 0 { -value } else { value });
        }
    }

    /// Grows, and makes a point of it.
    fn advance(&mut self, now: u64, rng: &mut Rng) -> Point {
        if self.style.manner() == Manner::Delta {
            (self.start, self.grown) = (self.time, Grown::default());
        }
        self.grow(rng);
        self.time = self.time.max(now) + rng.u64(1..1_000_000);
        let point = self.point();
        self.history.push(point.clone());
        if self.history.len() > 4 {
            self.history.remove(0);
        }
        point
    }

    fn times(&self) -> (u64, u64) {
        (if self.style.has_no_starts { 0 } else { self.start }, self.time)
    }

    fn point(&self) -> Point {
        let (start_time_unix_nano, time_unix_nano) = self.times();
        let attributes = Point::attributes(&self.name);
        let values = &self.grown.values;
        let sum: f64 = values.iter().sum::<f64>() + 0.0;
        let count = values.len() as u64;
        match self.style.kind {
            Kind::Gauge | Kind::Counter | Kind::UpDown => Point::Number(NumberDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                value: Some(match self.is_double {
                    // Both grow together, so that a change of type is none of the order.
                    true => Value::AsDouble(self.grown.int as f64 + self.grown.double),
                    false => Value::AsInt(self.grown.int + self.grown.double.floor() as i64),
                }),
                ..NumberDataPoint::default()
            }),
            Kind::Histogram => Point::Histogram(HistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum: self.has_sum.then_some(sum),
                bucket_counts: self.bucket_counts(),
                explicit_bounds: self.bounds.clone(),
                ..HistogramDataPoint::default()
            }),
            Kind::Exponential => Point::Exponential(ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum: self.has_sum.then_some(sum),
                scale: self.scale,
                zero_count: values
                    .iter()
                    .filter(|value| value.abs() <= self.threshold)
                    .count() as u64,
                zero_threshold: self.threshold,
                positive: self.side(1.0),
                negative: self.side(-1.0),
                ..ExponentialHistogramDataPoint::default()
            }),
            Kind::Summary => Point::Summary(SummaryDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                ..SummaryDataPoint::default()
            }),
        }
    }

    fn bucket_counts(&self) -> Vec<u64> {
        if self.bounds.is_empty() {
            return Vec::new();
        }
        let mut counts = vec![0; self.bounds.len() + 1];
        for value in &self.grown.values {
            counts[self.bounds.partition_point(|bound| bound < value)] += 1;
        }
        counts
    }

    fn side(&self, sign: f64) -> Option<Buckets> {
        let factor = f64::from(self.scale).exp2();
        let values = self.grown.values.iter().map(|value| value * sign);
        let indices: Vec<i32> = values
            .filter(|value| *value > self.threshold)
            .map(|value| (value.log2() * factor).ceil() as i32 - 1)
            .collect();
        let (first, last) = (*indices.iter().min()?, *indices.iter().max()?);
        let mut bucket_counts = vec![0; (last - first) as usize + 1];
        for index in indices {
            bucket_counts[(index - first) as usize] += 1;
        }
        Some(Buckets {
            offset: first,
            bucket_counts,
        })
    }

    /// A point without a value.
    fn ended(&mut self, now: u64) -> Point {
        // Nor can it be known of a level that has ended, if its series was forgotten.
        if self.style.manner() == Manner::Level {
            self.history.clear();
        }
        self.time = self.time.max(now) + 1;
        let mut point = self.point();
        match &mut point {
            Point::Number(point) => (point.flags, point.value) = (1, None),
            Point::Histogram(point) => point.flags = 1,
            Point::Exponential(point) => point.flags = 1,
            Point::Summary(point) => point.flags = 1,
        }
        point
    }

    /// A point that contradicts itself.
    fn flawed(&mut self, now: u64, rng: &mut Rng) -> Point {
        self.time = self.time.max(now) + 1;
        let mut point = self.point();
        match &mut point {
            Point::Number(point) => {
                let wrong = [
                    None,
                    Some(Value::AsDouble(f64::NAN)),
                    Some(Value::AsDouble(f64::INFINITY)),
                ];
                point.value = wrong[rng.usize(..3)];
            }
            Point::Histogram(point) => match rng.u8(0..3) {
                0 => point.bucket_counts.push(1),
                1 => (point.explicit_bounds, point.bucket_counts) = (vec![8.0, 1.0], vec![0, 0, 0]),
                _ => point.sum = Some(f64::NAN),
            },
            Point::Exponential(point) => match rng.bool() {
                true => point.scale = 21,
                false => point.sum = Some(f64::INFINITY),
            },
            Point::Summary(point) => point.sum = f64::NAN,
        }
        point
    }
}
