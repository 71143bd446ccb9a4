//! Counters, gauges and latency recorders, the closed list of metric names, and their exposition.

mod reason;
mod recorder;
mod requests;

pub use reason::Reason;
pub use recorder::{Reading, Recorder};
pub use requests::RequestMeter;
