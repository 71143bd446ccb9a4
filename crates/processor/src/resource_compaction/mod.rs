//! `resource_compaction`: makes one of equal resources, scopes and metrics in a batch.
//!
//! Equal is what has the same bytes: of a resource its attributes in their order and everything else in it, with its schema URL; of a
//! scope likewise. They are found by a hash and then compared. The first of them has the place, and what stood in the others
//! follows in the order it came in. Items keep their bytes.
//!
//! A batch in which nothing is equal passes on with the bytes that it came with. Else long runs of items are shared with the bytes
//! that came in, and only what is between them is written.

mod config;
mod meter;
#[cfg(test)]
mod tests;

pub use config::ResourceCompactionConfig;

use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, SignalSet};
use forebay_otlp::edit::Regrouper;
use meter::Meter;
use std::sync::Arc;

/// Makes `resource_compaction` processors.
#[derive(Debug)]
pub struct ResourceCompactionFactory;

impl ProcessorFactory for ResourceCompactionFactory {
    type Config = ResourceCompactionConfig;

    const ABOUT: About = About {
        kind: "resource_compaction",
        summary: "Makes one of equal resources, scopes and metrics in a batch.",
        details: "Use it where senders repeat themselves: a Collector that batches for many SDKs sends the same resource many times in one \
                  request. What is written once is smaller on the wire and cheaper for whoever reads it. Put it behind the \
                  processors that change resources: what they take away may be what made two of them differ.\n\n\
                  Resources are equal if their bytes are, so the order of attributes counts; so is it with scopes and metrics. Nothing \
                  is dropped, and no item changes. It looks at envelopes, not into items: its cost hardly depends on how large items \
                  are. What it has joined is counted by `forebay_resource_compaction_joined`.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &ResourceCompactionConfig) -> ProcessorDeclaration {
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

    fn build(config: ResourceCompactionConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(ResourceCompaction {
            merge_metrics: config.merge_metrics,
            seed: fastrand::u64(..),
            meter: Arc::default(),
        })))
    }
}

#[derive(Debug)]
struct ResourceCompaction {
    merge_metrics: bool,
    /// Of the hashes, so that nobody can make resources that collide.
    seed: u64,
    meter: Arc<Meter>,
}

impl Processor for ResourceCompaction {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.meter) as _);
        Ok(())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut regrouper = Regrouper::new(self.seed);
        match regrouper.compact(batch.signal(), &input, self.merge_metrics) {
            Ok(regrouped) if regrouped.is_unchanged() => {}
            Ok(regrouped) => {
                self.meter.add(batch.signal(), regrouped.joined);
                Fresh::regrouped(&regrouped, &input, &batch).replace(&mut batch);
            }
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }
}
