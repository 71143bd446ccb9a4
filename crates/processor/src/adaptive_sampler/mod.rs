//! `adaptive_sampler`: lets through as many spans and log records as a target says, fairly among keys, while traffic swings.
//!
//! It looks through a batch twice: first for what there is of each key, which the controller
//! (`forebay_sampling::adaptive`) answers with a threshold for each of them; then each item is compared with the threshold of
//! its key. Nothing is held back. A batch of which nothing is thinned is not looked through a second time, and passes on with the bytes that
//! it came with.
//!
//! # What is decided, and what is written
//!
//! - An item is kept if its randomness R (`rv`, else the last 56 bits of the trace id) is not below the threshold of its key. The
//!   spans of a trace share R: where their keys differ, all that a key with a higher threshold keeps of a trace, one with a lower
//!   threshold keeps as well.
//! - What arrives with a threshold leaves with the higher of the two, as after any equalizing stage; what arrives without one leaves with
//!   that of its key, or without one if its key is kept whole.
//! - An item without trace id and without `rv` gets a randomness by chance, which is written into it together with the threshold,
//!   so that later stages decide consistently. Had it a threshold already, its randomness is one that passes it.
//! - A threshold on arrival that cannot be read, or that the item's own randomness does not pass, is not believed: the item
//!   is treated, and counted by what comes after, as one that was not sampled before.
//! - A `tracestate` that cannot be read or has no room for `th` is replaced, where it must be written to, by one that has nothing but `rv`
//!   and `th`.

mod config;
mod keys;
mod state;
mod survey;
#[cfg(test)]
mod tests;

mod thin;

pub use config::AdaptiveSamplerConfig;
pub use keys::KeyPart;

use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Outcome, Signal, SignalSet};
use forebay_otlp::edit::Editor;
use keys::KeyPlan;
use state::{Channel, State};
use std::sync::Arc;
use survey::Survey;
use thin::Thin;

/// What one key takes in memory at most, in bytes: its place in the table and in the order by weight, which may have grown to twice what
/// they need, 150; and the weights by classes of thresholds, where anything was sampled before.
const KEY_BYTES: u64 = 450;

/// Makes `adaptive_sampler` processors.
#[derive(Debug)]
pub struct AdaptiveSamplerFactory;

impl ProcessorFactory for AdaptiveSamplerFactory {
    type Config = AdaptiveSamplerConfig;

    const ABOUT: About = About {
        kind: "adaptive_sampler",
        summary: "Keeps to a rate of spans and log records while traffic swings, fairly among services, routes or whatever \
                  is named.",
        details: "Use it where the bill or the backend sets the rate, not the traffic: it chooses the probabilities by itself, \
                  anew with every batch. Each key (by default service, span name, status and severity) is let through whole up \
                  to a level that is the same for all; so what is rare, as errors are, is kept, and what there is plenty of is \
                  thinned most. The target is met over `window`, within 10% if there are ten batches a second or more; a \
                  tenfold step costs about half a second's worth of it.\n\n\
                  All instances and tiers decide by the same randomness of a trace. So traces stay whole as far as their spans are of keys \
                  that are thinned alike; a trace of which only some spans are kept has kept those of the rarer keys. Choose \
                  `keys` of the resource only, if holes in traces hurt more than they help. Tail sampling keeps traces whole.\n\n\
                  What is kept of a key that is thinned carries its threshold: spans as `th` in their `tracestate`, log records as the \
                  attribute `sampling.threshold` (OpenTelemetry, \"TraceState: Probability Sampling\"), so that counts \
                  estimated from it stay right. What was sampled before keeps its threshold if that is higher. Items \
                  without trace id are decided about by chance, which is noted on those that stay.\n\n\
                  It takes traces and logs, each with a target of its own. Dropped items are counted as sampled out; their \
                  sender is told that all is well. A batch of which nothing is thinned passes on untouched.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &AdaptiveSamplerConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::of(Signal::Traces).or(SignalSet::of(Signal::Logs)),
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds {
                items: 0,
                bytes: config.max_keys.0.saturating_mul(2 * KEY_BYTES),
            },
            memory: None,
            takes_custody: false,
            stateful: false,
        }
    }

    fn build(config: AdaptiveSamplerConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        let sampler = AdaptiveSampler::new(&config, fastrand::Rng::new());
        Ok(BuiltProcessor::Stateless(Arc::new(sampler)))
    }
}

#[derive(Debug)]
struct AdaptiveSampler {
    plan: KeyPlan,
    counts_bytes: bool,
    state: Arc<State>,
}

impl AdaptiveSampler {
    /// `chance` is for items without randomness, and for the hash of keys.
    fn new(config: &AdaptiveSamplerConfig, mut chance: fastrand::Rng) -> Self {
        AdaptiveSampler {
            plan: KeyPlan::new(&config.keys, chance.u64(..)),
            counts_bytes: config.counts_bytes(),
            state: Arc::new(State::new(config.settings(), chance)),
        }
    }

    fn sample(&self, mut batch: Batch, channel: &Channel, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let mut survey = Survey::new(&self.plan, batch.items(), self.counts_bytes);
        if let Err(error) = editor.edit(batch.signal(), &input, &mut survey) {
            return rewrite::fail(batch, &error);
        }
        let now = self.state.now(batch.received_at());
        let chance = channel.offer(now, &mut survey.tally);
        if survey.tally.keeps_all() {
            return self.pass_on(batch, channel, out);
        }
        let edited = match editor.edit(batch.signal(), &input, &mut Thin::new(survey, chance)) {
            Ok(edited) => edited,
            Err(error) => return rewrite::fail(batch, &error),
        };
        if edited.kept == 0 && edited.dropped > 0 {
            return batch.discard(Outcome::SampledOut);
        }
        if !edited.is_unchanged() {
            let fresh = Fresh::of(&edited, &input, &batch);
            batch.discard_items(edited.dropped as u64, Outcome::SampledOut);
            fresh.replace(&mut batch);
        }
        self.pass_on(batch, channel, out);
    }

    /// Emits what is kept, and counts it.
    fn pass_on(&self, batch: Batch, channel: &Channel, out: &mut Outputs) {
        channel.settle(if self.counts_bytes {
            batch.bytes()
        } else {
            batch.items()
        });
        out.emit(batch);
    }
}

impl Processor for AdaptiveSampler {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        self.state.start(context.node.clock.clone());
        context.node.instruments.add(Arc::clone(&self.state) as _);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        let Some(channel) = self.state.channel(batch.signal()) else {
            return out.emit(batch);
        };
        self.sample(batch, channel, out);
    }
}
