//! The built binary behind a real proxy that fails by a seed, under load: what was acknowledged arrives.
//!
//! Twenty seconds of faults; `FOREBAY_FAULT_SECONDS=300` makes it five minutes, `FOREBAY_FAULT_SEED` chooses the faults. What is
//! measured is printed (`--nocapture`) and not asserted: it depends on the machine.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Export, Forebay, PATIENCE, Reply, Scrape, Sink, eventually};
use forebay_core::Signal;
use forebay_testkit::fault::{FaultProxy, Schedule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The longest that one fault lasts.
const LONGEST: Duration = Duration::from_secs(4);
/// Over which time the throughput before the faults is measured.
const BEFORE: Duration = Duration::from_secs(3);
/// Over which time it is measured after them.
const AFTER: Duration = Duration::from_secs(10);
const SENDERS: usize = 4;
const ITEMS: u64 = 10;
/// How long a sender waits after an answer.
const PACE: Duration = Duration::from_millis(10);

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The two exporters, to the proxy at this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Grpc,
    Http,
}

impl Over {
    fn target(self, sink: &Sink) -> SocketAddr {
        match self {
            Over::Grpc => sink.grpc(),
            Over::Http => sink.http(),
        }
    }

    fn config(self, proxy: &FaultProxy, more: &str) -> String {
        let kind = match self {
            Over::Grpc => "otlp_grpc",
            Over::Http => "otlp_http",
        };
        format!(
            "{ADMIN}{RECEIVER}acknowledge = \"accepted\"
            [exporters.backend]
            type = \"{kind}\"
            endpoint = \"http://{}\"
            retry = {{ initial_interval = \"50ms\", max_interval = \"1s\", max_age = \"0s\" }}
            {more}
            [pipelines.all]
            from = [\"otlp\"]
            to = [\"backend\"]",
            proxy.address()
        )
    }
}

/// Senders that go on whatever they are told.
struct Senders {
    tasks: JoinSet<Vec<u64>>,
    stop: Arc<AtomicBool>,
}

impl Senders {
    fn start(to: SocketAddr) -> Senders {
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
        let tasks = (0..SENDERS)
            .map(|_| send(Client::grpc(to), Arc::clone(&stop), Arc::clone(&next)))
            .collect();
        Senders { tasks, stop }
    }

    /// The items that were acknowledged.
    async fn finish(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.concat()
    }
}

async fn send(client: Client, stop: Arc<AtomicBool>, next: Arc<AtomicU64>) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let first = next.fetch_add(ITEMS, Ordering::Relaxed);
        let numbers = first..first + ITEMS;
        match client
            .send(&Export::padded(Signal::Logs, numbers.clone(), 200))
            .await
        {
            Reply::Taken(_) => acknowledged.extend(numbers),
            refusal => assert!(refusal.is_retryable_with_delay(), "{refusal:?}"),
        }
        tokio::time::sleep(PACE).await;
    }
    acknowledged
}

/// Items that arrive in a second, over a while.
async fn throughput(sink: &Sink, over: Duration) -> f64 {
    let count = || sink.read(|taken| taken.count(Signal::Logs));
    let (before, began) = (count(), Instant::now());
    tokio::time::sleep(over).await;
    (count() - before) as f64 / began.elapsed().as_secs_f64()
}

/// How long after the healing the throughput was back for the first time, over half a second, if it was within [`AFTER`].
async fn recovery(sink: &Sink, before: f64) -> Option<Duration> {
    let healed = Instant::now();
    while healed.elapsed() < AFTER {
        let began = healed.elapsed();
        if throughput(sink, Duration::from_millis(500)).await >= 0.95 * before {
            return Some(began);
        }
    }
    None
}

/// Sends before, during and after the faults. What was measured.
async fn survive(over: Over) -> String {
    let seconds = from_environment("FOREBAY_FAULT_SECONDS", 20);
    let seed = from_environment("FOREBAY_FAULT_SEED", 1);
    let sink = Sink::counting();
    let proxy = FaultProxy::start(over.target(&sink), seed).unwrap();
    let config = over.config(&proxy, "timeout = \"3s\"");
    let forebay = Forebay::start(&config).await;
    let senders = Senders::start(forebay.grpc());
    sink.until("it is warm", |taken| taken.count(Signal::Logs) > 100)
        .await;
    let before = throughput(&sink, BEFORE).await;
    let schedule = Schedule::of(seed, Duration::from_secs(seconds), LONGEST);
    schedule.play(&proxy).await;
    let recovered = recovery(&sink, before).await;
    let acknowledged = senders.finish().await;
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let all: Vec<_> = acknowledged
        .iter()
        .map(|number| (Signal::Logs, *number))
        .collect();
    sink.until(
        &format!("seed {seed} over {over:?}: all that was acknowledged"),
        |taken| taken.has_all(&all),
    )
    .await;
    let twice = sink.read(|taken| taken.items.values().filter(|times| **times > 1).count());
    let failed = scrape.sum("forebay_exporter_attempts_total", &[("outcome", "retryable")]);
    assert!(failed > 0.0, "the faults were felt");
    format!(
        "{over:?}, seed {seed}, {seconds} s of {} faults: {} items acknowledged, all delivered, {twice} of them more than once; \
         {failed} failed attempts; {:?}; {before:.0} items/s before, 95% of that again {recovered:?} after healing",
        schedule.steps.len() - 1,
        all.len(),
        proxy.counts()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_passes_a_faulty_network_over_grpc() {
    println!("{}", survive(Over::Grpc).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_passes_a_faulty_network_over_http() {
    println!("{}", survive(Over::Http).await);
}

/// The peer of a connection vanishes while requests are on their way. An attempt may take longer than this test is patient:
/// what finds out is the connection itself.
#[tokio::test]
async fn a_connection_whose_peer_has_vanished_is_given_up() {
    let sink = Sink::counting();
    let proxy = FaultProxy::start(sink.grpc(), 1).unwrap();
    let config = Over::Grpc.config(&proxy, &format!("timeout = \"{}s\"", 2 * PATIENCE.as_secs()));
    let forebay = Forebay::start(&config).await;
    let client = Client::grpc(forebay.grpc());
    let send = async |numbers| client.send(&Export::numbered(Signal::Traces, numbers)).await;
    assert!(send(1..2).await.is_taken());
    sink.until("the first", |taken| taken.count(Signal::Traces) == 1)
        .await;
    proxy.vanish_all();
    let vanished = Instant::now();
    assert!(send(2..3).await.is_taken());
    sink.until("the second", |taken| taken.count(Signal::Traces) == 2)
        .await;
    println!("found after {:?}", vanished.elapsed());
    eventually("both are booked", async || {
        let scrape = Scrape::of(forebay.admin()).await.unwrap();
        scrape.sum("forebay_items_delivered_total", &[("node", "backend")]) == 2.0
    })
    .await;
}
