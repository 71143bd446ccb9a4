//! Clients that are slow, many or noisy, while others send: nobody who sends fails, and those who do not are cut off.
//!
//! The short form runs with the other tests. `FOREBAY_SLOW=full` runs it with 2,000 slow clients, 5,000 connections and the
//! limits of time that a config has by default; the process may open 1,024 files.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::rude::{self, Attack};
use crate::support::{Client, Export, Forebay, PATIENCE, Scrape, eventually};
use forebay_core::Signal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many requests of the good senders make a figure.
const ENOUGH: u64 = 500;

/// How large the scenario is.
struct Scale {
    files: u64,
    slow: usize,
    connections: usize,
    noisy: usize,
    limits: &'static str,
}

const SHORT: Scale = Scale {
    files: 256,
    slow: 80,
    connections: 300,
    noisy: 2,
    limits: "limits = { header_timeout = \"1s\", handshake_timeout = \"1s\", body_timeout = \"2s\" }\n",
};

const FULL: Scale = Scale {
    files: 1024,
    slow: 2000,
    connections: 5000,
    noisy: 20,
    limits: "",
};

fn scale() -> Scale {
    match std::env::var("FOREBAY_SLOW") {
        Ok(full) if full == "full" => FULL,
        _ => SHORT,
    }
}

/// A receiver in plain text, and one with TLS, whose key is made for this test.
fn config(limits: &str, folder: &std::path::Path) -> String {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    format!(
        "{ADMIN}[memory]\nbudget = \"1GiB\"\n{RECEIVER}{limits}
        [receivers.secure]
        type = \"otlp\"
        grpc.enabled = false
        {limits}
        http.listen = \"127.0.0.1:0\"
        http.tls = {{ cert_file = {cert:?}, key_file = {key:?} }}
        [exporters.nowhere]
        type = \"null\"
        [pipelines.all]
        from = [\"otlp\", \"secure\"]
        to = [\"nowhere\"]"
    )
}

/// Lets this test open as many files as it may: it has both ends of every connection but one.
fn open_many_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
}

/// Those who send all the while: one request after the other, over gRPC and HTTP, on connections that stay, and on a new one
/// for each request.
struct Good {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    senders: JoinSet<Vec<Duration>>,
}

impl Good {
    fn start(forebay: &Forebay) -> Good {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (grpc, http) = (forebay.grpc(), forebay.http());
        let mut senders = JoinSet::new();
        let makes: [Box<dyn FnMut() -> Client + Send>; 3] = [
            same(Client::grpc(grpc)),
            same(Client::http(http)),
            Box::new(move || Client::http(http)),
        ];
        for make in makes {
            senders.spawn(send(make, Arc::clone(&stop), Arc::clone(&sent)));
        }
        Good { stop, sent, senders }
    }

    /// Ready once they have sent so many requests.
    async fn have_sent(&self, requests: u64) {
        let count = async || self.sent.load(Ordering::Relaxed) >= requests;
        eventually("the senders send", count).await;
    }

    /// The 50th and the 99th percentile of how long requests took, and how many there were.
    async fn finish(self) -> (Duration, Duration, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let mut took: Vec<Duration> = self.senders.join_all().await.into_iter().flatten().collect();
        took.sort();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        (at(50), at(99), took.len())
    }
}

fn same(client: Client) -> Box<dyn FnMut() -> Client + Send> {
    Box::new(move || client.clone())
}

async fn send(
    mut client: Box<dyn FnMut() -> Client + Send>,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
) -> Vec<Duration> {
    let mut took = Vec::new();
    let request = Export::padded(Signal::Traces, 1..11, 100);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let reply = client().send(&request).await;
        assert!(reply.is_taken(), "request {}: {reply:?}", took.len());
        took.push(began.elapsed());
        sent.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    took
}

/// Starts `count` clients that do as `attack` says, and waits until the server has cut off each; how long the last one had.
async fn attack(server: SocketAddr, attack: Attack, count: usize) -> Duration {
    let mut attackers: JoinSet<Duration> = JoinSet::new();
    for _ in 0..count {
        attackers.spawn(async move {
            let stream = rude::connect(server).await;
            let began = Instant::now();
            rude::until_cut_off(stream, attack).await;
            began.elapsed()
        });
    }
    let all = tokio::time::timeout(PATIENCE, attackers.join_all()).await;
    all.unwrap_or_else(|_| panic!("not cut off: {attack:?}"))
        .into_iter()
        .max()
        .unwrap_or_default()
}

/// The figures of one phase, for people.
async fn figures(name: &str, good: Good, cut: &[(Attack, Duration)]) -> String {
    let (median, p99, count) = good.finish().await;
    let cut: Vec<_> = cut
        .iter()
        .map(|(attack, longest)| format!("{attack:?} cut off within {longest:?}"))
        .collect();
    format!(
        "{name}: {count} good requests, median {median:?}, p99 {p99:?} {}",
        cut.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_is_served_and_who_is_slow_or_noisy_is_cut_off() {
    open_many_files();
    let scale = scale();
    let folder = tempfile::tempdir().unwrap();
    let forebay = Forebay::start_with_files(&config(scale.limits, folder.path()), scale.files).await;
    let (grpc, http, tls) = (forebay.grpc(), forebay.http(), forebay.address("secure", 0));

    let good = Good::start(&forebay);
    good.have_sent(ENOUGH).await;
    println!("{}", figures("calm", good, &[]).await);

    let good = Good::start(&forebay);
    let each = scale.slow / Attack::SLOW.len();
    let (header, body, preface, handshake) = tokio::join!(
        attack(http, Attack::SlowHeader, each),
        attack(http, Attack::SlowBody, each),
        attack(grpc, Attack::SlowPreface, each),
        attack(tls, Attack::SlowHandshake, each),
    );
    let cut: Vec<_> = Attack::SLOW
        .into_iter()
        .zip([header, body, preface, handshake])
        .collect();
    println!("{}", figures("slow clients", good, &cut).await);

    let good = Good::start(&forebay);
    let half = scale.connections / 2;
    let (first, second) = tokio::join!(
        attack(http, Attack::Silence, half),
        attack(grpc, Attack::Silence, half)
    );
    println!(
        "{}",
        figures("connections", good, &[(Attack::Silence, first.max(second))]).await
    );

    let good = Good::start(&forebay);
    let mut cut = Vec::new();
    for kind in Attack::NOISY {
        cut.push((kind, attack(grpc, kind, scale.noisy).await));
    }
    println!("{}", figures("floods", good, &cut).await);

    let good = Good::start(&forebay);
    good.have_sent(ENOUGH).await;
    println!("{}", figures("normal again", good, &[]).await);
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    for reason in ["too_slow", "too_many_connections", "flooding"] {
        let counted = scrape.sum("forebay_receiver_requests_total", &[("reason", reason)]);
        assert!(counted > 0.0, "{reason}: {scrape:?}");
    }
}

/// What a connection that has sent one request and waits costs the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_costs_at_most_32_kib() {
    const CONNECTIONS: u64 = 400;
    open_many_files();
    let forebay = Forebay::start(&config("", tempfile::tempdir().unwrap().path())).await;
    for (name, server, attack) in [
        ("HTTP/1", forebay.http(), Attack::OneRequest),
        ("HTTP/2", forebay.grpc(), Attack::OneCall),
    ] {
        let warm: JoinSet<TcpStream> = (0..20).map(|_| rude::idle(server, attack)).collect();
        drop(warm.join_all().await);
        let before = forebay.resident();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            idle.push(rude::idle(server, attack).await);
        }
        let each = forebay.resident().saturating_sub(before) / CONNECTIONS;
        println!("{name}: {each} bytes for each idle connection");
        assert!(each <= 32 << 10, "{name}: {each}");
    }
}
