//! The conformance suite over every component of the house, and each of them at work under the engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use fastrand::Rng;
use forebay_config::{Input, ProcessEnvironment, load};
use forebay_core::component::{Arrival, Exporter, ListenAddress, Receiver};
use forebay_core::registry::{
    About, Bounds, Config, ExporterDeclaration, ExporterFactory, NamedPort, ReceiverDeclaration,
    ReceiverFactory, Registry,
};
use forebay_core::settings::DeliverySettings;
use forebay_core::{Acknowledge, Clock, ComponentError, Origin, Payload, Signal, SignalSet};
use forebay_engine::{Blueprint, Component, Drained, Running};
use forebay_otlp::{Depth, validate};
use forebay_testkit::conformance::{self, Fault, adapted, section};
use forebay_testkit::{Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_receiver};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a graph may take to drain. One whose destination is dead takes all of it.
const DEADLINE: Duration = Duration::from_millis(500);
/// When a drain counts as hanging.
const HANGING: Duration = Duration::from_secs(60);
/// Requests of each signal that a graph gets.
const REQUESTS: usize = 20;
/// Damaged requests of each signal that a graph gets.
const DAMAGED: usize = 100;

/// Every component of the house.
fn house() -> Registry {
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_processor::register(&mut registry);
    forebay_kubernetes::register(&mut registry);
    forebay_exporter::register(&mut registry);
    registry
}

fn none(faults: &[Fault]) {
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(words.is_empty(), "\n{}\n", words.join("\n"));
}

#[test]
fn every_config_keeps_to_the_rules() {
    let home = TempDir::new().unwrap();
    none(&conformance::configs(&house(), home.path()));
}

#[test]
fn property_every_processor_conserves_items_and_survives_damaged_requests() {
    let home = TempDir::new().unwrap();
    let seed = std::env::var("FOREBAY_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    none(&conformance::processors(&house(), home.path(), seed));
}

/// A folder with an `example.toml` is a component of its name, and each component has such a folder.
#[test]
fn every_folder_of_a_component_is_registered() {
    let registry = house();
    let kinds = |role: &str| -> BTreeSet<String> {
        let kinds: Vec<&str> = match role {
            "receiver" => registry.receivers.keys().copied().collect(),
            "processor" => registry.processors.keys().copied().collect(),
            _ => registry.exporters.keys().copied().collect(),
        };
        kinds.into_iter().map(str::to_owned).collect()
    };
    for role in ["receiver", "processor", "exporter"] {
        // Components with a heavy dependency have crates of their own.
        let crates = match role {
            "processor" => &["processor", "kubernetes"][..],
            _ => &[role],
        };
        let source =
            |name: &&str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/{name}/src"));
        let folders: BTreeSet<String> = crates
            .iter()
            .flat_map(|name| std::fs::read_dir(source(name)).unwrap())
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("example.toml").exists())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        assert_eq!(
            folders,
            kinds(role),
            "folders with an example.toml, and registered types of {role}s"
        );
    }
}

/// The config of the ends that this test puts in place of what the engine would build.
#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Nothing {}

impl Config for Nothing {}

const END: About = About {
    kind: "end",
    summary: "Is replaced before anything is built.",
    details: "",
    example: "",
};

struct End;

impl ReceiverFactory for End {
    type Config = Nothing;
    const ABOUT: About = END;

    fn declare(_: &Nothing) -> ReceiverDeclaration {
        ReceiverDeclaration {
            signals: SignalSet::ALL,
            acknowledge: Acknowledge::Delivered,
            bounds: Bounds::default(),
        }
    }

    fn build(_: Nothing) -> Result<Box<dyn Receiver>, ComponentError> {
        Err(ComponentError::new("it was not replaced"))
    }
}

impl ExporterFactory for End {
    type Config = Nothing;
    const ABOUT: About = END;

    fn declare(_: &Nothing) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: DeliverySettings::default(),
            bounds: Bounds::default(),
            takes_custody: false,
        }
    }

    fn build(_: Nothing) -> Result<Box<dyn Exporter>, ComponentError> {
        Err(ComponentError::new("it was not replaced"))
    }
}

/// A running graph and its ends.
struct Graph {
    running: Running,
    feed: Option<Feed>,
    sink: FakeExporter,
    _home: TempDir,
}

impl Graph {
    /// Starts a graph with the node `it`, made of the example of a component. `rest` is what else there is in the config.
    async fn start(role: &str, kind: &str, example: &str, rest: &str) -> Graph {
        let home = TempDir::new().unwrap();
        let mut node: toml::Table = adapted(example, home.path()).parse().unwrap();
        node.insert("type".to_owned(), kind.into());
        let mut nodes = toml::Table::new();
        nodes.insert(
            role.to_owned(),
            toml::Table::from_iter([("it".to_owned(), node.into())]).into(),
        );
        let text = format!("{rest}\n{nodes}");
        let mut registry = house();
        registry.receiver::<End>();
        registry.exporter::<End>();
        let loaded = load(&[Input::text("conformance", &text)], &ProcessEnvironment);
        let loaded = loaded.unwrap_or_else(|found| panic!("{found:#?}\n{text}"));
        let (blueprint, found) = Blueprint::draw(&loaded.spec, &registry, 256 << 20);
        let mut blueprint = blueprint.unwrap_or_else(|| panic!("{found:#?}\n{text}"));
        let (receiver, context) = FakeReceiver::new();
        let (mut receiver, sink) = (Some(receiver), FakeExporter::new(Answer::Take));
        for node in blueprint.nodes.iter_mut().filter(|node| node.kind == END.kind) {
            node.component = match node.component {
                Component::Receiver(_) => Component::Receiver(prepared_receiver(receiver.take().unwrap())),
                _ => Component::Exporter(prepared_exporter(sink.clone(), DeliverySettings::default())),
            };
        }
        let running = blueprint.build(2).unwrap().start(Clock::system()).unwrap();
        let feed = match receiver {
            None => Some(Feed::new(context.await.unwrap())),
            Some(_) => None,
        };
        Graph {
            running,
            feed,
            sink,
            _home: home,
        }
    }

    /// Feeds random requests whose senders are told at once that all is well, then damaged ones if `damaged`; gives the
    /// items that were booked for them.
    async fn feed(&self, signals: SignalSet, damaged: bool) -> u64 {
        let (mut rng, mut fed) = (Rng::with_seed(1), 0);
        for signal in signals.iter().flat_map(|signal| [signal; REQUESTS]) {
            let bytes = conformance::request(signal, &mut rng);
            let items = forebay_otlp::count_items(signal, &bytes).unwrap();
            fed += self.send(signal, bytes, items).await;
        }
        for signal in signals
            .iter()
            .flat_map(|signal| [signal; DAMAGED])
            .filter(|_| damaged)
        {
            let bytes = conformance::damage(&conformance::request(signal, &mut rng), &mut rng);
            fed += self.send(signal, bytes.into(), 3).await;
        }
        fed
    }

    async fn send(&self, signal: Signal, bytes: Bytes, items: u64) -> u64 {
        let context = &self.feed.as_ref().unwrap().context;
        let arrival = Arrival {
            signal,
            lease: context.admit(bytes.len() as u64).unwrap(),
            payload: Payload::from(bytes),
            items,
            origin: Arc::new(Origin::default()),
            acknowledge: Acknowledge::Accepted,
        };
        let (batch, _) = context.receive(arrival);
        context.send(batch).await;
        items
    }

    /// Drains the graph, and checks that nothing is left and everything is accounted for.
    async fn drain(self) -> (Drained, FakeExporter) {
        let drained = tokio::time::timeout(HANGING, self.running.drain(DEADLINE)).await;
        let drained = drained.expect("the drain does not end");
        for node in &self.running.nodes {
            assert_eq!(node.panics.load(Ordering::Relaxed), 0, "{} panicked", node.name);
        }
        let books = self.running.accounts.read();
        assert!(
            books.iter().flatten().all(|account| account.unaccounted() == 0),
            "{books:#?}"
        );
        assert_eq!(drained.total.held, 0, "{books:#?}");
        drop(self.feed);
        assert_eq!(self.running.ledger.read().used, 0, "every lease is given back");
        (drained, self.sink)
    }
}

/// Sends bytes to a server and reads what it says until one of both hangs up.
async fn converse(address: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // It may hang up at any time.
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    let mut answer = Vec::new();
    let heard = tokio::time::timeout(HANGING, socket.read_to_end(&mut answer)).await;
    assert!(heard.is_ok(), "{address} neither answers nor hangs up");
}

/// A request of HTTP/1.1 as an OTLP sender makes it, with a damaged body.
fn damaged_post(signal: Signal, rng: &mut Rng) -> Vec<u8> {
    let body = conformance::damage(&conformance::request(signal, rng), rng);
    let length = body.len();
    let head = format!(
        "POST /v1/{signal} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), &body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receiver_starts_survives_noise_and_stops() {
    let pipelines = "exporters.sink.type = \"end\"\npipelines.all = { from = [\"it\"], to = [\"sink\"] }";
    for (kind, receiver) in house().receivers {
        let example = receiver.about.example;
        // Two at once: one's data is not the other's.
        let quiet = Graph::start("receivers", kind, example, pipelines).await;
        let graph = Graph::start("receivers", kind, example, pipelines).await;
        let mut rng = Rng::with_seed(1);
        let addresses: Vec<SocketAddr> = graph
            .running
            .nodes
            .iter()
            .flat_map(|node| node.listens.iter().filter_map(ListenAddress::tcp))
            .collect();
        for address in addresses {
            for length in [0, 1, 100, 10_000] {
                let noise: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
                converse(address, &noise).await;
            }
            assert_eq!(
                graph.running.accounts.total().received,
                0,
                "{kind} makes items of noise"
            );
            for signal in Signal::ALL.into_iter().flat_map(|signal| [signal; DAMAGED]) {
                converse(address, &damaged_post(signal, &mut rng)).await;
            }
        }
        let (drained, sink) = graph.drain().await;
        assert!(drained.in_time, "{kind} does not stop in time");
        assert_eq!(drained.total.delivered, sink.items(), "{kind}");
        for request in sink.taken() {
            let valid = validate(request.signal, &request.payload.contiguous(), Depth::Full);
            assert_eq!(valid.map(|census| census.items), Ok(request.items), "{kind}");
        }
        let (drained, sink) = quiet.drain().await;
        assert!(drained.in_time, "{kind} does not stop in time");
        assert_eq!((drained.total.received, sink.items()), (0, 0), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_processor_starts_flushes_and_stops() {
    for (kind, processor) in house().processors {
        let example = processor.about.example;
        let prepared = (processor.prepare)(&section(example)).unwrap();
        let inputs = prepared.declaration.inputs;
        let signals: Vec<String> = inputs.iter().map(|signal| format!("\"{signal}\"")).collect();
        let mut pipelines = format!(
            "receivers.feed.type = \"end\"\nexporters.sink.type = \"end\"\n\
             [pipelines.all]\nfrom = [\"feed\"]\nvia = [\"it\"]\nto = [\"sink\"]\nsignals = [{}]\n",
            signals.join(", ")
        );
        for NamedPort { name: port, .. } in &prepared.declaration.ports {
            pipelines += &format!("[pipelines.port-{port}]\nfrom = [\"it.{port}\"]\nto = [\"sink\"]\n");
        }
        let graph = Graph::start("processors", kind, example, &pipelines).await;
        let fed = graph.feed(inputs, false).await;
        let (drained, sink) = graph.drain().await;
        assert!(drained.in_time, "{kind} does not flush in time");
        assert_eq!(drained.total.received, fed, "{kind}");
        assert_eq!(drained.total.delivered, sink.items(), "{kind}");
        for request in sink.taken() {
            let whole = request.payload.contiguous();
            assert_eq!(
                forebay_otlp::count_items(request.signal, &whole),
                Ok(request.items),
                "{kind}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_exporter_starts_takes_and_stops_whether_its_destination_is_there_or_not() {
    let pipelines = "receivers.feed.type = \"end\"\npipelines.all = { from = [\"feed\"], to = [\"it\"] }";
    for (kind, exporter) in house().exporters {
        let example = exporter.about.example;
        // Two at once, each with data of its own: one's end is not the other's.
        let idle = Graph::start("exporters", kind, example, pipelines).await;
        let graph = Graph::start("exporters", kind, example, pipelines).await;
        let fed = graph.feed(SignalSet::ALL, true).await;
        let (drained, _) = graph.drain().await;
        let total = &drained.total;
        assert_eq!(total.received, fed, "{kind}");
        assert_eq!(total.delivered + total.dropped_all(), fed, "{kind}");
        let (drained, _) = idle.drain().await;
        assert!(drained.in_time, "{kind} without data does not stop in time");
        assert_eq!(drained.total.received, 0, "{kind}");
    }
}
