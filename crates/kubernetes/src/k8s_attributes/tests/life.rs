//! From the start to the end: waiting for the cluster, and handing over what is known of it.

use super::super::config::K8sAttributesConfig;
use super::super::{K8sAttributesFactory, wait};
use super::rig::{Cluster, pairs, pass, request, resource, shown};
use crate::Kind;
use forebay_core::component::{BuiltProcessor, Processor, ProcessorContext};
use forebay_core::ledger::Ledger;
use forebay_core::registry::ProcessorFactory;
use forebay_core::{Clock, Condition, Handover, ShutdownTrigger, Signal, Spawn, Tasks};
use forebay_testkit::kubernetes::{FakeCluster, PodSpec, Verb, uid};
use forebay_testkit::{SimulatedClock, processor_context};
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

struct Runtime;

impl Spawn for Runtime {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// What a processor is given, until this is let go: then its tasks end.
struct Life {
    context: ProcessorContext,
    _trigger: ShutdownTrigger,
}

impl Life {
    fn new(clock: Clock, predecessor: Option<Handover>) -> Self {
        let (trigger, shutdown) = ShutdownTrigger::new();
        let mut context = processor_context(&Ledger::new(1), &SimulatedClock::default(), 0, 1 << 24);
        context.node.clock = clock;
        context.node.tasks = Tasks::new(Arc::new(Runtime));
        context.node.shutdown = shutdown;
        context.predecessor = predecessor;
        Life {
            context,
            _trigger: trigger,
        }
    }
}

fn build(config: &str) -> Arc<dyn Processor> {
    let config: K8sAttributesConfig = toml::from_str(config).unwrap();
    match K8sAttributesFactory::build(config, 1) {
        Ok(BuiltProcessor::Stateless(processor)) => processor,
        other => panic!("{other:?}"),
    }
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_start_waits_until_everything_is_listed() {
    let cluster = Cluster::new("extract.metadata = ['k8s.node.uid']");
    let clock = SimulatedClock::default();
    let life = Life::new(clock.clock(), None);
    let node = life.context.node.clone();
    let waiting = tokio::spawn(wait(
        Arc::clone(&cluster.known),
        node.clone(),
        Duration::from_secs(10),
    ));
    for kind in [Kind::Pod, Kind::Node] {
        settle().await;
        assert!(!waiting.is_finished());
        cluster.listed(kind);
    }
    waiting.await.unwrap();
    node.health.working();
    assert_eq!(node.health.condition(), Condition::Working);
}

#[tokio::test]
async fn what_is_not_known_in_time_is_said_until_it_is_known() {
    let cluster = Cluster::new("extract.metadata = ['k8s.node.uid']");
    let clock = SimulatedClock::default();
    let life = Life::new(clock.clock(), None);
    let node = life.context.node.clone();
    node.health.working();
    cluster.listed(Kind::Pod);
    let waiting = tokio::spawn(wait(
        Arc::clone(&cluster.known),
        node.clone(),
        Duration::from_secs(10),
    ));
    settle().await;
    clock.advance(Duration::from_secs(9));
    settle().await;
    assert!(!waiting.is_finished());
    clock.advance(Duration::from_secs(1));
    waiting.await.unwrap();
    let words = "not all of the cluster was known after 10 s: nodes have not been listed yet. Data is received, and passes without attributes";
    assert_eq!(node.health.condition(), Condition::Degraded(words.into()));
    cluster.listed(Kind::Node);
    settle().await;
    assert_eq!(node.health.condition(), Condition::Working);
}

#[test]
fn nobody_waits_unless_told_to() {
    assert!(build("").ready().is_none());
    assert!(build("passthrough = true").ready().is_none());
}

#[tokio::test]
async fn a_config_that_is_loaded_again_goes_on_from_what_is_known() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", PodSpec::new("shop", "web", 7).object());
    let config = |keys: &str| {
        format!(
            "auth_type = 'none'\napi_server = '{}'\nwait_for_metadata = true\nextract.metadata = ['k8s.pod.name']\n{keys}\n\
             pod_association = [{{ sources = [{{ from = 'resource_attribute', name = 'k8s.pod.uid' }}] }}]",
            cluster.url()
        )
    };
    let enriched = |processor: &dyn Processor| {
        let said = resource(&[("k8s.pod.uid", &uid(1, 7)), ("k8s.pod.name", "mine")]);
        let request = request(vec![said]).encode_to_vec().into();
        let passed = pass(
            |batch, out| processor.process(batch, out),
            None,
            Signal::Traces,
            &[request],
        );
        let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
        shown(passed.resource_spans[0].resource.as_ref().unwrap())
    };
    let first = Life::new(Clock::system(), None);
    let old = build(&config(""));
    assert!(old.hand_over().is_none(), "nothing is known before the start");
    old.start(&first.context).unwrap();
    old.ready().unwrap().await;
    let lists = cluster.requests(Verb::List, "pods");
    let uid = uid(1, 7);
    assert_eq!(
        enriched(&*old),
        pairs(&[("k8s.pod.uid", &uid), ("k8s.pod.name", "mine")])
    );

    let second = Life::new(Clock::system(), old.hand_over());
    let new = build(&config("override = true"));
    new.start(&second.context).unwrap();
    assert_eq!(
        enriched(&*new),
        pairs(&[("k8s.pod.uid", &uid), ("k8s.pod.name", "web")])
    );
    assert_eq!(
        cluster.requests(Verb::List, "pods"),
        lists,
        "nothing is listed again"
    );

    // What is made of pods is another thing here.
    let third = Life::new(Clock::system(), new.hand_over());
    let other = build(&config("override = true\nextract.otel_annotations = true"));
    other.start(&third.context).unwrap();
    other.ready().unwrap().await;
    assert_eq!(
        enriched(&*other),
        pairs(&[("k8s.pod.uid", &uid), ("k8s.pod.name", "web")])
    );
    assert!(cluster.requests(Verb::List, "pods") > lists);
}

#[test]
fn a_start_without_what_the_config_names_is_an_error() {
    let config = "filter.node_from_env_var = 'FOREBAY_TEST_NO_SUCH_VARIABLE'\nauth_type = 'none'\napi_server = 'http://127.0.0.1:1'";
    let life = Life::new(SimulatedClock::default().clock(), None);
    let error = build(config).start(&life.context).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("FOREBAY_TEST_NO_SUCH_VARIABLE, which is not set"),
        "{error}"
    );
}
