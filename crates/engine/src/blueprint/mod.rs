//! The blueprint: a config that has been checked against the components, the graph drawn, the memory summed.
//!
//! One step per file, each reporting all that it finds: [`nodes`] looks the types up and reads their configs, [`wiring`]
//! turns pipelines into edges, [`order`] sorts the nodes, [`signals`] follows what flows along the edges, [`bounds`] sums
//! what may be held. Of the result, [`report`] says what it promises to senders, [`render`] and [`render_svg`] show it.

mod bounds;
mod nodes;
mod order;
mod render;
mod render_svg;
mod report;
mod signals;
mod wiring;
mod words;

#[cfg(test)]
mod tests;

use forebay_config::GraphSpec;
use forebay_core::registry::{PreparedExporter, PreparedProcessor, PreparedReceiver, Registry};
use forebay_core::settings::OnFull;
use forebay_core::{Diagnostic, NodeId, Place, Port, Severity, SignalSet};
use std::sync::Arc;

pub(crate) use bounds::inbox_default;
pub use bounds::{Bound, BoundsSum, about};
pub use report::{Acknowledged, Promise};

fn has_errors(found: &[Diagnostic]) -> bool {
    found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// A component's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Takes data in.
    Receiver,
    /// Changes it or decides about it.
    Processor,
    /// Gives it out.
    Exporter,
}

impl Role {
    /// `receiver`, `processor` or `exporter`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Receiver => "receiver",
            Role::Processor => "processor",
            Role::Exporter => "exporter",
        }
    }
}

/// A configured component, not yet built.
#[derive(Debug)]
pub enum Component {
    /// A receiver.
    Receiver(PreparedReceiver),
    /// A processor.
    Processor(PreparedProcessor),
    /// An exporter.
    Exporter(PreparedExporter),
}

/// A node of the graph. Its id is its place in [`Blueprint::nodes`].
#[derive(Debug)]
pub struct NodePlan {
    /// Its name.
    pub name: Arc<str>,
    /// Its role.
    pub role: Role,
    /// Its component's type.
    pub kind: &'static str,
    /// Where it is written.
    pub place: Place,
    /// The component.
    pub component: Component,
    /// What flows through it: for a receiver, the signals that some pipeline takes all the way to an exporter.
    pub signals: SignalSet,
}

/// An edge of the graph.
#[derive(Clone, Debug)]
pub struct EdgePlan {
    /// Where it begins.
    pub from: NodeId,
    /// At which port.
    pub port: Port,
    /// Where it ends.
    pub to: NodeId,
    /// What flows along it.
    pub signals: SignalSet,
    /// The reference in a pipeline that makes it.
    pub place: Place,
    /// The bounds of the queue before the node at its end, where that is a processor with state.
    pub queue: QueuePlan,
}

/// What a config says of a queue; what it leaves out has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuePlan {
    /// The most items.
    pub max_items: Option<u64>,
    /// The most payload bytes.
    pub max_bytes: Option<u64>,
    /// What happens when it is full.
    pub on_full: Option<OnFull>,
}

impl QueuePlan {
    /// What two edges to one node say of its queue: it has one, as large as the larger of them wants it.
    pub(crate) fn and(self, other: QueuePlan) -> QueuePlan {
        QueuePlan {
            max_items: self.max_items.max(other.max_items),
            max_bytes: self.max_bytes.max(other.max_bytes),
            on_full: self.on_full.or(other.on_full),
        }
    }
}

/// A graph that can be built.
#[derive(Debug)]
pub struct Blueprint {
    /// The nodes: receivers, processors, exporters, each in the order of the config.
    pub nodes: Vec<NodePlan>,
    /// The edges.
    pub edges: Vec<EdgePlan>,
    /// The nodes in an order in which every edge goes forward.
    pub order: Vec<NodeId>,
    /// The memory budget, and what may be held of it.
    pub bounds: BoundsSum,
}

impl Blueprint {
    /// Draws the graph that `spec` describes, for a process that may take `budget` bytes. Gives the blueprint if there is
    /// no error, and every error and warning that was found.
    pub fn draw(spec: &GraphSpec, registry: &Registry, budget: u64) -> (Option<Blueprint>, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let drafts = nodes::prepare(spec, registry, &mut found);
        let mut edges = wiring::wire(spec, &drafts, &mut found);
        // What follows from a part that is missing is not worth telling.
        let whole = spec.complete && !has_errors(&found);
        let order = order::order(&drafts, &edges, &mut found);
        let flows = order
            .as_ref()
            .map(|order| signals::follow(&drafts, &mut edges, order, whole, &mut found));
        let bounds = bounds::sum(spec, &drafts, budget, &mut found);
        let (Some(order), Some(flows), false) = (order, flows, has_errors(&found)) else {
            return (None, found);
        };
        let nodes = drafts
            .into_iter()
            .zip(flows)
            .filter_map(|(draft, signals)| draft.finish(signals))
            .collect();
        (
            Some(Blueprint {
                nodes,
                edges,
                order,
                bounds,
            }),
            found,
        )
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> Option<&NodePlan> {
        self.nodes.get(usize::from(id.0))
    }
}
