//! Several destinations of one exporter: each with its queue, its senders, its circuit; what is for one that is gone or fails
//! goes to another.
//!
//! ```text
//! batch -> route -> places in all its queues, or it waits for them   admission.rs
//!          |        queue -> senders -> destination                  outlet.rs, delivery
//!          |                 destination left or failing: back to route, as single batches
//!          table of those that are well                              members.rs
//! ```
//!
//! The table has the members whose circuit is closed; all of them if none is. While there is no member at all, it has the
//! lobby: a destination that always fails, so that data waits, grows too old and is given up as it would before any other.
//! All queues have a share of the exporter's bound, and there is a common gate that holds it strictly.

mod admission;
mod members;
mod outlet;
mod report;

pub(crate) use admission::Parts;
pub(crate) use outlet::Outlet;

use crate::flow::PANICKED;
use crate::probation::Probation;
use admission::Part;
use forebay_core::balanced::{Balanced, Found, Member};
use forebay_core::component::NodeContext;
use forebay_core::settings::DeliverySettings;
use forebay_core::{Batch, ComponentError, Failure, Phase, Reason, Tasks};
use forebay_queue::{Entering, Gate, Limits, Place, Taken};
use forebay_telemetry::{Recorder, ResolutionMeter};
use members::State;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// The shortest time between two trials of a destination that fails.
const TRIAL_PAUSE: Duration = Duration::from_secs(1);

/// What a balancer is made of.
pub(crate) struct Makings {
    pub(crate) parts: Balanced,
    pub(crate) settings: DeliverySettings,
    pub(crate) limits: Limits,
    /// The node, with tasks that end after all data has gone.
    pub(crate) node: NodeContext,
    /// With which senders are started.
    pub(crate) senders: Tasks,
    pub(crate) panics: Arc<AtomicU64>,
}

/// The destinations of one exporter.
pub(crate) struct Balancer {
    to: Makings,
    /// Holds the exporter's bound over all queues.
    outer: Arc<Gate>,
    table: RwLock<Arc<Table>>,
    state: Mutex<State>,
    /// Of the router.
    probation: Probation,
    /// Whether nothing comes from outside any more.
    closed: AtomicBool,
    /// Whether nothing goes from one to another any more.
    over: watch::Sender<bool>,
    pub(crate) meter: BalancerMeter,
}

/// What is counted of it.
#[derive(Debug, Default)]
pub(crate) struct BalancerMeter {
    /// How often members joined or left.
    pub(crate) updates: AtomicU64,
    /// Items that went to another destination than they had been meant for.
    pub(crate) rerouted: AtomicU64,
    pub(crate) resolutions: Arc<ResolutionMeter>,
    pub(crate) end_to_end: Arc<Recorder>,
}

/// Who may be sent to.
#[derive(Default)]
struct Table {
    members: Vec<Member>,
    outlets: Vec<Arc<Outlet>>,
    /// Those that fail, while others do not.
    failing: Vec<Arc<Outlet>>,
}

impl Balancer {
    /// One that knows no member yet: what comes waits.
    pub(crate) fn new(to: Makings) -> Arc<Self> {
        let balancer = Arc::new(Balancer {
            outer: Gate::new(to.limits),
            probation: Probation::new(to.node.health.clone(), PANICKED),
            to,
            table: RwLock::default(),
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            over: watch::channel(false).0,
            meter: BalancerMeter::default(),
        });
        balancer.open_lobby();
        balancer
    }

    /// Finds the first members and follows their changes.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), ComponentError> {
        let (node, parts) = (&self.to.node, &self.to.parts);
        parts.connector.start(node)?;
        let meter = Arc::clone(&self.meter.resolutions);
        let (found, mut members) = Found::new(parts.resolver.most(), meter);
        parts.resolver.start(node, found)?;
        node.health.working();
        let first = members.borrow_and_update().clone();
        self.renew(&first);
        self.to.senders.spawn("members", Arc::clone(self).follow(members));
        Ok(())
    }

    async fn follow(self: Arc<Self>, mut members: watch::Receiver<Vec<Member>>) {
        let mut over = self.over.subscribe();
        loop {
            tokio::select! {
                changed = members.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                _ = over.wait_for(|over| *over) => return,
            }
            let next = members.borrow_and_update().clone();
            self.renew(&next);
        }
    }

    /// Names the destinations of a batch's parts.
    fn route(&self, batch: Batch) -> Parts {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        let now = self.to.node.clock.now();
        let due = table.failing.iter().filter(|outlet| outlet.is_due(now));
        let due: Vec<Arc<Outlet>> = due.cloned().collect();
        if due.is_empty() {
            return self.route_among(batch, &table.members, &table.outlets);
        }
        let members = table
            .members
            .iter()
            .chain(due.iter().map(|outlet| &outlet.member));
        let members: Vec<Member> = members.cloned().collect();
        let outlets: Vec<Arc<Outlet>> = table.outlets.iter().chain(&due).cloned().collect();
        let mut parts = self.route_among(batch, &members, &outlets);
        for part in &mut parts {
            if due.iter().any(|outlet| Arc::ptr_eq(outlet, &part.outlet)) {
                part.entering = Entering::Trial;
                part.outlet.tried(now.after(self.trial_pause()));
            }
        }
        parts
    }

    fn route_among(&self, batch: Batch, members: &[Member], outlets: &[Arc<Outlet>]) -> Parts {
        let part = |outlet: &Arc<Outlet>, batch| Part {
            outlet: Arc::clone(outlet),
            batch,
            entering: Entering::Asked,
        };
        if let [only] = outlets {
            return std::iter::once(part(only, batch)).collect();
        }
        let mut parts = Vec::with_capacity(outlets.len());
        let routing = AssertUnwindSafe(|| self.to.parts.router.route(batch, members, &mut parts));
        if catch_unwind(routing).is_ok() {
            self.probation.went_well();
        } else {
            self.to.panics.fetch_add(1, Ordering::Relaxed);
            self.probation.panicked();
        }
        let named = parts
            .into_iter()
            .filter_map(|(index, batch)| match outlets.get(index) {
                Some(outlet) => Some(part(outlet, batch)),
                None => {
                    let words = "a router named a member that is not there";
                    batch.fail(Failure::retryable(Reason::Abandoned, words));
                    None
                }
            });
        named.collect()
    }

    /// Routes once more what could not be delivered where it was meant for.
    fn again(&self, batch: Batch, place: Place) {
        self.meter.rerouted.fetch_add(batch.items(), Ordering::Relaxed);
        let mut todo = vec![(batch, place)];
        while let Some((batch, mut place)) = todo.pop() {
            if *self.over.borrow() || self.to.node.shutdown.phase() == Phase::Stopped {
                batch.fail(stopping());
                continue;
            }
            let mut parts = self.route(batch);
            take_custody(&mut parts);
            for part in parts {
                let outer = place.carve(part.batch.items(), part.batch.bytes());
                let back = part.outlet.edge.adopt(part.batch, outer, part.entering);
                todo.extend(back.and_then(in_common));
            }
        }
    }

    /// Routes once more what waits for an outlet now.
    async fn spread(self: Arc<Self>, outlet: Arc<Outlet>) {
        for _ in 0..outlet.edge.read().queued {
            let Some(taken) = outlet.edge.take_oldest() else {
                return;
            };
            if let Some((batch, place)) = in_common(taken) {
                self.again(batch, place);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes out what waits for an outlet that takes nothing any more.
    async fn clear(self: Arc<Self>, outlet: Arc<Outlet>) {
        while outlet.is_astray()
            && let Some(taken) = outlet.edge.take_oldest()
        {
            if let Some((batch, place)) = in_common(taken) {
                self.again(batch, place);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Nothing comes from outside any more: ready once all that is inside has gone, wherever to.
    pub(crate) async fn drained(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.outer.empty().await;
        self.over.send_replace(true);
        self.lock().close().for_each(|outlet| outlet.edge.close());
    }

    /// Fails all that waits.
    pub(crate) fn give_up(&self, failure: &Failure) {
        self.closed.store(true, Ordering::SeqCst);
        self.over.send_replace(true);
        for outlet in self.lock().close() {
            outlet.edge.close();
            outlet.edge.fail_all(failure);
        }
    }

    /// From now on nothing waits for company.
    pub(crate) fn hurry(&self) {
        self.lock().all().for_each(|outlet| outlet.edge.hurry());
    }

    /// The destinations that there are, those that have left and not yet ended included.
    pub(crate) fn outlets(&self) -> Vec<Arc<Outlet>> {
        self.lock().all().cloned().collect()
    }

    /// The members that are known.
    pub(crate) fn members(&self) -> Vec<Arc<Outlet>> {
        self.lock().members.clone()
    }

    /// The fixed word for how members are found.
    pub(crate) fn resolver(&self) -> &'static str {
        self.to.parts.resolver.kind()
    }

    /// A trial that was lost on the way is not waited for longer than this.
    fn trial_pause(&self) -> Duration {
        let settings = &self.to.settings;
        let longest = match settings.timeout {
            Duration::ZERO => settings.retry.max_interval.0,
            timeout => timeout,
        };
        longest.max(TRIAL_PAUSE)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that goes to several destinations cannot be answered as one: one of them may take long, or give up, when others
/// have delivered, and its sender would send all of it again. So the process answers for it from here on.
fn take_custody(parts: &mut Parts) {
    if parts.len() > 1 {
        parts.iter_mut().for_each(|part| part.batch.take_custody());
    }
}

/// A batch with its place in the common gate only.
fn in_common(taken: Taken) -> Option<(Batch, Place)> {
    let Taken { batch, mut place } = taken;
    let outer = place.leave()?;
    Some((batch, outer))
}

fn stopping() -> Failure {
    Failure::retryable(
        Reason::Shutdown,
        "the process stopped before the data could be delivered",
    )
}
