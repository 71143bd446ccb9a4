//! Puts the nodes in an order in which every edge goes forward, or shows the circle that forbids it.

use super::EdgePlan;
use super::nodes::Draft;
use super::wiring::id;
use forebay_core::{Diagnostic, NodeId};

/// The nodes in an order in which every edge goes forward, or an error that shows the circle.
pub(super) fn order(
    drafts: &[Draft],
    edges: &[EdgePlan],
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<NodeId>> {
    let mut left: Vec<NodeId> = (0..drafts.len()).map(id).collect();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let blocked = |node: &NodeId| {
            edges
                .iter()
                .any(|edge| edge.to == *node && left.contains(&edge.from))
        };
        let (waiting, free): (Vec<_>, Vec<_>) = left.iter().copied().partition(blocked);
        if free.is_empty() {
            found.push(circle(drafts, edges, &waiting));
            return None;
        }
        order.extend(free);
        left = waiting;
    }
    Some(order)
}

/// Follows edges backwards among nodes that all wait for one another until one comes up again.
fn circle(drafts: &[Draft], edges: &[EdgePlan], waiting: &[NodeId]) -> Diagnostic {
    let mut path: Vec<&EdgePlan> = Vec::new();
    let mut at = waiting.first().copied();
    while let Some(node) = at {
        if let Some(start) = path.iter().position(|edge| edge.to == node) {
            path.drain(..start);
            break;
        }
        let before = edges
            .iter()
            .find(|edge| edge.to == node && waiting.contains(&edge.from));
        path.extend(before);
        at = before.map(|edge| edge.from);
    }
    let name = |node: NodeId| drafts.get(usize::from(node.0)).map_or("?", |draft| &*draft.name);
    let mut names: Vec<&str> = path.iter().rev().map(|edge| name(edge.from)).collect();
    names.extend(names.first().copied());
    let error = Diagnostic::error(format!("the graph goes in a circle: {}", names.join(" -> ")));
    let error = error.help("data would go round for ever: take one of these steps out");
    match path.first() {
        Some(edge) => error.at(edge.place.clone()),
        None => error,
    }
}
