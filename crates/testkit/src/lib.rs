//! For tests only: conformance suite, simulated clock, generators, in-memory ends.

mod clock;
pub mod conformance;
mod ends;
pub mod requests;

pub use clock::SimulatedClock;
pub use ends::{
    Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_processor, prepared_receiver,
};
