//! What can be seen of the destinations of a balancer: in `/status`, and in `/metrics`.

use super::{Balancer, Outlet};
use crate::metrics::EdgeFigures;
use crate::running::{Running, RunningNode};
use crate::status::{BackendStatus, DeliveryStatus, condition};
use forebay_telemetry::Exposition;
use forebay_telemetry::catalog::{self as names, Metric};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

impl Balancer {
    /// The queues of all destinations, as one.
    pub(crate) fn figures(&self, name: &str) -> EdgeFigures {
        let (fill, limits) = (self.outer.fill(), self.outer.limits());
        let readings: Vec<_> = self.outlets().iter().map(|outlet| outlet.edge.read()).collect();
        let oldest = readings.iter().map(|reading| reading.oldest).max();
        let waiting: u64 = readings.iter().map(|reading| reading.fill.waiting).sum();
        EdgeFigures {
            name: name.to_owned(),
            items: fill.items,
            items_max: limits.items,
            bytes: fill.bytes,
            bytes_max: limits.bytes,
            waiting: fill.waiting + waiting,
            oldest: oldest.unwrap_or(Duration::ZERO),
        }
    }

    /// Each destination.
    pub(crate) fn status(&self) -> Vec<BackendStatus> {
        self.members().iter().map(status).collect()
    }
}

fn status(outlet: &Arc<Outlet>) -> BackendStatus {
    let (condition, detail) = condition(&outlet.health);
    let fill = outlet.edge.read().fill;
    BackendStatus {
        endpoint: outlet.member.name.to_string(),
        condition,
        detail,
        items: fill.items,
        bytes: fill.bytes,
        delivery: DeliveryStatus::from(&*outlet.meter),
    }
}

impl Running {
    fn balanced(&self) -> impl Iterator<Item = (&RunningNode, &Balancer)> {
        let nodes = self.nodes.iter();
        nodes.filter_map(|node| Some((node, node.balancer.as_deref()?)))
    }

    /// Writes what there is to say of nodes with several destinations. Those that have left are not shown.
    pub(crate) fn write_backends(&self, out: &mut Exposition) {
        let mut backends = out.family(&names::OTELCOL_NUM_BACKENDS);
        for (node, balancer) in self.balanced() {
            backends.count(&[&node.name], balancer.members().len() as u64);
        }
        let mut count = |metric: &'static Metric, value: fn(&Balancer) -> &AtomicU64| {
            let mut family = out.family(metric);
            for (node, balancer) in self.balanced() {
                family.count(&[&node.name], value(balancer).load(Ordering::Relaxed));
            }
        };
        count(&names::OTELCOL_NUM_BACKEND_UPDATES, |balancer| {
            &balancer.meter.updates
        });
        count(&names::REROUTED_ITEMS, |balancer| &balancer.meter.rerouted);
        let mut resolutions = out.family(&names::OTELCOL_NUM_RESOLUTIONS);
        for (node, balancer) in self.balanced() {
            let (meter, kind) = (&balancer.meter.resolutions, balancer.resolver());
            resolutions.count(&[&node.name, kind, "true"], meter.succeeded());
            resolutions.count(&[&node.name, kind, "false"], meter.failed());
        }
        self.write_each_backend(out);
    }

    fn write_each_backend(&self, out: &mut Exposition) {
        let each = || {
            self.balanced().flat_map(|(node, balancer)| {
                let members = balancer.members().into_iter();
                members.map(move |outlet| (&node.name, outlet))
            })
        };
        let mut outcomes = out.family(&names::OTELCOL_BACKEND_OUTCOME);
        for (node, outlet) in each() {
            let (endpoint, meter) = (&outlet.member.name, &outlet.meter);
            let [succeeded, retryable, permanent] = meter.attempts();
            outcomes.count(&[node, endpoint, "true"], succeeded);
            outcomes.count(&[node, endpoint, "false"], retryable + permanent);
        }
        let mut latencies = out.family(&names::BACKEND_SECONDS);
        for (node, outlet) in each() {
            latencies.latencies(&[node, &outlet.member.name], &outlet.meter.attempt);
        }
        let mut gauge = |metric: &'static Metric, value: fn(&Outlet) -> f64| {
            let mut family = out.family(metric);
            for (node, outlet) in each() {
                family.sample(&[node, &outlet.member.name], value(&outlet));
            }
        };
        gauge(&names::BACKEND_ITEMS, |outlet| {
            outlet.edge.read().fill.items as f64
        });
        gauge(&names::BACKEND_BYTES, |outlet| {
            outlet.edge.read().fill.bytes as f64
        });
        gauge(&names::BACKEND_CIRCUIT, |outlet| outlet.meter.circuit().value());
    }
}
