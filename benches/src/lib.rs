//! The end-to-end harness: a load generator, a sink that accounts for every item, the bare relay that is the floor for
//! any proxy, and a runner that measures systems side by side.
//!
//! | module | what it is |
//! |---|---|
//! | [`payload`] | realistic OTLP requests, and how each item gets an identity |
//! | [`generate`] | drives requests over gRPC or HTTP and keeps the books of the answers |
//! | [`sink`] | takes them, counts items on the wire, finds loss and duplicates, fails on demand |
//! | [`relay`] | passes requests on unread: what a process in the middle costs at least |
//! | [`run`] | starts systems, drives them cell by cell, compares CPU, memory, latency and loss |

pub mod compression;
pub mod generate;
pub mod identity;
pub mod itemset;
pub mod payload;
pub mod procfs;
pub mod relay;
pub mod run;
pub mod sink;
pub mod units;
pub mod walk;

/// Any failure of the harness. It is a tool: the text is for its user, no caller tells failures apart.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of whatever can fail in the harness.
pub type Result<T, E = Error> = std::result::Result<T, E>;
