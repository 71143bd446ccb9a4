//! `resource_detection`: writes what can be found out about the place that this process runs at into resources.
//!
//! Finding out is the affair of `forebay_detection`. What is known is one set of attributes, made when it changes and put into each
//! resource as it is; while nothing is known, batches pass as they came.

mod config;
mod plan;
mod state;
mod tables;

pub use config::{DetectorKind, ResourceDetectionConfig};
pub use tables::{
    ClusterTable, DetectionRetryConfig, DetectorTable, HostTable, KubernetesTable, MetadataTable, OsTable,
};

use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Handover, SignalSet};
use forebay_detection::{BYTES_MAX, Surroundings};
use forebay_otlp::edit::{Editor, Level, Present};
use futures_util::future::{BoxFuture, FutureExt};
use state::State;
use std::sync::{Arc, OnceLock};

/// Makes `resource_detection` processors.
#[derive(Debug)]
pub struct ResourceDetectionFactory;

impl ProcessorFactory for ResourceDetectionFactory {
    type Config = ResourceDetectionConfig;

    const ABOUT: About = About {
        kind: "resource_detection",
        summary: "Writes into resources what can be found out about the place that this process runs at.",
        details: "Use it in an agent or a sidecar, where data comes from the same host, pod or machine as the agent is in. In a gateway it \
                  would write the gateway's place over that of the senders: there, do without it, or set `override = false`.\n\n\
                  The detectors look side by side; of two that find an attribute the one that stands first in `detectors` wins. Receivers take \
                  nothing in until each has answered or `timeout` is over, and not for longer. One that fails is tried again behind the start; \
                  what it finds then is written from then on, and what was known before stays as long as it fails. That a place is not there \
                  (no container, no such cloud) is an answer and no failure. After a reload detectors of which nothing has changed go on with \
                  what was known.\n\n\
                  What each detector finds, and what it may not, is in `docs/enrichment/resource_detection.md`. It costs the same for one \
                  item as for a million, and nothing while nothing is known. Nothing is dropped.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &ResourceDetectionConfig) -> ProcessorDeclaration {
        // What was found, and the set that is made of it.
        let bytes = config.detectors.len() as u64 * 2 * BYTES_MAX as u64;
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds { items: 0, bytes },
            memory: None,
            takes_custody: false,
            stateful: false,
        }
    }

    fn build(config: ResourceDetectionConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(ResourceDetection::new(
            config,
        ))))
    }
}

#[derive(Debug)]
struct ResourceDetection {
    config: ResourceDetectionConfig,
    present: Present,
    /// What is looked at: that of this process, unless a test makes it up.
    surroundings: Option<Surroundings>,
    state: OnceLock<Arc<State>>,
}

impl ResourceDetection {
    fn new(config: ResourceDetectionConfig) -> Self {
        ResourceDetection {
            present: match config.replace {
                true => Present::Replace,
                false => Present::Keep,
            },
            config,
            surroundings: None,
            state: OnceLock::new(),
        }
    }
}

impl Processor for ResourceDetection {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        let clock = &context.node.clock;
        let surroundings = match &self.surroundings {
            Some(made_up) => made_up.clone(),
            None => Surroundings::of_this_process(clock.clone()),
        };
        let state = self
            .state
            .get_or_init(|| Arc::new(State::new(&self.config, surroundings, context)));
        context.node.instruments.add(Arc::clone(state) as _);
        let state = Arc::clone(state);
        let detecting = async move { state.detect().await };
        context.node.tasks.spawn("detection", detecting);
        Ok(())
    }

    fn ready(&self) -> Option<BoxFuture<'static, ()>> {
        let state = self.state.get()?;
        Some(state.first_round().boxed())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let Some(known) = self.state.get().map(|state| state.known()) else {
            return out.emit(batch);
        };
        if known.is_empty() {
            return out.emit(batch);
        }
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let edited = editor.edit_level(batch.signal(), &input, Level::Resource, |resource| {
            resource.put_attributes(&[&known], self.present).map(|_| ())
        });
        match edited {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }

    fn hand_over(&self) -> Option<Handover> {
        self.state.get().map(|state| Handover::new(Arc::clone(state)))
    }
}

#[cfg(test)]
mod tests;
