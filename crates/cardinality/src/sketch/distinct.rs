//! How many different ones: HyperLogLog.

use super::{Purpose, bits};
use crate::Identity;

/// The most that a register holds above the base.
const FULL: u8 = 15;

/// The number of different identities that were put in, from `2 * BYTES` registers of four bits.
///
/// The standard error is `1.04 / sqrt(2 * BYTES)`: 13% of 32 bytes, 9.2% of 64, 3.3% of 512. Up to a third of the number of its
/// registers it is exact to one or two. Putting in the same identity again changes nothing, whenever that is.
///
/// Source: Flajolet and others, "HyperLogLog" (2007), for the registers; Heule and others, "HyperLogLog in Practice" (2013), for keeping
/// them as differences from their least; Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
/// section 4, for an estimate without bias at all sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct<const BYTES: usize> {
    /// Two in a byte: by how much the rank of the register is above the base. Nothing is above by more than [`FULL`]: what is lost by that
    /// is a part in ten thousand.
    registers: [u8; BYTES],
    /// The rank that every register has at least. 0: nothing is in.
    base: u8,
    /// Registers at the base.
    at_base: u16,
}

impl<const BYTES: usize> Default for Distinct<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> Distinct<BYTES> {
    const REGISTERS: u16 = {
        assert!(BYTES.is_power_of_two() && BYTES >= 8 && BYTES <= 1 << 14);
        BYTES as u16 * 2
    };

    /// With nothing in it. `BYTES` is a power of two from 8 to 16,384; another one does not compile.
    pub const fn new() -> Self {
        Distinct {
            registers: [0; BYTES],
            base: 0,
            at_base: Self::REGISTERS,
        }
    }

    /// Puts one in. Returns whether that changed anything: it never does for one that was in.
    #[inline]
    pub fn insert(&mut self, identity: Identity) -> bool {
        let bits = bits(identity, Purpose::Count);
        let index = bits as usize % (2 * BYTES);
        // The bits of the index say nothing any more, and end the run of zeros.
        let rank = (bits | u64::from(Self::REGISTERS - 1)).leading_zeros() as u8 + 1;
        let Some(pair) = self.registers.get_mut(index / 2) else {
            return false;
        };
        let shift = index % 2 * 4;
        let old = *pair >> shift & FULL;
        let above = rank.saturating_sub(self.base).min(FULL);
        if above <= old {
            return false;
        }
        *pair = *pair & !(FULL << shift) | above << shift;
        if old == 0 {
            self.at_base -= 1;
            if self.at_base == 0 {
                self.raise();
            }
        }
        true
    }

    /// Puts in all that another has.
    pub fn merge(&mut self, other: &Self) {
        let base = self.base.max(other.base);
        let above = |of: &Self, pair: u8| {
            let less = base - of.base;
            (
                (pair & FULL).saturating_sub(less),
                (pair >> 4).saturating_sub(less),
            )
        };
        let mut merged = Self { base, ..Self::new() };
        merged.at_base = 0;
        for (to, (mine, others)) in merged
            .registers
            .iter_mut()
            .zip(self.registers.iter().zip(&other.registers))
        {
            let (mine, others) = (above(self, *mine), above(other, *others));
            let (low, high) = (mine.0.max(others.0), mine.1.max(others.1));
            *to = low | high << 4;
            merged.at_base += u16::from(low == 0) + u16::from(high == 0);
        }
        if merged.at_base == 0 {
            merged.raise();
        }
        *self = merged;
    }

    /// About how many different ones are in.
    pub fn estimate(&self) -> f64 {
        let registers = f64::from(Self::REGISTERS);
        // Each register counts 2^-rank; here all are multiplied by 2^(base + 15), so that they are whole numbers.
        let sum = self
            .registers
            .iter()
            .map(|pair| (1_u32 << (FULL - (pair & FULL))) + (1 << (FULL - (pair >> 4))))
            .sum::<u32>();
        let scale = f64::from_bits(u64::from(1023 - u16::from(self.base) - u16::from(FULL)) << 52);
        let mut total = f64::from(sum) * scale;
        if self.base == 0 {
            // Empty registers count by how unlikely it is that they are still empty.
            total -= f64::from(self.at_base);
            total += registers * sigma(f64::from(self.at_base) / registers);
        }
        registers * registers / (2.0 * std::f64::consts::LN_2 * total)
    }

    /// Makes the least of the registers the base, when no register is at the base any more.
    #[cold]
    fn raise(&mut self) {
        let least = self
            .registers
            .iter()
            .map(|pair| (pair & FULL).min(pair >> 4))
            .min()
            .unwrap_or(0);
        self.base += least;
        for pair in &mut self.registers {
            *pair -= least << 4 | least;
            self.at_base += u16::from(*pair & FULL == 0) + u16::from(*pair >> 4 == 0);
        }
    }
}

/// Ertl's sigma: `x + sum of x^(2^k) * 2^(k - 1)`, infinite at 1.
fn sigma(empty: f64) -> f64 {
    if empty >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (empty, 1.0, empty);
    loop {
        power *= power;
        let more = sum + power * weight;
        if more == sum {
            return sum;
        }
        sum = more;
        weight += weight;
    }
}
