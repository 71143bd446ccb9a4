use super::*;
use crate::testing::{
    Node, Rig, logs_request, metrics_request, payload, prepare, trace_payload, trace_request,
};
use bytes::Bytes;
use forebay_core::accounts::Accounts;
use forebay_core::balanced::{Found, HASHER, Router, rendezvous};
use forebay_core::{
    Batch, Clock, Condition, DeliveryToken, Entry, Lease, NodeId, Origin, Payload, Section, Signal, Source,
    Time,
};
use forebay_otlp::count_items;
use forebay_otlp::views::{Request, View};
use forebay_testkit::SimulatedClock;
use forebay_testkit::scripted::{Answer, Backend as Server, Scripted};
use forebay_transport::client::BoxStream;
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

fn config_of(text: &str) -> LoadBalancingConfig {
    let source = Source {
        name: "test.toml".to_owned(),
        text: text.to_owned(),
    };
    Section::whole(Arc::new(source)).read().unwrap()
}

fn members(count: usize) -> Vec<Member> {
    (0..count)
        .map(|number| Member::new(format!("gateway-{number}:4317")))
        .collect()
}

fn batch(signal: Signal, payload: Payload) -> Batch {
    let items = count_items(signal, &payload.contiguous()).unwrap();
    let custody = Accounts::new(1).receive(NodeId(0), signal, items, payload.len() as u64);
    let entry = Entry {
        custody,
        lease: Lease::none(),
        token: DeliveryToken::detached(),
        origin: Arc::new(Origin::default()),
        received_at: Time::default(),
    };
    Batch::new(signal, payload, entry)
}

/// The parts of a request, by member.
fn routed(key: RoutingKey, attributes: &[&str], signal: Signal, payload: Payload) -> BTreeMap<usize, Bytes> {
    let router = KeyRouter {
        key,
        attributes: attributes.iter().map(ToString::to_string).collect(),
    };
    let (whole, mut parts) = (batch(signal, payload), Vec::new());
    let items = whole.items();
    router.route(whole, &members(5), &mut parts);
    assert_eq!(parts.iter().map(|(_, part)| part.items()).sum::<u64>(), items);
    parts
        .iter()
        .map(|(place, part)| (*place, part.payload().contiguous()))
        .collect()
}

/// A request with `spans` spans of each of `traces` traces, in turn.
fn traces(traces: u8, spans: u8) -> ExportTraceServiceRequest {
    let mut request = trace_request(usize::from(traces) * usize::from(spans));
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    for (number, span) in (0..).zip(spans) {
        span.trace_id = vec![number % traces + 1; 16];
        span.span_id = vec![number / traces + 1; 8];
    }
    request
}

fn trace_ids(request: &Bytes) -> BTreeSet<Vec<u8>> {
    let request = ExportTraceServiceRequest::decode(request.clone()).unwrap();
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    scopes
        .flat_map(|scope| scope.spans)
        .map(|span| span.trace_id)
        .collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A request of one span in this resource, with these attributes.
fn in_resource(resource: &[(&str, &str)], span: &[(&str, &str)]) -> Payload {
    let mut request = trace_request(1);
    let attributes = |list: &[(&str, &str)]| list.iter().map(|(key, value)| text(key, value)).collect();
    request.resource_spans[0]
        .resource
        .get_or_insert_default()
        .attributes = attributes(resource);
    request.resource_spans[0].scope_spans[0].spans[0].attributes = attributes(span);
    payload(&request)
}

fn place(key: RoutingKey, attributes: &[&str], payload: Payload) -> usize {
    let parts = routed(key, attributes, Signal::Traces, payload);
    assert_eq!(parts.len(), 1);
    *parts.keys().next().unwrap()
}

#[test]
fn a_trace_stays_together_and_traces_spread() {
    let parts = routed(RoutingKey::TraceId, &[], Signal::Traces, payload(&traces(100, 2)));
    assert_eq!(parts.len(), 5);
    let all: Vec<Vec<u8>> = parts.values().flat_map(trace_ids).collect();
    assert_eq!(
        (all.len(), all.into_iter().collect::<BTreeSet<_>>().len()),
        (100, 100),
        "no trace is in two"
    );
    // Another request with the same traces goes the same ways.
    let again = routed(RoutingKey::TraceId, &[], Signal::Traces, payload(&traces(100, 1)));
    let ways = |parts: &BTreeMap<usize, Bytes>| -> Vec<_> {
        parts
            .iter()
            .map(|(place, part)| (*place, trace_ids(part)))
            .collect()
    };
    assert_eq!(ways(&again), ways(&parts));
}

#[test]
fn a_log_record_goes_where_its_trace_goes() {
    let mut request = logs_request();
    request.resource_logs[0].scope_logs[0].log_records[0].trace_id = vec![7; 16];
    let logs = routed(RoutingKey::TraceId, &[], Signal::Logs, payload(&request));
    let mut span = trace_request(1);
    span.resource_spans[0].scope_spans[0].spans[0].trace_id = vec![7; 16];
    let spans = routed(RoutingKey::TraceId, &[], Signal::Traces, payload(&span));
    assert_eq!(logs.keys().next(), spans.keys().next());
}

#[test]
fn items_without_a_trace_are_spread() {
    let mut request = traces(100, 1);
    for span in &mut request.resource_spans[0].scope_spans[0].spans {
        span.trace_id.clear();
        span.name = format!("{:?}", span.span_id);
    }
    for (number, span) in request.resource_spans[0].scope_spans[0]
        .spans
        .iter_mut()
        .enumerate()
    {
        span.start_time_unix_nano = number as u64;
    }
    assert_eq!(
        routed(RoutingKey::TraceId, &[], Signal::Traces, payload(&request)).len(),
        5
    );
}

#[test]
fn a_service_is_a_service_whatever_else_its_resource_has() {
    let by = |resource: &[(&str, &str)]| place(RoutingKey::Service, &[], in_resource(resource, &[]));
    let shop = by(&[("service.name", "shop")]);
    assert_eq!(by(&[("host.name", "a"), ("service.name", "shop")]), shop);
    let services: BTreeSet<usize> = (0..40)
        .map(|number| by(&[("service.name", &number.to_string())]))
        .collect();
    assert_eq!(services.len(), 5);
    // Without a name the whole resource is the key.
    let nameless: BTreeSet<usize> = (0..40)
        .map(|number| by(&[("host.name", &number.to_string())]))
        .collect();
    assert_eq!(nameless.len(), 5);
}

#[test]
fn resources_of_different_services_part_and_those_of_one_stay_together() {
    let request = |services: &[usize]| {
        let mut whole = traces(1, 1);
        let first = whole.resource_spans.remove(0);
        for service in services {
            let mut resource = first.clone();
            let name = text("service.name", &service.to_string());
            resource.resource.get_or_insert_default().attributes = vec![name];
            whole.resource_spans.push(resource);
        }
        routed(RoutingKey::Service, &[], Signal::Traces, payload(&whole))
    };
    let alone: BTreeMap<usize, usize> = (0..20)
        .map(|service| (service, *request(&[service]).keys().next().unwrap()))
        .collect();
    let together = request(&[3, 3, 3]);
    assert_eq!((together.len(), together.keys().next()), (1, Some(&alone[&3])));
    let parts = request(&(0..20).collect::<Vec<_>>());
    assert_eq!(parts.len(), 5);
    for (place, part) in parts {
        let request = ExportTraceServiceRequest::decode(part).unwrap();
        let services = alone.values().filter(|other| **other == place).count();
        assert_eq!(
            request.resource_spans.len(),
            services,
            "each is where it would be alone"
        );
    }
}

#[test]
fn a_resource_is_the_same_in_any_order_of_its_attributes() {
    let by = |resource: &[(&str, &str)]| place(RoutingKey::Resource, &[], in_resource(resource, &[]));
    assert_eq!(by(&[("a", "1"), ("b", "2")]), by(&[("b", "2"), ("a", "1")]));
    let all: BTreeSet<usize> = (0..40)
        .map(|number| by(&[("a", "1"), ("b", &number.to_string())]))
        .collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn attributes_are_looked_for_from_the_item_up() {
    let by = |resource: &[(&str, &str)], span: &[(&str, &str)]| {
        place(
            RoutingKey::Attributes,
            &["tenant", "region"],
            in_resource(resource, span),
        )
    };
    let both = by(&[("tenant", "a"), ("region", "north")], &[]);
    assert_eq!(by(&[("region", "north")], &[("tenant", "a")]), both);
    assert_eq!(
        by(
            &[("region", "north"), ("tenant", "other")],
            &[("tenant", "a"), ("more", "x")]
        ),
        both
    );
    let tenants: BTreeSet<usize> = (0..40)
        .map(|number| by(&[], &[("tenant", &number.to_string())]))
        .collect();
    assert_eq!(tenants.len(), 5);
}

#[test]
fn data_points_go_by_metric_or_by_service() {
    let request = metrics_request();
    let names: BTreeSet<&str> = request.resource_metrics[0].scope_metrics[0]
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    let hash = |name: &&str| rendezvous(&members(5), HASHER.bytes(name.as_bytes()));
    let expected: BTreeSet<usize> = names.iter().map(hash).collect();
    let parts = routed(RoutingKey::Metric, &[], Signal::Metrics, payload(&request));
    assert_eq!(parts.keys().copied().collect::<BTreeSet<_>>(), expected);
    let by_trace = routed(RoutingKey::TraceId, &[], Signal::Metrics, payload(&request));
    let by_service = routed(RoutingKey::Service, &[], Signal::Metrics, payload(&request));
    assert_eq!((by_trace.len(), by_trace), (1, by_service));
}

#[test]
fn what_stays_whole_keeps_its_bytes() {
    let whole = payload(&traces(1, 20));
    let parts = routed(RoutingKey::TraceId, &[], Signal::Traces, whole.clone());
    assert_eq!(parts.values().next(), Some(&whole.contiguous()));
    assert!(
        Request::new(&whole.contiguous())
            .resource_envelopes()
            .next()
            .is_some()
    );
}

/// The node of a resolver, and where it says whom it has found.
fn resolving(config: &str, network: Arc<dyn Network>, clock: Clock) -> (Node, watch::Receiver<Vec<Member>>) {
    let config = config_of(config);
    let balanced = build_on(config, network).unwrap();
    let node = Node::new(clock);
    let (found, members) = Found::new(balanced.resolver.most(), Arc::default());
    balanced.resolver.start(&node.context, found).unwrap();
    (node, members)
}

fn names(members: &watch::Receiver<Vec<Member>>) -> Vec<String> {
    members
        .borrow()
        .iter()
        .map(|member| member.name.to_string())
        .collect()
}

/// A network with one name, which stands for what it is told.
#[derive(Debug, Default)]
struct Named(Mutex<Option<Vec<SocketAddr>>>);

impl Named {
    fn answer(&self, addresses: &[&str]) {
        *self.0.lock().unwrap() = Some(addresses.iter().map(|address| address.parse().unwrap()).collect());
    }

    fn fail(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl Network for Named {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        assert_eq!((host, port), ("gateways", 4317));
        let found = self.0.lock().unwrap().clone();
        Box::pin(async { found.ok_or_else(|| io::Error::other("no such name")) })
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async { Err(io::Error::other("nothing is sent here")) })
    }

    fn connect_unix<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async { Err(io::Error::other("nothing is sent here")) })
    }
}

async fn next_lookup(clock: &SimulatedClock) {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(5));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_addresses_of_a_name_are_backends_and_a_failed_lookup_changes_nothing() {
    let (clock, network) = (SimulatedClock::default(), Arc::new(Named::default()));
    network.answer(&["10.0.0.2:4317", "10.0.0.1:4317"]);
    let config = "max_backends = 2\n[resolver.dns]\nhostname = \"gateways\"";
    let (node, members) = resolving(config, Arc::clone(&network) as Arc<dyn Network>, clock.clock());
    next_lookup(&clock).await;
    assert_eq!(names(&members), ["10.0.0.1:4317", "10.0.0.2:4317"]);
    for answer in [true, false] {
        if answer {
            network.answer(&[]);
        } else {
            network.fail();
        }
        next_lookup(&clock).await;
        assert_eq!(names(&members).len(), 2, "the last good ones stay");
        let condition = node.context.health.condition();
        assert!(
            matches!(&condition, Condition::Degraded(why) if why.starts_with("cannot look up `gateways`")),
            "{condition:?}"
        );
    }
    network.answer(&["10.0.0.3:4317", "10.0.0.1:4317", "10.0.0.4:4317"]);
    next_lookup(&clock).await;
    assert_eq!(names(&members), ["10.0.0.1:4317", "10.0.0.3:4317"]);
    let condition = node.context.health.condition();
    assert!(matches!(&condition, Condition::Degraded(why) if why.starts_with("1 backends are left out")));
    network.answer(&["[::1]:4317", "10.0.0.9:4317"]);
    next_lookup(&clock).await;
    assert_eq!(
        names(&members),
        ["10.0.0.9:4317"],
        "of both families one is used, by everybody the same"
    );
    assert_eq!(node.context.health.condition(), Condition::Working);
}

#[tokio::test]
async fn a_file_is_followed_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backends");
    std::fs::write(&path, "b:1\na:1\n").unwrap();
    let config = format!("[resolver.file]\npath = {path:?}\ninterval = \"100ms\"");
    let (node, mut members) = resolving(&config, Arc::new(SystemNetwork), Clock::system());
    assert_eq!(names(&members), ["a:1", "b:1"]);
    std::fs::write(&path, "a:1\nnot a backend\n").unwrap();
    while node.context.reloads.failed() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let condition = node.context.health.condition();
    assert!(
        matches!(&condition, Condition::Degraded(why) if why.contains("`not a backend` is not a backend")),
        "{condition:?}"
    );
    assert_eq!(names(&members), ["a:1", "b:1"], "the last good ones stay");
    members.mark_unchanged();
    std::fs::write(&path, "[\"c:1\"]").unwrap();
    members.changed().await.unwrap();
    assert_eq!(names(&members), ["c:1"]);
}

#[test]
fn a_file_that_is_not_there_lets_nothing_start() {
    let config = "[resolver.file]\npath = \"/nowhere/backends\"";
    let balanced = build_on(config_of(config), Arc::new(SystemNetwork)).unwrap();
    let (found, _members) = Found::new(balanced.resolver.most(), Arc::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let error = balanced
        .resolver
        .start(&Node::new(Clock::system()).context, found)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`resolver.file.path` (/nowhere/backends)"),
        "{error}"
    );
}

#[tokio::test]
async fn each_backend_is_reached_at_its_address_with_what_all_share() {
    let server = Server::start(Scripted::new(|_| Answer::grpc_message(&[])))
        .await
        .unwrap();
    let config = "
        [resolver.static]
        hostnames = [\"127.0.0.1\"]
        [protocol.otlp_grpc.headers]
        x-tier = \"agent\"
        [protocol.otlp_grpc.auth]
        bearer_token = \"secret\"";
    let balanced = build_on(config_of(config), Arc::new(SystemNetwork)).unwrap();
    let node = Node::new(Clock::system());
    let member = Member::new(server.http2().to_string());
    assert!(
        balanced.connector.connect(&member).is_err(),
        "not before it is started"
    );
    balanced.connector.start(&node.context).unwrap();
    let rig = Rig::on(node, balanced.connector.connect(&member).unwrap()).unwrap();
    rig.send(Signal::Traces, trace_payload(3)).await.unwrap();
    let received = server.scripted.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].headers["x-tier"], "agent");
    assert_eq!(received[0].headers["authorization"], "Bearer secret");
    assert_eq!(received[0].message(), Some(trace_payload(3).contiguous()));
    rig.exporter.close().await.unwrap();
}

#[test]
fn wrong_configs_are_explained() {
    let message = |config: &str| prepare("load_balancing", config).unwrap_err()[0].message.clone();
    let fixed = "[resolver.static]\nhostnames = [\"a:1\"]\n";
    assert_eq!(message("[resolver]"), "there must be one resolver");
    assert_eq!(
        message(&format!("{fixed}[resolver.file]\npath = \"x\"")),
        "there must be one resolver"
    );
    assert_eq!(
        message("[resolver.static]\nhostnames = []"),
        "there is no backend"
    );
    assert!(message("[resolver.static]\nhostnames = [\"http://a\"]").contains("`http://a` is not a backend"));
    assert_eq!(
        message("[resolver.dns]\nhostname = \"a/b\""),
        "`a/b` is not a name"
    );
    assert_eq!(
        message(&format!("routing_key = \"attributes\"\n{fixed}")),
        "there are no attributes to route by"
    );
    assert_eq!(
        message(&format!("routing_attributes = [\"a\"]\n{fixed}")),
        "`routing_attributes` has no effect with this `routing_key`"
    );
    assert!(message(&format!("routing_key = \"span\"\n{fixed}")).contains("`span`"));
    assert_eq!(
        message(&format!("{fixed}[protocol.otlp_grpc]\nconnections = 0")),
        "`connections` is 0"
    );
    assert!(prepare("load_balancing", &format!("routing_key = \"trace_id\"\n{fixed}")).is_ok());
}
