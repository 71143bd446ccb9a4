//! An instrumented application: it measures for attribute sets and exports metrics of every type, and knows what it has measured.

use crate::support::Export;
use forebay_testkit::requests::attribute;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::collections::BTreeMap;

/// What counts: the sum of the measurements, by the names of metrics.
pub(super) const COUNTERS: [&str; 2] = ["orders", "orders.delta"];
/// What counts measurements as well.
pub(super) const HISTOGRAMS: [&str; 5] = ["latency", "latency.delta", "size", "size.delta", "quantiles"];
/// What has a level.
pub(super) const LEVELS: [&str; 2] = ["open", "temperature"];

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;
const DELTA: i32 = AggregationTemporality::Delta as i32;
const SECOND: u64 = 1_000_000_000;
/// 2025-06-01T00:00:00Z
const EPOCH: u64 = 1_748_736_000 * SECOND;
/// The number of the first user.
pub(super) const USERS: u64 = 100_000;
const BOUNDS: [f64; 2] = [5.0, 10.0];

/// The application.
pub(super) struct Application {
    start: u64,
    now: u64,
    random: fastrand::Rng,
    /// Since it was started, by attribute set.
    measured: BTreeMap<u64, Measured>,
    /// The sum of all measurements, over all starts.
    pub(super) sum: f64,
    /// How many there were.
    pub(super) count: f64,
    /// The latest level of each set.
    levels: BTreeMap<u64, i64>,
}

/// Measurements of one set.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    sum: i64,
    count: u64,
}

/// What one export says of one set.
struct Sample {
    set: u64,
    whole: Measured,
    part: Measured,
    level: i64,
}

impl Application {
    pub(super) fn start() -> Application {
        Application {
            start: EPOCH,
            now: EPOCH + SECOND,
            random: fastrand::Rng::with_seed(7),
            measured: BTreeMap::new(),
            sum: 0.0,
            count: 0.0,
            levels: BTreeMap::new(),
        }
    }

    /// It ends and begins anew: cumulative values count from zero again, at a later start.
    pub(super) fn restart(&mut self) {
        self.now += 10 * SECOND;
        self.start = self.now;
        self.measured.clear();
    }

    /// The sum of the latest levels of all sets.
    pub(super) fn level(&self) -> f64 {
        self.levels.values().sum::<i64>() as f64
    }

    /// Measures for these sets, and exports what there is to say about them. A second passes.
    pub(super) fn export(&mut self, sets: impl IntoIterator<Item = u64>) -> Export {
        self.now += SECOND;
        let samples: Vec<Sample> = sets.into_iter().map(|set| self.measure(set)).collect();
        let all = |data: &dyn Fn(&Sample) -> NumberDataPoint| samples.iter().map(data).collect::<Vec<_>>();
        let sum = |part, aggregation_temporality| {
            Data::Sum(Sum {
                data_points: all(&|sample| self.number(sample, sample.value(part).sum, part)),
                aggregation_temporality,
                is_monotonic: true,
            })
        };
        let histogram = |part, aggregation_temporality| {
            Data::Histogram(Histogram {
                data_points: samples
                    .iter()
                    .map(|sample| self.histogram(sample, part))
                    .collect(),
                aggregation_temporality,
            })
        };
        let exponential = |part, aggregation_temporality| {
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: samples
                    .iter()
                    .map(|sample| self.exponential(sample, part))
                    .collect(),
                aggregation_temporality,
            })
        };
        let level = || all(&|sample| self.number(sample, sample.level, false));
        let open = Data::Sum(Sum {
            data_points: level(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: false,
        });
        let quantiles = Data::Summary(Summary {
            data_points: samples.iter().map(|sample| self.summary(sample)).collect(),
        });
        request(vec![
            metric("orders", sum(false, CUMULATIVE)),
            metric("orders.delta", sum(true, DELTA)),
            metric("latency", histogram(false, CUMULATIVE)),
            metric("latency.delta", histogram(true, DELTA)),
            metric("size", exponential(false, CUMULATIVE)),
            metric("size.delta", exponential(true, DELTA)),
            metric("quantiles", quantiles),
            metric("open", open),
            metric("temperature", Data::Gauge(Gauge { data_points: level() })),
        ])
    }

    fn measure(&mut self, set: u64) -> Sample {
        let part = Measured {
            sum: self.random.i64(1..10),
            count: 1,
        };
        let whole = self.measured.entry(set).or_default();
        whole.sum += part.sum;
        whole.count += part.count;
        let level = self.random.i64(-50..50);
        self.levels.insert(set, level);
        self.sum += part.sum as f64;
        self.count += part.count as f64;
        Sample {
            set,
            whole: *whole,
            part,
            level,
        }
    }

    /// When a point began: with the application, or with the export before.
    fn since(&self, part: bool) -> u64 {
        if part { self.now - SECOND } else { self.start }
    }

    fn number(&self, sample: &Sample, value: i64, part: bool) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes(sample.set),
            start_time_unix_nano: self.since(part),
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsInt(value)),
            ..NumberDataPoint::default()
        }
    }

    fn histogram(&self, sample: &Sample, part: bool) -> HistogramDataPoint {
        let Measured { sum, count } = sample.value(part);
        let mut bucket_counts = vec![0; BOUNDS.len() + 1];
        bucket_counts[sample.set as usize % (BOUNDS.len() + 1)] = count;
        HistogramDataPoint {
            attributes: attributes(sample.set),
            start_time_unix_nano: self.since(part),
            time_unix_nano: self.now,
            count,
            sum: Some(sum as f64),
            bucket_counts,
            explicit_bounds: BOUNDS.to_vec(),
            ..HistogramDataPoint::default()
        }
    }

    /// Sets differ in their scales.
    fn exponential(&self, sample: &Sample, part: bool) -> ExponentialHistogramDataPoint {
        let Measured { sum, count } = sample.value(part);
        ExponentialHistogramDataPoint {
            attributes: attributes(sample.set),
            start_time_unix_nano: self.since(part),
            time_unix_nano: self.now,
            count,
            sum: Some(sum as f64),
            scale: (sample.set % 4) as i32,
            positive: Some(Buckets {
                offset: (sample.set % 11) as i32 - 5,
                bucket_counts: vec![count],
            }),
            ..ExponentialHistogramDataPoint::default()
        }
    }

    fn summary(&self, sample: &Sample) -> SummaryDataPoint {
        let Measured { sum, count } = sample.whole;
        SummaryDataPoint {
            attributes: attributes(sample.set),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count,
            sum: sum as f64,
            quantile_values: vec![ValueAtQuantile {
                quantile: 0.5,
                value: 4.0,
            }],
            ..SummaryDataPoint::default()
        }
    }
}

impl Sample {
    fn value(&self, part: bool) -> Measured {
        if part { self.part } else { self.whole }
    }
}

/// The attributes of a set: one says which it is.
pub(super) fn attributes(set: u64) -> Vec<KeyValue> {
    vec![
        attribute("http.route", "/orders/{id}"),
        attribute("enduser.id", &(USERS + set).to_string()),
        attribute("app.channel", if set.is_multiple_of(2) { "web" } else { "app" }),
    ]
}

pub(super) fn metric(name: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: "1".to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// A request of these metrics of the service `shop`.
pub(super) fn request(metrics: Vec<Metric>) -> Export {
    let scope_metrics = vec![ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: "shop.orders".to_owned(),
            ..InstrumentationScope::default()
        }),
        metrics,
        ..ScopeMetrics::default()
    }];
    let resource = Resource {
        attributes: vec![attribute("service.name", "shop")],
        ..Resource::default()
    };
    Export::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    })
}
