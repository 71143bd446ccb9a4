//! Cardinality limits in the built binary: what arrives sums to what was measured, series stay within their limits, memory within its budget.

mod actions;
mod application;
mod conservation;
mod hostile;
mod seeing;
mod totals;
mod values;

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Forebay, Scrape, Sink};

/// A gateway that limits metrics with these keys of the processor.
fn config(sink: &Sink, limits: &str) -> String {
    config_for(sink, limits, "metrics")
}

fn config_for(sink: &Sink, limits: &str, signal: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.guard]
        type = \"cardinality_limit\"
        {limits}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        retry.enabled = false
        [pipelines.all]
        from = [\"otlp.{signal}\"]
        via = [\"guard\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

/// Scrapes, and checks the books.
async fn balanced(forebay: &Forebay) -> Scrape {
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    scrape
}

/// How many items of the processor ended in one of the ways of the books.
fn ended(scrape: &Scrape, how: &str) -> f64 {
    scrape.sum(&format!("forebay_items_{how}_total"), &[("node", "guard")])
}
