//! For tests only: conformance suite, simulated clock, generators, in-memory ends, faults of the network,
//! ends of OTLP that do as a script says, a Kubernetes API server.

mod clock;
pub mod conformance;
mod context;
mod ends;
pub mod fault;
pub mod kubernetes;
pub mod requests;
pub mod scripted;

/// An address of this machine that nobody else uses. A port of the address that all use, `127.0.0.1`, may be somebody else's as soon as nobody
/// listens on it any more: whoever goes on sending to it is answered by a stranger.
pub fn own_address() -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(127, fastrand::u8(64..192), fastrand::u8(..), fastrand::u8(1..255))
}

pub use clock::SimulatedClock;
pub use context::processor_context;
pub use ends::{
    Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_processor, prepared_receiver,
};
