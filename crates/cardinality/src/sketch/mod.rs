//! Answers about millions of series from a few kilobytes: near enough, and never more memory.
//!
//! | sketch | question | error |
//! |---|---|---|
//! | [`Frequency`] | which series come often, lately | never too low; too high for few |
//! | [`Distinct`] | how many different ones there were | 1.04 / sqrt(registers), in the mean |
//! | [`Profile`] | which attribute makes so many of them | as [`Distinct`] |
//!
//! All take an [`Identity`], which is a keyed hash: senders cannot aim at a counter. None uses its bits as they are: whoever keeps a
//! sketch for each partition, or looks only at series that a bit has chosen, has fixed those bits, and a sketch that took them for the
//! number of a counter would leave the other counters empty.

mod distinct;
mod frequency;
mod profile;
mod row;

#[cfg(test)]
mod tests;

pub use distinct::Distinct;
pub use frequency::Frequency;
pub use profile::{Attribute, Blame, Profile};

use crate::Identity;

/// What the bits of an identity are drawn for.
#[derive(Clone, Copy)]
enum Purpose {
    Count,
    Frequency,
    Sample,
}

/// 64 bits of an identity, for one purpose: still uniform among the identities that agree in any few bits of either half.
#[inline]
fn bits(of: Identity, purpose: Purpose) -> u64 {
    // Fractional digits of pi.
    let (first, second) = match purpose {
        Purpose::Count => (0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344),
        Purpose::Frequency => (0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89),
        Purpose::Sample => (0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c),
    };
    let product = u128::from(of.low() ^ first) * u128::from(of.high() ^ second);
    product as u64 ^ (product >> 64) as u64
}
