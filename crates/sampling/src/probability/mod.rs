//! Consistent probability sampling (OpenTelemetry specification, "TraceState: Probability Sampling").
//!
//! Each trace has a [`Randomness`] R of 56 bits, the same wherever its spans are seen: the last 7 bytes of its id, or the value `rv`
//! in the `tracestate`. Each stage of sampling has a rejection [`Threshold`] T, and keeps what has R >= T. So whatever a stage with a
//! lower probability keeps, one with a higher probability keeps as well, and stages in series keep what the strictest of them
//! keeps. A kept item says by `th` in its `tracestate` what threshold it passed, and with it how many items it stands for
//! ([`Threshold::adjusted_count`]): sums over what was kept estimate, without bias, the sums over all there was.
//!
//! A stage may raise the threshold of an item and never lowers it. It erases the threshold where it does not know the probability any
//! more, and never touches `rv`.

mod buckets;
mod hex;
mod randomness;
mod threshold;
mod tracestate;

pub use buckets::{bucket_randomness, bucket_threshold};
pub use hex::Hex;
pub use randomness::{Randomness, RandomnessError};
pub use threshold::{MIN_PROBABILITY, Precision, Threshold, ThresholdError};
pub use tracestate::{MAX_MEMBERS, MAX_OT, TraceState, TraceStateError};

/// How many bits thresholds and randomness have.
const BITS: u32 = 56;
/// 2 to the power of 56: the largest adjusted count, and one more than the largest threshold and randomness.
const RANGE: u64 = 1 << BITS;
/// How many hex digits 56 bits are.
const DIGITS: usize = 14;

#[cfg(test)]
mod tests;
