//! Processors: one folder each.
//!
//! | processor | what it does |
//! |---|---|
//! | [`attributes`] | changes attributes of resources, scopes, items and span events |
//! | [`filter`] | drops items, or keeps no others |
//!
//! Shared by them: [`matching`], the language for saying which data is meant.

pub mod attributes;
pub mod filter;
pub mod matching;
mod rewrite;
#[cfg(test)]
mod testing;
mod wire;

use forebay_core::registry::Registry;

/// Registers every processor.
pub fn register(registry: &mut Registry) {
    registry.processor::<attributes::AttributesFactory>();
    registry.processor::<filter::FilterFactory>();
}
