//! What `/status` shows of a running graph, and whether it is healthy and ready.

use crate::balancer::Balancer;
use crate::delivery::DeliveryMeter;
use crate::metrics::EdgeFigures;
use crate::running::{Running, RunningNode};
use forebay_core::{Balance, Condition, Health, Phase, Reason, Signal};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// An edge this full, or with senders waiting, is called full.
const FULL: f64 = 0.9;
/// From this share of the leasable memory on, in percent, it counts as exhausted,
const EXHAUSTED: u64 = 95;
/// and below this one no more.
const RECOVERED: u64 = 80;

/// A running graph, for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// `running`, `draining` or `stopped`.
    pub phase: &'static str,
    /// Whether no node has failed.
    pub healthy: bool,
    /// Whether it takes data: running, healthy, and the memory budget not exhausted.
    pub ready: bool,
    /// The edge that holds everything up, if one does: the first full one seen from the exporters up.
    pub bottleneck: Option<String>,
    /// The books of the whole process.
    pub total: Tally,
    /// Items in, less all that they became: 0, or Forebay has a fault.
    pub unaccounted: i64,
    /// The memory budget.
    pub memory: MemoryStatus,
    /// Every node.
    pub nodes: Vec<NodeStatus>,
    /// Every queue.
    pub edges: Vec<EdgeStatus>,
}

/// The memory budget, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryStatus {
    /// The budget of the process.
    pub budget_bytes: u64,
    /// The part that data may take.
    pub leasable_bytes: u64,
    /// What is leased now.
    pub leased_bytes: u64,
    /// The most that ever was.
    pub leased_peak_bytes: u64,
    /// Leases refused.
    pub refusals: u64,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// Its component's type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `starting`, `working`, `degraded` or `failed`.
    pub condition: &'static str,
    /// Why it is degraded or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often its code has panicked.
    pub panics: u64,
    /// Where it listens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<String>,
    /// An exporter's way to its destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryStatus>,
    /// The destinations of an exporter that has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendStatus>,
    /// Its books, by signal.
    pub signals: BTreeMap<&'static str, Tally>,
}

/// One destination out of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendStatus {
    /// Its address.
    pub endpoint: String,
    /// `working`, `degraded` or `failed`.
    pub condition: &'static str,
    /// Why it is degraded or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Items in its queue, those being sent included.
    pub items: u64,
    /// Payload bytes in its queue, those being sent included.
    pub bytes: u64,
    /// The way to it.
    pub delivery: DeliveryStatus,
}

/// An exporter's way to its destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryStatus {
    /// The circuit breaker: `closed`, `open` (nothing is attempted) or `probing` (one request is under way).
    pub circuit: &'static str,
    /// Requests under way, those waiting for their next attempt included.
    pub in_flight: u64,
    /// How many may be under way, as the destination keeps up.
    pub in_flight_limit: u64,
    /// The most bytes that the destination is taken to accept in one request, if it has refused any for its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_limit_bytes: Option<u64>,
}

impl From<&DeliveryMeter> for DeliveryStatus {
    fn from(meter: &DeliveryMeter) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let request_limit = read(&meter.request_limit);
        DeliveryStatus {
            circuit: meter.circuit().as_str(),
            in_flight: read(&meter.in_flight),
            in_flight_limit: read(&meter.in_flight_limit),
            request_limit_bytes: (request_limit > 0).then_some(request_limit),
        }
    }
}

/// An account in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Taken in from outside.
    pub received: u64,
    /// Added by fan-out.
    pub copied: u64,
    /// Come from another node.
    pub entered: u64,
    /// Gone on to another node.
    pub left: u64,
    /// Delivered.
    pub delivered: u64,
    /// Given back, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Gone, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Sampled out.
    pub sampled_out: u64,
    /// Gone on as part of another item.
    pub folded: u64,
    /// Held now.
    pub held: u64,
    /// Payload bytes in.
    pub bytes_in: u64,
    /// Payload bytes out.
    pub bytes_out: u64,
}

/// A queue at the end of an edge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeStatus {
    /// The node behind it.
    pub to: String,
    /// Items inside.
    pub items: u64,
    /// The most items.
    pub items_max: u64,
    /// Payload bytes inside.
    pub bytes: u64,
    /// The most payload bytes.
    pub bytes_max: u64,
    /// How full it is, 0 to 1.
    pub fill: f64,
    /// Senders that wait for room.
    pub waiting_senders: u64,
    /// How long the oldest batch has waited.
    pub oldest_age_seconds: f64,
}

impl From<&Balance> for Tally {
    fn from(balance: &Balance) -> Self {
        Tally {
            received: balance.received,
            copied: balance.copied,
            entered: balance.entered,
            left: balance.left,
            delivered: balance.delivered,
            refused: by_reason(&balance.refused),
            dropped: by_reason(&balance.dropped),
            sampled_out: balance.sampled_out,
            folded: balance.folded,
            held: balance.held,
            bytes_in: balance.bytes_in,
            bytes_out: balance.bytes_out,
        }
    }
}

fn by_reason(counts: &[u64; Reason::COUNT]) -> BTreeMap<&'static str, u64> {
    Reason::ALL
        .into_iter()
        .zip(counts)
        .filter(|(_, n)| **n > 0)
        .map(|(r, n)| (r.as_str(), *n))
        .collect()
}

impl Running {
    /// Whether no node has failed.
    pub fn healthy(&self) -> bool {
        !self
            .nodes
            .iter()
            .any(|node| matches!(node.health.condition(), Condition::Failed(_)))
    }

    /// Whether it takes data: running, healthy, all receivers at work, and the memory budget not exhausted. Once it was exhausted a fifth of it has to
    /// be free again: a process at its limit would else be ready and not ready by turns, as single batches come and go.
    pub fn ready(&self) -> bool {
        let ledger = self.ledger.read();
        let percent = |share: u64| ledger.leasable / 100 * share;
        if ledger.used >= percent(EXHAUSTED) {
            self.exhausted.store(true, Ordering::Relaxed);
        } else if ledger.used <= percent(RECOVERED) {
            self.exhausted.store(false, Ordering::Relaxed);
        }
        let room = !self.exhausted.load(Ordering::Relaxed);
        self.shutdown.phase() == Phase::Running && self.healthy() && self.opened() && room
    }

    /// Whether no receiver waits any more for what processors have to find out first.
    fn opened(&self) -> bool {
        let mut receivers = self.nodes.iter().filter(|node| node.requests.is_some());
        receivers.all(|node| node.health.condition() != Condition::Starting)
    }

    /// Everything that there is to see.
    pub fn status(&self) -> Status {
        let books = self.accounts.read();
        let edges = self.edge_readings();
        let ledger = self.ledger.read();
        Status {
            phase: match self.shutdown.phase() {
                Phase::Running => "running",
                Phase::Draining => "draining",
                Phase::Stopped => "stopped",
            },
            healthy: self.healthy(),
            ready: self.ready(),
            bottleneck: self.bottleneck(&edges),
            total: Tally::from(&Balance::sum(books.iter().flatten())),
            unaccounted: books.iter().flatten().map(Balance::unaccounted).sum(),
            memory: MemoryStatus {
                budget_bytes: ledger.budget,
                leasable_bytes: ledger.leasable,
                leased_bytes: ledger.used,
                leased_peak_bytes: ledger.peak,
                refusals: ledger.refusals,
            },
            nodes: self
                .nodes
                .iter()
                .zip(&books)
                .map(|(node, books)| node_status(node, books))
                .collect(),
            edges: edges.iter().map(EdgeStatus::from).collect(),
        }
    }

    fn bottleneck(&self, edges: &[EdgeFigures]) -> Option<String> {
        let downstream_first = self
            .order
            .iter()
            .rev()
            .filter_map(|id| self.nodes.get(usize::from(id.0)));
        let full = |edge: &&EdgeFigures| edge.waiting > 0 || edge.fill() >= FULL;
        downstream_first
            .filter_map(|node| edges.iter().find(|edge| *edge.name == *node.name))
            .find(full)
            .map(|edge| edge.name.clone())
    }
}

/// The word for a condition, and why it is so.
pub(crate) fn condition(health: &Health) -> (&'static str, Option<String>) {
    match health.condition() {
        Condition::Starting => ("starting", None),
        Condition::Working => ("working", None),
        Condition::Degraded(why) => ("degraded", Some(why.to_string())),
        Condition::Failed(why) => ("failed", Some(why.to_string())),
    }
}

fn node_status(node: &RunningNode, books: &[Balance; 3]) -> NodeStatus {
    let (condition, detail) = condition(&node.health);
    let with_signal = Signal::ALL
        .into_iter()
        .zip(books)
        .filter(|(signal, _)| node.signals.contains(*signal));
    NodeStatus {
        name: node.name.to_string(),
        role: node.role.as_str(),
        kind: node.kind,
        condition,
        detail,
        panics: node.panics.load(Ordering::Relaxed),
        listens: node.listens.iter().map(ToString::to_string).collect(),
        delivery: node.delivery.as_deref().map(DeliveryStatus::from),
        backends: node.balancer.as_deref().map(Balancer::status).unwrap_or_default(),
        signals: with_signal
            .map(|(signal, balance)| (signal.as_str(), Tally::from(balance)))
            .collect(),
    }
}

impl From<&EdgeFigures> for EdgeStatus {
    fn from(edge: &EdgeFigures) -> Self {
        EdgeStatus {
            to: edge.name.clone(),
            items: edge.items,
            items_max: edge.items_max,
            bytes: edge.bytes,
            bytes_max: edge.bytes_max,
            fill: edge.fill(),
            waiting_senders: edge.waiting,
            oldest_age_seconds: edge.oldest.as_secs_f64(),
        }
    }
}
