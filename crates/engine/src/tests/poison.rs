use super::bench::{one_at_a_time, prepared, start_with};
use super::judge::{Judge, blamed, outcome, permanent, too_large};
use forebay_core::component::{ExportError, Receipt};
use forebay_core::settings::{Count, Size};
use forebay_core::{Clock, Condition, Fault, Reason, Signal, Verdict};
use forebay_testkit::SimulatedClock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn log2(n: u64) -> u32 {
    n.next_power_of_two().trailing_zeros()
}

// spec: D-24, D-25
#[tokio::test]
async fn one_guilty_item_is_found_wherever_it_is() {
    for items in [1, 2, 3, 4, 5, 7, 8, 33, 100] {
        for guilty in 0..items {
            let judge = Judge::blaming(&[guilty]);
            let (running, feed) = judge.alone().await;
            let verdict = feed.send(Signal::Traces, 0, items).await.await;
            assert_eq!(judge.taken().len() as u64, items - 1);
            assert!(!judge.taken().contains(&guilty));
            let extra = judge.requests() - 1;
            assert!(
                extra <= log2(items) as usize + 2,
                "{extra} for {guilty} of {items}"
            );
            assert_eq!(outcome(&running, Reason::Rejected), (items - 1, 1));
            if items > 1 {
                assert_eq!((verdict.failure, verdict.rejected_items), (None, 1));
                let words = format!("item {guilty} is odd");
                assert_eq!(verdict.rejected_message.as_deref(), Some(&*words));
            } else {
                let failure = verdict.failure.unwrap();
                assert_eq!((failure.retryable, failure.fault), (false, Some(Fault::Content)));
            }
        }
    }
}

// spec: D-24, D-25
#[tokio::test]
async fn among_requests_of_many_senders_only_the_guilty_one_is_told() {
    const SENDERS: u64 = 40;
    for (items, guilty) in [(50, 0), (50, 999), (50, 1_999), (50, 1_000), (1, 17)] {
        let all = SENDERS * items;
        let busy = AtomicU64::new(1);
        let judge = Judge::new(move |numbers, _| match numbers {
            [first, ..] if *first == all && busy.swap(0, Ordering::Relaxed) > 0 => {
                let message = "busy".into();
                Err(ExportError::Retryable { after: None, message })
            }
            numbers if numbers.contains(&guilty) => Err(blamed("odd")),
            _ => Ok(Receipt::default()),
        });
        let clock = SimulatedClock::default();
        let mut settings = one_at_a_time();
        settings.batch.max_bytes = Size(64 << 20);
        settings.queue.max_bytes = Some(Size(64 << 20));
        let (running, feed) = judge.start(settings, clock.clock()).await;
        // While this one waits for its next attempt, the rest gathers.
        let first = feed.send(Signal::Traces, all, 1).await;
        while judge.requests() == 0 {
            tokio::task::yield_now().await;
        }
        let mut answers = Vec::new();
        for sender in 0..SENDERS {
            answers.push(feed.send(Signal::Traces, sender * items, items).await);
        }
        clock.skip_to_next().await;
        assert_eq!(first.await, Verdict::delivered());
        for (sender, answer) in (0..).zip(answers) {
            let verdict = answer.await;
            let hit = guilty / items == sender;
            assert_eq!(verdict.rejected_items, u64::from(hit));
            assert_eq!(verdict.failure.is_some(), hit && items == 1);
        }
        assert_eq!(judge.taken().len() as u64, all, "all but one, and the first");
        let seen = judge.seen.lock().unwrap().clone();
        let extra = seen.iter().filter(|(numbers, _)| numbers[0] < all).count() - 1;
        assert!(
            extra as f64 <= 2.0 * (all as f64).log2(),
            "{extra} for {guilty} of {all}"
        );
        assert_eq!(outcome(&running, Reason::Rejected), (all, 1));
    }
}

// spec: D-24
#[tokio::test]
async fn several_guilty_items_are_all_found() {
    let guilty = [0, 1, 17, 63, 64, 99];
    let judge = Judge::blaming(&guilty);
    let (running, feed) = judge.alone().await;
    let verdict = feed.send(Signal::Traces, 0, 100).await.await;
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 6));
    assert_eq!(judge.taken().len(), 94);
    assert_eq!(outcome(&running, Reason::Rejected), (94, 6));
}

// spec: D-25
#[tokio::test]
async fn what_many_guilty_items_may_cost_is_bounded() {
    let judge = Judge::new(|numbers, _| match numbers.iter().any(|number| number % 2 == 1) {
        true => Err(blamed("odd")),
        false => Ok(Receipt::default()),
    });
    let mut settings = one_at_a_time();
    settings.poison.max_requests = Count(20);
    let (running, feed) = judge.start(settings, Clock::system()).await;
    let verdict = feed.send(Signal::Traces, 0, 1_000).await.await;
    assert!(judge.requests() <= 21, "{}", judge.requests());
    let taken = judge.taken().len() as u64;
    assert!(taken > 0);
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 1_000 - taken));
    let words = verdict.rejected_message.unwrap();
    assert!(words.contains("20 requests were spent"), "{words}");
    assert_eq!(outcome(&running, Reason::Rejected), (taken, 1_000 - taken));
}

// spec: D-25
#[tokio::test]
async fn a_destination_that_blames_everything_is_soon_asked_once_per_request() {
    let judge = Judge::new(|numbers, _| match numbers[0] {
        ..1_000_000 => Err(blamed("no")),
        _ => Ok(Receipt::default()),
    });
    let (_running, feed) = judge.alone().await;
    for request in 0..50 {
        let failure = feed.send(Signal::Traces, request * 100, 100).await.await.failure;
        assert!(!failure.unwrap().retryable);
    }
    assert!(judge.requests() < 50 + 128, "{}", judge.requests());
    // It takes something: the next search may cost what it takes again.
    assert_eq!(
        feed.send(Signal::Traces, 2_000_000, 1).await.await,
        Verdict::delivered()
    );
    let before = judge.requests();
    let verdict = feed.send(Signal::Traces, 1_000_000 - 1, 100).await.await;
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 1));
    assert!(judge.requests() > before + 1);
}

// spec: D-24
#[tokio::test]
async fn nothing_is_given_up_that_was_not_refused_itself() {
    // It minds 1 and 6 only together: neither is at fault.
    let judge = Judge::new(|numbers, _| match numbers.contains(&1) && numbers.contains(&6) {
        true => Err(blamed("1 and 6 do not agree")),
        false => Ok(Receipt::default()),
    });
    let (running, feed) = judge.alone().await;
    assert_eq!(feed.send(Signal::Traces, 0, 8).await.await, Verdict::delivered());
    assert_eq!(outcome(&running, Reason::Rejected), (8, 0));
}

// spec: D-12, D-24
#[tokio::test]
async fn without_isolation_the_request_is_refused_whole() {
    let judge = Judge::blaming(&[3]);
    let mut settings = one_at_a_time();
    settings.poison.isolate = false;
    let (running, feed) = judge.start(settings, Clock::system()).await;
    let failure = feed.send(Signal::Traces, 0, 8).await.await.failure.unwrap();
    assert_eq!((failure.retryable, failure.fault), (false, Some(Fault::Content)));
    assert_eq!(judge.requests(), 1);
    assert_eq!(outcome(&running, Reason::Rejected), (0, 8));
}

// spec: D-12
#[tokio::test]
async fn a_destination_that_is_at_fault_itself_is_asked_once() {
    let judge = Judge::new(|_, _| Err(permanent(Fault::Destination, "who are you?")));
    let (running, feed) = judge.alone().await;
    let failure = feed.send(Signal::Traces, 0, 8).await.await.failure.unwrap();
    assert_eq!(failure.fault, Some(Fault::Destination));
    let condition = running.nodes[1].health.condition();
    let words = "the destination refuses requests: who are you?";
    assert_eq!(condition, Condition::Degraded(words.into()));
    assert_eq!(judge.requests(), 1);
    assert_eq!(outcome(&running, Reason::Rejected), (0, 8));
}

// spec: D-9, D-24
#[tokio::test]
async fn failures_that_may_pass_are_repeated_during_the_search() {
    let count = AtomicU64::new(0);
    let judge = Judge::new(move |numbers, _| {
        if count.fetch_add(1, Ordering::Relaxed) % 3 == 1 {
            let message = "busy".into();
            return Err(ExportError::Retryable { after: None, message });
        }
        match numbers.contains(&5) {
            true => Err(blamed("odd")),
            false => Ok(Receipt::default()),
        }
    });
    let clock = SimulatedClock::default();
    let (running, feed) = judge.start(one_at_a_time(), clock.clock()).await;
    let mut answer = feed.send(Signal::Traces, 0, 40).await;
    let verdict = loop {
        tokio::select! {
            biased;
            verdict = &mut answer => break verdict,
            () = clock.skip_to_next() => {}
        }
    };
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 1));
    assert_eq!(outcome(&running, Reason::Rejected), (39, 1));
}

// spec: D-24
#[tokio::test]
async fn what_one_destination_blames_the_other_still_gets() {
    let (strict, lax) = (Judge::blaming(&[2]), Judge::blaming(&[]));
    let exporters = [&strict, &lax].map(|judge| prepared(judge.clone(), one_at_a_time()));
    let (_running, feed) = start_with(Vec::new(), exporters.into(), Clock::system()).await;
    let verdict = feed.send(Signal::Traces, 0, 4).await.await;
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 1));
    assert_eq!((strict.taken().len(), lax.taken().len()), (3, 4));
}

// spec: D-23
#[tokio::test]
async fn a_request_that_is_too_large_goes_in_halves_and_later_ones_are_smaller_at_once() {
    let limit = 40_000;
    let judge = Judge::new(move |_, bytes| match bytes > limit {
        true => Err(too_large()),
        false => Ok(Receipt::default()),
    });
    let (running, feed) = judge.alone().await;
    assert_eq!(
        feed.send(Signal::Traces, 0, 4_000).await.await,
        Verdict::delivered()
    );
    assert_eq!(judge.taken().len(), 4_000);
    let refused = |judge: &Judge| {
        judge
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, took)| !took)
            .count()
    };
    let before = refused(&judge);
    assert!((1..8).contains(&before), "{before}");
    assert_eq!(
        feed.send(Signal::Traces, 4_000, 4_000).await.await,
        Verdict::delivered()
    );
    assert_eq!(refused(&judge), before, "the limit is known");
    let status = running.status();
    let known = status.nodes[1]
        .delivery
        .as_ref()
        .unwrap()
        .request_limit_bytes
        .unwrap();
    assert!((16 << 10..=limit as u64).contains(&known), "{known}");
}

// spec: D-23
#[tokio::test]
async fn an_item_that_is_too_large_alone_is_dropped_and_its_siblings_are_not() {
    // No span here is so large, so the destination minds the number 7.
    let judge = Judge::new(|numbers, _| match numbers.contains(&7) {
        true => Err(too_large()),
        false => Ok(Receipt::default()),
    });
    let (running, feed) = judge.alone().await;
    let verdict = feed.send(Signal::Traces, 0, 20).await.await;
    assert_eq!((verdict.failure, verdict.rejected_items), (None, 1));
    assert_eq!(outcome(&running, Reason::TooLarge), (19, 1));
}

// spec: D-23, D-25
#[tokio::test]
async fn a_destination_that_calls_everything_too_large_is_not_asked_for_each_item() {
    let judge = Judge::new(|_, _| Err(too_large()));
    let (running, feed) = judge.alone().await;
    for request in 0..20 {
        let failure = feed
            .send(Signal::Traces, request * 1_000, 1_000)
            .await
            .await
            .failure;
        assert_eq!(failure.unwrap().fault, Some(Fault::TooLarge));
    }
    // Later requests are made of parts of 16 KiB at once: fewer than ten each.
    assert!(judge.requests() < 20 * 10 + 128, "{}", judge.requests());
    assert_eq!(outcome(&running, Reason::TooLarge), (0, 20_000));
}

// spec: D-23
#[tokio::test]
async fn the_limit_that_was_learned_grows_back_slowly_and_is_forgotten() {
    let small = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let rule = std::sync::Arc::clone(&small);
    let judge = Judge::new(
        move |_, bytes| match rule.load(Ordering::Relaxed) && bytes > 100_000 {
            true => Err(too_large()),
            false => Ok(Receipt::default()),
        },
    );
    let clock = SimulatedClock::default();
    let mut settings = one_at_a_time();
    settings.batch.max_bytes = Size(300_000);
    let (running, feed) = judge.start(settings, clock.clock()).await;
    let known = || {
        running.status().nodes[1]
            .delivery
            .as_ref()
            .unwrap()
            .request_limit_bytes
    };
    let mut next = 0;
    let mut send = async || {
        next += 4_000;
        assert_eq!(
            feed.send(Signal::Traces, next, 4_000).await.await,
            Verdict::delivered()
        );
    };
    send().await;
    let learned = known().unwrap();
    assert!(learned <= 200_000, "{learned}");
    small.store(false, Ordering::Relaxed);
    let mut before = learned;
    let mut minutes = 0;
    while let Some(now) = known() {
        assert!(now >= before && now <= before + before / 4, "{before} to {now}");
        before = now;
        clock.advance(Duration::from_secs(60));
        send().await;
        minutes += 1;
        assert!(minutes < 20);
    }
    assert!(minutes >= 2, "not at once");
}
