//! The circuit breaker of a destination, and the pause that it asked for. Knows no clock and no task: it is asked and told.

use super::backoff::{Backoff, jittered};
use super::meter::Circuit;
use forebay_core::Time;
use forebay_core::settings::{CircuitBreakerConfig, DELAY_MAX};
use std::time::Duration;

/// When a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Now.
    Now,
    /// Not before this moment.
    At(Time),
    /// Not before the probe that is under way has an answer.
    AfterProbe,
}

/// How a request stands that may have failed before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The bound of the wait after its next failure.
    pub(super) bound: Duration,
    /// When its wait is over.
    pub(super) ready: Time,
}

#[derive(Debug)]
pub(super) struct Breaker {
    backoff: Backoff,
    /// Opens after so many failures; nothing: never.
    threshold: Option<u64>,
    /// Failures since the last answer.
    failures: u64,
    circuit: Circuit,
    /// The bound of the wait after the next probe.
    bound: Duration,
    /// While it is open: when the next probe may go.
    next: Time,
    /// Until when the destination has asked for a pause.
    paused: Time,
    hastened: bool,
}

impl Breaker {
    pub(super) fn new(config: &CircuitBreakerConfig, backoff: Backoff) -> Self {
        Breaker {
            threshold: config.enabled.then_some(config.failures.0.max(1)),
            failures: 0,
            circuit: Circuit::Closed,
            bound: backoff.first(),
            backoff,
            next: Time::default(),
            paused: Time::default(),
            hastened: false,
        }
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.circuit
    }

    /// When a request that is `ready` then may go, as things stand.
    pub(super) fn may_leave(&self, ready: Time, now: Time) -> Leave {
        let at = match self.circuit {
            Circuit::Closed => self.paused.max(ready),
            Circuit::Open => self.paused.max(self.next),
            Circuit::Probing => return Leave::AfterProbe,
        };
        if at <= now { Leave::Now } else { Leave::At(at) }
    }

    /// The earliest moment at which a request that is `ready` then can go.
    pub(super) fn earliest(&self, ready: Time) -> Time {
        match self.circuit {
            Circuit::Closed => self.paused.max(ready),
            Circuit::Open | Circuit::Probing => self.paused.max(self.next),
        }
    }

    /// A request goes; whether it is the probe.
    pub(super) fn leaves(&mut self) -> bool {
        let probe = self.circuit == Circuit::Open;
        if probe {
            self.circuit = Circuit::Probing;
        }
        probe
    }

    /// The destination has answered, and is at work. One that fails right after the answer that closed the circuit was not:
    /// that opens it again.
    pub(super) fn answered(&mut self) {
        self.failures = match (self.circuit, self.threshold) {
            (Circuit::Open | Circuit::Probing, Some(most)) => most - 1,
            _ => 0,
        };
        self.circuit = Circuit::Closed;
        self.bound = self.backoff.first();
    }

    /// The request failed in a way that another attempt may cure. Says how it stands then.
    pub(super) fn failed(
        &mut self,
        probe: bool,
        standing: Standing,
        after: Option<Duration>,
        now: Time,
    ) -> Standing {
        if let Some(after) = after {
            self.paused = self.paused.max(now.after(after.min(DELAY_MAX)));
        }
        self.failures = self.failures.saturating_add(1);
        let mut bound = standing.bound;
        let open = self.circuit != Circuit::Closed && !probe;
        let opens =
            self.circuit == Circuit::Closed && self.threshold.is_some_and(|most| self.failures >= most);
        if probe {
            bound = bound.max(self.bound);
        }
        // While it is open, its wait is everybody's.
        let ready = if open { now } else { now.after(jittered(bound)) };
        bound = self.backoff.next(bound);
        if opens || probe {
            self.circuit = Circuit::Open;
            self.next = ready;
            self.bound = bound;
        }
        Standing { bound, ready }
    }

    /// The probe ended without an answer that says anything: another may go.
    pub(super) fn probe_lost(&mut self) {
        if self.circuit == Circuit::Probing {
            self.circuit = Circuit::Open;
        }
    }

    /// The process is about to end: the next probe goes now, and the waits begin anew. A pause that was asked for stays. It is
    /// the first to say so who is heard.
    pub(super) fn hasten(&mut self, now: Time) {
        if !std::mem::replace(&mut self.hastened, true) {
            self.next = self.next.min(now);
            self.bound = self.backoff.first();
        }
    }
}
