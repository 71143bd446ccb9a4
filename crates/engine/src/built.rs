//! Built: every component made, nothing opened or started yet.

use crate::blueprint::{Blueprint, BoundsSum, Component, EdgePlan, Role};
use forebay_core::balanced::BuiltExporter;
use forebay_core::component::{BuiltProcessor, Receiver};
use forebay_core::settings::{DeliverySettings, Size};
use forebay_core::{ComponentError, Diagnostic, NodeId, SignalSet};
use std::sync::Arc;

/// A graph whose components are made.
pub struct Built {
    pub(crate) nodes: Vec<BuiltNode>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) order: Vec<NodeId>,
    pub(crate) bounds: BoundsSum,
}

pub(crate) struct BuiltNode {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) kind: &'static str,
    pub(crate) signals: SignalSet,
    pub(crate) component: BuiltComponent,
}

pub(crate) enum BuiltComponent {
    Receiver(Box<dyn Receiver>),
    Processor(BuiltProcessor),
    Exporter(BuiltExporter, Box<DeliverySettings>),
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.nodes.iter().map(|node| &node.name))
            .finish()
    }
}

impl Blueprint {
    /// Makes every component. A processor with state gets at most `shards` shards. Reports every component that cannot be
    /// made.
    pub fn build(self, shards: usize) -> Result<Built, Vec<Diagnostic>> {
        let Blueprint {
            nodes,
            edges,
            order,
            bounds,
        } = self;
        let (mut built, mut found) = (Vec::with_capacity(nodes.len()), Vec::new());
        for node in nodes {
            match build(node.component, shards, bounds.queue_default) {
                Ok(component) => built.push(BuiltNode {
                    name: node.name,
                    role: node.role,
                    kind: node.kind,
                    signals: node.signals,
                    component,
                }),
                Err(error) => {
                    let message = format!("{} `{}` cannot be built: {error}", node.role.as_str(), node.name);
                    found.push(Diagnostic::error(message).at(node.place));
                }
            }
        }
        if found.is_empty() {
            Ok(Built {
                nodes: built,
                edges,
                order,
                bounds,
            })
        } else {
            Err(found)
        }
    }
}

fn build(component: Component, shards: usize, queue_default: u64) -> Result<BuiltComponent, ComponentError> {
    Ok(match component {
        Component::Receiver(prepared) => BuiltComponent::Receiver((prepared.build)()?),
        Component::Processor(prepared) => BuiltComponent::Processor((prepared.build)(shards.max(1))?),
        Component::Exporter(prepared) => {
            let mut delivery = prepared.declaration.delivery;
            delivery.queue.max_bytes.get_or_insert(Size(queue_default));
            BuiltComponent::Exporter((prepared.build)()?, Box::new(delivery))
        }
    })
}
