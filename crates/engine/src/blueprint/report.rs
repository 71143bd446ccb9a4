//! What a blueprint promises: where each receiver's data is acknowledged, and what a crash at that point would lose.

use super::{Blueprint, Component, NodePlan};
use forebay_core::component::Acknowledge;
use forebay_core::registry::ReceiverDeclaration;
use forebay_core::settings::QueueKind;
use forebay_core::{NodeId, Signal};
use serde::Serialize;

/// Where some signals of one receiver are acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// The receiver.
    pub receiver: String,
    /// The signals that this holds for.
    pub signals: Vec<&'static str>,
    /// Who has the data when the sender is told that all is well.
    pub acknowledged: Acknowledged,
    /// What a crash of the process may lose of data that was acknowledged, in the order in which data flows. Empty: nothing.
    pub crash_loses: Vec<String>,
}

/// Who has the data when its sender is told that all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Acknowledged {
    /// The receiver, in memory: `acknowledge = "accepted"`.
    Receiver,
    /// Every one of these: nodes that take custody, and destinations that have it.
    All {
        /// Processors, and exporters of several destinations, that take custody.
        custodians: Vec<String>,
        /// Exporters whose destinations have it.
        destinations: Vec<String>,
    },
}

/// What one way of a signal through the graph comes to.
#[derive(Default)]
struct Way {
    visited: Vec<(NodeId, bool)>,
    custodians: Vec<String>,
    destinations: Vec<String>,
    at_risk: Vec<NodeId>,
}

impl Blueprint {
    /// What each receiver promises its senders. Signals of one receiver for which the same holds stand together.
    pub fn promises(&self) -> Vec<Promise> {
        let mut promises: Vec<Promise> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Component::Receiver(prepared) = &node.component else {
                continue;
            };
            let id = NodeId(u16::try_from(index).unwrap_or(u16::MAX));
            for signal in node.signals.iter() {
                let promise = self.promise(id, node, &prepared.declaration, signal);
                let same = |other: &&mut Promise| {
                    other.receiver == promise.receiver
                        && other.acknowledged == promise.acknowledged
                        && other.crash_loses == promise.crash_loses
                };
                match promises.iter_mut().find(same) {
                    Some(other) => other.signals.extend(promise.signals),
                    None => promises.push(promise),
                }
            }
        }
        promises
    }

    fn promise(
        &self,
        id: NodeId,
        node: &NodePlan,
        declaration: &ReceiverDeclaration,
        signal: Signal,
    ) -> Promise {
        let held_from_the_start = match declaration.acknowledge {
            Acknowledge::Accepted => true,
            Acknowledge::Delivered => false,
        };
        let mut way = Way::default();
        self.follow(id, signal, held_from_the_start, &mut way);
        let in_order = |ids: &[NodeId]| {
            let nodes = self.order.iter().filter(|id| ids.contains(id));
            nodes
                .filter_map(|id| self.node(*id))
                .filter_map(holds)
                .collect::<Vec<_>>()
        };
        Promise {
            receiver: node.name.to_string(),
            signals: vec![signal.as_str()],
            acknowledged: if held_from_the_start {
                Acknowledged::Receiver
            } else {
                Acknowledged::All {
                    custodians: way.custodians,
                    destinations: way.destinations,
                }
            },
            crash_loses: in_order(&way.at_risk),
        }
    }

    /// Follows a signal from a node on. Once somebody here has custody, each node that holds data in memory is a risk.
    fn follow(&self, from: NodeId, signal: Signal, in_custody: bool, way: &mut Way) {
        let edges = self.edges.iter().filter(|edge| edge.from == from);
        for edge in edges.filter(|edge| edge.signals.contains(signal)) {
            if way.visited.contains(&(edge.to, in_custody)) {
                continue;
            }
            way.visited.push((edge.to, in_custody));
            let Some(node) = self.node(edge.to) else { continue };
            let takes = takes_custody(node);
            if in_custody || takes {
                way.at_risk.push(edge.to);
            }
            if !in_custody && takes {
                way.custodians.push(node.name.to_string());
            }
            match &node.component {
                Component::Exporter(_) if !in_custody && !takes => {
                    way.destinations.push(node.name.to_string());
                }
                _ => self.follow(edge.to, signal, in_custody || takes, way),
            }
        }
    }
}

fn takes_custody(node: &NodePlan) -> bool {
    match &node.component {
        Component::Receiver(_) => false,
        Component::Processor(prepared) => prepared.declaration.takes_custody,
        Component::Exporter(prepared) => prepared.declaration.takes_custody,
    }
}

/// The words for what a node holds in memory, if it holds anything longer than a moment.
fn holds(node: &NodePlan) -> Option<String> {
    match &node.component {
        Component::Receiver(_) => None,
        Component::Processor(prepared) => prepared
            .declaration
            .stateful
            .then(|| format!("what processor `{}` holds", node.name)),
        Component::Exporter(prepared) => match prepared.declaration.delivery.queue.kind {
            QueueKind::Memory => Some(format!("the memory queue of exporter `{}`", node.name)),
        },
    }
}
