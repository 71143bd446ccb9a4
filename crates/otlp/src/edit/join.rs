//! Many sets of attributes as one, and sets whose keys are kept apart from their values.

use super::{
    encode,
    scan::KeyValue,
    set::{AttributeSet, NUMBER},
};

/// The keys of a list of attributes, apart from its values: many lists have the same keys, which are longer than most values.
///
/// Made by [`AttributeSet::split`]; [`JoinedAttributes::add_split`] puts both together again.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct AttributeKeys {
    /// The fields of the keys, as they stand in a `KeyValue`, one behind the other.
    fields: Box<[u8]>,
    keys: Box<[Key]>,
    lengths: u64,
    marks: u64,
}

/// One key.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Where its field ends.
    end: u32,
    /// Where its bytes begin.
    text: u32,
    slot: u16,
}

impl AttributeKeys {
    /// The bytes that it holds beside itself.
    pub const fn heap_bytes(&self) -> usize {
        self.fields.len() + size_of_val::<[Key]>(&self.keys)
    }

    /// The body of the `AnyValue` of the attribute named `key`, in `values` that were split from these keys.
    pub fn get<'v>(&self, values: &'v [u8], key: &[u8]) -> Option<&'v [u8]> {
        let mut rest = values;
        for one in &self.keys {
            let (value, after) = next_value(rest)?;
            let text = self.fields.get(one.text as usize..one.end as usize)?;
            if text == key {
                let read = KeyValue::read(value, 0..value.len()).ok()?;
                return Some(read.value.unwrap_or_default());
            }
            rest = after;
        }
        None
    }
}

impl AttributeSet {
    /// Its keys and its values, to be kept apart. The values are of use together with these keys, or with keys that equal them.
    pub fn split(&self) -> (AttributeKeys, Box<[u8]>) {
        let (mut fields, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in self.iter() {
            encode::put_bytes(&mut fields, crate::fields::key_value::KEY, key);
            keys.push(Key {
                end: fields.len() as u32,
                text: (fields.len() - key.len()) as u32,
                slot: slot(key),
            });
            let length = encode::header_len(crate::fields::key_value::VALUE, value.len()) + value.len();
            encode::put_varint(&mut values, length as u64);
            encode::put_bytes(&mut values, crate::fields::key_value::VALUE, value);
        }
        let (lengths, marks) = self.marks();
        let keys = AttributeKeys {
            fields: fields.into(),
            keys: keys.into(),
            lengths,
            marks,
        };
        (keys, values.into())
    }
}

/// The next value in its field, and what comes behind it.
#[inline]
fn next_value(values: &[u8]) -> Option<(&[u8], &[u8])> {
    if let [length @ 0..0x80, rest @ ..] = values {
        return rest.split_at_checked(usize::from(*length));
    }
    let (mut length, mut shift, mut rest) = (0_usize, 0, values);
    loop {
        let (byte, after) = rest.split_first()?;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        rest = after;
        if *byte < 0x80 {
            return rest.split_at_checked(length);
        }
        shift += 7;
    }
}

/// So many bits tell keys that are surely not there.
const SLOTS: usize = 512;

/// One of the bits, by the key: few other keys have the same one.
#[inline]
fn slot(key: &[u8]) -> u16 {
    let last = key.last_chunk::<8>().map_or_else(
        || key.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        |chunk| u64::from_le_bytes(*chunk),
    );
    let middle = key.get(key.len() / 2).copied().unwrap_or_default();
    let mixed =
        (last ^ (key.len() as u64) << 56 ^ u64::from(middle) << 17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 55) as u16
}

/// Sets of attributes, put together to one: of several attributes with the same key the first one counts. It keeps its memory when
/// it is cleared, so that one that is used again and again allocates nothing.
#[derive(Debug, Default)]
pub struct JoinedAttributes {
    set: AttributeSet,
    slots: [u64; SLOTS / 64],
}

impl JoinedAttributes {
    /// Takes all attributes out.
    pub fn clear(&mut self) {
        self.set.clear();
        self.slots = Default::default();
    }

    /// The attributes, in the order in which they were added.
    pub const fn set(&self) -> &AttributeSet {
        &self.set
    }

    /// Adds the attributes of a set whose keys are not there yet.
    pub fn add(&mut self, set: &AttributeSet) {
        let (first, mut from) = (self.set.is_empty(), 0);
        let fields = set.fields();
        let mut count = 0;
        for (key, field) in set.keys_and_fields() {
            let slot = slot(key);
            // The set's own keys are distinct.
            if !first && self.may_have(slot) && self.set.get(key).is_some() {
                self.set.extend(fields.get(from..field.start).unwrap_or_default());
                from = field.end;
            } else {
                count += 1;
                self.take(slot);
            }
        }
        self.set.extend(fields.get(from..).unwrap_or_default());
        self.set.note(set.marks(), count);
    }

    /// Adds the attributes of a set that was split whose keys are not there yet. Values that do not belong to these keys add
    /// something that makes no sense, or nothing.
    pub fn add_split(&mut self, keys: &AttributeKeys, values: &[u8]) {
        let (first, mut from, mut rest, mut count) = (self.set.is_empty(), 0, values, 0);
        self.set
            .reserve(keys.fields.len() + values.len() + 4 * keys.keys.len());
        for key in &keys.keys {
            let end = key.end as usize;
            let Some((value, after)) = next_value(rest) else {
                break;
            };
            let field = keys.fields.get(from..end).unwrap_or_default();
            (from, rest) = (end, after);
            let known = !first && self.may_have(key.slot) && {
                let text = keys.fields.get(key.text as usize..end).unwrap_or_default();
                self.set.get(text).is_some()
            };
            if !known {
                count += 1;
                self.take(key.slot);
                self.set.put(field, value);
            }
        }
        self.set.note((keys.lengths, keys.marks), count);
    }

    #[inline]
    fn may_have(&self, slot: u16) -> bool {
        let word = self.slots.get(usize::from(slot) / 64);
        word.is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    #[inline]
    fn take(&mut self, slot: u16) {
        if let Some(word) = self.slots.get_mut(usize::from(slot) / 64) {
            *word |= 1 << (slot % 64);
        }
    }
}

impl AttributeSet {
    /// Adds an attribute whose key is not there: the fields of its `KeyValue`.
    #[inline]
    fn put(&mut self, key: &[u8], value: &[u8]) {
        let fields = self.fields_mut();
        encode::put_header(fields, NUMBER, key.len() + value.len());
        fields.extend_from_slice(key);
        fields.extend_from_slice(value);
    }

    fn extend(&mut self, fields: &[u8]) {
        self.fields_mut().extend_from_slice(fields);
    }

    fn reserve(&mut self, bytes: usize) {
        self.fields_mut().reserve(bytes);
    }
}
