//! Attributes that are made once and put into many messages.

use smallvec::SmallVec;
use std::ops::Range;

use super::{
    actions,
    encode::{self, AttributeValue},
    patch::Patch,
    scan::{KeyValue, Scan},
};
use crate::WireError;

/// The number under which the attributes of a set are written: that of a resource's, so that they can be put there as they are.
pub(super) const NUMBER: u32 = crate::fields::resource::ATTRIBUTES;

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
    /// The [`mark`]s of all keys.
    marks: u64,
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
        let known = self.may_have(key.as_bytes()) && self.get(key.as_bytes()).is_some();
        if known || key.is_empty() {
            return;
        }
        encode::put_attribute(&mut self.fields, NUMBER, key, value);
        self.lengths |= 1 << (key.len() & 63);
        self.marks |= mark(key.as_bytes());
        self.count += 1;
    }

    /// Takes all attributes out and keeps the memory: for a set that is made anew for each message.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.lengths = 0;
        self.marks = 0;
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
        self.entries().map(|entry| (entry.key, self.value(&entry)))
    }

    /// The body of the `AnyValue` of the attribute named `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let found = self.entries().find(|entry| entry.key == key)?;
        Some(self.value(&found))
    }

    /// Its bytes: `KeyValue` fields, one behind the other.
    pub(super) fn fields(&self) -> &[u8] {
        &self.fields
    }

    #[inline]
    pub(super) const fn fields_mut(&mut self) -> &mut Vec<u8> {
        &mut self.fields
    }

    /// What tells keys that are surely not its own: by length, and by mark.
    pub(super) const fn marks(&self) -> (u64, u64) {
        (self.lengths, self.marks)
    }

    /// Notes that `count` attributes were added to its bytes, with keys of these lengths and marks.
    pub(super) const fn note(&mut self, (lengths, marks): (u64, u64), count: u32) {
        self.lengths |= lengths;
        self.marks |= marks;
        self.count += count;
    }

    /// The attributes in order: the key, and where the whole field is.
    pub(super) fn keys_and_fields(&self) -> impl Iterator<Item = (&[u8], Range<usize>)> {
        self.entries().map(|entry| (entry.key, entry.field))
    }

    /// Whether this may be one of its keys. It surely is not where the answer is no, which needs no look at the keys.
    fn may_have(&self, key: &[u8]) -> bool {
        self.marks & mark(key) != 0
    }

    /// The attributes in order.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut scan = Scan::new(&self.fields, 0..self.fields.len());
        std::iter::from_fn(move || {
            let field = scan.next_field().ok()??;
            let body = field.body().ok()?;
            let key = match self.fields.get(body.clone())? {
                [0x0a, length @ 0..0x80, rest @ ..] => rest.get(..usize::from(*length))?,
                _ => KeyValue::read(&self.fields, body.clone()).ok()?.key,
            };
            Some(Entry {
                key,
                field: field.field(),
                body,
            })
        })
    }

    fn value(&self, entry: &Entry<'_>) -> &[u8] {
        let read = KeyValue::read(&self.fields, entry.body.clone());
        read.ok().and_then(|read| read.value).unwrap_or_default()
    }
}

/// One attribute of a set, and where its bytes are.
struct Entry<'s> {
    key: &'s [u8],
    /// The whole field.
    field: Range<usize>,
    /// The `KeyValue`.
    body: Range<usize>,
}

/// One of 64 bits, by the key: most other keys have another one.
fn mark(key: &[u8]) -> u64 {
    let byte = |place: usize| u32::from(key.get(place).copied().unwrap_or_default());
    let mixed = byte(key.len() / 2) * 31 + byte(key.len().wrapping_sub(1)) * 7 + key.len() as u32;
    1 << (mixed & 63)
}

/// Which attributes of several sets a message has already.
struct Seen {
    /// A bit for each, in order.
    bits: SmallVec<[u64; 2]>,
    /// Where their fields are, each in its set.
    fields: SmallVec<[Range<usize>; 4]>,
}

impl Seen {
    fn none_of(count: usize) -> Self {
        Seen {
            bits: smallvec::smallvec![0; count.div_ceil(64)],
            fields: SmallVec::new(),
        }
    }

    fn insert(&mut self, found: &Named<'_>) {
        if self.contains(found.index) {
            return;
        }
        if let Some(word) = self.bits.get_mut(found.index / 64) {
            *word |= 1 << (found.index % 64);
        }
        self.fields.push(found.field.clone());
    }

    fn contains(&self, index: usize) -> bool {
        self.bits
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}

/// An attribute of one of several sets.
struct Named<'s> {
    /// How many stand before it, in its set and in those before that.
    index: usize,
    /// Where its field is in its set.
    field: Range<usize>,
    value: &'s [u8],
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
        if let Some(named) = named(sets, found.read.key) {
            seen.insert(&named);
            if present == Present::Replace && found.read.value != Some(named.value) {
                found.put_value(patch, named.value)?;
                done += 1;
            }
        }
    }
    Ok(done + append(patch, sets, seen))
}

/// The first attribute of the sets with this name.
fn named<'s>(sets: &[&'s AttributeSet], key: &[u8]) -> Option<Named<'s>> {
    let mut first = 0;
    for set in sets {
        if set.may_have(key)
            && let Some((index, entry)) = set.entries().enumerate().find(|(_, entry)| entry.key == key)
        {
            return Some(Named {
                index: first + index,
                value: set.value(&entry),
                field: entry.field,
            });
        }
        first += set.len();
    }
    None
}

/// Adds what was not seen behind all other fields; says how many there were.
fn append(patch: &mut Patch<'_>, sets: &[&AttributeSet], seen: Seen) -> usize {
    let (end, number) = (patch.end(), patch.attribute_field());
    let mut added = 0;
    patch.edits().add(end, |out| match sets {
        [set] if number == NUMBER => added = append_rest(set, seen.fields, out),
        _ => added = append_each(sets, &seen, number, out),
    });
    added
}

/// Adds a set but for these of its fields, without a look at the others.
fn append_rest(set: &AttributeSet, mut without: SmallVec<[Range<usize>; 4]>, out: &mut Vec<u8>) -> usize {
    without.sort_unstable_by_key(|field| field.start);
    let mut from = 0;
    for field in &without {
        out.extend_from_slice(set.fields.get(from..field.start).unwrap_or_default());
        from = field.end;
    }
    out.extend_from_slice(set.fields.get(from..).unwrap_or_default());
    set.len() - without.len()
}

fn append_each(sets: &[&AttributeSet], seen: &Seen, number: u32, out: &mut Vec<u8>) -> usize {
    let (mut index, mut added) = (0, 0);
    for (place, set) in sets.iter().enumerate() {
        let earlier = sets.get(..place).unwrap_or_default();
        let mut run = Run { set, number, from: 0 };
        for entry in set.entries() {
            if seen.contains(index) || named(earlier, entry.key).is_some() {
                run.end(entry.field.start, out);
                run.from = entry.field.end;
            } else {
                added += 1;
            }
            index += 1;
        }
        run.end(set.fields.len(), out);
    }
    added
}

/// Attributes of a set one behind the other, all of which are added.
struct Run<'s> {
    set: &'s AttributeSet,
    number: u32,
    from: usize,
}

impl Run<'_> {
    /// Adds those up to `to`.
    fn end(&self, to: usize, out: &mut Vec<u8>) {
        let fields = self.set.fields.get(self.from..to).unwrap_or_default();
        if self.number == NUMBER {
            return out.extend_from_slice(fields);
        }
        let mut scan = Scan::new(fields, 0..fields.len());
        while let Ok(Some(field)) = scan.next_field() {
            if let Ok(body) = scan.bytes(&field) {
                encode::put_bytes(out, self.number, body);
            }
        }
    }
}
