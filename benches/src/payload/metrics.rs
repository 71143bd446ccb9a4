//! Metrics: sums and gauges of whole numbers, ten data points to a metric.

use super::{Builder, attributes};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
    number_data_point::Value,
};
use std::ops::Range;

const POINTS_PER_METRIC: usize = 10;

impl Builder {
    pub(super) fn metrics(mut self, items: usize) -> ExportMetricsServiceRequest {
        let resource_metrics = Builder::groups(items)
            .map(|group| self.resource_metrics(group))
            .collect();
        ExportMetricsServiceRequest { resource_metrics }
    }

    fn resource_metrics(&mut self, group: Range<usize>) -> ResourceMetrics {
        let resource = Some(self.resource());
        let metrics = group
            .clone()
            .step_by(POINTS_PER_METRIC)
            .map(|first| self.metric(first..group.end.min(first + POINTS_PER_METRIC)))
            .collect();
        let scope = Some(attributes::scope("io.opentelemetry.runtime-telemetry"));
        let scope_metrics = vec![ScopeMetrics {
            scope,
            metrics,
            ..ScopeMetrics::default()
        }];
        ResourceMetrics {
            resource,
            scope_metrics,
            ..ResourceMetrics::default()
        }
    }

    fn metric(&mut self, points: Range<usize>) -> Metric {
        let gauge = self.random.bool();
        let data_points = points.map(|index| self.point(index)).collect();
        let (name, unit, data) = if gauge {
            ("jvm.memory.used", "By", Data::Gauge(Gauge { data_points }))
        } else {
            let aggregation_temporality = AggregationTemporality::Cumulative as i32;
            let sum = Sum {
                data_points,
                aggregation_temporality,
                is_monotonic: true,
            };
            ("http.server.request.count", "{request}", Data::Sum(sum))
        };
        Metric {
            name: name.to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }

    fn point(&mut self, index: usize) -> NumberDataPoint {
        let value = match self.identities {
            Some(_) => self.item_bits(index).cast_signed(),
            None => self.random.i64(..1 << 32),
        };
        NumberDataPoint {
            attributes: vec![
                attributes::text("http.request.method", self.pick(&["GET", "PUT", "POST"])),
                attributes::text(
                    "http.route",
                    self.pick(&["/api/v1/carts/{id}", "/api/v1/orders/{id}"]),
                ),
                attributes::int("http.response.status_code", self.random.i64(200..210)),
                attributes::text(
                    "server.address",
                    self.pick(&["api-01.shop.example", "api-02.shop.example"]),
                ),
            ],
            start_time_unix_nano: 1_789_990_000_000_000_000,
            time_unix_nano: self.time(),
            value: Some(Value::AsInt(value)),
            ..NumberDataPoint::default()
        }
    }
}
