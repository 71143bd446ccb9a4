//! A cluster that is known, and resources that pass.

use super::super::config::K8sAttributesConfig;
use super::super::enrich::Plan;
use super::super::extraction::Extraction;
use super::super::settings;
use crate::known::Writer;
use crate::{Kind, Known, Metadata, PodObject};
use bytes::Bytes;
use forebay_core::ledger::Ledger;
use forebay_core::registry::Config;
use forebay_core::{Accounts, Batch, DeliveryToken, Entry, NodeId, Origin, Outputs, Payload, Signal, Time};
use forebay_telemetry::{Exposition, Instruments};
use forebay_testkit::SimulatedClock;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value as Json, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Digits of an id of a container.
pub(super) const ID: &str = "4f0174a6dfdaff6006980d3158fc39030a31bff64f0174a6dfdaff6006980d31";
/// The id that it had before it was started again.
pub(super) const OLD_ID: &str = "0000000000000000000000000000000000000000000000000000000000000001";
pub(super) const UID: &str = "038e2267-b473-489b-b48c-46bafdb852eb";

pub(super) struct Cluster {
    pub(super) known: Arc<Known>,
    pub(super) plan: Plan,
    pub(super) extraction: Arc<Extraction>,
    writer: Writer,
}

impl Cluster {
    /// An empty cluster, and a processor with this config.
    pub(super) fn new(config: &str) -> Self {
        let config: K8sAttributesConfig =
            toml::from_str(config).unwrap_or_else(|error| panic!("{config}: {error}"));
        assert_eq!(config.check(), []);
        let extraction = Arc::new(Extraction::new(&config));
        let plan = Plan::new(&config, &extraction);
        let settings = settings::of(&config, &plan, &extraction, |_| None).unwrap();
        let known = Known::new(settings.clone(), 1 << 26);
        let clock = SimulatedClock::default().clock();
        let writer = Writer::new(
            Arc::clone(&known),
            settings.wanted,
            Arc::clone(&extraction) as _,
            clock,
        );
        Cluster {
            known,
            plan,
            extraction,
            writer,
        }
    }

    pub(super) fn pod(self, pod: &Json) -> Self {
        let text = pod.to_string();
        let object: PodObject<'_> = serde_json::from_str(&text).unwrap();
        self.writer.put_pod(&object).unwrap();
        self
    }

    pub(super) fn object(self, kind: Kind, metadata: &Json) -> Self {
        let text = metadata.to_string();
        let object: Metadata<'_> = serde_json::from_str(&text).unwrap();
        self.writer.put_object(kind, &object).unwrap();
        self
    }

    /// A list of this kind has come to its end.
    pub(super) fn listed(&self, kind: Kind) {
        self.writer.begin_list(kind).unwrap();
        self.writer.end_list(kind).unwrap();
    }

    pub(super) fn cluster(self, uid: &str) -> Self {
        self.writer.put_cluster(uid).unwrap();
        self
    }

    /// What a request of a sender becomes.
    pub(super) fn pass(&self, peer: Option<&str>, signal: Signal, slices: &[Bytes]) -> Payload {
        let process = |batch, out: &mut Outputs| self.plan.process(&self.known, batch, out);
        pass(process, peer, signal, slices)
    }

    /// The attributes of a resource with these attributes, in order, once it has passed.
    pub(super) fn enriched(&self, peer: Option<&str>, attributes: &[(&str, &str)]) -> Vec<(String, String)> {
        let request = request(vec![resource(attributes)]);
        let passed = self.pass(peer, Signal::Traces, &[request.encode_to_vec().into()]);
        let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
        shown(passed.resource_spans[0].resource.as_ref().unwrap())
    }

    /// What is added to a resource with these attributes, sorted by name.
    pub(super) fn added(&self, peer: Option<&str>, attributes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut all = self.enriched(peer, attributes);
        assert!(all.len() >= attributes.len());
        let mut added = all.split_off(attributes.len());
        added.sort();
        added
    }

    pub(super) fn metrics(&self) -> String {
        exposed(&**self.plan.meter())
    }
}

/// The samples of some instruments.
pub(super) fn exposed(instruments: &dyn Instruments) -> String {
    let mut exposition = Exposition::new();
    for metric in instruments.families() {
        instruments.write(metric, "it", &mut exposition.family(metric));
    }
    exposition.finish()
}

/// Gives one request of a sender to a processor, and delivers what it emits.
pub(super) fn pass(
    process: impl FnOnce(Batch, &mut Outputs),
    peer: Option<&str>,
    signal: Signal,
    slices: &[Bytes],
) -> Payload {
    let payload: Payload = slices.iter().cloned().collect();
    let items = forebay_otlp::count_items(signal, &payload.contiguous()).unwrap();
    let (accounts, ledger) = (Accounts::new(1), Ledger::new(1 << 30));
    let (token, _delivery) = DeliveryToken::new();
    let peer = peer.map(|peer| SocketAddr::new(peer.parse::<IpAddr>().unwrap(), 40_000));
    let entry = Entry {
        custody: accounts.receive(NodeId(0), signal, items, payload.len() as u64),
        lease: ledger.lease(payload.len() as u64).unwrap(),
        token,
        origin: Arc::new(Origin {
            peer,
            ..Origin::default()
        }),
        received_at: Time::default(),
    };
    let mut outputs = Outputs::new();
    process(Batch::new(signal, payload, entry), &mut outputs);
    let (_, batch) = outputs.drain().next().unwrap();
    let passed = batch.payload().clone();
    assert_eq!(forebay_otlp::count_items(signal, &passed.contiguous()), Ok(items));
    batch.delivered(0, None);
    let balance = accounts.total();
    assert_eq!(
        (balance.unaccounted(), balance.held, ledger.read().used),
        (0, 0, 0)
    );
    passed
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn resource(attributes: &[(&str, &str)]) -> Resource {
    Resource {
        attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(),
        ..Resource::default()
    }
}

/// A request with a span of each of these resources.
pub(super) fn request(resources: Vec<Resource>) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "GET /".to_owned(),
        attributes: vec![text("http.route", "/")],
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    };
    let resource_spans = resources.into_iter().map(|resource| ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope.clone()],
        schema_url: "https://opentelemetry.io/schemas/1.30.0".to_owned(),
    });
    ExportTraceServiceRequest {
        resource_spans: resource_spans.collect(),
    }
}

/// Attributes as pairs of texts.
pub(super) fn shown(resource: &Resource) -> Vec<(String, String)> {
    let pairs = resource.attributes.iter();
    pairs
        .map(|pair| (pair.key.clone(), plain(pair.value.as_ref().unwrap())))
        .collect()
}

fn plain(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::ArrayValue(list) => {
            let all: Vec<String> = list.values.iter().map(plain).collect();
            format!("[{}]", all.join(", "))
        }
        other => format!("{other:?}"),
    }
}

pub(super) fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A pod of a deployment with one container, as an API server has it.
pub(super) fn web() -> Json {
    json!({
        "metadata": {
            "name": "web-6c45f8d6f6-x2v9k",
            "namespace": "shop",
            "uid": UID,
            "resourceVersion": "1000",
            "creationTimestamp": "2026-01-31T10:20:29Z",
            "labels": {
                "app": "web",
                "app.kubernetes.io/component": "frontend",
                "pod-template-hash": "6c45f8d6f6",
                "team": "checkout"
            },
            "annotations": { "example.com/commit": "abc", "example.com/owner": "jo" },
            "ownerReferences": [owner("ReplicaSet", "web-6c45f8d6f6", "rs-uid")]
        },
        "spec": {
            "nodeName": "node-1",
            "hostname": "web-host",
            "containers": [{ "name": "app", "image": "ghcr.io/shop/web:1.4.2@sha256:aa" }]
        },
        "status": {
            "phase": "Running",
            "podIP": "10.1.2.3",
            "podIPs": [{ "ip": "10.1.2.3" }, { "ip": "fd00::3" }],
            "startTime": "2026-01-31T10:20:30Z",
            "containerStatuses": [{
                "name": "app",
                "image": "ghcr.io/shop/web:1.4.2",
                "imageID": "ghcr.io/shop/web@sha256:aa",
                "containerID": format!("containerd://{ID}"),
                "restartCount": 1,
                "lastState": { "terminated": { "containerID": format!("containerd://{OLD_ID}") } }
            }]
        }
    })
}

/// Who owns an object, and manages it.
pub(super) fn owner(kind: &str, name: &str, uid: &str) -> Json {
    json!({ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true })
}

/// The same pod, owned by somebody else.
pub(super) fn owned_by(kind: &str, name: &str, uid: &str) -> Json {
    let mut pod = web();
    pod["metadata"]["ownerReferences"] = json!([owner(kind, name, uid)]);
    pod
}
