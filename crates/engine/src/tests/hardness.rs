//! Components and settings at their worst: what they do must stay theirs.

use super::bench::{Parts, books, one_at_a_time, prepared, start, start_with};
use forebay_core::component::{ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::settings::Period;
use forebay_core::{Clock, ComponentError, Reason, Signal, Time, Verdict};
use forebay_testkit::{Answer, FakeExporter, SimulatedClock};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn busy() -> Answer {
    Answer::Fail(ExportError::Retryable {
        after: None,
        message: "busy".into(),
    })
}

/// Panics before it gives its future, the first time; never closes.
struct Hasty(AtomicU64);

impl Exporter for Hasty {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "told to");
        Box::pin(std::future::ready(Ok(Receipt::default())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::pending())
    }
}

// spec: D-14
#[tokio::test]
async fn an_exporter_that_panics_before_its_future_is_made_goes_on() {
    let exporter = prepared(Hasty(AtomicU64::new(0)), one_at_a_time());
    let (running, feed) = start_with(Vec::new(), vec![exporter], Clock::system()).await;
    assert!(feed.send(Signal::Traces, 0, 5).await.await.failure.is_some());
    assert_eq!(feed.send(Signal::Traces, 5, 5).await.await, Verdict::delivered());
    assert_eq!(books(&running, "out0").refused[Reason::Panicked as usize], 5);
}

// spec: D-10
#[tokio::test]
async fn a_multiplier_that_is_no_number_and_waits_of_zero_do_no_harm() {
    for (multiplier, initial, most) in [(f64::NAN, 1, 4), (f64::INFINITY, 1, 4), (1.5, 0, 0), (1.5, 60, 4)] {
        let clock = SimulatedClock::default();
        let out = FakeExporter::new(Answer::Take);
        out.then((0..20).map(|_| busy()));
        let mut settings = one_at_a_time();
        settings.retry.multiplier = multiplier;
        settings.retry.initial_interval = Period(Duration::from_secs(initial));
        settings.retry.max_interval = Period(Duration::from_secs(most));
        let exporters = vec![(out.clone(), settings)];
        let parts = Parts {
            exporters,
            ..Parts::default()
        };
        let (_running, feed) = start(parts, clock.clock()).await;
        let answer = feed.send(Signal::Traces, 0, 5).await;
        for attempt in 1..=20 {
            out.attempts(attempt).await;
            let wait = clock.somebody_sleeps().await.since(clock.clock().now());
            assert!(wait <= Duration::from_secs(4), "{wait:?}");
            clock.skip_to_next().await;
        }
        assert_eq!(answer.await, Verdict::delivered());
        assert!(clock.clock().now() > Time::default(), "it waits between attempts");
    }
}
