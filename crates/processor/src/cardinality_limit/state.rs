//! What is kept between batches.

use super::config::{Action, CardinalityLimitConfig};
use super::names::{self, ItemLimits};
use super::settings;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{Counts, Limiter, Usage};
use forebay_core::component::ProcessorContext;
use forebay_core::{Clock, ComponentError, Handover, Signal};
use std::sync::{Arc, Mutex};

/// The part of the memory that limits of spans take, and as much those of log records, where there are any: the rest is for series.
const SHARE_OF_ITEMS: u64 = 4;

/// What a processor knows, from its start on.
#[derive(Debug)]
pub(super) struct State {
    /// Shared with whoever took over from this one, or had it before.
    pub(super) limiter: Arc<Limiter>,
    spans: Option<ItemLimits>,
    records: Option<ItemLimits>,
    config: CardinalityLimitConfig,
    /// Of the limiter.
    memory: u64,
    /// The general action and those of the overrides, by the number of their policies.
    pub(super) actions: Vec<Action>,
    pub(super) group_limit: Option<u64>,
    pub(super) total_limit: u64,
    clock: Clock,
    /// What the last scrape has read.
    pub(super) scraped: Mutex<Option<(Counts, Usage)>>,
}

impl State {
    pub(super) fn new(
        config: &CardinalityLimitConfig,
        context: &ProcessorContext,
    ) -> Result<Self, ComponentError> {
        let before = context.predecessor.as_ref().and_then(Handover::state::<State>);
        let before = before.as_deref();
        let (share, idle) = (context.memory / SHARE_OF_ITEMS, config.idle_timeout.seconds());
        let spans = config.spans.as_ref();
        let spans = spans.map(|spans| names::Settings::of_spans(spans, share, idle));
        let records = config.logs.as_ref();
        let records = records.map(|records| names::Settings::of_records(records, share, idle));
        let limited = u64::from(spans.is_some()) + u64::from(records.is_some());
        let memory = context.memory - share * limited;
        let limiter = match before.filter(|before| before.knows_series_of(config, memory)) {
            Some(before) => {
                before.limiter.set_limits(settings::limits(config));
                Arc::clone(&before.limiter)
            }
            None => {
                let settings = settings::settings(config, memory, SeriesHasher::random())?;
                Arc::new(Limiter::new(settings))
            }
        };
        let spans_before = before.and_then(|before| before.spans.as_ref());
        let records_before = before.and_then(|before| before.records.as_ref());
        Ok(State {
            limiter,
            spans: spans.map(|settings| ItemLimits::after(spans_before, settings)),
            records: records.map(|settings| ItemLimits::after(records_before, settings)),
            config: config.clone(),
            memory,
            actions: settings::actions(config),
            group_limit: config.group_limit.map(|limit| limit.0),
            total_limit: config.total_limit.0,
            clock: context.node.clock.clone(),
            scraped: Mutex::default(),
        })
    }

    /// Whether the limiter of this state can be gone on with under another config, whose limiter has so much memory.
    fn knows_series_of(&self, config: &CardinalityLimitConfig, memory: u64) -> bool {
        self.memory == memory && settings::differ_in_limits_only(&self.config, config)
    }

    /// The limits for items of a signal, if there are any.
    pub(super) fn items(&self, signal: Signal) -> Option<&ItemLimits> {
        match signal {
            Signal::Traces => self.spans.as_ref(),
            Signal::Logs => self.records.as_ref(),
            Signal::Metrics => None,
        }
    }

    /// The limits of spans and of log records, as far as there are any.
    pub(super) fn all_items(&self) -> impl Iterator<Item = &ItemLimits> {
        self.spans.iter().chain(&self.records)
    }

    /// The memory that limits of spans and log records take, in bytes.
    pub(super) fn item_bytes(&self) -> u64 {
        self.all_items().map(|limits| limits.reading().memory).sum()
    }

    /// The most that it may be.
    pub(super) fn item_bytes_max(&self) -> u64 {
        self.all_items().map(ItemLimits::bound).sum()
    }

    /// The time, in seconds.
    pub(super) fn now(&self) -> u32 {
        u32::try_from(self.clock.now().0.as_secs()).unwrap_or(u32::MAX)
    }
}
