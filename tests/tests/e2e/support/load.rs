//! Senders that send until they are told to stop, and remember what they were told.

use super::{Client, Export, PATIENCE, Reply};
use forebay_core::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// What requests look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Items in each.
    pub(crate) items: u64,
    /// Bytes of filling in each item.
    pub(crate) padding: usize,
    /// The signals that take turns.
    pub(crate) signals: &'static [Signal],
}

/// What became of all that was sent.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The items that were acknowledged.
    pub(crate) taken: Vec<(Signal, u64)>,
    /// Refusals.
    pub(crate) refusals: Vec<Reply>,
    /// Requests without an answer.
    pub(crate) broken: u64,
}

/// Senders at work.
pub(crate) struct Load {
    senders: JoinSet<Outcome>,
    shared: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    stop: AtomicBool,
    next: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Load {
    /// Starts one sender for each client. Every request has items of its own. A sender whose connection breaks ends.
    pub(crate) fn start(clients: impl IntoIterator<Item = Client>, shape: Shape) -> Load {
        let shared = Arc::new(Progress {
            next: AtomicU64::new(1),
            ..Progress::default()
        });
        let senders = clients
            .into_iter()
            .map(|client| send(client, shape, Arc::clone(&shared)))
            .collect();
        Load { senders, shared }
    }

    /// Requests that were acknowledged so far.
    pub(crate) fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Requests that were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many requests were acknowledged.
    pub(crate) async fn until_taken(&self, requests: u64) {
        let wait = async {
            while self.taken() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, wait).await.is_ok();
        assert!(
            in_time,
            "{} of {requests} requests acknowledged, {} refused",
            self.taken(),
            self.refused()
        );
    }

    /// Lets the senders send no more.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the answers that are due, after [`Load::stop`].
    pub(crate) async fn finish(self) -> Outcome {
        self.stop();
        let mut total = Outcome::default();
        for outcome in self.senders.join_all().await {
            total.taken.extend(outcome.taken);
            total.refusals.extend(outcome.refusals);
            total.broken += outcome.broken;
        }
        total
    }
}

async fn send(client: Client, shape: Shape, shared: Arc<Progress>) -> Outcome {
    let mut outcome = Outcome::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let first = shared.next.fetch_add(shape.items, Ordering::Relaxed);
        let numbers = first..first + shape.items;
        let turn = usize::try_from(first / shape.items).unwrap();
        let signal = shape.signals[turn % shape.signals.len()];
        match client
            .send(&Export::padded(signal, numbers.clone(), shape.padding))
            .await
        {
            Reply::Taken(_) => {
                shared.taken.fetch_add(1, Ordering::Relaxed);
                outcome.taken.extend(numbers.map(|number| (signal, number)));
            }
            Reply::Broken(_) => {
                outcome.broken += 1;
                return outcome;
            }
            refusal => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                outcome.refusals.push(refusal);
            }
        }
    }
    outcome
}
