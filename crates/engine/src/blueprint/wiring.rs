//! Turns pipelines into edges: `from` through each of `via` to every `to`.

use super::nodes::Draft;
use super::{EdgePlan, QueuePlan, Role};
use forebay_config::{EdgeSpec, GraphSpec, PipelineSpec, Reference};
use forebay_core::{Diagnostic, NodeId, Place, Port, Signal, SignalSet};
use std::collections::HashMap;

/// An output that flows into a pipeline: a port, and what may come out of it.
#[derive(Clone, Debug)]
struct Output {
    node: NodeId,
    port: Port,
    signals: SignalSet,
    place: Place,
}

struct Wiring<'a> {
    spec: &'a GraphSpec,
    drafts: &'a [Draft],
    by_name: HashMap<&'a str, NodeId>,
    edges: Vec<EdgePlan>,
    /// Where each processor stands in a `via`: there is one place for each.
    placed: HashMap<NodeId, Place>,
}

pub(super) fn wire(spec: &GraphSpec, drafts: &[Draft], found: &mut Vec<Diagnostic>) -> Vec<EdgePlan> {
    let by_name = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| (&*draft.name, id(index)))
        .collect();
    let mut wiring = Wiring {
        spec,
        drafts,
        by_name,
        edges: Vec::new(),
        placed: HashMap::new(),
    };
    let mut used: HashMap<NodeId, Place> = HashMap::new();
    for pipeline in &spec.pipelines {
        wiring.pipeline(pipeline, &mut used, found);
    }
    wiring.unused(&used, found);
    wiring.edge_settings(found);
    wiring.edges
}

fn id(index: usize) -> NodeId {
    NodeId(u16::try_from(index).unwrap_or(u16::MAX))
}

impl Wiring<'_> {
    fn pipeline(
        &mut self,
        pipeline: &PipelineSpec,
        used: &mut HashMap<NodeId, Place>,
        found: &mut Vec<Diagnostic>,
    ) {
        let mut outputs = Vec::new();
        for reference in &pipeline.from {
            outputs.extend(self.outputs_of(reference, pipeline, &mut vec![&*pipeline.name], found));
        }
        let serves = pipeline
            .signals
            .as_ref()
            .map_or(SignalSet::ALL, |s| s.iter().copied().collect());
        outputs
            .iter_mut()
            .for_each(|output| output.signals = output.signals.and(serves));
        outputs.iter().for_each(|output| {
            used.entry(output.node).or_insert_with(|| output.place.clone());
        });
        for reference in &pipeline.via {
            let Some(node) = self.node(reference, Role::Processor, "via", found) else {
                continue;
            };
            if let Some(first) = self.placed.get(&node) {
                found.push(used_twice(reference, first.clone()));
                continue;
            }
            self.placed.insert(node, reference.place.clone());
            used.entry(node).or_insert_with(|| reference.place.clone());
            self.connect(&outputs, node, &reference.place);
            outputs = vec![Output {
                node,
                port: Port::MAIN,
                signals: SignalSet::ALL,
                place: reference.place.clone(),
            }];
        }
        for reference in &pipeline.to {
            let Some(node) = self.node(reference, Role::Exporter, "to", found) else {
                continue;
            };
            used.entry(node).or_insert_with(|| reference.place.clone());
            self.connect(&outputs, node, &reference.place);
        }
        self.leads_somewhere(pipeline, found);
    }

    /// What flows in by one `from` reference.
    fn outputs_of<'b>(
        &'b self,
        reference: &Reference,
        pipeline: &'b PipelineSpec,
        path: &mut Vec<&'b str>,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Output> {
        if let Some(other) = self
            .spec
            .pipelines
            .iter()
            .find(|other| *other.name == *reference.name)
        {
            return self.outputs_of_pipeline(other, reference, path, found);
        }
        let Some(node) = self.by_name.get(reference.name.as_str()).copied() else {
            found.push(self.unknown(reference, "from", pipeline));
            return Vec::new();
        };
        let Some(draft) = self.drafts.get(usize::from(node.0)) else {
            return Vec::new();
        };
        if draft.role == Role::Exporter {
            found.push(wrong_role(
                reference,
                Role::Exporter,
                "from",
                "it gives nothing out",
            ));
            return Vec::new();
        }
        let (port, signals) = match port_of(draft, reference) {
            Ok(port) => port,
            Err(error) => {
                found.push(*error);
                return Vec::new();
            }
        };
        vec![Output {
            node,
            port,
            signals,
            place: reference.place.clone(),
        }]
    }

    fn outputs_of_pipeline<'b>(
        &'b self,
        other: &'b PipelineSpec,
        reference: &Reference,
        path: &mut Vec<&'b str>,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Output> {
        path.push(&other.name);
        if path.iter().filter(|name| **name == &*other.name).count() > 1 {
            let circle = path.iter().rev().copied().collect::<Vec<_>>().join(" -> ");
            found.push(
                Diagnostic::error(format!("pipelines feed each other: {circle}")).at(reference.place.clone()),
            );
            return Vec::new();
        }
        let narrowed = match &reference.port {
            None => SignalSet::ALL,
            Some(port) => match Signal::parse(port) {
                Some(signal) => SignalSet::of(signal),
                None => {
                    found.push(no_port(reference, "pipeline", &[]));
                    SignalSet::ALL
                }
            },
        };
        let last = other
            .via
            .iter()
            .rev()
            .find_map(|via| self.by_name.get(via.name.as_str()).copied());
        let serves = other
            .signals
            .as_ref()
            .map_or(SignalSet::ALL, |s| s.iter().copied().collect());
        let mut outputs = match last {
            Some(node) => {
                vec![Output {
                    node,
                    port: Port::MAIN,
                    signals: SignalSet::ALL,
                    place: reference.place.clone(),
                }]
            }
            None => other
                .from
                .iter()
                .flat_map(|from| self.outputs_of(from, other, path, found))
                .collect(),
        };
        path.pop();
        outputs
            .iter_mut()
            .for_each(|output| output.signals = output.signals.and(narrowed).and(serves));
        outputs
    }

    /// The node of this role that `reference` names.
    fn node(
        &self,
        reference: &Reference,
        role: Role,
        key: &str,
        found: &mut Vec<Diagnostic>,
    ) -> Option<NodeId> {
        let Some(node) = self.by_name.get(reference.name.as_str()).copied() else {
            let known = self
                .drafts
                .iter()
                .filter(|draft| draft.role == role)
                .map(|draft| &*draft.name);
            let message = format!(
                "`{key}` names `{}`, but there is no such {}",
                reference.name,
                role.as_str()
            );
            found.push(
                Diagnostic::error(message)
                    .at(reference.place.clone())
                    .suggest(&reference.name, known),
            );
            return None;
        };
        let is = self.drafts.get(usize::from(node.0)).map(|draft| draft.role)?;
        if is != role {
            found.push(wrong_role(
                reference,
                is,
                key,
                &format!("`{key}` takes {}s", role.as_str()),
            ));
            return None;
        }
        if let Some(port) = &reference.port {
            let message = format!(
                "`{}.{port}` cannot stand in `{key}`: a port is something to take from",
                reference.name
            );
            found.push(
                Diagnostic::error(message)
                    .at(reference.place.clone())
                    .help(format!("write `{}`", reference.name)),
            );
        }
        Some(node)
    }

    fn connect(&mut self, outputs: &[Output], to: NodeId, place: &Place) {
        for output in outputs {
            let Output {
                node: from,
                port,
                signals,
                ..
            } = output.clone();
            let same = |edge: &&mut EdgePlan| (edge.from, edge.port, edge.to) == (from, port, to);
            match self.edges.iter_mut().find(same) {
                // The same way named twice is one way: nothing goes along it twice.
                Some(edge) => edge.signals = edge.signals.or(signals),
                None => {
                    let queue = QueuePlan::default();
                    self.edges.push(EdgePlan {
                        from,
                        port,
                        to,
                        signals,
                        place: place.clone(),
                        queue,
                    });
                }
            }
        }
    }

    fn leads_somewhere(&self, pipeline: &PipelineSpec, found: &mut Vec<Diagnostic>) {
        let taken_from = self
            .spec
            .pipelines
            .iter()
            .flat_map(|other| &other.from)
            .any(|from| *from.name == *pipeline.name);
        let last_is_taken = pipeline.via.last().is_some_and(|last| {
            self.spec
                .pipelines
                .iter()
                .flat_map(|other| &other.from)
                .any(|from| from.name == last.name)
        });
        if pipeline.to.is_empty() && !taken_from && !last_is_taken {
            let message = format!("nothing consumes the output of pipeline `{}`", pipeline.name);
            let help = format!(
                "give it `to = [\"an exporter\"]`, or let another pipeline take `from = [\"{}\"]`",
                pipeline.name
            );
            found.push(Diagnostic::error(message).at(pipeline.place.clone()).help(help));
        }
    }

    fn unused(&self, used: &HashMap<NodeId, Place>, found: &mut Vec<Diagnostic>) {
        for (_, draft) in self
            .drafts
            .iter()
            .enumerate()
            .filter(|(index, _)| !used.contains_key(&id(*index)))
        {
            let (message, help) = match draft.role {
                Role::Receiver => ("nothing consumes what receiver `{}` gives", "from"),
                Role::Processor => ("nothing reaches processor `{}`", "via"),
                Role::Exporter => ("nothing reaches exporter `{}`", "to"),
            };
            let message = message.replace("{}", &draft.name);
            let help = format!("name it in a pipeline's `{help}`, or take the table out");
            found.push(Diagnostic::error(message).at(draft.place.clone()).help(help));
        }
    }

    fn unknown(&self, reference: &Reference, key: &str, pipeline: &PipelineSpec) -> Diagnostic {
        let nodes = self
            .drafts
            .iter()
            .filter(|draft| draft.role != Role::Exporter)
            .map(|draft| &*draft.name);
        let pipelines = self
            .spec
            .pipelines
            .iter()
            .map(|other| &*other.name)
            .filter(|name| *name != &*pipeline.name);
        let message = format!(
            "`{key}` names `{}`, but there is no such receiver, processor or pipeline",
            reference.name
        );
        Diagnostic::error(message)
            .at(reference.place.clone())
            .suggest(&reference.name, nodes.chain(pipelines))
    }

    fn edge_settings(&mut self, found: &mut Vec<Diagnostic>) {
        for spec in &self.spec.edges {
            if let Err(error) = self.one_edge_setting(spec) {
                found.push(*error);
            }
        }
    }

    fn one_edge_setting(&mut self, spec: &EdgeSpec) -> Result<(), Box<Diagnostic>> {
        let named = |reference: &Reference| self.by_name.get(reference.name.as_str()).copied();
        let (from, to) = (named(&spec.from), named(&spec.to));
        let drafts = self.drafts;
        let edge = self
            .edges
            .iter_mut()
            .find(|edge| Some(edge.from) == from && Some(edge.to) == to);
        let Some(edge) = edge else {
            let message = format!("there is no edge from `{}` to `{}`", spec.from.name, spec.to.name);
            let known = "an edge exists where a pipeline leads from one node directly to the other";
            return Err(Box::new(
                Diagnostic::error(message).at(spec.place.clone()).help(known),
            ));
        };
        let target = drafts.get(usize::from(edge.to.0));
        if target.is_some_and(|draft| draft.component.is_some() && !draft.has_inbox()) {
            let exporter = target.is_some_and(|draft| draft.role == Role::Exporter);
            let (why, help) = if exporter {
                (
                    "an exporter's queue is set in its own table",
                    format!("set `queue = {{ ... }}` in `[exporters.{}]`", spec.to.name),
                )
            } else {
                (
                    "a processor without state runs in line, without a queue",
                    "take the table out".to_owned(),
                )
            };
            let message = format!("`{}` has no queue of its own to set here: {why}", spec.to.name);
            return Err(Box::new(
                Diagnostic::error(message).at(spec.place.clone()).help(help),
            ));
        }
        edge.queue = QueuePlan {
            max_items: spec.max_items,
            max_bytes: spec.max_bytes,
            on_full: spec.on_full,
        };
        Ok(())
    }
}

/// The port that a `from` reference to a node means, and the signals that it is narrowed to.
fn port_of(draft: &Draft, reference: &Reference) -> Result<(Port, SignalSet), Box<Diagnostic>> {
    let Some(port) = reference.port.as_deref() else {
        return Ok((Port::MAIN, SignalSet::ALL));
    };
    if let Some(signal) = Signal::parse(port) {
        return Ok((Port::MAIN, SignalSet::of(signal)));
    }
    let named = draft
        .ports()
        .iter()
        .enumerate()
        .find(|(_, (name, _))| *name == port);
    match named {
        Some((index, (_, signals))) => Ok((Port(u8::try_from(index + 1).unwrap_or(u8::MAX)), *signals)),
        None if draft.component.is_none() => Ok((Port::MAIN, SignalSet::ALL)),
        None => {
            let names: Vec<&str> = draft.ports().iter().map(|(name, _)| *name).collect();
            Err(Box::new(no_port(reference, draft.role.as_str(), &names)))
        }
    }
}

fn no_port(reference: &Reference, what: &str, ports: &[&'static str]) -> Diagnostic {
    let port = reference.port.as_deref().unwrap_or_default();
    let signals = Signal::ALL.iter().map(|signal| signal.as_str());
    Diagnostic::error(format!("{what} `{}` has no port `{port}`", reference.name))
        .at(reference.place.clone())
        .suggest(port, signals.chain(ports.iter().copied()))
}

fn wrong_role(reference: &Reference, is: Role, key: &str, why: &str) -> Diagnostic {
    let article = if is == Role::Exporter { "an" } else { "a" };
    Diagnostic::error(format!(
        "`{}` is {article} {} and cannot stand in `{key}`: {why}",
        reference.name,
        is.as_str()
    ))
    .at(reference.place.clone())
}

fn used_twice(reference: &Reference, first: Place) -> Diagnostic {
    Diagnostic::error(format!("processor `{}` stands in two places", reference.name))
        .at(reference.place.clone())
        .related(first, "it stands here already")
        .help("a node is one instance with one place: define a second one, or let one pipeline take from the other")
}

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
