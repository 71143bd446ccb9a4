//! One run: a feeder, a backend with moods, a network with faults, all by one seed.

use super::graph::Graph;
use super::network::SimulatedNetwork;
use forebay_core::{Balance, Delivery, Signal, Verdict};
use forebay_testkit::fault::{Conditions, Door, Schedule};
use forebay_testkit::scripted::{Act, Answer, Received, Scripted};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The machines that the destination's name may stand for.
pub(crate) const HOSTS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)),
];
pub(crate) const NAME: &str = "backend.example";

/// How long faults go on.
const FAULTS: Duration = Duration::from_secs(60);
/// How long after the last fault everything must be delivered: backoff, throttling, timeouts and name refresh together.
const HEALING: Duration = Duration::from_secs(300);

/// The protocol and its writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Grpc,
    Http,
}

/// What a run showed, for those who want to see that it was not an idle one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Items that were fed.
    pub(crate) items: u64,
    /// Items that came more than once.
    pub(crate) repeated: u64,
    /// Requests that the backend saw.
    pub(crate) requests: u64,
    /// Connections that were asked for.
    pub(crate) dials: u64,
    /// How long it took from the last fault until everything was delivered.
    pub(crate) healed_in: Duration,
}

/// How the backend answers.
#[derive(Clone, Debug)]
enum Mood {
    Well,
    Slow(Duration),
    Says(Answer),
    /// Every other request fails.
    Moody(Answer),
}

/// Runs the world of a seed. Panics where a promise is broken.
pub(crate) fn run(over: Over, seed: u64) -> Shown {
    fastrand::seed(seed);
    simulated(live(over, seed))
}

/// Runs `world` in simulated time.
pub(crate) fn simulated<T>(world: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(world)
}

async fn live(over: Over, seed: u64) -> Shown {
    let mut random = fastrand::Rng::with_seed(seed);
    let backend = Arc::new(Mutex::new(Backend::default()));
    let scripted = Scripted::new({
        let backend = Arc::clone(&backend);
        move |request| backend.lock().unwrap().answer(over, request)
    });
    let is_grpc = over == Over::Grpc;
    let network = SimulatedNetwork::new(&HOSTS.map(|host| (host, &scripted)), is_grpc, seed);
    network.name(NAME, &HOSTS[..2]);
    let config = config(&mut random);
    let graph = Graph::start(&config, Arc::clone(&network), is_grpc).await;
    let faults = trouble(random.fork(), over, &network, &backend);
    let feeding = feed(random.fork(), &graph);
    let (healed, (fed, answers)) = tokio::join!(faults, feeding);
    for (index, answer) in answers.into_iter().enumerate() {
        let verdict = tokio::time::timeout_at(healed + HEALING, answer).await;
        let delivered = verdict
            .as_ref()
            .is_ok_and(|verdict| *verdict == Verdict::default());
        assert!(
            delivered,
            "request {index} is not delivered: {verdict:?}; {config}"
        );
    }
    let healed_in = healed.elapsed();
    let seen = &backend.lock().unwrap().seen;
    let missing: Vec<u64> = (0..fed).filter(|number| !seen.contains_key(number)).collect();
    assert!(
        missing.is_empty(),
        "acknowledged, and not there: {missing:?}; {config}"
    );
    assert_books(&graph.books(), fed);
    assert_eq!(graph.running.ledger.read().used, 0, "memory is still leased");
    Shown {
        items: fed,
        repeated: seen.values().filter(|times| **times > 1).count() as u64,
        requests: scripted.count(),
        dials: network.dials(),
        healed_in,
    }
}

fn assert_books(books: &Balance, fed: u64) {
    assert_eq!(
        (books.entered, books.delivered, books.held),
        (fed, fed, 0),
        "{books:#?}"
    );
}

/// An exporter of this seed.
fn config(random: &mut fastrand::Rng) -> String {
    format!(
        "endpoint = \"http://{NAME}:4317\"
        connections = {}
        max_in_flight = {}
        timeout = \"5s\"
        batch.max_items = {}
        retry = {{ initial_interval = \"100ms\", max_interval = \"5s\", max_age = \"0s\" }}",
        random.u8(1..4),
        random.u8(1..9),
        random.u8(0..60),
    )
}

/// Feeds requests at random moments while there is trouble, and a little longer. How many items, and the answers.
async fn feed(mut random: fastrand::Rng, graph: &Graph) -> (u64, Vec<Delivery>) {
    let (mut next, mut answers) = (0, Vec::new());
    let end = Instant::now() + FAULTS;
    while Instant::now() < end {
        let items = random.u64(1..20);
        answers.push(graph.feed.send(Signal::Traces, next, items).await);
        next += items;
        tokio::time::sleep(Duration::from_millis(random.u64(1..2000))).await;
    }
    (next, answers)
}

/// Faults one after the other: on a path, on all, of the name, of the backend. When the last one was over.
async fn trouble(
    mut random: fastrand::Rng,
    over: Over,
    network: &SimulatedNetwork,
    backend: &Mutex<Backend>,
) -> Instant {
    let end = Instant::now() + FAULTS;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(random.u64(1..3000))).await;
        let lasts = Duration::from_millis(random.u64(10..8000));
        match random.u8(0..8) {
            0 | 1 => one_path(&mut random, network, lasts).await,
            2 => all_paths(&mut random, network, lasts).await,
            3 => flapping(&mut random, network).await,
            4 => renamed(&mut random, network, lasts).await,
            5 if random.bool() => HOSTS.iter().for_each(|host| network.break_all(*host)),
            5 => network.vanish(HOSTS[random.usize(0..HOSTS.len())]),
            _ => {
                backend.lock().unwrap().mood = mood(&mut random, over);
                tokio::time::sleep(lasts).await;
                backend.lock().unwrap().mood = Mood::Well;
            }
        }
    }
    Instant::now()
}

async fn one_path(random: &mut fastrand::Rng, network: &SimulatedNetwork, lasts: Duration) {
    let host = HOSTS[random.usize(0..HOSTS.len())];
    network.set(host, Schedule::fault(random));
    tokio::time::sleep(lasts).await;
    network.set(host, Conditions::default());
}

async fn all_paths(random: &mut fastrand::Rng, network: &SimulatedNetwork, lasts: Duration) {
    for host in HOSTS {
        network.set(host, Schedule::fault(random));
    }
    tokio::time::sleep(lasts).await;
    for host in HOSTS {
        network.set(host, Conditions::default());
    }
}

/// On for a second, off for a second.
async fn flapping(random: &mut fastrand::Rng, network: &SimulatedNetwork) {
    for _ in 0..random.u8(2..6) {
        for host in HOSTS {
            network.set(host, Conditions::door(Door::Refuse));
            network.break_all(host);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for host in HOSTS {
            network.set(host, Conditions::default());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The name is lost for a while, or stands for other machines for good: those that it stood for are gone.
async fn renamed(random: &mut fastrand::Rng, network: &SimulatedNetwork, lasts: Duration) {
    if random.bool() {
        network.name(NAME, &[]);
        tokio::time::sleep(lasts).await;
    }
    let first = random.usize(0..HOSTS.len());
    let count = random.usize(1..=HOSTS.len() - first);
    network.name(NAME, &HOSTS[first..first + count]);
}

fn mood(random: &mut fastrand::Rng, over: Over) -> Mood {
    let delay = Duration::from_millis(random.u64(0..4000));
    // Of the codes of RST_STREAM all but HTTP_1_1_REQUIRED, which is final for gRPC.
    let answer = match (over, random.u8(0..6)) {
        (_, 0) => return Mood::Slow(delay),
        (_, 1) => Answer::act(Act::Hang),
        (_, 2) => Answer::act(Act::Reset(random.u32(0..13))),
        (_, 3) => Answer::act(Act::GoAway(random.u32(0..3))),
        (Over::Grpc, 4) => Answer::grpc([1, 4, 10, 11, 14, 15][random.usize(0..6)], "not now"),
        (Over::Grpc, _) => Answer::grpc_retry(if random.bool() { 8 } else { 14 }, "later", delay),
        (Over::Http, 4) => Answer::http([429, 502, 503, 504][random.usize(0..4)]),
        (Over::Http, _) => Answer::http(503).header("retry-after", &delay.as_secs().to_string()),
    };
    if random.bool() {
        Mood::Moody(answer)
    } else {
        Mood::Says(answer)
    }
}

/// What the backend has seen, and how it is disposed.
struct Backend {
    mood: Mood,
    seen: BTreeMap<u64, u32>,
    requests: u64,
}

impl Default for Backend {
    fn default() -> Self {
        Backend {
            mood: Mood::Well,
            seen: BTreeMap::new(),
            requests: 0,
        }
    }
}

impl Backend {
    fn answer(&mut self, over: Over, request: &Received) -> Answer {
        self.requests += 1;
        let after = match &self.mood {
            Mood::Well => Duration::ZERO,
            Mood::Slow(delay) => *delay,
            Mood::Says(answer) => return answer.clone(),
            Mood::Moody(answer) if self.requests.is_multiple_of(2) => return answer.clone(),
            Mood::Moody(_) => Duration::ZERO,
        };
        // A body that was cut off is not handed over: what is here is whole.
        let message = request.message().expect("one message");
        for number in numbers(&message) {
            *self.seen.entry(number).or_default() += 1;
        }
        let taken = match over {
            Over::Grpc => Answer::grpc_message(b""),
            Over::Http => Answer::http(200),
        };
        taken.after(after)
    }
}

/// The numbers of a request's spans.
fn numbers(message: &[u8]) -> Vec<u64> {
    let request = ExportTraceServiceRequest::decode(message).expect("a request");
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans
        .map(|span| u64::from_be_bytes(*span.trace_id.last_chunk().expect("an id")))
        .collect()
}
