//! What the scenarios are told with: the process under test, its clients, its destinations, its admin endpoint.

pub(crate) mod admin;
pub(crate) mod attack;
pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod export;
pub(crate) mod forebay;
pub(crate) mod load;
pub(crate) mod raw;
pub(crate) mod rude;
pub(crate) mod session;
pub(crate) mod sink;
pub(crate) mod sink_http;
pub(crate) mod spans;
pub(crate) mod tls;

pub(crate) use admin::Scrape;
pub(crate) use client::{Client, Compression, Reply};
pub(crate) use export::Export;
pub(crate) use forebay::Forebay;
pub(crate) use load::{Load, Shape};
pub(crate) use session::{Session, Wire};
pub(crate) use sink::{Answer, Sink};

use std::time::Duration;

/// How long anything that must happen may take before a test fails. Far above what it takes: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Waits for a condition that only asking can show, and fails the test if it does not come true.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}
