//! What tells one series from another: keyed hashes of 128 bits over the wire bytes.
//!
//! Attributes are a set: their order on the wire means nothing. Each is hashed by itself and the hashes are added up, so that the
//! identity of a set without one of its attributes is the difference. An attribute is hashed as it is encoded: values
//! of different types are different, and so are two encodings of one value (a padded length, a key after its value), which no known
//! encoder produces.
//!
//! The function is NH (Black and others, "UMAC: Fast and Secure Message Authentication", section 4), the sum of products of words
//! that secret words were added to, taken twice with shifted secrets over blocks of 256 bytes, and mixed into 128 bits. For who does not
//! know the secret, two given blocks agree in both sums with a probability of 2^-128. The secret is drawn at random for each
//! process and never shows: senders cannot craft attributes that collide.

use forebay_otlp::WireError;
use forebay_otlp::views::{KeyValue, Repeated, View};
use std::hash::{BuildHasher, RandomState};
use std::ops::AddAssign;

/// Bytes that are hashed with one set of secrets.
const BLOCK: usize = 256;
/// Bytes that are hashed without a loop.
const SHORT: usize = 48;
/// Pairs of secret words: one for each 16 bytes of a block, and one more for the second sum.
const SECRETS: usize = BLOCK / 16 + 1;

/// What identifies an attribute, a set of them, a stream or a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub u128);

impl Identity {
    /// The set with another attribute in it.
    #[inline]
    #[must_use]
    pub const fn plus(self, attribute: Identity) -> Identity {
        Identity(self.0.wrapping_add(attribute.0))
    }

    /// The set without one of its attributes.
    #[inline]
    #[must_use]
    pub const fn minus(self, attribute: Identity) -> Identity {
        Identity(self.0.wrapping_sub(attribute.0))
    }

    /// 64 of its bits, well spread.
    #[inline]
    pub const fn low(self) -> u64 {
        self.0 as u64
    }

    /// The other 64 bits: what they choose is independent of what [`Identity::low`] chooses.
    #[inline]
    pub const fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

impl AddAssign for Identity {
    fn add_assign(&mut self, attribute: Identity) {
        *self = self.plus(attribute);
    }
}

/// A keyed hash function.
#[derive(Clone)]
pub struct SeriesHasher {
    /// For the sums.
    secrets: Box<[[u64; 2]; SECRETS]>,
    /// For mixing the sums.
    mixing: [u64; 4],
}

impl std::fmt::Debug for SeriesHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeriesHasher")
    }
}

impl SeriesHasher {
    /// A function with a secret from the operating system's randomness. What it hashes means nothing to another process.
    pub fn random() -> Self {
        // The standard library draws the keys of its hash, SipHash, from there.
        let source = RandomState::new();
        Self::drawn(|number| source.hash_one(number))
    }

    /// The function of this seed, for tests and for what must be the same again.
    pub fn with_seed(seed: u64) -> Self {
        Self::drawn(|number| scatter(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }

    fn drawn(secret: impl Fn(u64) -> u64) -> Self {
        let mut number = 0;
        let mut next = || {
            number += 1;
            secret(number)
        };
        SeriesHasher {
            secrets: Box::new(std::array::from_fn(|_| [next(), next()])),
            // A factor of zero would forget the other one.
            mixing: std::array::from_fn(|_| next() | 1),
        }
    }

    /// The identity of one attribute: the body of its `KeyValue` message.
    #[inline]
    pub fn attribute(&self, key_value: &[u8]) -> Identity {
        self.bytes(key_value)
    }

    /// The identity of a set of attributes, whatever their order: the sum over them.
    ///
    /// # Errors
    ///
    /// That the message around the attributes cannot be read.
    #[inline]
    pub fn attributes<'a>(&self, attributes: Repeated<'a, KeyValue<'a>>) -> Result<Identity, WireError> {
        let mut set = Identity::default();
        for attribute in attributes {
            set += self.attribute(attribute?.bytes());
        }
        Ok(set)
    }

    /// The identity of some bytes.
    #[inline]
    pub fn bytes(&self, bytes: &[u8]) -> Identity {
        // Nearly all attributes are no longer than this.
        if bytes.len() <= SHORT {
            self.mix(self.sums_of_short(bytes), bytes.len() as u64)
        } else {
            self.long(bytes)
        }
    }

    /// The identity of two in this order.
    #[inline]
    pub fn then(&self, first: Identity, second: Identity) -> Identity {
        let mut bytes = [0; 32];
        let (front, back) = bytes.split_at_mut(16);
        front.copy_from_slice(&first.0.to_le_bytes());
        back.copy_from_slice(&second.0.to_le_bytes());
        self.bytes(&bytes)
    }

    /// More bytes than [`SHORT`]. Each block is hashed together with what came before it, if there is more than one.
    #[inline(never)]
    fn long(&self, bytes: &[u8]) -> Identity {
        if bytes.len() <= BLOCK {
            return self.mix(self.sums(bytes), bytes.len() as u64);
        }
        bytes.chunks(BLOCK).fold(Identity::default(), |before, block| {
            self.then(before, self.mix(self.sums(block), block.len() as u64))
        })
    }

    /// [`SeriesHasher::sums`] of no more than [`SHORT`] bytes, without a loop.
    #[inline(always)]
    fn sums_of_short(&self, bytes: &[u8]) -> [u128; 2] {
        let mut sums = [0_u128; 2];
        let [first, second, third, fourth, ..] = &*self.secrets;
        let (Some((front, rest)), Some(back)) = (bytes.split_first_chunk(), bytes.last_chunk()) else {
            add(&mut sums, less_than_words(bytes), *first, *second);
            return sums;
        };
        add(&mut sums, words(*front), *first, *second);
        match rest.first_chunk() {
            Some(middle) if bytes.len() > 32 => {
                add(&mut sums, words(*middle), *second, *third);
                add(&mut sums, words(*back), *third, *fourth);
            }
            _ => add(&mut sums, words(*back), *second, *third),
        }
        sums
    }

    /// The two sums over at most one block: of each 16 bytes from the front, and of the last 16, which may overlap with those before
    /// them. Together with the length that tells all bytes.
    fn sums(&self, bytes: &[u8]) -> [u128; 2] {
        let Some(back) = bytes.last_chunk().filter(|_| bytes.len() > SHORT) else {
            return self.sums_of_short(bytes);
        };
        let mut sums = [0_u128; 2];
        let whole = bytes.len().div_ceil(16) - 1;
        let mut pairs = self.secrets.iter().zip(self.secrets.iter().skip(1));
        for chunk in bytes.as_chunks().0.iter().take(whole).chain([back]) {
            if let Some((one, other)) = pairs.next() {
                add(&mut sums, words(*chunk), *one, *other);
            }
        }
        sums
    }

    #[inline(always)]
    fn mix(&self, [first, second]: [u128; 2], length: u64) -> Identity {
        let [a, b, c, d] = self.mixing;
        let (first_low, first_high) = halves(first);
        let (second_low, second_high) = halves(second);
        let low = fold(first_low ^ a, first_high ^ b ^ length);
        let high = fold(second_low ^ c, second_high ^ d ^ length);
        let (low, high) = (fold(low ^ second_high, d), fold(high ^ first_high, b));
        Identity(u128::from(low) | u128::from(high) << 64)
    }
}

/// Adds the product of two words to each sum, each with its own secrets.
#[inline]
fn add(sums: &mut [u128; 2], [low, high]: [u64; 2], first: [u64; 2], second: [u64; 2]) {
    let product = |secrets: [u64; 2]| {
        u128::from(low.wrapping_add(secrets[0])) * u128::from(high.wrapping_add(secrets[1]))
    };
    let [one, two] = sums;
    *one = one.wrapping_add(product(first));
    *two = two.wrapping_add(product(second));
}

/// Fewer than 16 bytes as two words, which overlap rather than loop.
#[inline]
fn less_than_words(bytes: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [
            u64::from(u32::from_le_bytes(*first)),
            u64::from(u32::from_le_bytes(*last)),
        ];
    }
    [bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0]
}

#[inline]
const fn words(chunk: [u8; 16]) -> [u64; 2] {
    let (low, high) = halves(u128::from_le_bytes(chunk));
    [low, high]
}

#[inline]
const fn halves(both: u128) -> (u64, u64) {
    (both as u64, (both >> 64) as u64)
}

/// The two halves of a product: every bit of either factor reaches every bit of the result.
#[inline]
const fn fold(first: u64, second: u64) -> u64 {
    let (low, high) = halves(first as u128 * second as u128);
    low ^ high
}

/// SplitMix64's last step.
const fn scatter(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
