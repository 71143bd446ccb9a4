//! Few fields among many: those of some numbers, and attributes whose keys have some lengths.

use super::scan::{self, PLAIN_OPENING};
use crate::{Cursor, Field, WireError};

/// What is looked for in messages of one kind. Fields of other numbers, and attributes whose keys have another length, are
/// stepped over by their first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sieve {
    /// One bit for each number.
    numbers: u32,
    attributes: u32,
    /// The highest of all.
    highest: u32,
    /// What attributes of the usual form begin with.
    opening: u32,
    /// One bit for each length of a key, modulo 64.
    lengths: u64,
}

impl Sieve {
    /// Looks for the fields `numbers`, each below 32, and for `KeyValue`s in the fields `attributes` whose keys have one of the
    /// lengths `keys`, in bytes.
    pub const fn new(numbers: &[u32], attributes: u32, keys: &[usize]) -> Self {
        let (mut sieve, mut rest) = (
            Sieve {
                numbers: 0,
                attributes,
                highest: attributes,
                opening: scan::plain_opening(attributes),
                lengths: 0,
            },
            numbers,
        );
        while let [number, others @ ..] = rest {
            sieve.numbers |= 1 << (*number & 31);
            if *number > sieve.highest {
                sieve.highest = *number;
            }
            rest = others;
        }
        let mut rest = keys;
        while let [key, others @ ..] = rest {
            sieve.lengths |= 1 << (*key & 63);
            rest = others;
        }
        sieve
    }

    #[inline]
    const fn has(&self, number: u32) -> bool {
        number < 32 && self.numbers >> number & 1 == 1
    }

    /// Goes through a message.
    #[inline]
    pub const fn sift<'a>(&self, message: &'a [u8]) -> Sifting<'_, 'a> {
        Sifting {
            sieve: self,
            length: message.len(),
            rest: message,
        }
    }

    /// What of `rest` is left after fields of the usual form that are surely not looked for.
    #[inline]
    fn after_others<'a>(&self, mut rest: &'a [u8]) -> &'a [u8] {
        while let Some(&start) = rest.first_chunk() {
            let start = u32::from_le_bytes(start);
            let (tag, first) = (start as u8, (start >> 8) as u8);
            let next = if start & PLAIN_OPENING == self.opening {
                scan::after_plain_of_other_length(rest, start, self.lengths)
            } else if self.has(u32::from(tag >> 3)) {
                None
            } else if u32::from(tag >> 3) == self.attributes {
                scan::after_long_of_other_length(rest, self.attributes, self.lengths)
            } else {
                scan::after_other(rest, tag, first, self.highest)
            };
            match next {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest
    }
}

/// A message being gone through.
#[derive(Clone, Debug)]
pub struct Sifting<'s, 'a> {
    sieve: &'s Sieve,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Sifting<'_, 'a> {
    /// The next field of one of the numbers; of attributes, some may have keys of other lengths.
    ///
    /// # Errors
    ///
    /// What is wrong with a field up to this one.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        loop {
            self.rest = self.sieve.after_others(self.rest);
            if self.rest.is_empty() {
                return Ok(None);
            }
            let mut cursor = Cursor::new(self.rest);
            let start = self.length - self.rest.len();
            let field = cursor.next_field().map_err(|error| WireError {
                offset: start + error.offset,
                ..error
            })?;
            self.rest = self.rest.get(cursor.position()..).unwrap_or_default();
            match field {
                Some(field) if !self.sieve.has(field.number) && field.number != self.sieve.attributes => {}
                field => return Ok(field),
            }
        }
    }
}
