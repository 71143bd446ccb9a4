//! `lineage`: writes into resources by which way and when their items came.
//!
//! `forebay.path` is an array with one string for each process that has this processor: the instance and the nodes that the items went
//! through there, `agent-7/otlp/k8s/lineage`. `forebay.received_at` is the moment, in nanoseconds since the Unix epoch, at which the first
//! of them had received the items. Both are our own: the semantic conventions have no names for them.

mod config;
mod hop;

pub use config::{LineageConfig, LineageSignal};

use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, Clock, ComponentError, SignalSet};
use forebay_otlp::WireError;
use forebay_otlp::edit::{AttributeSet, AttributeValue, Editor, Level, Patch, Present};
use forebay_telemetry::catalog::{Metric, components::LINEAGE_FULL_PATHS};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The attribute with the way that the items of a resource came.
pub const PATH: &str = "forebay.path";
/// The attribute with the moment at which they were received first.
pub const RECEIVED_AT: &str = "forebay.received_at";

/// Makes `lineage` processors.
#[derive(Debug)]
pub struct LineageFactory;

impl ProcessorFactory for LineageFactory {
    type Config = LineageConfig;

    const ABOUT: About = About {
        kind: "lineage",
        summary: "Writes by which way and when items came into their resources.",
        details: "Use it to see where data came from and how long it took. It adds to each resource\n\n\
                  - `forebay.path`, an array of strings: one for each process on the way that has this processor, with the name of the \
                  instance and of the nodes that the items went through in it, up to and including this one: `agent-7/otlp/k8s/lineage`;\n\
                  - `forebay.received_at`, an integer: when the first of these processes had the items whole, in nanoseconds since \
                  the Unix epoch. Data points get none unless it is asked for.\n\n\
                  Put it at the end of a pipeline. A stage that keeps items and sends them in other company, such as `tail_sampling`, \
                  begins their way in the process anew: put one in front of it too, and there are two hops of that process.\n\n\
                  Senders can write these attributes themselves: at the edge of what is trusted delete them first, with an `attributes` \
                  processor. Nothing is dropped. `forebay.received_at` makes equal resources of different requests differ: they are not put \
                  together any more by `resource_compaction`, and compress worse.",
        example: include_str!("example.toml"),
    };

    fn declare(_: &LineageConfig) -> ProcessorDeclaration {
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

    fn build(config: LineageConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        let instance = match &config.instance {
            Some(instance) => instance.clone(),
            None => host_name(),
        };
        Ok(BuiltProcessor::Stateless(Arc::new(Lineage {
            instance,
            path: config.path,
            timed: config.timed(),
            most: config.max_hops,
            place: OnceLock::new(),
            full: Arc::default(),
        })))
    }
}

/// The name of the host, with nothing in it that has a meaning in a path.
fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().replace('/', "_")
}

/// Where it runs.
#[derive(Debug)]
struct Surroundings {
    names: Arc<[Arc<str>]>,
    clock: Clock,
}

/// Counts paths that get no longer.
#[derive(Debug, Default)]
struct FullPaths(AtomicU64);

impl Instruments for FullPaths {
    fn families(&self) -> &'static [&'static Metric] {
        &[&LINEAGE_FULL_PATHS]
    }

    fn write(&self, _: &'static Metric, node: &str, family: &mut Family<'_>) {
        family.count(&[node], self.0.load(Ordering::Relaxed));
    }
}

#[derive(Debug)]
struct Lineage {
    instance: String,
    path: bool,
    timed: SignalSet,
    most: usize,
    place: OnceLock<Surroundings>,
    full: Arc<FullPaths>,
}

impl Lineage {
    /// When the batch was received, in nanoseconds since the Unix epoch, where that is to be written.
    fn moment(&self, batch: &Batch, place: &Surroundings) -> Option<AttributeSet> {
        if !self.timed.contains(batch.signal()) {
            return None;
        }
        let age = place.clock.now().since(batch.received_at()).as_nanos();
        let nanos = place
            .clock
            .unix_nanos()
            .saturating_sub(u64::try_from(age).unwrap_or(u64::MAX));
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Some(AttributeSet::new([(RECEIVED_AT, AttributeValue::Int(nanos))]))
    }

    /// Makes the path of a resource longer by `hop`.
    fn lengthen(&self, resource: &mut Patch<'_>, hop: &str) -> Result<(), WireError> {
        let mut hops = hop::hops(resource.attribute(PATH.as_bytes())?.unwrap_or_default())?;
        if hops.len() >= self.most {
            self.full.0.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        hops.push(AttributeValue::String(hop));
        let path = AttributeSet::new([(PATH, AttributeValue::Array(&hops))]);
        resource.put_attributes(&[&path], Present::Replace)?;
        Ok(())
    }
}

impl Processor for Lineage {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.full) as _);
        self.place.get_or_init(|| Surroundings {
            names: Arc::clone(&context.names),
            clock: context.node.clock.clone(),
        });
        Ok(())
    }

    fn process(&self, mut batch: Batch, out: &mut Outputs) {
        let Some(place) = self.place.get() else {
            return out.emit(batch);
        };
        let moment = self.moment(&batch, place);
        let hop = self
            .path
            .then(|| hop::hop(&self.instance, batch.trail(), &place.names));
        if moment.is_none() && hop.is_none() {
            return out.emit(batch);
        }
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let edited = editor.edit_level(batch.signal(), &input, Level::Resource, |resource| {
            if let Some(hop) = &hop {
                self.lengthen(resource, hop)?;
            }
            if let Some(moment) = &moment {
                resource.put_attributes(&[moment], Present::Keep)?;
            }
            Ok(())
        });
        match edited {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }
}

#[cfg(test)]
mod tests;
