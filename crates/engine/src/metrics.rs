//! What `/metrics` shows of a running graph. Each function writes some families; all read one snapshot of the books, so
//! that the identity of promise 2 holds in every scrape.

use crate::blueprint::Role;
use crate::delivery::DeliveryMeter;
use crate::running::{Running, RunningNode};
use forebay_core::{Balance, Condition, Reason, Signal};
use forebay_telemetry::catalog::{self as names, Metric};
use forebay_telemetry::{Exposition, Instruments, Recorder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Snapshot<'a> {
    running: &'a Running,
    books: Vec<[Balance; 3]>,
}

impl Running {
    /// Writes the metrics of the graph.
    pub fn write_metrics(&self, out: &mut Exposition) {
        let snapshot = Snapshot {
            running: self,
            books: self.accounts.read(),
        };
        snapshot.books(out);
        snapshot.reasons(out);
        snapshot.receivers(out);
        snapshot.processors(out);
        snapshot.exporters(out);
        self.write_requests(out);
        self.write_edges(out);
        self.write_attempts(out);
        self.write_backends(out);
        self.write_memory(out);
        self.write_health(out);
        self.write_reloads(out);
        self.write_instruments(out);
    }

    /// What components measure by themselves.
    fn write_instruments(&self, out: &mut Exposition) {
        let sets: Vec<_> = self
            .nodes
            .iter()
            .flat_map(|node| node.instruments.all().into_iter().map(move |one| (node, one)))
            .collect();
        for metric in names::of_components() {
            let has = |one: &dyn Instruments| one.families().iter().any(|family| family.name == metric.name);
            let mut having = sets.iter().filter(|(_, one)| has(one.as_ref())).peekable();
            if having.peek().is_none() {
                continue;
            }
            let mut family = out.family(metric);
            having.for_each(|(node, one)| one.write(metric, &node.name, &mut family));
        }
    }

    fn write_requests(&self, out: &mut Exposition) {
        let mut requests = out.family(&names::REQUESTS);
        for (node, meter) in self
            .nodes
            .iter()
            .filter_map(|node| Some((node, node.requests.as_ref()?)))
        {
            requests.count(&[&node.name, "success", ""], meter.succeeded());
            for (reason, count) in meter.refused().filter(|(_, count)| *count > 0) {
                requests.count(&[&node.name, "refused", reason.as_str()], count);
            }
        }
        self.latencies(out, &names::REQUEST_SECONDS, |node| {
            node.requests.as_ref().map(|meter| &meter.latency)
        });
    }

    fn latencies<'a>(
        &'a self,
        out: &mut Exposition,
        metric: &'static Metric,
        recorder: impl Fn(&'a RunningNode) -> Option<&'a Recorder>,
    ) {
        let mut family = out.family(metric);
        for node in &self.nodes {
            if let Some(recorder) = recorder(node) {
                family.latencies(&[&node.name], recorder);
            }
        }
    }

    fn write_edges(&self, out: &mut Exposition) {
        let edges = self.edge_readings();
        let mut gauge = |metric: &'static Metric, value: &dyn Fn(&EdgeFigures) -> f64| {
            let mut family = out.family(metric);
            edges
                .iter()
                .for_each(|edge| family.sample(&[&edge.name], value(edge)));
        };
        gauge(&names::EDGE_ITEMS, &|edge| edge.items as f64);
        gauge(&names::EDGE_ITEMS_MAX, &|edge| edge.items_max as f64);
        gauge(&names::EDGE_BYTES, &|edge| edge.bytes as f64);
        gauge(&names::EDGE_BYTES_MAX, &|edge| edge.bytes_max as f64);
        gauge(&names::EDGE_OLDEST, &|edge| edge.oldest.as_secs_f64());
        gauge(&names::EDGE_WAITING, &|edge| edge.waiting as f64);
        self.latencies(out, &names::EDGE_WAIT_SECONDS, |node| match &node.edge {
            Some(edge) => Some(&edge.waited),
            // All inboxes of a node record in the same one.
            None => node.inboxes.first().map(|inbox| &*inbox.waited),
        });
    }

    /// The queues of the graph: one line for each exporter, one for each processor with state.
    pub(crate) fn edge_readings(&self) -> Vec<EdgeFigures> {
        self.nodes.iter().filter_map(EdgeFigures::of).collect()
    }

    fn write_attempts(&self, out: &mut Exposition) {
        let mut attempts = out.family(&names::ATTEMPTS);
        for node in &self.nodes {
            let of_one = node.delivery.as_ref().map(|meter| meter.attempts());
            let of_all = || node.balancer.as_ref().map(|balancer| balancer.attempts());
            let Some(counts) = of_one.or_else(of_all) else {
                continue;
            };
            for (outcome, count) in ["success", "retryable", "permanent"].into_iter().zip(counts) {
                attempts.count(&[&node.name, outcome], count);
            }
        }
        let mut write = |metric: &'static Metric, value: fn(&DeliveryMeter) -> f64| {
            let mut family = out.family(metric);
            let exporters = self.nodes.iter();
            for (node, meter) in exporters.filter_map(|node| Some((node, node.delivery.as_ref()?))) {
                family.sample(&[&node.name], value(meter));
            }
        };

        write(&names::OTELCOL_IN_FLIGHT, |meter| load(&meter.in_flight));
        write(&names::IN_FLIGHT_LIMIT, |meter| load(&meter.in_flight_limit));
        write(&names::CIRCUIT, |meter| meter.circuit().value());
        write(&names::CIRCUIT_OPENINGS, |meter| load(&meter.opened));
        write(&names::ISOLATION_REQUESTS, |meter| load(&meter.isolation));
        write(&names::REQUEST_LIMIT, |meter| load(&meter.request_limit));
        self.latencies(out, &names::ATTEMPT_SECONDS, |node| {
            node.delivery.as_ref().map(|meter| &meter.attempt)
        });
        self.latencies(out, &names::END_TO_END_SECONDS, |node| {
            let of_one = node.delivery.as_ref().map(|meter| &*meter.end_to_end);
            of_one.or_else(|| node.balancer.as_ref().map(|balancer| &*balancer.meter.end_to_end))
        });
    }

    fn write_memory(&self, out: &mut Exposition) {
        let ledger = self.ledger.read();
        out.family(&names::MEMORY_BUDGET).count(&[], ledger.budget);
        out.family(&names::MEMORY_LEASABLE).count(&[], ledger.leasable);
        out.family(&names::MEMORY_LEASED).count(&[], ledger.used);
        out.family(&names::MEMORY_LEASED_PEAK).count(&[], ledger.peak);
        out.family(&names::MEMORY_REFUSALS).count(&[], ledger.refusals);
    }

    fn write_health(&self, out: &mut Exposition) {
        let mut working = out.family(&names::NODE_WORKING);
        for node in &self.nodes {
            let value = match node.health.condition() {
                Condition::Working => 1.0,
                Condition::Degraded(_) => 0.5,
                Condition::Starting | Condition::Failed(_) => 0.0,
            };
            working.sample(&[&node.name, node.role.as_str(), node.kind], value);
        }
        let mut panics = out.family(&names::NODE_PANICS);
        self.nodes
            .iter()
            .for_each(|node| panics.count(&[&node.name], node.panics.load(Ordering::Relaxed)));
        out.family(&names::TASKS).count(&[], self.tasks() as u64);
    }
}

impl Running {
    /// Nodes whose files have never changed, and that have no certificate of their own, show nothing.
    fn write_reloads(&self, out: &mut Exposition) {
        let mut reloads = out.family(&names::FILE_RELOADS);
        for node in &self.nodes {
            let counts = [
                ("success", node.reloads.taken()),
                ("failure", node.reloads.failed()),
            ];
            for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                reloads.count(&[&node.name, outcome], count);
            }
        }
        let mut expiries = out.family(&names::CERTIFICATE_EXPIRY);
        for node in &self.nodes {
            for (file, not_after) in node.reloads.expiries() {
                expiries.count(&[&node.name, &file], not_after);
            }
        }
    }
}

/// The queue before one node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EdgeFigures {
    pub(crate) name: String,
    pub(crate) items: u64,
    pub(crate) items_max: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
    pub(crate) waiting: u64,
    pub(crate) oldest: Duration,
}

impl EdgeFigures {
    fn of(node: &RunningNode) -> Option<EdgeFigures> {
        if let Some(balancer) = &node.balancer {
            return Some(balancer.figures(&node.name));
        }
        let name = node.name.to_string();
        if let Some(edge) = &node.edge {
            let reading = edge.read();
            let (fill, limits, oldest) = (reading.fill, reading.limits, reading.oldest);
            let (items, items_max, bytes, bytes_max) = (fill.items, limits.items, fill.bytes, limits.bytes);
            return Some(EdgeFigures {
                name,
                items,
                items_max,
                bytes,
                bytes_max,
                waiting: fill.waiting,
                oldest,
            });
        }
        let mut sum = EdgeFigures {
            name,
            items: 0,
            items_max: 0,
            bytes: 0,
            bytes_max: 0,
            waiting: 0,
            oldest: Duration::ZERO,
        };
        for inbox in &node.inboxes {
            let (fill, limits) = inbox.read();
            sum.items += fill.items;
            sum.items_max += limits.items;
            sum.bytes += fill.bytes;
            sum.bytes_max += limits.bytes;
            sum.waiting += fill.waiting;
        }
        (!node.inboxes.is_empty()).then_some(sum)
    }

    /// How full it is, 0 to 1: by items or bytes, whichever is more.
    pub(crate) fn fill(&self) -> f64 {
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        share(self.items, self.items_max).max(share(self.bytes, self.bytes_max))
    }
}

impl Snapshot<'_> {
    fn balances(&self) -> impl Iterator<Item = (&RunningNode, Signal, &Balance)> {
        let per_node = self.running.nodes.iter().zip(&self.books);
        per_node.flat_map(|(node, signals)| {
            let with_signal = Signal::ALL.into_iter().zip(signals);
            with_signal
                .filter(|(signal, _)| node.signals.contains(*signal))
                .map(move |(s, b)| (node, s, b))
        })
    }

    fn books(&self, out: &mut Exposition) {
        let mut write = |metric: &'static Metric, value: fn(&Balance) -> u64| {
            let mut family = out.family(metric);
            for (node, signal, balance) in self.balances() {
                family.count(&[&node.name, signal.as_str()], value(balance));
            }
        };
        write(&names::ITEMS_RECEIVED, |balance| balance.received);
        write(&names::ITEMS_COPIED, |balance| balance.copied);
        write(&names::ITEMS_ENTERED, |balance| balance.entered);
        write(&names::ITEMS_LEFT, |balance| balance.left);
        write(&names::ITEMS_DELIVERED, |balance| balance.delivered);
        write(&names::ITEMS_SAMPLED_OUT, |balance| balance.sampled_out);
        write(&names::ITEMS_FOLDED, |balance| balance.folded);
        write(&names::ITEMS_HELD, |balance| balance.held);
        write(&names::BYTES_IN, |balance| balance.bytes_in);
        write(&names::BYTES_OUT, |balance| balance.bytes_out);
        let unaccounted: i64 = self.books.iter().flatten().map(Balance::unaccounted).sum();
        out.family(&names::ITEMS_UNACCOUNTED)
            .sample(&[], unaccounted as f64);
    }

    fn reasons(&self, out: &mut Exposition) {
        let mut write = |metric: &'static Metric, counts: fn(&Balance) -> &[u64; Reason::COUNT]| {
            let mut family = out.family(metric);
            for (node, signal, balance) in self.balances() {
                for (reason, count) in Reason::ALL
                    .into_iter()
                    .zip(counts(balance))
                    .filter(|(_, count)| **count > 0)
                {
                    family.count(&[&node.name, signal.as_str(), reason.as_str()], *count);
                }
            }
        };
        write(&names::ITEMS_REFUSED, |balance| &balance.refused);
        write(&names::ITEMS_DROPPED, |balance| &balance.dropped);
    }

    /// Writes one family per signal with a sample for each node of `role`.
    fn per_signal(
        &self,
        out: &mut Exposition,
        role: Role,
        metrics: &'static [Metric; 3],
        value: fn(&Balance) -> u64,
    ) {
        for (signal, metric) in Signal::ALL.into_iter().zip(metrics) {
            let mut family = out.family(metric);
            for (node, _, balance) in self
                .balances()
                .filter(|(node, s, _)| node.role == role && *s == signal)
            {
                family.count(&[&node.name], value(balance));
            }
        }
    }

    fn receivers(&self, out: &mut Exposition) {
        self.per_signal(out, Role::Receiver, &names::OTELCOL_ACCEPTED, |balance| {
            balance.left
        });
        self.per_signal(out, Role::Receiver, &names::OTELCOL_REFUSED, Balance::refused_all);
    }

    fn processors(&self, out: &mut Exposition) {
        let mut write = |metric: &'static Metric, value: fn(&Balance) -> u64| {
            let mut family = out.family(metric);
            for (node, signal, balance) in self
                .balances()
                .filter(|(node, _, _)| node.role == Role::Processor)
            {
                family.count(&[&node.name, signal.as_str()], value(balance));
            }
        };
        write(&names::OTELCOL_PROCESSOR_INCOMING, |balance| balance.entered);
        write(&names::OTELCOL_PROCESSOR_OUTGOING, |balance| balance.left);
    }

    fn exporters(&self, out: &mut Exposition) {
        self.per_signal(out, Role::Exporter, &names::OTELCOL_SENT, |balance| {
            balance.delivered
        });
        self.per_signal(out, Role::Exporter, &names::OTELCOL_SEND_FAILED, |b| {
            gone(b) - queue_full(b)
        });
        self.per_signal(out, Role::Exporter, &names::OTELCOL_ENQUEUE_FAILED, queue_full);
        let exporters = self
            .running
            .nodes
            .iter()
            .filter(|node| node.role == Role::Exporter);
        let queues: Vec<EdgeFigures> = exporters.filter_map(EdgeFigures::of).collect();
        let mut size = out.family(&names::OTELCOL_QUEUE_SIZE);
        queues
            .iter()
            .for_each(|queue| size.count(&[&queue.name], queue.items));
        let mut capacity = out.family(&names::OTELCOL_QUEUE_CAPACITY);
        queues
            .iter()
            .for_each(|queue| capacity.count(&[&queue.name], queue.items_max));
    }
}

fn load(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

fn gone(balance: &Balance) -> u64 {
    balance.refused_all() + balance.dropped_all()
}

fn queue_full(balance: &Balance) -> u64 {
    let counts = [&balance.refused, &balance.dropped];
    let reasons = [Reason::QueueFull, Reason::QueueOverflow];
    counts
        .iter()
        .flat_map(|counts| reasons.iter().filter_map(|reason| counts.get(*reason as usize)))
        .sum()
}
