//! Running: the graph at work, and how it is drained.

use crate::balancer::Balancer;
use crate::blueprint::{BoundsSum, EdgePlan, Role};
use crate::delivery::DeliveryMeter;
use crate::drained::Drained;
use crate::progress::Progress;
use crate::tasks::TaskSet;
use crate::worker::{Question, WorkerThread};
use forebay_core::component::{Exporter, ListenAddress, Processor};
use forebay_core::{
    Accounts, Clock, Failure, Health, Ledger, NodeId, Phase, Reason, Shutdown, ShutdownTrigger, SignalSet,
};
use forebay_queue::{Edge, Inbox};
use forebay_telemetry::{InstrumentSet, ReloadMeter, RequestMeter};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc};

/// How long tasks may take to end after the drain deadline has passed and they were told to let go.
const GRACE: Duration = Duration::from_secs(1);

/// A graph at work.
pub struct Running {
    /// The books.
    pub accounts: Accounts,
    /// The memory budget.
    pub ledger: Ledger,
    /// The clock that everything runs by.
    pub clock: Clock,
    /// How far the shutdown has come.
    pub shutdown: Shutdown,
    /// The nodes, by their ids.
    pub nodes: Vec<RunningNode>,
    /// The nodes in an order in which every edge goes forward.
    pub order: Vec<NodeId>,
    /// The edges of the graph.
    pub edges: Vec<EdgePlan>,
    /// What may be held.
    pub bounds: BoundsSum,
    pub(crate) trigger: ShutdownTrigger,
    pub(crate) workers: Vec<WorkerThread>,
    pub(crate) drained: OnceCell<Drained>,
    /// Whether memory ran short and has not recovered.
    pub(crate) exhausted: AtomicBool,
    pub(crate) intake_tasks: Arc<TaskSet>,
    pub(crate) delivery_tasks: Arc<TaskSet>,
    pub(crate) exporter_tasks: Arc<TaskSet>,
}

/// A node at work: what can be seen of it.
pub struct RunningNode {
    /// Its place in the books.
    pub id: NodeId,
    /// Its name.
    pub name: Arc<str>,
    /// Its role.
    pub role: Role,
    /// Its component's type.
    pub kind: &'static str,
    /// What flows through it.
    pub signals: SignalSet,
    /// Whether it works.
    pub health: Health,
    /// How often its code has panicked.
    pub panics: Arc<AtomicU64>,
    /// The files that it reads again when they change.
    pub reloads: Arc<ReloadMeter>,
    /// The addresses that it listens on.
    pub listens: Vec<ListenAddress>,
    /// A receiver's requests.
    pub requests: Option<Arc<RequestMeter>>,
    /// The inboxes of a processor's shards.
    pub inboxes: Vec<Arc<Inbox>>,
    /// The queue before an exporter.
    pub edge: Option<Arc<Edge>>,
    /// An exporter's attempts.
    pub delivery: Option<Arc<DeliveryMeter>>,
    /// What its component measures by itself.
    pub instruments: InstrumentSet,
    /// Where to ask a processor's workers what they know.
    pub(crate) questions: Vec<mpsc::Sender<Question>>,
    /// A processor that runs in line.
    pub(crate) inline: Option<Arc<dyn Processor>>,
    pub(crate) exporter: Option<Arc<dyn Exporter>>,
    /// The destinations of an exporter that has several.
    pub(crate) balancer: Option<Arc<Balancer>>,
    /// The turns of a processor's workers.
    pub(crate) progress: Vec<Arc<Progress>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.nodes.iter().map(|node| &node.name))
            .finish()
    }
}

impl Running {
    /// How many tasks the graph runs now.
    pub fn tasks(&self) -> usize {
        self.intake_tasks.running() + self.delivery_tasks.running() + self.exporter_tasks.running()
    }

    /// Says that the process is draining: receivers stop taking, readiness fails, and nothing waits for company any more:
    /// those that drain may be waiting for it to be delivered.
    pub fn begin_drain(&self) {
        self.trigger.advance(Phase::Draining);
        self.edges().for_each(Edge::hurry);
        self.balancers().for_each(Balancer::hurry);
    }

    /// Drains: nothing new is taken, what is held is delivered, everything ends. What is not delivered within `deadline` is
    /// given up and shows in the result. Who asks again gets the result of the first.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.drained
            .get_or_init(|| self.drain_once(deadline))
            .await
            .clone()
    }

    async fn drain_once(&self, deadline: Duration) -> Drained {
        let began = self.clock.now();
        self.begin_drain();
        let finished = tokio::select! {
            biased;
            () = self.drain_in_order() => true,
            () = self.clock.sleep(deadline) => false,
        };
        if !finished {
            self.give_up().await;
        }
        let left = deadline.saturating_sub(self.clock.now().since(began)).max(GRACE);
        tokio::select! {
            biased;
            () = self.close_exporters() => {}
            () = self.clock.sleep(left) => tracing::error!("an exporter could not be closed in time"),
        }
        self.exporter_tasks.abort();
        Drained::new(self, finished, self.clock.now().since(began))
    }

    fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.nodes.iter().filter_map(|node| node.edge.as_deref())
    }

    fn balancers(&self) -> impl Iterator<Item = &Balancer> {
        self.nodes.iter().filter_map(|node| node.balancer.as_deref())
    }

    /// From the receivers down: each stage ends once what comes before it has ended.
    async fn drain_in_order(&self) {
        self.intake_tasks.idle().await;
        for id in &self.order {
            let Some(node) = self.nodes.get(usize::from(id.0)) else {
                continue;
            };
            node.inboxes.iter().for_each(|inbox| inbox.close());
            for worker in self.workers.iter().filter(|worker| worker.node == *id) {
                worker.ended().await;
            }
        }
        self.edges().for_each(Edge::close);
        join_all(self.balancers().map(Balancer::drained)).await;
        self.delivery_tasks.idle().await;
    }

    /// The deadline has passed: what waits is booked as undelivered, what runs is told to let go.
    async fn give_up(&self) {
        self.trigger.advance(Phase::Stopped);
        let failure = Failure::retryable(Reason::Shutdown, "the drain deadline passed");
        for node in &self.nodes {
            node.inboxes.iter().for_each(|inbox| inbox.close());
            if let Some(edge) = &node.edge {
                edge.close();
                edge.fail_all(&failure);
            }
            if let Some(balancer) = &node.balancer {
                balancer.give_up(&failure);
            }
        }
        if !self.all_ended().await {
            self.delivery_tasks.abort();
            self.intake_tasks.abort();
            if !self.all_ended().await {
                tracing::error!("a component has not let go; what it holds is reported as held");
            }
        }
    }

    /// Waits until every task and worker has ended, but not for ever; whether all have.
    async fn all_ended(&self) -> bool {
        let ended = async {
            self.delivery_tasks.idle().await;
            self.intake_tasks.idle().await;
            for worker in &self.workers {
                worker.ended().await;
            }
        };
        tokio::select! {
            biased;
            () = ended => true,
            () = self.clock.sleep(GRACE) => false,
        }
    }

    async fn close_exporters(&self) {
        for outlet in self.balancers().flat_map(Balancer::outlets) {
            if let Err(error) = outlet.close().await {
                tracing::error!(backend = &*outlet.member.name, error = %error, "a backend could not be closed");
            }
        }
        for node in &self.nodes {
            let Some(exporter) = &node.exporter else { continue };
            let closed = AssertUnwindSafe(async { exporter.close().await }).catch_unwind();
            match closed.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(exporter = &*node.name, error = %error, "an exporter could not be closed");
                }
                Err(_) => {
                    node.panics.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(exporter = &*node.name, "an exporter panicked as it was closed");
                }
            }
        }
    }
}
