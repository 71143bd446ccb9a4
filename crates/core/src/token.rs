//! The delivery token: who is responsible for the data now, and what is the sender told?
//!
//! Each received request gets a token. The token goes with the batch, is shared by the branches of a fan-out and the
//! parts of a split, and is answered when the last of them is: delivered, in custody (a stage answers for the data from
//! now on), or failed. A token that is let go without an answer counts as a retryable failure: no sender waits for ever.

use forebay_telemetry::Reason;
use smallvec::SmallVec;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Whose fault a permanent failure is, as far as the destination says. It decides whether a smaller request may
/// succeed, and what the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The destination says that something in the data is wrong: `INVALID_ARGUMENT`, status 400 or 422. The same request
    /// without it would be taken.
    Content,
    /// The request is larger than the destination takes: `RESOURCE_EXHAUSTED` without a delay, status 413. Smaller ones would
    /// be taken.
    TooLarge,
    /// The destination does not know us, or does not offer the service. No other request would fare better.
    Destination,
    /// It does not say (`INTERNAL`, `UNKNOWN`, status 500): it may be broken, or have met data that it did not expect.
    Unclear,
}

impl Fault {
    /// Whether a part of the request may be taken where the whole was refused for what is in it.
    pub fn may_be_in_the_data(self) -> bool {
        matches!(self, Fault::Content | Fault::Unclear)
    }
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

/// What became of a request, once every branch and part of it is answered; or of one share in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The worst failure: a retryable one before a permanent one. Nothing if all went well.
    pub failure: Option<Failure>,
    /// Items that a destination took note of and rejected. The counts of parts add up, since they are different items; of
    /// branches, which are the same items, the largest counts.
    pub rejected_items: u64,
    /// What was said about the rejected items, by the share that had the most of them.
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

    /// The destination refused all `items` items of this share for what they are. If other parts of the request were
    /// delivered, its sender is told of a partial success; if none was, of this failure.
    pub fn rejected(items: u64, failure: Failure) -> Self {
        Verdict {
            rejected_items: items,
            rejected_message: Some(Arc::clone(&failure.message)),
            failure: Some(failure),
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(match self.failure.take() {
            Some(before) => {
                let after = before.after.max(failure.after);
                let worse = if failure.retryable && !before.retryable {
                    failure
                } else {
                    before
                };
                Failure { after, ..worse }
            }
            None => failure,
        });
    }
}

/// What the parts of one branch have come to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rejected: u64,
    /// Whether any part was taken, or was not meant to go on.
    taken: bool,
    /// Whether a part was refused whole for what it is.
    refused: bool,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.rejected += other.rejected;
        self.taken |= other.taken;
        self.refused |= other.refused;
    }

    /// Nothing of it was taken, and something was refused.
    fn is_refused(self) -> bool {
        self.refused && !self.taken
    }

    /// Two branches of the same items: what is missing at one destination is missing.
    fn branches(one: Tally, other: Tally) -> Tally {
        let refused = one.is_refused() || other.is_refused();
        Tally {
            rejected: one.rejected.max(other.rejected),
            taken: !refused && (one.taken || other.taken),
            refused: refused || one.refused || other.refused,
        }
    }
}

/// A fan-out in two: what its sides have come to, and on which side of an earlier one it stands.
#[derive(Clone, Copy, Debug)]
struct Fork {
    within: u32,
    sides: [Tally; 2],
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    verdict: Verdict,
    /// What was said by the share that was refused whole, should no other be taken.
    refusal: Option<Failure>,
    /// The most items that one share has reported as rejected.
    most: u64,
    /// What stands before any fan-out.
    trunk: Tally,
    forks: SmallVec<[Fork; 1]>,
    waker: Option<Waker>,
}

impl State {
    /// The tally with this number: 0 for the trunk, then two for each fork.
    fn tally(&mut self, number: u32) -> Option<&mut Tally> {
        let Some(index) = number.checked_sub(1) else {
            return Some(&mut self.trunk);
        };
        let fork = self.forks.get_mut(index as usize / 2)?;
        fork.sides.get_mut(index as usize % 2)
    }

    fn add(&mut self, place: u32, verdict: Verdict) {
        let Verdict {
            failure,
            rejected_items,
            rejected_message,
        } = verdict;
        let refused = rejected_items > 0 && failure.is_some();
        if let Some(tally) = self.tally(place) {
            tally.add(Tally {
                rejected: rejected_items,
                taken: failure.is_none(),
                refused,
            });
        }
        match failure {
            Some(failure) if refused => self.refusal = self.refusal.take().or(Some(failure)),
            Some(failure) => self.verdict.fail(failure),
            None => {}
        }
        // A message without rejected items is a warning: it goes on unless there is more to say.
        if rejected_items > self.most || self.verdict.rejected_message.is_none() {
            self.most = self.most.max(rejected_items);
            self.verdict.rejected_message = rejected_message;
        }
    }

    /// Sums up, once every share is answered.
    fn close(&mut self) {
        while let Some(Fork {
            within,
            sides: [one, other],
        }) = self.forks.pop()
        {
            // A fork stands within an earlier one, or in the trunk.
            if let Some(tally) = self.tally(within) {
                tally.add(Tally::branches(one, other));
            }
        }
        self.verdict.rejected_items = self.trunk.rejected;
        if self.trunk.is_refused()
            && let Some(refusal) = self.refusal.take()
        {
            self.verdict.fail(refusal);
        }
    }
}

/// One share in the answer to one request. See the module's words.
#[derive(Debug)]
pub struct DeliveryToken {
    state: Option<Arc<Mutex<State>>>,
    /// The tally that it answers to.
    place: u32,
}

impl DeliveryToken {
    /// A token, and the future of its answer.
    pub fn new() -> (DeliveryToken, Delivery) {
        let state = Arc::new(Mutex::new(State {
            open: 1,
            ..State::default()
        }));
        let token = DeliveryToken {
            state: Some(Arc::clone(&state)),
            place: 0,
        };
        (token, Delivery(state))
    }

    /// A token that nobody waits for: the sender has its answer already, and the process answers for the data.
    pub const fn detached() -> DeliveryToken {
        DeliveryToken {
            state: None,
            place: 0,
        }
    }

    /// Whether a sender still waits, and so still has the data.
    pub fn sender_waits(&self) -> bool {
        self.state.is_some()
    }

    /// A further share in the same answer, for a part of a split: other items of the same request.
    pub fn part(&self) -> DeliveryToken {
        if let Some(state) = &self.state {
            lock(state).open += 1;
        }
        DeliveryToken {
            state: self.state.clone(),
            place: self.place,
        }
    }

    /// A further share in the same answer, for a branch of a fan-out: the same items once more.
    pub fn branch(&mut self) -> DeliveryToken {
        let Some(state) = &self.state else {
            return DeliveryToken::detached();
        };
        let mut locked = lock(state);
        locked.open += 1;
        let first = 1 + 2 * u32::try_from(locked.forks.len()).unwrap_or(u32::MAX / 4);
        locked.forks.push(Fork {
            within: self.place,
            sides: Default::default(),
        });
        self.place = first;
        DeliveryToken {
            state: self.state.clone(),
            place: first + 1,
        }
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
        let Some(state) = self.state.take() else { return };
        let waker = {
            let mut state = lock(&state);
            state.add(self.place, verdict);
            state.open -= 1;
            if state.open == 0 {
                state.close();
                state.waker.take()
            } else {
                None
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for DeliveryToken {
    fn drop(&mut self) {
        if self.state.is_some() {
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
