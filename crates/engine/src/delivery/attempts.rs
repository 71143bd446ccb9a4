//! Attempts with one request, until the destination has decided, the data is too old, or the process stops.

use super::parts::{bytes, items};
use super::settle::{Blame, fail_all, panicked, stopping};
use super::traffic::Pass;
use super::{Delivery, Elsewhere, Stray};
use forebay_core::component::{ExportError, Receipt, Request};
use forebay_core::{Batch, Failure, Payload, Phase, Reason, Signal, Time};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What became of a request.
pub(super) enum Sent {
    /// It was delivered or given up, and that is booked.
    Settled,
    /// The destination refused it for good; nothing is booked yet.
    Blamed(Vec<Batch>, Blame),
    /// It should go to another destination.
    Stray(Vec<Batch>),
}

/// What one attempt came to.
enum Attempt {
    Done(Receipt),
    Again {
        after: Option<Duration>,
        message: Arc<str>,
    },
    Never(Blame),
    Panicked,
    Stopped,
}

impl Delivery {
    /// Sends one request, as often as it takes.
    pub(super) async fn send(&self, mut batches: Vec<Batch>) -> Sent {
        let mut standing = self.traffic.fresh();
        while !batches.is_empty() {
            if self.stray() == Stray::Yes {
                return Sent::Stray(batches);
            }
            let pass = match self.traffic.try_enter(standing.ready) {
                Some(pass) => pass,
                None => match self.wait(&mut batches, standing.ready).await {
                    Some(pass) => pass,
                    None if batches.is_empty() => break,
                    None => return Sent::Stray(batches),
                },
            };
            let (after, message) = match self.attempt(&batches).await {
                Attempt::Done(receipt) => {
                    let size = bytes(&batches);
                    pass.answered(size);
                    self.sizes.taken(size);
                    self.succeed(batches, receipt);
                    self.heard();
                    break;
                }
                Attempt::Never(blame) => {
                    pass.answered(bytes(&batches));
                    self.heard();
                    return Sent::Blamed(batches, blame);
                }
                Attempt::Panicked => {
                    fail_all(batches, &panicked());
                    break;
                }
                Attempt::Stopped => {
                    fail_all(batches, &stopping());
                    break;
                }
                Attempt::Again { after, message } => (after, message),
            };
            standing = pass.failed(standing, after, &message);
            self.heard();
            if !self.to.settings.retry.enabled {
                let failure = Failure::retryable(Reason::Unavailable, message);
                fail_all(batches, &after.into_iter().fold(failure, Failure::after));
                break;
            }
            if self.stray() == Stray::Failed {
                return Sent::Stray(batches);
            }
        }
        Sent::Settled
    }

    /// Whether what waits here should go to another destination.
    fn stray(&self) -> Stray {
        let elsewhere = self.to.elsewhere.as_deref();
        elsewhere.map_or(Stray::No, Elsewhere::stray)
    }

    async fn strayed(&self) {
        match self.to.elsewhere.as_deref() {
            Some(elsewhere) => elsewhere.strayed().await,
            None => std::future::pending().await,
        }
    }

    /// Lets those who choose among several destinations know how this one does.
    fn heard(&self) {
        if let Some(elsewhere) = self.to.elsewhere.as_deref() {
            let (next, _) = self.traffic.earliest(Time::default());
            elsewhere.heard(next);
        }
    }

    /// Waits for leave to go. Nothing if all was given up meanwhile, or if what is left of the batches should go elsewhere.
    async fn wait(&self, batches: &mut Vec<Batch>, mut ready: Time) -> Option<Pass<'_>> {
        loop {
            if self.stray() >= Stray::ButForTrials {
                return None;
            }
            let (earliest, message) = self.traffic.earliest(ready);
            let now = self.to.clock.now();
            let wait = earliest.since(now);
            if !self.to.settings.retry.enabled && wait > Duration::ZERO {
                let failure = Failure::retryable(Reason::Unavailable, message).after(wait);
                fail_all(std::mem::take(batches), &failure);
                return None;
            }
            *batches = self.expire(std::mem::take(batches), earliest.max(now), &message);
            if batches.is_empty() {
                return None;
            }
            let running = self.to.shutdown.phase() == Phase::Running;
            tokio::select! {
                biased;
                () = self.to.shutdown.stopped() => {
                    fail_all(std::mem::take(batches), &stopping());
                    return None;
                }
                () = self.strayed() => return None,
                pass = self.traffic.enter(ready) => return Some(pass),
                () = self.oldest_expires(batches) => {}
                () = self.to.shutdown.draining(), if running => {
                    self.traffic.hasten();
                    ready = self.to.clock.now();
                }
            }
        }
    }

    async fn attempt(&self, batches: &[Batch]) -> Attempt {
        let request = together(batches);
        let began = self.to.clock.now();
        // In a future of its own, so that a panic before the exporter's future is made is caught too.
        let export = AssertUnwindSafe(async { self.to.exporter.export(&request).await }).catch_unwind();
        let timeout = async {
            match self.to.settings.timeout {
                Duration::ZERO => std::future::pending().await,
                timeout => self.to.clock.sleep(timeout).await,
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = export => outcome,
            () = timeout => Ok(Err(ExportError::Retryable { after: None, message: "the attempt timed out".into() })),
            () = self.to.shutdown.stopped() => return Attempt::Stopped,
        };
        self.to.meter.attempt.record(self.to.clock.now().since(began));
        match outcome {
            Ok(Ok(receipt)) => Attempt::Done(receipt),
            Ok(Err(error)) => self.failed(error),
            Err(_) => {
                self.panicked();
                Attempt::Panicked
            }
        }
    }

    fn failed(&self, error: ExportError) -> Attempt {
        match error {
            ExportError::Retryable { after, message } => {
                self.to.meter.retryable.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    exporter = &*self.to.name,
                    error = &*message,
                    "an attempt failed and will be repeated"
                );
                Attempt::Again { after, message }
            }
            ExportError::Permanent { message, fault } => {
                self.to.meter.permanent.fetch_add(1, Ordering::Relaxed);
                Attempt::Never(Blame { fault, message })
            }
        }
    }

    /// Gives up what will be too old at `then`.
    fn expire(&self, batches: Vec<Batch>, then: Time, message: &Arc<str>) -> Vec<Batch> {
        let max_age = self.to.settings.retry.max_age.0;
        let too_old = |batch: &Batch| max_age > Duration::ZERO && then.since(batch.received_at()) > max_age;
        if !batches.iter().any(too_old) {
            return batches;
        }
        let (old, young): (Vec<_>, Vec<_>) = batches.into_iter().partition(too_old);
        let age = forebay_core::settings::Period(max_age);
        let words = format!("given up after {age}: {message}");
        fail_all(old, &Failure::retryable(Reason::Expired, words));
        young
    }

    /// Ready once the oldest of the batches is too old.
    async fn oldest_expires(&self, batches: &[Batch]) {
        let max_age = self.to.settings.retry.max_age.0;
        match batches.iter().map(Batch::received_at).min() {
            Some(oldest) if max_age > Duration::ZERO => {
                let too_old = oldest.after(max_age).after(Duration::from_millis(1));
                self.to.clock.sleep_until(too_old).await;
            }
            _ => std::future::pending().await,
        }
    }
}

/// The batches as one request, without copying.
fn together(batches: &[Batch]) -> Request {
    let mut payload = Payload::new();
    batches.iter().for_each(|batch| payload.append(batch.payload()));
    Request {
        signal: batches.first().map_or(Signal::Traces, Batch::signal),
        payload,
        items: items(batches),
    }
}
