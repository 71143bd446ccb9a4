//! Sums what the graph may hold, and refuses one that may hold more than its budget.

use super::Component;
use super::nodes::Draft;
use forebay_config::GraphSpec;
use forebay_core::settings::Size;
use forebay_core::{Diagnostic, Ledger};
use std::fmt::Write as _;

/// The part of the leasable memory that the inboxes of a processor take, if the config says nothing: one part in so many.
const INBOX_SHARE: u64 = 16;

/// One thing that may hold data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Whose it is: `exporters.backend queue`.
    pub what: String,
    /// The most bytes.
    pub bytes: u64,
}

/// What may be held, line by line, and the budget that it must fit in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundsSum {
    /// The memory budget of the process.
    pub budget: u64,
    /// The part of it that data may take.
    pub leasable: u64,
    /// What may be held.
    pub lines: Vec<Bound>,
    /// What each queue gets that does not say how much.
    pub queue_default: u64,
}

impl BoundsSum {
    /// The sum of all lines.
    pub fn total(&self) -> u64 {
        self.lines
            .iter()
            .fold(0, |sum, line| line.bytes.saturating_add(sum))
    }
}

pub(super) fn sum(spec: &GraphSpec, drafts: &[Draft], budget: u64, found: &mut Vec<Diagnostic>) -> BoundsSum {
    let mut sum = BoundsSum {
        budget,
        leasable: Ledger::leasable(budget),
        ..BoundsSum::default()
    };
    let mut undecided = Vec::new();
    for draft in drafts {
        let (table, bounds) = match &draft.component {
            Some(Component::Receiver(prepared)) => ("receivers", prepared.declaration.bounds),
            Some(Component::Processor(prepared)) => ("processors", prepared.declaration.bounds),
            Some(Component::Exporter(prepared)) => {
                let what = format!("exporters.{} queue", draft.name);
                match prepared.declaration.delivery.queue.max_bytes {
                    Some(Size(bytes)) => sum.lines.push(Bound { what, bytes }),
                    None => undecided.push(what),
                }
                ("exporters", prepared.declaration.bounds)
            }
            None => continue,
        };
        if bounds.bytes > 0 {
            sum.lines.push(Bound {
                what: format!("{table}.{}", draft.name),
                bytes: bounds.bytes,
            });
        }
    }
    let leasable = sum.leasable;
    sum.lines.extend(
        drafts
            .iter()
            .filter(|draft| draft.has_inbox())
            .map(|draft| inbox(spec, draft, leasable)),
    );
    let free = sum.leasable.saturating_sub(sum.total());
    sum.queue_default = free / 2 / (undecided.len() as u64).max(1);
    let default = sum.queue_default;
    sum.lines
        .extend(undecided.into_iter().map(|what| Bound { what, bytes: default }));
    if sum.total() > sum.leasable {
        found.push(too_much(spec, &sum));
    }
    sum
}

/// The inboxes before a processor's shards, all together: the largest that an edge to it asks for.
fn inbox(spec: &GraphSpec, draft: &Draft, leasable: u64) -> Bound {
    let set = spec
        .edges
        .iter()
        .filter(|edge| *edge.to.name == *draft.name)
        .filter_map(|edge| Some((edge.max_bytes?, edge)))
        .max_by_key(|(bytes, _)| *bytes);
    match set {
        Some((bytes, edge)) => Bound {
            what: format!("edges.\"{} -> {}\"", edge.from.name, edge.to.name),
            bytes,
        },
        None => Bound {
            what: format!("processors.{} inbox", draft.name),
            bytes: inbox_default(leasable),
        },
    }
}

/// What the inboxes of one processor may hold, if the config says nothing. It does not depend on the number of shards: that
/// follows from the machine, and a graph that fits on one must fit on the next.
pub(crate) const fn inbox_default(leasable: u64) -> u64 {
    leasable / INBOX_SHARE
}

fn too_much(spec: &GraphSpec, sum: &BoundsSum) -> Diagnostic {
    let mut message = format!(
        "the graph may hold {}, but of the memory budget of {} data may take {}:",
        about(sum.total()),
        about(sum.budget),
        about(sum.leasable)
    );
    for line in &sum.lines {
        // Writing to a string cannot fail.
        let _ = write!(message, "\n  {:>12}  {}", about(line.bytes), line.what);
    }
    let error = Diagnostic::error(message).help("raise `memory.budget`, or lower `max_bytes` of the queues");
    match &spec.service.budget_place {
        Some(place) => error.at(place.clone()),
        None => error,
    }
}

/// A size for people: whole units where it is one, else one decimal.
pub fn about(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
