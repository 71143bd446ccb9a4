//! 64-bit hashes of what identifies a resource or a series.
//!
//! Attributes are a set: their order on the wire means nothing, so each is hashed by itself and the hashes are added up.
//! An attribute is hashed as it is encoded. Two encodings of one value (a padded length, a key after its value) hash apart;
//! no known encoder produces any but the shortest in the declared order.
//!
//! The hash is a chain of 64 x 64 -> 128 bit products, folded, over words of 8 bytes: one product for 16 bytes. The constants
//! that the words are mixed with depend on the seed, so that nobody who does not know the seed can make words that cancel out. It
//! is the same on every machine, and is not cryptographic.

use crate::WireError;
use crate::views::{KeyValue, Repeated, View};

/// The fractional part of the golden ratio, and two odd numbers with well spread bits.
const WORDS: [u64; 3] = [
    0x9e37_79b9_7f4a_7c15,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_95b0_3e6b,
];

/// A seeded hash function.
#[derive(Clone, Copy, Debug)]
pub struct IdentityHasher {
    start: u64,
    secret: u64,
}

impl IdentityHasher {
    /// The function of this seed. Hashes of different seeds have nothing to do with each other: use a random seed where senders
    /// could choose attributes that collide, a fixed one where hashes must agree between processes.
    pub const fn new(seed: u64) -> Self {
        let [golden, first, second] = WORDS;
        IdentityHasher {
            start: fold(seed ^ golden, first),
            secret: fold(seed ^ second, golden) | 1,
        }
    }

    /// The hash of some bytes.
    #[inline]
    pub fn bytes(&self, bytes: &[u8]) -> u64 {
        let mut state = self.start;
        let (first, last) = match bytes.last_chunk::<16>() {
            Some(tail) => {
                // The last 16 bytes close the chain; a partial chunk before them is covered by the overlap.
                let (chunks, rest) = bytes.as_chunks::<16>();
                let whole = chunks.len() - usize::from(rest.is_empty());
                for chunk in chunks.iter().take(whole) {
                    let (first, last) = halves(u128::from_le_bytes(*chunk));
                    state = fold(first ^ self.secret, last ^ state);
                }
                halves(u128::from_le_bytes(*tail))
            }
            None => short(bytes),
        };
        let mixed = fold(first ^ self.secret, last ^ state);
        fold(mixed ^ bytes.len() as u64, self.secret ^ self.start)
    }

    /// The hash of a set of attributes, whatever their order.
    ///
    /// # Errors
    ///
    /// That the message around the attributes cannot be read.
    #[inline]
    pub fn attributes<'a>(&self, attributes: Repeated<'a, KeyValue<'a>>) -> Result<u64, WireError> {
        let mut sum = 0_u64;
        for attribute in attributes {
            sum = sum.wrapping_add(self.bytes(attribute?.bytes()));
        }
        Ok(sum)
    }

    /// One hash of two, whose order matters.
    #[inline]
    pub const fn pair(&self, first: u64, second: u64) -> u64 {
        fold(fold(first ^ self.secret, self.start) ^ second, self.secret)
    }
}

/// The two halves of a product: every bit of either factor reaches every bit of the result.
#[inline]
const fn fold(first: u64, second: u64) -> u64 {
    let (low, high) = halves(first as u128 * second as u128);
    low ^ high
}

#[inline]
const fn halves(both: u128) -> (u64, u64) {
    (both as u64, (both >> 64) as u64)
}

/// Fewer than 16 bytes as two words, which overlap rather than loop.
#[inline]
fn short(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (
            u64::from(u32::from_le_bytes(*first)),
            u64::from(u32::from_le_bytes(*last)),
        );
    }
    (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[cfg(test)]
mod tests {
    use super::IdentityHasher;
    use std::collections::HashSet;

    #[test]
    fn every_length_and_every_bit_counts() {
        let hasher = IdentityHasher::new(1);
        let mut seen = HashSet::new();
        for length in 0..100_usize {
            let mut bytes = vec![0_u8; length];
            assert!(seen.insert(hasher.bytes(&bytes)), "{length} zeros");
            for bit in 0..length * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(seen.insert(hasher.bytes(&bytes)), "bit {bit} of {length} bytes");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn a_changed_bit_changes_about_half_of_the_hash() {
        let hasher = IdentityHasher::new(2);
        let mut random = fastrand::Rng::with_seed(3);
        let (mut flipped, rounds) = (0, 20_000);
        for _ in 0..rounds {
            let mut bytes: Vec<u8> = (0..random.usize(1..80)).map(|_| random.u8(..)).collect();
            let before = hasher.bytes(&bytes);
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u32(..8);
            flipped += (before ^ hasher.bytes(&bytes)).count_ones();
        }
        let mean = f64::from(flipped) / f64::from(rounds);
        assert!((31.5..32.5).contains(&mean), "{mean} bits");
    }

    #[test]
    fn small_keys_do_not_collide_in_the_low_bits() {
        let hasher = IdentityHasher::new(4);
        let low: HashSet<u64> = (0..100_000_u32)
            .map(|key| hasher.bytes(format!("pod-{key}").as_bytes()) >> 24)
            .collect();
        let high: HashSet<u64> = (0..100_000_u32)
            .map(|key| hasher.bytes(&key.to_le_bytes()) & 0xff_ffff_ffff)
            .collect();
        assert!(
            low.len() > 99_990 && high.len() > 99_990,
            "{} {}",
            low.len(),
            high.len()
        );
    }

    #[test]
    fn seeds_and_the_order_of_a_pair_matter() {
        let (one, two) = (IdentityHasher::new(1), IdentityHasher::new(2));
        assert_ne!(one.bytes(b"x"), two.bytes(b"x"));
        assert_ne!(one.pair(1, 2), one.pair(2, 1));
        assert_eq!(one.bytes(b"x"), IdentityHasher::new(1).bytes(b"x"));
    }
}
