//! MaxMind databases (MaxMind DB file format specification, version 2.0) as rows: each network with the values that its record has.
//!
//! A database is a tree of the bits of addresses over records that many networks share. It becomes a table like any other, so that every
//! record is read when the database is, and not when an address is looked up: what is broken is found before it is used.

use crate::build::Builder;
use crate::cell::Cell;
use crate::error::Flaw;
use crate::hash;
use crate::network::Network;
use crate::shape::Match;
use hashbrown::HashTable;
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};

/// The cells of records that were read: where a record stands, and where its cells begin and end in a list of all of them.
#[derive(Default)]
struct Known {
    places: HashTable<(u64, u32, u32)>,
    cells: Vec<u8>,
}

fn hash_of(offset: u64) -> u64 {
    hash::absorb(hash::SEED, offset)
}

impl Known {
    fn get(&self, offset: u64) -> Option<&[u8]> {
        let found = self.places.find(hash_of(offset), |known| known.0 == offset);
        let (_, start, end) = *found?;
        self.cells.get(start as usize..end as usize)
    }

    fn add(&mut self, offset: u64, cells: &[u8]) {
        let start = self.cells.len();
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(start + cells.len()))
            && self.places.len() < KNOWN_MAX
        {
            self.cells.extend_from_slice(cells);
            let rehash = |known: &(u64, u32, u32)| hash_of(known.0);
            self.places
                .insert_unique(hash_of(offset), (offset, start, end), rehash);
        }
    }

    fn bytes(&self) -> usize {
        self.cells.capacity() + self.places.allocation_size()
    }
}

/// The most records whose cells are kept while a database is read: enough for those that are published, of which cities are the most.
const KNOWN_MAX: usize = 1 << 20;

/// What a path leads to in a record.
enum Found<'d> {
    Nothing,
    Text(&'d str),
    Cell(Cell<'static>),
}

/// Where a column's values are in a record: names of maps and places in arrays, `subdivisions.0.iso_code`.
fn path_of(column: &str) -> Vec<PathElement<'_>> {
    let element = |piece| match str::parse(piece) {
        Ok(place) => PathElement::Index(place),
        Err(_) => PathElement::Key(piece),
    };
    column.split('.').map(element).collect()
}

fn broken(error: &MaxMindDbError) -> Flaw {
    Flaw::Database {
        why: format!("this MaxMind database cannot be read: {error}"),
    }
}

/// The value at the end of a path, whatever its type is, unless it is a map, an array, bytes or a number of 128 bits.
fn value<'d>(
    record: &LookupResult<'d, &'d [u8]>,
    path: &[PathElement<'_>],
) -> Result<Found<'d>, MaxMindDbError> {
    fn cell<T>(found: Option<T>, into: impl Fn(T) -> Cell<'static>) -> Found<'static> {
        found.map_or(Found::Nothing, |value| Found::Cell(into(value)))
    }
    let int = |value: u64| i64::try_from(value).map_or(Cell::Double(value as f64), Cell::Int);
    // The decoder takes a type for no other, so that one of these fits at most.
    let text = match record.decode_path::<&'d str>(path) {
        Ok(found) => return Ok(found.map_or(Found::Nothing, Found::Text)),
        Err(error) => error,
    };
    if let Ok(found) = record.decode_path::<u32>(path) {
        return Ok(cell(found, |value| Cell::Int(value.into())));
    }
    if let Ok(found) = record.decode_path::<f64>(path) {
        return Ok(cell(found, Cell::Double));
    }
    if let Ok(found) = record.decode_path::<bool>(path) {
        return Ok(cell(found, Cell::Bool));
    }
    if let Ok(found) = record.decode_path::<u16>(path) {
        return Ok(cell(found, |value| Cell::Int(value.into())));
    }
    if let Ok(found) = record.decode_path::<u64>(path) {
        return Ok(cell(found, int));
    }
    if let Ok(found) = record.decode_path::<i32>(path) {
        return Ok(cell(found, |value| Cell::Int(value.into())));
    }
    match record.decode_path::<f32>(path) {
        Ok(found) => Ok(cell(found, |value| Cell::Double(value.into()))),
        Err(_) => Err(text),
    }
}

/// The cells of a record as the table keeps them.
fn read_record(
    record: &LookupResult<'_, &[u8]>,
    paths: &[Vec<PathElement<'_>>],
    builder: &mut Builder,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let mut cells = Vec::with_capacity(paths.len());
    for path in paths {
        let found = value(record, path).map_err(|error| broken(&error))?;
        cells.push(match found {
            Found::Nothing => Cell::Missing,
            Found::Text(text) => Cell::Text(text),
            Found::Cell(cell) => cell,
        });
    }
    builder.put_cells(&cells, out)
}

/// Adds every network of a MaxMind database. The table has one key, of which the longest network wins, and each column is called by the
/// path of its value: `country.iso_code`, `city.names.en`, `subdivisions.0.iso_code`.
///
/// # Errors
///
/// [`Flaw::Database`] if the database is damaged, or of another format; [`Flaw::DatabaseKind`] if a value is not of its column's kind;
/// what [`Builder::add`] says. The table is of no use then. The database and what is kept while it is read count like the table.
pub fn add_database(database: &[u8], builder: &mut Builder) -> Result<(), Flaw> {
    if !matches!(&*builder.shape().keys, [part] if part.matching == Match::Network) {
        return Err(Flaw::Shape);
    }
    let columns = builder.shape().columns.iter();
    let names: Vec<String> = columns.map(|column| column.name.clone()).collect();
    let paths: Vec<_> = names.iter().map(|name| path_of(name)).collect();
    let reader = Reader::from_source(database).map_err(|error| broken(&error))?;
    let networks = reader.networks(WithinOptions::default());
    let mut known = Known::default();
    let (mut row, mut fresh) = (Vec::new(), Vec::new());
    for (number, record) in networks.map_err(|error| broken(&error))?.enumerate() {
        let record = record.map_err(|error| broken(&error))?;
        let Some(offset) = record.offset() else { continue };
        let network = network_of(&record)?;
        row.clear();
        network.put(&mut row);
        if let Some(cells) = known.get(offset as u64) {
            row.extend_from_slice(cells);
        } else {
            fresh.clear();
            let read = read_record(&record, &paths, builder, &mut fresh);
            read.map_err(|flaw| in_network(flaw, network))?;
            row.extend_from_slice(&fresh);
            known.add(offset as u64, &fresh);
            builder.borrow_room((database.len() + known.bytes()) as u64)?;
        }
        builder.put(number as u64, &row)?;
    }
    builder.borrow_room(0)
}

fn network_of(record: &LookupResult<'_, &[u8]>) -> Result<Network, Flaw> {
    let network = record.network().map_err(|error| broken(&error))?;
    Network::with_length(network.ip(), network.prefix()).map_err(|_| Flaw::Database {
        why: format!("this MaxMind database has `{network}`, which is not a network"),
    })
}

fn in_network(flaw: Flaw, network: Network) -> Flaw {
    match flaw {
        Flaw::Kind { .. } | Flaw::LongValue { .. } => Flaw::DatabaseKind {
            network: network.to_string(),
            flaw: Box::new(flaw),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests;
