//! Attributes that are made once and put into many messages.

use smallvec::SmallVec;

use super::{
    actions,
    encode::{self, AttributeValue},
    patch::Patch,
    scan::{KeyValue, Scan},
};
use crate::WireError;

/// The number under which the attributes of a set are written: that of a resource's, so that they can be put there as they are.
const NUMBER: u32 = crate::fields::resource::ATTRIBUTES;

/// What becomes of an attribute that a message has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Present {
    /// It stays as it is.
    #[default]
    Keep,
    /// It gets the value of the set. It stays where it is, and so does every further one of its name.
    Replace,
}

/// A list of attributes in wire form: made once, put into any number of messages by [`Patch::put_attributes`]. Keys are distinct.
///
/// It takes the memory of the bytes that it adds to a message, and that of this type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AttributeSet {
    /// `KeyValue` fields, one behind the other.
    fields: Vec<u8>,
    /// Bit `n` is set if a key has a length of `n`, modulo 64.
    lengths: u64,
    count: u32,
}

impl AttributeSet {
    /// A set of these attributes. Of several with the same key the first one counts; one without a key is left out.
    pub fn new<'a>(attributes: impl IntoIterator<Item = (&'a str, AttributeValue<'a>)>) -> Self {
        let mut set = AttributeSet::default();
        for (key, value) in attributes {
            set.add(key, value);
        }
        set.fields.shrink_to_fit();
        set
    }

    /// Adds an attribute, unless there is one with this key, or no key.
    pub fn add(&mut self, key: &str, value: AttributeValue<'_>) {
        let known = self.may_have(key.len()) && self.get(key.as_bytes()).is_some();
        if known || key.is_empty() {
            return;
        }
        encode::put_attribute(&mut self.fields, NUMBER, key, value);
        self.lengths |= 1 << (key.len() & 63);
        self.count += 1;
    }

    /// Takes all attributes out and keeps the memory: for a set that is made anew for each message.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.lengths = 0;
        self.count = 0;
    }

    /// How many attributes there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that it holds beside itself.
    pub const fn heap_bytes(&self) -> usize {
        self.fields.capacity()
    }

    /// The attributes in order: the key and the body of the `AnyValue`.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        entries(&self.fields).map(|(_, read)| (read.key, read.value.unwrap_or_default()))
    }

    /// The body of the `AnyValue` of the attribute named `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Whether a key of this length may be among those of the set.
    const fn may_have(&self, length: usize) -> bool {
        self.lengths >> (length & 63) & 1 == 1
    }
}

/// The `KeyValue` messages in fields that a set has written, each with its body.
fn entries(fields: &[u8]) -> impl Iterator<Item = (&[u8], KeyValue<'_>)> {
    let mut scan = Scan::new(fields, 0..fields.len());
    std::iter::from_fn(move || {
        let place = scan.next_field().ok()??.body().ok()?;
        let body = fields.get(place.clone())?;
        Some((body, KeyValue::read(fields, place).ok()?))
    })
}

/// Which attributes of several sets a message has already: a bit for each, in order.
struct Seen(SmallVec<[u64; 2]>);

impl Seen {
    fn none_of(count: usize) -> Self {
        Seen(smallvec::smallvec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    fn contains(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// See [`Patch::put_attributes`].
pub(super) fn put(
    patch: &mut Patch<'_>,
    sets: &[&AttributeSet],
    present: Present,
) -> Result<usize, WireError> {
    let number = patch.attribute_field();
    let (count, lengths) = sets.iter().fold((0, 0), |(count, lengths), set| {
        (count + set.len(), lengths | set.lengths)
    });
    if number == 0 || count == 0 {
        return Ok(0);
    }
    let mut seen = Seen::none_of(count);
    let mut done = 0;
    let mut scan = patch.scan();
    while let Some(field) = scan.next_attribute(number, lengths)? {
        let found = actions::found(patch.buffer(), &field)?;
        if let Some((index, value)) = named(sets, found.read.key) {
            seen.insert(index);
            if present == Present::Replace && found.read.value != Some(value) {
                found.put_value(patch, value)?;
                done += 1;
            }
        }
    }
    Ok(done + append(patch, sets, &seen))
}

/// The first attribute of the sets with this name, and its value.
fn named<'s>(sets: &[&'s AttributeSet], key: &[u8]) -> Option<(usize, &'s [u8])> {
    let mut first = 0;
    for set in sets {
        if set.may_have(key.len()) {
            let mut entries = entries(&set.fields).enumerate();
            if let Some((index, (_, read))) = entries.find(|(_, (_, read))| read.key == key) {
                return Some((first + index, read.value.unwrap_or_default()));
            }
        }
        first += set.len();
    }
    None
}

/// Adds what was not seen behind all other fields; says how many there were.
fn append(patch: &mut Patch<'_>, sets: &[&AttributeSet], seen: &Seen) -> usize {
    let (end, number) = (patch.end(), patch.attribute_field());
    let mut added = 0;
    patch.edits().add(end, |out| match sets {
        [set] if number == NUMBER && seen.is_empty() => {
            out.extend_from_slice(&set.fields);
            added = set.len();
        }
        _ => added = append_each(sets, seen, number, out),
    });
    added
}

fn append_each(sets: &[&AttributeSet], seen: &Seen, number: u32, out: &mut Vec<u8>) -> usize {
    let (mut index, mut added) = (0, 0);
    for (place, set) in sets.iter().enumerate() {
        let earlier = sets.get(..place).unwrap_or_default();
        for (body, read) in entries(&set.fields) {
            if !seen.contains(index) && named(earlier, read.key).is_none() {
                encode::put_bytes(out, number, body);
                added += 1;
            }
            index += 1;
        }
    }
    added
}
