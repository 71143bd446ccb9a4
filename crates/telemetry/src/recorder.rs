//! Latency recorders over hdrhistogram.

use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest duration that is told apart: one hour, in microseconds. Longer ones count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Records durations with two significant digits, from one microsecond to one hour.
///
/// One lock per record, and one record per request: cheap beside a request.
#[derive(Debug, Default)]
pub struct Recorder {
    histogram: Mutex<Option<Histogram<u64>>>,
    sum_us: AtomicU64,
}

/// What a recorder has recorded since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// How many durations.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_seconds: f64,
    /// For each bound that was asked for: how many durations are at most that long.
    pub cumulative: Vec<u64>,
}

impl Reading {
    /// The sum of two readings with the same bounds.
    pub fn plus(self, other: Reading) -> Reading {
        let longest = self.cumulative.len().max(other.cumulative.len());
        let at = |reading: &Reading, index: usize| reading.cumulative.get(index).copied().unwrap_or(0);
        Reading {
            count: self.count + other.count,
            sum_seconds: self.sum_seconds + other.sum_seconds,
            cumulative: (0..longest)
                .map(|index| at(&self, index) + at(&other, index))
                .collect(),
        }
    }
}

impl Recorder {
    /// Records one duration.
    pub fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, LONGEST_US);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        let mut histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        // Made on first use: most recorders of a small agent never record.
        if histogram.is_none() {
            *histogram = Histogram::new_with_bounds(1, LONGEST_US, 2).ok();
        }
        if let Some(histogram) = histogram.as_mut() {
            histogram.saturating_record(us);
        }
    }

    /// What was recorded, with cumulative counts at `bounds_seconds`.
    pub fn read(&self, bounds_seconds: &[f64]) -> Reading {
        let histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(histogram) = histogram.as_ref() else {
            return Reading {
                cumulative: vec![0; bounds_seconds.len()],
                ..Reading::default()
            };
        };
        let below = |bound: &f64| histogram.count_between(0, (bound * 1e6) as u64);
        Reading {
            count: histogram.len(),
            sum_seconds: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
            cumulative: bounds_seconds.iter().map(below).collect(),
        }
    }

    /// The duration that `quantile` (0 to 1) of all recorded ones do not exceed.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.as_ref().map_or(Duration::ZERO, |h| {
            Duration::from_micros(h.value_at_quantile(quantile))
        })
    }
}
