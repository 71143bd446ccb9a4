//! `k8s_attributes`: says of every resource which pod, node and workload it came from.
//!
//! | file | holds |
//! |---|---|
//! | `config/`, `settings.rs` | what the user wrote, and what is asked of the cluster by it |
//! | `extraction.rs`, `image.rs`, `workload.rs`, `list.rs` | what is made of objects, once for each version of one |
//! | `association.rs`, `reading.rs` | how the pod of a resource is found |
//! | `enrich.rs` | what becomes of a batch |
//! | `passthrough.rs` | agents in front of a gateway |
//! | `meter.rs` | what operators see |

mod association;
pub mod config;
mod enrich;
mod extraction;
mod image;
mod list;
mod meter;
mod passthrough;
mod reading;
mod settings;
#[cfg(test)]
mod tests;
mod workload;

use crate::{Kind, Known, follow};
use config::{ExcludeConfig, ExtractConfig, K8sAttributesConfig};
use enrich::Plan;
use extraction::Extraction;
use forebay_core::component::{BuiltProcessor, NodeContext, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, ProcessorDeclaration, ProcessorFactory};
use forebay_core::{Batch, ComponentError, Handover, SignalSet};
use futures_util::future::BoxFuture;
use passthrough::Passthrough;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Makes `k8s_attributes` processors.
#[derive(Debug)]
pub struct K8sAttributesFactory;

impl ProcessorFactory for K8sAttributesFactory {
    type Config = K8sAttributesConfig;

    const ABOUT: About = About {
        kind: "k8s_attributes",
        summary: "Says of every resource which pod, node and workload of a Kubernetes cluster it came from.",
        details: include_str!("details.txt"),
        example: include_str!("example.toml"),
    };

    fn declare(config: &K8sAttributesConfig) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: (!config.passthrough).then_some(config.max_bytes),
            stateful: false,
            takes_custody: false,
        }
    }

    fn build(config: K8sAttributesConfig, _: usize) -> Result<BuiltProcessor, ComponentError> {
        Ok(BuiltProcessor::Stateless(match config.passthrough {
            true => Arc::new(PassingThrough {
                config,
                passthrough: Arc::default(),
            }),
            false => Arc::new(K8sAttributes {
                config,
                state: OnceLock::new(),
            }),
        }))
    }
}

/// An agent in front of a gateway.
#[derive(Debug)]
struct PassingThrough {
    config: K8sAttributesConfig,
    passthrough: Arc<Passthrough>,
}

impl Processor for PassingThrough {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        context.node.instruments.add(Arc::clone(&self.passthrough) as _);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        self.passthrough
            .process(batch, enrich::present(&self.config), out);
    }
}

/// One who knows the cluster.
#[derive(Debug)]
struct K8sAttributes {
    config: K8sAttributesConfig,
    /// From the start on.
    state: OnceLock<State>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    learned: Arc<Learned>,
    node: NodeContext,
}

/// What is known of the cluster, for the processor that takes this one's place.
#[derive(Debug)]
struct Learned {
    known: Arc<Known>,
    /// Of what attributes were made, and of whom.
    extract: ExtractConfig,
    exclude: ExcludeConfig,
}

impl Processor for K8sAttributes {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        let config = &self.config;
        let extraction = Arc::new(Extraction::new(config));
        let plan = Plan::new(config, &extraction);
        let settings = settings::of(config, &plan, &extraction, |name| std::env::var(name).ok())?;
        let predecessor = context.predecessor.as_ref();
        let before = predecessor.and_then(Handover::state::<Learned>);
        let before =
            before.filter(|other| other.extract == config.extract && other.exclude == config.exclude);
        let known = before.map(|other| Arc::clone(&other.known));
        let known = follow(context, &settings, extraction, known)?;
        context.node.instruments.add(Arc::clone(plan.meter()) as _);
        self.state.get_or_init(|| State {
            plan,
            learned: Arc::new(Learned {
                known,
                extract: config.extract.clone(),
                exclude: config.exclude.clone(),
            }),
            node: context.node.clone(),
        });
        Ok(())
    }

    fn ready(&self) -> Option<BoxFuture<'static, ()>> {
        let state = self.state.get().filter(|_| self.config.wait_for_metadata)?;
        let (known, node) = (Arc::clone(&state.learned.known), state.node.clone());
        let most = self.config.wait_for_metadata_timeout.get();
        Some(Box::pin(wait(known, node, most)))
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        match self.state.get() {
            Some(state) => state.plan.process(&state.learned.known, batch, out),
            None => out.emit(batch),
        }
    }

    fn hand_over(&self) -> Option<Handover> {
        Some(Handover::new(Arc::clone(&self.state.get()?.learned)))
    }
}

/// Ends once everything has been listed, after `most` at the latest. Then the health of the node says what is not known, until it is.
async fn wait(known: Arc<Known>, node: NodeContext, most: Duration) {
    tokio::select! {
        () = known.synced() => return,
        () = node.clock.sleep(most) => {}
    }
    let about: Arc<str> = "kubernetes metadata".into();
    let missing: Vec<&str> = known.unlisted().into_iter().map(Kind::plural).collect();
    let why = format!(
        "not all of the cluster was known after {} s: {} have not been listed yet. Data is received, and passes without attributes",
        most.as_secs(),
        missing.join(", ")
    );
    node.health.concern(&about, Some(why.into()));
    let (tasks, shutdown) = (node.tasks.clone(), node.shutdown.clone());
    tasks.spawn("kubernetes metadata", async move {
        tokio::select! {
            () = known.synced() => node.health.concern(&about, None),
            () = shutdown.draining() => {}
        }
    });
}
