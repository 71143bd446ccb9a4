//! `[pipelines.NAME]` and `[edges."A -> B"]`.

use crate::names::Word;
use crate::spec::{EdgeSpec, PipelineSpec, Reference};
use forebay_core::settings::{Count, OnFull, Size};
use forebay_core::{Diagnostic, Place, Section, Signal};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use toml::Spanned;

/// A way from where data comes in to where it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipelineTable {
    /// What flows in: receivers, named ports of receivers and processors, other pipelines; each perhaps with a signal:
    /// `otlp`, `otlp.traces`.
    #[schemars(with = "Vec<String>", length(min = 1))]
    from: Vec<Spanned<Word>>,
    /// The processors that it flows through, in order.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    via: Vec<Spanned<Word>>,
    /// The exporters that it flows out to. May be left out if another pipeline takes from this one.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    to: Vec<Spanned<Word>>,
    /// The signals that it serves. Left out: all that come.
    #[serde(default)]
    #[schemars(with = "Option<Vec<SignalWord>>", length(min = 1))]
    signals: Option<Spanned<Vec<Spanned<SignalWord>>>>,
}

/// A signal, as a config says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SignalWord {
    Traces,
    Metrics,
    Logs,
}

impl SignalWord {
    fn signal(self) -> Signal {
        match self {
            SignalWord::Traces => Signal::Traces,
            SignalWord::Metrics => Signal::Metrics,
            SignalWord::Logs => Signal::Logs,
        }
    }
}

/// The bounds between two nodes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EdgeTable {
    /// The most items that wait on the edge.
    max_items: Option<Count>,
    /// The most payload bytes that wait on the edge.
    max_bytes: Option<Size>,
    /// What happens when there is no room.
    on_full: Option<OnFull>,
}

/// Reads a pipeline, reporting every mistake in it.
pub(crate) fn pipeline(
    name: Arc<str>,
    place: Place,
    section: &Section,
) -> Result<PipelineSpec, Vec<Diagnostic>> {
    let table: PipelineTable = section.read()?;
    let mut problems = Vec::new();
    if table.from.is_empty() {
        let problem = Diagnostic::error(format!("nothing flows into the pipeline `{name}`"));
        problems.push(
            problem
                .at(section.place_of(&["from"]))
                .help("`from` needs at least one receiver, port or pipeline"),
        );
    }
    let references = |words: Vec<Spanned<Word>>| -> Vec<Reference> {
        let place = |word: Spanned<Word>| {
            let place = section.place(word.span());
            word.into_inner().at(place)
        };
        words.into_iter().map(place).collect()
    };
    let signals = table
        .signals
        .and_then(|words| signals(words, section, &mut problems));
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(PipelineSpec {
        name,
        place,
        from: references(table.from),
        via: references(table.via),
        to: references(table.to),
        signals,
    })
}

fn signals(
    words: Spanned<Vec<Spanned<SignalWord>>>,
    section: &Section,
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<Signal>> {
    if words.get_ref().is_empty() {
        let problem =
            Diagnostic::error("a pipeline for no signal does nothing").at(section.place(words.span()));
        problems.push(problem.help("leave `signals` out to serve all of them"));
    }
    let mut signals: Vec<Signal> = Vec::new();
    for word in words.into_inner() {
        let signal = word.get_ref().signal();
        if signals.contains(&signal) {
            let problem = Diagnostic::error(format!("`{signal}` is in the list twice"));
            problems.push(problem.at(section.place(word.span())));
        } else {
            signals.push(signal);
        }
    }
    Some(signals)
}

/// Reads an edge, reporting every mistake in it.
pub(crate) fn edge(key: &str, place: Place, section: &Section) -> Result<EdgeSpec, Vec<Diagnostic>> {
    let ends = ends(key, &place);
    let table = section.read::<EdgeTable>();
    match (ends, table) {
        (Ok((from, to)), Ok(table)) => Ok(EdgeSpec {
            from,
            to,
            max_items: table.max_items.map(|count| count.0),
            max_bytes: table.max_bytes.map(|size| size.0),
            on_full: table.on_full,
            place,
        }),
        (ends, table) => {
            let mut problems: Vec<Diagnostic> = ends.err().into_iter().map(|problem| *problem).collect();
            problems.extend(table.err().into_iter().flatten());
            Err(problems)
        }
    }
}

fn ends(key: &str, place: &Place) -> Result<(Reference, Reference), Box<Diagnostic>> {
    let Some((from, to)) = key.split_once("->") else {
        let problem = Diagnostic::error(format!("`{key}` does not say which edge is meant"));
        let help = "write the two nodes with an arrow between them: [edges.\"site -> backend\"]";
        return Err(Box::new(problem.at(place.clone()).help(help)));
    };
    let end = |text: &str| match Word::parse(text.trim()) {
        Ok(word) => Ok(word.at(place.clone())),
        Err(message) => Err(Box::new(Diagnostic::error(message).at(place.clone()))),
    };
    Ok((end(from)?, end(to)?))
}
