use super::bench::{prepared, start_with};
use forebay_core::component::{ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::settings::{DeliverySettings, Size};
use forebay_core::{Clock, ComponentError, Delivery, Signal, Time, Verdict};
use forebay_testkit::{Feed, SimulatedClock};
use futures_util::future::{BoxFuture, join_all};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A destination that takes a while, and fails what is more than it can take at once.
#[derive(Clone)]
struct Backend {
    clock: Clock,
    state: Arc<BackendState>,
}

struct BackendState {
    capacity: AtomicU64,
    now: AtomicU64,
    most: AtomicU64,
    failed: AtomicU64,
    largest: AtomicU64,
}

impl Backend {
    fn new(clock: Clock, capacity: u64) -> Self {
        let state = Arc::new(BackendState {
            capacity: capacity.into(),
            now: 0.into(),
            most: 0.into(),
            failed: 0.into(),
            largest: 0.into(),
        });
        Backend { clock, state }
    }

    /// The most requests at once since this was asked last.
    fn most(&self) -> u64 {
        self.state.most.swap(0, Ordering::Relaxed)
    }
}

impl Exporter for Backend {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(async move {
            let state = &self.state;
            let now = state.now.fetch_add(1, Ordering::Relaxed) + 1;
            state.most.fetch_max(now, Ordering::Relaxed);
            state.largest.fetch_max(request.items, Ordering::Relaxed);
            let fits = now <= state.capacity.load(Ordering::Relaxed);
            self.clock.sleep(Duration::from_millis(20)).await;
            state.now.fetch_sub(1, Ordering::Relaxed);
            if fits {
                return Ok(Receipt::default());
            }
            state.failed.fetch_add(1, Ordering::Relaxed);
            let message = "overloaded".into();
            Err(ExportError::Retryable { after: None, message })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn settings(adaptive: bool) -> DeliverySettings {
    let mut settings = DeliverySettings {
        max_in_flight: 16,
        min_in_flight: 1,
        adaptive_concurrency: adaptive,
        ..DeliverySettings::default()
    };
    settings.batch.max_bytes = Size(0);
    settings.retry.initial_interval.0 = Duration::from_millis(50);
    settings.retry.max_interval.0 = Duration::from_millis(200);
    settings
}

/// Sends requests of one item and waits for all, with time going on; how long it took.
async fn deliver(clock: &SimulatedClock, feed: &Feed, items: u64) -> Duration {
    let began: Time = clock.clock().now();
    let mut answers: Vec<Delivery> = Vec::new();
    for number in 0..items {
        answers.push(feed.send(Signal::Traces, number, 1).await);
    }
    let mut all = std::pin::pin!(join_all(answers));
    let verdicts = loop {
        tokio::select! {
            biased;
            verdicts = &mut all => break verdicts,
            () = clock.skip_to_next() => {}
        }
    };
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::delivered()));
    clock.clock().now().since(began)
}

// spec: D-28
// conformance: C3
#[tokio::test]
async fn a_steady_destination_gets_as_much_at_once_as_without_adaptation() {
    let mut took = Vec::new();
    for adaptive in [false, true] {
        let clock = SimulatedClock::default();
        let backend = Backend::new(clock.clock(), 16);
        let exporters = vec![prepared(backend.clone(), settings(adaptive))];
        let (_running, feed) = start_with(Vec::new(), exporters, clock.clock()).await;
        took.push(deliver(&clock, &feed, 1_600).await);
        assert_eq!(
            (backend.most(), backend.state.failed.load(Ordering::Relaxed)),
            (16, 0)
        );
    }
    assert_eq!(took, [Duration::from_secs(2); 2], "16 at once, 20 ms each");
}

// spec: D-15, D-28
#[tokio::test]
async fn an_overloaded_destination_gets_less_at_once_in_larger_requests_and_more_again_later() {
    let clock = SimulatedClock::default();
    let backend = Backend::new(clock.clock(), 3);
    let mut settings = settings(true);
    settings.circuit_breaker.enabled = false;
    let exporters = vec![prepared(backend.clone(), settings.clone())];
    let (running, feed) = start_with(Vec::new(), exporters, clock.clock()).await;
    deliver(&clock, &feed, 500).await;
    let failed = backend.state.failed.swap(0, Ordering::Relaxed);
    backend.most();
    deliver(&clock, &feed, 500).await;
    assert!(backend.most() <= 6, "not far above what it takes");
    let later = backend.state.failed.load(Ordering::Relaxed);
    assert!(later < 250, "{failed} failures at first, {later} later");
    let limit = || {
        running.status().nodes[1]
            .delivery
            .as_ref()
            .unwrap()
            .in_flight_limit
    };
    assert!(limit() <= 5, "{}", limit());

    backend.state.capacity.store(16, Ordering::Relaxed);
    deliver(&clock, &feed, 1_000).await;
    backend.most();
    deliver(&clock, &feed, 100).await;
    assert_eq!((limit(), backend.most()), (16, 16));
}

// spec: D-15, D-28
#[tokio::test]
async fn what_queues_while_the_limit_is_low_goes_together() {
    let clock = SimulatedClock::default();
    let backend = Backend::new(clock.clock(), 1);
    let mut settings = settings(true);
    settings.batch.max_bytes = Size(1 << 20);
    let exporters = vec![prepared(backend.clone(), settings)];
    let (_running, feed) = start_with(Vec::new(), exporters, clock.clock()).await;
    for _ in 0..20 {
        deliver(&clock, &feed, 100).await;
    }
    backend.state.largest.store(0, Ordering::Relaxed);
    deliver(&clock, &feed, 100).await;
    let largest = backend.state.largest.load(Ordering::Relaxed);
    assert!(largest >= 50, "{largest}");
}
