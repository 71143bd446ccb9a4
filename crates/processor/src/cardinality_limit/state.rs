//! What is kept between batches.

use super::config::{Action, CardinalityLimitConfig};
use super::settings;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{Counts, Limiter, Usage};
use forebay_core::component::ProcessorContext;
use forebay_core::{Clock, ComponentError, Handover};
use std::sync::{Arc, Mutex};

/// What a processor knows, from its start on.
#[derive(Debug)]
pub(super) struct State {
    /// Shared with whoever took over from this one, or had it before.
    pub(super) limiter: Arc<Limiter>,
    config: CardinalityLimitConfig,
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
        let known = before.filter(|before| {
            before.memory == context.memory && settings::differ_in_limits_only(&before.config, config)
        });
        let limiter = match known {
            Some(before) => {
                before.limiter.set_limits(settings::limits(config));
                Arc::clone(&before.limiter)
            }
            None => {
                let settings = settings::settings(config, context.memory, SeriesHasher::random())?;
                Arc::new(Limiter::new(settings))
            }
        };
        Ok(State {
            limiter,
            config: config.clone(),
            memory: context.memory,
            actions: settings::actions(config),
            group_limit: config.group_limit.map(|limit| limit.0),
            total_limit: config.total_limit.0,
            clock: context.node.clock.clone(),
            scraped: Mutex::default(),
        })
    }

    /// The time, in seconds.
    pub(super) fn now(&self) -> u32 {
        u32::try_from(self.clock.now().0.as_secs()).unwrap_or(u32::MAX)
    }
}
