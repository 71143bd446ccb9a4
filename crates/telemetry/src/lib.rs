//! Counters, gauges and latency recorders, the closed list of metric names, and their exposition.

pub mod catalog;
mod exposition;
mod instruments;
mod reason;
mod recorder;
mod reloads;
mod requests;
mod resolutions;

pub use exposition::{CONTENT_TYPE, Exposition, Family, LATENCY_BOUNDS};
pub use instruments::{InstrumentSet, Instruments};
pub use reason::Reason;
pub use recorder::{Reading, Recorder};
pub use reloads::ReloadMeter;
pub use requests::RequestMeter;
pub use resolutions::ResolutionMeter;
