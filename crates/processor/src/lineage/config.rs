//! What the user writes.

use forebay_core::registry::{Config, Problem};
use forebay_core::{Signal, SignalSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The config of a `lineage` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LineageConfig {
    /// The name of this process in paths: at most 128 bytes, without `/`. Left out: the name of the host, which in Kubernetes is
    /// that of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Whether to write `forebay.path`.
    pub path: bool,
    /// The signals that get `forebay.received_at`. Metrics are not among them unless it is asked for: a moment in the attributes of
    /// their resource makes each of their requests a new set of time series.
    pub received_at: Vec<LineageSignal>,
    /// The most hops in a path, at least 1. A path that has them gets no longer, and is counted: a loop of pipelines ends here.
    pub max_hops: usize,
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineageSignal {
    /// Spans.
    Traces,
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
}

/// The longest name of an instance, in bytes.
const INSTANCE_MAX: usize = 128;

impl Default for LineageConfig {
    fn default() -> Self {
        LineageConfig {
            instance: None,
            path: true,
            received_at: vec![LineageSignal::Traces, LineageSignal::Logs],
            max_hops: 8,
        }
    }
}

impl LineageConfig {
    /// The signals that get `forebay.received_at`.
    pub(super) fn timed(&self) -> SignalSet {
        self.received_at.iter().fold(SignalSet::NONE, |set, signal| {
            set.or(SignalSet::of(match signal {
                LineageSignal::Traces => Signal::Traces,
                LineageSignal::Metrics => Signal::Metrics,
                LineageSignal::Logs => Signal::Logs,
            }))
        })
    }
}

impl Config for LineageConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut blame = |key: &'static str, message: &str, help: &str| {
            problems.push(Problem {
                path: vec![key.into()],
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        if !self.path && self.received_at.is_empty() {
            blame(
                "path",
                "neither a path nor a moment is to be written",
                "set `path = true`, or name signals in `received_at`",
            );
        }
        if self.max_hops == 0 {
            blame("max_hops", "a path has at least one hop", "use 1 or more");
        }
        match &self.instance {
            Some(name) if name.is_empty() => blame(
                "instance",
                "the name of the instance is empty",
                "leave it out for the name of the host",
            ),
            Some(name) if name.len() > INSTANCE_MAX => blame(
                "instance",
                "the name of the instance is longer than 128 bytes",
                "it is written into every resource: use a short one",
            ),
            Some(name) if name.contains('/') => blame(
                "instance",
                "the name of the instance contains `/`, which separates the parts of a hop",
                "use another character",
            ),
            _ => {}
        }
        problems
    }
}
