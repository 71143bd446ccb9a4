//! Tail sampling: traces are held until it is known which of them are worth keeping.

pub mod config;
