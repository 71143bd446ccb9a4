//! Looks up each node's type and reads its config.

use super::{Component, NodePlan, Role};
use forebay_config::{GraphSpec, NodeSpec};
use forebay_core::registry::{NamedPort, Registered, Registry};
use forebay_core::{Diagnostic, Place, Section, SignalSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node on the way to being planned. One whose config could not be read has no component: it is still drawn, so that
/// the rest of the graph can be checked.
pub(super) struct Draft {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    pub(super) kind: &'static str,
    pub(super) place: Place,
    pub(super) component: Option<Component>,
}

impl Draft {
    /// The signals that may come in.
    pub(super) fn inputs(&self) -> SignalSet {
        match &self.component {
            Some(Component::Receiver(_)) => SignalSet::NONE,
            Some(Component::Processor(prepared)) => prepared.declaration.inputs,
            Some(Component::Exporter(prepared)) => prepared.declaration.inputs,
            None => SignalSet::ALL,
        }
    }

    /// The signals that a receiver gives.
    pub(super) fn gives(&self) -> SignalSet {
        match &self.component {
            Some(Component::Receiver(prepared)) => prepared.declaration.signals,
            _ => SignalSet::ALL,
        }
    }

    /// The named ports.
    pub(super) fn ports(&self) -> &[NamedPort] {
        match &self.component {
            Some(Component::Processor(prepared)) => &prepared.declaration.ports,
            _ => &[],
        }
    }

    /// What its main port is called, if it has a name.
    pub(super) fn main_port(&self) -> Option<&'static str> {
        match &self.component {
            Some(Component::Processor(prepared)) => prepared.declaration.main_port,
            _ => None,
        }
    }

    /// Whether the engine puts a queue of its own before it.
    pub(super) fn has_inbox(&self) -> bool {
        matches!(&self.component, Some(Component::Processor(prepared)) if prepared.declaration.stateful)
    }

    pub(super) fn finish(self, signals: SignalSet) -> Option<NodePlan> {
        let Draft {
            name,
            role,
            kind,
            place,
            component,
        } = self;
        component.map(|component| NodePlan {
            name,
            role,
            kind,
            place,
            component,
            signals,
        })
    }
}

pub(super) fn prepare(spec: &GraphSpec, registry: &Registry, found: &mut Vec<Diagnostic>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for node in &spec.receivers {
        drafts.push(draft(
            node,
            Role::Receiver,
            &registry.receivers,
            Component::Receiver,
            found,
        ));
    }
    for node in &spec.processors {
        drafts.push(draft(
            node,
            Role::Processor,
            &registry.processors,
            Component::Processor,
            found,
        ));
    }
    for node in &spec.exporters {
        drafts.push(draft(
            node,
            Role::Exporter,
            &registry.exporters,
            Component::Exporter,
            found,
        ));
    }
    drafts
}

fn draft<P>(
    node: &NodeSpec,
    role: Role,
    types: &BTreeMap<&'static str, Registered<P>>,
    wrap: fn(P) -> Component,
    found: &mut Vec<Diagnostic>,
) -> Draft {
    let registered = types.get(node.kind.as_str());
    let component = match registered {
        Some(registered) => read(registered, &node.section, found).map(wrap),
        None => {
            found.push(unknown_type(node, role, types.keys().copied()));
            None
        }
    };
    let kind = registered.map_or("unknown", |registered| registered.about.kind);
    Draft {
        name: Arc::clone(&node.name),
        role,
        kind,
        place: node.place.clone(),
        component,
    }
}

fn read<P>(registered: &Registered<P>, section: &Section, found: &mut Vec<Diagnostic>) -> Option<P> {
    match (registered.prepare)(section) {
        Ok(prepared) => Some(prepared),
        Err(errors) => {
            found.extend(errors);
            None
        }
    }
}

fn unknown_type<'a>(node: &NodeSpec, role: Role, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let role = role.as_str();
    let message = if *node.name == *node.kind {
        format!("`{}` is not a {role} type, and no `type` is given", node.kind)
    } else {
        format!("unknown {role} type `{}`", node.kind)
    };
    Diagnostic::error(message)
        .at(node.kind_place.clone())
        .suggest(&node.kind, known)
}
