//! The way to one destination, shared by all its senders: who may go when, and how many at once.

use super::Destination;
use super::backoff::Backoff;
use super::breaker::{Breaker, Leave, Standing};
use super::concurrency::Limit;
use super::meter::{Circuit, DeliveryMeter};
use forebay_core::{Clock, Health, Time};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The way to one destination.
#[derive(Debug)]
pub(super) struct Traffic {
    name: Arc<str>,
    clock: Clock,
    health: Health,
    meter: Arc<DeliveryMeter>,
    backoff: Backoff,
    state: Mutex<State>,
    /// Somebody who waits may go now, or has to wait for something else.
    changed: Notify,
    /// How many senders may take something new. All, once the edge has nothing more to give.
    seats: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    limit: Limit,
    under_way: usize,
    /// Whether somebody waits for `changed`.
    waited_for: bool,
    /// What the destination said when it failed last.
    message: Arc<str>,
}

/// Leave for one attempt. It ends by what the attempt came to, or says nothing of the destination if it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    traffic: &'a Traffic,
    probe: bool,
    pub(super) began: Time,
    open: bool,
}

enum Look<'a> {
    Go(Pass<'a>),
    Sleep(Time),
    Wait,
}

impl Traffic {
    pub(super) fn new(to: &Destination) -> Self {
        let settings = &to.settings;
        let (backoff, limit) = (Backoff::new(&settings.retry), Limit::new(settings));
        let shown = &to.meter.in_flight_limit;
        shown.store(limit.read() as u64, Ordering::Relaxed);
        Traffic {
            name: Arc::clone(&to.name),
            clock: to.clock.clone(),
            health: to.health.clone(),
            meter: Arc::clone(&to.meter),
            seats: watch::channel(limit.read()).0,
            changed: Notify::new(),
            state: Mutex::new(State {
                breaker: Breaker::new(&settings.circuit_breaker, backoff.clone()),
                limit,
                under_way: 0,
                waited_for: false,
                message: Arc::from(""),
            }),
            backoff,
        }
    }

    /// How a request stands that has not failed.
    pub(super) fn fresh(&self) -> Standing {
        Standing {
            bound: self.backoff.first(),
            ready: Time::default(),
        }
    }

    /// Leave to go at once, if there is one.
    pub(super) fn try_enter(&self, ready: Time) -> Option<Pass<'_>> {
        match self.look(ready) {
            Look::Go(pass) => Some(pass),
            Look::Sleep(_) | Look::Wait => None,
        }
    }

    /// Leave to go, once there is one for a request that is `ready` then.
    pub(super) async fn enter(&self, ready: Time) -> Pass<'_> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.look(ready) {
                Look::Go(pass) => return pass,
                Look::Wait => changed.await,
                Look::Sleep(until) => {
                    tokio::select! {
                        () = changed => {}
                        () = self.clock.sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn look(&self, ready: Time) -> Look<'_> {
        let now = self.clock.now();
        let mut state = self.lock();
        let leave = state.breaker.may_leave(ready, now);
        // A probe needs no room: what was under way when the circuit opened may never be answered.
        let probes = state.breaker.circuit() == Circuit::Open;
        let room = probes || state.under_way < state.limit.read();
        match leave {
            Leave::Now if room => {}
            Leave::At(at) => {
                state.waited_for = true;
                return Look::Sleep(at);
            }
            Leave::Now | Leave::AfterProbe => {
                state.waited_for = true;
                return Look::Wait;
            }
        }
        let probe = state.breaker.leaves();
        state.under_way += 1;
        if probe {
            self.show(&state);
        }
        Look::Go(Pass {
            traffic: self,
            probe,
            began: now,
            open: true,
        })
    }

    /// When a request that is `ready` then can go at the earliest, and why it has to wait so long.
    pub(super) fn earliest(&self, ready: Time) -> (Time, Arc<str>) {
        let state = self.lock();
        (state.breaker.earliest(ready), Arc::clone(&state.message))
    }

    /// The process is about to end: what waits for a probe sends one now.
    pub(super) fn hasten(&self) {
        let now = self.clock.now();
        self.lock().breaker.hasten(now);
        self.changed.notify_waiters();
    }

    /// Ready once the sender with this number may take something new.
    pub(super) async fn seated(&self, number: usize) {
        if number < *self.seats.borrow() {
            return;
        }
        self.seats_until(|seats| number < seats).await;
    }

    /// Ready once it may not.
    pub(super) async fn unseated(&self, number: usize) {
        self.seats_until(|seats| number >= seats).await;
    }

    async fn seats_until(&self, wanted: impl Fn(usize) -> bool) {
        let mut seats = self.seats.subscribe();
        // The sender lives as long as this.
        let _ = seats.wait_for(|seats| wanted(*seats)).await;
    }

    /// There is nothing more to take: every sender may see that.
    pub(super) fn close(&self) {
        self.seats.send_replace(usize::MAX);
    }

    /// Changes the state, and tells whoever this concerns.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let (before, after, wake) = {
            let mut state = self.lock();
            let before = state.breaker.circuit();
            change(&mut state);
            self.show(&state);
            let wake = std::mem::take(&mut state.waited_for);
            (before, state.breaker.circuit(), wake)
        };
        if wake {
            self.changed.notify_waiters();
        }
        match (before, after) {
            (Circuit::Closed, Circuit::Open) => {
                self.meter.opened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(exporter = &*self.name, "the circuit has opened");
            }
            (Circuit::Open | Circuit::Probing, Circuit::Closed) => {
                tracing::info!(exporter = &*self.name, "the circuit has closed");
            }
            _ => {}
        }
    }

    /// Shows the state outside. Under its lock, so that what is shown last is what it came to last.
    fn show(&self, state: &State) {
        self.meter.set_circuit(state.breaker.circuit());
        let limit = state.limit.read();
        self.seats.send_if_modified(|seats| {
            let changes = *seats != limit && *seats != usize::MAX;
            if changes {
                *seats = limit;
                self.meter.in_flight_limit.store(limit as u64, Ordering::Relaxed);
            }
            changes
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The destination has answered a request of `bytes` bytes.
    pub(super) fn answered(mut self, bytes: u64) {
        self.open = false;
        let (traffic, began, now) = (self.traffic, self.began, self.traffic.clock.now());
        traffic.change(|state| {
            state.under_way -= 1;
            state.breaker.answered();
            state.limit.answered(began, now, bytes);
        });
    }

    /// It failed in a way that another attempt may cure. Says how the request stands then.
    pub(super) fn failed(
        mut self,
        standing: Standing,
        after: Option<Duration>,
        message: &Arc<str>,
    ) -> Standing {
        self.open = false;
        let (traffic, probe, began, now) = (self.traffic, self.probe, self.began, self.traffic.clock.now());
        let mut then = standing;
        traffic.change(|state| {
            state.under_way -= 1;
            state.limit.failed(began, now);
            state.message = Arc::clone(message);
            then = state.breaker.failed(probe, standing, after, now);
        });
        traffic.health.degraded(match traffic.meter.circuit() {
            Circuit::Closed => Arc::clone(message),
            Circuit::Open | Circuit::Probing => format!("the circuit is open: {message}").into(),
        });
        then
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.open {
            let probe = self.probe;
            self.traffic.change(|state| {
                state.under_way -= 1;
                if probe {
                    state.breaker.probe_lost();
                }
            });
        }
    }
}
