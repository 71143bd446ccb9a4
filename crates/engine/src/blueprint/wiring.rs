//! Turns pipelines into edges: `from` through each of `via` to every `to`.

use super::nodes::Draft;
use super::words::{self, no_port, used_twice, wrong_role};
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
    if spec.complete && spec.pipelines.is_empty() {
        found.push(
            Diagnostic::error("the config has no pipeline: nothing would flow")
                .help("add a table [pipelines.NAME] with `from` and `to`"),
        );
        return Vec::new();
    }
    let before = found.len();
    for pipeline in &spec.pipelines {
        wiring.pipeline(pipeline, found);
    }
    once_each(found, before);
    if spec.complete {
        words::unused(spec, drafts, found);
        wiring.edge_settings(found);
    }
    wiring.edges
}

pub(super) fn id(index: usize) -> NodeId {
    NodeId(u16::try_from(index).unwrap_or(u16::MAX))
}

/// Leaves out repetitions of what was found from `start` on: a pipeline is looked at again for each that takes from it.
fn once_each(found: &mut Vec<Diagnostic>, start: usize) {
    for diagnostic in found.split_off(start) {
        if !found.contains(&diagnostic) {
            found.push(diagnostic);
        }
    }
}

impl Wiring<'_> {
    fn pipeline(&mut self, pipeline: &PipelineSpec, found: &mut Vec<Diagnostic>) {
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
        if !outputs.is_empty() && outputs.iter().all(|output| output.signals.is_empty()) {
            found.push(carries_nothing(pipeline, serves));
        }
        for reference in &pipeline.via {
            let Some(node) = self.node(reference, Role::Processor, "via", found) else {
                continue;
            };
            if let Some(first) = self.placed.get(&node) {
                found.push(used_twice(reference, first.clone()));
                continue;
            }
            self.placed.insert(node, reference.place.clone());
            self.connect(&outputs, node, &reference.place);
            outputs = vec![Output {
                node,
                port: Port::MAIN,
                signals: SignalSet::ALL,
            }];
        }
        for reference in &pipeline.to {
            let Some(node) = self.node(reference, Role::Exporter, "to", found) else {
                continue;
            };
            self.connect(&outputs, node, &reference.place);
        }
        if self.spec.complete {
            self.leads_somewhere(pipeline, found);
        }
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
            if self.spec.complete {
                found.push(words::unknown_source(reference, pipeline, self.spec, self.drafts));
            }
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
        vec![Output { node, port, signals }]
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
            found.push(words::circle_of_pipelines(path, self.spec));
            path.pop();
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
            if self.spec.complete {
                found.push(words::unknown_node(reference, role, key, self.spec, self.drafts));
            }
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
    if draft.main_port() == Some(port) {
        return Ok((Port::MAIN, SignalSet::ALL));
    }
    let named = draft
        .ports()
        .iter()
        .enumerate()
        .find(|(_, named)| named.name == port);
    match named {
        Some((index, named)) => Ok((Port(u8::try_from(index + 1).unwrap_or(u8::MAX)), named.gives)),
        None if draft.component.is_none() => Ok((Port::MAIN, SignalSet::ALL)),
        None => {
            let others = draft.ports().iter().map(|port| port.name);
            let names: Vec<&str> = draft.main_port().into_iter().chain(others).collect();
            Err(Box::new(no_port(reference, draft.role.as_str(), &names)))
        }
    }
}

/// A pipeline of which no signal that comes in is one that it serves.
fn carries_nothing(pipeline: &PipelineSpec, serves: SignalSet) -> Diagnostic {
    let message = format!(
        "nothing flows through pipeline `{}`: it serves {serves}, and nothing of that comes in",
        pipeline.name
    );
    Diagnostic::error(message)
        .at(pipeline.place.clone())
        .help("look at `signals` here, and at the ports in `from`")
}
