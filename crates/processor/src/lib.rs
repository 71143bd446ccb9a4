//! Processors: one folder each.
//!
//! | processor | what it does |
//! |---|---|
//! | [`adaptive_sampler`] | keeps to a rate of spans and log records, fairly among keys |
//! | [`attributes`] | changes attributes of resources, scopes, items and span events |
//! | [`cardinality_limit`] | bounds the number of time series, and of distinct names and values |
//! | [`filter`] | drops items, or keeps no others |
//! | [`group_by_attributes`] | moves attributes of items to their resources, and groups the items by them |
//! | [`lineage`] | writes by which way and when items came |
//! | [`lookup`] | puts in what a table says of an attribute |
//! | [`probabilistic_sampler`] | keeps a share of the traces and log records, and says which |
//! | [`resource_compaction`] | makes one of equal resources, scopes and metrics in a batch |
//! | [`redaction`] | finds what must not leave, and masks, hashes, cuts or drops it |
//! | [`resource_detection`] | writes into resources what can be found out about the place that this process runs at |
//! | [`tail_sampling`] | holds traces until they can be judged as a whole |
//!
//! Shared by them: [`matching`], the language for saying which data is meant, and [`probability`], what samplers have in common.

pub mod adaptive_sampler;
pub mod attributes;
pub mod cardinality_limit;
pub mod filter;
pub mod group_by_attributes;
pub mod lineage;
pub mod lookup;
pub mod matching;
pub mod probabilistic_sampler;
pub mod probability;
pub mod redaction;
pub mod resource_compaction;
pub mod resource_detection;
mod secret;
pub mod tail_sampling;
#[cfg(test)]
mod testing;
mod wire;

use forebay_core::registry::Registry;

/// Registers every processor.
pub fn register(registry: &mut Registry) {
    registry.processor::<adaptive_sampler::AdaptiveSamplerFactory>();
    registry.processor::<attributes::AttributesFactory>();
    registry.processor::<cardinality_limit::CardinalityLimitFactory>();
    registry.processor::<filter::FilterFactory>();
    registry.processor::<group_by_attributes::GroupByAttributesFactory>();
    registry.processor::<lineage::LineageFactory>();
    registry.processor::<lookup::LookupFactory>();
    registry.processor::<probabilistic_sampler::ProbabilisticSamplerFactory>();
    registry.processor::<resource_compaction::ResourceCompactionFactory>();
    registry.processor::<redaction::RedactionFactory>();
    registry.processor::<resource_detection::ResourceDetectionFactory>();
    registry.processor::<tail_sampling::TailSamplingFactory>();
}
