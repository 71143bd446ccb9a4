//! Hashes of keys, and of every beginning of a key at the price of one pass over it.
//!
//! A folded multiplication for each eight bytes. There is no secret in it: the keys that could collide are those of the table, which
//! its owner writes, and whoever sends values to be looked up makes no bucket longer.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const CLOSE: u64 = 0xd6e8_feb8_6659_fd93;
/// Makes another factor of each length.
const SPREAD: u64 = 0xa076_1d64_78bd_642e;

/// What hashing begins with.
pub(crate) const SEED: u64 = 0x2545_f491_4f6c_dd1d;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Up to eight bytes as a number, the first one lowest.
#[inline]
pub(crate) fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Takes in eight bytes.
#[inline]
pub(crate) fn absorb(state: u64, word: u64) -> u64 {
    fold(state ^ word, STEP)
}

/// The hash of `length` bytes: `state` has taken in all whole words, `tail` is what is left, of less than eight bytes.
#[inline]
pub(crate) fn close(state: u64, tail: u64, length: usize) -> u64 {
    fold(state ^ tail, CLOSE ^ (length as u64).wrapping_mul(SPREAD))
}

/// The hash of `bytes`, after what has led to `seed`.
#[inline]
pub(crate) fn of(seed: u64, bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let state = words
        .iter()
        .fold(seed, |state, word| absorb(state, u64::from_le_bytes(*word)));
    close(state, word(tail), bytes.len())
}

/// The hashes of the beginnings of a key, asked for in ascending order of their lengths.
pub(crate) struct Beginnings<'k> {
    words: &'k [[u8; 8]],
    tail: u64,
    state: u64,
    /// How many words the state has taken in.
    taken: usize,
}

impl<'k> Beginnings<'k> {
    #[inline]
    pub(crate) fn new(seed: u64, key: &'k [u8]) -> Self {
        let (words, tail) = key.as_chunks::<8>();
        Beginnings {
            words,
            tail: word(tail),
            state: seed,
            taken: 0,
        }
    }

    /// The hash of the first `length` bytes, which is no less than it was before and no more than there are.
    #[inline]
    pub(crate) fn hash(&mut self, length: usize) -> u64 {
        while self.taken < length / 8
            && let Some(whole) = self.words.get(self.taken)
        {
            self.state = absorb(self.state, u64::from_le_bytes(*whole));
            self.taken += 1;
        }
        let next = self
            .words
            .get(self.taken)
            .map_or(self.tail, |whole| u64::from_le_bytes(*whole));
        let mask = (1 << (length % 8 * 8)) - 1;
        close(self.state, next & mask, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_the_hash_of_the_key_that_it_is() {
        let key: Vec<u8> = (0..100).collect();
        for length in 0..=key.len() {
            let mut beginnings = Beginnings::new(SEED, &key[..length]);
            for shorter in 0..=length {
                assert_eq!(
                    beginnings.hash(shorter),
                    of(SEED, &key[..shorter]),
                    "{shorter} of {length}"
                );
            }
        }
    }
}
