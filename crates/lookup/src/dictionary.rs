//! The cells of rows: values that occur often are kept once.
//!
//! The first [`WORDS_MAX`] different values of a column get numbers. A cell is a number of one or two bytes where its value has one, else
//! the value itself. So a column of a few hundred teams takes a byte or two for each row, one whose values are all different
//! takes what they take, and nobody has to say which is which.
//!
//! | cell | is |
//! |---|---|
//! | `0` | no value |
//! | odd `n` | the value with the number `n >> 1` |
//! | other `n`, then `n >> 1` bytes | the value: the body of an `AnyValue` |

use crate::varint;
use hashbrown::HashTable;

/// How many different values of a column have numbers: as many as fit into two bytes.
const WORDS_MAX: usize = 1 << 13;

/// The values of a column that have numbers.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    /// Where each value ends.
    ends: Vec<u32>,
    bodies: Vec<u8>,
}

impl Dictionary {
    #[inline]
    pub(crate) fn get(&self, number: usize) -> Option<&[u8]> {
        let end = *self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bodies.get(start as usize..end as usize)
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.ends.capacity() * size_of::<u32>() + self.bodies.capacity()) as u64
    }
}

/// A dictionary that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Learning {
    words: Dictionary,
    numbers: HashTable<u32>,
}

impl Learning {
    /// Appends the cell for a value; the body of no value is empty.
    pub(crate) fn put(&mut self, body: &[u8], out: &mut Vec<u8>) {
        if body.is_empty() {
            return out.push(0);
        }
        match self.number(body) {
            Some(number) => varint::put(out, u64::from(number) << 1 | 1),
            None => {
                varint::put(out, (body.len() as u64) << 1);
                out.extend_from_slice(body);
            }
        }
    }

    fn number(&mut self, body: &[u8]) -> Option<u32> {
        let hash = crate::hash::of(crate::hash::SEED, body);
        let Learning { words, numbers } = self;
        let known = numbers.find(hash, |number| words.get(*number as usize) == Some(body));
        if let Some(number) = known {
            return Some(*number);
        }
        let end = u32::try_from(words.bodies.len() + body.len()).ok()?;
        if words.ends.len() >= WORDS_MAX {
            return None;
        }
        let number = words.ends.len() as u32;
        words.bodies.extend_from_slice(body);
        words.ends.push(end);
        let rehash = |number: &u32| {
            let body = words.get(*number as usize).unwrap_or_default();
            crate::hash::of(crate::hash::SEED, body)
        };
        numbers.insert_unique(hash, number, rehash);
        Some(number)
    }

    /// The memory that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.words.bytes() + self.numbers.allocation_size() as u64
    }

    /// The dictionary, with nothing to spare.
    pub(crate) fn finish(self) -> Dictionary {
        let mut words = self.words;
        words.ends.shrink_to_fit();
        words.bodies.shrink_to_fit();
        words
    }
}

/// The cell at the beginning of `bytes`, which are left behind it: its value, if it has one. Outside: the bytes are no cell.
#[inline]
pub(crate) fn take<'t>(dictionary: &'t Dictionary, bytes: &mut &'t [u8]) -> Option<Option<&'t [u8]>> {
    let head = varint::take(bytes)?;
    if head == 0 {
        return Some(None);
    }
    let number = usize::try_from(head >> 1).ok()?;
    if head & 1 == 1 {
        return Some(dictionary.get(number));
    }
    let (body, rest) = bytes.split_at_checked(number)?;
    *bytes = rest;
    Some(Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_whether_they_have_numbers_or_not() {
        let value = |number: usize| format!("value {}", number % (WORDS_MAX + 100)).into_bytes();
        let mut learning = Learning::default();
        let mut cells = Vec::new();
        let rounds = 2 * WORDS_MAX;
        for number in 0..rounds {
            learning.put(&value(number), &mut cells);
            learning.put(&[], &mut cells);
        }
        let dictionary = learning.finish();
        let mut rest = &cells[..];
        for number in 0..rounds {
            assert_eq!(take(&dictionary, &mut rest), Some(Some(&value(number)[..])));
            assert_eq!(take(&dictionary, &mut rest), Some(None));
        }
        assert_eq!(take(&dictionary, &mut rest), None);
    }
}
