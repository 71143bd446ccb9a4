//! `lookup`: puts in what a table says of an attribute: the owner of a namespace, the region of an address, the tier of a customer.
//!
//! The table is in memory (`forebay_lookup`), and is read again beside the traffic when its file changes: a request is looked up
//! in the old table or in the new one, never in both.
//!
//! | file | holds |
//! |---|---|
//! | `config/` | what the user wrote |
//! | `plan.rs` | what it comes to: how a table is made |
//! | `formats/` | reading tables |
//! | `state.rs` | the table, followed and handed over |
//! | `pass.rs` | looking up and putting in |
//! | `meter.rs` | what operators see |

pub mod config;
mod formats;
mod meter;
mod pass;
mod plan;
mod state;

#[cfg(test)]
mod tests;

use crate::attributes::Known;
use config::LookupConfig;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::settings::{Budget, Size};
use forebay_core::{Batch, ComponentError, Handover, SignalSet};
use forebay_lookup::Column;
use forebay_otlp::edit::{Editor, Present};
use pass::Pass;
use state::State;
use std::sync::{Arc, OnceLock};

/// What reading a file takes beside the table: a row, what is made of it, and what is read ahead.
const READING: u64 = 4 << 20;

/// Makes `lookup` processors.
#[derive(Debug)]
pub struct LookupFactory;

impl ProcessorFactory for LookupFactory {
    type Config = LookupConfig;

    const ABOUT: About = About {
        kind: "lookup",
        summary: "Puts in what a table says of an attribute: CSV, JSON lines, TOML or a MaxMind database.",
        details: include_str!("details.txt"),
        example: include_str!("example.toml"),
    };

    fn declare(config: &LookupConfig) -> ProcessorDeclaration {
        let memory = match config.table.path {
            Some(_) => config.max_bytes.0.saturating_mul(2).saturating_add(READING),
            None => plan::INLINE_MAX,
        };
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: Some(Budget::Size(Size(memory))),
            stateful: false,
            takes_custody: false,
        }
    }

    fn build(config: LookupConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(Lookup::new(config))))
    }
}

/// An attribute that is put in.
#[derive(Debug)]
struct Attribute {
    key: String,
    /// The body of the `AnyValue` that stands in for a missing value.
    default: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Lookup {
    config: LookupConfig,
    attributes: Vec<Attribute>,
    present: Present,
    /// From the start on.
    state: OnceLock<Arc<State>>,
}

impl Lookup {
    fn new(config: LookupConfig) -> Self {
        let attributes = config.attributes.iter().map(|attribute| Attribute {
            key: attribute.key().to_owned(),
            default: attribute.default.as_ref().and_then(|default| {
                let column = Column {
                    name: attribute.column.clone(),
                    kind: attribute.kind.into(),
                };
                let mut body = Vec::new();
                column.encode(plan::cell(default)?, &mut body).ok()?;
                Some(body)
            }),
        });
        Lookup {
            attributes: attributes.collect(),
            present: if config.replace {
                Present::Replace
            } else {
                Present::Keep
            },
            config,
            state: OnceLock::new(),
        }
    }
}

impl Processor for Lookup {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        let state = State::new(&self.config, context)?;
        let state = self.state.get_or_init(|| state);
        context.node.instruments.add(Arc::clone(state) as _);
        Ok(())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let signal = batch.signal();
        let Some(state) = self.state.get() else {
            return out.emit(batch);
        };
        if !self.config.when.signals().contains(signal) {
            return out.emit(batch);
        }
        let loaded = state.table();
        let input = batch.payload().contiguous();
        let mut pass = Pass::new(self, &loaded, signal, batch.origin());
        let mut editor = Editor::new();
        let edited = editor.edit(signal, &input, &mut pass);
        state.counts.add(pass.tally);
        match edited {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }

    fn hand_over(&self) -> Option<Handover> {
        Some(Handover::new(Arc::clone(self.state.get()?)))
    }
}
