//! What a node knows of one trace: the answer to why it was kept, or not.

use serde::{Deserialize, Serialize};

/// What one node knows of one trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceReport {
    /// The node. The engine fills it in.
    #[serde(default)]
    pub node: String,
    /// `waiting`, `sampled` or `not_sampled`.
    pub state: String,
    /// The policy that decided, or would decide now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What led to the decision at that moment: `policy`, `quiet`, `decision_wait`, `trace_size`,
    /// `memory`, `shutdown`, `alone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Seconds since its first item arrived, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// Seconds until it will be decided if nothing more arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_in_seconds: Option<f64>,
    /// Items held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Bytes of these items on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether the root span has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<bool>,
    /// What each policy says of it as it stands, in order: `errors: not yet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
}
