//! What a config comes to: the same for all shards.

use super::config::{OnFull, TailSamplingConfig};
use forebay_core::ComponentError;
use forebay_core::settings::{Count, Period};
use forebay_sampling::policy::{Limiters, Plan};
use std::sync::Arc;

/// Settings of one processor.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) plan: Arc<Plan>,
    /// What has passed by policies that limit rates, in all shards together.
    pub(super) limiters: Arc<Limiters>,
    /// How many shards there are.
    pub(super) shards: usize,
    /// The longest that a trace is waited for, in nanoseconds.
    pub(super) decision_wait: u64,
    /// How long a trace has to be quiet once its root is there, in nanoseconds; 0: that decides nothing.
    pub(super) quiet_after_root: u64,
    /// Whether a trace is decided as soon as nothing can change the decision.
    pub(super) decide_early: bool,
    pub(super) on_full: OnFull,
    /// The most traces of all shards together, if the config says.
    pub(super) num_traces: Option<usize>,
    /// The most bytes of one trace, if the config says.
    pub(super) max_trace_bytes: Option<u64>,
    /// Whether kept items say which policy kept them.
    pub(super) record_policy: bool,
    /// Decisions that are written to the log in a second, by each shard.
    pub(super) log_decisions: u64,
    /// What hashes depend on.
    pub(super) seed: u64,
}

impl Settings {
    pub(super) fn new(config: &TailSamplingConfig, shards: usize) -> Result<Self, ComponentError> {
        let plan = Arc::new(config.plan().map_err(ComponentError::new)?);
        let nanos = |Period(period)| u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let Count(log_decisions) = config.log_decisions;
        Ok(Settings {
            limiters: Arc::new(plan.limiters()),
            plan,
            shards,
            decision_wait: nanos(config.decision_wait),
            quiet_after_root: nanos(config.quiet_after_root),
            decide_early: config.decide_early,
            on_full: config.on_full,
            num_traces: config
                .num_traces
                .map(|Count(most)| usize::try_from(most).unwrap_or(usize::MAX)),
            max_trace_bytes: config.max_trace_bytes.map(|size| size.0),
            record_policy: config.record_policy,
            log_decisions: log_decisions.div_ceil(shards as u64),
            seed: fastrand::u64(..),
        })
    }
}
