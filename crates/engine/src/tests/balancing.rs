use super::bench::{books, one_at_a_time};
use super::spread::{Spread, place_of, settle};
use crate::running::Running;
use fastrand::Rng;
use forebay_core::balanced::Member;
use forebay_core::component::ExportError;
use forebay_core::settings::{Count, DeliverySettings, OnFull, Period};
use forebay_core::{Acknowledge, Condition, Reason, Signal, Verdict};
use forebay_telemetry::Exposition;
use forebay_testkit::{Answer, Feed, SimulatedClock};
use futures_util::FutureExt;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

fn unavailable() -> Answer {
    let message = "unavailable".into();
    Answer::Fail(ExportError::Retryable { after: None, message })
}

/// One failure opens the circuit.
fn touchy() -> DeliverySettings {
    let mut settings = one_at_a_time();
    settings.circuit_breaker.failures = Count(1);
    settings
}

fn numbers(count: u64) -> BTreeSet<u64> {
    (0..count).collect()
}

/// Of the numbers below `count`, those that `name` is responsible for among `members`.
fn meant_for(name: &str, members: &[&str], count: u64) -> BTreeSet<u64> {
    let members: Vec<Member> = members.iter().copied().map(Member::new).collect();
    let is_for = |number: &u64| &*members[place_of(&members, *number)].name == name;
    (0..count).filter(is_for).collect()
}

#[tokio::test]
async fn each_destination_gets_its_own_and_nothing_else() {
    let (spread, running, feed) = Spread::start(
        &["a", "b", "c"],
        one_at_a_time(),
        SimulatedClock::default().clock(),
    )
    .await;
    assert_eq!(
        feed.send(Signal::Traces, 0, 300).await.await,
        Verdict::delivered()
    );
    settle().await;
    for name in ["a", "b", "c"] {
        let taken = spread.taken(name);
        assert_eq!(taken, meant_for(name, &["a", "b", "c"], 300));
        assert!(taken.len() > 60, "{name} has {}", taken.len());
    }
    assert_eq!(books(&running, "out0").delivered, 300);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
    assert_eq!(running.tasks(), 0);
    assert_eq!(running.ledger.read().used, 0);
}

// spec: D-29
#[tokio::test]
async fn a_request_for_one_destination_is_answered_by_it_and_one_for_several_at_once() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "b"], one_at_a_time(), clock.clock()).await;
    spread.all_from_now_on(&Answer::Hang);
    let whole = feed.send(Signal::Traces, 0, 1).await;
    settle().await;
    assert!(whole.now_or_never().is_none(), "one destination decides");
    let split = feed.send(Signal::Traces, 1, 40).await;
    assert_eq!(split.await, Verdict::delivered(), "the process answers for it");
    assert_eq!(books(&running, "out0").held, 41);
    let drained = running.drain(Duration::ZERO).await;
    let lost = books(&running, "out0");
    assert_eq!(lost.dropped[Reason::Shutdown as usize], 40, "{drained:?}");
    assert_eq!(
        lost.refused[Reason::Shutdown as usize],
        1,
        "its sender has it still"
    );
}

// spec: D-30
#[tokio::test]
async fn what_waits_for_one_that_leaves_goes_to_the_others() {
    let clock = SimulatedClock::default();
    let (spread, running, mut feed) = Spread::start(&["a", "b", "c"], one_at_a_time(), clock.clock()).await;
    feed.acknowledge = Acknowledge::Accepted;
    spread.end("c").from_now_on(Answer::Hang);
    for first in (0..300).step_by(10) {
        feed.send(Signal::Traces, first, 10).await;
        settle().await;
    }
    let waiting = 300 - books(&running, "out0").delivered;
    assert_eq!(waiting, meant_for("c", &["a", "b", "c"], 300).len() as u64);
    spread.members(&["a", "b"]);
    settle().await;
    // One request is under way: it is let go on.
    let under_way = books(&running, "out0").held;
    assert!(under_way > 0 && under_way < waiting, "{under_way} of {waiting}");
    spread.end("c").from_now_on(Answer::Take);
    clock.advance(Duration::from_secs(3_600));
    settle().await;
    let drained = running.drain(Duration::ZERO).await;
    assert_eq!(
        drained.total.delivered,
        300 - under_way,
        "the one that hung is given up at the end"
    );
    let moved = &spread.taken("a") - &meant_for("a", &["a", "b", "c"], 300);
    assert!(
        moved.is_subset(&meant_for("c", &["a", "b", "c"], 300)),
        "nothing else moves"
    );
    assert_eq!(spread.all_taken().len() as u64, 300 - under_way);
}

// spec: D-30
#[tokio::test]
async fn a_request_that_fails_at_one_that_has_left_goes_elsewhere() {
    let clock = SimulatedClock::default();
    let mut settings = one_at_a_time();
    settings.timeout = Duration::from_secs(5);
    let (spread, running, feed) = Spread::start(&["a"], settings, clock.clock()).await;
    spread.end("a").from_now_on(Answer::Hang);
    let answer = feed.send(Signal::Traces, 0, 50).await;
    spread.end("a").attempts(1).await;
    spread.members(&["b"]);
    settle().await;
    assert_eq!(spread.taken("b").len(), 0, "it may still succeed");
    clock.advance(Duration::from_secs(5));
    assert_eq!(answer.await, Verdict::delivered());
    settle().await;
    assert_eq!(spread.taken("b"), numbers(50));
    assert_eq!(spread.end("a").attempted(), 1);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test]
async fn one_that_joins_gets_its_share_from_then_on() {
    let (spread, running, feed) =
        Spread::start(&["a", "b"], one_at_a_time(), SimulatedClock::default().clock()).await;
    assert!(feed.send(Signal::Traces, 0, 300).await.await.failure.is_none());
    spread.members(&["a", "b", "c"]);
    settle().await;
    assert!(feed.send(Signal::Traces, 300, 300).await.await.failure.is_none());
    settle().await;
    let of_c = spread.taken("c");
    assert!(
        of_c.len() > 60 && of_c.iter().all(|number| *number >= 300),
        "{of_c:?}"
    );
    assert_eq!(spread.all_taken(), numbers(600));
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: D-31
#[tokio::test]
async fn what_is_for_one_that_fails_goes_to_the_others_until_it_is_well() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "b", "c"], touchy(), clock.clock()).await;
    spread.end("b").from_now_on(unavailable());
    for first in (0..300).step_by(10) {
        feed.send(Signal::Traces, first, 10).await;
    }
    settle().await;
    assert_eq!(spread.all_taken(), numbers(300), "no time has passed");
    assert_eq!((spread.end("b").attempted(), spread.taken("b").len()), (1, 0));
    let node = &running.nodes[1];
    assert!(
        matches!(node.health.condition(), Condition::Degraded(why) if why.starts_with("1 of 3 backends"))
    );
    spread.end("b").from_now_on(Answer::Take);
    // The wait before the next attempt has not a minute.
    clock.advance(Duration::from_secs(60));
    for first in (300..900).step_by(10) {
        feed.send(Signal::Traces, first, 10).await;
        settle().await;
    }
    assert_eq!(spread.all_taken(), numbers(900));
    let of_b = meant_for("b", &["a", "b", "c"], 900);
    let later: BTreeSet<u64> = of_b.into_iter().filter(|number| *number >= 300).collect();
    assert_eq!(spread.taken("b"), later, "a trial is with what would be its own");
    assert_eq!(node.health.condition(), Condition::Working);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: D-31
#[tokio::test]
async fn while_all_fail_data_waits_and_goes_to_the_first_that_is_well() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "b", "c"], touchy(), clock.clock()).await;
    spread.all_from_now_on(&unavailable());
    for first in (0..300).step_by(10) {
        feed.send(Signal::Traces, first, 10).await;
    }
    settle().await;
    assert_eq!(books(&running, "out0").held, 300);
    let attempts: u64 = ["a", "b", "c"]
        .map(|name| spread.end(name).attempted())
        .iter()
        .sum();
    assert!(attempts < 10, "{attempts} attempts before any wait is over");
    spread.end("b").from_now_on(Answer::Take);
    while books(&running, "out0").held > 0 {
        clock.skip_to_next().await;
        settle().await;
    }
    assert_eq!(spread.taken("b"), numbers(300));
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test]
async fn data_waits_for_the_first_member() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&[], one_at_a_time(), clock.clock()).await;
    let answer = feed.send(Signal::Logs, 0, 5).await;
    settle().await;
    assert_eq!(books(&running, "out0").held, 5);
    assert!(matches!(
        running.nodes[1].health.condition(),
        Condition::Degraded(_)
    ));
    spread.members(&["a"]);
    assert_eq!(answer.await, Verdict::delivered());
    assert_eq!(running.nodes[1].health.condition(), Condition::Working);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test]
async fn a_member_that_cannot_be_used_is_left_out_and_named() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "unusable"], one_at_a_time(), clock.clock()).await;
    assert!(feed.send(Signal::Traces, 0, 20).await.await.failure.is_none());
    settle().await;
    assert_eq!(spread.taken("a"), numbers(20));
    assert!(
        matches!(running.nodes[1].health.condition(), Condition::Degraded(why) if why.contains("unusable: it has no port"))
    );
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

// spec: D-17
#[tokio::test]
async fn draining_delivers_what_waits_also_by_way_of_others() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "b"], touchy(), clock.clock()).await;
    spread.all_from_now_on(&unavailable());
    for first in (0..100).step_by(10) {
        feed.send(Signal::Traces, first, 10).await;
    }
    settle().await;
    spread.end("a").from_now_on(Answer::Take);
    let drained = running.drain(Duration::from_secs(60)).await;
    assert!(drained.in_time, "{drained:?}");
    assert_eq!((drained.total.delivered, drained.total.held), (100, 0));
    assert_eq!(spread.taken("a"), numbers(100));
    assert_eq!(running.tasks(), 0);
}

#[tokio::test]
async fn the_bound_holds_over_all_queues_and_senders_wait() {
    let clock = SimulatedClock::default();
    let mut settings = one_at_a_time();
    settings.queue.max_items = Count(40);
    let (spread, running, feed) = Spread::start(&["a", "b"], settings, clock.clock()).await;
    spread.all_from_now_on(&Answer::Hang);
    let feed = Arc::new(feed);
    for first in (0..100).step_by(10) {
        let feed = Arc::clone(&feed);
        let tasks = feed.context.node.tasks.clone();
        tasks.spawn("request", async move {
            feed.send(Signal::Traces, first, 10).await;
        });
    }
    settle().await;
    let inside = running.status().edges[0].clone();
    assert!(inside.items <= 40 && inside.items > 0, "{inside:?}");
    assert!(inside.waiting_senders > 0, "{inside:?}");
    // What waits for the one that leaves keeps its place.
    spread.members(&["b"]);
    settle().await;
    let inside = running.status().edges[0].clone();
    assert!(inside.items <= 40, "{inside:?}");
    assert_eq!(running.drain(Duration::ZERO).await.total.held, 0);
    assert_eq!(running.ledger.read().used, 0);
}

// spec: B-4
#[tokio::test]
async fn a_batch_is_refused_whole_or_not_at_all() {
    let clock = SimulatedClock::default();
    let mut settings = one_at_a_time();
    settings.queue.max_items = Count(40);
    settings.queue.on_full = OnFull::Refuse;
    let (spread, running, feed) = Spread::start(&["a", "b"], settings, clock.clock()).await;
    spread.end("a").from_now_on(Answer::Hang);
    let mut refused = 0;
    for first in (0..200).step_by(10) {
        let answer = feed.send(Signal::Traces, first, 10).await;
        settle().await;
        match answer.now_or_never() {
            Some(Verdict {
                failure: Some(failure),
                ..
            }) => {
                assert!(
                    failure.retryable && failure.reason == Reason::QueueFull,
                    "{failure:?}"
                );
                refused += 10;
            }
            answer => assert_eq!(answer, Some(Verdict::delivered())),
        }
    }
    let books = books(&running, "out0");
    assert!(
        refused > 0 && books.refused[Reason::QueueFull as usize] == refused,
        "{books:?}"
    );
    assert_eq!(
        spread.all_taken().len() as u64,
        200 - refused - books.held,
        "no part of a refused batch went out"
    );
    running.drain(Duration::ZERO).await;
}

// spec: D-14
#[tokio::test]
async fn a_router_that_panics_is_contained_and_shown() {
    let clock = SimulatedClock::default();
    let (_, running, feed) = Spread::start(&["a", "b"], one_at_a_time(), clock.clock()).await;
    let failure = feed.send(Signal::Metrics, 0, 3).await.await.failure.unwrap();
    assert!(failure.retryable);
    let node = &running.nodes[1];
    assert!(matches!(node.health.condition(), Condition::Degraded(why) if why.starts_with("panicked")));
    assert_eq!(node.panics.load(Ordering::Relaxed), 1);
    assert_eq!(feed.send(Signal::Traces, 0, 30).await.await, Verdict::delivered());
    settle().await;
    assert_eq!(books(&running, "out0").delivered, 30);
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test]
async fn each_destination_shows_in_status_and_metrics() {
    let clock = SimulatedClock::default();
    let (spread, running, feed) = Spread::start(&["a", "b"], touchy(), clock.clock()).await;
    spread.end("b").from_now_on(unavailable());
    assert!(feed.send(Signal::Traces, 0, 100).await.await.failure.is_none());
    settle().await;
    let status = running.status();
    let shown: Vec<_> = status.nodes[1]
        .backends
        .iter()
        .map(|backend| {
            (
                backend.endpoint.as_str(),
                backend.condition,
                backend.delivery.circuit,
            )
        })
        .collect();
    assert_eq!(shown, [("a", "working", "closed"), ("b", "degraded", "open")]);
    let mut out = Exposition::new();
    running.write_metrics(&mut out);
    let text = out.finish();
    for line in [
        "otelcol_loadbalancer_num_backends{exporter=\"out0\"} 2",
        "otelcol_loadbalancer_num_backend_updates_total{exporter=\"out0\"} 1",
        "otelcol_loadbalancer_num_resolutions_total{exporter=\"out0\",resolver=\"told\",success=\"true\"} 1",
        "otelcol_loadbalancer_backend_outcome_total{exporter=\"out0\",endpoint=\"b\",success=\"false\"} 1",
        "forebay_exporter_attempts_total{node=\"out0\",outcome=\"retryable\"} 1",
        "forebay_end_to_end_duration_seconds_count{node=\"out0\"} 2",
        "forebay_backend_circuit_open{node=\"out0\",endpoint=\"b\"} 1",
        "forebay_backend_items{node=\"out0\",endpoint=\"b\"} 0",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

/// What a test did, and what it was told.
struct Chance {
    spread: Spread,
    running: Running,
    feed: Arc<Feed>,
    clock: SimulatedClock,
    sent: u64,
    told: Vec<(Range<u64>, oneshot::Receiver<Verdict>)>,
    limit: u64,
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

impl Chance {
    async fn new(rng: &mut Rng) -> Chance {
        let clock = SimulatedClock::default();
        let mut settings = DeliverySettings {
            max_in_flight: rng.usize(1..4),
            timeout: Duration::from_secs(2),
            ..DeliverySettings::default()
        };
        let limit = rng.u64(10..200);
        settings.retry.max_age = Period(Duration::ZERO);
        settings.queue.max_items = Count(limit);
        let on_full = *rng.choice(&[OnFull::Wait, OnFull::Refuse]).unwrap();
        settings.queue.on_full = on_full;
        settings.circuit_breaker.failures = Count(rng.u64(1..4));
        settings.batch.max_items = Count(rng.u64(0..2) * 15);
        let (spread, running, mut feed) =
            Spread::start(&NAMES[..rng.usize(..5)], settings, clock.clock()).await;
        // Of what was accepted and then refused nobody would be told.
        if on_full == OnFull::Wait && rng.bool() {
            feed.acknowledge = Acknowledge::Accepted;
        }
        let (feed, told) = (Arc::new(feed), Vec::new());
        Chance {
            spread,
            running,
            feed,
            clock,
            sent: 0,
            told,
            limit,
        }
    }

    async fn step(&mut self, rng: &mut Rng) {
        match rng.u8(..12) {
            0..5 => self.send(rng.u64(1..12)),
            5 => {
                let mut names = NAMES.to_vec();
                rng.shuffle(&mut names);
                self.spread.members(&names[..rng.usize(..=5)]);
            }
            6 => self
                .spread
                .end(rng.choice(NAMES).unwrap())
                .from_now_on(unavailable()),
            7 => self
                .spread
                .end(rng.choice(NAMES).unwrap())
                .from_now_on(Answer::Hang),
            8 => self
                .spread
                .end(rng.choice(NAMES).unwrap())
                .from_now_on(Answer::Take),
            9..11 => self.clock.advance(Duration::from_millis(rng.u64(..3_000))),
            _ => {}
        }
        for _ in 0..rng.u8(..30) {
            tokio::task::yield_now().await;
        }
        self.check();
    }

    fn send(&mut self, items: u64) {
        let (first, feed) = (self.sent, Arc::clone(&self.feed));
        self.sent += items;
        let (told, tell) = oneshot::channel();
        self.told.push((first..self.sent, tell));
        let tasks = feed.context.node.tasks.clone();
        tasks.spawn("request", async move {
            let delivery = feed.send(Signal::Traces, first, items).await;
            // The test listens to its end.
            let _ = told.send(delivery.await);
        });
    }

    fn check(&self) {
        books(&self.running, "out0");
        let inside = &self.running.status().edges[0];
        // One that is larger than the bound may be inside alone.
        assert!(inside.items <= self.limit.max(11), "{inside:?}");
        let accounted = self.running.accounts.total().held;
        assert_eq!(accounted == 0, self.running.ledger.read().used == 0);
    }

    /// All are well, and time passes until everything has gone.
    async fn finish(&mut self) {
        self.spread.members(&NAMES[..3]);
        self.spread.all_from_now_on(&Answer::Take);
        settle().await;
        for _ in 0..200 {
            if self.running.accounts.total().held == 0 {
                break;
            }
            self.clock.advance(Duration::from_secs(20));
            settle().await;
            self.check();
        }
        let mut expected = numbers(self.sent);
        for (numbers, tell) in std::mem::take(&mut self.told) {
            let verdict = tell.now_or_never().expect("answered").expect("not let go");
            if let Some(failure) = verdict.failure {
                assert_eq!(failure.reason, Reason::QueueFull, "{failure:?}");
                numbers.for_each(|number| assert!(expected.remove(&number)));
            }
        }
        assert_eq!(
            self.spread.all_taken(),
            expected,
            "each once, and none of a request that was refused"
        );
        let drained = self.running.drain(Duration::from_secs(20)).await;
        assert!(drained.in_time);
        assert_eq!((self.running.tasks(), self.running.ledger.read().used), (0, 0));
    }
}

// spec: A-1, B-14, D-30, D-31
#[test]
fn property_whoever_joins_leaves_or_fails_everything_arrives_once() {
    let mut seeds = Rng::new();
    for _ in 0..60 {
        let seed = seeds.u64(..);
        println!("seed {seed}");
        let mut rng = Rng::with_seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut chance = Chance::new(&mut rng).await;
            for _ in 0..rng.usize(..120) {
                chance.step(&mut rng).await;
            }
            chance.finish().await;
        });
    }
}
