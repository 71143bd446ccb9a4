//! Reads those attributes of a resource that are asked for, in one walk.

use forebay_otlp::WireError;
use forebay_otlp::views::{AnyValue, AnyValueKind, Resource, View};
use smallvec::SmallVec;

/// The place of a key among those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// The keys that are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    keys: Vec<Box<[u8]>>,
    /// Bit `n` is set if a key has a length of `n`, modulo 64: most attributes are passed over by this alone.
    lengths: u64,
}

impl Keys {
    /// The place of `key`, which is read from now on.
    pub(super) fn slot(&mut self, key: &str) -> Slot {
        let known = self.keys.iter().position(|one| **one == *key.as_bytes());
        Slot(known.unwrap_or_else(|| {
            self.keys.push(key.as_bytes().into());
            self.lengths |= 1 << (key.len() & 63);
            self.keys.len() - 1
        }))
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// That its attributes cannot be read.
    pub(super) fn read<'a>(&self, resource: &'a [u8]) -> Result<Values<'a>, WireError> {
        let mut values = Values(SmallVec::from_elem(None, self.keys.len()));
        if self.keys.is_empty() {
            return Ok(values);
        }
        for attribute in Resource::new(resource).attributes() {
            let (key, value) = attribute?.read()?;
            if self.lengths >> (key.len() & 63) & 1 == 0 {
                continue;
            }
            let place = self.keys.iter().position(|one| **one == *key);
            let slot = place.and_then(|place| values.0.get_mut(place));
            // The first of duplicates counts.
            if let Some(slot @ None) = slot {
                *slot = Some(value);
            }
        }
        Ok(values)
    }
}

/// What a resource has of the attributes that were asked for.
#[derive(Debug)]
pub(super) struct Values<'a>(SmallVec<[Option<AnyValue<'a>>; 8]>);

impl<'a> Values<'a> {
    /// A text; nothing where there is none, an empty one, or something else.
    pub(super) fn text(&self, slot: Slot) -> Option<&'a str> {
        match self.value(slot)?.kind().ok()? {
            AnyValueKind::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A number, be it written as one or as a text.
    pub(super) fn number(&self, slot: Slot) -> Option<u32> {
        match self.value(slot)?.kind().ok()? {
            AnyValueKind::Int(number) => u32::try_from(number).ok(),
            AnyValueKind::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether there is such an attribute, whatever its value.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.value(slot).is_some()
    }

    /// The body of the `AnyValue`.
    pub(super) fn body(&self, slot: Slot) -> Option<&'a [u8]> {
        self.value(slot).map(View::bytes)
    }

    fn value(&self, Slot(place): Slot) -> Option<AnyValue<'a>> {
        self.0.get(place).copied().flatten()
    }
}
