//! Follows each signal along the edges: what comes, what a node cannot take, what leads nowhere.

use super::nodes::Draft;
use super::{EdgePlan, Role};
use forebay_core::registry::NamedPort;
use forebay_core::{Diagnostic, NodeId, Port, SignalSet};

/// Narrows every edge to what really flows along it, takes out those along which nothing does, and gives what flows
/// through each node. Of a graph that is not `whole`, what leads nowhere is not told: the way may be what is missing.
pub(super) fn follow(
    drafts: &[Draft],
    edges: &mut Vec<EdgePlan>,
    order: &[NodeId],
    whole: bool,
    found: &mut Vec<Diagnostic>,
) -> Vec<SignalSet> {
    forward(drafts, edges, order, found);
    let flows = backward(drafts, edges, order);
    let receivers = |(draft, _): &(&Draft, &SignalSet)| draft.role == Role::Receiver;
    if whole {
        for (draft, flow) in drafts.iter().zip(&flows).filter(receivers) {
            warn_about_lost(draft, *flow, found);
        }
        unconsumed_ports(drafts, edges, found);
    }
    edges.retain(|edge| !edge.signals.is_empty());
    flows
}

/// What can arrive at each node, from the receivers on.
fn forward(drafts: &[Draft], edges: &mut [EdgePlan], order: &[NodeId], found: &mut Vec<Diagnostic>) {
    for node in order {
        let Some(draft) = drafts.get(usize::from(node.0)) else {
            continue;
        };
        let gives = match draft.role {
            // What a component gives whose config could not be read is not known.
            _ if draft.component.is_none() => SignalSet::NONE,
            Role::Receiver => draft.gives(),
            _ => arriving(edges, *node).and(draft.inputs()),
        };
        for edge in edges.iter_mut().filter(|edge| edge.from == *node) {
            let from_port = if edge.port == Port::MAIN {
                gives
            } else {
                edge.signals
            };
            edge.signals = edge.signals.and(from_port);
        }
        for edge in edges.iter().filter(|edge| edge.to == *node) {
            mismatch(draft, edge, found);
        }
    }
}

fn arriving(edges: &[EdgePlan], node: NodeId) -> SignalSet {
    edges
        .iter()
        .filter(|edge| edge.to == node)
        .fold(SignalSet::NONE, |sum, edge| sum.or(edge.signals))
}

fn mismatch(draft: &Draft, edge: &EdgePlan, found: &mut Vec<Diagnostic>) {
    let cannot = edge.signals.without(draft.inputs());
    if cannot.is_empty() {
        return;
    }
    let can = draft.inputs();
    let message = format!(
        "{} `{}` cannot take {cannot}: it takes {can}",
        draft.role.as_str(),
        draft.name
    );
    let words: Vec<String> = can.iter().map(|signal| format!("\"{signal}\"")).collect();
    let help = format!(
        "set `signals = [{}]` on the pipeline, or take `from` a port such as `NAME.{}`",
        words.join(", "),
        can.iter().next().map_or("traces", |s| s.as_str())
    );
    found.push(Diagnostic::error(message).at(edge.place.clone()).help(help));
}

/// What leads all the way to an exporter, from the exporters up. Narrows the edges to it.
fn backward(drafts: &[Draft], edges: &mut [EdgePlan], order: &[NodeId]) -> Vec<SignalSet> {
    let mut flows = vec![SignalSet::NONE; drafts.len()];
    for node in order.iter().rev() {
        let index = usize::from(node.0);
        let Some(draft) = drafts.get(index) else { continue };
        let live = match draft.role {
            Role::Exporter => draft.inputs(),
            _ => edges
                .iter()
                .filter(|edge| edge.from == *node)
                .fold(SignalSet::NONE, |sum, edge| sum.or(edge.signals)),
        };
        for edge in edges.iter_mut().filter(|edge| edge.to == *node) {
            edge.signals = edge.signals.and(live);
        }
        if let Some(flow) = flows.get_mut(index) {
            *flow = if draft.role == Role::Receiver {
                live
            } else {
                arriving(edges, *node)
            };
        }
    }
    flows
}

fn warn_about_lost(draft: &Draft, flow: SignalSet, found: &mut Vec<Diagnostic>) {
    let lost = draft.gives().without(flow);
    if flow.is_empty() {
        let message = format!("nothing that receiver `{}` gives reaches an exporter", draft.name);
        found.push(Diagnostic::error(message).at(draft.place.clone()));
    } else if !lost.is_empty() {
        let message = format!(
            "no pipeline takes {lost} of receiver `{}` to an exporter",
            draft.name
        );
        let help = "its senders are told that the signal is not implemented here";
        found.push(Diagnostic::warning(message).at(draft.place.clone()).help(help));
    }
}

fn unconsumed_ports(drafts: &[Draft], edges: &[EdgePlan], found: &mut Vec<Diagnostic>) {
    for (index, draft) in drafts.iter().enumerate() {
        let must_be_taken = |(_, port): &(usize, &NamedPort)| !port.optional;
        for (port, NamedPort { name, .. }) in draft.ports().iter().enumerate().filter(must_be_taken) {
            let taken =
                |edge: &EdgePlan| usize::from(edge.from.0) == index && usize::from(edge.port.0) == port + 1;
            if !edges.iter().any(taken) {
                let message = format!("nothing consumes the port `{}.{name}`", draft.name);
                let help = format!("let a pipeline take `from = [\"{}.{name}\"]`", draft.name);
                found.push(Diagnostic::error(message).at(draft.place.clone()).help(help));
            }
        }
    }
}
