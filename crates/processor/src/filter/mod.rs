//! `filter`: drops items by what they say, or keeps no others.
//!
//! An item is a span, a log record or a metric data point; a scope, metric or resource that loses its last item goes too.
//! What is dropped is counted as dropped with the reason `filtered`, and its sender is told that all is well.
//!
//! A batch in which nothing is dropped passes on with the bytes that it came with. Else the kept items are copied or, where
//! many stand together, shared with the bytes that came in.

mod config;
#[cfg(test)]
mod tests;

pub use config::{FilterConfig, FilterMode};

use crate::matching::{Selector, Tracker};
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, ComponentError, Outcome, Reason, SignalSet};
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edit, Editor, ItemContext, Patch, Verdict};
use std::sync::Arc;

/// Makes `filter` processors.
#[derive(Debug)]
pub struct FilterFactory;

impl ProcessorFactory for FilterFactory {
    type Config = FilterConfig;

    const ABOUT: About = About {
        kind: "filter",
        summary: "Drops spans, log records and data points that match rules, or keeps no others.",
        details: "Use it for health checks, debug logs and metrics that nobody reads: what is dropped here costs nothing \
                  further on. For traces, prefer a sampler if you want a share of them: a filter that drops single spans \
                  leaves traces with holes.\n\n\
                  Conditions on the resource and the scope are evaluated once for each of them, conditions on names before \
                  those on attributes. Dropped items are counted as dropped with the reason `filtered`; their sender is \
                  told that all is well.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &FilterConfig) -> ProcessorDeclaration {
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

    fn build(config: FilterConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(Arc::new(Filter {
            mode: config.mode,
            rules: config.rules,
        })))
    }
}

#[derive(Debug)]
struct Filter {
    mode: FilterMode,
    rules: Vec<Selector>,
}

impl Processor for Filter {
    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let tracker = Tracker::new(&self.rules, batch.signal());
        if tracker.for_signal() == 0 {
            return out.emit(batch);
        }
        let input = batch.payload().contiguous();
        let mut pass = Pass {
            mode: self.mode,
            tracker,
        };
        let mut editor = Editor::new();
        let edited = match editor.edit(batch.signal(), &input, &mut pass) {
            Ok(edited) => edited,
            Err(error) => return rewrite::fail(batch, &error),
        };
        let filtered = Outcome::Dropped(Reason::Filtered);
        match (edited.dropped, edited.kept) {
            (0, _) => out.emit(batch),
            (_, 0) => batch.discard(filtered),
            (dropped, _) => {
                let fresh = Fresh::of(&edited, &input, &batch);
                batch.discard_items(dropped as u64, filtered);
                fresh.replace(&mut batch);
                out.emit(batch);
            }
        }
    }
}

/// One pass over a request: each item is asked about.
struct Pass<'f> {
    mode: FilterMode,
    tracker: Tracker<'f>,
}

impl Edit for Pass<'_> {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        self.tracker.enter_resource(resource.message()).map(drop)
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        self.tracker.enter_scope(scope.message()).map(drop)
    }

    fn metric(&mut self, metric: &mut Patch<'_>) -> Result<(), WireError> {
        self.tracker.enter_metric(metric.message())
    }

    fn changes_items(&self) -> bool {
        false
    }

    #[inline]
    fn decide(&mut self, context: &ItemContext<'_>) -> Result<Verdict, WireError> {
        let matched = self.tracker.any(context)?;
        Ok(if matched == (self.mode == FilterMode::Keep) {
            Verdict::Keep
        } else {
            Verdict::Drop
        })
    }
}
