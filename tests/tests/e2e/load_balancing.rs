//! A router before a tier of gateways that grows, shrinks, and loses one to SIGKILL, under a steady load of traces.
//!
//! All are the built binary. A gateway writes what it takes to a file before it says so, and so what is there when it is
//! killed is what it had acknowledged.

use crate::dns::{permitted, private};
use crate::support::admin::{Scrape, status};
use crate::support::forebay::{ADMIN, RECEIVER, receiver_of_its_own};
use crate::support::{Client, Export, Forebay, Sink, binary, eventually};
use bytes::Bytes;
use forebay_core::Signal;
use forebay_testkit::fault::FaultProxy;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Spans of a trace, one at each of so many turns of the load.
const SPANS: u64 = 5;
const APART: u64 = 6;
/// New traces at each turn.
const NEW: u64 = 4;
const PACE: Duration = Duration::from_millis(10);
/// Traces of the steady load between two changes.
const BETWEEN: u64 = 500;
/// The traces that are sent once in each state of the tier, to see which of them move.
const PROBES: u64 = 10_000;
const FIRST_PROBE: u64 = 1 << 40;

/// A process that writes spans to a file.
struct Gateway {
    process: Option<Forebay>,
    address: SocketAddr,
    file: PathBuf,
}

impl Gateway {
    async fn start(folder: &Path, number: usize) -> Gateway {
        let file = folder.join(format!("{number}-{{signal}}"));
        let receiver = receiver_of_its_own();
        let config = format!(
            "{ADMIN}{receiver}
            [exporters.file]
            path = {file:?}
            format = \"proto\"
            [pipelines.all]
            from = [\"otlp\"]
            to = [\"file\"]"
        );
        let process = Forebay::start(&config).await;
        Gateway {
            address: process.grpc(),
            process: Some(process),
            file: folder.join(format!("{number}-traces")),
        }
    }

    /// Each span that it has written, by trace and span.
    fn spans(&self) -> Vec<(u64, u64)> {
        let written = std::fs::read(&self.file).unwrap_or_default();
        let (mut rest, mut spans) = (&written[..], Vec::new());
        // One that was killed may have left half of its last request.
        while let Some((length, after)) = rest.split_first_chunk::<4>()
            && let Some((request, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize)
        {
            let request = ExportTraceServiceRequest::decode(request).unwrap();
            let scopes = request
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans);
            let number = |id: &[u8]| u64::from_be_bytes(id[id.len() - 8..].try_into().unwrap());
            spans.extend(
                scopes
                    .flat_map(|scope| scope.spans)
                    .map(|span| (number(&span.trace_id), number(&span.span_id))),
            );
            rest = after;
        }
        spans
    }
}

fn list(file: &Path, gateways: &[&Gateway]) {
    let lines: String = gateways
        .iter()
        .map(|gateway| format!("{}\n", gateway.address))
        .collect();
    let next = file.with_extension("next");
    std::fs::write(&next, lines).unwrap();
    std::fs::rename(next, file).unwrap();
}

async fn router(list: &Path) -> Forebay {
    let config = format!(
        "{ADMIN}{RECEIVER}
        [exporters.gateways]
        type = \"load_balancing\"
        resolver.file = {{ path = {list:?}, interval = \"100ms\" }}
        retry = {{ initial_interval = \"50ms\", max_interval = \"500ms\" }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"gateways\"]"
    );
    Forebay::start(&config).await
}

fn request(spans: impl IntoIterator<Item = (u64, u64)>) -> Bytes {
    let span = |(trace, span): (u64, u64)| Span {
        trace_id: [
            trace.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes(),
            trace.to_be_bytes(),
        ]
        .concat(),
        span_id: span.to_be_bytes().to_vec(),
        name: "work".to_owned(),
        start_time_unix_nano: 1_748_736_000_000_000_000,
        end_time_unix_nano: 1_748_736_000_001_000_000,
        ..Span::default()
    };
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource::default()),
        scope_spans: vec![ScopeSpans {
            spans: spans.into_iter().map(span).collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

/// A steady load of traces whose spans arrive one after the other.
struct Load {
    client: Client,
    stop: AtomicBool,
    /// Traces that are sent to their end.
    done: AtomicU64,
    /// When each began, and when its last span was accepted.
    times: Mutex<HashMap<u64, (Instant, Instant)>>,
}

impl Load {
    async fn run(self: Arc<Self>) {
        let (mut turn, mut pace) = (0, tokio::time::interval(PACE));
        loop {
            pace.tick().await;
            let began = Instant::now();
            let ends = self.stop.load(Ordering::Relaxed);
            // The trace n begins at turn n / NEW, and has a span every APART turns.
            let due = |span: u64| {
                let first = turn_of(turn, span).map(|turn| turn * NEW);
                first
                    .into_iter()
                    .flat_map(|first| first..first + NEW)
                    .map(move |trace| (trace + 1, span + 1))
            };
            let spans: Vec<(u64, u64)> = (0..SPANS).flat_map(due).collect();
            let reply = self
                .client
                .send_bytes(Signal::Traces, request(spans.iter().copied()))
                .await;
            assert!(reply.is_taken(), "{reply:?}");
            self.note(&spans, began);
            if ends {
                return;
            }
            turn += 1;
        }
    }

    fn note(&self, spans: &[(u64, u64)], began: Instant) {
        let mut times = self.times.lock().unwrap();
        for (trace, span) in spans {
            let entry = times.entry(*trace).or_insert((began, began));
            entry.1 = Instant::now();
            self.done.fetch_add(u64::from(*span == SPANS), Ordering::Relaxed);
        }
    }

    async fn goes_on(&self) {
        let done = self.done.load(Ordering::Relaxed) + BETWEEN;
        eventually("the load goes on", async || {
            self.done.load(Ordering::Relaxed) >= done
        })
        .await;
    }

    /// Sends each probe once more, under this number.
    async fn probe(&self, number: u64) {
        for first in (0..PROBES).step_by(1_000) {
            let spans = (first..first + 1_000).map(|trace| (FIRST_PROBE + trace, number));
            let reply = self.client.send_bytes(Signal::Traces, request(spans)).await;
            assert!(reply.is_taken(), "{reply:?}");
        }
    }
}

/// The turn at which the traces began whose span of this number is due now.
fn turn_of(turn: u64, span: u64) -> Option<u64> {
    turn.checked_sub(span * APART)
}

/// The circuits of the router's backends, by address.
async fn circuits(router: &Forebay) -> BTreeMap<String, String> {
    let status = status(router.admin()).await;
    let nodes = status["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["name"] == "gateways").unwrap();
    let backends = node["backends"].as_array().into_iter().flatten();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    backends
        .map(|backend| (text(&backend["endpoint"]), text(&backend["delivery"]["circuit"])))
        .collect()
}

async fn until_idle(router: &Forebay) {
    eventually("all is delivered", async || {
        let scrape = Scrape::of(router.admin()).await.unwrap();
        scrape.assert_balanced();
        scrape.sum("forebay_items_held", &[]) == 0.0
    })
    .await;
}

/// What one test does and finds out.
struct Tier {
    folder: TempDir,
    gateways: Vec<Gateway>,
    router: Forebay,
    load: Arc<Load>,
    /// From when to when the tier changed.
    changes: Vec<(Instant, Instant)>,
}

impl Tier {
    async fn start() -> Tier {
        let folder = tempfile::tempdir().unwrap();
        let mut gateways = Vec::new();
        for number in 0..4 {
            gateways.push(Gateway::start(folder.path(), number).await);
        }
        let file = folder.path().join("backends");
        list(&file, &gateways[..3].iter().collect::<Vec<_>>());
        let router = router(&file).await;
        let load = Arc::new(Load {
            client: Client::grpc(router.grpc()),
            stop: AtomicBool::new(false),
            done: AtomicU64::new(0),
            times: Mutex::default(),
        });
        Tier {
            folder,
            gateways,
            router,
            load,
            changes: Vec::new(),
        }
    }

    /// These are the members from now on.
    async fn change_to(&mut self, members: &[usize]) {
        let began = Instant::now();
        let members: Vec<&Gateway> = members.iter().map(|number| &self.gateways[*number]).collect();
        list(&self.folder.path().join("backends"), &members);
        eventually("the router follows", async || {
            circuits(&self.router).await.len() == members.len()
        })
        .await;
        self.changes.push((began, Instant::now()));
    }

    async fn kill(&mut self, number: usize) {
        let began = Instant::now();
        // SIGKILL.
        drop(self.gateways[number].process.take());
        let address = self.gateways[number].address.to_string();
        eventually("the router notices", async || {
            circuits(&self.router).await[&address] != "closed"
        })
        .await;
        self.changes.push((began, Instant::now()));
    }

    /// Whether a trace was under way, or still on its way through a queue, while the tier changed.
    fn was_under_way(&self, (first, last): (Instant, Instant)) -> bool {
        let margin = Duration::from_millis(500);
        self.changes
            .iter()
            .any(|(began, ended)| first < *ended + margin && last + margin > *began)
    }
}

/// Which gateways have each span.
type Found = HashMap<(u64, u64), Vec<usize>>;

/// At most the share of one among `members`, and 2 %, may have gone elsewhere between two probes, and all of it from `from`, or all of
/// it to `to`.
fn assert_moved(
    found: &Found,
    probes: (u64, u64),
    members: usize,
    only: impl Fn(usize, usize) -> bool,
) -> f64 {
    let mut moved = 0;
    for trace in FIRST_PROBE..FIRST_PROBE + PROBES {
        let (before, after) = (found[&(trace, probes.0)][0], found[&(trace, probes.1)][0]);
        if before != after {
            assert!(only(before, after), "a trace went from {before} to {after}");
            moved += 1;
        }
    }
    let share = f64::from(moved) / PROBES as f64;
    assert!(share <= 1.0 / members as f64 + 0.02 && moved > 0, "{share}");
    share
}

#[tokio::test]
async fn a_tier_that_changes_loses_nothing_repeats_nothing_and_keeps_traces_whole() {
    let mut tier = Tier::start().await;
    let load = tokio::spawn(Arc::clone(&tier.load).run());
    tier.load.goes_on().await;
    tier.load.probe(1).await;
    tier.change_to(&[0, 1, 2, 3]).await;
    tier.load.goes_on().await;
    tier.load.probe(2).await;
    tier.load.goes_on().await;
    tier.kill(1).await;
    tier.load.goes_on().await;
    tier.load.probe(3).await;
    tier.load.goes_on().await;
    tier.change_to(&[2, 3]).await;
    tier.load.goes_on().await;
    tier.load.probe(4).await;
    tier.load.goes_on().await;
    tier.load.stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    until_idle(&tier.router).await;

    let mut found = Found::new();
    for (number, gateway) in tier.gateways.iter().enumerate() {
        gateway
            .spans()
            .into_iter()
            .for_each(|span| found.entry(span).or_default().push(number));
    }
    let twice = everything_is_there_once(&tier, &found);
    let (torn, quiet, all) = traces_are_whole(&tier, &found);
    let shares = [
        assert_moved(&found, (1, 2), 4, |_, to| to == 3),
        assert_moved(&found, (2, 3), 4, |from, _| from == 1),
        assert_moved(&found, (3, 4), 3, |from, _| from == 0),
    ];
    println!(
        "{} spans, {twice} twice; {all} traces, {torn} of {quiet} torn; moved {shares:.3?}",
        found.len()
    );
    tier.router.terminate();
    assert!(tier.router.end().await.status.success());
}

/// Gives how many came twice by way of the one that was killed.
fn everything_is_there_once(tier: &Tier, found: &Found) -> u64 {
    let times = tier.load.times.lock().unwrap();
    let (mut lost, mut twice) = (0, 0);
    let probes =
        (1..=4).flat_map(|probe| (FIRST_PROBE..FIRST_PROBE + PROBES).map(move |trace| (trace, probe)));
    // Of the last traces not all spans were sent.
    let ended = times.len() as u64 - SPANS * APART * NEW;
    let loaded = (1..ended).flat_map(|trace| (1..=SPANS).map(move |span| (trace, span)));
    for span in loaded.chain(probes) {
        match found.get(&span).map(Vec::as_slice) {
            None => lost += 1,
            Some([_]) => {}
            // The answer of the one that was killed did not come.
            Some([_, _] | [_, _, ..]) if found[&span].contains(&1) => twice += 1,
            Some(more) => panic!("{span:?} is in {more:?}"),
        }
    }
    assert_eq!(lost, 0);
    twice
}

/// Gives how many were torn, of how many that were not under way during a change, of how many in all.
fn traces_are_whole(tier: &Tier, found: &Found) -> (u64, u64, u64) {
    let times = tier.load.times.lock().unwrap();
    let (mut quiet, mut torn) = (0_u64, 0_u64);
    let ended = times.len() as u64 - SPANS * APART * NEW;
    for trace in (1..ended).filter(|trace| !tier.was_under_way(times[trace])) {
        let places: BTreeSet<usize> = (1..=SPANS)
            .flat_map(|span| &found[&(trace, span)])
            .copied()
            .collect();
        quiet += 1;
        torn += u64::from(places.len() > 1);
    }
    assert!(quiet > 1_000, "{quiet}");
    assert!(torn * 1_000 <= quiet, "{torn} of {quiet}");
    (torn, quiet, ended)
}

const NAME: &str = "gateways.forebay.test";
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

/// Writes the file in place: the mount holds on to it, not to its name.
fn point(hosts: &Path, to: &[Ipv4Addr]) {
    let lines: String = to.iter().map(|address| format!("{address} {NAME}\n")).collect();
    std::fs::write(hosts, format!("127.0.0.1 localhost\n{lines}")).unwrap();
}

#[tokio::test]
async fn the_addresses_of_a_name_are_the_backends() {
    let folder = tempfile::tempdir().unwrap();
    let (hosts, file) = (folder.path().join("hosts"), folder.path().join("forebay.toml"));
    point(&hosts, &[FIRST, SECOND]);
    let (one, other) = (Sink::counting(), Sink::counting());
    let first = FaultProxy::listen((FIRST, 0).into(), one.grpc(), 1).unwrap();
    let port = first.address().port();
    let _second = FaultProxy::listen(SocketAddr::from((SECOND, port)), other.grpc(), 1).unwrap();
    let named = permitted(&hosts);
    // Without a namespace of its own only a name that every machine has.
    let host = if named.is_some() { NAME } else { "localhost" };
    std::fs::write(
        &file,
        format!(
            "{ADMIN}{RECEIVER}
            [exporters.gateways]
            type = \"load_balancing\"
            resolver.dns = {{ hostname = \"{host}\", port = {port}, interval = \"1s\" }}
            [pipelines.all]
            from = [\"otlp\"]
            to = [\"gateways\"]"
        ),
    )
    .unwrap();
    let mut command = match named {
        Some(options) => private(options, &hosts),
        None => std::process::Command::new("env"),
    };
    command.arg(binary::path()).args(["run", "--config"]).arg(&file);
    let mut forebay = Forebay::launch(command, None);
    forebay.until_started().await;
    let backends = if named.is_some() { 2 } else { 1 };
    eventually("the name is looked up", async || {
        circuits(&forebay).await.len() >= backends
    })
    .await;
    if named.is_none() {
        println!("no mount namespaces here: the name does not change");
        return;
    }
    let client = Client::grpc(forebay.grpc());
    let reply = client.send(&Export::numbered(Signal::Traces, 1..201)).await;
    assert!(reply.is_taken(), "{reply:?}");
    let count = |sink: &Sink| sink.read(|taken| taken.count(Signal::Traces));
    eventually("both have their shares", async || {
        count(&one) + count(&other) == 200
    })
    .await;
    let before = count(&one);
    point(&hosts, &[SECOND]);
    eventually("one has left", async || circuits(&forebay).await.len() == 1).await;
    let reply = client.send(&Export::numbered(Signal::Traces, 201..301)).await;
    assert!(reply.is_taken(), "{reply:?}");
    eventually("all goes to the other", async || {
        count(&one) + count(&other) == 300
    })
    .await;
    assert_eq!(count(&one), before);
}
