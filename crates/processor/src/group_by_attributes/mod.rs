//! `group_by_attributes`: moves attributes of items to their resources, and groups the items by them.
//!
//! An item that has one of the keys leaves its resource for one with the same attributes and those of the item, and no longer has them itself.
//! Items of the same resource with the same values stand together, in the order in which they came; items without any of the keys
//! stay. Scope, schema URLs and all that a metric says of itself go with them.
//!
//! A batch without any of the keys passes on with the bytes that it came with. Else it is written anew, once.

mod config;
mod meter;
#[cfg(test)]
mod tests;

pub use config::GroupByAttributesConfig;

use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, SignalSet};
use forebay_otlp::edit::{Grouping, Regrouper};
use meter::Meter;
use std::sync::Arc;

/// Makes `group_by_attributes` processors.
#[derive(Debug)]
pub struct GroupByAttributesFactory;

impl ProcessorFactory for GroupByAttributesFactory {
    type Config = GroupByAttributesConfig;

    const ABOUT: About = About {
        kind: "group_by_attributes",
        summary: "Moves attributes of items to their resources, and groups the items by them.",
        details: "Use it where a sender tells on each item what is true of the place it comes from: a host in the attributes of log records, a \
                  pod in those of data points that one agent has scraped from many. On the resource it is said once, and processors and backends \
                  that know resources can use it.\n\n\
                  An attribute of the resource that has the key already gives way to the item's, as in the Collector. Where a key occurs \
                  twice in an item, the first value counts. In a batch that changes, equal resources, scopes and metrics become one, and those \
                  without items are left out.\n\n\
                  Nothing is dropped. A batch has at most `max_groups` groups, and what is repeated with each of them (resources, scopes, \
                  names of metrics) takes at most four times the bytes of the batch and 64 KiB: items beyond that stay as they are, and are counted. \
                  A key with many values, such as a user's id, makes a resource of nearly every item: leave it where it is.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &GroupByAttributesConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: None,
            takes_custody: false,
            stateful: false,
        }
    }

    fn build(config: GroupByAttributesConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        let groups = usize::try_from(config.max_groups.0).unwrap_or(usize::MAX);
        Ok(BuiltProcessor::Stateless(Arc::new(GroupByAttributes {
            grouping: Grouping::new(config.keys.iter().map(String::as_str), groups),
            seed: fastrand::u64(..),
            meter: Arc::default(),
        })))
    }
}

#[derive(Debug)]
struct GroupByAttributes {
    grouping: Grouping,
    /// Of the hashes, so that nobody can make values that collide.
    seed: u64,
    meter: Arc<Meter>,
}

impl Processor for GroupByAttributes {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.meter) as _);
        Ok(())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut regrouper = Regrouper::new(self.seed);
        match regrouper.group(batch.signal(), &input, &self.grouping) {
            Ok(regrouped) => {
                self.meter.add(batch.signal(), &regrouped.items);
                if !regrouped.is_unchanged() {
                    Fresh::regrouped(&regrouped, &input, &batch).replace(&mut batch);
                }
            }
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }
}
