//! What a processor has from its start on: the table, and what is counted.

use super::config::LookupConfig;
use super::formats;
use super::plan::Plan;
use forebay_core::component::ProcessorContext;
use forebay_core::{Clock, ComponentError, Handover, Time};
use forebay_lookup::Table;
use forebay_transport::StreamedFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A table, and since when it is there.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) table: Table,
    pub(super) at: Time,
}

#[derive(Debug)]
enum Source {
    /// A file that may change.
    File(StreamedFile<Loaded>),
    /// The rows of a config.
    Config(Arc<Loaded>),
}

/// What became of lookups: a count for each outcome.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// A row was found.
    pub(super) hits: AtomicU64,
    /// None was.
    pub(super) misses: AtomicU64,
    /// There was nothing to look up.
    pub(super) absent: AtomicU64,
}

/// The same counts for one batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) absent: u64,
}

impl Counts {
    pub(super) fn add(&self, tally: Tally) {
        for (count, more) in [
            (&self.hits, tally.hits),
            (&self.misses, tally.misses),
            (&self.absent, tally.absent),
        ] {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }
}

/// What is handed over when the config is loaded again: a processor whose table is made in the same way goes on with it.
#[derive(Debug)]
pub(super) struct State {
    plan: Plan,
    source: Source,
    pub(super) counts: Counts,
    pub(super) clock: Clock,
}

/// Lets other work of this thread go on elsewhere while `work` blocks, where there is a runtime that can.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

impl State {
    /// The state of the processor whose place this one takes, if its table is the same, else one with a table that is read now.
    pub(super) fn new(
        config: &LookupConfig,
        context: &ProcessorContext,
    ) -> Result<Arc<Self>, ComponentError> {
        let plan = Plan::new(config);
        let before = context.predecessor.as_ref().and_then(Handover::state::<State>);
        let state = match before.filter(|before| before.plan == plan) {
            Some(before) => before,
            None => Arc::new(State {
                source: Source::load(config, &plan, &context.node.clock)?,
                plan,
                counts: Counts::default(),
                clock: context.node.clock.clone(),
            }),
        };
        if let Source::File(file) = &state.source {
            file.follow(config.reload_interval.0, &context.node);
        }
        Ok(state)
    }

    /// The table to use now: whoever asks once for a whole request sees but one.
    pub(super) fn table(&self) -> Arc<Loaded> {
        match &self.source {
            Source::File(file) => file.current(),
            Source::Config(loaded) => Arc::clone(loaded),
        }
    }

    /// How many contents of the file could not be used.
    pub(super) fn failures(&self) -> u64 {
        match &self.source {
            Source::File(file) => file.failures(),
            Source::Config(_) => 0,
        }
    }

    /// The most bytes that the table may take.
    pub(super) fn max_bytes(&self) -> u64 {
        self.plan.limits.bytes
    }
}

impl Source {
    fn load(config: &LookupConfig, plan: &Plan, clock: &Clock) -> Result<Self, ComponentError> {
        let loaded = |table, clock: &Clock| Loaded {
            table,
            at: clock.now(),
        };
        let Some(path) = plan.path.clone() else {
            let table =
                formats::inline(plan, &config.table.rows).map_err(|(_, words)| ComponentError::new(words))?;
            return Ok(Source::Config(Arc::new(loaded(table, clock))));
        };
        let (plan, clock) = (plan.clone(), clock.clone());
        let parse = move |stream: forebay_transport::Stream<'_>| {
            let table = formats::read(&plan, stream)?;
            Ok(loaded(table, &clock))
        };
        blocking(|| StreamedFile::load("table.path", path, parse)).map(Source::File)
    }
}
