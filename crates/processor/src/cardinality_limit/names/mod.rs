//! Limits for spans and log records: distinct names of spans, and distinct values of chosen attributes, for each service.
//!
//! A value is templated first, if that is asked for; then it has a place or it has none. What has none becomes [`OVERFLOW`].
//! No item is dropped, and of an item nothing changes but these values, and the attribute that keeps the original where one is to. A batch of
//! which nothing changes passes on with the bytes that it came with.
//!
//! Values are counted for each service by itself, `service.namespace` and `service.name` of the resource together. There is a bound on services
//! as well: those beyond it share one set of places.

mod pass;
mod state;
#[cfg(test)]
mod tests;

use super::config::{LogsConfig, SpansConfig, ValueConfig};
use forebay_cardinality::{SeriesHasher, template};
use forebay_core::component::Outputs;
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, Signal, ValueUse};
use forebay_otlp::edit::{Editor, Sieve};
use forebay_otlp::fields::{log_record, span};
use pass::Pass;
use state::Partition;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What becomes of a value that has no place.
pub(super) const OVERFLOW: &str = "__overflow__";

/// The most parts of the state that are locked by themselves.
const PARTITIONS: u64 = 16;

/// The least memory that is worth a part of its own: bytes.
const PART_BYTES: u64 = 512 << 10;

/// The most services that are counted by themselves, and the share of the memory that is for what is known of each beside its values.
const SERVICES: u64 = 10_000;
const SHARE_OF_SERVICES: u64 = 8;

/// What is limited: an attribute by its key, or the name of spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The name of the span.
    Name,
    /// An attribute of the span or of the log record.
    Attribute(Box<str>),
}

/// What is done about one target.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) target: Target,
    /// The most distinct values of a service that have a place.
    pub(super) limit: u32,
    /// Whether ids in it become placeholders, before it is counted.
    pub(super) template: bool,
    /// The attribute that keeps the original of what was changed, unless the item has it already.
    pub(super) original: Option<Box<str>>,
}

/// What is limited in the items of one signal, and by how much.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) signal: Signal,
    pub(super) rules: Vec<Rule>,
    /// The most services that are counted by themselves.
    pub(super) max_services: u32,
    /// A value or service that was not seen for so long gives its place to another one: seconds.
    pub(super) idle_seconds: u32,
    /// Distinct words in one position of a templated text before further ones become `{var}`.
    pub(super) max_literals: u32,
    /// The most bytes that the state takes. Values for which there is no memory have no place.
    pub(super) memory: u64,
}

impl Settings {
    /// What a config says of spans. `memory` is in bytes.
    pub(super) fn of_spans(config: &SpansConfig, memory: u64, idle_seconds: u32) -> Self {
        let name = config.names.as_ref().map(|names| Rule {
            target: Target::Name,
            limit: whole(names.limit.0),
            template: names.template,
            original: names.original.as_ref().map(|key| key.as_str().into()),
        });
        let attributes = config.attributes.all().iter().map(Rule::of);
        Settings::new(
            Signal::Traces,
            name.into_iter().chain(attributes).collect(),
            memory,
            idle_seconds,
        )
    }

    /// What a config says of log records. `memory` is in bytes.
    pub(super) fn of_records(config: &LogsConfig, memory: u64, idle_seconds: u32) -> Self {
        let rules = config.attributes.all().iter().map(Rule::of);
        Settings::new(Signal::Logs, rules.collect(), memory, idle_seconds)
    }

    fn new(signal: Signal, rules: Vec<Rule>, memory: u64, idle_seconds: u32) -> Self {
        let services = memory / SHARE_OF_SERVICES / state::service_bytes(rules.len()) as u64;
        Settings {
            signal,
            rules,
            max_services: whole(services.clamp(PARTITIONS, SERVICES)),
            idle_seconds,
            max_literals: template::Settings::default().max_literals,
            memory,
        }
    }

    /// Into how many parts the state is cut: few of them if there is little memory.
    fn partitions(&self) -> usize {
        (self.memory / PART_BYTES).clamp(1, PARTITIONS) as usize
    }

    /// Whether the same is limited, by whatever numbers, so that what was learned by others holds.
    fn is_of_the_same(&self, other: &Settings) -> bool {
        let what = |settings: &Settings| -> Vec<(Target, bool)> {
            let rules = settings.rules.iter();
            rules.map(|rule| (rule.target.clone(), rule.template)).collect()
        };
        let numbers = |settings: &Settings| {
            (
                settings.signal,
                settings.max_services,
                settings.max_literals,
                settings.memory,
            )
        };
        what(self) == what(other) && numbers(self) == numbers(other)
    }
}

impl Rule {
    fn of(config: &ValueConfig) -> Rule {
        Rule {
            target: Target::Attribute(config.key.as_str().into()),
            limit: whole(config.limit.0),
            template: config.template,
            original: config.original.as_ref().map(|key| key.as_str().into()),
        }
    }
}

/// What there is now, and what was since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Values that have a place.
    pub(super) values: u64,
    /// Values that were replaced, as there was no place.
    pub(super) overflowed: u64,
    /// Values that were templated.
    pub(super) templated: u64,
    /// Bytes that the state takes.
    pub(super) memory: u64,
}

/// Limits for the items of one signal.
#[derive(Debug)]
pub(super) struct ItemLimits {
    settings: Settings,
    sieve: Sieve,
    state: Arc<State>,
}

/// What is kept between batches.
#[derive(Debug)]
struct State {
    hasher: SeriesHasher,
    partitions: Vec<Mutex<Partition>>,
    overflowed: AtomicU64,
    templated: AtomicU64,
}

impl ItemLimits {
    /// Limits that have seen nothing.
    pub(super) fn new(settings: Settings) -> Self {
        let hasher = SeriesHasher::random();
        let partitions = (0..settings.partitions()).map(|_| Mutex::new(Partition::new(&settings, &hasher)));
        let state = State {
            partitions: partitions.collect(),
            hasher,
            overflowed: AtomicU64::new(0),
            templated: AtomicU64::new(0),
        };
        ItemLimits::over(settings, Arc::new(state))
    }

    /// Limits that take the place of others, when a config is loaded again. Where the same is limited and only by how much has changed,
    /// they share what was learned, and what has a place keeps it; else they begin anew.
    pub(super) fn after(before: Option<&ItemLimits>, settings: Settings) -> Self {
        let Some(before) = before.filter(|before| before.settings.is_of_the_same(&settings)) else {
            return ItemLimits::new(settings);
        };
        for partition in &before.state.partitions {
            lock(partition).set_limits(&settings);
        }
        ItemLimits::over(settings, Arc::clone(&before.state))
    }

    fn over(settings: Settings, state: Arc<State>) -> Self {
        let keys: Vec<usize> = settings.rules.iter().filter_map(key).map(str::len).collect();
        let names = settings.rules.iter().any(|rule| rule.target == Target::Name);
        let (numbers, attributes): (&[u32], u32) = match settings.signal {
            Signal::Logs => (&[], log_record::ATTRIBUTES),
            _ if names => (&[span::NAME], span::ATTRIBUTES),
            _ => (&[], span::ATTRIBUTES),
        };
        ItemLimits {
            sieve: Sieve::new(numbers, attributes, &keys),
            settings,
            state,
        }
    }

    /// The most bytes that the state takes: what the settings say, or the least that it can do with.
    pub(super) fn bound(&self) -> u64 {
        let settings = &self.settings;
        let least = (Partition::least(settings) * settings.partitions()) as u64;
        settings.memory.max(least)
    }

    /// Changes a batch of the signal as the rules say, and moves it on. `now` is in seconds.
    pub(super) fn process(&self, mut batch: Batch, now: u32, out: &mut Outputs) {
        let input = batch.payload().contiguous();
        let mut editor = Editor::new();
        let mut pass = Pass::new(self, now);
        let edited = editor.edit(batch.signal(), &input, &mut pass);
        // No partition stays locked while the batch is put together.
        let tally = pass.finish();
        let edited = match edited {
            Ok(edited) => edited,
            Err(error) => return rewrite::fail(batch, &error),
        };
        if tally.overflowed > 0 {
            self.state
                .overflowed
                .fetch_add(tally.overflowed, Ordering::Relaxed);
        }
        if tally.templated > 0 {
            self.state.templated.fetch_add(tally.templated, Ordering::Relaxed);
        }
        if !edited.is_unchanged() {
            Fresh::of(&edited, &input, &batch).replace(&mut batch);
        }
        out.emit(batch);
    }

    /// What the items are.
    pub(super) fn signal(&self) -> Signal {
        self.settings.signal
    }

    pub(super) fn reading(&self) -> Reading {
        let mut reading = Reading {
            overflowed: self.state.overflowed.load(Ordering::Relaxed),
            templated: self.state.templated.load(Ordering::Relaxed),
            ..Reading::default()
        };
        for partition in &self.state.partitions {
            let partition = lock(partition);
            reading.values += partition.values() as u64;
            reading.memory += partition.memory() as u64;
        }
        reading
    }

    /// The targets with most values that had no place, then those with most that have one: `top` at most.
    pub(super) fn report(&self, top: usize) -> Vec<ValueUse> {
        let mut first = Vec::new();
        for partition in &self.state.partitions {
            lock(partition).report(&self.settings, &mut first);
            first.sort_by_key(|value: &ValueUse| std::cmp::Reverse((value.overflowed, value.live)));
            first.truncate(top);
        }
        first
    }

    /// The part of the state for a service.
    fn partition(&self, service: u64) -> Option<MutexGuard<'_, Partition>> {
        let index = service.checked_rem(self.state.partitions.len() as u64)?;
        self.state.partitions.get(index as usize).map(lock)
    }
}

fn lock(partition: &Mutex<Partition>) -> MutexGuard<'_, Partition> {
    partition.lock().unwrap_or_else(PoisonError::into_inner)
}

fn whole(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The key of a rule's attribute.
fn key(rule: &Rule) -> Option<&str> {
    match &rule.target {
        Target::Name => None,
        Target::Attribute(key) => Some(key),
    }
}
