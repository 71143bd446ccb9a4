//! What a config says: nodes, pipelines, edges and the settings of the process, each with its place in the text.

use forebay_core::settings::{Budget, OnFull, Period};
use forebay_core::{Place, Section, Signal, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;

/// A whole config, merged from all its texts. References are resolved; types and ports are not looked up yet.
#[derive(Clone, Debug)]
pub struct GraphSpec {
    /// The texts, in the order in which they were given.
    pub sources: Vec<Arc<Source>>,
    /// `[receivers.NAME]`, in the order of the texts.
    pub receivers: Vec<NodeSpec>,
    /// `[processors.NAME]`.
    pub processors: Vec<NodeSpec>,
    /// `[exporters.NAME]`.
    pub exporters: Vec<NodeSpec>,
    /// `[pipelines.NAME]`.
    pub pipelines: Vec<PipelineSpec>,
    /// `[edges."A -> B"]`.
    pub edges: Vec<EdgeSpec>,
    /// `[memory]`, `[admin]`, `[log]`, `[shutdown]`, `[runtime]`.
    pub service: ServiceSpec,
    /// Whether everything that the texts define is here. If not, a table could not be read, and that a name is missing or
    /// unused is no mistake of its own.
    pub complete: bool,
    /// Where each value came from: a path such as `exporters.backend.endpoint`, and `file:line` or the variable that it
    /// was taken from.
    pub origins: Vec<(String, String)>,
}

/// One node: a named component.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Its name: the key of its table.
    pub name: Arc<str>,
    /// Its component's type: `type`, or the name where that is left out.
    pub kind: String,
    /// Where the type is written, or else the table's header.
    pub kind_place: Place,
    /// Where the name is written.
    pub place: Place,
    /// The rest of the table.
    pub section: Section,
}

/// One pipeline.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name is written.
    pub place: Place,
    /// What flows in: nodes, ports of nodes, other pipelines.
    pub from: Vec<Reference>,
    /// The processors that it flows through, in order.
    pub via: Vec<Reference>,
    /// The exporters that it flows out to. May be empty if another pipeline takes from this one.
    pub to: Vec<Reference>,
    /// The signals that it serves; nothing for all.
    pub signals: Option<Vec<Signal>>,
}

/// A name in `from`, `via` or `to`: `otlp`, `otlp.traces`, `route.errors`.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The part before the dot: a node or a pipeline.
    pub name: String,
    /// The part behind it: a signal or a named port.
    pub port: Option<String>,
    /// Where it is written.
    pub place: Place,
}

/// The settings of the edge between two nodes: `[edges."A -> B"]`.
#[derive(Clone, Debug)]
pub struct EdgeSpec {
    /// The node before the arrow.
    pub from: Reference,
    /// The node behind it.
    pub to: Reference,
    /// The most items that wait on the edge.
    pub max_items: Option<u64>,
    /// The most payload bytes that wait on the edge.
    pub max_bytes: Option<u64>,
    /// What happens when there is no room.
    pub on_full: Option<OnFull>,
    /// Where it is written.
    pub place: Place,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people if standard error is a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings of the process.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// `memory.budget`, 75 % if left out.
    pub budget: Budget,
    /// Where `memory.budget` is written, if it is.
    pub budget_place: Option<Place>,
    /// `admin.listen`: 127.0.0.1:8888 if left out. Nothing: no admin endpoint (`admin.enabled = false`).
    pub admin_listen: Option<SocketAddr>,
    /// `log.level`: a level or a filter such as `info,forebay_engine=debug`.
    pub log_level: String,
    /// `log.format`.
    pub log_format: LogFormat,
    /// `shutdown.deadline`: how long draining may take. 10 s if left out.
    pub shutdown_deadline: Period,
    /// `runtime.threads`: I/O threads; nothing for as many as there are cores.
    pub threads: Option<usize>,
    /// The same settings with defaults, for `config`.
    pub resolved: Value,
}
