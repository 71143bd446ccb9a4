//! Sets of bytes, and short texts of them.

/// Which of the 256 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// The bytes of a range, both ends included.
    pub(crate) fn range(first: u8, last: u8) -> Self {
        let mut set = Self::default();
        for byte in first..=last {
            set.insert(byte);
        }
        set
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte / 64)) {
            *word |= 1 << (byte % 64);
        }
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0
            .get(usize::from(byte / 64))
            .is_some_and(|word| word >> (byte % 64) & 1 == 1)
    }

    pub(crate) fn union(mut self, other: Self) -> Self {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How often a byte of a log is one of them, roughly.
    pub(crate) fn frequency(&self) -> f64 {
        let often = |byte: u8| match byte {
            b' ' => 0.12,
            b'a'..=b'z' => 0.022,
            b'0'..=b'9' => 0.017,
            b'A'..=b'Z' => 0.004,
            b'.' | b'-' | b'_' | b'/' | b':' | b'=' | b'"' | b',' => 0.012,
            b'\t' | b'\n' | b'!'..=b'~' => 0.002,
            _ => 0.0005,
        };
        let bytes = (0..=u8::MAX).filter(|byte| self.contains(*byte));
        bytes.map(often).sum::<f64>().min(1.0)
    }
}

/// A text of which of each byte a set is known. What it stands for has it somewhere within.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence {
    pub(crate) sets: Vec<ByteSet>,
    /// More may follow that is not said here.
    pub(crate) is_cut: bool,
}

impl Sequence {
    /// How often it stands at a place of a log, roughly.
    pub(crate) fn frequency(&self) -> f64 {
        self.sets.iter().map(ByteSet::frequency).product()
    }
}
