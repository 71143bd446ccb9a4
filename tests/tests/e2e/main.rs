//! End-to-end tests: the built binary, real sockets, real clients and destinations. One module per scenario.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

mod authentication;
mod backend;
mod cardinality;
mod dns;
mod fan_out;
mod faults;
mod forwarding;
mod hostile;
mod identity;
mod kubernetes;
mod lineage;
mod load_balancing;
mod lookup;
mod memory;
mod poison;
mod process;
mod redaction;
mod resource_detection;
mod secrets;
mod shutdown;
mod slow_clients;
mod status_matrix;
mod tail_sampling;
mod tls;
