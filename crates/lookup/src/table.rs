//! A finished table: rows in the order of the hashes of their keys, and a directory that says where each bucket of them begins.
//!
//! A lookup reads one place of the directory, which is small, and one of the rows, unless the directory says that the key is not there.
//! Where the longest match wins, the directory is asked about a key of each length that occurs in the table, and all of them
//! before the first row is read.

use crate::dictionary::{self, Dictionary};
use crate::hash::{self, Beginnings};
use crate::network::Network;
use crate::part::{Part, part_of};
use crate::shape::{Folded, KeyPart, Match, Range, Shape};
use crate::varint;
use smallvec::SmallVec;

/// The lengths that the keys have of which the longest match wins, in ascending order: of texts in bytes, of networks in bits.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    texts: Vec<u16>,
    v4: Vec<u16>,
    v6: Vec<u16>,
}

impl Lengths {
    #[inline]
    fn of(&self, range: Range) -> &[u16] {
        match range {
            Range::Text => &self.texts,
            Range::V4 => &self.v4,
            Range::V6 => &self.v6,
        }
    }

    pub(crate) fn of_mut(&mut self, range: Range) -> &mut Vec<u16> {
        match range {
            Range::Text => &mut self.texts,
            Range::V4 => &mut self.v4,
            Range::V6 => &mut self.v6,
        }
    }
}

/// A table. Reading it takes no lock and no memory, unless keys are folded or longer than usual.
#[derive(Debug)]
pub struct Table {
    pub(crate) parts: Vec<Part>,
    pub(crate) lengths: Lengths,
    pub(crate) dictionaries: Vec<Dictionary>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) shape: Shape,
}

/// A row of a table: its values.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    cells: &'t [u8],
    dictionaries: &'t [Dictionary],
}

impl<'t> Row<'t> {
    /// The values in the order of the columns: the bodies of their `AnyValue` messages. Nothing where the row has no value.
    #[inline]
    pub fn values(&self) -> impl Iterator<Item = Option<&'t [u8]>> + use<'t> {
        let mut cells = self.cells;
        let dictionaries = self.dictionaries.iter();
        dictionaries.map(move |dictionary| dictionary::take(dictionary, &mut cells).flatten())
    }
}

/// The parts of a key that are matched whole, as they are compared.
type Wholes<'v> = SmallVec<[Compared<'v>; 2]>;

/// A value, in the form in which it is compared.
enum Compared<'v> {
    AsIs(&'v [u8]),
    Folded(Folded),
}

impl<'v> Compared<'v> {
    #[inline]
    fn new(part: KeyPart, value: &'v [u8]) -> Self {
        if part.folds() {
            Compared::Folded(part.fold(value))
        } else {
            Compared::AsIs(value)
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Compared::AsIs(value) => value,
            Compared::Folded(value) => value,
        }
    }
}

/// What is left of a row behind a text, if it begins with it.
#[inline]
fn strip_text<'r>(mut row: &'r [u8], text: &[u8]) -> Option<&'r [u8]> {
    (varint::take_bytes(&mut row)? == text).then_some(row)
}

impl Table {
    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it looks like.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The row for these values, one for each part of the key and in their order: of those that match the one with the longest key.
    pub fn find(&self, values: &[&[u8]]) -> Option<Row<'_>> {
        if let ([part], [value]) = (&*self.shape.keys, values)
            && *part == KeyPart::default()
        {
            let hash = hash::of(hash::SEED, value);
            return self.at(hash, |row| strip_text(row, value));
        }
        if values.len() != self.shape.keys.len() {
            return None;
        }
        let mut seed = hash::SEED;
        let mut wholes = Wholes::new();
        for (at, part) in self.shape.exact() {
            let whole = Compared::new(part, values.get(at)?);
            seed = hash::of(seed, whole.bytes());
            wholes.push(whole);
        }
        let Some(at) = self.shape.ranged() else {
            return self.at(seed, |row| strip_all(row, &wholes));
        };
        let (part, value) = (*self.shape.keys.get(at)?, *values.get(at)?);
        if part.matching == Match::Network {
            self.longest_network(Network::parse_address(value)?, (seed, &wholes))
        } else {
            self.longest_text(part, value, (seed, &wholes))
        }
    }

    /// The rows among which that of the key with this hash is, if there is one.
    #[inline]
    fn rows_of(&self, hash: u64) -> Option<&[u8]> {
        self.parts.get(part_of(hash))?.rows(hash)
    }

    /// The row with this hash of which `strip` says that its key is the one, by what lies behind it.
    #[inline]
    fn at<'t>(&'t self, hash: u64, strip: impl Fn(&'t [u8]) -> Option<&'t [u8]>) -> Option<Row<'t>> {
        self.among(self.rows_of(hash)?, strip)
    }

    /// The row among these of which `strip` says that its key is the one, by what lies behind it.
    #[inline]
    fn among<'t>(
        &'t self,
        mut rows: &'t [u8],
        strip: impl Fn(&'t [u8]) -> Option<&'t [u8]>,
    ) -> Option<Row<'t>> {
        while let Some(row) = varint::take_bytes(&mut rows) {
            if let Some(cells) = strip(row) {
                let dictionaries = &self.dictionaries;
                return Some(Row { cells, dictionaries });
            }
        }
        None
    }

    fn longest_network(&self, address: Network, (seed, wholes): (u64, &Wholes<'_>)) -> Option<Row<'_>> {
        let range = if address.is_v6 { Range::V6 } else { Range::V4 };
        // All lengths are asked for before any of them is looked at, so that memory is waited for once and not for each.
        let mut candidates: SmallVec<[(Network, &[u8]); 8]> = SmallVec::new();
        for length in self.lengths.of(range) {
            let network = address.first(*length as u8);
            if let Some(rows) = self.rows_of(network.hash(seed)) {
                candidates.push((network, rows));
            }
        }
        candidates
            .iter()
            .rev()
            .find_map(|(network, rows)| self.among(rows, |row| network.strip_from(strip_all(row, wholes)?)))
    }

    fn longest_text(
        &self,
        part: KeyPart,
        value: &[u8],
        (seed, wholes): (u64, &Wholes<'_>),
    ) -> Option<Row<'_>> {
        let value = Compared::new(part, value);
        let value = value.bytes();
        let lengths = self.lengths.of(Range::Text);
        let most = lengths.last().map_or(0, |most| usize::from(*most));
        let mut beginnings = Beginnings::new(seed, value.get(..most).unwrap_or(value));
        let mut candidates: SmallVec<[(usize, &[u8]); 8]> = SmallVec::new();
        for length in lengths.iter().map(|length| usize::from(*length)) {
            if length > value.len() {
                break;
            }
            if !part.ends_at(value, length) {
                continue;
            }
            if let Some(rows) = self.rows_of(beginnings.hash(length)) {
                candidates.push((length, rows));
            }
        }
        candidates.iter().rev().find_map(|(length, rows)| {
            let text = value.get(..*length)?;
            self.among(rows, |row| strip_text(strip_all(row, wholes)?, text))
        })
    }
}

impl KeyPart {
    /// Whether a key of so many bytes may match this value.
    #[inline]
    fn ends_at(self, value: &[u8], length: usize) -> bool {
        let Some(separator) = self.separator else {
            return true;
        };
        let is_separator = |at: usize| value.get(at).is_none_or(|byte| *byte == separator);
        length == 0 || is_separator(length) || is_separator(length - 1)
    }
}

/// What is left of a row behind all parts of its key that are matched whole, if they are these.
#[inline]
fn strip_all<'r>(row: &'r [u8], wholes: &Wholes<'_>) -> Option<&'r [u8]> {
    wholes
        .iter()
        .try_fold(row, |row, whole| strip_text(row, whole.bytes()))
}

#[cfg(test)]
mod tests;
