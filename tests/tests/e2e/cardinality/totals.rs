//! What a destination makes of metrics: the sum over all series of each metric, and the series.
//!
//! Cumulative points count by what they have grown since the last point of their series; a series that begins again, at a new start
//! time, counts from zero. Of levels the latest value of each series counts.

use super::application::{Application, COUNTERS, HISTOGRAMS, LEVELS};
use crate::support::{Export, Sink};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, metric::Data, number_data_point,
};
use std::collections::{BTreeMap, BTreeSet};

/// Sums over everything that arrived, in its order.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// By the name of the metric, and what of it.
    sums: BTreeMap<(String, &'static str), f64>,
    /// Of each cumulative series: when it began, when its last point was, and what it was then.
    last: BTreeMap<(String, &'static str, String), (u64, u64, f64)>,
    levels: BTreeMap<(String, String), f64>,
    series: BTreeMap<String, BTreeSet<String>>,
    /// Cumulative series by name, and when they began.
    lives: BTreeSet<(String, String, u64)>,
    overflows: BTreeSet<String>,
    pub(super) points: u64,
}

/// The part of a point that does not depend on its type.
struct Head<'p> {
    attributes: &'p [KeyValue],
    start: u64,
    time: u64,
}

impl Totals {
    /// Of all that a sink has taken.
    pub(super) fn of(sink: &Sink) -> Totals {
        sink.read(|taken| Totals::over(&taken.requests))
    }

    pub(super) fn over<'e>(exports: impl IntoIterator<Item = &'e Export>) -> Totals {
        let mut totals = Totals::default();
        for export in exports {
            for metric in metrics(export) {
                totals.add(metric);
            }
        }
        totals
    }

    fn add(&mut self, metric: &Metric) {
        let name = &metric.name;
        match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => {
                for point in &gauge.data_points {
                    self.level(name, point);
                }
            }
            Data::Sum(sum) if !sum.is_monotonic => {
                for point in &sum.data_points {
                    self.level(name, point);
                }
            }
            Data::Sum(sum) => {
                for point in &sum.data_points {
                    self.grow(
                        name,
                        head(point),
                        sum.aggregation_temporality,
                        &[("", value(point))],
                    );
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let head = Head {
                        attributes: &point.attributes,
                        start: point.start_time_unix_nano,
                        time: point.time_unix_nano,
                    };
                    let buckets: Vec<_> = point.bucket_counts.iter().map(|count| *count as f64).collect();
                    let [low, middle, high] = buckets[..] else {
                        panic!("not three buckets: {point:?}")
                    };
                    let mut parts = count_and_sum(point.count, point.sum.unwrap()).to_vec();
                    parts.extend([("low", low), ("middle", middle), ("high", high)]);
                    self.grow(name, head, histogram.aggregation_temporality, &parts);
                }
            }
            Data::ExponentialHistogram(histogram) => {
                for point in &histogram.data_points {
                    let head = Head {
                        attributes: &point.attributes,
                        start: point.start_time_unix_nano,
                        time: point.time_unix_nano,
                    };
                    let in_buckets: u64 = point
                        .positive
                        .iter()
                        .flat_map(|buckets| &buckets.bucket_counts)
                        .sum();
                    assert_eq!(in_buckets + point.zero_count, point.count, "{point:?}");
                    let parts = count_and_sum(point.count, point.sum.unwrap());
                    self.grow(name, head, histogram.aggregation_temporality, &parts);
                }
            }
            Data::Summary(summary) => {
                for point in &summary.data_points {
                    let head = Head {
                        attributes: &point.attributes,
                        start: point.start_time_unix_nano,
                        time: point.time_unix_nano,
                    };
                    let parts = count_and_sum(point.count, point.sum);
                    self.grow(name, head, AggregationTemporality::Cumulative as i32, &parts);
                }
            }
        }
    }

    fn level(&mut self, name: &str, point: &NumberDataPoint) {
        let series = self.seen(name, &point.attributes);
        self.levels.insert((name.to_owned(), series), value(point));
    }

    fn grow(&mut self, name: &str, head: Head<'_>, temporality: i32, parts: &[(&'static str, f64)]) {
        let series = self.seen(name, head.attributes);
        if temporality != AggregationTemporality::Delta as i32 {
            self.lives.insert((name.to_owned(), series.clone(), head.start));
        }
        for (part, value) in parts {
            let sum = self.sums.entry((name.to_owned(), *part)).or_default();
            if temporality == AggregationTemporality::Delta as i32 {
                *sum += value;
                continue;
            }
            let key = (name.to_owned(), *part, series.clone());
            let before = self.last.insert(key, (head.start, head.time, *value));
            let (start, time, before) = before.unwrap_or_default();
            assert!(head.start >= start, "{name} {series} begins before it began");
            assert!(head.time >= time, "{name} {series} goes back in time");
            let before = if start == head.start { before } else { 0.0 };
            assert!(
                *value >= before,
                "{name} {part} {series} fell from {before} to {value}"
            );
            *sum += value - before;
        }
    }

    /// Notes the series of a point.
    fn seen(&mut self, name: &str, attributes: &[KeyValue]) -> String {
        self.points += 1;
        if is_overflow(attributes) {
            self.overflows.insert(name.to_owned());
        }
        let mut words: Vec<_> = attributes
            .iter()
            .map(|attribute| format!("{}={:?}", attribute.key, attribute.value))
            .collect();
        words.sort();
        let series = words.join(" ");
        self.series
            .entry(name.to_owned())
            .or_default()
            .insert(series.clone());
        series
    }

    /// The sum over the series of a metric, of its values or (`sum`, `count`, a bucket) a part of them.
    pub(super) fn sum(&self, name: &str, part: &'static str) -> f64 {
        self.sums
            .get(&(name.to_owned(), part))
            .copied()
            .unwrap_or_default()
    }

    /// The sum of the latest levels.
    pub(super) fn level_of(&self, name: &str) -> f64 {
        let of_name = self.levels.iter().filter(|((of, _), _)| of == name);
        of_name.map(|(_, level)| level).sum()
    }

    /// How many series of a metric there were, its overflow series among them.
    pub(super) fn series(&self, name: &str) -> usize {
        self.series.get(name).map_or(0, BTreeSet::len)
    }

    /// How often series of a metric have begun: those that begin anew count again.
    pub(super) fn lives(&self, name: &str) -> usize {
        self.lives.iter().filter(|(of, _, _)| of == name).count()
    }

    pub(super) fn overflows(&self, name: &str) -> bool {
        self.overflows.contains(name)
    }

    /// Checks that for each metric the sum over all series is what an application has measured.
    pub(super) fn assert_are_of(&self, application: &Application) {
        self.assert_counts(application);
        for name in LEVELS {
            assert_eq!(self.level_of(name), application.level(), "{name}");
        }
    }

    /// The same, but for levels: what is idle is no part of them any more.
    pub(super) fn assert_counts(&self, application: &Application) {
        for name in COUNTERS {
            assert_eq!(self.sum(name, ""), application.sum, "{name}");
        }
        for name in HISTOGRAMS {
            assert_eq!(self.sum(name, "sum"), application.sum, "{name}");
            assert_eq!(self.sum(name, "count"), application.count, "{name}");
        }
        for name in ["latency", "latency.delta"] {
            let buckets: f64 = ["low", "middle", "high"]
                .map(|part| self.sum(name, part))
                .iter()
                .sum();
            assert_eq!(buckets, application.count, "{name}");
        }
    }
}

/// The metrics of a request.
pub(super) fn metrics(export: &Export) -> impl Iterator<Item = &Metric> {
    let Export::Metrics(request) = export else {
        panic!("not metrics: {export:?}")
    };
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics)
}

/// Whether it is the attribute of the overflow series, and nothing else.
pub(super) fn is_overflow(attributes: &[KeyValue]) -> bool {
    let [only] = attributes else {
        return false;
    };
    let value = only.value.as_ref().and_then(|value| value.value.as_ref());
    only.key == "otel.metric.overflow" && value == Some(&any_value::Value::BoolValue(true))
}

fn head(point: &NumberDataPoint) -> Head<'_> {
    Head {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
    }
}

fn value(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        number_data_point::Value::AsInt(value) => value as f64,
        number_data_point::Value::AsDouble(value) => value,
    }
}

fn count_and_sum(count: u64, sum: f64) -> [(&'static str, f64); 2] {
    [("count", count as f64), ("sum", sum)]
}
