//! Delivery to one destination: edge, batcher, attempts with a timeout, retries until the data is too old.
//!
//! Each of `max_in_flight` senders takes a portion off the edge, puts it together to one request and sees it through.
//! What queues up while all of them are busy goes together, up to the batcher's limits.

use forebay_core::component::{ExportError, Exporter, Receipt, Request};
use forebay_core::settings::{DeliverySettings, RetryConfig};
use forebay_core::{Batch, Clock, Failure, Fault, Health, Payload, Reason, Shutdown};
use forebay_queue::{Edge, Portion, Taken};
use forebay_telemetry::Recorder;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The least bound of a wait between attempts: with none, a destination that fails at once would keep a thread busy.
const BOUND_MIN: Duration = Duration::from_millis(10);

/// What is counted of a destination, beside the items in the books.
#[derive(Debug, Default)]
pub struct DeliveryMeter {
    /// Attempts that the destination accepted.
    pub succeeded: AtomicU64,
    /// Attempts that failed and could be repeated.
    pub retryable: AtomicU64,
    /// Attempts that failed for good.
    pub permanent: AtomicU64,
    /// Requests under way now, those waiting for their next attempt included.
    pub in_flight: AtomicU64,
    /// How long one attempt took.
    pub attempt: Recorder,
    /// How long it took from the receiver's door to the destination's yes.
    pub end_to_end: Recorder,
}

/// One destination. Shared by its senders.
pub(crate) struct Delivery {
    pub(crate) name: Arc<str>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) exporter: Arc<dyn Exporter>,
    pub(crate) settings: DeliverySettings,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
    pub(crate) meter: Arc<DeliveryMeter>,
    pub(crate) panics: Arc<AtomicU64>,
}

/// What one attempt came to.
enum Attempt {
    Done(Receipt),
    Again {
        after: Option<Duration>,
        message: Arc<str>,
    },
    Never {
        message: Arc<str>,
        fault: Fault,
    },
    Panicked,
    Stopped,
}

impl Delivery {
    /// One sender: takes portions and sees them through, until the edge is closed and empty.
    pub(crate) async fn send_all(self: Arc<Self>) {
        let batch = &self.settings.batch;
        let portion = Portion {
            min_items: batch.min_items.0,
            patience: if batch.min_items.0 == 0 {
                Duration::ZERO
            } else {
                batch.flush_timeout.0
            },
            max_items: batch.max_items.0,
            max_bytes: batch.max_bytes.0,
        };
        while let Some(taken) = self.edge.take(&portion).await {
            self.meter.in_flight.fetch_add(1, Ordering::Relaxed);
            // A sender that unwound would leave its edge with one taker less, and the last one with none.
            let done = AssertUnwindSafe(self.send_portion(taken)).catch_unwind().await;
            if done.is_err() {
                self.panicked();
            }
            self.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn send_portion(&self, taken: Vec<Taken>) {
        // The places are kept until the batches are done with: what is being sent counts as inside.
        let (batches, _places): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .map(|Taken { batch, place }| (batch, place))
            .unzip();
        for group in self.sized(batches) {
            self.see_through(group).await;
        }
    }

    /// The portion as it is, or in parts where one batch alone is above the batcher's limits.
    fn sized(&self, batches: Vec<Batch>) -> Vec<Vec<Batch>> {
        let (items, hard) = (self.settings.batch.max_items.0, self.settings.max_request_bytes);
        let bytes = least(self.settings.batch.max_bytes.0, hard);
        let fits =
            |batch: &Batch| (items == 0 || batch.items() <= items) && (bytes == 0 || batch.bytes() <= bytes);
        if batches.iter().all(fits) {
            return vec![batches];
        }
        batches
            .into_iter()
            .flat_map(|batch| batch.split_to_fit(items, bytes))
            .filter_map(|part| sendable(part, hard))
            .map(|part| vec![part])
            .collect()
    }

    /// Attempts until the destination has decided, the data is too old, or the process stops.
    async fn see_through(&self, mut batches: Vec<Batch>) {
        let mut bound = first_bound(&self.settings.retry);
        while !batches.is_empty() {
            let (after, message) = match self.attempt(&batches).await {
                Attempt::Done(receipt) => return self.succeed(batches, receipt),
                Attempt::Never { message, fault } => {
                    let reason = match fault {
                        Fault::TooLarge => Reason::TooLarge,
                        Fault::Content | Fault::Destination => Reason::Rejected,
                    };
                    return fail_all(batches, &Failure::permanent(reason, message).by(fault));
                }
                Attempt::Panicked => return fail_all(batches, &panicked()),
                Attempt::Stopped => return fail_all(batches, &stopping()),
                Attempt::Again { message, after } if !self.settings.retry.enabled => {
                    let failure = Failure::retryable(Reason::Unavailable, message);
                    return fail_all(batches, &after.into_iter().fold(failure, Failure::after));
                }
                Attempt::Again { after, message } => (after, message),
            };
            let wait = jittered(bound).max(after.unwrap_or_default());
            bound = next_bound(bound, &self.settings.retry);
            batches = self.expire(batches, wait, &message);
            if batches.is_empty() || !self.pause(wait).await {
                return fail_all(batches, &stopping());
            }
        }
    }

    async fn attempt(&self, batches: &[Batch]) -> Attempt {
        let request = together(batches);
        let began = self.clock.now();
        // In a future of its own, so that a panic before the exporter's future is made is caught too.
        let export = AssertUnwindSafe(async { self.exporter.export(&request).await }).catch_unwind();
        let timeout = async {
            match self.settings.timeout {
                Duration::ZERO => std::future::pending().await,
                timeout => self.clock.sleep(timeout).await,
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = export => outcome,
            () = timeout => Ok(Err(ExportError::Retryable { after: None, message: "the attempt timed out".into() })),
            () = self.shutdown.stopped() => return Attempt::Stopped,
        };
        self.meter.attempt.record(self.clock.now().since(began));
        match outcome {
            Ok(Ok(receipt)) => Attempt::Done(receipt),
            Ok(Err(error)) => self.failed(error),
            Err(_) => {
                self.panicked();
                Attempt::Panicked
            }
        }
    }

    fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        self.health
            .degraded("panicked during an attempt; the data was booked as such");
    }

    fn failed(&self, error: ExportError) -> Attempt {
        match error {
            ExportError::Retryable { after, message } => {
                self.meter.retryable.fetch_add(1, Ordering::Relaxed);
                self.health.degraded(Arc::clone(&message));
                tracing::warn!(
                    exporter = &*self.name,
                    error = &*message,
                    "an attempt failed and will be repeated"
                );
                Attempt::Again { after, message }
            }
            ExportError::Permanent { message, fault } => {
                self.meter.permanent.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    exporter = &*self.name,
                    error = &*message,
                    "the destination refused data for good"
                );
                Attempt::Never { message, fault }
            }
        }
    }

    fn succeed(&self, batches: Vec<Batch>, receipt: Receipt) {
        self.meter.succeeded.fetch_add(1, Ordering::Relaxed);
        self.health.working();
        let now = self.clock.now();
        let mut rejected = receipt.rejected_items;
        for batch in batches {
            self.meter.end_to_end.record(now.since(batch.received_at()));
            // The destination does not say whose items they were: the first batches answer for them.
            let here = rejected.min(batch.items());
            rejected -= here;
            batch.delivered(here, receipt.message.clone().filter(|_| here > 0));
        }
    }

    /// Gives up what would be too old at the next attempt.
    fn expire(&self, batches: Vec<Batch>, wait: Duration, message: &Arc<str>) -> Vec<Batch> {
        let max_age = self.settings.retry.max_age.0;
        let then = self.clock.now().after(wait);
        let (old, young): (Vec<_>, Vec<_>) = batches
            .into_iter()
            .partition(|batch| max_age > Duration::ZERO && then.since(batch.received_at()) > max_age);
        let words = format!(
            "given up after {}: {message}",
            forebay_core::settings::Period(max_age)
        );
        fail_all(old, &Failure::retryable(Reason::Expired, words));
        young
    }

    /// Waits before the next attempt; false if the process stops meanwhile.
    async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.clock.sleep(wait) => true,
            () = self.shutdown.stopped() => false,
        }
    }
}

/// The smaller of two limits, of which 0 stands for none.
fn least(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        (one, other) => one.min(other),
    }
}

/// The part of a batch, unless it is above the limit even alone.
fn sendable(part: Batch, limit: u64) -> Option<Batch> {
    if limit == 0 || part.bytes() <= limit {
        return Some(part);
    }
    let words = format!(
        "an item takes {} bytes, and a request may have {limit}",
        part.bytes()
    );
    part.fail(Failure::permanent(Reason::TooLarge, words).by(Fault::TooLarge));
    None
}

fn together(batches: &[Batch]) -> Request {
    let mut payload = Payload::new();
    batches.iter().for_each(|batch| payload.append(batch.payload()));
    let signal = batches
        .first()
        .map_or(forebay_core::Signal::Traces, Batch::signal);
    Request {
        signal,
        payload,
        items: batches.iter().map(Batch::items).sum(),
    }
}

fn fail_all(batches: Vec<Batch>, failure: &Failure) {
    batches.into_iter().for_each(|batch| batch.fail(failure.clone()));
}

fn panicked() -> Failure {
    Failure::permanent(Reason::Panicked, "the exporter panicked on this data")
}

fn stopping() -> Failure {
    Failure::retryable(
        Reason::Shutdown,
        "the process stopped before the data could be delivered",
    )
}

/// Full jitter: anywhere between zero and `bound`.
fn jittered(bound: Duration) -> Duration {
    bound.mul_f64(fastrand::f64())
}

fn first_bound(retry: &RetryConfig) -> Duration {
    within(retry.initial_interval.0, retry)
}

fn next_bound(bound: Duration, retry: &RetryConfig) -> Duration {
    // TOML knows `nan`.
    let multiplier = if retry.multiplier.is_nan() {
        1.0
    } else {
        retry.multiplier
    };
    within(bound.mul_f64(multiplier.clamp(1.0, 100.0)), retry)
}

fn within(bound: Duration, retry: &RetryConfig) -> Duration {
    bound.min(retry.max_interval.0).max(BOUND_MIN)
}
