//! Which keys are certainly not in a table: a Bloom filter whose bits for a key all lie in one word, small enough for a cache.

/// Bits for each key. Four of them are set, and fewer than one in a hundred strangers pass.
const BITS_PER_KEY: u64 = 16;

/// The filter of a table.
#[derive(Debug, Default)]
pub(crate) struct Filter(Box<[u64]>);

/// Where a key is in a filter of so many words: the word, and the bits in it.
#[inline]
fn place(hash: u64, words: usize) -> (usize, u64) {
    // The word is told by the highest bits, and the bits in it by the lowest.
    let word = (u128::from(hash) * words as u128) >> 64;
    let bit = |shift: u32| 1u64 << (hash >> shift & 63);
    (word as usize, bit(0) | bit(6) | bit(12) | bit(18))
}

impl Filter {
    /// The bytes that a filter for so many keys takes.
    pub(crate) fn bytes(keys: u64) -> u64 {
        (keys * BITS_PER_KEY).div_ceil(64).max(1) * 8
    }

    /// An empty filter for so many keys.
    pub(crate) fn new(keys: u64) -> Self {
        let words = usize::try_from(Filter::bytes(keys) / 8).unwrap_or(usize::MAX);
        Filter(vec![0; words].into_boxed_slice())
    }

    /// Lets a key pass from now on.
    pub(crate) fn add(&mut self, hash: u64) {
        let (word, bits) = place(hash, self.0.len());
        if let Some(word) = self.0.get_mut(word) {
            *word |= bits;
        }
    }

    /// Whether a key may have been added.
    #[inline]
    pub(crate) fn passes(&self, hash: u64) -> bool {
        let (word, bits) = place(hash, self.0.len());
        self.0.get(word).is_some_and(|word| word & bits == bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;

    #[test]
    fn what_was_added_passes_and_few_strangers_do() {
        let key = |number: u64| hash::of(hash::SEED, &number.to_le_bytes());
        let mut filter = Filter::new(10_000);
        for number in 0..10_000 {
            filter.add(key(number));
        }
        assert!((0..10_000).all(|number| filter.passes(key(number))));
        let strangers = (10_000..110_000).filter(|number| filter.passes(key(*number)));
        let strangers = strangers.count();
        assert!(strangers < 1_000, "{strangers} of 100000 strangers pass");
    }
}
