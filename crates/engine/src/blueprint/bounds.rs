//! Sums what the graph may hold, and refuses one that may hold more than its budget.

use super::Component;
use super::nodes::Draft;
use super::wiring::id;
use forebay_config::GraphSpec;
use forebay_core::settings::Size;
use forebay_core::{Diagnostic, Ledger, NodeId};
use std::fmt::Write as _;

/// The part of the leasable memory that the inboxes of a processor take, if the config says nothing: one part in so many.
const INBOX_SHARE: u64 = 16;

/// The part of the budget that processors must leave to everything else: one part in so many.
const LEAST_REST: u64 = 10;

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
    /// What processors keep of it for themselves, with their ids, in the order of the nodes.
    pub reserved: Vec<(NodeId, Bound)>,
    /// The part of the rest that data may take.
    pub leasable: u64,
    /// What may be held of that.
    pub lines: Vec<Bound>,
    /// What each queue gets that does not say how much.
    pub queue_default: u64,
}

impl BoundsSum {
    /// What all processors keep for themselves.
    pub fn reserved_bytes(&self) -> u64 {
        self.reserved
            .iter()
            .fold(0, |sum, (_, bound)| bound.bytes.saturating_add(sum))
    }

    /// What one processor keeps for itself.
    pub fn reserved_by(&self, node: NodeId) -> u64 {
        let found = self.reserved.iter().find(|(id, _)| *id == node);
        found.map_or(0, |(_, bound)| bound.bytes)
    }

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
        reserved: reserved(drafts, budget).collect(),
        ..BoundsSum::default()
    };
    let rest = budget.saturating_sub(sum.reserved_bytes());
    sum.leasable = Ledger::leasable(rest);
    if rest < budget / LEAST_REST {
        found.push(keeps_too_much(spec, &sum));
        return sum;
    }
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

/// What the processors keep for themselves.
fn reserved(drafts: &[Draft], budget: u64) -> impl Iterator<Item = (NodeId, Bound)> {
    drafts.iter().enumerate().filter_map(move |(index, draft)| {
        let Some(Component::Processor(prepared)) = &draft.component else {
            return None;
        };
        let what = format!("processors.{}", draft.name);
        let bytes = prepared.declaration.memory?.of(budget);
        Some((id(index), Bound { what, bytes }))
    })
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

fn keeps_too_much(spec: &GraphSpec, sum: &BoundsSum) -> Diagnostic {
    let message = format!(
        "processors keep too much of the memory budget of {} for themselves; a tenth has to be left for all else:",
        about(sum.budget),
    );
    let help = "raise `memory.budget`, or lower `max_bytes` of these processors";
    wrong(spec, message, sum.reserved.iter().map(|(_, bound)| bound), help)
}

fn too_much(spec: &GraphSpec, sum: &BoundsSum) -> Diagnostic {
    let message = format!(
        "the graph may hold {}, but of the memory budget of {} data may take {}:",
        about(sum.total()),
        about(sum.budget),
        about(sum.leasable)
    );
    let help = "raise `memory.budget`, or lower `max_bytes` of the queues";
    wrong(spec, message, sum.lines.iter(), help)
}

fn wrong<'a>(
    spec: &GraphSpec,
    mut message: String,
    lines: impl Iterator<Item = &'a Bound>,
    help: &str,
) -> Diagnostic {
    for line in lines {
        // Writing to a string cannot fail.
        let _ = write!(message, "\n  {:>12}  {}", about(line.bytes), line.what);
    }
    let error = Diagnostic::error(message).help(help);
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
