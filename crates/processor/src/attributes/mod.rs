//! `attributes`: changes attributes of resources, scopes, items and span events.
//!
//! The bytes of a request stay where they are, apart from the attributes that change and the length prefixes around them
//! (see `forebay_otlp::edit`). Changes of resources do not look at items at all.

mod action;
mod config;
mod context;
mod program;
mod table;
#[cfg(test)]
mod tests;
mod truncate;
mod value;

pub use action::{Action, ActionKind, ActionTable};
pub use config::AttributesConfig;
pub use context::Known;
pub use value::{ConfigValue, ValueType};

use crate::matching::{Selector, Tracker};
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Signal, SignalSet};
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edit, Editor, ItemContext, Level, Patch, Verdict};
use forebay_otlp::fields::{span, span_event};
use program::{Program, Scratch};
use std::sync::Arc;

/// Makes `attributes` processors.
#[derive(Debug)]
pub struct AttributesFactory;

impl ProcessorFactory for AttributesFactory {
    type Config = AttributesConfig;

    const ABOUT: About = About {
        kind: "attributes",
        summary: "Inserts, updates, deletes, keeps, renames, hashes, truncates, extracts and converts attributes.",
        details: "Use it to add what is known of the place (environment, cluster, region) to resources, to take out or hash \
                  what must not leave it, and to bring names in line.\n\n\
                  Put a change under `resource` where it is true for all items of a resource: it costs the same for one \
                  item as for a million. A change under `item` reads the attributes of each item. Lists without \
                  conditions of single actions, without `extract`, `from_context` and `default_value` are the cheapest. Nothing is dropped.\n\n\
                  There is no SHA-1, and no MD5: what they hash is found as soon as somebody tries.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &AttributesConfig) -> ProcessorDeclaration {
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

    fn build(config: AttributesConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(Attributes::new(config))))
    }
}

/// The bit of the processor's own selector.
const PROCESSOR: u64 = 1;

#[derive(Debug)]
struct Attributes {
    /// The processor's own, then those of the actions that have one.
    selectors: Vec<Selector>,
    resource: Program,
    scope: Program,
    item: Program,
    event: Program,
}

impl Attributes {
    fn new(config: AttributesConfig) -> Self {
        let mut selectors = vec![config.when];
        let mut compile = |actions| {
            Program::compile(actions, |action| match &action.when {
                Some(when) => {
                    selectors.push(when.clone());
                    1 << (selectors.len() - 1)
                }
                None => 0,
            })
        };
        let (resource, scope) = (compile(config.resource), compile(config.scope));
        let (item, event) = (compile(config.item), compile(config.event));
        Attributes {
            selectors,
            resource,
            scope,
            item,
            event,
        }
    }

    /// The innermost level that has to be looked at, if any.
    fn level(&self, signal: Signal) -> Option<Level> {
        if !self.item.is_empty() || (signal == Signal::Traces && !self.event.is_empty()) {
            Some(Level::Item)
        } else if !self.scope.is_empty() {
            Some(Level::Scope)
        } else {
            (!self.resource.is_empty()).then_some(Level::Resource)
        }
    }
}

impl Processor for Attributes {
    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let signal = batch.signal();
        let tracker = Tracker::new(&self.selectors, signal);
        let level = match self.level(signal) {
            Some(level) if tracker.for_signal() & PROCESSOR != 0 => level,
            _ => return out.emit(batch),
        };
        let input = batch.payload().contiguous();
        let mut pass = Pass {
            plan: self,
            level,
            tracker,
            scratch: Scratch::new(batch.origin()),
        };
        let mut editor = Editor::new();
        match editor.edit(signal, &input, &mut pass) {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }
}

/// One pass over a request.
struct Pass<'p> {
    plan: &'p Attributes,
    level: Level,
    tracker: Tracker<'p>,
    scratch: Scratch<'p>,
}

impl Edit for Pass<'_> {
    fn level(&self) -> Level {
        self.level
    }

    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        let holding = self.tracker.enter_resource(resource.message())?;
        if holding & PROCESSOR == 0 {
            return Ok(());
        }
        self.plan.resource.apply(holding, resource, &mut self.scratch)
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        let holding = self.tracker.enter_scope(scope.message())?;
        if holding & PROCESSOR == 0 {
            return Ok(());
        }
        self.plan.scope.apply(holding, scope, &mut self.scratch)
    }

    fn metric(&mut self, metric: &mut Patch<'_>) -> Result<(), WireError> {
        self.tracker.enter_metric(metric.message())
    }

    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let holding = self.tracker.all(context)?;
        if holding & PROCESSOR != 0 {
            let Pass { plan, scratch, .. } = self;
            plan.item.apply(holding, item, scratch)?;
            if context.signal == Signal::Traces && !plan.event.is_empty() {
                item.each(span::EVENTS, span_event::ATTRIBUTES, |event| {
                    plan.event.apply(holding, event, scratch)
                })?;
            }
        }
        Ok(Verdict::Keep)
    }
}
