//! Exporters: one folder each.
//!
//! | exporter | what it does |
//! |---|---|
//! | [`debug`] | prints what comes, for people |
//! | [`mod@file`] | writes JSON lines or protobuf to files |
//! | [`load_balancing`] | spreads data over several OTLP/gRPC servers |
//! | [`null`] | throws away what comes |
//! | [`otlp_grpc`] | sends OTLP over gRPC |
//! | [`otlp_http`] | sends OTLP over HTTP |

pub mod debug;
pub mod file;
mod health;
pub mod load_balancing;
pub mod null;
mod otlp;
pub mod otlp_grpc;
pub mod otlp_http;
#[cfg(test)]
mod testing;

pub use otlp::KeepaliveConfig;

use forebay_core::registry::Registry;

/// Makes every exporter type known.
pub fn register(registry: &mut Registry) {
    registry.exporter::<debug::DebugFactory>();
    registry.exporter::<file::FileFactory>();
    registry.balanced::<load_balancing::LoadBalancing>();
    registry.exporter::<null::NullFactory>();
    registry.exporter::<otlp_grpc::OtlpGrpc>();
    registry.exporter::<otlp_http::OtlpHttp>();
}
