//! `redaction`: nothing leaves that must not.
//!
//! A request is walked over once, whatever the number of rules: each attribute, name, message and body is looked at where it stands, and only
//! what something is found in is written anew (see `forebay_otlp::edit`). What is looked for, and how, is in `forebay_redaction`.
//!
//! | file | holds |
//! |---|---|
//! | `shapes.rs` | the table of what there is in each message |
//! | `walk.rs`, `entries.rs`, `values.rs` | the walk: messages, attributes, values |
//! | `counts.rs`, `workbench.rs` | what a walk counts, and what it works with |
//! | `plan.rs`, `cleaning.rs` | the config, compiled |
//! | `keys.rs` | what is said of keys, and what was said lately |
//! | `tally.rs`, `summary.rs` | what operators see, and what items say of themselves |

mod cleaning;
pub mod config;
mod counts;
mod entries;
mod keys;
mod plan;
mod shapes;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod workbench;

use config::RedactionConfig;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Outcome, Reason, SignalSet};
use forebay_otlp::edit::Editor;
use plan::Plan;
use sha2::{Digest, Sha256};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use tally::Meter;
use walk::Walk;
use workbench::Workbench;

/// Makes `redaction` processors.
#[derive(Debug)]
pub struct RedactionFactory;

/// How many workbenches are kept: as many batches are walked over at a time without making another one.
const BENCHES: usize = 8;

/// About what one takes: what is said of keys, and buffers that give back what is above 64 KiB each.
const BENCH_BYTES: u64 = 768 << 10;

impl ProcessorFactory for RedactionFactory {
    type Config = RedactionConfig;

    const ABOUT: About = About {
        kind: "redaction",
        summary: "Finds what must not leave, by keys and by patterns in values, and masks, hashes, cuts or drops it.",
        details: include_str!("details.txt"),
        example: include_str!("example.toml"),
    };

    fn declare(_: &RedactionConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds {
                items: 0,
                bytes: BENCHES as u64 * BENCH_BYTES,
            },
            memory: None,
            takes_custody: false,
            stateful: false,
        }
    }

    fn build(config: RedactionConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(Redaction::new(&config)?)))
    }
}

struct Redaction {
    plan: Plan,
    meter: Arc<Meter>,
    /// Whether hashes are by a key that nobody else has.
    has_random_key: bool,
    benches: Mutex<Vec<Workbench>>,
}

/// The plan has keys of hashes in it.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

impl Redaction {
    fn new(config: &RedactionConfig) -> Result<Self, ComponentError> {
        let plan = match &config.hash_key {
            Some(key) => Plan::new(config, key.bytes()),
            None => Plan::new(config, &random_key()),
        };
        Ok(Redaction {
            plan: plan.map_err(|problem| ComponentError::new(problem.message))?,
            meter: Arc::new(Meter::new(Plan::names(config), config.on_error)),
            has_random_key: config.hashes() && config.hash_key.is_none(),
            benches: Mutex::default(),
        })
    }

    fn take_bench(&self) -> Workbench {
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        benches.pop().unwrap_or_default()
    }

    fn give_back(&self, mut bench: Workbench) {
        bench.tidy();
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        if benches.len() < BENCHES {
            benches.push(bench);
        }
    }
}

/// A key that nobody else has: what the standard library draws from the system for each process, spread over the length of a key.
fn random_key() -> [u8; 32] {
    let mut digest = Sha256::new();
    for counter in 0_u64..4 {
        digest.update(RandomState::new().hash_one(counter).to_le_bytes());
    }
    digest.finalize().into()
}

impl Processor for Redaction {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.meter) as _);
        if self.has_random_key {
            tracing::warn!(
                node = &*context.node.name,
                "values are hashed with a key that was drawn at random, as `hash_key` is not set: hashes of other instances, and \
                 of this one after its next start, will be others"
            );
        }
        Ok(())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut bench = self.take_bench();
        bench.tally.begin(self.plan.named());
        let mut editor = Editor::new();
        let mut walk = Walk::new(&self.plan, &mut bench);
        let edited = match editor.edit(batch.signal(), &input, &mut walk) {
            Ok(edited) => edited,
            Err(error) => return rewrite::fail(batch, &error),
        };
        self.meter.add(&bench.tally);
        self.give_back(bench);
        if edited.is_unchanged() {
            return out.emit(batch);
        }
        let redacted = Outcome::Dropped(Reason::Redacted);
        if edited.dropped > 0 && edited.kept == 0 {
            return batch.discard(redacted);
        }
        let fresh = Fresh::of(&edited, &input, &batch);
        if edited.dropped > 0 {
            batch.discard_items(edited.dropped as u64, redacted);
        }
        fresh.replace(&mut batch);
        out.emit(batch);
    }
}
