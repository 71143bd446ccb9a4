//! What samplers have in common: their settings, and where spans and log records carry thresholds and randomness.

mod records;
mod settings;
mod spans;

pub(crate) use records::{RANDOMNESS, RecordHead, THRESHOLD, Wanted, set_text};
pub use settings::{HashSeed, Percentage, PrecisionDigits};
pub(crate) use spans::{SpanHead, set_trace_state};
