//! The contracts of the house: batch, custody, delivery token, memory ledger, component traits, registry, setting types.
//!
//! Reading order: [`Batch`] and what goes with it ([`Payload`], [`Custody`], [`Lease`], [`DeliveryToken`]), then the
//! traits of [`component`], then how a config table becomes a component ([`Section`], [`registry`]).

pub mod accounts;
pub mod balanced;
mod batch;
mod cardinality_report;
pub mod component;
pub mod diagnostic;
mod handover;
mod health;
mod holding;
pub mod ledger;
mod pace;
mod payload;
mod processor;
pub mod registry;
pub mod rewrite;
mod section;
pub mod settings;
mod signals;
mod tasks;
mod time;
mod token;
mod trace_report;

pub use accounts::{Accounts, Balance, Custody, NodeId, Outcome};
pub use batch::{Batch, Entry, Identity, Origin};
pub use cardinality_report::{
    AttributeUse, CardinalityQuery, CardinalityReport, GroupUse, MetricUse, Ranking, ValueUse,
};
pub use component::{Acknowledge, ComponentError, Outputs, Port};
pub use diagnostic::{Diagnostic, Place, Severity, Source};
pub use forebay_otlp::Signal;
pub use forebay_telemetry::Reason;
pub use handover::Handover;
pub use health::{Condition, Health};
pub use holding::Holding;
pub use ledger::{Lease, Ledger, OverBudget};
pub use payload::Payload;
pub use section::{Resolved, Section};
pub use signals::SignalSet;
pub use tasks::{Phase, Shutdown, ShutdownTrigger, Spawn, Tasks};
pub use time::{Clock, Time, TimeSource};
pub use token::{Delivery, DeliveryToken, Failure, Fault, Verdict};
pub use trace_report::TraceReport;
