use super::bench::{Parts, books, one_at_a_time, start};
use forebay_core::component::ExportError;
use forebay_core::settings::{Count, Period};
use forebay_core::{Clock, Fault, Reason, Signal, Verdict};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use std::time::Duration;

fn busy() -> Answer {
    Answer::Fail(ExportError::Retryable {
        after: None,
        message: "busy".into(),
    })
}

fn bad() -> Answer {
    Answer::Fail(ExportError::Permanent {
        message: "bad data".into(),
        fault: Fault::Content,
    })
}

// spec: D-9
#[tokio::test]
async fn retries_until_it_succeeds() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    out.then([busy(), busy(), busy()]);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let answer = feed.send(Signal::Traces, 0, 5).await;
    for attempt in 1..=3 {
        out.attempts(attempt).await;
        clock.skip_to_next().await;
    }
    assert_eq!(answer.await, Verdict::delivered());
    assert_eq!(books(&running, "out0").delivered, 5);
}

// spec: D-10
#[tokio::test]
async fn waits_at_least_as_long_as_the_destination_asks() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let after = Some(Duration::from_secs(7));
    out.then([Answer::Fail(ExportError::Retryable {
        after,
        message: "later".into(),
    })]);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (_running, feed) = start(parts, clock.clock()).await;
    let answer = feed.send(Signal::Traces, 0, 5).await;
    out.attempts(1).await;
    assert_eq!(clock.somebody_sleeps().await.0, Duration::from_secs(7));
    clock.skip_to_next().await;
    assert_eq!(answer.await, Verdict::delivered());
}

// spec: D-10
#[tokio::test]
async fn the_bound_of_the_wait_grows_to_its_end() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(busy());
    let mut settings = one_at_a_time();
    settings.retry.initial_interval = Period(Duration::from_secs(1));
    settings.retry.multiplier = 2.0;
    settings.retry.max_interval = Period(Duration::from_secs(4));
    settings.retry.max_age = Period(Duration::ZERO);
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (_running, feed) = start(parts, clock.clock()).await;
    let _answer = feed.send(Signal::Traces, 0, 5).await;
    let mut longest = Duration::ZERO;
    for (attempt, bound) in (1..=40).zip([1, 2, 4].into_iter().chain(std::iter::repeat(4))) {
        out.attempts(attempt).await;
        let wait = clock.somebody_sleeps().await.since(clock.clock().now());
        assert!(
            wait <= Duration::from_secs(bound),
            "{wait:?} before attempt {}",
            attempt + 1
        );
        longest = longest.max(wait);
        clock.skip_to_next().await;
    }
    assert!(
        longest > Duration::from_secs(2),
        "waits are drawn from the whole range"
    );
}

// spec: D-7, D-9
#[tokio::test]
async fn without_retries_the_sender_is_told_at_once() {
    let out = FakeExporter::new(Answer::Take);
    let after = Some(Duration::from_secs(3));
    out.then([Answer::Fail(ExportError::Retryable {
        after,
        message: "busy".into(),
    })]);
    let mut settings = one_at_a_time();
    settings.retry.enabled = false;
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (running, feed) = start(parts, SimulatedClock::default().clock()).await;
    let failure = feed.send(Signal::Traces, 0, 5).await.await.failure.unwrap();
    assert_eq!((failure.retryable, failure.after), (true, after));
    assert_eq!(books(&running, "out0").refused[Reason::Unavailable as usize], 5);
}

// spec: D-11
#[tokio::test]
async fn gives_up_when_the_data_is_too_old() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(busy());
    let mut settings = one_at_a_time();
    settings.retry.max_age = Period(Duration::from_secs(60));
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (running, feed) = start(parts, clock.clock()).await;
    let mut answer = feed.send(Signal::Traces, 0, 5).await;
    let failure = loop {
        tokio::select! {
            biased;
            verdict = &mut answer => break verdict.failure.unwrap(),
            () = clock.skip_to_next() => {}
        }
    };
    assert!(failure.retryable, "the sender still has it");
    assert_eq!(books(&running, "out0").refused[Reason::Expired as usize], 5);
}

// spec: D-7, D-12
#[tokio::test]
async fn a_permanent_failure_is_final() {
    let out = FakeExporter::new(bad());
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, mut feed) = start(parts, Clock::system()).await;
    let failure = feed.send(Signal::Traces, 0, 5).await.await.failure.unwrap();
    assert_eq!((failure.retryable, &*failure.message), (false, "bad data"));
    assert_eq!(books(&running, "out0").refused[Reason::Rejected as usize], 5);
    feed.acknowledge = forebay_core::Acknowledge::Accepted;
    assert_eq!(feed.send(Signal::Traces, 0, 5).await.await, Verdict::delivered());
    out.attempts(2).await;
    while books(&running, "out0").held > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        books(&running, "out0").dropped[Reason::Rejected as usize],
        5,
        "nobody was told: it is lost"
    );
}

// spec: D-6
#[tokio::test]
async fn rejected_items_are_counted_and_told() {
    let out = FakeExporter::new(Answer::Reject(2));
    let parts = Parts {
        exporters: vec![(out, one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    let verdict = feed.send(Signal::Traces, 0, 5).await.await;
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 2));
    let out = books(&running, "out0");
    assert_eq!((out.delivered, out.refused[Reason::Rejected as usize]), (3, 2));
}

// spec: D-13
#[tokio::test]
async fn an_attempt_that_takes_too_long_is_repeated() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    out.then([Answer::Hang]);
    let mut settings = one_at_a_time();
    settings.timeout = Duration::from_secs(5);
    let (_running, feed) = start(
        Parts {
            exporters: vec![(out.clone(), settings)],
            ..Parts::default()
        },
        clock.clock(),
    )
    .await;
    let mut answer = feed.send(Signal::Traces, 0, 5).await;
    let verdict = loop {
        tokio::select! {
            biased;
            verdict = &mut answer => break verdict,
            () = clock.skip_to_next() => {}
        }
    };
    assert_eq!(verdict, Verdict::delivered());
    assert_eq!(out.taken().len(), 1);
}

// spec: D-14
#[tokio::test]
async fn a_panicking_exporter_loses_only_what_it_panicked_on() {
    let out = FakeExporter::new(Answer::Take);
    out.then([Answer::Panic]);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    assert!(feed.send(Signal::Traces, 0, 5).await.await.failure.is_some());
    assert_eq!(feed.send(Signal::Traces, 5, 5).await.await, Verdict::delivered());
    assert_eq!(books(&running, "out0").refused[Reason::Panicked as usize], 5);
}

// spec: D-15
#[tokio::test]
async fn what_queues_up_meanwhile_goes_together_without_copying() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    out.then([busy()]);
    let parts = Parts {
        exporters: vec![(out.clone(), one_at_a_time())],
        ..Parts::default()
    };
    let (_running, feed) = start(parts, clock.clock()).await;
    let first = feed.send(Signal::Traces, 0, 1).await;
    out.attempts(1).await;
    let mut answers = Vec::new();
    for number in 1..=20 {
        answers.push(feed.send(Signal::Traces, number, 1).await);
    }
    clock.skip_to_next().await;
    assert_eq!(first.await, Verdict::delivered());
    for answer in answers {
        assert_eq!(answer.await, Verdict::delivered());
    }
    let taken = out.taken();
    assert_eq!(
        taken.iter().map(|request| request.items).collect::<Vec<_>>(),
        [1, 20]
    );
    assert_eq!(
        taken[1].payload.slices().len(),
        20,
        "slices are appended, not joined"
    );
}

// spec: D-16
#[tokio::test]
async fn a_batch_above_the_limit_is_split() {
    let out = FakeExporter::new(Answer::Take);
    let mut settings = one_at_a_time();
    settings.batch.max_items = Count(4);
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    assert_eq!(feed.send(Signal::Traces, 0, 10).await.await, Verdict::delivered());
    let sizes: Vec<u64> = out.taken().iter().map(|request| request.items).collect();
    assert_eq!((sizes.iter().sum::<u64>(), sizes.iter().max()), (10, Some(&4)));
    for request in out.taken() {
        let counted = forebay_otlp::count_items(request.signal, &request.payload.contiguous()).unwrap();
        assert_eq!(counted, request.items);
    }
    assert_eq!(books(&running, "out0").delivered, 10);
}

// spec: D-22
// conformance: C1
#[tokio::test]
async fn what_is_above_the_request_limit_is_split_and_an_item_above_it_is_not_sent() {
    let out = FakeExporter::new(Answer::Take);
    let mut settings = one_at_a_time();
    settings.max_request_bytes = 200;
    let parts = Parts {
        exporters: vec![(out.clone(), settings.clone())],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    assert_eq!(feed.send(Signal::Traces, 0, 20).await.await, Verdict::delivered());
    let taken = out.taken();
    assert!(taken.len() > 1);
    assert!(taken.iter().all(|request| request.payload.len() <= 200));
    assert_eq!(books(&running, "out0").delivered, 20);

    settings.max_request_bytes = 10;
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (running, feed) = start(parts, Clock::system()).await;
    let failure = feed.send(Signal::Traces, 0, 3).await.await.failure.unwrap();
    assert_eq!((failure.retryable, failure.fault), (false, Some(Fault::TooLarge)));
    assert_eq!(books(&running, "out0").refused[Reason::TooLarge as usize], 3);
    assert_eq!(out.items(), 20, "none of them was sent");
}

// spec: B-9
#[tokio::test]
async fn min_items_waits_for_company_but_not_for_ever() {
    let clock = SimulatedClock::default();
    let out = FakeExporter::new(Answer::Take);
    let mut settings = one_at_a_time();
    settings.batch.min_items = Count(100);
    settings.batch.flush_timeout = Period(Duration::from_millis(200));
    let parts = Parts {
        exporters: vec![(out.clone(), settings)],
        ..Parts::default()
    };
    let (_running, feed) = start(parts, clock.clock()).await;
    let few = feed.send(Signal::Traces, 0, 5).await;
    assert_eq!(clock.somebody_sleeps().await.0, Duration::from_millis(200));
    assert_eq!(out.items(), 0);
    clock.skip_to_next().await;
    assert_eq!(few.await, Verdict::delivered());
    let many = feed.send(Signal::Traces, 5, 100).await;
    assert_eq!(many.await, Verdict::delivered(), "enough items go at once");
}
