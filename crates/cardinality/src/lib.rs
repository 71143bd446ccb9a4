//! Limits on the number of time series: who has a place, and what becomes of the measurements of who has none. No runtime, no
//! config, no clock of its own.
//!
//! | module | holds |
//! |---|---|
//! | [`identity`] | what tells one series from another: keyed hashes of 128 bits over the wire bytes |
//! | [`limiter`] | places, and what becomes of the series that have none |
//! | [`measure`] | what points measure: reading it, adding it up, telling increases, writing it |
//! | [`rules`] | attributes that are dropped, kept, templated, capped and allowed before anything is limited |
//! | [`DistinctValues`] | which values of one attribute have a place |
//! | [`sketch`] | who comes often, how many there were, which attribute is to blame, in fixed memory |
//! | [`template`] | ids in names and paths become placeholders, by fixed rules and by what is learned |

pub mod identity;
pub mod limiter;
pub mod measure;
pub mod rules;
pub mod sketch;
pub mod template;
mod values;

pub use identity::{Identity, SeriesHasher};
pub use values::DistinctValues;
