//! Identities of items: how a sink tells which items were lost or came twice.
//!
//! An identity is 64 bits, laid out so that a sink recognises it and its decimal form always has 19 digits:
//!
//! | bits | meaning |
//! |---|---|
//! | 63..60 | `0001`, the mark |
//! | 59..48 | the generator, 0 to 4094; 4095 marks the places to patch in a template |
//! | 47..0 | the item's number: `request sequence * items per request + index in the request` |
//!
//! A span and a log record carry it as their span id (big endian), a metric data point as its `as_int` value. So it
//! survives batching, splitting, filtering and attribute changes, and costs no byte of its own.

const MARK: u64 = 1 << 60;
const MARK_MASK: u64 = 0xf << 60;
const NUMBER_MASK: u64 = (1 << 48) - 1;

/// The generator number that marks a place to patch in a template.
pub const PLACEHOLDER: u16 = 0xfff;

/// Which generator made an item, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The generator: 0 to 4094.
    pub generator: u16,
    /// The item's number: below 2^48.
    pub number: u64,
}

impl Identity {
    /// The 64 bits that travel. Bits beyond the limits of the fields are cut off.
    pub const fn encode(self) -> u64 {
        MARK | ((self.generator as u64 & 0xfff) << 48) | (self.number & NUMBER_MASK)
    }

    /// The identity in `bits`, or nothing if they do not carry the mark.
    pub const fn decode(bits: u64) -> Option<Identity> {
        if bits & MARK_MASK != MARK {
            return None;
        }
        Some(Identity {
            generator: ((bits >> 48) & 0xfff) as u16,
            number: bits & NUMBER_MASK,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_fixed_decimal_width() {
        for (generator, number) in [(0, 0), (1, 7), (4094, NUMBER_MASK), (PLACEHOLDER, 12)] {
            let identity = Identity { generator, number };
            assert_eq!(Identity::decode(identity.encode()), Some(identity));
            assert_eq!(identity.encode().to_string().len(), 19);
        }
        assert_eq!(Identity::decode(0), None);
        assert_eq!(Identity::decode(u64::MAX), None);
    }
}
