//! Senders that mean no good: what they are told, and what it costs the process and everybody else.

use crate::support::attack::{self, Attack, Verdict};
use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::raw::{Raw, Told};
use crate::support::{Client, Export, Forebay, Reply, admin, eventually};
use forebay_core::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const BUDGET: u64 = 256 << 20;
/// What the process may take beyond its budget and what it takes when idle.
const MARGIN: u64 = 32 << 20;
const CONNECTIONS: usize = 50;
/// How many requests each hostile connection sends, if no time is set.
const EACH: usize = 3;
/// Good senders of each protocol, and how often each of them sends.
const GOOD: usize = 4;
const PACE: Duration = Duration::from_millis(10);
/// What image and manifests set: the allocator keeps what was freed for a second otherwise, beyond all leases.
const PURGE: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");
/// How often a hostile connection sends where a time is set: 25 requests in a second together. Else as often as it can.
const HOSTILE_PACE: Duration = Duration::from_secs(2);

fn config() -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [memory]
        budget = \"256MiB\"
        [exporters.\"null\"]
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"null\"]"
    )
}

/// How long `FOREBAY_HOSTILE_SECONDS` says that the attack lasts. Then figures are printed, too.
fn lasting() -> Option<Duration> {
    let seconds = std::env::var("FOREBAY_HOSTILE_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap()))
}

#[allow(clippy::print_stderr, reason = "figures for whoever asked for them")]
fn figure(words: &str) {
    if lasting().is_some() {
        eprintln!("{words}");
    }
}

/// The connections for which an answer is awaited are closed, and nothing of them is held.
async fn nothing_is_left(forebay: &Forebay) {
    eventually("all memory is given back", async || {
        let status = admin::status(forebay.admin()).await;
        status["memory"]["leased_bytes"] == 0 && status["unaccounted"] == 0
    })
    .await;
}

/// Sends each attack alone and checks its verdict.
async fn one_by_one(forebay: &Forebay, mut connection: Raw, protocol: &str, attacks: &[Attack]) {
    let mut wrong = Vec::new();
    for attack in attacks {
        if !connection.can_send(attack) {
            continue;
        }
        let before = forebay.processor_time();
        let told = connection.send(attack).await;
        let spent = (forebay.processor_time() - before).as_millis();
        figure(&format!("{protocol}: {}: {spent} ms", attack.name));
        if told != Told::Verdict(attack.verdict) {
            wrong.push(format!("{}: {told:?}, not {:?}", attack.name, attack.verdict));
        }
    }
    drop(connection);
    assert!(wrong.is_empty(), "over {protocol}:\n{}", wrong.join("\n"));
    nothing_is_left(forebay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_request_is_told_what_is_wrong_with_it() {
    let forebay = Forebay::start(&config()).await;
    let attacks = attack::all(lasting().is_some());
    assert!(attacks.len() > 30);
    one_by_one(&forebay, Raw::grpc(forebay.grpc()).await, "grpc", &attacks).await;
    one_by_one(&forebay, Raw::http(forebay.http()), "http", &attacks).await;
    let reply = Client::grpc(forebay.grpc())
        .send(&Export::numbered(Signal::Traces, 1..10))
        .await;
    assert!(reply.is_taken(), "{reply:?}");
}

/// Writes a request of HTTP/1 and reads what comes back until the connection ends.
async fn exchange(forebay: &Forebay, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(forebay.http()).await.unwrap();
    // The server may have answered and closed before it has read everything.
    let _ = stream.write_all(request).await;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_headers_is_cut_off() {
    let forebay = Forebay::start(&config()).await;
    let floods = [
        "a: b\r\n".repeat(1_000_000),
        format!("a: {}\r\n", "b".repeat(8 << 20)),
        format!("{}: b\r\n", "a".repeat(60 << 10)),
    ];
    for flood in floods {
        let request = format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\n{flood}\r\n");
        let said = exchange(&forebay, request.as_bytes()).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431 "),
            "{} bytes of headers: {said}",
            flood.len()
        );
    }
    nothing_is_left(&forebay).await;
}

/// What hostile senders and good ones share.
#[derive(Default)]
struct Scene {
    over: AtomicBool,
    hostile: AtomicU64,
    put_off: AtomicU64,
    taken: AtomicU64,
}

/// Sends attack after attack, until there were enough or time is up. Gives back what was told wrongly.
async fn attack_with(
    mut connection: Raw,
    attacks: Arc<Vec<Attack>>,
    first: usize,
    scene: Arc<Scene>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let enough = if lasting().is_some() { usize::MAX } else { EACH };
    let cycle = attacks.iter().cycle().skip(first * 7);
    let mut pace = tokio::time::interval(HOSTILE_PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let sendable = |attack: &&Attack| !matches!(attack.verdict, Verdict::Taken { .. });
    for attack in cycle.filter(sendable).take(enough) {
        if scene.over.load(Ordering::Relaxed) {
            break;
        }
        if !connection.can_send(attack) {
            continue;
        }
        if lasting().is_some() {
            pace.tick().await;
        }
        match connection.send(attack).await {
            Told::Verdict(verdict) if verdict == attack.verdict => {}
            Told::Later => drop(scene.put_off.fetch_add(1, Ordering::Relaxed)),
            told => wrong.push(format!("{}: {told:?}", attack.name)),
        }
        scene.hostile.fetch_add(1, Ordering::Relaxed);
    }
    wrong
}

/// Sends at an even pace until it is over. Gives back what was not taken.
async fn send_evenly(client: Client, scene: Arc<Scene>) -> Vec<Reply> {
    let mut refused = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !scene.over.load(Ordering::Relaxed) {
        pace.tick().await;
        let reply = client.send(&Export::padded(Signal::Traces, 1..20, 100)).await;
        if reply.is_taken() {
            scene.taken.fetch_add(1, Ordering::Relaxed);
        } else {
            refused.push(reply);
        }
    }
    refused
}

/// Good senders, on a runtime of their own: what hostile ones do to this process is not to be measured.
fn good_senders(forebay: &Forebay, scene: &Arc<Scene>) -> std::thread::JoinHandle<Vec<Reply>> {
    let (grpc, http, scene) = (forebay.grpc(), forebay.http(), Arc::clone(scene));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let calls = (0..GOOD).map(|_| Client::grpc(grpc));
            let posts = (0..GOOD).map(|_| Client::http(http));
            let senders = calls
                .chain(posts)
                .map(|client| send_evenly(client, Arc::clone(&scene)));
            let senders: JoinSet<Vec<Reply>> = senders.collect();
            senders.join_all().await.into_iter().flatten().collect()
        })
    })
}

async fn hostile_senders(forebay: &Forebay, scene: &Arc<Scene>) -> JoinSet<Vec<String>> {
    let attacks = Arc::new(attack::small(lasting().is_some()));
    let mut senders = JoinSet::new();
    for number in 0..CONNECTIONS {
        let connection = if number % 2 == 0 {
            Raw::grpc(forebay.grpc()).await
        } else {
            Raw::http(forebay.http())
        };
        senders.spawn(attack_with(
            connection,
            Arc::clone(&attacks),
            number,
            Arc::clone(scene),
        ));
    }
    senders
}

/// Requests per second that good senders have answered, for as long as a time is set.
async fn rate(scene: &Scene) -> Option<f64> {
    let time = lasting()?;
    let before = scene.taken.load(Ordering::Relaxed);
    tokio::time::timeout(time, std::future::pending::<()>())
        .await
        .ok();
    let taken = scene.taken.load(Ordering::Relaxed) - before;
    Some(taken as f64 / time.as_secs_f64())
}

/// Watches resident memory until it is over.
async fn peak(forebay: &Forebay, scene: &Scene) -> u64 {
    let mut peak = 0;
    while !scene.over.load(Ordering::Relaxed) {
        peak = peak.max(forebay.resident());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    peak
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_hostile_connections_harm_nobody_else() {
    let mut forebay = Forebay::spawn_in(&config(), &[PURGE]);
    forebay.until_started().await;
    let idle = forebay.resident();
    let scene = Arc::new(Scene::default());
    let good = good_senders(&forebay, &scene);
    let alone = rate(&scene).await;
    let (began, before) = (Instant::now(), forebay.processor_time());
    let mut hostile = hostile_senders(&forebay, &scene).await;
    let attack = async {
        let beside = rate(&scene).await;
        if beside.is_some() {
            scene.over.store(true, Ordering::Relaxed);
        }
        let mut wrong = Vec::new();
        while let Some(told) = hostile.join_next().await {
            wrong.extend(told.unwrap());
        }
        scene.over.store(true, Ordering::Relaxed);
        (beside, wrong)
    };
    let ((beside, wrong), peak) = tokio::join!(attack, peak(&forebay, &scene));
    let spent = forebay.processor_time() - before;
    let refused = good.join().unwrap();
    let sent = scene.hostile.load(Ordering::Relaxed);
    figure(&format!(
        "{sent} hostile requests in {:?}, {} of them put off; {:.1} ms of processor time for each, good ones included; good requests \
         per second: {alone:?} alone, {beside:?} beside; {} MiB resident at most, {} idle",
        began.elapsed(),
        scene.put_off.load(Ordering::Relaxed),
        spent.as_secs_f64() * 1e3 / sent as f64,
        peak >> 20,
        idle >> 20,
    ));
    assert!(
        wrong.is_empty(),
        "{} wrong answers: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
    assert!(scene.taken.load(Ordering::Relaxed) > 0 && sent > 0);
    assert!(
        refused.is_empty(),
        "{} good requests: {:?}",
        refused.len(),
        refused.first()
    );
    assert!(
        peak <= BUDGET + idle + MARGIN,
        "{peak} bytes resident at most, {idle} when idle"
    );
    nothing_is_left(&forebay).await;
}
