//! Finding the few attributes that a plan names among the many that there are.

use super::rule::{AttributeRule, AttributeTest};
use forebay_otlp::fields::key_value;
use forebay_otlp::views::Scalar;
use forebay_otlp::{Cursor, Value};

/// How many slots a table has: a power of two, and twice as many as keys.
const SLOTS: usize = 128;

/// The keys that are asked for in one kind of place, with the tests of their values.
#[derive(Clone, Debug)]
pub(super) struct KeyTable {
    /// For each slot the index of a key plus one, 0 for none. A key stands in the slot of its hash, or in the next one that was free.
    slots: [u8; SLOTS],
    keys: Box<[Key]>,
    /// The bits of all tests.
    bits: u64,
}

#[derive(Clone, Debug)]
struct Key {
    name: Box<[u8]>,
    bits: u64,
    tests: Box<[(u64, AttributeTest)]>,
}

impl KeyTable {
    /// The table of these conditions with their bits: at most 64.
    pub(super) fn new<'a>(conditions: impl Iterator<Item = &'a (u64, &'a AttributeRule)>) -> KeyTable {
        let mut keys: Vec<Key> = Vec::new();
        for (bit, rule) in conditions {
            let test = (*bit, rule.test.clone());
            let name = rule.key.as_bytes();
            match keys.iter_mut().find(|key| *key.name == *name) {
                Some(key) => {
                    key.bits |= bit;
                    key.tests = key.tests.iter().cloned().chain([test]).collect();
                }
                None => keys.push(Key {
                    name: name.into(),
                    bits: *bit,
                    tests: [test].into(),
                }),
            }
        }
        let mut slots = [0_u8; SLOTS];
        for (index, key) in (1_u8..).zip(&keys) {
            let start = slot(&key.name);
            let free = (start..start + SLOTS)
                .map(|at| at % SLOTS)
                .find(|at| slots.get(*at) == Some(&0));
            if let Some(slot) = free.and_then(|at| slots.get_mut(at)) {
                *slot = index;
            }
        }
        KeyTable {
            slots,
            bits: keys.iter().fold(0, |bits, key| bits | key.bits),
            keys: keys.into(),
        }
    }

    /// Whether attributes can still answer something that `known` does not.
    #[inline]
    pub(super) const fn asks(&self, known: u64) -> bool {
        self.bits & !known != 0
    }

    /// Takes in an attribute, the body of a `KeyValue`: what it answers goes into `known`. `seen` has a bit for each key that an earlier
    /// attribute of the same list had: the first counts.
    #[inline(always)]
    pub(super) fn see(&self, attribute: &[u8], seen: &mut u64, known: &mut u64) {
        // Encoders write the key first, and keys are short. Most of them nobody asks for.
        if let [KEY_TAG, length @ 0..0x80, rest @ ..] = attribute
            && let Some(key) = rest.get(..usize::from(*length))
            && self.slots.get(slot(key)) == Some(&0)
        {
            return;
        }
        self.look_at(attribute, seen, known);
    }

    #[inline(never)]
    fn look_at(&self, attribute: &[u8], seen: &mut u64, known: &mut u64) {
        if let [KEY_TAG, length @ 0..0x80, rest @ ..] = attribute
            && let Some((key, rest)) = rest.split_at_checked(usize::from(*length))
            && let [VALUE_TAG, length @ 0..0x80, value @ ..] = rest
            && value.len() == usize::from(*length)
        {
            if let Some(index) = self.find(key) {
                self.test(index, value, seen, known);
            }
            return;
        }
        let (key, value) = key_and_value(attribute);
        if let Some(index) = self.find(key) {
            self.test(index, value, seen, known);
        }
    }

    /// The index of a key.
    #[inline]
    fn find(&self, name: &[u8]) -> Option<usize> {
        let mut at = slot(name);
        loop {
            let index = usize::from(*self.slots.get(at)?).checked_sub(1)?;
            if *self.keys.get(index)?.name == *name {
                return Some(index);
            }
            at = (at + 1) % SLOTS;
        }
    }

    #[inline]
    fn test(&self, index: usize, value: &[u8], seen: &mut u64, known: &mut u64) {
        let Some(key) = self.keys.get(index) else {
            return;
        };
        let earlier = *seen >> index & 1 != 0;
        *seen |= 1 << index;
        if earlier || key.bits & !*known == 0 {
            return;
        }
        let value = Scalar::read(value);
        for (bit, test) in &key.tests {
            if *known & bit == 0 && test.passes(value) {
                *known |= bit;
            }
        }
    }
}

/// The tag of a key in a `KeyValue`.
const KEY_TAG: u8 = (key_value::KEY as u8) << 3 | 2;
/// The tag of its value.
const VALUE_TAG: u8 = (key_value::VALUE as u8) << 3 | 2;

/// Where a key stands: of its length and its last two bytes, spread by a product.
#[inline(always)]
fn slot(name: &[u8]) -> usize {
    let end = match name {
        [.., before, last] => u32::from(*before) << 8 | u32::from(*last),
        _ => 0,
    };
    let spread = (end << 8 ^ name.len() as u32).wrapping_mul(0x9e37_79b1);
    (spread >> 25) as usize % SLOTS
}

/// The key and the body of the value; what cannot be read ends both.
fn key_and_value(attribute: &[u8]) -> (&[u8], &[u8]) {
    let mut read: (&[u8], &[u8]) = (&[], &[]);
    let mut cursor = Cursor::new(attribute);
    while let Ok(Some(field)) = cursor.next_field() {
        match (field.number, field.value) {
            (key_value::KEY, Value::Len(key)) => read.0 = key,
            (key_value::VALUE, Value::Len(value)) => read.1 = value,
            _ => {}
        }
    }
    read
}

impl AttributeTest {
    fn passes(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (AttributeTest::Text(test), Scalar::Text(text)) => !text.is_empty() && test.passes(text),
            (AttributeTest::Number { min, max }, Scalar::Int(value)) => {
                min.is_none_or(|min| min <= value) && max.is_none_or(|max| value <= max)
            }
            (AttributeTest::Number { min, max }, Scalar::Double(value)) => {
                min.is_none_or(|min| min as f64 <= value)
                    && max.is_none_or(|max| value <= max as f64)
                    && !value.is_nan()
            }
            (AttributeTest::Bool(wanted), Scalar::Bool(value)) => *wanted == value,
            _ => false,
        }
    }
}
