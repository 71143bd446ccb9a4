//! What can be wrong with a table.

use crate::Kind;
use std::fmt;

/// What is wrong with a table, or with one row of it. In which line it is, knows who reads the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The text of a key is not a network.
    Network {
        /// The text.
        text: String,
        /// Why not.
        why: &'static str,
    },
    /// A network has bits set in the part that does not count.
    HostBits {
        /// The network as it is written.
        text: String,
        /// The network without these bits.
        meant: String,
    },
    /// A key has more than [`KEY_MAX`](crate::KEY_MAX) bytes.
    LongKey {
        /// How many it has.
        bytes: usize,
    },
    /// A value has more than [`VALUE_MAX`](crate::VALUE_MAX) bytes.
    LongValue {
        /// The column that it is in.
        column: String,
        /// How many it has.
        bytes: usize,
    },
    /// A value is not of its column's kind.
    Kind {
        /// The column.
        column: String,
        /// What it should be.
        kind: Kind,
        /// What it is.
        found: String,
    },
    /// There are more rows than there may be.
    TooManyRows {
        /// How many there may be.
        most: u64,
    },
    /// The table takes more memory than it may.
    TooLarge {
        /// How many bytes it may take.
        most: u64,
    },
    /// Two rows have the same key.
    Duplicate {
        /// The key.
        key: String,
        /// The line of the first of them.
        first: u64,
        /// The line of the second.
        second: u64,
    },
    /// A row does not have as many keys or values as the table.
    Shape,
    /// A MaxMind database cannot be read.
    Database {
        /// Why.
        why: String,
    },
    /// A network of a MaxMind database has a value that is not of its column's kind.
    DatabaseKind {
        /// The network.
        network: String,
        /// What is wrong with its value.
        flaw: Box<Flaw>,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Network { text, why } => write!(f, "`{text}` is not a network: {why}"),
            Flaw::HostBits { text, meant } => {
                let length = meant.split_once('/').map_or("bits", |(_, length)| length);
                write!(
                    f,
                    "`{text}` has bits set behind the first {length}: is `{meant}` meant?"
                )
            }
            Flaw::LongKey { bytes } => {
                let most = crate::KEY_MAX;
                write!(
                    f,
                    "the key has {bytes} bytes, and {most} are the most that a key may have"
                )
            }
            Flaw::LongValue { column, bytes } => {
                let most = crate::VALUE_MAX;
                write!(
                    f,
                    "column `{column}`: the value has {bytes} bytes, and {most} are the most that it may have"
                )
            }
            Flaw::Kind { column, kind, found } => {
                write!(f, "column `{column}`: `{found}` is not {}", kind.described())
            }
            Flaw::TooManyRows { most } => write!(f, "there are more than {most} rows"),
            Flaw::TooLarge { most } => write!(f, "the table takes more than {most} bytes of memory"),
            Flaw::Duplicate { key, first, second } => {
                write!(f, "the key `{key}` is in line {first} and again in line {second}")
            }
            Flaw::Shape => f.write_str("the row does not have the columns of the table"),
            Flaw::Database { why } => f.write_str(why),
            Flaw::DatabaseKind { network, flaw } => write!(f, "network {network}: {flaw}"),
        }
    }
}

impl std::error::Error for Flaw {}
