//! Exporters: one folder each.

mod health;
mod otlp;
pub mod otlp_grpc;
pub mod otlp_http;
#[cfg(test)]
mod testing;

use forebay_core::registry::Registry;

/// Makes every exporter type known.
pub fn register(registry: &mut Registry) {
    registry.exporter::<otlp_grpc::OtlpGrpc>();
    registry.exporter::<otlp_http::OtlpHttp>();
}
