//! How requests end: booked, answered, and told to whoever reads the log.

use super::Delivery;
use forebay_core::component::Receipt;
use forebay_core::{Batch, Failure, Fault, Reason};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a destination said as it refused a request for good.
#[derive(Clone, Debug)]
pub(super) struct Blame {
    pub(super) fault: Fault,
    pub(super) message: Arc<str>,
}

impl Blame {
    /// The same with further words.
    pub(super) fn with(&self, words: &str) -> Blame {
        Blame {
            fault: self.fault,
            message: format!("{}; {words}", self.message).into(),
        }
    }

    fn failure(&self) -> Failure {
        let reason = match self.fault {
            Fault::TooLarge => Reason::TooLarge,
            Fault::Content | Fault::Destination | Fault::Unclear => Reason::Rejected,
        };
        Failure::permanent(reason, Arc::clone(&self.message)).by(self.fault)
    }
}

impl Delivery {
    /// The destination has them.
    pub(super) fn succeed(&self, batches: Vec<Batch>, receipt: Receipt) {
        self.to.meter.succeeded.fetch_add(1, Ordering::Relaxed);
        if self.futile.load(Ordering::Relaxed) > 0 {
            self.futile.store(0, Ordering::Relaxed);
        }
        self.to.health.working();
        if receipt.rejected_items > 0 || receipt.message.is_some() {
            tracing::warn!(
                exporter = &*self.to.name,
                rejected = receipt.rejected_items,
                error = receipt.message.as_deref(),
                "the destination took a request with reservations"
            );
        }
        let now = self.to.clock.now();
        let mut rejected = receipt.rejected_items;
        for batch in batches {
            self.to.meter.end_to_end.record(now.since(batch.received_at()));
            // The destination does not say whose items they were: the first batches answer for them.
            let here = rejected.min(batch.items());
            rejected -= here;
            batch.delivered(here, receipt.message.clone().filter(|_| here > 0));
        }
    }

    /// The destination refuses all of them for what they are. The log says whose they were.
    pub(super) fn reject(&self, batches: Vec<Batch>, blame: &Blame) {
        if blame.fault == Fault::Unclear {
            self.refuses(blame);
        }
        self.give_up(batches, blame, "the destination refused items for good");
    }

    /// Books items that no further attempt can deliver, and says in the log whose they were.
    pub(super) fn give_up(&self, batches: Vec<Batch>, blame: &Blame, words: &'static str) {
        let failure = blame.failure();
        for batch in batches {
            let (origin, signal) = (batch.origin(), batch.signal());
            let identity = origin.identity.as_deref();
            tracing::error!(
                exporter = &*self.to.name,
                peer = origin.peer.map(tracing::field::display),
                name = identity.map(|identity| &*identity.name),
                tenant = identity.and_then(|identity| identity.tenant.as_deref()),
                signal = signal.as_str(),
                items = batch.items(),
                error = &*failure.message,
                "{words}"
            );
            batch.reject(failure.clone());
        }
    }

    /// The destination refuses the request for what it itself is: no part of it would fare better.
    pub(super) fn refuse(&self, batches: Vec<Batch>, blame: &Blame) {
        tracing::error!(
            exporter = &*self.to.name,
            error = &*blame.message,
            "the destination refused a request for good"
        );
        self.refuses(blame);
        fail_all(batches, &blame.failure());
    }

    /// It may be the destination itself that is wrong: its node says so until something is taken again.
    fn refuses(&self, blame: &Blame) {
        self.to
            .health
            .degraded(format!("the destination refuses requests: {}", blame.message));
    }
}

pub(super) fn fail_all(batches: Vec<Batch>, failure: &Failure) {
    batches.into_iter().for_each(|batch| batch.fail(failure.clone()));
}

pub(super) fn panicked() -> Failure {
    Failure::permanent(Reason::Panicked, "the exporter panicked on this data")
}

pub(super) fn stopping() -> Failure {
    Failure::retryable(
        Reason::Shutdown,
        "the process stopped before the data could be delivered",
    )
}
