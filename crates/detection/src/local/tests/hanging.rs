//! Looks that never come back.

use crate::local::{Local, Look};
use crate::*;
use forebay_testkit::SimulatedClock;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Looks until it is told to stop.
#[derive(Debug)]
struct Hanging(Mutex<mpsc::Receiver<()>>);

impl Look for Hanging {
    fn look(&self, _: &Surroundings, _: &Wanted) -> Outcome {
        match self.0.lock().unwrap().recv() {
            Ok(()) => Outcome::Found(vec![Attribute::new("os.type", "linux")]),
            Err(_) => panic!("it was to be told"),
        }
    }
}

#[tokio::test]
async fn a_file_that_hangs_holds_one_thread_and_nobody_up() {
    let clock = SimulatedClock::default();
    let surroundings = Surroundings::made_up("/nowhere", clock.clock());
    let (let_go, told) = mpsc::sync_channel(2);
    let detector = Local::new(Hanging(Mutex::new(told)));
    let wanted = Wanted::new(Kind::Os.specs(), Default::default());

    let mut cut_off = detector.detect(&surroundings, &wanted);
    assert!(futures_util::poll!(&mut cut_off).is_pending());
    drop(cut_off);
    let Outcome::Failed(words) = detector.detect(&surroundings, &wanted).await else {
        panic!("it waits behind the other one")
    };
    assert!(words.contains("still not answered"), "{words}");

    let_go.send(()).unwrap();
    let_go.send(()).unwrap();
    let outcome = loop {
        match detector.detect(&surroundings, &wanted).await {
            Outcome::Failed(_) => tokio::task::yield_now().await,
            outcome => break outcome,
        }
    };
    assert_eq!(outcome.as_str(), "found");

    drop(let_go);
    let Outcome::Failed(words) = detector.detect(&surroundings, &wanted).await else {
        panic!("it panicked")
    };
    assert!(words.contains("panicked"), "{words}");
}

#[tokio::test]
async fn the_start_is_held_up_for_the_timeout_and_no_longer() {
    let clock = SimulatedClock::default();
    let (let_go, told) = mpsc::sync_channel(2);
    let planned = Planned {
        kind: Kind::Os,
        detector: Arc::new(Local::new(Hanging(Mutex::new(told)))),
        wanted: Wanted::new(Kind::Os.specs(), Default::default()),
        identity: String::new(),
    };
    let pace = Pace {
        timeout: Duration::from_secs(5),
        refresh_interval: None,
        retry: None,
    };
    let detection = Detection::new(
        vec![planned],
        pace,
        Surroundings::made_up("/nowhere", clock.clock()),
    );
    let ready = detection.first_round();
    let passing = async {
        clock.skip_to_next().await;
        assert_eq!(clock.clock().now().0, Duration::from_secs(5));
        ready.await;
    };
    tokio::join!(detection.run(&Nobody), passing);
    assert_eq!(detection.known(), []);
    let_go.send(()).unwrap();
}

/// Wants to know nothing.
struct Nobody;

impl Observer for Nobody {
    fn answered(&self, _: Kind, _: &Outcome) {}
    fn learned(&self, _: &[Attribute]) {}
}
