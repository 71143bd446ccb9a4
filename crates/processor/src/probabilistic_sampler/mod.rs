//! `probabilistic_sampler`: keeps a share of the traces and of the log records, without looking at more than one at a time.
//!
//! A span is kept or dropped by the randomness of its trace, and so with all other spans of the trace, wherever they pass
//! (`forebay_sampling::probability` has the rules). What is kept carries its threshold, spans as `th` in the `tracestate`, log
//! records as the attribute `sampling.threshold`: who counts later knows for how many each stands. Dropped items are booked as sampled
//! out, and their sender is told that all is well.
//!
//! It is the Collector's processor of this name, decision for decision, with these differences:
//!
//! - Of a `tracestate` only the member `ot` is judged. A mistake in another vendor's member does not cost the span.
//! - A threshold that is there already and right stays as it is written (`80` is not shortened to `8`), so that the bytes stay.
//! - An item without randomness that is kept all the same is not given one.
//! - Of log records, `from_attribute` and `attribute_source` hold in every mode, as the Collector's documentation has it; an
//!   array or a map has nothing to be hashed; and a priority of 0 drops.
//! - A priority between 0 and 100 needs randomness: where there is none `fail_closed` decides.
//!
//! A batch in which nothing is dropped and no threshold changes passes on with the bytes that it came with. Nothing is kept
//! between batches.

mod config;
mod decision;
mod meter;
mod records;
mod spans;
#[cfg(test)]
mod tests;

pub use config::{AttributeSource, ProbabilisticSamplerConfig, SamplingMode};

use crate::probability::Wanted;
use decision::Sampler;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Outcome, Signal, SignalSet};
use forebay_otlp::edit::{Edit, Editor};
use meter::{Meter, Tally};
use records::RecordPass;
use spans::SpanPass;
use std::sync::Arc;

/// Makes `probabilistic_sampler` processors.
#[derive(Debug)]
pub struct ProbabilisticSamplerFactory;

impl ProcessorFactory for ProbabilisticSamplerFactory {
    type Config = ProbabilisticSamplerConfig;

    const ABOUT: About = About {
        kind: "probabilistic_sampler",
        summary: "Keeps a share of the traces and log records, and notes on each what it stands for.",
        details: "Use it to pay for a tenth of the traces and still know how many there were. All spans of a trace are kept or \
                  dropped together, on every instance and on every tier, because all go by the same randomness: the last 56 bits \
                  of the trace id, or `rv` in the `tracestate`. Nothing is held back: it needs no memory and adds no delay. It \
                  cannot prefer slow traces or errors; that takes `tail_sampling`.\n\n\
                  Kept spans carry `th` in their `tracestate`, kept log records the attribute `sampling.threshold` \
                  (OpenTelemetry, \"TraceState: Probability Sampling\"): backends that know it count right. A span whose attribute \
                  `sampling.priority` is 0 is dropped, one with a higher number is kept, whatever the percentage.\n\n\
                  It takes traces and logs. Dropped items are counted as sampled out; their sender is told that all is well. \
                  A batch of which nothing is dropped, and whose thresholds are right already, passes on untouched.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &ProbabilisticSamplerConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::of(Signal::Traces).or(SignalSet::of(Signal::Logs)),
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: None,
            takes_custody: false,
            stateful: false,
        }
    }

    fn build(config: ProbabilisticSamplerConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(ProbabilisticSampler::new(
            config,
        ))))
    }
}

#[derive(Debug)]
struct ProbabilisticSampler {
    spans: Sampler,
    records: Sampler,
    source: AttributeSource,
    wanted: Wanted,
    meter: Arc<Meter>,
}

impl ProbabilisticSampler {
    fn new(config: ProbabilisticSamplerConfig) -> Self {
        let wanted = Wanted {
            source: config.from_attribute.clone().unwrap_or_default(),
            priority: config.sampling_priority.clone().unwrap_or_default(),
        };
        ProbabilisticSampler {
            spans: Sampler::new(&config, Signal::Traces),
            records: Sampler::new(&config, Signal::Logs),
            source: config.attribute_source,
            meter: Arc::new(Meter::new(&wanted.source)),
            wanted,
        }
    }

    /// Edits a batch in one pass, and moves on what is left of it.
    fn sample<P: Edit>(
        &self,
        mut batch: Batch,
        mut pass: P,
        tally: impl FnOnce(&P) -> &Tally,
        out: &mut Outputs,
    ) {
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let edited = match editor.edit(batch.signal(), &input, &mut pass) {
            Ok(edited) => edited,
            Err(error) => return rewrite::fail(batch, &error),
        };
        self.meter.add(batch.signal(), tally(&pass));
        if edited.is_unchanged() {
            return out.emit(batch);
        }
        if edited.kept == 0 {
            return batch.discard(Outcome::SampledOut);
        }
        let fresh = Fresh::of(&edited, &input, &batch);
        if edited.dropped > 0 {
            batch.discard_items(edited.dropped as u64, Outcome::SampledOut);
        }
        fresh.replace(&mut batch);
        out.emit(batch);
    }
}

impl Processor for ProbabilisticSampler {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.meter) as _);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        match batch.signal() {
            Signal::Traces => self.sample(batch, SpanPass::new(&self.spans), SpanPass::tally, out),
            Signal::Logs => {
                let pass = RecordPass::new(&self.records, self.source, &self.wanted);
                self.sample(batch, pass, RecordPass::tally, out);
            }
            Signal::Metrics => out.emit(batch),
        }
    }
}
