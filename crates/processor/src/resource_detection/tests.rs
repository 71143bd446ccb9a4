//! What resources are given, what is said of it, and mistakes in configs.

use super::*;
use crate::testing::{self, Decoded, attribute};
use forebay_core::ledger::Ledger;
use forebay_core::{Condition, Phase, Section, ShutdownTrigger, Signal, Source, Spawn, Tasks};
use forebay_telemetry::Exposition;
use forebay_testkit::{SimulatedClock, processor_context};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use std::time::Duration;
use tempfile::TempDir;

/// Tasks run on the runtime of the test.
struct OnRuntime;

impl Spawn for OnRuntime {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// A processor in a place that is made up.
struct Rig {
    processor: ResourceDetection,
    context: ProcessorContext,
    clock: SimulatedClock,
    root: TempDir,
    /// The process runs for as long as this is there.
    running: ShutdownTrigger,
}

impl Rig {
    /// One that has started, with these environment variables and nothing else.
    fn start(config: &str, variables: &[(&str, &str)]) -> Rig {
        let (root, clock) = (tempfile::tempdir().unwrap(), SimulatedClock::default());
        Rig::start_after(config, variables, None, (root, clock))
    }

    fn start_after(
        config: &str,
        variables: &[(&str, &str)],
        predecessor: Option<Handover>,
        (root, clock): (TempDir, SimulatedClock),
    ) -> Rig {
        let source = Source {
            name: "test.toml".to_owned(),
            text: config.to_owned(),
        };
        let config = Section::whole(Arc::new(source)).read().unwrap();
        let made_up =
            Surroundings::made_up(root.path(), clock.clock()).with_variables(variables.iter().copied());
        let processor = ResourceDetection {
            surroundings: Some(made_up),
            ..ResourceDetection::new(config)
        };
        let mut context = processor_context(&Ledger::new(1), &clock, 0, 0);
        let (running, shutdown) = ShutdownTrigger::new();
        context.node.shutdown = shutdown;
        context.node.tasks = Tasks::new(Arc::new(OnRuntime));
        context.predecessor = predecessor;
        context.node.health.working();
        processor.start(&context).unwrap();
        Rig {
            processor,
            context,
            clock,
            root,
            running,
        }
    }

    /// One whose detectors have answered.
    async fn ready(config: &str, variables: &[(&str, &str)]) -> Rig {
        let rig = Rig::start(config, variables);
        rig.processor.ready().unwrap().await;
        rig
    }

    fn through(&self, request: &Decoded) -> Decoded {
        let outcome = testing::pass(
            &self.processor,
            Arc::default(),
            request.signal(),
            &[request.encode()],
        );
        let (payload, _) = outcome.emitted.expect("nothing is dropped");
        Decoded::decode(request.signal(), &payload.contiguous())
    }

    /// What a resource with `attributes` has afterwards.
    fn given(&self, attributes: &[KeyValue]) -> Vec<KeyValue> {
        let mut request = one_of_each_signal().remove(0);
        resources(&mut request)[0].get_or_insert_default().attributes = attributes.to_vec();
        let mut after = self.through(&request);
        resources(&mut after)[0].clone().unwrap_or_default().attributes
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The samples of its metrics.
    fn samples(&self) -> Vec<String> {
        let mut exposition = Exposition::new();
        for one in self.context.node.instruments.all() {
            for metric in one.families() {
                one.write(metric, "n", &mut exposition.family(metric));
            }
        }
        let text = exposition.finish();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| line.trim_start_matches("forebay_resource_detection_").to_owned())
            .collect()
    }

    /// Waits until what resources are given is `expected`, letting simulated time pass.
    async fn given_in_the_end(&self, expected: &[KeyValue]) {
        while self.given(&[]) != expected {
            self.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// A request of each signal with three resources: one that has attributes, one that has none, and one that is not there.
fn one_of_each_signal() -> Vec<Decoded> {
    let resource = Some(Resource {
        attributes: vec![text("service.name", "shop"), text("team", "green")],
        dropped_attributes_count: 7,
        ..Resource::default()
    });
    let all = [resource, Some(Resource::default()), None];
    let all = |signal| {
        let mut request = Decoded::decode(signal, &[]);
        for resource in all.clone() {
            match &mut request {
                Decoded::Traces(request) => request.resource_spans.push(Default::default()),
                Decoded::Metrics(request) => request.resource_metrics.push(Default::default()),
                Decoded::Logs(request) => request.resource_logs.push(Default::default()),
            }
            **resources(&mut request).last_mut().unwrap() = resource;
        }
        request
    };
    vec![all(Signal::Traces), all(Signal::Metrics), all(Signal::Logs)]
}

fn resources(request: &mut Decoded) -> Vec<&mut Option<Resource>> {
    match request {
        Decoded::Traces(request) => request
            .resource_spans
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
        Decoded::Metrics(request) => request
            .resource_metrics
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
        Decoded::Logs(request) => request
            .resource_logs
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
    }
}

const TEAM: [(&str, &str); 1] = [("OTEL_RESOURCE_ATTRIBUTES", "team=blue,region=north")];

#[tokio::test]
async fn every_resource_is_given_what_was_found() {
    let rig = Rig::ready("", &TEAM).await;
    for request in one_of_each_signal() {
        let mut after = rig.through(&request);
        let mut expected = request;
        let [first, second, third] = &mut resources(&mut expected)[..] else {
            panic!("three resources")
        };
        let first = first.as_mut().unwrap();
        first.attributes[1] = text("team", "blue");
        first.attributes.push(text("region", "north"));
        for other in [second, third] {
            other.get_or_insert_default().attributes = vec![text("team", "blue"), text("region", "north")];
        }
        assert_eq!(resources(&mut after), resources(&mut expected));
    }
}

#[tokio::test]
async fn what_a_resource_has_stays_where_that_is_asked_for() {
    let rig = Rig::ready("override = false", &TEAM).await;
    let own = [text("team", "green"), text("other", "x")];
    assert_eq!(rig.given(&own), [&own[..], &[text("region", "north")]].concat());
}

#[tokio::test]
async fn the_first_detector_that_finds_an_attribute_wins() {
    let named = [
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=written"),
        ("K8S_POD_NAME", "told"),
    ];
    for (detectors, expected) in [
        ("['env', 'kubernetes']", "written"),
        ("['kubernetes', 'env']", "told"),
    ] {
        let rig = Rig::ready(&format!("detectors = {detectors}"), &named).await;
        assert_eq!(rig.given(&[]), [text("k8s.pod.name", expected)], "{detectors}");
    }
}

#[tokio::test]
async fn attributes_are_switched_one_by_one() {
    let config = "detectors = ['host']\nhost.attributes = { 'host.mac' = true, 'host.id' = false }";
    let rig = Rig::start(config, &[]);
    rig.write("etc/machine-id", "fdbf79e8af94cb7f9e8df36789187052");
    rig.write("sys/class/net/eth0/address", "de:ad:be:ef:00:01");
    rig.processor.ready().unwrap().await;
    let list = ArrayValue {
        values: vec![AnyValue {
            value: Some(Value::StringValue("DE-AD-BE-EF-00-01".into())),
        }],
    };
    assert_eq!(rig.given(&[]), [attribute("host.mac", Value::ArrayValue(list))]);
}

#[tokio::test]
async fn while_nothing_is_known_batches_pass_as_they_came() {
    for (request, rig) in one_of_each_signal().into_iter().flat_map(|request| {
        [
            (request.clone(), Rig::start("", &TEAM)),
            (request, Rig::start("detectors = ['container']", &[])),
        ]
    }) {
        let bytes = request.encode();
        let outcome = testing::pass(
            &rig.processor,
            Arc::default(),
            request.signal(),
            std::slice::from_ref(&bytes),
        );
        let (payload, _) = outcome.emitted.unwrap();
        assert_eq!(payload.slices().len(), 1);
        assert_eq!(payload.slices()[0].as_ptr(), bytes.as_ptr(), "it was copied");
    }
}

#[tokio::test]
async fn what_failed_is_tried_again_and_said_until_then() {
    let config = "detectors = ['env', 'os', 'kubernetes']\nretry.initial_interval = '2s'";
    let rig = Rig::start(config, &TEAM);
    let known = [text("team", "blue"), text("region", "north")];
    std::fs::create_dir_all(rig.root.path().join("etc/podinfo/name")).unwrap();
    rig.processor.ready().unwrap().await;
    assert_eq!(rig.given(&[]), known);
    let Condition::Degraded(why) = rig.context.node.health.condition() else {
        panic!("nothing is said of it")
    };
    assert!(
        why.starts_with("detector kubernetes: cannot read /etc/podinfo/name"),
        "{why}"
    );
    let samples = rig.samples();
    for expected in [
        "attempts_total{node=\"n\",detector=\"env\",outcome=\"found\"} 1",
        "attempts_total{node=\"n\",detector=\"env\",outcome=\"failed\"} 0",
        "attempts_total{node=\"n\",detector=\"os\",outcome=\"absent\"} 1",
        "attempts_total{node=\"n\",detector=\"kubernetes\",outcome=\"failed\"} 1",
        "age_seconds{node=\"n\",detector=\"env\"} 0",
        "age_seconds{node=\"n\",detector=\"os\"} 0",
        "attributes{node=\"n\"} 2",
    ] {
        assert!(
            samples.iter().any(|sample| sample == expected),
            "{expected} is not in {samples:#?}"
        );
    }
    assert!(
        !samples
            .iter()
            .any(|sample| sample.starts_with("age") && sample.contains("kubernetes"))
    );

    std::fs::remove_dir(rig.root.path().join("etc/podinfo/name")).unwrap();
    rig.write("etc/podinfo/name", "cart-0");
    rig.given_in_the_end(&[&known[..], &[text("k8s.pod.name", "cart-0")]].concat())
        .await;
    assert_eq!(rig.context.node.health.condition(), Condition::Working);
}

#[tokio::test]
async fn what_changes_is_seen_at_the_next_refresh() {
    let config = "detectors = ['kubernetes']\nrefresh_interval = '30s'";
    let rig = Rig::start(config, &[]);
    rig.write("etc/podinfo/name", "cart-0");
    rig.processor.ready().unwrap().await;
    assert_eq!(rig.given(&[]), [text("k8s.pod.name", "cart-0")]);
    rig.write("etc/podinfo/name", "cart-1");
    rig.given_in_the_end(&[text("k8s.pod.name", "cart-1")]).await;
    assert!(rig.clock.clock().now().0 >= Duration::from_secs(30));
}

#[tokio::test]
async fn nothing_found_is_no_failure() {
    let rig = Rig::ready("detectors = ['env', 'container', 'kubernetes']", &[]).await;
    assert_eq!(rig.context.node.health.condition(), Condition::Working);
    assert!(rig.samples().contains(&"attributes{node=\"n\"} 0".to_owned()));
}

#[tokio::test]
async fn a_reload_goes_on_with_what_was_known() {
    let old = Rig::ready(
        "detectors = ['env', 'kubernetes']",
        &[("OTEL_SERVICE_NAME", "shop"), ("K8S_POD_NAME", "a")],
    )
    .await;
    let again = |config: &str| {
        let place = (tempfile::tempdir().unwrap(), old.clock.clone());
        Rig::start_after(config, &[], old.processor.hand_over(), place)
    };
    // Before a detector has had time to look: what it is to find now is nothing.
    let same = again("detectors = ['kubernetes', 'env']\noverride = false");
    assert_eq!(
        same.given(&[]),
        [text("k8s.pod.name", "a"), text("service.name", "shop")]
    );
    let ready = same.processor.ready().unwrap().now_or_never();
    assert!(ready.is_some(), "nobody has to wait for what is known");

    let other = again("detectors = ['env', 'kubernetes']\nkubernetes.directory = '/podinfo'");
    assert_eq!(other.given(&[]), [text("service.name", "shop")]);
    assert!(other.processor.ready().unwrap().now_or_never().is_none());
    same.given_in_the_end(&[]).await;
}

#[tokio::test]
async fn nobody_waits_for_what_is_found_out_when_the_process_stops() {
    let rig = Rig::start("", &TEAM);
    rig.running.advance(Phase::Draining);
    rig.processor.ready().unwrap().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused() {
    let rig = Rig::ready("", &TEAM).await;
    let outcome = testing::pass(
        &rig.processor,
        Arc::default(),
        Signal::Logs,
        &[bytes::Bytes::from_static(b"\x0a\xff")],
    );
    assert!(outcome.emitted.is_none());
}

#[test]
fn mistakes_have_their_places() {
    let cases = [
        ("detectors = []", "without detectors", "[]"),
        (
            "detectors = ['env', 'os', 'env']",
            "`env` is named twice",
            "'env'",
        ),
        ("detectors = ['hosts']", "unknown value `hosts`", "'hosts'"),
        ("timeout = '0s'", "in no time", "'0s'"),
        ("refresh_interval = '10ms'", "once in a second", "'10ms'"),
        ("retry.initial_interval = '0s'", "never rest", "'0s'"),
        (
            "retry.max_interval = '1ms'",
            "less than `initial_interval`",
            "'1ms'",
        ),
        ("retry.multiplier = 0.5", "do not get shorter", "0.5"),
        ("retry.multiplier = nan", "do not get shorter", "nan"),
        (
            "env.attributes = { '' = true }",
            "`env` finds no attribute ``",
            "true",
        ),
        (
            "host.attributes = { 'host.ip' = true }",
            "`host` is not among the detectors",
            "host",
        ),
        (
            "detectors = ['host']\nhost.attributes = { 'host.ipp' = true }",
            "`host` finds no attribute `host.ipp`",
            "true",
        ),
        (
            "detectors = ['host']\nhost.attributes = { 'host.ip' = 1 }",
            "invalid type",
            "1",
        ),
        (
            "detectors = ['host']\nhost.root_path = 'x'",
            "`x` is not an absolute path",
            "'x'",
        ),
        (
            "detectors = ['os']\nos.root_path = ''",
            "`` is not an absolute path",
            "''",
        ),
        (
            "detectors = ['kubernetes']\nkubernetes.directory = 'x'",
            "`x` is not an absolute path",
            "'x'",
        ),
        (
            "detectors = ['kubernetes']\nkubernetes.variables = { 'k8s.job.name' = 'JOB' }",
            "`k8s.job.name` is no attribute that a variable can tell",
            "'JOB'",
        ),
        (
            "detectors = ['kubernetes']\nkubernetes.variables = { 'k8s.pod.name' = 'A=B' }",
            "`A=B` cannot be the name of a variable",
            "'A=B'",
        ),
    ];
    let mut differing = Vec::new();
    for (config, message, place) in cases {
        let (said, blamed) = testing::mistake("resource_detection", config);
        if !said.contains(message) || blamed != place {
            differing.push(format!("{config}: {said} at {blamed}"));
        }
    }
    assert_eq!(differing, [""; 0]);
}

#[test]
fn help_names_what_was_probably_meant() {
    let help = |config: &str| {
        let found = testing::prepare("resource_detection", config).unwrap_err();
        found[0].help.clone().unwrap()
    };
    assert_eq!(help("detectors = ['hosts']"), "did you mean `host`?");
    let label = "detectors = ['kubernetes']\nkubernetes.attributes = { 'k8s.pod.nam' = true }";
    assert_eq!(help(label), "did you mean `k8s.pod.name`?");
    let single = "detectors = ['kubernetes']\nkubernetes.attributes = { 'k8s.pod.label.app' = true }";
    assert!(testing::prepare("resource_detection", single).is_ok());
    assert!(help("os.root_path = '/hostfs'").starts_with("add \"os\" to `detectors`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn property_resources_are_given_what_was_found_and_items_stay(
        request in testing::request(),
        replace in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let key = testing::KEYS[0];
        let variables = [("OTEL_RESOURCE_ATTRIBUTES", format!("{key}=found,new.key=found"))];
        let variables = variables.each_ref().map(|(name, value)| (*name, &**value));
        let rig = runtime.block_on(Rig::ready(&format!("override = {replace}"), &variables));
        let mut expected = request.clone();
        for resource in resources(&mut expected) {
            let attributes = &mut resource.get_or_insert_default().attributes;
            for found in [text(key, "found"), text("new.key", "found")] {
                let mut present = attributes.iter_mut().filter(|attribute| attribute.key == found.key).peekable();
                match present.peek() {
                    None => attributes.push(found),
                    Some(_) if replace => present.for_each(|attribute| attribute.value.clone_from(&found.value)),
                    Some(_) => {}
                }
            }
        }
        prop_assert_eq!(rig.through(&request), expected);
    }
}
