//! For tests: a cluster that is made up, and somebody who follows it under a clock that stands still.

use crate::extract::{Extract, Extracted};
use crate::known::{Known, Pod};
use crate::objects::{ContainerObject, Metadata, PodObject};
use crate::wanted::{Access, Kind, Settings, Wanted};
use crate::watch::follow;
use forebay_core::component::{NodeContext, ProcessorContext};
use forebay_core::{Condition, Health, Ledger, NodeId, ShutdownTrigger, SignalSet, Spawn, Tasks};
use forebay_otlp::edit::{AttributeSet, AttributeValue, JoinedAttributes};
use forebay_telemetry::Exposition;
use forebay_testkit::SimulatedClock;
use forebay_testkit::kubernetes::FakeCluster;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Keeps a few things of each object, each under a name that says from where.
pub(crate) struct Plain;

pub(crate) fn set(pairs: &[(&str, &str)]) -> AttributeSet {
    AttributeSet::new(
        pairs
            .iter()
            .map(|(key, value)| (*key, AttributeValue::String(value))),
    )
}

impl Extract for Plain {
    fn pod(&self, pod: &PodObject<'_>) -> Option<Extracted> {
        let metadata = &pod.metadata;
        let labels = metadata
            .labels
            .iter()
            .map(|(key, value)| (format!("label.{key}"), value));
        let labels: Vec<(String, &str)> = labels.collect();
        let shared = labels
            .iter()
            .map(|(key, value)| (&**key, AttributeValue::String(value)));
        let turn = metadata.annotations.get("turn").unwrap_or_default();
        (metadata.labels.get("ignored").is_none()).then(|| Extracted {
            own: set(&[("pod", &metadata.name), ("uid", &metadata.uid), ("turn", turn)]),
            shared: AttributeSet::new(shared),
        })
    }

    fn container(&self, _: &PodObject<'_>, container: &ContainerObject<'_, '_>) -> Extracted {
        Extracted {
            own: AttributeSet::default(),
            shared: set(&[("image", &container.spec.image)]),
        }
    }

    fn run(&self, container_id: &str) -> AttributeSet {
        set(&[("container", container_id)])
    }

    fn object(&self, kind: Kind, metadata: &Metadata<'_>) -> AttributeSet {
        let mut kept = vec![(kind.plural(), &*metadata.name)];
        kept.extend(metadata.labels.get("team").map(|team| ("team", team)));
        set(&kept)
    }

    fn cluster(&self, uid: &str) -> AttributeSet {
        set(&[("cluster", uid)])
    }
}

#[derive(Default)]
struct Spawned(Mutex<Vec<JoinHandle<()>>>);

impl Spawn for Spawned {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(tokio::spawn(task));
    }
}

/// A cluster and what follows it.
pub(crate) struct Rig {
    pub(crate) cluster: FakeCluster,
    pub(crate) clock: SimulatedClock,
    pub(crate) context: ProcessorContext,
    trigger: ShutdownTrigger,
    spawned: Arc<Spawned>,
}

impl Rig {
    pub(crate) async fn new() -> Rig {
        Rig::of(FakeCluster::start().await.unwrap())
    }

    pub(crate) fn of(cluster: FakeCluster) -> Rig {
        let clock = SimulatedClock::default();
        let spawned: Arc<Spawned> = Arc::default();
        let (trigger, shutdown) = ShutdownTrigger::new();
        let node = NodeContext {
            node: NodeId(0),
            name: "it".into(),
            clock: clock.clock(),
            tasks: Tasks::new(Arc::clone(&spawned) as _),
            ledger: Ledger::new(64 << 20),
            shutdown,
            health: Health::default(),
            reloads: Arc::default(),
            instruments: Default::default(),
        };
        node.health.working();
        let context = ProcessorContext {
            node,
            taken: vec![SignalSet::ALL].into(),
            shard: 0,
            memory: 64 << 20,
            predecessor: None,
            names: Default::default(),
        };
        Rig {
            cluster,
            clock,
            context,
            trigger,
            spawned,
        }
    }

    pub(crate) fn access(&self) -> Access {
        Access::Explicit {
            api_server: self.cluster.url(),
            token_file: None,
            ca_file: None,
        }
    }

    /// Follows without credentials, and extracts by [`Plain`].
    pub(crate) fn follow(&self, wanted: Wanted) -> Arc<Known> {
        let settings = Settings {
            access: self.access(),
            wanted,
        };
        self.follow_by(&settings, None)
    }

    pub(crate) fn follow_by(&self, settings: &Settings, before: Option<Arc<Known>>) -> Arc<Known> {
        follow(&self.context, settings, Arc::new(Plain), before).unwrap()
    }

    /// Waits, while the clock stands still.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        self.wait(what, Duration::ZERO, holds).await;
    }

    /// Waits, while time goes by.
    pub(crate) async fn until_in_time(&self, what: &str, holds: impl Fn() -> bool) {
        self.wait(what, Duration::from_millis(20), holds).await;
    }

    async fn wait(&self, what: &str, step: Duration, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(step);
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| {
            panic!(
                "it never came: {what}; {:?}",
                self.context.node.health.condition()
            )
        });
    }

    pub(crate) async fn synced(&self, known: &Known) {
        self.until("everything is listed", || known.unlisted().is_empty())
            .await;
    }

    /// What is wrong, if anything is.
    pub(crate) fn concern(&self) -> String {
        match self.context.node.health.condition() {
            Condition::Degraded(words) => words.to_string(),
            _ => String::new(),
        }
    }

    /// What it measures.
    pub(crate) fn metrics(&self) -> String {
        let mut text = Exposition::new();
        for instruments in self.context.node.instruments.all() {
            for metric in instruments.families() {
                instruments.write(metric, "it", &mut text.family(metric));
            }
        }
        text.finish()
    }

    /// The value of a sample.
    pub(crate) fn sample(&self, name_and_labels: &str) -> f64 {
        let text = self.metrics();
        let line = text.lines().find(|line| line.starts_with(name_and_labels));
        let line = line.unwrap_or_else(|| panic!("{name_and_labels} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Shuts down, and waits for all tasks.
    pub(crate) async fn shut_down(&self) {
        self.trigger.advance(forebay_core::Phase::Draining);
        let spawned = std::mem::take(&mut *self.spawned.0.lock().unwrap());
        for task in spawned {
            tokio::time::timeout(Duration::from_secs(60), task)
                .await
                .unwrap()
                .unwrap();
        }
    }
}

/// All that is kept of `pod`, as `key=value`, what counts first first.
pub(crate) fn kept(known: &Known, pod: &Pod) -> Vec<String> {
    let mut joined = JoinedAttributes::default();
    known.join(pod, pod.only_container(), &mut joined);
    let attributes = joined.set().iter();
    attributes
        .map(|(key, value)| {
            // The body of an `AnyValue` with a short string: field 1, a length, the text.
            let value = value.get(2..).unwrap_or_default();
            format!(
                "{}={}",
                String::from_utf8_lossy(key),
                String::from_utf8_lossy(value)
            )
        })
        .collect()
}
