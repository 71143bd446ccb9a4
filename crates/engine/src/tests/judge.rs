//! A destination that decides by what is in a request.

use super::bench::{books, numbers_in, one_at_a_time, prepared, start_with};
use crate::running::Running;
use forebay_core::component::{ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::settings::DeliverySettings;
use forebay_core::{Clock, ComponentError, Fault, Reason};
use forebay_testkit::Feed;
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// What it says to a request with these numbers in so many bytes.
type Rule = dyn Fn(&[u64], usize) -> Result<Receipt, ExportError> + Send + Sync;

/// The numbers in each request, and whether it was taken.
type Seen = Vec<(Vec<u64>, bool)>;

/// The exporter. Clones are the same.
#[derive(Clone)]
pub(super) struct Judge {
    rule: Arc<Rule>,
    /// What was asked of it, and whether it took it.
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl Judge {
    pub(super) fn new(
        rule: impl Fn(&[u64], usize) -> Result<Receipt, ExportError> + Send + Sync + 'static,
    ) -> Self {
        Judge {
            rule: Arc::new(rule),
            seen: Arc::default(),
        }
    }

    /// One that blames whatever has one of `guilty` in it.
    pub(super) fn blaming(guilty: &[u64]) -> Self {
        let guilty: BTreeSet<u64> = guilty.iter().copied().collect();
        Judge::new(
            move |numbers, _| match numbers.iter().find(|number| guilty.contains(number)) {
                Some(number) => Err(blamed(&format!("item {number} is odd"))),
                None => Ok(Receipt::default()),
            },
        )
    }

    pub(super) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The numbers that it has taken, in order. Asserts that none came twice.
    pub(super) fn taken(&self) -> BTreeSet<u64> {
        let mut taken = BTreeSet::new();
        for (numbers, _) in self.seen.lock().unwrap().iter().filter(|(_, took)| *took) {
            for number in numbers {
                assert!(taken.insert(*number), "{number} came twice");
            }
        }
        taken
    }

    /// A graph with nothing but this behind its receiver.
    pub(super) async fn start(&self, settings: DeliverySettings, clock: Clock) -> (Running, Feed) {
        start_with(Vec::new(), vec![prepared(self.clone(), settings)], clock).await
    }

    /// The same with one request at a time and the machine's own clock.
    pub(super) async fn alone(&self) -> (Running, Feed) {
        self.start(one_at_a_time(), Clock::system()).await
    }
}

impl Exporter for Judge {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(async move {
            let bytes = request.payload.contiguous();
            let numbers = numbers_in(&bytes);
            assert_eq!(numbers.len() as u64, request.items);
            let judgement = (self.rule)(&numbers, bytes.len());
            self.seen.lock().unwrap().push((numbers, judgement.is_ok()));
            judgement
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

pub(super) fn permanent(fault: Fault, message: &str) -> ExportError {
    let message = message.into();
    ExportError::Permanent { message, fault }
}

pub(super) fn blamed(message: &str) -> ExportError {
    permanent(Fault::Content, message)
}

pub(super) fn too_large() -> ExportError {
    permanent(Fault::TooLarge, "too large")
}

/// Items that the only exporter's destination has taken, and those given back to their senders for this reason.
pub(super) fn outcome(running: &Running, reason: Reason) -> (u64, u64) {
    let books = books(running, "out0");
    (books.delivered, books.refused[reason as usize])
}
