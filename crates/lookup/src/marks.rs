//! Which keys are certainly not in a bucket: a Bloom filter of one word, which stands in the directory beside where the bucket begins,
//! so that asking it and finding the bucket take one look into memory.

use std::ops::BitOr;

/// The marks of the keys of a bucket. Each key has four bits of it, and fewer than one in a hundred strangers pass a bucket of usual size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u64);

impl Marks {
    /// The marks of a key, told by the lowest bits of its hash: the highest ones tell its bucket.
    #[inline]
    pub(crate) fn of(hash: u64) -> Self {
        let bit = |shift: u32| 1u64 << (hash >> shift & 63);
        Marks(bit(0) | bit(6) | bit(12) | bit(18))
    }

    /// Whether a key with these marks may be in the bucket.
    #[inline]
    pub(crate) fn have(self, key: Marks) -> bool {
        self.0 & key.0 == key.0
    }
}

impl BitOr for Marks {
    type Output = Marks;

    fn bitor(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }
}

/// From two words, the lower one first.
impl From<[u32; 2]> for Marks {
    #[inline]
    fn from([low, high]: [u32; 2]) -> Self {
        Marks(u64::from(high) << 32 | u64::from(low))
    }
}

/// To two words, the lower one first.
impl From<Marks> for [u32; 2] {
    fn from(marks: Marks) -> Self {
        [marks.0 as u32, (marks.0 >> 32) as u32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;

    #[test]
    fn keys_of_a_bucket_pass_and_few_strangers_do() {
        let key = |number: u64| Marks::of(hash::of(hash::SEED, &number.to_le_bytes()));
        let mut strangers = 0;
        for bucket in 0..1_000 {
            let own = bucket * 4..bucket * 4 + 4;
            let marks = own.clone().map(key).fold(Marks::default(), Marks::bitor);
            let written: [u32; 2] = marks.into();
            assert_eq!(Marks::from(written), marks);
            assert!(own.clone().all(|number| marks.have(key(number))));
            strangers += (10_000..10_100).filter(|number| marks.have(key(*number))).count();
        }
        assert!(strangers < 1_000, "{strangers} of 100000 strangers pass");
    }
}
