//! Receivers: one folder each.
//!
//! | receiver | what it does |
//! |---|---|
//! | [`otlp`] | takes OTLP over gRPC and HTTP |

pub mod otlp;

use forebay_core::registry::Registry;

/// Registers every receiver.
pub fn register(registry: &mut Registry) {
    registry.receiver::<otlp::OtlpFactory>();
}
