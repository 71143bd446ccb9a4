//! Delivery to one destination: edge, batcher, attempts with a timeout, retries until the data is too old.
//!
//! Each of `max_in_flight` senders takes a portion off the edge, puts it together to one request and sees it through. What
//! queues up while all of them are busy goes together, up to the batcher's limits. What they have in common is in `traffic`:
//! the circuit breaker, the pauses that the destination asks for, and how many attempts there may be at once.

mod attempts;
mod backoff;
mod breaker;
mod concurrency;
mod isolate;
mod meter;
mod parts;
mod settle;
mod sizes;
mod traffic;

pub use meter::{Circuit, DeliveryMeter};

use attempts::Sent;
use forebay_core::component::Exporter;
use forebay_core::settings::DeliverySettings;
use forebay_core::{Batch, Clock, Health, Shutdown, Time};
use forebay_queue::{Edge, Place, Portion, Taken};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sizes::{Sizes, least};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use traffic::Traffic;

/// The delivery to one destination. Shared by its senders.
pub(crate) struct Delivery {
    to: Destination,
    traffic: Traffic,
    sizes: Sizes,
    /// How many requests in a row were looked into, to find out what the destination blames, without anything being taken.
    futile: AtomicU32,
}

/// What a destination is made of.
pub(crate) struct Destination {
    pub(crate) name: Arc<str>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) exporter: Arc<dyn Exporter>,
    pub(crate) settings: DeliverySettings,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
    pub(crate) meter: Arc<DeliveryMeter>,
    pub(crate) panics: Arc<AtomicU64>,
    /// Where what cannot be delivered here goes, if there are other destinations.
    pub(crate) elsewhere: Option<Arc<dyn Elsewhere>>,
}

/// What there is beside a destination that is one of several.
pub(crate) trait Elsewhere: Send + Sync {
    /// Whether what waits for this destination should not.
    fn stray(&self) -> Stray;

    /// Ready once it should not, or may not have to: when this becomes [`Stray::Failed`], what waits looks around as well.
    fn strayed(&self) -> BoxFuture<'_, ()>;

    /// The destination has answered, or failed to; what is open of its circuit may be attempted at `next` again.
    fn heard(&self, next: Time);

    /// Takes over a batch, with its place in what the destinations have in common.
    fn take(&self, batch: Batch, place: Place);
}

/// Whether what waits for a destination should go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stray {
    /// It should wait.
    No,
    /// It should wait; but a request that has failed should go: another destination may be well again before this one.
    Failed,
    /// It should go, but for the request that finds out whether the destination is well again.
    ButForTrials,
    /// It should go.
    Yes,
}

impl From<Destination> for Delivery {
    fn from(to: Destination) -> Self {
        let configured = least(to.settings.batch.max_bytes.0, to.settings.max_request_bytes);
        Delivery {
            traffic: Traffic::new(&to),
            sizes: Sizes::new(to.clock.clone(), Arc::clone(&to.meter), configured),
            futile: AtomicU32::new(0),
            to,
        }
    }
}

impl Delivery {
    /// Sender number `number`: takes portions and sees them through, until the edge is closed and empty.
    pub(crate) async fn send_all(self: Arc<Self>, number: usize) {
        loop {
            self.traffic.seated(number).await;
            let portion = self.portion();
            let taken = tokio::select! {
                biased;
                taken = self.to.edge.take(&portion) => taken,
                () = self.traffic.unseated(number) => continue,
            };
            let Some(taken) = taken else {
                return self.traffic.close();
            };
            self.to.meter.in_flight.fetch_add(1, Ordering::Relaxed);
            // A sender that unwound would leave its edge with one taker less, and the last one with none.
            let done = AssertUnwindSafe(self.send_portion(taken)).catch_unwind().await;
            if done.is_err() {
                self.panicked();
            }
            self.to.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn portion(&self) -> Portion {
        let batch = &self.to.settings.batch;
        let together = batch.max_bytes.0 > 0;
        Portion {
            min_items: batch.min_items.0,
            patience: if batch.min_items.0 == 0 {
                Duration::ZERO
            } else {
                batch.flush_timeout.0
            },
            max_items: batch.max_items.0,
            max_bytes: if together { self.bytes_max() } else { 0 },
        }
    }

    async fn send_portion(&self, taken: Vec<Taken>) {
        // The places are kept until the batches are done with: what is being sent counts as inside.
        let (batches, mut places): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .map(|Taken { batch, place }| (batch, place))
            .unzip();
        let outer = places
            .iter_mut()
            .filter_map(Place::leave)
            .reduce(|mut all, place| {
                all.join(place);
                all
            });
        self.see_through(batches, outer).await;
    }

    /// Sends a portion, in as many requests as it takes. `outer` is its place in what several destinations have in common.
    async fn see_through(&self, portion: Vec<Batch>, mut outer: Option<Place>) {
        let mut search = self.search();
        let mut more = Vec::new();
        let mut next = Some(portion);
        while let Some(batches) = next.take().or_else(|| more.pop()) {
            let Some(request) = self.fit(batches, &mut more) else {
                continue;
            };
            match self.send(request).await {
                Sent::Settled => {}
                Sent::Blamed(request, blame) => self.look_into(request, blame, &mut search, &mut more).await,
                Sent::Stray(batches) => self.send_elsewhere(batches, outer.as_mut()),
            }
        }
        self.found_out(&search);
    }

    /// Each batch goes its own way: what was put together for this destination need not have another in common.
    fn send_elsewhere(&self, batches: Vec<Batch>, outer: Option<&mut Place>) {
        let (Some(elsewhere), Some(outer)) = (&self.to.elsewhere, outer) else {
            return;
        };
        for batch in batches {
            let place = outer.carve(batch.items(), batch.bytes());
            elsewhere.take(batch, place);
        }
    }

    fn panicked(&self) {
        self.to.panics.fetch_add(1, Ordering::Relaxed);
        self.to
            .health
            .degraded("panicked during an attempt; the data was booked as such");
    }
}
