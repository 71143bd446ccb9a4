//! Tests of graphs of made-up components: those that no real one is like yet. Wrong configs of real ones are tested
//! through the binary.

use super::{Acknowledged, Blueprint, Promise};
use forebay_config::{Environment, Input, Style, examine, render};
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::registry::{
    About, NamedPort, PreparedExporter, PreparedProcessor, PreparedReceiver, Registered, Registry,
};
use forebay_core::settings::{Budget, DeliverySettings, Ratio};
use forebay_core::{Batch, Diagnostic, NodeId, Section, Signal, SignalSet};
use forebay_testkit::{
    Answer, FakeExporter, FakeReceiver, prepared_exporter, prepared_processor, prepared_receiver,
};
use std::env::VarError;
use std::path::Path;
use std::sync::Arc;

struct Pass;

impl Processor for Pass {
    fn process(&self, batch: Batch, out: &mut Outputs) {
        out.emit(batch);
    }
}

struct Nowhere;

impl Environment for Nowhere {
    fn variable(&self, _: &str) -> Result<String, VarError> {
        Err(VarError::NotPresent)
    }

    fn read_file(&self, _: &Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn registered<P>(kind: &'static str, prepare: fn(&Section) -> Result<P, Vec<Diagnostic>>) -> Registered<P> {
    Registered {
        about: About {
            kind,
            summary: "",
            details: "",
            example: "",
        },
        schema: |generator| generator.subschema_for::<String>(),
        prepare,
    }
}

fn source(_: &Section) -> Result<PreparedReceiver, Vec<Diagnostic>> {
    Ok(prepared_receiver(FakeReceiver::new().0))
}

fn pass(stateful: bool) -> PreparedProcessor {
    prepared_processor(stateful, BuiltProcessor::Stateless(Arc::new(Pass)))
}

/// Takes traces only, holds them, and takes custody.
fn keep(_: &Section) -> Result<PreparedProcessor, Vec<Diagnostic>> {
    let mut prepared = pass(true);
    prepared.declaration.inputs = SignalSet::of(Signal::Traces);
    prepared.declaration.takes_custody = true;
    Ok(prepared)
}

/// Has a port for errors beside the main one.
fn route(_: &Section) -> Result<PreparedProcessor, Vec<Diagnostic>> {
    let mut prepared = pass(false);
    prepared.declaration.ports = vec![NamedPort {
        name: "errors",
        gives: SignalSet::of(Signal::Traces),
        optional: false,
    }];
    Ok(prepared)
}

/// Keeps half of the budget for itself; its main port has a name, its other need not be used.
fn hoard(section: &Section) -> Result<PreparedProcessor, Vec<Diagnostic>> {
    let mut prepared = keep(section)?;
    prepared.declaration.memory = Some(Budget::Share(Ratio(0.5)));
    prepared.declaration.main_port = Some("sampled");
    prepared.declaration.ports = vec![NamedPort {
        name: "dropped",
        gives: SignalSet::of(Signal::Traces),
        optional: true,
    }];
    Ok(prepared)
}

fn sink(_: &Section) -> Result<PreparedExporter, Vec<Diagnostic>> {
    Ok(prepared_exporter(
        FakeExporter::new(Answer::Take),
        DeliverySettings::default(),
    ))
}

fn spread(section: &Section) -> Result<PreparedExporter, Vec<Diagnostic>> {
    let mut prepared = sink(section)?;
    prepared.declaration.takes_custody = true;
    Ok(prepared)
}

fn draw(config: &str) -> (Option<Blueprint>, String) {
    let mut registry = Registry::default();
    registry.receivers.insert("source", registered("source", source));
    registry.processors.insert("keep", registered("keep", keep));
    registry.processors.insert("route", registered("route", route));
    registry.processors.insert("hoard", registered("hoard", hoard));
    registry.exporters.insert("sink", registered("sink", sink));
    registry.exporters.insert("spread", registered("spread", spread));
    let examined = examine(&[Input::text("t.toml", config)], &Nowhere);
    assert!(!examined.has_errors(), "{:#?}", examined.diagnostics);
    let (blueprint, found) = Blueprint::draw(&examined.spec, &registry, 1 << 30);
    (blueprint, render(&found, Style::default()))
}

const KEEP: &str = "\
[receivers.source]
[processors.keep]
[exporters.sink]
[exporters.archive]
type = \"sink\"
[pipelines.traces]
from = [\"source.traces\"]
via = [\"keep\"]
to = [\"sink\"]
[pipelines.all]
from = [\"source\"]
to = [\"archive\"]
";

#[test]
fn a_processor_that_takes_custody_is_where_a_crash_loses_data() {
    let (blueprint, found) = draw(KEEP);
    assert_eq!(found, "");
    let all = |custodians: &[&str], destinations: &[&str]| Acknowledged::All {
        custodians: custodians.iter().map(|name| (*name).to_owned()).collect(),
        destinations: destinations.iter().map(|name| (*name).to_owned()).collect(),
    };
    let promise = |signals: &[&'static str], acknowledged, crash_loses: &[&str]| Promise {
        receiver: "source".to_owned(),
        signals: signals.to_vec(),
        acknowledged,
        crash_loses: crash_loses.iter().map(|words| (*words).to_owned()).collect(),
    };
    assert_eq!(
        blueprint.unwrap().promises(),
        [
            promise(
                &["traces"],
                all(&["keep"], &["archive"]),
                &[
                    "what processor `keep` holds",
                    "the memory queue of exporter `sink`"
                ]
            ),
            promise(&["metrics", "logs"], all(&[], &["archive"]), &[]),
        ]
    );
}

#[test]
fn an_exporter_that_takes_custody_is_where_a_crash_loses_data() {
    let (blueprint, found) = draw(
        "[receivers.source]\n[exporters.spread]\n[pipelines.all]\nfrom = [\"source\"]\nto = [\"spread\"]\n",
    );
    assert_eq!(found, "");
    let promises = blueprint.unwrap().promises();
    assert_eq!(promises.len(), 1);
    assert_eq!(
        promises[0].acknowledged,
        Acknowledged::All {
            custodians: vec!["spread".to_owned()],
            destinations: Vec::new()
        }
    );
    assert_eq!(promises[0].crash_loses, ["the memory queue of exporter `spread`"]);
}

#[test]
fn a_signal_that_a_component_cannot_take_is_an_error_at_the_reference() {
    let (blueprint, found) = draw(&KEEP.replace("source.traces", "source"));
    assert!(blueprint.is_none());
    assert_eq!(
        found,
        "\
error: processor `keep` cannot take metrics, logs: it takes traces
  --> t.toml:8:8
   |
 8 | via = [\"keep\"]
   |        ^^^^^^
  = help: set `signals = [\"traces\"]` on the pipeline, or take `from` a port such as `NAME.traces`
"
    );
}

const ROUTE: &str = "\
[receivers.source]
[processors.route]
[exporters.sink]
[exporters.archive]
type = \"sink\"
[pipelines.all]
from = [\"source\"]
via = [\"route\"]
to = [\"sink\"]
[pipelines.errors]
from = [\"route.errors\"]
to = [\"archive\"]
";

#[test]
fn ports_show_in_every_form_of_the_graph() {
    let (blueprint, found) = draw(ROUTE);
    assert_eq!(found, "");
    let blueprint = blueprint.unwrap();
    assert_eq!(
        blueprint.to_text(),
        "\
receiver source (source)
    all signals -> route
processor route (route)
    all signals -> sink
    .errors: traces -> archive
exporter sink (sink)
exporter archive (sink)
"
    );
    for drawing in [blueprint.to_dot(), blueprint.to_mermaid(), blueprint.to_svg()] {
        assert!(drawing.contains(".errors: traces"), "{drawing}");
    }
}

const HOARD: &str = "\
[receivers.source]
[exporters.sink]
[processors.hoard]
[pipelines.traces]
from = [\"source.traces\"]
via = [\"hoard\"]
[pipelines.kept]
from = [\"hoard.sampled\"]
to = [\"sink\"]
[pipelines.rest]
from = [\"source.metrics\", \"source.logs\"]
to = [\"sink\"]
";

#[test]
fn what_processors_keep_for_themselves_is_taken_off_the_budget() {
    let (blueprint, found) = draw(HOARD);
    assert_eq!(found, "", "its other port is optional, its main port has a name");
    let bounds = blueprint.unwrap().bounds;
    let half = bounds.budget / 2;
    assert_eq!(
        (bounds.reserved_bytes(), bounds.reserved_by(NodeId(1))),
        (half, half)
    );
    assert_eq!(bounds.reserved_by(NodeId(0)), 0);
    assert_eq!(bounds.leasable, half / 100 * 70);
}

#[test]
fn processors_that_leave_nothing_to_others_are_an_error() {
    let second = "[processors.more]\ntype = \"hoard\"\n[pipelines.third]\nfrom = [\"hoard.dropped\"]\nvia = \
                  [\"more\"]\nto = [\"sink\"]\n";
    let (blueprint, found) = draw(&format!("{HOARD}{second}"));
    assert!(blueprint.is_none());
    assert!(found.contains("keep too much of the memory budget"), "{found}");
    assert!(found.contains("512.0 MiB  processors.more"), "{found}");
}

#[test]
fn a_port_that_nothing_consumes_is_an_error() {
    let without = ROUTE.split("[pipelines.errors]").next().unwrap();
    let without = without.replace("to = [\"sink\"]", "to = [\"sink\", \"archive\"]");
    let (blueprint, found) = draw(&without);
    assert!(blueprint.is_none());
    assert_eq!(
        found,
        "\
error: nothing consumes the port `route.errors`
  --> t.toml:2:13
   |
 2 | [processors.route]
   |             ^^^^^
  = help: let a pipeline take `from = [\"route.errors\"]`
"
    );
}

#[test]
fn an_edge_that_passes_columns_runs_through_no_box() {
    // `archive` takes from the receiver past `keep`, which stands between them.
    let svg = draw(KEEP).0.unwrap().to_svg();
    let number = |line: &str, name: &str| -> f64 {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let keep = svg
        .lines()
        .find(|line| line.contains("class=\"processor\""))
        .unwrap();
    let (top, bottom) = (number(keep, "y"), number(keep, "y") + number(keep, "height"));
    let passing = svg
        .lines()
        .filter(|line| line.starts_with("<path class=\"edge\""))
        .filter_map(|line| line.split_once(" L"))
        .map(|(_, line)| {
            line.split([',', ' ', '"'])
                .nth(1)
                .unwrap()
                .parse::<f64>()
                .unwrap()
        });
    let rows: Vec<f64> = passing.collect();
    assert_eq!(rows.len(), 1, "{svg}");
    assert!(rows.iter().all(|row| *row < top || *row > bottom), "{svg}");
}

// spec: M-1
#[test]
fn the_inboxes_of_a_processor_are_in_the_sum_once_whatever_leads_to_it() {
    let line = |config: &str| {
        let (blueprint, found) = draw(config);
        assert_eq!(found, "");
        let bounds = blueprint.unwrap().bounds;
        let inbox = |line: &&super::Bound| line.what.contains("keep");
        assert_eq!(bounds.lines.iter().filter(inbox).count(), 1, "{bounds:?}");
        let line = bounds.lines.iter().find(inbox).unwrap().clone();
        (line.what, line.bytes, bounds.leasable)
    };
    let (what, bytes, leasable) = line(KEEP);
    assert_eq!((&*what, bytes), ("processors.keep inbox", leasable / 16));
    let set = "[edges.\"source -> keep\"]\nmax_bytes = \"3MiB\"\n";
    let (what, bytes, _) = line(&format!("{KEEP}{set}"));
    assert_eq!((&*what, bytes), ("edges.\"source -> keep\"", 3 << 20));
}
