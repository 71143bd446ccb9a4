//! Blueprint, built, running, drained: the graph at work. Names no component.

mod balancer;
mod blueprint;
mod built;
mod delivery;
mod drained;
mod flow;
mod metrics;
mod probation;
mod progress;
mod questions;
mod running;
mod start;
mod status;
mod tasks;
mod worker;

#[cfg(test)]
mod tests;

pub use blueprint::{
    Acknowledged, Blueprint, Bound, BoundsSum, Component, EdgePlan, NodePlan, Promise, QueuePlan, Role, about,
};
pub use built::Built;
pub use delivery::{Circuit, DeliveryMeter};
pub use drained::{Drained, Loss};
pub use questions::TraceReports;
pub use running::{Running, RunningNode};
pub use start::StartError;
pub use status::{BackendStatus, DeliveryStatus, EdgeStatus, MemoryStatus, NodeStatus, Status, Tally};
