//! A finished table: rows in the order of the hashes of their keys, and a directory that says where each bucket of them begins.
//!
//! A lookup reads one place of the directory, which is small, and one of the rows. Where the longest match wins, a key of each
//! length that occurs in the table is asked for; a filter in front says of nearly all of them that they are not there.

use crate::build::PARTS;
use crate::dictionary::{self, Dictionary};
use crate::filter::Filter;
use crate::hash::{self, Beginnings};
use crate::network::Network;
use crate::shape::{Folded, KeyPart, Match, Range, Shape};
use crate::varint;
use smallvec::SmallVec;

/// The part of a table that a key belongs to.
#[inline]
pub(crate) fn part_of(hash: u64) -> usize {
    (hash >> (u64::BITS - PARTS.ilog2())) as usize
}

/// The bucket in its part. It grows with the hash.
#[inline]
pub(crate) fn bucket_of(hash: u64, buckets: usize) -> usize {
    let rest = hash << PARTS.ilog2() >> 32;
    ((rest * buckets as u64) >> 32) as usize
}

/// A part of the rows.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Where each bucket begins, and where the last one ends.
    starts: Vec<u32>,
    /// Each row behind its length.
    rows: Vec<u8>,
}

impl Part {
    pub(crate) fn with_capacity(buckets: usize, bytes: usize) -> Self {
        let mut starts = Vec::new();
        starts.reserve_exact(buckets + 1);
        let mut rows = Vec::new();
        rows.reserve_exact(bytes);
        Part { starts, rows }
    }

    /// Appends a row, whose bucket is no less than that of the row before.
    pub(crate) fn push(&mut self, bucket: usize, row: &[u8]) {
        self.begin(bucket + 1);
        varint::put_bytes(&mut self.rows, row);
    }

    /// Says that there are no more rows.
    pub(crate) fn close(&mut self, buckets: usize) {
        self.begin(buckets + 1);
    }

    /// Lets buckets begin here, until so many have begun.
    fn begin(&mut self, buckets: usize) {
        if self.starts.len() < buckets {
            self.starts.resize(buckets, self.rows.len() as u32);
        }
    }

    /// The rows of the bucket that a hash belongs to, each behind its length.
    #[inline]
    fn bucket(&self, hash: u64) -> Option<&[u8]> {
        let bucket = bucket_of(hash, self.starts.len().checked_sub(1)?);
        let (start, end) = (self.starts.get(bucket)?, self.starts.get(bucket + 1)?);
        self.rows.get(*start as usize..*end as usize)
    }
}

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
    pub(crate) filter: Option<Filter>,
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

    /// The row with this hash of which `strip` says that its key is the one, by what lies behind it.
    #[inline]
    fn at<'t>(&'t self, hash: u64, strip: impl Fn(&'t [u8]) -> Option<&'t [u8]>) -> Option<Row<'t>> {
        let mut rows = self.parts.get(part_of(hash))?.bucket(hash)?;
        while let Some(row) = varint::take_bytes(&mut rows) {
            if let Some(cells) = strip(row) {
                let dictionaries = &self.dictionaries;
                return Some(Row { cells, dictionaries });
            }
        }
        None
    }

    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.passes(hash))
    }

    fn longest_network(&self, address: Network, (seed, wholes): (u64, &Wholes<'_>)) -> Option<Row<'_>> {
        let range = if address.is_v6 { Range::V6 } else { Range::V4 };
        self.lengths.of(range).iter().rev().find_map(|length| {
            let network = address.first(*length as u8);
            let hash = network.hash(seed);
            if !self.may_have(hash) {
                return None;
            }
            self.at(hash, |row| network.strip_from(strip_all(row, wholes)?))
        })
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
        let mut candidates: SmallVec<[(usize, u64); 8]> = SmallVec::new();
        for length in lengths.iter().map(|length| usize::from(*length)) {
            if length > value.len() {
                break;
            }
            if !part.ends_at(value, length) {
                continue;
            }
            let hash = beginnings.hash(length);
            if self.may_have(hash) {
                candidates.push((length, hash));
            }
        }
        candidates.iter().rev().find_map(|(length, hash)| {
            let text = value.get(..*length)?;
            self.at(*hash, |row| strip_text(strip_all(row, wholes)?, text))
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
