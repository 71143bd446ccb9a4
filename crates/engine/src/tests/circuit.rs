use super::bench::{Parts, books, one_at_a_time, start};
use crate::running::Running;
use forebay_core::component::ExportError;
use forebay_core::settings::{DeliverySettings, Period, Size};
use forebay_core::{Condition, Delivery, Reason, Signal, Verdict};
use forebay_telemetry::Exposition;
use forebay_testkit::{Answer, FakeExporter, Feed, SimulatedClock};
use futures_util::FutureExt;
use std::time::Duration;

fn busy() -> Answer {
    asking_for(None)
}

fn asking_for(after: Option<Duration>) -> Answer {
    let message = "busy".into();
    Answer::Fail(ExportError::Retryable { after, message })
}

/// Eight requests at once, each with one batch, that never grow too old.
fn eight() -> DeliverySettings {
    let mut settings = one_at_a_time();
    settings.max_in_flight = 8;
    settings.batch.max_bytes = Size(0);
    settings.retry.max_age = Period(Duration::ZERO);
    settings
}

/// Lets everybody do what can be done without time going on.
async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

struct Rig {
    clock: SimulatedClock,
    out: FakeExporter,
    running: Running,
    feed: Feed,
    next: u64,
}

impl Rig {
    async fn new(answer: Answer, settings: DeliverySettings) -> Rig {
        let (clock, out) = (SimulatedClock::default(), FakeExporter::new(answer));
        let parts = Parts {
            exporters: vec![(out.clone(), settings)],
            ..Parts::default()
        };
        let (running, feed) = start(parts, clock.clock()).await;
        Rig {
            clock,
            out,
            running,
            feed,
            next: 0,
        }
    }

    async fn send(&mut self) -> Delivery {
        self.next += 1;
        self.feed.send(Signal::Traces, self.next, 1).await
    }

    async fn send_all(&mut self, count: usize) -> Vec<Delivery> {
        let mut answers = Vec::new();
        for _ in 0..count {
            answers.push(self.send().await);
        }
        settle().await;
        answers
    }

    /// Attempts so far.
    fn attempts(&self) -> u64 {
        self.out.attempted()
    }

    fn circuit(&self) -> &'static str {
        self.running.status().nodes[1].delivery.as_ref().unwrap().circuit
    }

    fn metric(&self, name: &str) -> f64 {
        let mut out = Exposition::default();
        self.running.write_metrics(&mut out);
        let text = out.finish();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
        line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
    }
}

// spec: D-10, D-26
// conformance: C9
#[tokio::test]
async fn a_dead_destination_sees_one_attempt_in_each_step() {
    let mut rig = Rig::new(busy(), eight()).await;
    let answers = rig.send_all(30).await;
    let died = rig.attempts();
    assert!((5..=8).contains(&died), "those that were under way when it died");
    assert_eq!(
        (rig.circuit(), rig.metric("forebay_exporter_circuit_open")),
        ("open", 1.0)
    );
    let condition = rig.running.nodes[1].health.condition();
    assert_eq!(condition, Condition::Degraded("the circuit is open: busy".into()));
    for step in 1..=40 {
        rig.clock.skip_to_next().await;
        settle().await;
        assert_eq!(rig.attempts(), died + step);
    }
    rig.out.from_now_on(Answer::Take);
    rig.clock.skip_to_next().await;
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered(), "one success, and all go on");
    }
    assert_eq!(rig.attempts(), died + 40 + 30);
    assert_eq!(
        (
            rig.circuit(),
            rig.metric("forebay_exporter_circuit_openings_total")
        ),
        ("closed", 1.0)
    );
    assert_eq!(rig.running.nodes[1].health.condition(), Condition::Working);
}

// spec: D-26
#[tokio::test]
async fn while_the_probe_is_under_way_nobody_else_goes() {
    let mut rig = Rig::new(busy(), eight()).await;
    let _answers = rig.send_all(8).await;
    let before = rig.attempts();
    rig.out.from_now_on(Answer::Hang);
    rig.clock.skip_to_next().await;
    settle().await;
    assert_eq!((rig.attempts(), rig.circuit()), (before + 1, "probing"));
    assert_eq!(rig.metric("forebay_exporter_circuit_open"), 0.5);
    rig.clock.advance(Duration::from_secs(3600));
    let _more = rig.send_all(5).await;
    assert_eq!(rig.attempts(), before + 1);
}

// spec: D-26
#[tokio::test]
async fn a_flapping_destination_sees_one_attempt_in_each_step_too() {
    let mut rig = Rig::new(busy(), eight()).await;
    let mut answers = rig.send_all(8).await;
    for round in 0..20 {
        // It is back for one request, and away again.
        rig.out.then([Answer::Take]);
        let before = rig.attempts();
        rig.clock.skip_to_next().await;
        settle().await;
        assert!(
            rig.attempts() - before <= 2,
            "the probe, and one that followed it"
        );
        for step in 1..=5 {
            let before = rig.attempts();
            rig.clock.skip_to_next().await;
            settle().await;
            assert!(rig.attempts() <= before + 1, "step {step} of round {round}");
        }
        assert_eq!(rig.circuit(), "open", "round {round}");
        answers.extend(rig.send_all(1).await);
    }
    rig.out.from_now_on(Answer::Take);
    rig.clock.skip_to_next().await;
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
    assert_eq!(rig.out.items(), 28, "nothing was sent twice");
}

// spec: D-26
#[tokio::test]
async fn a_probe_goes_although_earlier_attempts_have_no_answer() {
    let mut settings = eight();
    settings.adaptive_concurrency = true;
    let mut rig = Rig::new(busy(), settings).await;
    rig.out.then([Answer::Hang]);
    let _answers = rig.send_all(8).await;
    assert_eq!(rig.circuit(), "open");
    for _ in 0..20 {
        let before = rig.attempts();
        rig.clock.skip_to_next().await;
        settle().await;
        assert_eq!(rig.attempts(), before + 1);
    }
}

// spec: D-26
#[tokio::test]
async fn a_few_failures_do_not_hold_up_the_others() {
    let mut rig = Rig::new(Answer::Take, eight()).await;
    rig.out.then([busy(), busy(), busy(), busy()]);
    let failed = rig.send_all(4).await;
    assert_eq!(rig.circuit(), "closed");
    let fresh = rig.send().await;
    assert_eq!(fresh.await, Verdict::delivered(), "while time stands still");
    for answer in failed {
        rig.clock.advance(Duration::from_millis(500));
        assert_eq!(answer.await, Verdict::delivered());
    }
}

// spec: D-26
#[tokio::test]
async fn without_a_breaker_each_request_waits_for_itself() {
    let mut settings = eight();
    settings.circuit_breaker.enabled = false;
    let mut rig = Rig::new(busy(), settings).await;
    let _answers = rig.send_all(8).await;
    rig.clock.advance(Duration::from_millis(500));
    settle().await;
    assert_eq!((rig.attempts(), rig.circuit()), (16, "closed"));
}

// spec: D-27
// conformance: C10
#[tokio::test]
async fn a_delay_that_the_destination_asks_for_holds_for_all() {
    let mut rig = Rig::new(Answer::Take, eight()).await;
    rig.out.then([asking_for(Some(Duration::from_secs(7)))]);
    let first = rig.send_all(1).await.pop().unwrap();
    let second = rig.send_all(1).await.pop().unwrap();
    assert_eq!(rig.attempts(), 1, "the second waits as well");
    rig.clock.advance(Duration::from_millis(6_999));
    settle().await;
    assert_eq!(rig.attempts(), 1);
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(first.await, Verdict::delivered());
    assert_eq!(second.await, Verdict::delivered());
}

// spec: D-27
// conformance: C10
#[tokio::test]
async fn no_destination_holds_anybody_up_for_longer_than_two_minutes() {
    let mut rig = Rig::new(Answer::Take, eight()).await;
    rig.out.then([asking_for(Some(Duration::MAX))]);
    let answer = rig.send_all(1).await.pop().unwrap();
    rig.clock.advance(Duration::from_secs(119));
    settle().await;
    assert_eq!(rig.attempts(), 1);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(answer.await, Verdict::delivered());
}

// spec: D-11, D-26
#[tokio::test]
async fn what_waits_behind_an_open_circuit_grows_old_by_itself() {
    let mut settings = eight();
    settings.retry.max_age = Period(Duration::from_secs(60));
    settings.retry.max_interval = Period(Duration::from_millis(10));
    let mut rig = Rig::new(busy(), settings).await;
    let mut old = rig.send_all(7).await;
    // The probe has no answer: what waits is given up meanwhile.
    rig.out.from_now_on(Answer::Hang);
    rig.clock.advance(Duration::from_millis(10));
    settle().await;
    assert_eq!(rig.circuit(), "probing");
    rig.clock.advance(Duration::from_secs(30));
    let young = rig.send().await;
    rig.clock.advance(Duration::from_millis(30_001));
    settle().await;
    let given_up = old.iter_mut().filter_map(|answer| answer.now_or_never());
    let words: Vec<_> = given_up.map(|verdict| verdict.failure.unwrap()).collect();
    assert_eq!(words.len(), 6, "all but the probe itself");
    assert!(
        words
            .iter()
            .all(|failure| failure.retryable && failure.reason == Reason::Expired)
    );
    assert!(words[0].message.contains("busy"), "{}", words[0].message);
    assert_eq!(young.now_or_never(), None);
}

// spec: D-9, D-26
#[tokio::test]
async fn without_retries_an_open_circuit_tells_senders_when_to_come_again() {
    let mut settings = eight();
    settings.retry.enabled = false;
    let mut rig = Rig::new(busy(), settings).await;
    for answer in rig.send_all(8).await {
        // Those after the fifth are told without an attempt.
        assert!(answer.await.failure.unwrap().retryable);
    }
    let before = rig.attempts();
    let failure = rig.send().await.await.failure.unwrap();
    assert_eq!((rig.attempts(), &*failure.message), (before, "busy"));
    let after = failure.after.unwrap();
    assert!(after <= Duration::from_millis(500), "{after:?}");
    rig.out.from_now_on(Answer::Take);
    rig.clock.advance(after);
    assert_eq!(rig.send().await.await, Verdict::delivered(), "it is the probe");
    assert_eq!(rig.circuit(), "closed");
}

// spec: D-17, D-26
// conformance: C12
#[tokio::test]
async fn draining_sends_the_next_probe_at_once() {
    let mut settings = eight();
    settings.retry.initial_interval = Period(Duration::from_secs(3_600));
    settings.retry.max_interval = Period(Duration::from_secs(3_600));
    let mut rig = Rig::new(busy(), settings).await;
    let answers = rig.send_all(8).await;
    rig.out.from_now_on(Answer::Take);
    let drained = rig.running.drain(Duration::from_secs(30)).await;
    assert!(drained.in_time);
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
}

// spec: D-17, D-18, D-26
#[tokio::test]
async fn draining_goes_on_with_probes_until_the_deadline() {
    let mut settings = eight();
    settings.retry.max_interval = Period(Duration::from_secs(1));
    let mut rig = Rig::new(busy(), settings).await;
    let answers = rig.send_all(20).await;
    let before = rig.attempts();
    rig.running.begin_drain();
    settle().await;
    assert_eq!(
        rig.attempts(),
        before + 1,
        "one at once, and not one for each that waits"
    );
    let mut drain = std::pin::pin!(rig.running.drain(Duration::from_secs(30)));
    let drained = loop {
        tokio::select! {
            biased;
            drained = &mut drain => break drained,
            () = rig.clock.skip_to_next() => {}
        }
    };
    assert!(!drained.in_time);
    assert!(rig.attempts() > before + 20, "about two in a second");
    for answer in answers {
        assert!(answer.await.failure.unwrap().retryable);
    }
    assert_eq!(books(&rig.running, "out0").refused[Reason::Shutdown as usize], 20);
}

// conformance: C13
#[tokio::test]
async fn each_destination_has_a_circuit_a_queue_and_retries_of_its_own_over_the_same_bytes() {
    let (dead, well) = (FakeExporter::new(busy()), FakeExporter::new(Answer::Take));
    let parts = Parts {
        exporters: vec![(dead.clone(), eight()), (well.clone(), eight())],
        ..Parts::default()
    };
    let clock = SimulatedClock::default();
    let (running, feed) = start(parts, clock.clock()).await;
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(feed.send(Signal::Traces, number, 1).await);
    }
    settle().await;
    let used = running.ledger.read().used;
    assert_eq!(
        (books(&running, "out0").held, books(&running, "out1").delivered),
        (20, 20)
    );
    assert_eq!(well.taken().len(), 20);
    assert!(
        answers.iter_mut().all(|answer| answer.now_or_never().is_none()),
        "both have to have it"
    );
    dead.from_now_on(Answer::Take);
    clock.advance(Duration::from_secs(1));
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
    for (one, other) in well.taken().iter().zip(dead.taken()) {
        let same = well
            .taken()
            .iter()
            .any(|request| request.payload.slices()[0].as_ptr() == other.payload.slices()[0].as_ptr());
        assert!(same, "{one:?} is shared");
    }
    assert!(used > 0 && running.ledger.read().used == 0, "one lease for both");
}
