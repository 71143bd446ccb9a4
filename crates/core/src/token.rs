//! The delivery token: who is responsible for the data now, and what is the sender told?
//!
//! Each received request gets a token. The token goes with the batch, is shared by the branches of a fan-out and the
//! parts of a split, and is answered when the last of them is: delivered, in custody (a stage answers for the data from
//! now on), or failed. A token that is let go without an answer counts as a retryable failure: no sender waits for ever.

use forebay_telemetry::Reason;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Whose fault a permanent failure is: the data's, its size's, or the destination's. It decides whether a smaller request may
/// succeed, and what the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The destination says that something in the data is wrong: `INVALID_ARGUMENT`, status 400 or 422. The same request
    /// without it would be taken.
    Content,
    /// The request is larger than the destination takes: `RESOURCE_EXHAUSTED` without a delay, status 413. Smaller ones would
    /// be taken.
    TooLarge,
    /// Everything else: the destination does not know us, does not offer the service, or is broken in a way that it calls
    /// final. No other request would fare better.
    Destination,
}

/// Why data could not be taken or delivered, and whether sending it again may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, as it is counted.
    pub reason: Reason,
    /// Whether the sender should send the data again.
    pub retryable: bool,
    /// How long the sender should wait first.
    pub after: Option<Duration>,
    /// The destination's own words, or ours: for people.
    pub message: Arc<str>,
    /// Whose fault a permanent failure is, where a destination has said so.
    pub fault: Option<Fault>,
}

impl Failure {
    /// A failure that sending again may cure.
    pub fn retryable(reason: Reason, message: impl Into<Arc<str>>) -> Self {
        Failure {
            reason,
            retryable: true,
            after: None,
            message: message.into(),
            fault: None,
        }
    }

    /// A failure that sending again cannot cure.
    pub fn permanent(reason: Reason, message: impl Into<Arc<str>>) -> Self {
        Failure {
            reason,
            retryable: false,
            after: None,
            message: message.into(),
            fault: None,
        }
    }

    /// The same failure, with whose fault it is.
    pub fn by(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The same failure with a delay to wait before the next try.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = Some(self.after.map_or(delay, |after| after.max(delay)));
        self
    }
}

/// What became of a request, once every branch and part of it is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The worst failure of any branch: a retryable one before a permanent one. Nothing if all went well.
    pub failure: Option<Failure>,
    /// Items that a destination took note of and rejected (OTLP partial success), the largest of any branch.
    pub rejected_items: u64,
    /// What the destination said about the rejected items.
    pub rejected_message: Option<Arc<str>>,
}

impl Verdict {
    /// All went well.
    pub fn delivered() -> Self {
        Verdict::default()
    }

    /// It failed.
    pub fn failed(failure: Failure) -> Self {
        Verdict {
            failure: Some(failure),
            ..Verdict::default()
        }
    }

    fn merge(&mut self, other: Verdict) {
        self.failure = match (self.failure.take(), other.failure) {
            (Some(a), Some(b)) => {
                let after = a.after.max(b.after);
                let worse = if b.retryable && !a.retryable { b } else { a };
                Some(Failure { after, ..worse })
            }
            (a, b) => a.or(b),
        };
        if other.rejected_items > self.rejected_items {
            self.rejected_items = other.rejected_items;
            self.rejected_message = other.rejected_message;
        }
    }
}

#[derive(Debug)]
struct State {
    open: usize,
    verdict: Verdict,
    waker: Option<Waker>,
}

/// One share in the answer to one request. See the module's words.
#[derive(Debug)]
pub struct DeliveryToken(Option<Arc<Mutex<State>>>);

impl DeliveryToken {
    /// A token, and the future of its answer.
    pub fn new() -> (DeliveryToken, Delivery) {
        let state = Arc::new(Mutex::new(State {
            open: 1,
            verdict: Verdict::default(),
            waker: None,
        }));
        (DeliveryToken(Some(Arc::clone(&state))), Delivery(state))
    }

    /// A token that nobody waits for: the sender has its answer already, and the process answers for the data.
    pub const fn detached() -> DeliveryToken {
        DeliveryToken(None)
    }

    /// Whether a sender still waits, and so still has the data.
    pub fn sender_waits(&self) -> bool {
        self.0.is_some()
    }

    /// A further share in the same answer: for a branch of a fan-out or a part of a split.
    pub fn share(&self) -> DeliveryToken {
        if let Some(state) = &self.0 {
            lock(state).open += 1;
        }
        DeliveryToken(self.0.clone())
    }

    /// Answers this share.
    pub fn resolve(mut self, verdict: Verdict) {
        self.answer(verdict);
    }

    /// Takes custody: the sender is told that all is well, and whoever holds the data answers for it from now on.
    pub fn take_custody(&mut self) {
        self.answer(Verdict::delivered());
    }

    fn answer(&mut self, verdict: Verdict) {
        let Some(state) = self.0.take() else { return };
        let waker = {
            let mut state = lock(&state);
            state.verdict.merge(verdict);
            state.open -= 1;
            if state.open == 0 { state.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for DeliveryToken {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.answer(Verdict::failed(Failure::retryable(
                Reason::Abandoned,
                "the data was let go on the way",
            )));
        }
    }
}

/// The future of a token's answer.
#[derive(Debug)]
pub struct Delivery(Arc<Mutex<State>>);

impl Future for Delivery {
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let mut state = lock(&self.0);
        if state.open == 0 {
            return Poll::Ready(std::mem::take(&mut state.verdict));
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
