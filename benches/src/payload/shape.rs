//! How spans form traces: how many, and how they are spread over requests.

use crate::Result;
use std::fmt;

/// Traces for a tail sampler: every trace has an id of its own for as long as the generator runs, its spans are about 500
/// bytes each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceShape {
    /// Send traces of this many spans, each trace with an id of its own. 0: the same few requests in turn. At most 100.
    #[arg(long, default_value_t = 0)]
    pub spans_per_trace: usize,
    /// How many traces are open at a time: the spans of each come in as many different requests. 0: a trace comes in one
    /// request.
    #[arg(long, default_value_t = 0)]
    pub open_traces: usize,
    /// Which span of a trace to arrive is its root.
    #[arg(long, value_enum, default_value_t)]
    pub root: Root,
}

/// Where among the spans of a trace its root arrives.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// After all others, as instrumented services send: a span is exported when it ends.
    #[default]
    Last,
    /// Before all others.
    First,
    /// Not at all: it was lost, or another tier has it.
    Missing,
}

/// The most spans of a trace.
const SPANS_MAX: usize = 100;

impl TraceShape {
    /// Whether requests are made of such traces at all.
    pub fn is_wanted(&self) -> bool {
        self.spans_per_trace > 0
    }

    /// The index of the root in the order of arrival.
    pub(super) fn root(&self) -> Option<usize> {
        match self.root {
            Root::Last => self.spans_per_trace.checked_sub(1),
            Root::First => Some(0),
            Root::Missing => None,
        }
    }

    /// How many requests lie between one span of a trace and the next; 0 puts them into the same.
    pub(super) fn stride(&self, items: usize) -> u64 {
        let starting = items / self.spans_per_trace.max(1);
        let open_for_each = starting * (self.spans_per_trace.saturating_sub(1));
        self.open_traces.div_ceil(open_for_each.max(1)) as u64
    }

    /// Checks that requests of `items` spans can be made of such traces.
    ///
    /// # Errors
    /// Too many spans in a trace, or traces do not fill a request.
    pub(super) fn check(&self, items: usize) -> Result<()> {
        if self.spans_per_trace > SPANS_MAX {
            return Err(format!("spans per trace: 1 to {SPANS_MAX}").into());
        }
        if self.spans_per_trace == 0 || !items.is_multiple_of(self.spans_per_trace) {
            return Err(format!(
                "items per request must be a multiple of the spans per trace: {items} is none of {}",
                self.spans_per_trace
            )
            .into());
        }
        Ok(())
    }
}

impl fmt::Display for TraceShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/trace", self.spans_per_trace)?;
        if self.open_traces > 0 {
            write!(f, " {} open", self.open_traces)?;
        }
        match self.root {
            Root::Last => Ok(()),
            Root::First => f.write_str(" root first"),
            Root::Missing => f.write_str(" no root"),
        }
    }
}
