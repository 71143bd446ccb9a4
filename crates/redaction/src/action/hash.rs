//! Keyed hashes: equal secrets stay equal, and nobody without the key can try out what they were.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// A key, and how much of the hash is written.
///
/// A hash is HMAC-SHA-256 (RFC 2104, FIPS 180-4) of the bytes that were found, as they were written, cut to its first digits
/// (RFC 2104, section 5). With the same key, equal findings have equal hashes, wherever they are found, so that joins survive. Without
/// the key a list of all card numbers is of no use, which it is against a plain hash.
#[derive(Clone)]
pub struct HashKey {
    /// With the key in it already.
    started: Hmac<Sha256>,
    digits: usize,
}

/// The length of a hash has to be 8 to 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashLengthError(
    /// The length that was asked for.
    pub usize,
);

impl fmt::Display for HashLengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a hash has 8 to 64 hexadecimal digits, not {}", self.0)
    }
}

impl std::error::Error for HashLengthError {}

impl HashKey {
    /// The shortest hash, in hexadecimal digits: 32 bits.
    pub const FEWEST_DIGITS: usize = 8;

    /// The longest: all 256 bits.
    pub const MOST_DIGITS: usize = 64;

    /// A key of any length (16 bytes of randomness and more are a key, a word is not), and hashes of so many hexadecimal digits. Two
    /// of n different findings have the same hash of d digits by a chance of about n * n / 2 / 16^d: 16 digits will do for a
    /// hundred million.
    ///
    /// # Errors
    ///
    /// The length is not 8 to 64.
    pub fn new(key: &[u8], digits: usize) -> Result<Self, HashLengthError> {
        if !(Self::FEWEST_DIGITS..=Self::MOST_DIGITS).contains(&digits) {
            return Err(HashLengthError(digits));
        }
        // HMAC takes keys of any length (RFC 2104, section 2), so that this cannot fail.
        let started = Hmac::new_from_slice(key).map_err(|_| HashLengthError(digits))?;
        Ok(Self { started, digits })
    }

    /// Writes the hash of what was found.
    pub fn write(&self, finding: &[u8], out: &mut Vec<u8>) {
        let mut mac = self.started.clone();
        mac.update(finding);
        let hash = mac.finalize().into_bytes();
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex = |digit: u8| {
            if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }
        };
        out.extend(digits.take(self.digits).map(hex));
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKey")
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}
