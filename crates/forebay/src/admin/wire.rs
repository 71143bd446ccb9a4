//! The messages of the admin service, as `proto/forebay/admin/v1/admin.proto` has them: what they mean is said there. A
//! test compiles that file and compares.
//!
//! Written by hand: eight messages are less to keep than a compiler in the build.

use prost::Message;
use std::collections::BTreeMap;

/// Of `GetStatus`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetStatusRequest {}

/// Of `WatchStatus`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchStatusRequest {
    #[prost(uint32, tag = "1")]
    pub(super) interval_milliseconds: u32,
}

/// A running graph.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(string, tag = "1")]
    pub(super) phase: String,
    #[prost(bool, tag = "2")]
    pub(super) healthy: bool,
    #[prost(bool, tag = "3")]
    pub(super) ready: bool,
    #[prost(string, optional, tag = "4")]
    pub(super) bottleneck: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(super) total: Option<Tally>,
    #[prost(int64, tag = "6")]
    pub(super) unaccounted: i64,
    #[prost(message, optional, tag = "7")]
    pub(super) memory: Option<MemoryStatus>,
    #[prost(message, repeated, tag = "8")]
    pub(super) nodes: Vec<NodeStatus>,
    #[prost(message, repeated, tag = "9")]
    pub(super) edges: Vec<EdgeStatus>,
}

/// The memory budget.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MemoryStatus {
    #[prost(uint64, tag = "1")]
    pub(super) budget_bytes: u64,
    #[prost(uint64, tag = "2")]
    pub(super) leasable_bytes: u64,
    #[prost(uint64, tag = "3")]
    pub(super) leased_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub(super) leased_peak_bytes: u64,
    #[prost(uint64, tag = "5")]
    pub(super) refusals: u64,
}

/// One node.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeStatus {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) role: String,
    /// `type`, which is no name in Rust.
    #[prost(string, tag = "3")]
    pub(super) kind: String,
    #[prost(string, tag = "4")]
    pub(super) condition: String,
    #[prost(string, optional, tag = "5")]
    pub(super) detail: Option<String>,
    #[prost(uint64, tag = "6")]
    pub(super) panics: u64,
    #[prost(string, repeated, tag = "7")]
    pub(super) listens: Vec<String>,
    #[prost(btree_map = "string, message", tag = "8")]
    pub(super) signals: BTreeMap<String, Tally>,
    #[prost(message, optional, tag = "9")]
    pub(super) delivery: Option<DeliveryStatus>,
    #[prost(message, repeated, tag = "10")]
    pub(super) backends: Vec<BackendStatus>,
}

/// One destination out of several.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BackendStatus {
    #[prost(string, tag = "1")]
    pub(super) endpoint: String,
    #[prost(string, tag = "2")]
    pub(super) condition: String,
    #[prost(string, optional, tag = "3")]
    pub(super) detail: Option<String>,
    #[prost(uint64, tag = "4")]
    pub(super) items: u64,
    #[prost(uint64, tag = "5")]
    pub(super) bytes: u64,
    #[prost(message, optional, tag = "6")]
    pub(super) delivery: Option<DeliveryStatus>,
}

/// An exporter's way to its destination.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeliveryStatus {
    #[prost(string, tag = "1")]
    pub(super) circuit: String,
    #[prost(uint64, tag = "2")]
    pub(super) in_flight: u64,
    #[prost(uint64, tag = "3")]
    pub(super) in_flight_limit: u64,
    #[prost(uint64, optional, tag = "4")]
    pub(super) request_limit_bytes: Option<u64>,
}

/// An account in the books.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tally {
    #[prost(uint64, tag = "1")]
    pub(super) received: u64,
    #[prost(uint64, tag = "2")]
    pub(super) copied: u64,
    #[prost(uint64, tag = "3")]
    pub(super) entered: u64,
    #[prost(uint64, tag = "4")]
    pub(super) left: u64,
    #[prost(uint64, tag = "5")]
    pub(super) delivered: u64,
    #[prost(btree_map = "string, uint64", tag = "6")]
    pub(super) refused: BTreeMap<String, u64>,
    #[prost(btree_map = "string, uint64", tag = "7")]
    pub(super) dropped: BTreeMap<String, u64>,
    #[prost(uint64, tag = "8")]
    pub(super) sampled_out: u64,
    #[prost(uint64, tag = "9")]
    pub(super) held: u64,
    #[prost(uint64, tag = "10")]
    pub(super) bytes_in: u64,
    #[prost(uint64, tag = "11")]
    pub(super) bytes_out: u64,
    #[prost(uint64, tag = "12")]
    pub(super) folded: u64,
}

/// A queue.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EdgeStatus {
    #[prost(string, tag = "1")]
    pub(super) to: String,
    #[prost(uint64, tag = "2")]
    pub(super) items: u64,
    #[prost(uint64, tag = "3")]
    pub(super) items_max: u64,
    #[prost(uint64, tag = "4")]
    pub(super) bytes: u64,
    #[prost(uint64, tag = "5")]
    pub(super) bytes_max: u64,
    #[prost(double, tag = "6")]
    pub(super) fill: f64,
    #[prost(uint64, tag = "7")]
    pub(super) waiting_senders: u64,
    #[prost(double, tag = "8")]
    pub(super) oldest_age_seconds: f64,
}

impl From<forebay_engine::Status> for Status {
    fn from(status: forebay_engine::Status) -> Self {
        Status {
            phase: status.phase.to_owned(),
            healthy: status.healthy,
            ready: status.ready,
            bottleneck: status.bottleneck,
            total: Some(status.total.into()),
            unaccounted: status.unaccounted,
            memory: Some(status.memory.into()),
            nodes: status.nodes.into_iter().map(NodeStatus::from).collect(),
            edges: status.edges.into_iter().map(EdgeStatus::from).collect(),
        }
    }
}

impl From<forebay_engine::MemoryStatus> for MemoryStatus {
    fn from(memory: forebay_engine::MemoryStatus) -> Self {
        MemoryStatus {
            budget_bytes: memory.budget_bytes,
            leasable_bytes: memory.leasable_bytes,
            leased_bytes: memory.leased_bytes,
            leased_peak_bytes: memory.leased_peak_bytes,
            refusals: memory.refusals,
        }
    }
}

impl From<forebay_engine::NodeStatus> for NodeStatus {
    fn from(node: forebay_engine::NodeStatus) -> Self {
        NodeStatus {
            name: node.name,
            role: node.role.to_owned(),
            kind: node.kind.to_owned(),
            condition: node.condition.to_owned(),
            detail: node.detail,
            panics: node.panics,
            listens: node.listens,
            signals: named(node.signals),
            delivery: node.delivery.map(DeliveryStatus::from),
            backends: node.backends.into_iter().map(BackendStatus::from).collect(),
        }
    }
}

impl From<forebay_engine::BackendStatus> for BackendStatus {
    fn from(backend: forebay_engine::BackendStatus) -> Self {
        BackendStatus {
            endpoint: backend.endpoint,
            condition: backend.condition.to_owned(),
            detail: backend.detail,
            items: backend.items,
            bytes: backend.bytes,
            delivery: Some(backend.delivery.into()),
        }
    }
}

impl From<forebay_engine::DeliveryStatus> for DeliveryStatus {
    fn from(delivery: forebay_engine::DeliveryStatus) -> Self {
        DeliveryStatus {
            circuit: delivery.circuit.to_owned(),
            in_flight: delivery.in_flight,
            in_flight_limit: delivery.in_flight_limit,
            request_limit_bytes: delivery.request_limit_bytes,
        }
    }
}

impl From<forebay_engine::Tally> for Tally {
    fn from(tally: forebay_engine::Tally) -> Self {
        Tally {
            received: tally.received,
            copied: tally.copied,
            entered: tally.entered,
            left: tally.left,
            delivered: tally.delivered,
            refused: named(tally.refused),
            dropped: named(tally.dropped),
            sampled_out: tally.sampled_out,
            held: tally.held,
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            folded: tally.folded,
        }
    }
}

impl From<forebay_engine::EdgeStatus> for EdgeStatus {
    fn from(edge: forebay_engine::EdgeStatus) -> Self {
        EdgeStatus {
            to: edge.to,
            items: edge.items,
            items_max: edge.items_max,
            bytes: edge.bytes,
            bytes_max: edge.bytes_max,
            fill: edge.fill,
            waiting_senders: edge.waiting_senders,
            oldest_age_seconds: edge.oldest_age_seconds,
        }
    }
}

fn named<T, U: From<T>>(map: BTreeMap<&'static str, T>) -> BTreeMap<String, U> {
    map.into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}
