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

pub use clock::SimulatedClock;
pub use context::processor_context;
pub use ends::{
    Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_processor, prepared_receiver,
};
