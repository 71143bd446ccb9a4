//! Faults one at a time, and what the exporter must do about each within which time. Simulated time: it may be asserted.

use super::graph::Graph;
use super::network::SimulatedNetwork;
use super::world::{HOSTS, NAME, Over, simulated};
use forebay_core::{Delivery, Signal, Verdict};
use forebay_testkit::fault::{Conditions, Door};
use forebay_testkit::scripted::{Act, Answer, Scripted};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const BOTH: [Over; 2] = [Over::Grpc, Over::Http];

/// A backend that takes everything.
fn taking(over: Over) -> Arc<Scripted> {
    Scripted::new(move |_| taken(over))
}

fn taken(over: Over) -> Answer {
    match over {
        Over::Grpc => Answer::grpc_message(b""),
        Over::Http => Answer::http(200),
    }
}

fn config(more: &str) -> String {
    format!(
        "endpoint = \"http://{NAME}:4317\"
        retry = {{ initial_interval = \"100ms\", max_interval = \"5s\", max_age = \"0s\" }}
        {more}"
    )
}

/// Feeds a request every `pause` for `length`. Their answers.
async fn feed(graph: &Graph, length: Duration, pause: Duration) -> Vec<Delivery> {
    let (end, mut answers) = (Instant::now() + length, Vec::new());
    while Instant::now() < end {
        let first = answers.len() as u64 * 10;
        answers.push(graph.feed.send(Signal::Traces, first, 10).await);
        tokio::time::sleep(pause).await;
    }
    answers
}

async fn all_delivered(answers: Vec<Delivery>) {
    for answer in answers {
        assert_eq!(answer.await, Verdict::default());
    }
}

/// The name stands for another machine, and the one that it stood for is as well as before: nothing breaks.
#[test]
fn a_name_that_changes_is_followed_within_thirty_seconds() {
    for over in BOTH {
        simulated(async {
            let (old, new) = (taking(over), taking(over));
            let hosts = [(HOSTS[0], &old), (HOSTS[1], &new)];
            let network = SimulatedNetwork::new(&hosts, over == Over::Grpc, 1);
            network.name(NAME, &HOSTS[..1]);
            let graph = Graph::start(&config(""), Arc::clone(&network), over == Over::Grpc).await;
            let pause = Duration::from_millis(100);
            all_delivered(feed(&graph, Duration::from_secs(10), pause).await).await;
            assert!(old.count() > 50 && new.count() == 0);
            network.name(NAME, &HOSTS[1..2]);
            let changed = Instant::now();
            all_delivered(feed(&graph, Duration::from_secs(60), pause).await).await;
            let last = old.received().last().map(|request| request.at - changed);
            let last = last.expect("requests");
            assert!(
                last <= Duration::from_secs(30),
                "{over:?}: the old machine got requests for {last:?}"
            );
            assert!(new.count() > 200, "{over:?}");
            assert!(
                graph
                    .attempts
                    .lock()
                    .unwrap()
                    .iter()
                    .all(|attempt| attempt.succeeded)
            );
        });
    }
}

/// All machines that the name stands for have work.
#[test]
fn requests_spread_over_all_addresses() {
    for over in BOTH {
        simulated(async {
            let backends: Vec<_> = HOSTS.iter().map(|_| taking(over)).collect();
            let hosts: Vec<_> = HOSTS.into_iter().zip(&backends).collect();
            let network = SimulatedNetwork::new(&hosts, over == Over::Grpc, 1);
            network.name(NAME, &HOSTS);
            let graph = Graph::start(&config("connections = 6"), network, over == Over::Grpc).await;
            // Several at a time: one alone may stay on one connection.
            let feeds = (0..6).map(|_| feed(&graph, Duration::from_secs(60), Duration::from_millis(20)));
            for answers in futures_util::future::join_all(feeds).await {
                all_delivered(answers).await;
            }
            let counts: Vec<u64> = backends.iter().map(|backend| backend.count()).collect();
            let least = counts.iter().sum::<u64>() / 10;
            assert!(counts.iter().all(|count| *count >= least), "{over:?}: {counts:?}");
        });
    }
}

/// The peer of a connection vanishes without a word. What was under way on it is delivered over another one, although an
/// attempt may take much longer.
#[test]
fn a_connection_whose_peer_has_vanished_is_found_within_fifteen_seconds() {
    for (over, more) in [(Over::Grpc, "timeout = \"60s\""), (Over::Http, "")] {
        simulated(async {
            let backend = taking(over);
            let network = SimulatedNetwork::new(&[(HOSTS[0], &backend)], over == Over::Grpc, 1);
            network.name(NAME, &HOSTS[..1]);
            let graph = Graph::start(&config(more), Arc::clone(&network), over == Over::Grpc).await;
            let pause = Duration::from_millis(100);
            all_delivered(feed(&graph, Duration::from_secs(5), pause).await).await;
            network.vanish(HOSTS[0]);
            let vanished = Instant::now();
            let first = graph.feed.send(Signal::Traces, 0, 1).await;
            let found = async { (first.await, vanished.elapsed()) };
            let ((verdict, took), later) = tokio::join!(found, feed(&graph, Duration::from_secs(5), pause));
            assert_eq!(verdict, Verdict::default());
            assert!(took <= Duration::from_secs(15), "{over:?}: {took:?}");
            all_delivered(later).await;
        });
    }
}

/// Ways in which a destination can be down.
#[derive(Clone, Copy, Debug)]
enum Down {
    Refusing,
    Silent,
    Unavailable,
    Breaking,
}

/// While a destination is down, it gets one attempt in each step of the backoff, however many requests wait for it.
// conformance: C9
#[test]
fn a_destination_that_is_down_gets_one_attempt_in_each_step() {
    for over in BOTH {
        for down in [Down::Refusing, Down::Silent, Down::Unavailable, Down::Breaking] {
            for seed in 0..2 {
                fastrand::seed(seed);
                simulated(stay_down(over, down, seed));
            }
        }
    }
}

/// How long it is down.
const OUTAGE: Duration = Duration::from_secs(300);
/// Attempts under way at once while it is well.
const IN_FLIGHT: usize = 16;
/// Failures after which the circuit is open.
const FAILURES: usize = 5;

async fn stay_down(over: Over, down: Down, seed: u64) {
    let backend = taking(over);
    let network = SimulatedNetwork::new(&[(HOSTS[0], &backend)], over == Over::Grpc, seed);
    network.name(NAME, &HOSTS[..1]);
    let more = format!(
        "max_in_flight = {IN_FLIGHT}\nbatch.max_bytes = 0\ncircuit_breaker = {{ failures = {FAILURES} }}"
    );
    let graph = Graph::start(&config(&more), Arc::clone(&network), over == Over::Grpc).await;
    all_delivered(feed(&graph, Duration::from_secs(2), Duration::from_millis(10)).await).await;
    graph.attempts.lock().unwrap().clear();
    match down {
        Down::Refusing => {
            network.set(HOSTS[0], Conditions::door(Door::Refuse));
            network.break_all(HOSTS[0]);
        }
        Down::Silent => backend.restart(|_| Answer::act(Act::Hang)),
        Down::Unavailable => backend.restart(move |_| match over {
            Over::Grpc => Answer::grpc(14, "down"),
            Over::Http => Answer::http(503),
        }),
        Down::Breaking => backend.restart(|_| Answer::act(Act::Reset(2))),
    }
    let answers = feed(&graph, OUTAGE, Duration::from_millis(500)).await;
    let mut attempts = graph.attempts.lock().unwrap().clone();
    attempts.sort_by_key(|attempt| attempt.began);
    check_outage(&attempts, &format!("{over:?} {down:?} seed {seed}"));
    network.set(HOSTS[0], Conditions::default());
    backend.restart(move |_| taken(over));
    all_delivered(answers).await;
    assert_eq!(graph.books().held, 0);
}

/// The first failures open the circuit; those that were under way then may end after it. From then on one comes after the
/// other, and in all there are no more than the steps of the backoff: on average half of 5 s long, after a dozen shorter ones.
fn check_outage(attempts: &[super::graph::Attempt], which: &str) {
    assert!(attempts.iter().all(|attempt| !attempt.succeeded), "{which}");
    let mut ends: Vec<Instant> = attempts.iter().map(|attempt| attempt.ended).collect();
    ends.sort();
    let opened = *ends.get(FAILURES - 1).expect("failures");
    let probes: Vec<_> = attempts
        .iter()
        .filter(|attempt| attempt.began >= opened)
        .collect();
    for pair in probes.windows(2) {
        assert!(pair[1].began >= pair[0].ended, "{which}: two at once: {pair:?}");
    }
    let steps = OUTAGE.as_secs() as usize * 2 / 5 + 12;
    assert!(
        probes.len() <= steps * 3 / 2,
        "{which}: {} attempts in about {steps} steps",
        probes.len()
    );
    assert!(attempts.len() - probes.len() <= FAILURES + IN_FLIGHT, "{which}");
    assert!(probes.len() > 10, "{which}: it is tried again and again");
}
