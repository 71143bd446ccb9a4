//! The Collector's older way to decide, by 2^14 buckets of a 32-bit hash, said in thresholds and randomness.
//!
//! There an item is kept if the low 14 bits of its hash are less than the share of 16384 that the percentage is. Turned round, that is a
//! threshold and a randomness whose upper 14 bits decide, so that stages that know nothing of the hash go on consistently from
//! what is written into the item. The numbers are the Collector's to the bit.

use super::{RANGE, Randomness, Threshold};

/// How many bits of the hash decide.
const BUCKET_BITS: u32 = 14;
const BUCKETS: u32 = 1 << BUCKET_BITS;
/// How many buckets one percent is.
const PER_PERCENT: f32 = 163.84;
/// Where the 14 bits begin within the 56.
const SHIFT: u32 = super::BITS - BUCKET_BITS;

/// The threshold of a percentage, at most 100. Nothing if it is less than one bucket (0.0061%), or no number: then nothing is kept.
///
/// The product is taken in single precision and cut off, not rounded.
pub fn bucket_threshold(percentage: f32) -> Option<Threshold> {
    let kept = (percentage.min(100.0) * PER_PERCENT) as u32;
    if kept == 0 || percentage.is_nan() {
        return None;
    }
    Threshold::new(u64::from(BUCKETS.saturating_sub(kept)) << SHIFT)
}

/// The randomness of a hash: from the top, 14 bits of the bucket counted from the end, 28 bits made of the top 14 of the hash, and
/// 14 bits of the bucket itself.
#[inline]
pub fn bucket_randomness(hash: u32) -> Randomness {
    let bucket = u64::from(hash & (BUCKETS - 1));
    let turned = u64::from(BUCKETS - 1) - bucket;
    let top = u64::from(hash >> (u32::BITS - BUCKET_BITS));
    let mixed = top ^ (top << 10);
    let value = turned << SHIFT | mixed << BUCKET_BITS | bucket;
    Randomness::new(value & (RANGE - 1)).unwrap_or(Randomness::HIGHEST)
}
