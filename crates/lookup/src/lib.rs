//! Tables in memory, looked up by exact value, prefix, network or longest match: many rows in few bytes.
//!
//! A [`Builder`] is given the rows one after the other, so that a file can be read as a stream, and makes a [`Table`] of them
//! within bounds on rows and bytes. What is looked up is the value of one or several attributes; what is found are values in the form
//! in which attributes go into a request (`AnyValue` on the wire).
//!
//! | file | holds |
//! |---|---|
//! | `shape.rs` | what keys are, how they stand in rows, how they are compared |
//! | `cell.rs`, `dictionary.rs` | values: what they may be, and how they are kept |
//! | `network.rs` | networks and addresses |
//! | `build.rs`, `maxmind.rs` | making a table: of rows, of a MaxMind database |
//! | `table.rs`, `part.rs` | looking up; the rows and their directory |
//! | `hash.rs`, `marks.rs`, `varint.rs` | what these need |
//!
//! # What a table takes
//!
//! A row takes a byte, its key and a byte or so, one to two bytes for each value that is among the first few thousand different ones of
//! its column and about the value's length for another. Its place in the directory takes three bytes. Networks take as many bytes as have bits that count.

mod build;
mod cell;
mod dictionary;
mod error;
mod hash;
mod marks;
mod maxmind;
mod network;
mod part;
mod shape;
mod table;
mod varint;

pub use build::{Builder, Duplicates, Limits};
pub use cell::{Cell, Column, Kind, VALUE_MAX};
pub use error::Flaw;
pub use maxmind::add_database;
pub use shape::{KEY_MAX, KeyPart, Match, Shape};
pub use table::{Row, Table};
