//! Filling a table row by row, within a bound on memory.
//!
//! Rows go to one of [`PARTS`] parts by the hash of their keys, each into one buffer that grows by an eighth when it is full. At the
//! end the parts are put in the order of the hashes one after the other, and what a part was before is given back before the
//! next one begins: so that a table takes while it is made hardly more than it takes when it is done.

use crate::cell::Cell;
use crate::dictionary::Learning;
use crate::error::Flaw;
use crate::part::{Part, part_of};
use crate::shape::{Range, Shape, StoredKey};
use crate::table::{Lengths, Table};
use crate::varint;

/// How many parts a table has.
pub(crate) const PARTS: usize = 64;

/// A buffer grows by no less.
const GROWTH_MIN: usize = 512;

/// What becomes of rows with the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// They are a mistake.
    #[default]
    Refuse,
    /// The first one counts.
    First,
    /// The last one counts.
    Last,
}

/// How large a table may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rows that may be added.
    pub rows: u64,
    /// The most bytes that it may take, both while it is made and when it is done.
    pub bytes: u64,
}

/// Makes a [`Table`].
#[derive(Debug)]
pub struct Builder {
    shape: Shape,
    duplicates: Duplicates,
    limits: Limits,
    parts: Vec<Vec<u8>>,
    dictionaries: Vec<Learning>,
    rows: u64,
    /// What the buffers of the parts take.
    held: u64,
    /// What whoever adds rows holds meanwhile.
    borrowed: u64,
    lengths: Lengths,
    row: Vec<u8>,
    body: Vec<u8>,
}

impl Builder {
    /// An empty table of this shape.
    ///
    /// # Errors
    ///
    /// [`Flaw::Shape`] if there is no key, or more than one part of it is matched other than whole.
    pub fn new(shape: Shape, duplicates: Duplicates, limits: Limits) -> Result<Self, Flaw> {
        let ranged = shape.keys.iter().filter(|part| part.matching.is_ranged());
        if shape.keys.is_empty() || ranged.count() > 1 {
            return Err(Flaw::Shape);
        }
        Ok(Builder {
            dictionaries: shape.columns.iter().map(|_| Learning::default()).collect(),
            shape,
            duplicates,
            limits,
            parts: vec![Vec::new(); PARTS],
            rows: 0,
            held: 0,
            borrowed: 0,
            lengths: Lengths::default(),
            row: Vec::new(),
            body: Vec::new(),
        })
    }

    /// What the table looks like.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Adds a row: its keys and its cells in the order of the shape. `line` is where it stands, for messages.
    ///
    /// # Errors
    ///
    /// What is wrong with the row, or that the table is too large with it. The table is of no use then.
    pub fn add(&mut self, line: u64, keys: &[&str], cells: &[Cell<'_>]) -> Result<(), Flaw> {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        self.shape.put_key(keys, &mut row)?;
        self.put_cells(cells, &mut row)?;
        self.put(line, &row)?;
        self.row = row;
        Ok(())
    }

    /// Appends the cells of a row as the table keeps them.
    pub(crate) fn put_cells(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
        if cells.len() != self.shape.columns.len() {
            return Err(Flaw::Shape);
        }
        let columns = self.shape.columns.iter().zip(&mut self.dictionaries);
        for ((column, dictionary), cell) in columns.zip(cells) {
            self.body.clear();
            column.encode(*cell, &mut self.body)?;
            dictionary.put(&self.body, out);
        }
        Ok(())
    }

    /// Adds a row whose key and cells are written already.
    pub(crate) fn put(&mut self, line: u64, row: &[u8]) -> Result<(), Flaw> {
        let key = self.shape.read_key(row).ok_or(Flaw::Shape)?;
        if self.rows >= self.limits.rows {
            return Err(Flaw::TooManyRows {
                most: self.limits.rows,
            });
        }
        self.rows += 1;
        if let Some((range, length)) = key.range {
            self.lengths.note(range, length);
        }
        let needed = varint::length(line) + varint::length(row.len() as u64) + row.len();
        self.make_room(part_of(key.hash), needed)?;
        if let Some(part) = self.parts.get_mut(part_of(key.hash)) {
            varint::put(part, line);
            varint::put_bytes(part, row);
        }
        Ok(())
    }

    /// Sees that a part has room for so many bytes more.
    fn make_room(&mut self, part: usize, needed: usize) -> Result<(), Flaw> {
        let Some(part) = self.parts.get_mut(part) else {
            return Ok(());
        };
        if part.capacity() - part.len() >= needed {
            return Ok(());
        }
        let more = needed.max(part.len() / 8).max(GROWTH_MIN);
        let grown = (part.len() + more) as u64;
        // While it grows, it is there twice.
        let learned: u64 = self.dictionaries.iter().map(Learning::bytes).sum();
        if self.held + self.borrowed + grown + learned > self.limits.bytes || grown > u64::from(u32::MAX) {
            return Err(too_large(self.limits));
        }
        self.held -= part.capacity() as u64;
        part.reserve_exact(more);
        self.held += part.capacity() as u64;
        Ok(())
    }

    /// Says how many bytes whoever adds rows holds by itself until it says otherwise: they count like those of the table.
    ///
    /// # Errors
    ///
    /// [`Flaw::TooLarge`].
    pub fn borrow_room(&mut self, bytes: u64) -> Result<(), Flaw> {
        self.borrowed = bytes;
        if self.held + bytes > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        Ok(())
    }

    /// The table of all rows that were added.
    ///
    /// # Errors
    ///
    /// [`Flaw::Duplicate`] for the first row whose key an earlier one has, unless one of them counts. [`Flaw::TooLarge`].
    pub fn finish(self) -> Result<Table, Flaw> {
        let dictionaries: Vec<_> = self.dictionaries.into_iter().map(Learning::finish).collect();
        let learned: u64 = dictionaries.iter().map(|dictionary| dictionary.bytes()).sum();
        let mut finishing = Finishing {
            shape: &self.shape,
            duplicates: self.duplicates,
            limits: self.limits,
            held: self.held + learned,
            rows: 0,
            twice: None,
        };
        if finishing.held > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        let mut parts = Vec::with_capacity(PARTS);
        for rows in self.parts {
            parts.push(finishing.part(rows)?);
        }
        if let Some((first, second, key)) = finishing.twice {
            return Err(Flaw::Duplicate { key, first, second });
        }
        let (rows, bytes) = (finishing.rows, finishing.held);
        Ok(Table {
            parts,
            lengths: self.lengths,
            dictionaries,
            rows,
            bytes,
            shape: self.shape,
        })
    }
}

fn too_large(limits: Limits) -> Flaw {
    Flaw::TooLarge { most: limits.bytes }
}

/// A row on its way to its place.
#[derive(Clone, Copy)]
struct Sorted {
    hash: u64,
    /// Where it begins in what its part was before: rows that came later lie behind.
    start: u32,
    counts: bool,
}

/// What is kept while the parts are put in order.
struct Finishing<'b> {
    shape: &'b Shape,
    duplicates: Duplicates,
    limits: Limits,
    /// The memory that the table and what it is made from take.
    held: u64,
    rows: u64,
    /// The two lines of the first row that has the key of an earlier one, and the key.
    twice: Option<(u64, u64, String)>,
}

/// The line and the row that begin at `start`, and what lies behind them.
fn read(rows: &[u8], start: u32) -> Option<(u64, &[u8], &[u8])> {
    let mut rest = rows.get(start as usize..)?;
    let line = varint::take(&mut rest)?;
    let row = varint::take_bytes(&mut rest)?;
    Some((line, row, rest))
}

impl Finishing<'_> {
    /// Puts the rows of a part in order.
    fn part(&mut self, rows: Vec<u8>) -> Result<Part, Flaw> {
        let before = rows.capacity() as u64;
        let mut sorted = self.sorted(&rows)?;
        self.judge_duplicates(&rows, &mut sorted);
        sorted.retain(|row| row.counts);
        let bytes: usize = sorted
            .iter()
            .filter_map(|row| read(&rows, row.start))
            .map(|(_, row, _)| varint::length(row.len() as u64) + row.len())
            .sum();
        let own = Part::bytes(sorted.len(), bytes) as u64;
        let working = (sorted.capacity() * size_of::<Sorted>()) as u64;
        if self.held + own + working > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        let mut part = Part::with_capacity(sorted.len(), bytes);
        for row in &sorted {
            if let Some((_, bytes, _)) = read(&rows, row.start) {
                part.push(row.hash, bytes);
            }
        }
        part.close();
        self.rows += sorted.len() as u64;
        self.held = self.held + own - before;
        Ok(part)
    }

    /// The rows of a part in the order of their hashes, those with the same one in the order of their lines.
    fn sorted(&self, rows: &[u8]) -> Result<Vec<Sorted>, Flaw> {
        let mut count = 0;
        let mut rest = rows;
        while let Some((_, _, behind)) = read(rest, 0) {
            count += 1;
            rest = behind;
        }
        if self.held + (count * size_of::<Sorted>()) as u64 > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        let mut sorted = Vec::with_capacity(count);
        let mut start = 0;
        while let Some((_, row, behind)) = read(rows, start) {
            let hash = self.shape.read_key(row).map_or(0, |key| key.hash);
            sorted.push(Sorted {
                hash,
                start,
                counts: true,
            });
            start = (rows.len() - behind.len()) as u32;
        }
        sorted.sort_unstable_by_key(|row| (row.hash, row.start));
        Ok(sorted)
    }

    /// Finds rows with the same key, and says which of them count.
    fn judge_duplicates(&mut self, rows: &[u8], sorted: &mut [Sorted]) {
        for run in sorted.chunk_by_mut(|one, other| one.hash == other.hash) {
            if let [_, _, ..] = run {
                self.judge_run(rows, run);
            }
        }
    }

    /// The same among rows whose keys have the same hash, in the order of their lines.
    fn judge_run(&mut self, rows: &[u8], run: &mut [Sorted]) {
        let key_of = |row: &Sorted| {
            let (line, row, _) = read(rows, row.start)?;
            let StoredKey { bytes, .. } = self.shape.read_key(row)?;
            Some((line, row.get(..bytes)?))
        };
        // Different keys with the same hash are as good as never there: what counts so far is one row, or very few.
        let mut counting: Vec<usize> = Vec::new();
        let mut twice = None;
        for at in 0..run.len() {
            let Some((line, key)) = run.get(at).and_then(key_of) else {
                continue;
            };
            let earlier = counting.iter_mut().find_map(|earlier| {
                let (line, other) = run.get(*earlier).and_then(key_of)?;
                (other == key).then_some((earlier, line))
            });
            let Some((earlier, first)) = earlier else {
                counting.push(at);
                continue;
            };
            if twice.is_none() {
                twice = Some((first, line, key));
            }
            if self.duplicates == Duplicates::Last {
                *earlier = at;
            }
        }
        if self.duplicates == Duplicates::Refuse
            && let Some((first, second, key)) = twice
            && self.twice.as_ref().is_none_or(|known| second < known.1)
        {
            self.twice = Some((first, second, self.shape.show_key(key)));
        }
        for (at, row) in run.iter_mut().enumerate() {
            row.counts = counting.contains(&at);
        }
    }
}

/// Which lengths beginnings of keys have is noted while rows are added.
impl Lengths {
    fn note(&mut self, range: Range, length: usize) {
        let lengths = self.of_mut(range);
        let length = length as u16;
        if let Err(at) = lengths.binary_search(&length) {
            lengths.insert(at, length);
        }
    }
}
