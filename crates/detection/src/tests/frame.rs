//! Merging, bounds, switches, retries and refreshes, under a simulated clock.

use crate::*;
use forebay_testkit::SimulatedClock;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SPECS: &[Spec] = &[
    spec("a", true),
    spec("b", true),
    spec("off", false),
    spec("label.<key>", false),
];

const fn spec(key: &'static str, default: bool) -> Spec {
    Spec {
        key,
        value: ValueType::String,
        source: "a script",
        stability: Stability::Unlisted,
        default,
    }
}

/// Answers as it is told, and then never.
#[derive(Debug)]
struct Scripted(Mutex<VecDeque<Outcome>>);

impl Detector for Scripted {
    fn detect<'a>(&'a self, _: &'a Surroundings, _: &'a Wanted) -> BoxFuture<'a, Outcome> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move {
            match next {
                Some(outcome) => outcome,
                None => std::future::pending().await,
            }
        })
    }
}

fn planned(identity: &str, script: impl IntoIterator<Item = Outcome>) -> Planned {
    Planned {
        kind: Kind::Os,
        detector: Arc::new(Scripted(Mutex::new(script.into_iter().collect()))),
        wanted: Wanted::new(SPECS, BTreeMap::new()),
        identity: identity.to_owned(),
    }
}

fn found(pairs: &[(&str, &str)]) -> Outcome {
    Outcome::Found(attributes(pairs))
}

fn partial(pairs: &[(&str, &str)]) -> Outcome {
    Outcome::Partial {
        attributes: attributes(pairs),
        failure: "half of it".to_owned(),
    }
}

fn failed() -> Outcome {
    Outcome::Failed("none of it".to_owned())
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs
        .iter()
        .map(|(key, value)| Attribute::new(*key, *value))
        .collect()
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Notes {
    answers: Mutex<Vec<&'static str>>,
    learned: Mutex<Vec<Vec<Attribute>>>,
}

impl Observer for Notes {
    fn answered(&self, _: Kind, outcome: &Outcome) {
        self.answers.lock().unwrap().push(outcome.as_str());
    }

    fn learned(&self, attributes: &[Attribute]) {
        self.learned.lock().unwrap().push(attributes.to_vec());
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
const RETRY: Retry = Retry {
    initial_interval: Duration::from_secs(10),
    multiplier: 2.0,
    max_interval: Duration::from_secs(60),
};

fn detection(
    clock: &SimulatedClock,
    planned: Vec<Planned>,
    refresh: Option<u64>,
    retry: Option<Retry>,
) -> Detection {
    let pace = Pace {
        timeout: TIMEOUT,
        refresh_interval: refresh.map(Duration::from_secs),
        retry,
    };
    Detection::new(planned, pace, Surroundings::made_up("/nowhere", clock.clock()))
}

/// Runs it until nobody has anything to do but to wait for a detector that never answers, or until `answers` have come.
async fn run_until(clock: &SimulatedClock, detection: &Detection, notes: &Notes, answers: usize) {
    let enough = async {
        loop {
            // Those that were woken last time have their turn before time goes on.
            tokio::task::yield_now().await;
            if notes.answers.lock().unwrap().len() >= answers {
                return;
            }
            clock.skip_to_next().await;
        }
    };
    tokio::select! {
        biased;
        () = detection.run(notes) => {}
        () = enough => {}
    }
    assert_eq!(notes.answers.lock().unwrap().len(), answers);
}

#[tokio::test]
async fn the_first_detector_that_has_a_name_wins_whoever_answers_first() {
    let clock = SimulatedClock::default();
    let slow = planned("slow", [failed(), found(&[("a", "slow")])]);
    let fast = planned("fast", [found(&[("b", "fast"), ("a", "fast")])]);
    let detection = detection(&clock, vec![slow, fast], None, Some(RETRY));
    let notes = Notes::default();
    run_until(&clock, &detection, &notes, 3).await;
    let learned = notes.learned.lock().unwrap().clone();
    assert_eq!(
        learned,
        [
            attributes(&[("b", "fast"), ("a", "fast")]),
            attributes(&[("a", "slow"), ("b", "fast")]),
        ]
    );
    assert_eq!(detection.known(), learned[1]);
}

#[tokio::test]
async fn the_first_round_ends_with_the_timeout_of_whoever_does_not_answer() {
    let clock = SimulatedClock::default();
    let plan = vec![planned("mute", []), planned("quick", [found(&[("a", "1")])])];
    let detection = detection(&clock, plan, None, Some(RETRY));
    let notes = Notes::default();
    let ready = detection.first_round();
    let run = detection.run(&notes);
    let waited = async {
        assert_eq!(clock.somebody_sleeps().await.0, TIMEOUT);
        clock.advance(TIMEOUT);
        ready.await;
    };
    tokio::select! {
        () = run => panic!("it goes on asking"),
        () = waited => {}
    }
    assert_eq!(*notes.answers.lock().unwrap(), ["found", "failed"]);
    assert_eq!(detection.known(), attributes(&[("a", "1")]));
}

#[tokio::test]
async fn whoever_waits_for_a_detection_that_is_gone_is_let_go() {
    let clock = SimulatedClock::default();
    let ready = detection(&clock, vec![planned("mute", [])], None, None).first_round();
    ready.await;
}

#[tokio::test]
async fn what_was_known_stays_while_it_cannot_be_found_out_again() {
    let clock = SimulatedClock::default();
    let script = [
        found(&[("a", "1"), ("b", "1")]),
        failed(),
        partial(&[("b", "2")]),
        found(&[("b", "3")]),
        Outcome::Absent,
    ];
    let detection = detection(&clock, vec![planned("it", script)], Some(300), Some(RETRY));
    let notes = Notes::default();
    run_until(&clock, &detection, &notes, 5).await;
    assert_eq!(
        *notes.answers.lock().unwrap(),
        ["found", "failed", "partial", "found", "absent"]
    );
    assert_eq!(
        *notes.learned.lock().unwrap(),
        [
            attributes(&[("a", "1"), ("b", "1")]),
            attributes(&[("b", "2"), ("a", "1")]),
            attributes(&[("b", "3")]),
            attributes(&[]),
        ]
    );
}

#[tokio::test]
async fn absence_is_an_answer_and_without_a_refresh_nobody_asks_again() {
    let clock = SimulatedClock::default();
    let plan = vec![
        planned("absent", [Outcome::Absent]),
        planned("found", [found(&[("a", "1")])]),
    ];
    let detection = detection(&clock, plan, None, Some(RETRY));
    detection.run(&Notes::default()).await;
    assert_eq!(
        detection.ages(),
        [(Kind::Os, Some(Duration::ZERO)), (Kind::Os, Some(Duration::ZERO))]
    );
}

#[tokio::test]
async fn failures_without_retries_are_final() {
    let clock = SimulatedClock::default();
    let detection = detection(&clock, vec![planned("it", [failed()])], None, None);
    detection.run(&Notes::default()).await;
    assert_eq!(detection.ages(), [(Kind::Os, None)]);
}

#[test]
fn property_waits_grow_within_their_bounds() {
    let bounds: Vec<u64> = (1..=5).map(|failures| RETRY.bound(failures).as_secs()).collect();
    assert_eq!(bounds, [10, 20, 40, 60, 60]);
    for failures in [1, 2, 3, 4, 100, u32::MAX] {
        let bound = RETRY.bound(failures);
        for _ in 0..100 {
            let wait = RETRY.wait(failures);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} of {bound:?}");
        }
    }
}

#[tokio::test]
async fn a_refresh_comes_before_a_retry_that_is_further_away() {
    let clock = SimulatedClock::default();
    let detection = detection(
        &clock,
        vec![planned("it", [failed(), failed()])],
        Some(1),
        Some(RETRY),
    );
    let notes = Notes::default();
    run_until(&clock, &detection, &notes, 2).await;
    assert_eq!(clock.clock().now().0, Duration::from_secs(1));
}

#[tokio::test]
async fn what_was_learned_is_inherited_by_whoever_was_made_from_the_same() {
    let clock = SimulatedClock::default();
    let plan = vec![
        planned("same", [found(&[("a", "1")])]),
        planned("old", [found(&[("b", "1")])]),
    ];
    let old = detection(&clock, plan, None, None);
    old.run(&Notes::default()).await;
    clock.advance(Duration::from_secs(7));
    let new = detection(&clock, vec![planned("new", []), planned("same", [])], None, None);
    new.inherit(&old);
    assert_eq!(new.known(), attributes(&[("a", "1")]));
    assert_eq!(
        new.ages(),
        [(Kind::Os, None), (Kind::Os, Some(Duration::from_secs(7)))]
    );
    let whole = detection(&clock, vec![planned("same", [])], None, None);
    whole.inherit(&old);
    whole.first_round().await;
}

#[test]
fn switches_are_for_one_name_or_for_all_of_a_kind() {
    let switched = |pairs: &[(&str, bool)]| {
        let switches = pairs.iter().map(|(key, on)| ((*key).to_owned(), *on)).collect();
        Wanted::new(SPECS, switches)
    };
    let has = |wanted: &Wanted| -> Vec<&str> {
        let keys = ["a", "b", "off", "label.x", "label.y", "label.", "other"];
        keys.into_iter().filter(|key| wanted.has(key)).collect()
    };
    assert_eq!(has(&switched(&[])), ["a", "b"]);
    assert_eq!(has(&switched(&[("a", false), ("off", true)])), ["b", "off"]);
    assert_eq!(has(&switched(&[("label.x", true)])), ["a", "b", "label.x"]);
    assert_eq!(
        has(&switched(&[("label.<key>", true)])),
        ["a", "b", "label.x", "label.y"]
    );
    let but_one = switched(&[("label.<key>", true), ("label.x", false)]);
    assert_eq!(has(&but_one), ["a", "b", "label.y"]);
    assert!(!switched(&[]).has_any("label.<key>"));
    assert!(switched(&[("label.x", true)]).has_any("label.<key>"));
    assert!(!switched(&[("label.x", false)]).has_any("label.<key>"));
    assert!(switched(&[("label.<key>", true)]).has_any("label.<key>"));
    assert!(!switched(&[]).has_any("nothing like it"));
}

#[test]
fn nothing_is_taken_that_is_not_wanted_or_too_much() {
    let wanted = Wanted::new(SPECS, BTreeMap::from([("label.<key>".to_owned(), true)]));
    let bounded = |outcome: Outcome| outcome.within_bounds(&wanted);
    assert_eq!(
        bounded(found(&[("a", "1"), ("off", "x"), ("a", "2"), ("other", "x")])),
        found(&[("a", "1")])
    );
    assert_eq!(bounded(found(&[("off", "x")])), found(&[]));
    assert_eq!(bounded(failed()), failed());
    assert_eq!(bounded(Outcome::Absent), Outcome::Absent);

    let many = (0..200)
        .map(|index| Attribute::new(format!("label.{index}"), "x"))
        .collect();
    let Outcome::Partial { attributes, failure } = bounded(Outcome::Found(many)) else {
        panic!("200 are too many")
    };
    assert_eq!(attributes.len(), ATTRIBUTES_MAX);
    assert!(failure.starts_with("72 attributes are left out"), "{failure}");

    let huge = vec![
        Attribute::new("a", "x".repeat(BYTES_MAX)),
        Attribute::new("b", "y"),
    ];
    let Outcome::Partial {
        attributes: kept,
        failure,
    } = bounded(Outcome::Partial {
        attributes: huge,
        failure: "before".to_owned(),
    })
    else {
        panic!("it is too large")
    };
    assert_eq!(kept, attributes_of("b", "y"));
    assert!(
        failure.starts_with("before; 1 attributes are left out"),
        "{failure}"
    );
}

fn attributes_of(key: &str, value: &str) -> Vec<Attribute> {
    vec![Attribute::new(key, value)]
}
