//! What is said about names in pipelines that mean nothing, or not what stands there.

use super::Role;
use super::nodes::Draft;
use forebay_config::{GraphSpec, PipelineSpec, Reference};
use forebay_core::diagnostic::closest;
use forebay_core::{Diagnostic, Place, Signal};

pub(super) fn no_port(reference: &Reference, what: &str, ports: &[&'static str]) -> Diagnostic {
    let port = reference.port.as_deref().unwrap_or_default();
    let signals = Signal::ALL.iter().map(|signal| signal.as_str());
    Diagnostic::error(format!("{what} `{}` has no port `{port}`", reference.name))
        .at(reference.place.clone())
        .suggest(port, signals.chain(ports.iter().copied()))
}

pub(super) fn wrong_role(reference: &Reference, is: Role, key: &str, why: &str) -> Diagnostic {
    let article = if is == Role::Exporter { "an" } else { "a" };
    Diagnostic::error(format!(
        "`{}` is {article} {} and cannot stand in `{key}`: {why}",
        reference.name,
        is.as_str()
    ))
    .at(reference.place.clone())
}

pub(super) fn used_twice(reference: &Reference, first: Place) -> Diagnostic {
    Diagnostic::error(format!("processor `{}` stands in two places", reference.name))
        .at(reference.place.clone())
        .related(first, "it stands here already")
        .help("a node is one instance with one place: define a second one, or let one pipeline take from the other")
}

/// A name in `from` that is none of a receiver, processor or pipeline.
pub(super) fn unknown_source(
    reference: &Reference,
    pipeline: &PipelineSpec,
    spec: &GraphSpec,
    drafts: &[Draft],
) -> Diagnostic {
    let nodes = drafts
        .iter()
        .filter(|draft| draft.role != Role::Exporter)
        .map(|draft| &*draft.name);
    let pipelines = spec.pipelines.iter().map(|other| &*other.name);
    let others = pipelines.filter(|name| *name != &*pipeline.name);
    let message = format!(
        "`from` names `{}`, but there is no such receiver, processor or pipeline",
        reference.name
    );
    Diagnostic::error(message)
        .at(reference.place.clone())
        .suggest(&reference.name, nodes.chain(others))
}

/// A name in `via` or `to` that is no node.
pub(super) fn unknown_node(
    reference: &Reference,
    role: Role,
    key: &str,
    spec: &GraphSpec,
    drafts: &[Draft],
) -> Diagnostic {
    let (name, role_word) = (&reference.name, role.as_str());
    if spec.pipelines.iter().any(|pipeline| *pipeline.name == **name) {
        let message =
            format!("`{name}` is a pipeline and cannot stand in `{key}`: `{key}` takes {role_word}s");
        return Diagnostic::error(message)
            .at(reference.place.clone())
            .help(format!(
                "to go on from here in `{name}`, write this pipeline's name in the `from` of `{name}`"
            ));
    }
    let of_role = drafts.iter().filter(|draft| draft.role == role);
    let known: Vec<&str> = of_role.map(|draft| &*draft.name).collect();
    let message = format!("`{key}` names `{name}`, but there is no such {role_word}");
    let error = Diagnostic::error(message).at(reference.place.clone());
    match closest(name, &known) {
        Some(close) => error.help(format!("did you mean `{close}`?")),
        None => error.help(format!("define it in a table [{role_word}s.{name}]")),
    }
}

/// Nodes that no pipeline names. One that a name was probably meant to be is left out: that name is reported.
pub(super) fn unused(spec: &GraphSpec, drafts: &[Draft], found: &mut Vec<Diagnostic>) {
    let in_pipelines = |pipeline: &'_ PipelineSpec| -> Vec<String> {
        let all = pipeline.from.iter().chain(&pipeline.via).chain(&pipeline.to);
        all.map(|reference| reference.name.clone()).collect()
    };
    let named: Vec<String> = spec.pipelines.iter().flat_map(in_pipelines).collect();
    let is_defined = |name: &str| {
        drafts.iter().any(|draft| *draft.name == *name)
            || spec.pipelines.iter().any(|pipeline| *pipeline.name == *name)
    };
    let meant = |draft: &Draft, name: &String| {
        **name == *draft.name || (!is_defined(name) && closest(name, &[&*draft.name]).is_some())
    };
    for draft in drafts {
        if named.iter().any(|name| meant(draft, name)) {
            continue;
        }
        let name = &draft.name;
        let (message, key) = match draft.role {
            Role::Receiver => (format!("nothing consumes what receiver `{name}` gives"), "from"),
            Role::Processor => (format!("nothing reaches processor `{name}`"), "via"),
            Role::Exporter => (format!("nothing reaches exporter `{name}`"), "to"),
        };
        let help = format!("name it in a pipeline's `{key}`, or take the table out");
        found.push(Diagnostic::error(message).at(draft.place.clone()).help(help));
    }
}

/// Pipelines that take from one another: `path` leads from one back to itself, against the flow. The same circle reads the
/// same, and is at the same place, wherever it was entered.
pub(super) fn circle_of_pipelines(path: &[&str], spec: &GraphSpec) -> Diagnostic {
    let mut circle: Vec<&str> = path.iter().rev().copied().collect();
    circle.pop();
    let first = circle
        .iter()
        .enumerate()
        .min_by_key(|(_, name)| **name)
        .map_or(0, |(index, _)| index);
    circle.rotate_left(first);
    let message = match circle.as_slice() {
        [one] => format!("pipeline `{one}` takes from itself"),
        all => {
            let back = all.first().copied().unwrap_or_default();
            format!("pipelines feed each other: {} -> {back}", all.join(" -> "))
        }
    };
    let error = Diagnostic::error(message).help("data would go round for ever: take one of these steps out");
    let at = spec
        .pipelines
        .iter()
        .find(|pipeline| circle.first() == Some(&&*pipeline.name));
    match at {
        Some(pipeline) => error.at(pipeline.place.clone()),
        None => error,
    }
}
