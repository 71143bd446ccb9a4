//! `cardinality_limit`: bounds the number of time series, and loses no measurement by it.
//!
//! It runs in line: a request of metrics is looked through once (`forebay_cardinality::limiter`), and only if something in it exceeds a
//! limit is it gone through again, to put the points in place that others have become. Spans and log records have their names and
//! values limited.
//!
//! | file | holds |
//! |---|---|
//! | `names/` | names of spans, values of attributes of spans and log records |
//! | `metrics.rs` | requests of metrics: what the limiter says is carried out |
//! | `state.rs` | what is kept between batches, and handed over when a config is loaded again |
//! | `meter.rs`, `report.rs` | what operators see |
//! | `settings.rs`, `config/` | what the user wrote, and what it comes to |

pub mod config;
mod meter;
mod metrics;
mod names;
mod report;
mod settings;
mod state;

#[cfg(test)]
mod tests;

use config::CardinalityLimitConfig;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::{Batch, CardinalityQuery, CardinalityReport, ComponentError, Handover, Signal, SignalSet};
use state::State;
use std::sync::{Arc, OnceLock};

/// Makes `cardinality_limit` processors.
#[derive(Debug)]
pub struct CardinalityLimitFactory;

impl ProcessorFactory for CardinalityLimitFactory {
    type Config = CardinalityLimitConfig;

    const ABOUT: About = About {
        kind: "cardinality_limit",
        summary: "Bounds the number of time series, and folds what exceeds it into overflow series without losing a measurement.",
        details: include_str!("details.txt"),
        example: include_str!("example.toml"),
    };

    fn declare(config: &CardinalityLimitConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: Some(config.max_bytes),
            stateful: false,
            takes_custody: false,
        }
    }

    fn build(config: CardinalityLimitConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(CardinalityLimit {
            config,
            state: OnceLock::new(),
        })))
    }
}

#[derive(Debug)]
struct CardinalityLimit {
    config: CardinalityLimitConfig,
    /// From the start on, when it is known how much memory there is.
    state: OnceLock<Arc<State>>,
}

impl Processor for CardinalityLimit {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        let state = Arc::new(State::new(&self.config, context)?);
        let state = self.state.get_or_init(|| state);
        context.node.instruments.add(Arc::clone(state) as _);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        let Some(state) = self.state.get() else {
            return out.emit(batch);
        };
        if batch.signal() == Signal::Metrics {
            return metrics::limit(state, batch, out);
        }
        match state.items(batch.signal()) {
            Some(limits) => limits.process(batch, state.now(), out),
            None => out.emit(batch),
        }
    }

    fn hand_over(&self) -> Option<Handover> {
        Some(Handover::new(Arc::clone(self.state.get()?)))
    }

    fn cardinality(&self, query: &CardinalityQuery) -> Option<CardinalityReport> {
        let state = self.state.get()?;
        Some(report::report(state, query, self.config.examples.0))
    }
}
