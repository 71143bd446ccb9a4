//! What the user writes.

mod policy;
mod rules;
mod words;

#[cfg(test)]
mod tests;

pub use policy::{Policies, PolicyConfig, PolicyTable, RateAllocation};
pub use words::{Context, Percent, PolicyType, StatusWord};

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Budget, Count, Period, Ratio, Size};
use forebay_sampling::policy::{Plan, PlanError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest `decision_wait`: an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The config of a `tail_sampling` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TailSamplingConfig {
    /// What is kept, 1 to 64 policies. A trace is kept if one of them says so and none of type `drop` drops it. Left out: one policy
    /// `error_or_slow`, which keeps traces with an error, traces that take a second or longer, and 1% of all others.
    pub policies: Policies,
    /// How long a trace is waited for at most, from the arrival of its first span: above 0, up to 1h. Most are decided sooner.
    pub decision_wait: Period,
    /// Once the root span is there: how long nothing of the trace must come for the trace to be decided. 0: the root changes nothing.
    pub quiet_after_root: Period,
    /// Whether a trace is decided as soon as no further span can change the decision: a policy that keeps every trace with an
    /// error need not wait for the rest of the trace. Spans that come later follow the decision.
    pub decide_early: bool,
    /// The most memory that the traces held take, with all that is kept about them: a size, or a share of the memory budget of
    /// the process.
    pub max_bytes: Budget,
    /// The most traces that are held at a time. Left out: as many as fit into `max_bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_traces: Option<Count>,
    /// The most bytes of one trace: a trace that reaches them is decided on what is there. The Collector's
    /// `maximum_trace_size_bytes`. Left out: no such limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trace_bytes: Option<Size>,
    /// What happens when there is no room for another span.
    pub on_full: OnFull,
    /// What happens to log records.
    pub logs: LogRecords,
    /// Whether kept spans say by the attribute `tailsampling.policy` which policy kept them, and by
    /// `tailsampling.composite_policy` which rule of it, if it is composite.
    pub record_policy: bool,
    /// How many decisions are written to the log in a second, with their reasons. `forebay why` answers for any trace, also where this
    /// is 0.
    pub log_decisions: Count,
}

impl Default for TailSamplingConfig {
    fn default() -> Self {
        TailSamplingConfig {
            policies: Policies::default(),
            decision_wait: Period(Duration::from_secs(30)),
            quiet_after_root: Period(Duration::from_secs(1)),
            decide_early: true,
            max_bytes: Budget::Share(Ratio(0.5)),
            num_traces: None,
            max_trace_bytes: None,
            on_full: OnFull::default(),
            logs: LogRecords::default(),
            record_policy: false,
            log_decisions: Count(0),
        }
    }
}

/// What happens when there is no room for another span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// The oldest traces are decided on what is there of them.
    #[default]
    DecideOldest,
    /// Senders wait until traces have been decided in their time.
    Wait,
}

/// What happens to log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogRecords {
    /// They go past it: the processor takes spans only, and a pipeline of log records leads by another way.
    #[default]
    Pass,
    /// Those with a trace id are held with their trace, within the same memory, and are kept or dropped with it. Those without one
    /// pass at once.
    Follow,
}

impl TailSamplingConfig {
    /// The policies, compiled.
    ///
    /// # Errors
    ///
    /// None for policies that were read from a config, which checks them.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        self.policies.plan()
    }
}

impl Config for TailSamplingConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut blame = |key: &'static str, message: &str, help: &str| {
            problems.push(Problem {
                path: vec![key.into()],
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        let wait = self.decision_wait.0;
        if wait.is_zero() || wait > LONGEST_WAIT {
            blame(
                "decision_wait",
                "a trace is waited for above 0 and at most an hour",
                "the spans of most traces arrive within \"30s\"",
            );
        } else if self.quiet_after_root.0 > wait {
            blame(
                "quiet_after_root",
                "no trace is waited for longer than `decision_wait`, and so `quiet_after_root` has no effect",
                "make it shorter; \"0s\" turns it off",
            );
        }
        if self.num_traces == Some(Count(0)) {
            blame(
                "num_traces",
                "no trace could ever be held",
                "leave it out: `max_bytes` bounds what is held",
            );
        }
        if self.max_trace_bytes == Some(Size(0)) {
            blame(
                "max_trace_bytes",
                "every trace would be decided on its first span",
                "leave it out: then there is no such limit",
            );
        }
        problems
    }
}
