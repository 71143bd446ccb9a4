//! A blueprint for people: as text, for Graphviz, for Mermaid. [`super::render_svg`] draws it.

use super::{Blueprint, Component, EdgePlan, NodePlan, Role};
use forebay_core::{NodeId, Port, SignalSet};
use std::fmt::Write as _;

impl Blueprint {
    /// One line for each edge, in the order in which data flows; what a node is where it first comes up.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for id in &self.order {
            let Some(node) = self.node(*id) else { continue };
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "{} {} ({})", node.role.as_str(), node.name, node.kind);
            for edge in self.edges.iter().filter(|edge| edge.from == *id) {
                let to = self.node(edge.to).map_or("?", |to| &*to.name);
                let _ = writeln!(out, "    {} -> {to}", self.port_and_signals(edge));
            }
        }
        out
    }

    /// The graph in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph forebay {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
        for node in &self.nodes {
            let shape = match node.role {
                Role::Receiver => "cds",
                Role::Processor => "box",
                Role::Exporter => "house",
            };
            let label = format!("{}\\n{}", node.name, node.kind);
            let _ = writeln!(out, "  \"{}\" [shape={shape}, label=\"{label}\"];", node.name);
        }
        for (from, edge, to) in self.named_edges() {
            let label = self.port_and_signals(edge);
            let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{label}\"];");
        }
        out + "}\n"
    }

    /// The graph in the language of Mermaid, which code hosting sites draw in Markdown.
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (index, node) in self.nodes.iter().enumerate() {
            let (open, close) = match node.role {
                Role::Receiver => ("([", "])"),
                Role::Processor => ("[", "]"),
                Role::Exporter => ("[/", "/]"),
            };
            let _ = writeln!(out, "  n{index}{open}\"{}<br/>{}\"{close}", node.name, node.kind);
        }
        for edge in &self.edges {
            let label = self.port_and_signals(edge);
            let _ = writeln!(out, "  n{} -->|\"{label}\"| n{}", edge.from.0, edge.to.0);
        }
        out
    }

    /// Each edge with the names of its ends.
    pub(super) fn named_edges(&self) -> impl Iterator<Item = (&str, &EdgePlan, &str)> {
        self.edges
            .iter()
            .filter_map(|edge| Some((&*self.node(edge.from)?.name, edge, &*self.node(edge.to)?.name)))
    }

    /// What flows along an edge, after the port that it leaves by unless that is the main one.
    pub(super) fn port_and_signals(&self, edge: &EdgePlan) -> String {
        let signals = signals(edge.signals);
        match self.node(edge.from).and_then(|node| port_name(node, edge.port)) {
            Some(port) => format!(".{port}: {signals}"),
            None => signals,
        }
    }

    /// How many edges the longest way from a receiver to each node has, by node id.
    pub(super) fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.nodes.len()];
        let depth = |depths: &[usize], id: NodeId| depths.get(usize::from(id.0)).copied().unwrap_or(0);
        for id in &self.order {
            for edge in self.edges.iter().filter(|edge| edge.from == *id) {
                let reached = depth(&depths, *id) + 1;
                if let Some(to) = depths.get_mut(usize::from(edge.to.0)) {
                    *to = reached.max(*to);
                }
            }
        }
        depths
    }
}

/// The name of a port other than the main one.
fn port_name(node: &NodePlan, port: Port) -> Option<&'static str> {
    match &node.component {
        Component::Processor(prepared) if port != Port::MAIN => prepared
            .declaration
            .ports
            .get(usize::from(port.0) - 1)
            .map(|port| port.name),
        _ => None,
    }
}

fn signals(set: SignalSet) -> String {
    if set == SignalSet::ALL {
        "all signals".to_owned()
    } else {
        set.to_string()
    }
}
