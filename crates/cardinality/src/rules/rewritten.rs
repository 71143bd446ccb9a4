//! What rules made of a set of attributes.

use super::pass::{Attribute, Fate, Scratch};
use crate::{Identity, SeriesHasher};
use forebay_otlp::WireError;
use forebay_otlp::views::{KeyValue, Repeated, View};

/// The number of the field that attributes have in the buffer.
pub(crate) const FIELD: u32 = 1;
/// What a buffer keeps for the next set, in bytes.
const SPARE_MAX: usize = 64 << 10;

/// What a set of attributes has become, in buffers that are used again for the next set. They keep at most 64 KiB each.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// A message with the attributes, if they differ from those that came.
    fields: Vec<u8>,
    scratch: Scratch,
    set: Identity,
    changed: bool,
}

impl Rewritten {
    /// Buffers with nothing in them.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attributes that the set has become: nothing if it stayed as it was. Values that no rule changed are as they came, byte for
    /// byte, and in the same order.
    #[inline]
    pub fn attributes(&self) -> Option<Repeated<'_, KeyValue<'_>>> {
        self.changed.then(|| Repeated::new(&self.fields, FIELD))
    }

    /// The same as bytes: a message with the attributes in field [`FIELD`].
    pub(crate) fn fields(&self) -> &[u8] {
        &self.fields
    }

    /// The identity of the set that there is now, whether or not it changed.
    #[inline]
    pub const fn set(&self) -> Identity {
        self.set
    }

    /// Takes the attributes with these keys out, every occurrence; says whether there were any.
    ///
    /// # Errors
    ///
    /// That an attribute, or the message around them, cannot be read. Then nothing that this holds means anything.
    pub fn without<'a>(
        &mut self,
        attributes: Repeated<'a, KeyValue<'a>>,
        keys: &[&[u8]],
        hasher: &SeriesHasher,
    ) -> Result<bool, WireError> {
        self.pass(attributes, |attribute, _| {
            if keys.contains(&attribute.key) {
                Ok(Fate::Goes)
            } else {
                Ok(Fate::Stays(hasher.attribute(attribute.body)))
            }
        })
    }

    /// Goes through a set once and does what is decided about each attribute. Says whether the set changed.
    #[inline]
    pub(super) fn pass<'a>(
        &mut self,
        attributes: Repeated<'a, KeyValue<'a>>,
        mut decide: impl FnMut(Attribute<'a>, &mut Scratch) -> Result<Fate, WireError>,
    ) -> Result<bool, WireError> {
        self.clear();
        for (place, attribute) in attributes.enumerate() {
            let attribute = Attribute::read(attribute?.bytes())?;
            match decide(attribute, &mut self.scratch)? {
                Fate::Stays(identity) => {
                    self.set += identity;
                    if self.changed {
                        put_attribute(&mut self.fields, attribute.body);
                    }
                }
                Fate::Becomes(identity) => {
                    self.set += identity;
                    self.copy_first(attributes, place)?;
                    put_attribute(&mut self.fields, &self.scratch.body);
                }
                Fate::Goes => self.copy_first(attributes, place)?,
            }
        }
        Ok(self.changed)
    }

    /// Something changes for the first time: what comes before it is copied.
    fn copy_first<'a>(
        &mut self,
        attributes: Repeated<'a, KeyValue<'a>>,
        before: usize,
    ) -> Result<(), WireError> {
        if !self.changed {
            self.changed = true;
            for attribute in attributes.take(before) {
                put_attribute(&mut self.fields, attribute?.bytes());
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.fields.clear();
        if self.fields.capacity() > SPARE_MAX {
            self.fields.shrink_to(SPARE_MAX);
        }
        self.scratch.shrink(SPARE_MAX);
        self.set = Identity::default();
        self.changed = false;
    }
}

fn put_attribute(out: &mut Vec<u8>, body: &[u8]) {
    put_bytes(out, FIELD, body);
}

/// Appends a length-delimited field. Numbers here are below 16, and so a tag is one byte.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_header(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the tag and the length of a field whose bytes follow.
pub(super) fn put_header(out: &mut Vec<u8>, number: u32, mut length: usize) {
    out.push((number << 3) as u8 | 2);
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}
