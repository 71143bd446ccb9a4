//! What the property tests share: seeded runs, arbitrary requests, and ways to damage and to rearrange bytes.

pub mod generate;
pub mod rebuild;
pub mod scramble;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;
use forebay_otlp::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::{DecodeError, Message};

/// Runs a property `cases` times for each signal, each time with randomness from a seed of its own. The seeds are the same in
/// every run; `FOREBAY_SEED` starts elsewhere, and `FOREBAY_CASES=20` runs 20 times as many. A failure prints its seed.
pub fn for_each_case(cases: u64, mut property: impl FnMut(Signal, &mut Rng)) {
    let base = setting("FOREBAY_SEED", 0);
    for seed in base..base + cases * setting("FOREBAY_CASES", 1) {
        for signal in Signal::ALL {
            let run = || property(signal, &mut Rng::with_seed(seed ^ (signal as u64) << 62));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                eprintln!("failed for {signal} with FOREBAY_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A request as prost decodes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Metric data points.
    Metrics(ExportMetricsServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

impl Request {
    /// Decodes with prost.
    pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match signal {
            Signal::Traces => Request::Traces(Message::decode(bytes)?),
            Signal::Metrics => Request::Metrics(Message::decode(bytes)?),
            Signal::Logs => Request::Logs(Message::decode(bytes)?),
        })
    }

    /// Encodes with prost.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Request::Traces(request) => request.encode_to_vec(),
            Request::Metrics(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        }
    }

    /// How many spans, data points or log records it has.
    pub fn items(&self) -> usize {
        match self {
            Request::Traces(request) => {
                let scopes = request
                    .resource_spans
                    .iter()
                    .flat_map(|resource| &resource.scope_spans);
                scopes.map(|scope| scope.spans.len()).sum()
            }
            Request::Metrics(request) => {
                let scopes = request
                    .resource_metrics
                    .iter()
                    .flat_map(|resource| &resource.scope_metrics);
                let metrics = scopes.flat_map(|scope| &scope.metrics);
                metrics.map(|metric| metric.data.as_ref().map_or(0, points)).sum()
            }
            Request::Logs(request) => {
                let scopes = request
                    .resource_logs
                    .iter()
                    .flat_map(|resource| &resource.scope_logs);
                scopes.map(|scope| scope.log_records.len()).sum()
            }
        }
    }
}

fn points(data: &Data) -> usize {
    match data {
        Data::Gauge(data) => data.data_points.len(),
        Data::Sum(data) => data.data_points.len(),
        Data::Histogram(data) => data.data_points.len(),
        Data::ExponentialHistogram(data) => data.data_points.len(),
        Data::Summary(data) => data.data_points.len(),
    }
}

/// Asserts that two messages are the same, `NaN` being the same as `NaN`.
pub fn assert_same(left: &impl Debug, right: &impl Debug) {
    let (left, right) = (format!("{left:?}"), format!("{right:?}"));
    if left != right {
        let same = left
            .bytes()
            .zip(right.bytes())
            .take_while(|(left, right)| left == right)
            .count();
        let around = |text: &str| {
            let from = text.floor_char_boundary(same.saturating_sub(200));
            text[from..text.ceil_char_boundary((same + 200).min(text.len()))].to_string()
        };
        panic!(
            "messages differ:\n left ... {}\nright ... {}",
            around(&left),
            around(&right)
        );
    }
}

/// Damages bytes in one to three ways: flipped bits, a truncation, a piece moved elsewhere, a byte that may be a length or a
/// tag replaced, a byte removed or inserted.
pub fn damage(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..=3) {
        if bytes.is_empty() {
            bytes.push(rng.u8(..));
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(0..6) {
            0 => bytes[at] ^= 1 << rng.u8(0..8),
            1 => bytes.truncate(at),
            2 => {
                let to = rng.usize(at..=bytes.len().min(at + 64));
                let piece: Vec<u8> = bytes.drain(at..to).collect();
                let target = rng.usize(..=bytes.len());
                bytes.splice(target..target, piece);
            }
            3 => bytes[at] = bytes[at].wrapping_add(rng.choice([1, 2, 0x7f, 0x80, 0xff]).unwrap_or(1)),
            4 => drop(bytes.remove(at)),
            _ => bytes.insert(at, rng.choice([0, 1, 0x0a, 0x12, 0x7f, 0x80, 0xff]).unwrap_or(0)),
        }
    }
    bytes
}
