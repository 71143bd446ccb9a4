//! A point as whoever stores it sees it, and what it means. Written from the metrics data model, not from the limiter.
//!
//! Numbers are in fixed point, so that sums are exact.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};
use std::collections::BTreeMap;

/// Fixed point: units in one.
pub const ONE: i128 = 1 << 40;

/// A bound that all histograms with buckets have.
pub const COMMON_BOUND: f64 = 8.0;

/// What is compared of a histogram or a summary: count, sum, and two counts that stay known however it is folded.
pub const PARTS: usize = 4;

/// Amounts that are summed up. A number is the first of them.
pub type Amounts = [i128; PARTS];

pub fn fixed(value: f64) -> i128 {
    (value * ONE as f64) as i128
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Number(i128),
    Histogram {
        count: u64,
        sum: Option<f64>,
        bounds: Vec<f64>,
        buckets: Vec<u64>,
    },
    Exponential(Box<Exponential>),
    Summary {
        count: u64,
        sum: f64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Exponential {
    pub count: u64,
    pub sum: Option<f64>,
    pub scale: i32,
    pub threshold: f64,
    pub zero: u64,
    pub positive: BTreeMap<i32, u64>,
    pub negative: BTreeMap<i32, u64>,
}

/// A point that can be added to something, or nothing if it has no recorded value.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub start: u64,
    pub time: u64,
    pub content: Option<Content>,
}

/// What a point of any kind is read as. A point that contradicts itself is nothing.
pub trait Show {
    fn show(&self) -> Option<Shown>;
}

fn shown(start: u64, time: u64, flags: u32, content: impl FnOnce() -> Option<Content>) -> Option<Shown> {
    let content = if flags & 1 == 1 { None } else { Some(content()?) };
    Some(Shown { start, time, content })
}

impl Show for NumberDataPoint {
    fn show(&self) -> Option<Shown> {
        shown(self.start_time_unix_nano, self.time_unix_nano, self.flags, || {
            Some(Content::Number(match self.value? {
                Value::AsInt(value) => i128::from(value) * ONE,
                Value::AsDouble(value) => value.is_finite().then(|| fixed(value))?,
            }))
        })
    }
}

impl Show for HistogramDataPoint {
    fn show(&self) -> Option<Shown> {
        shown(self.start_time_unix_nano, self.time_unix_nano, self.flags, || {
            let ascends = self.explicit_bounds.is_sorted_by(|one, next| one < next);
            let fits = self.bucket_counts.len() == self.explicit_bounds.len() + 1
                || self.bucket_counts.is_empty() && self.explicit_bounds.is_empty();
            let is_sound = ascends && fits && self.sum.is_none_or(f64::is_finite);
            is_sound.then(|| Content::Histogram {
                count: self.count,
                sum: self.sum,
                bounds: self.explicit_bounds.clone(),
                buckets: self.bucket_counts.clone(),
            })
        })
    }
}

impl Show for ExponentialHistogramDataPoint {
    fn show(&self) -> Option<Shown> {
        shown(self.start_time_unix_nano, self.time_unix_nano, self.flags, || {
            let is_sound = (-10..=20).contains(&self.scale) && self.sum.is_none_or(f64::is_finite);
            is_sound.then(|| {
                Content::Exponential(Box::new(Exponential {
                    count: self.count,
                    sum: self.sum,
                    scale: self.scale,
                    threshold: self.zero_threshold,
                    zero: self.zero_count,
                    positive: filled(self.positive.as_ref()),
                    negative: filled(self.negative.as_ref()),
                }))
            })
        })
    }
}

impl Show for SummaryDataPoint {
    fn show(&self) -> Option<Shown> {
        shown(self.start_time_unix_nano, self.time_unix_nano, self.flags, || {
            self.sum.is_finite().then_some(Content::Summary {
                count: self.count,
                sum: self.sum,
            })
        })
    }
}

fn filled(buckets: Option<&Buckets>) -> BTreeMap<i32, u64> {
    let Some(buckets) = buckets else {
        return BTreeMap::new();
    };
    (buckets.offset..)
        .zip(buckets.bucket_counts.iter().copied())
        .filter(|(_, count)| *count > 0)
        .collect()
}

impl Content {
    /// What it adds to a sum of whole points.
    pub fn amounts(&self) -> Amounts {
        let count = |count: u64| i128::from(count);
        let sum = |sum: Option<f64>| sum.map_or(0, fixed);
        match self {
            Content::Number(value) => [*value, 0, 0, 0],
            Content::Histogram {
                count: all,
                sum: total,
                bounds,
                buckets,
            } => {
                let at = bounds.iter().position(|bound| *bound == COMMON_BOUND);
                let below = at.map_or(0, |at| buckets[..=at].iter().sum());
                [
                    count(*all),
                    sum(*total),
                    count(buckets.iter().sum()),
                    count(below),
                ]
            }
            Content::Exponential(content) => {
                let sides = [&content.positive, &content.negative];
                let in_buckets: u64 = sides.iter().flat_map(|side| side.values()).sum();
                // Above 1, where no threshold is: bucket 0 begins there at every scale.
                let above: u64 = content.positive.range(0..).map(|(_, count)| *count).sum();
                [
                    count(content.count),
                    sum(content.sum),
                    count(in_buckets + content.zero),
                    count(above),
                ]
            }
            Content::Summary {
                count: all,
                sum: total,
            } => [count(*all), fixed(*total), 0, 0],
        }
    }

    /// Whether it may be a later total of a series whose last one was `before`: nothing went down.
    pub fn continues(&self, before: &Content) -> bool {
        match (self, before) {
            (Content::Number(now), Content::Number(before)) => now >= before,
            (
                Content::Histogram {
                    count,
                    bounds,
                    buckets,
                    ..
                },
                Content::Histogram {
                    count: count_before,
                    bounds: bounds_before,
                    buckets: buckets_before,
                    ..
                },
            ) => {
                let mut pairs = buckets.iter().zip(buckets_before);
                count >= count_before && bounds == bounds_before && pairs.all(|(now, before)| now >= before)
            }
            (Content::Exponential(now), Content::Exponential(before)) => {
                let scale = now.scale.min(before.scale);
                let threshold = now.threshold.max(before.threshold);
                let (now, before) = (now.coarser(scale, threshold), before.coarser(scale, threshold));
                now.count >= before.count
                    && now.zero >= before.zero
                    && covers(&now.positive, &before.positive)
                    && covers(&now.negative, &before.negative)
            }
            (Content::Summary { count, .. }, Content::Summary { count: before, .. }) => count >= before,
            _ => false,
        }
    }
}

fn covers(now: &BTreeMap<i32, u64>, before: &BTreeMap<i32, u64>) -> bool {
    before
        .iter()
        .all(|(index, count)| now.get(index).is_some_and(|now| now >= count))
}

impl Exponential {
    /// The same at a lower scale and with a wider zero bucket, which ends where a bucket does.
    fn coarser(&self, scale: i32, threshold: f64) -> Exponential {
        let lowered = |side: &BTreeMap<i32, u64>| {
            let mut lowered = BTreeMap::new();
            for (index, count) in side {
                *lowered.entry(index >> (self.scale - scale)).or_default() += count;
            }
            lowered
        };
        let mut coarser = Exponential {
            scale,
            threshold,
            positive: lowered(&self.positive),
            negative: lowered(&self.negative),
            ..self.clone()
        };
        if threshold > self.threshold {
            // The threshold is a power of 2 whose logarithm is a multiple of 2^-scale, or scale is not negative.
            let last = (threshold.log2() * f64::from(scale).exp2()).round() as i32 - 1;
            for side in [&mut coarser.positive, &mut coarser.negative] {
                let beyond = side.split_off(&(last + 1));
                coarser.zero += std::mem::replace(side, beyond).values().sum::<u64>();
            }
        }
        coarser
    }
}
