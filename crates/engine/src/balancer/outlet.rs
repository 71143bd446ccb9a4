//! One destination out of several: its queue, its senders, and whether what is for it should go elsewhere.

use super::{Balancer, BalancerMeter};
use crate::delivery::{Circuit, Delivery, DeliveryMeter, Destination, Elsewhere, Stray};
use forebay_core::balanced::Member;
use forebay_core::component::{ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::{Batch, ComponentError, Condition, Health, Time};
use forebay_queue::{Edge, Place};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One destination out of several.
pub(crate) struct Outlet {
    /// No two of a balancer have the same, also of those that came back.
    pub(super) number: u64,
    pub(crate) member: Member,
    pub(crate) edge: Arc<Edge>,
    pub(crate) meter: Arc<DeliveryMeter>,
    pub(crate) health: Health,
    exporter: Arc<dyn Exporter>,
    stray: watch::Sender<Stray>,
    /// When it may be tried next, if it fails.
    next: Mutex<Time>,
    /// Whether its circuit is not closed. Changed under the lock of the balancer's state.
    failing: AtomicBool,
    /// Whether it was degraded when somebody looked last.
    ill: AtomicBool,
    /// Senders that have not ended.
    senders: AtomicUsize,
}

impl Outlet {
    /// A destination that nothing is sent to yet.
    pub(super) fn new(
        number: u64,
        member: Member,
        exporter: Arc<dyn Exporter>,
        edge: Edge,
        meter: &BalancerMeter,
    ) -> Arc<Self> {
        Arc::new(Outlet {
            number,
            member,
            edge: Arc::new(edge),
            meter: Arc::new(DeliveryMeter::recording_in(&meter.end_to_end)),
            health: Health::default(),
            exporter,
            stray: watch::channel(Stray::No).0,
            next: Mutex::default(),
            failing: AtomicBool::new(false),
            ill: AtomicBool::new(false),
            senders: AtomicUsize::new(0),
        })
    }

    /// Starts its exporter, on the node with a health of its own.
    pub(super) fn start(&self, node: &NodeContext) -> Result<(), ComponentError> {
        let node = NodeContext {
            health: self.health.clone(),
            ..node.clone()
        };
        self.exporter.start(&node)?;
        self.health.working();
        Ok(())
    }

    /// Starts its senders. The last one that ends closes it.
    pub(super) fn send(self: &Arc<Self>, balancer: &Arc<Balancer>) {
        let to = &balancer.to;
        let delivery = Arc::new(Delivery::from(Destination {
            name: format!("{} ({})", to.node.name, self.member.name).into(),
            edge: Arc::clone(&self.edge),
            exporter: Arc::clone(&self.exporter),
            settings: to.settings.clone(),
            clock: to.node.clock.clone(),
            shutdown: to.node.shutdown.clone(),
            health: self.health.clone(),
            meter: Arc::clone(&self.meter),
            panics: Arc::clone(&to.panics),
            elsewhere: Some(Arc::new(Relay {
                balancer: Arc::clone(balancer),
                outlet: Arc::clone(self),
            })),
        }));
        let senders = to.settings.max_in_flight.max(1);
        self.senders.store(senders, Ordering::Release);
        for number in 0..senders {
            let (delivery, balancer, outlet) =
                (Arc::clone(&delivery), Arc::clone(balancer), Arc::clone(self));
            to.senders.spawn("sender", async move {
                delivery.send_all(number).await;
                if outlet.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
                    balancer.ended(&outlet).await;
                }
            });
        }
    }

    /// Lets go of what the exporter holds. Says what went wrong.
    pub(crate) async fn close(&self) -> Result<(), ComponentError> {
        let closed = AssertUnwindSafe(async { self.exporter.close().await }).catch_unwind();
        closed
            .await
            .unwrap_or_else(|_| Err(ComponentError::new("it panicked")))
    }

    /// What is for it should go elsewhere, or should not. Whether that is new.
    pub(super) fn set_stray(&self, stray: Stray) -> bool {
        self.stray.send_if_modified(|before| {
            let differs = *before != stray;
            *before = stray;
            differs
        })
    }

    pub(super) fn is_astray(&self) -> bool {
        *self.stray.borrow() >= Stray::ButForTrials
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Takes over what its circuit says. Whether that is new.
    pub(super) fn look(&self) -> bool {
        let failing = self.meter.circuit() != Circuit::Closed;
        self.failing.swap(failing, Ordering::Relaxed) != failing
    }

    /// Whether its health has become better or worse since this was asked last.
    pub(super) fn feels_different(&self) -> bool {
        let ill = self.condition() != Condition::Working;
        self.ill.swap(ill, Ordering::Relaxed) != ill
    }

    /// Whether it may be tried again.
    pub(super) fn is_due(&self, now: Time) -> bool {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) <= now
    }

    /// It is being tried; not again before `next`, unless the trial ends earlier.
    pub(super) fn tried(&self, next: Time) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// How it does.
    pub(crate) fn condition(&self) -> Condition {
        self.health.condition()
    }
}

/// The balancer, as one of its destinations sees it.
struct Relay {
    balancer: Arc<Balancer>,
    outlet: Arc<Outlet>,
}

impl Elsewhere for Relay {
    fn stray(&self) -> Stray {
        *self.outlet.stray.borrow()
    }

    fn strayed(&self) -> BoxFuture<'_, ()> {
        let mut stray = self.outlet.stray.subscribe();
        Box::pin(async move {
            let mut least = Stray::ButForTrials;
            // The sender lives as long as the outlet.
            while *stray.borrow_and_update() < least && stray.changed().await.is_ok() {
                least = Stray::Failed;
            }
        })
    }

    fn heard(&self, next: Time) {
        self.balancer.heard(&self.outlet, next);
    }

    fn take(&self, batch: Batch, place: Place) {
        self.balancer.again(batch, place);
    }
}

/// Where data waits while no destination is known.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Exporter for Nowhere {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        let message = "no backend is known".into();
        Box::pin(std::future::ready(Err(ExportError::Retryable {
            after: None,
            message,
        })))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
