//! A small graph to test on: one receiver, a row of processors, any number of exporters.

use crate::blueprint::{Blueprint, BoundsSum, Component, EdgePlan, NodePlan, QueuePlan, Role};
use crate::built::Built;
use crate::running::Running;
use forebay_core::balanced::BuiltExporter;
use forebay_core::component::{BuiltProcessor, Exporter};
use forebay_core::registry::PreparedExporter;
use forebay_core::settings::DeliverySettings;
use forebay_core::{Balance, Clock, NodeId, Place, Port, SignalSet, Source};
use forebay_testkit::{
    Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_processor, prepared_receiver,
};
use std::sync::Arc;

/// What a test's graph is made of.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) processors: Vec<(bool, BuiltProcessor)>,
    pub(super) exporters: Vec<(FakeExporter, DeliverySettings)>,
}

/// Settings with nothing special, and one request at a time.
pub(super) fn one_at_a_time() -> DeliverySettings {
    DeliverySettings {
        max_in_flight: 1,
        ..DeliverySettings::default()
    }
}

fn node(name: &str, role: Role, component: Component) -> NodePlan {
    let source = Arc::new(Source {
        name: "test".to_owned(),
        text: String::new(),
    });
    let place = Place { source, span: 0..0 };
    NodePlan {
        name: name.into(),
        role,
        kind: "fake",
        place,
        component,
        signals: SignalSet::ALL,
    }
}

fn edge(from: usize, to: usize, place: &Place) -> EdgePlan {
    let id = |index: usize| NodeId(u16::try_from(index).unwrap());
    EdgePlan {
        from: id(from),
        port: Port::MAIN,
        to: id(to),
        signals: SignalSet::ALL,
        place: place.clone(),
        queue: QueuePlan::default(),
    }
}

/// Starts receiver `in` -> processors `p0`, `p1`, ... -> every exporter `out0`, `out1`, ...
pub(super) async fn start(parts: Parts, clock: Clock) -> (Running, Feed) {
    start_with(parts.processors, prepared_exporters(parts.exporters), clock).await
}

/// An exporter of a test's own, as a blueprint wants it.
pub(super) fn prepared(exporter: impl Exporter + 'static, settings: DeliverySettings) -> PreparedExporter {
    let mut prepared = prepared_exporter(FakeExporter::new(Answer::Take), settings);
    prepared.build = Box::new(move || Ok(BuiltExporter::Single(Box::new(exporter))));
    prepared
}

/// The same graph with exporters of any kind.
pub(super) async fn start_with(
    processors: Vec<(bool, BuiltProcessor)>,
    exporters: Vec<PreparedExporter>,
    clock: Clock,
) -> (Running, Feed) {
    let (receiver, context) = FakeReceiver::new();
    let running = built(receiver, processors, exporters).start(clock).unwrap();
    (running, Feed::new(context.await.unwrap()))
}

/// The same graph in the place of another.
pub(super) async fn start_in_place_of(previous: &Running, parts: Parts) -> (Running, Feed) {
    let (receiver, context) = FakeReceiver::new();
    let exporters = prepared_exporters(parts.exporters);
    let built = built(receiver, parts.processors, exporters);
    let running = built.start_in_place_of(previous).unwrap();
    (running, Feed::new(context.await.unwrap()))
}

fn prepared_exporters(exporters: Vec<(FakeExporter, DeliverySettings)>) -> Vec<PreparedExporter> {
    exporters
        .into_iter()
        .map(|(exporter, settings)| prepared_exporter(exporter, settings))
        .collect()
}

/// The graph, not started yet.
pub(super) fn built(
    receiver: FakeReceiver,
    processors: Vec<(bool, BuiltProcessor)>,
    exporters: Vec<PreparedExporter>,
) -> Built {
    let mut nodes = vec![node(
        "in",
        Role::Receiver,
        Component::Receiver(prepared_receiver(receiver)),
    )];
    let place = nodes[0].place.clone();
    let mut edges = Vec::new();
    for (index, (stateful, processor)) in processors.into_iter().enumerate() {
        edges.push(edge(nodes.len() - 1, nodes.len(), &place));
        let component = Component::Processor(prepared_processor(stateful, processor));
        nodes.push(node(&format!("p{index}"), Role::Processor, component));
    }
    let last = nodes.len() - 1;
    for (index, exporter) in exporters.into_iter().enumerate() {
        edges.push(edge(last, nodes.len(), &place));
        let component = Component::Exporter(exporter);
        nodes.push(node(&format!("out{index}"), Role::Exporter, component));
    }
    let order = (0..nodes.len())
        .map(|index| NodeId(u16::try_from(index).unwrap()))
        .collect();
    let budget = 64 << 20;
    let bounds = BoundsSum {
        budget,
        leasable: budget / 10 * 7,
        reserved: Vec::new(),
        lines: Vec::new(),
        queue_default: 1 << 20,
    };
    Blueprint {
        nodes,
        edges,
        order,
        bounds,
    }
    .build(2)
    .unwrap()
}

/// The books of the node `name`, all signals together. Asserts that everything is accounted for.
pub(super) fn books(running: &Running, name: &str) -> Balance {
    let books = running.accounts.read();
    assert!(
        books.iter().flatten().all(|balance| balance.unaccounted() == 0),
        "{books:#?}"
    );
    let index = running.nodes.iter().position(|node| &*node.name == name).unwrap();
    Balance::sum(books[index].iter())
}

/// The numbers of the spans in a request: what stands behind the fixed half of their trace ids.
pub(super) fn numbers_in(bytes: &[u8]) -> Vec<u64> {
    const BEFORE: [u8; 10] = [0x0a, 16, 7, 7, 7, 7, 7, 7, 7, 7];
    let number = |window: &[u8]| {
        let (before, number) = window.split_at(BEFORE.len());
        (before == BEFORE).then(|| u64::from_be_bytes(number.try_into().unwrap()))
    };
    bytes.windows(BEFORE.len() + 8).filter_map(number).collect()
}
