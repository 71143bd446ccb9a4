//! FNV-1a in 32 and 64 bits (draft-eastlake-fnv, "The FNV Non-Cryptographic Hash Algorithm"): weak, and slow on long inputs. It is
//! here for one reason: the Collector's samplers decide by it, and who shares a fleet with them must decide alike.

/// FNV-1a in 32 bits, as far as it has been computed.
///
/// A value: a prefix that many inputs have in common, such as a seed, is hashed once and its state copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fnv32(u32);

impl Fnv32 {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Fnv32(0x811c_9dc5)
    }

    /// Hashes these bytes after what was hashed before.
    #[inline]
    pub fn then(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |Fnv32(state), byte| {
            Fnv32((state ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
        })
    }

    /// The hash of all that was hashed.
    #[inline]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl Default for Fnv32 {
    fn default() -> Self {
        Fnv32::new()
    }
}

/// FNV-1a in 64 bits, as far as it has been computed. See [`Fnv32`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fnv64(u64);

impl Fnv64 {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Fnv64(0xcbf2_9ce4_8422_2325)
    }

    /// Hashes these bytes after what was hashed before.
    #[inline]
    pub fn then(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |Fnv64(state), byte| {
            Fnv64((state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
        })
    }

    /// The hash of all that was hashed.
    #[inline]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Fnv64 {
    fn default() -> Self {
        Fnv64::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fnv32, Fnv64};

    /// Test vectors of the draft, appendix C.
    #[test]
    fn hashes_are_those_of_the_draft() {
        for (input, narrow, wide) in [
            ("", 0x811c_9dc5, 0xcbf2_9ce4_8422_2325),
            ("a", 0xe40c_292c, 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0xbf9c_f968, 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(Fnv32::new().then(input.as_bytes()).value(), narrow, "{input}");
            assert_eq!(Fnv64::new().then(input.as_bytes()).value(), wide, "{input}");
        }
    }

    #[test]
    fn a_prefix_can_be_hashed_beforehand() {
        let (narrow, wide) = (Fnv32::default().then(b"foo"), Fnv64::default().then(b"foo"));
        assert_eq!(narrow.then(b"bar"), Fnv32::new().then(b"foobar"));
        assert_eq!(wide.then(b"bar"), Fnv64::new().then(b"foobar"));
    }
}
