//! `forebay config`: a config with every default, and where each value came from.

use crate::cli::Exit;
use crate::out::{Out, show};
use crate::plan::plan;
use forebay_config::{Input, ResolvedNode, resolved};
use forebay_engine::{Component, NodePlan};

pub(crate) fn config(inputs: &[Input], out: Out) -> Exit {
    let plan = plan(inputs);
    show(&plan.found);
    let Some(blueprint) = plan.blueprint else {
        return Exit::Config;
    };
    let nodes: Vec<ResolvedNode<'_>> = blueprint.nodes.iter().map(resolved_node).collect();
    out.print(&resolved(&plan.spec, &nodes), Exit::Done)
}

fn resolved_node(node: &NodePlan) -> ResolvedNode<'_> {
    let (group, config) = match &node.component {
        Component::Receiver(prepared) => ("receivers", &prepared.resolved),
        Component::Processor(prepared) => ("processors", &prepared.resolved),
        Component::Exporter(prepared) => ("exporters", &prepared.resolved),
    };
    ResolvedNode {
        group,
        name: &node.name,
        kind: node.kind,
        config,
    }
}
