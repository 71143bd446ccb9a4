//! Everything that can be extracted of a pod, by its names in the semantic conventions, and a context that follows in real time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "it is for tests and measurements, not all of which use all of it"
)]

use forebay_core::component::{NodeContext, ProcessorContext};
use forebay_core::{Clock, Health, Ledger, NodeId, Phase, ShutdownTrigger, SignalSet, Spawn, Tasks};
use forebay_kubernetes::{
    Access, ContainerObject, Extract, Extracted, Kind, Known, Metadata, PodObject, Settings, Wanted, follow,
};
use forebay_otlp::edit::{AttributeSet, AttributeValue};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// Extracts everything.
pub(crate) struct Everything;

fn set(pairs: &[(&str, &str)]) -> AttributeSet {
    AttributeSet::new(
        pairs
            .iter()
            .map(|(key, value)| (*key, AttributeValue::String(value))),
    )
}

impl Extract for Everything {
    fn pod(&self, pod: &PodObject<'_>) -> Option<Extracted> {
        let metadata = &pod.metadata;
        let owner = metadata.controller().expect("an owner");
        let labels = metadata.labels.iter();
        let mut shared: Vec<(String, &str)> = labels
            .map(|(key, value)| (format!("k8s.pod.labels.{key}"), value))
            .collect();
        shared.push(("k8s.namespace.name".into(), &metadata.namespace));
        shared.push(("k8s.replicaset.name".into(), &owner.name));
        shared.push(("k8s.replicaset.uid".into(), &owner.uid));
        let own = [
            ("k8s.pod.name", metadata.name.as_str()),
            ("k8s.pod.uid", &metadata.uid),
            ("k8s.pod.ip", &pod.status.pod_ip),
            ("k8s.pod.start_time", &pod.status.start_time),
            ("k8s.node.name", &pod.spec.node_name),
        ];
        Some(Extracted {
            own: set(&own),
            shared: AttributeSet::new(
                shared
                    .iter()
                    .map(|(key, value)| (&**key, AttributeValue::String(value))),
            ),
        })
    }

    fn container(&self, _: &PodObject<'_>, container: &ContainerObject<'_, '_>) -> Extracted {
        let image = container
            .spec
            .image
            .rsplit_once(':')
            .unwrap_or((&container.spec.image, ""));
        Extracted {
            own: AttributeSet::default(),
            shared: set(&[
                ("k8s.container.name", &container.spec.name),
                ("container.image.name", image.0),
                ("container.image.tag", image.1),
            ]),
        }
    }

    fn run(&self, container_id: &str) -> AttributeSet {
        set(&[("container.id", container_id)])
    }

    fn object(&self, kind: Kind, metadata: &Metadata<'_>) -> AttributeSet {
        let singular = kind.plural().strip_suffix('s').unwrap_or_default();
        match kind {
            Kind::Namespace => {
                let labels = metadata.labels.iter();
                let labels: Vec<(String, &str)> = labels
                    .map(|(key, value)| (format!("k8s.namespace.labels.{key}"), value))
                    .collect();
                AttributeSet::new(
                    labels
                        .iter()
                        .map(|(key, value)| (&**key, AttributeValue::String(value))),
                )
            }
            Kind::ReplicaSet => {
                let owner = metadata.controller().expect("an owner");
                set(&[
                    ("k8s.deployment.name", &owner.name),
                    ("k8s.deployment.uid", &owner.uid),
                ])
            }
            _ => set(&[(&format!("k8s.{singular}.uid"), &metadata.uid)]),
        }
    }

    fn cluster(&self, uid: &str) -> AttributeSet {
        set(&[("k8s.cluster.uid", uid)])
    }
}

/// Runs tasks, and knows when all have ended.
#[derive(Clone, Default)]
struct OnTheRuntime(Arc<Mutex<JoinSet<()>>>);

impl Spawn for OnTheRuntime {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

/// Someone who follows the cluster at a URL, in real time.
pub(crate) struct Following {
    /// What is known.
    pub(crate) known: Arc<Known>,
    /// What it was started with.
    pub(crate) context: ProcessorContext,
    trigger: ShutdownTrigger,
    tasks: OnTheRuntime,
}

impl Following {
    /// Follows no longer: no task is left, and with the tasks has gone what they had under way. What is known stays.
    pub(crate) async fn stop(&self) {
        self.trigger.advance(Phase::Draining);
        let tasks = std::mem::take(&mut *self.tasks.0.lock().unwrap());
        tasks.join_all().await;
    }
}

/// Follows everything in the cluster at `url`.
pub(crate) fn everything(url: &str) -> Following {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let tasks = OnTheRuntime::default();
    let context = ProcessorContext {
        node: NodeContext {
            node: NodeId(0),
            name: "it".into(),
            clock: Clock::system(),
            tasks: Tasks::new(Arc::new(tasks.clone())),
            ledger: Ledger::new(64 << 20),
            shutdown,
            health: Health::default(),
            reloads: Arc::default(),
            instruments: Default::default(),
        },
        taken: vec![SignalSet::ALL].into(),
        shard: 0,
        memory: 1 << 30,
        predecessor: None,
        names: Default::default(),
    };
    let settings = Settings {
        access: Access::Explicit {
            api_server: url.to_owned(),
            token_file: None,
            ca_file: None,
        },
        wanted: Wanted {
            kinds: [Kind::Namespace, Kind::Node, Kind::ReplicaSet, Kind::Deployment].into(),
            ..Wanted::default()
        },
    };
    let known = follow(&context, &settings, Arc::new(Everything), None).expect("it can be followed");
    Following {
        known,
        context,
        trigger,
        tasks,
    }
}

/// The memory that what is known takes by its own account, in bytes.
pub(crate) fn accounted(context: &ProcessorContext) -> f64 {
    let mut text = forebay_telemetry::Exposition::new();
    for instruments in context.node.instruments.all() {
        for metric in instruments.families() {
            instruments.write(metric, "it", &mut text.family(metric));
        }
    }
    let text = text.finish();
    let line = text
        .lines()
        .find(|line| line.starts_with("forebay_kubernetes_memory_bytes{"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .expect("a sample")
}
