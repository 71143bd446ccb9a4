//! From built to running: sockets opened, edges laid, tasks and workers started.

use crate::balancer::{Balancer, Makings};
use crate::blueprint::{EdgePlan, QueuePlan, inbox_default};
use crate::built::{Built, BuiltComponent, BuiltNode};
use crate::delivery::{Delivery, DeliveryMeter, Destination};
use crate::flow::{Flow, FlowNode, PANICKED, Source, Step, Targets};
use crate::probation::Probation;
use crate::progress::Progress;
use crate::running::{Running, RunningNode};
use crate::tasks::TaskSet;
use crate::worker::{QUESTIONS, Worker, WorkerThread};
use forebay_core::balanced::{Balanced, BuiltExporter};
use forebay_core::component::{
    BuiltProcessor, Exporter, ListenAddress, NodeContext, Processor, ProcessorContext, Receiver,
    ReceiverContext, StatefulProcessor,
};
use forebay_core::settings::{DeliverySettings, OnFull};
use forebay_core::{
    Accounts, Clock, ComponentError, Handover, Health, Ledger, NodeId, Port, Shutdown, ShutdownTrigger,
    SignalSet,
};
use forebay_queue::{Edge, Inbox, Limits};
use forebay_telemetry::InstrumentSet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, mpsc, watch};

/// Batches that wait before a shard, whatever their size.
const INBOX_BATCHES: u64 = 1024;
/// Items that wait before a shard, if the config says nothing.
const INBOX_ITEMS: u64 = 100_000;
/// Batches in an exporter's queue, whatever their size.
const QUEUE_BATCHES: u64 = 65_536;

/// A node that cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{node}` cannot start: {error}")]
pub struct StartError {
    /// Its name.
    pub node: Arc<str>,
    /// Why.
    pub error: ComponentError,
}

/// The parts of a node that start, after the flow that they send into exists.
enum Start {
    Receiver(Box<dyn Receiver>),
    Inline(Arc<dyn Processor>),
    Workers(Vec<(Box<dyn StatefulProcessor>, Arc<Inbox>)>),
    Exporter(Arc<dyn Exporter>, Box<DeliverySettings>, Arc<Edge>),
    Balancer(Arc<Balancer>),
}

/// What processors of a graph hand over, by their names and types.
type Handovers = BTreeMap<(Arc<str>, &'static str), Handover>;

struct Starter {
    accounts: Accounts,
    ledger: Ledger,
    clock: Clock,
    shutdown: Shutdown,
    intake_tasks: Arc<TaskSet>,
    delivery_tasks: Arc<TaskSet>,
    exporter_tasks: Arc<TaskSet>,
    handovers: Handovers,
    /// Of all nodes, by their ids.
    names: Arc<[Arc<str>]>,
    /// Closed once all processors know what they have to.
    opened: watch::Receiver<()>,
}

impl Built {
    /// Opens the sockets, lays the edges and starts everything. Needs a tokio runtime. If one node cannot start, nothing
    /// keeps running.
    pub fn start(self, clock: Clock) -> Result<Running, StartError> {
        self.start_with(clock, Handovers::new())
    }

    /// Starts it in the place of `previous`, a graph of an earlier config that still runs: what its processors in line have learned and
    /// hand over goes to those of the same name and type here. It runs by the same clock, so that moments which they have noted keep their
    /// meaning. What becomes of `previous` is the caller's affair: it is to be drained once
    /// this one takes its data in.
    pub fn start_in_place_of(self, previous: &Running) -> Result<Running, StartError> {
        self.start_with(previous.clock.clone(), previous.handovers())
    }

    fn start_with(self, clock: Clock, handovers: Handovers) -> Result<Running, StartError> {
        let runtime = Handle::current();
        let (trigger, shutdown) = ShutdownTrigger::new();
        let (hold, opened) = watch::channel(());
        let starter = Starter {
            accounts: Accounts::new(self.nodes.len()),
            ledger: Ledger::with_clock(self.bounds.budget, self.bounds.reserved_bytes(), clock.clone()),
            clock,
            shutdown,
            intake_tasks: TaskSet::new(runtime.clone()),
            delivery_tasks: TaskSet::new(runtime.clone()),
            exporter_tasks: TaskSet::new(runtime.clone()),
            handovers,
            names: self.nodes.iter().map(|node| Arc::clone(&node.name)).collect(),
            opened,
        };
        let (mut flow, mut running, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for (index, node) in self.nodes.into_iter().enumerate() {
            let id = NodeId(u16::try_from(index).unwrap_or(u16::MAX));
            let (in_flow, node, start) = starter.lay(id, node, &self.edges)?;
            flow.push(in_flow);
            running.push(node);
            starts.push(start);
        }
        let flow = Arc::new(Flow { nodes: flow.into() });
        let mut workers = Vec::new();
        for (node, start) in running.iter_mut().zip(starts) {
            let memory = self.bounds.reserved_by(node.id);
            match starter.start(node, start, memory, &flow) {
                Ok(started) => workers.extend(started),
                Err(error) => {
                    starter.abandon(&running);
                    return Err(error);
                }
            }
        }
        starter.open_when_ready(&running, hold);
        let Starter {
            accounts,
            ledger,
            clock,
            shutdown,
            intake_tasks,
            delivery_tasks,
            exporter_tasks,
            ..
        } = starter;
        let (nodes, order, bounds) = (running, self.order, self.bounds);
        Ok(Running {
            accounts,
            ledger,
            clock,
            shutdown,
            trigger,
            nodes,
            order,
            bounds,
            edges: self.edges,
            workers,
            drained: OnceCell::new(),
            exhausted: AtomicBool::new(false),
            intake_tasks,
            delivery_tasks,
            exporter_tasks,
        })
    }
}

impl Running {
    /// What the processors in line hand over.
    fn handovers(&self) -> Handovers {
        let inline = self
            .nodes
            .iter()
            .filter_map(|node| Some((node, node.inline.as_ref()?)));
        inline
            .filter_map(|(node, processor)| {
                Some(((Arc::clone(&node.name), node.kind), processor.hand_over()?))
            })
            .collect()
    }
}

/// A node that has nothing of what its role needs yet.
fn laid(id: NodeId, node: &BuiltNode) -> RunningNode {
    RunningNode {
        id,
        name: Arc::clone(&node.name),
        role: node.role,
        kind: node.kind,
        signals: node.signals,
        health: Health::default(),
        panics: Arc::default(),
        reloads: Arc::default(),
        instruments: InstrumentSet::default(),
        questions: Vec::new(),
        listens: Vec::new(),
        requests: None,
        inboxes: Vec::new(),
        edge: None,
        delivery: None,
        balancer: None,
        exporter: None,
        inline: None,
        progress: Vec::new(),
    }
}

impl Starter {
    /// Lays a node's queues and opens its sockets.
    fn lay(
        &self,
        id: NodeId,
        node: BuiltNode,
        edges: &[EdgePlan],
    ) -> Result<(FlowNode, RunningNode, Start), StartError> {
        let mut running = laid(id, &node);
        let (health, panics) = (running.health.clone(), Arc::clone(&running.panics));
        let (step, start) = match node.component {
            BuiltComponent::Receiver(mut receiver) => {
                running.listens = bind(receiver.as_mut(), &running.name)?;
                (Step::Source, Start::Receiver(receiver))
            }
            BuiltComponent::Processor(BuiltProcessor::Stateless(processor)) => {
                running.inline = Some(Arc::clone(&processor));
                (Step::Inline(Arc::clone(&processor)), Start::Inline(processor))
            }
            BuiltComponent::Processor(BuiltProcessor::Stateful { shards, partition }) => {
                let plan = edges
                    .iter()
                    .filter(|edge| edge.to == id)
                    .fold(QueuePlan::default(), |plan, edge| plan.and(edge.queue));
                let waited = Arc::default();
                running.inboxes = shards
                    .iter()
                    .map(|_| Arc::new(self.inbox(plan, shards.len()).recording_in(&waited)))
                    .collect();
                let workers = shards.into_iter().zip(running.inboxes.iter().cloned()).collect();
                (
                    Step::Shards(running.inboxes.clone().into(), partition),
                    Start::Workers(workers),
                )
            }
            BuiltComponent::Exporter(BuiltExporter::Balanced(parts), settings) => {
                let balancer = self.balancer(&running, parts, *settings);
                running.balancer = Some(Arc::clone(&balancer));
                (Step::Spread(Arc::clone(&balancer)), Start::Balancer(balancer))
            }
            BuiltComponent::Exporter(BuiltExporter::Single(exporter), settings) => {
                let (exporter, edge): (Arc<dyn Exporter>, _) =
                    (exporter.into(), Arc::new(self.edge(&settings)));
                running.edge = Some(Arc::clone(&edge));
                running.exporter = Some(Arc::clone(&exporter));
                (
                    Step::Exit(Arc::clone(&edge)),
                    Start::Exporter(exporter, settings, edge),
                )
            }
        };
        Ok((
            FlowNode {
                step,
                routes: routes(id, edges),
                probation: Probation::new(health.clone(), PANICKED),
                health,
                panics,
            },
            running,
            start,
        ))
    }

    fn inbox(&self, plan: QueuePlan, shards: usize) -> Inbox {
        let shards = shards.max(1) as u64;
        let bytes = plan
            .max_bytes
            .unwrap_or(inbox_default(self.ledger.read().leasable));
        let limits = Limits {
            items: (plan.max_items.unwrap_or(INBOX_ITEMS * shards) / shards).max(1),
            bytes: (bytes / shards).max(1),
            batches: INBOX_BATCHES,
        };
        Inbox::new(limits, plan.on_full.unwrap_or(OnFull::Wait), self.clock.clone())
    }

    fn edge(&self, settings: &DeliverySettings) -> Edge {
        Edge::new(limits(settings), settings.queue.on_full, self.clock.clone())
    }

    fn balancer(&self, node: &RunningNode, parts: Balanced, settings: DeliverySettings) -> Arc<Balancer> {
        Balancer::new(Makings {
            parts,
            limits: limits(&settings),
            settings,
            node: self.context(node, &self.exporter_tasks),
            senders: self.context(node, &self.delivery_tasks).tasks,
            panics: Arc::clone(&node.panics),
        })
    }

    fn context(&self, node: &RunningNode, tasks: &Arc<TaskSet>) -> NodeContext {
        NodeContext {
            node: node.id,
            name: Arc::clone(&node.name),
            clock: self.clock.clone(),
            tasks: tasks.for_node(
                Arc::clone(&node.name),
                node.health.clone(),
                Arc::clone(&node.panics),
            ),
            ledger: self.ledger.clone(),
            shutdown: self.shutdown.clone(),
            health: node.health.clone(),
            reloads: Arc::clone(&node.reloads),
            instruments: node.instruments.clone(),
        }
    }

    /// Of a processor that may keep `memory` bytes for itself.
    fn processor_context(&self, node: &RunningNode, memory: u64, flow: &Flow) -> ProcessorContext {
        ProcessorContext {
            node: self.context(node, &self.delivery_tasks),
            taken: flow.taken(node.id),
            names: Arc::clone(&self.names),
            shard: 0,
            memory,
            predecessor: self.handovers.get(&(Arc::clone(&node.name), node.kind)).cloned(),
        }
    }

    /// Starts a node; gives the worker threads that it started.
    fn start(
        &self,
        node: &mut RunningNode,
        start: Start,
        memory: u64,
        flow: &Arc<Flow>,
    ) -> Result<Vec<WorkerThread>, StartError> {
        let mut workers = Vec::new();
        match start {
            Start::Receiver(receiver) => self.receiver(node, receiver, flow),
            Start::Inline(processor) => {
                let started = processor.start(&self.processor_context(node, memory, flow));
                started.map_err(|error| cannot_start(&node.name, error))?;
                node.health.working();
            }
            Start::Workers(shards) => {
                let memory = memory / (shards.len() as u64).max(1);
                for (index, (shard, inbox)) in shards.into_iter().enumerate() {
                    let context = ProcessorContext {
                        shard: index,
                        ..self.processor_context(node, memory, flow)
                    };
                    let worker = self.worker(node, shard, inbox, flow);
                    let started = worker.start(context);
                    workers.push(started.map_err(|error| cannot_start(&node.name, error))?);
                }
                node.health.working();
            }
            Start::Exporter(exporter, settings, edge) => self.exporter(node, exporter, *settings, edge)?,
            Start::Balancer(balancer) => {
                balancer
                    .start()
                    .map_err(|error| cannot_start(&node.name, error))?;
            }
        }
        Ok(workers)
    }

    fn worker(
        &self,
        node: &mut RunningNode,
        shard: Box<dyn StatefulProcessor>,
        inbox: Arc<Inbox>,
        flow: &Arc<Flow>,
    ) -> Worker {
        let progress = Arc::new(Progress::default());
        node.progress.push(Arc::clone(&progress));
        let (ask, questions) = mpsc::channel(QUESTIONS);
        node.questions.push(ask);
        Worker {
            progress,
            node: node.id,
            shard: Some(shard),
            inbox,
            flow: Arc::clone(flow),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            questions,
            timer: None,
        }
    }

    /// Ends what has been started.
    fn abandon(&self, nodes: &[RunningNode]) {
        nodes
            .iter()
            .flat_map(|node| &node.inboxes)
            .for_each(|inbox| inbox.close());
        [&self.intake_tasks, &self.delivery_tasks, &self.exporter_tasks]
            .into_iter()
            .for_each(|set| set.abort());
    }

    /// Lets the receivers begin, by letting go of `hold`, once every processor in line knows what it has to find out.
    fn open_when_ready(&self, nodes: &[RunningNode], hold: watch::Sender<()>) {
        let hold = Arc::new(hold);
        for node in nodes {
            if let Some(ready) = node.inline.as_ref().and_then(|processor| processor.ready()) {
                let (hold, shutdown) = (Arc::clone(&hold), self.shutdown.clone());
                let tasks = self.context(node, &self.intake_tasks).tasks;
                tasks.spawn("ready", async move {
                    tokio::select! {
                        () = ready => {}
                        () = shutdown.draining() => {}
                    }
                    drop(hold);
                });
            }
        }
        if Arc::into_inner(hold).is_some() {
            let receivers = nodes.iter().filter(|node| node.requests.is_some());
            receivers.for_each(|node| node.health.working());
        }
    }

    fn receiver(&self, node: &mut RunningNode, receiver: Box<dyn Receiver>, flow: &Arc<Flow>) {
        let context = self.context(node, &self.intake_tasks);
        let (tasks, health) = (context.tasks.clone(), node.health.clone());
        let source = Arc::new(Source {
            flow: Arc::clone(flow),
            node: node.id,
        });
        let context = ReceiverContext::new(context, node.signals, self.accounts.clone(), source);
        node.requests = Some(Arc::clone(&context.requests));
        let (name, shutdown, mut opened) =
            (Arc::clone(&node.name), self.shutdown.clone(), self.opened.clone());
        tasks.spawn("receiver", async move {
            let _failed = Guard(health.clone());
            tokio::select! {
                _ = opened.changed() => health.working(),
                () = shutdown.draining() => {}
            }
            match receiver.run(context).await {
                Ok(()) if shutdown.phase() > forebay_core::Phase::Running => {}
                Ok(()) => health.failed("ended without being asked to"),
                Err(error) => {
                    tracing::error!(receiver = &*name, error = %error, "a receiver failed");
                    health.failed(error.to_string());
                }
            }
        });
    }

    fn exporter(
        &self,
        node: &mut RunningNode,
        exporter: Arc<dyn Exporter>,
        settings: DeliverySettings,
        edge: Arc<Edge>,
    ) -> Result<(), StartError> {
        let context = self.context(node, &self.exporter_tasks);
        exporter
            .start(&context)
            .map_err(|error| cannot_start(&node.name, error))?;
        let meter = Arc::new(DeliveryMeter::default());
        node.delivery = Some(Arc::clone(&meter));
        node.health.working();
        let senders = settings.max_in_flight.max(1);
        let delivery = Arc::new(Delivery::from(Destination {
            name: Arc::clone(&node.name),
            edge,
            exporter,
            settings,
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            health: node.health.clone(),
            meter,
            panics: Arc::clone(&node.panics),
            elsewhere: None,
        }));
        let tasks = self.context(node, &self.delivery_tasks).tasks;
        for number in 0..senders {
            tasks.spawn("sender", Arc::clone(&delivery).send_all(number));
        }
        Ok(())
    }
}

fn limits(settings: &DeliverySettings) -> Limits {
    Limits {
        items: settings.queue.max_items.0,
        bytes: settings.queue.max_bytes.map_or(u64::MAX, |size| size.0),
        batches: QUEUE_BATCHES,
    }
}

/// Marks a receiver as failed if its task unwinds.
struct Guard(Health);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed("panicked; it takes nothing in any more");
        }
    }
}

fn bind(receiver: &mut dyn Receiver, name: &Arc<str>) -> Result<Vec<ListenAddress>, StartError> {
    receiver.bind().map_err(|error| cannot_start(name, error))
}

fn cannot_start(name: &Arc<str>, error: ComponentError) -> StartError {
    StartError {
        node: Arc::clone(name),
        error,
    }
}

fn routes(node: NodeId, edges: &[EdgePlan]) -> Vec<Targets> {
    let out = || edges.iter().filter(move |edge| edge.from == node);
    let ports = out().map(|edge| edge.port.0).max().map_or(1, |last| last + 1);
    let on = |port: Port, signals: SignalSet| {
        move |edge: &&EdgePlan| edge.port == port && !edge.signals.and(signals).is_empty()
    };
    let targets = |port: Port| {
        forebay_core::Signal::ALL.map(|signal| {
            out()
                .filter(on(port, SignalSet::of(signal)))
                .map(|e| e.to)
                .collect()
        })
    };
    (0..ports).map(|port| targets(Port(port))).collect()
}
