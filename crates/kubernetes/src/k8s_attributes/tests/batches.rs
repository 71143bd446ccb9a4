//! What becomes of requests as a whole.

use super::super::passthrough::Passthrough;
use super::rig::{Cluster, UID, exposed, pairs, pass, request, resource, shown, text, web};
use bytes::Bytes;
use forebay_core::Outputs;
use forebay_otlp::Signal;
use forebay_otlp::edit::Present;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use prost::Message;

const PEER: Option<&str> = Some("10.1.2.3");

fn names() -> Cluster {
    Cluster::new("extract.metadata = ['k8s.pod.name', 'k8s.namespace.name']").pod(&web())
}

fn put() -> Vec<KeyValue> {
    vec![
        text("k8s.pod.name", "web-6c45f8d6f6-x2v9k"),
        text("k8s.namespace.name", "shop"),
    ]
}

fn bytes(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

#[test]
fn all_else_stays_byte_for_byte_and_in_order() {
    let before = [("z", "1"), ("a", "2"), ("telemetry.sdk.name", "otel")];
    let mut request = request(vec![resource(&before), resource(&[])]);
    request.resource_spans[0]
        .resource
        .as_mut()
        .unwrap()
        .dropped_attributes_count = 3;
    let passed = names().pass(PEER, Signal::Traces, &[bytes(&request)]);
    for envelope in &mut request.resource_spans {
        envelope.resource.as_mut().unwrap().attributes.extend(put());
    }
    let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
    assert_eq!(passed, request);
}

#[test]
fn bytes_around_what_is_added_are_those_that_came_in() {
    let request = request(vec![resource(&[("a", "1")])]);
    let passed = names()
        .pass(PEER, Signal::Traces, &[bytes(&request)])
        .contiguous();
    // The resource is the first field of the envelope: behind it everything is as it was.
    let scope = request.resource_spans[0].scope_spans[0].encode_to_vec();
    let schema = request.resource_spans[0].schema_url.as_bytes();
    assert!(passed.ends_with(schema));
    let place = passed.windows(scope.len()).position(|window| window == scope);
    assert!(place.is_some());
    let attribute = request.resource_spans[0]
        .resource
        .as_ref()
        .unwrap()
        .encode_to_vec();
    assert!(passed.windows(attribute.len()).any(|window| window == attribute));
}

#[test]
fn all_signals_are_enriched() {
    let cluster = names();
    let records = ResourceLogs {
        resource: Some(resource(&[("a", "1")])),
        scope_logs: vec![ScopeLogs {
            log_records: vec![LogRecord::default(), LogRecord::default()],
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    };
    let mut logs = ExportLogsServiceRequest {
        resource_logs: vec![records],
    };
    let passed = cluster.pass(PEER, Signal::Logs, &[bytes(&logs)]);
    logs.resource_logs[0]
        .resource
        .as_mut()
        .unwrap()
        .attributes
        .extend(put());
    assert_eq!(
        ExportLogsServiceRequest::decode(passed.contiguous()).unwrap(),
        logs
    );

    let gauge = Metric {
        name: "m".to_owned(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint::default()],
        })),
        ..Metric::default()
    };
    let points = ResourceMetrics {
        resource: Some(resource(&[("a", "1")])),
        scope_metrics: vec![ScopeMetrics {
            metrics: vec![gauge],
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    };
    let mut metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![points],
    };
    let passed = cluster.pass(PEER, Signal::Metrics, &[bytes(&metrics)]);
    metrics.resource_metrics[0]
        .resource
        .as_mut()
        .unwrap()
        .attributes
        .extend(put());
    assert_eq!(
        ExportMetricsServiceRequest::decode(passed.contiguous()).unwrap(),
        metrics
    );
}

#[test]
fn each_resource_of_a_request_is_looked_up_by_itself() {
    let cluster = Cluster::new(
        "extract.metadata = ['k8s.pod.name']\n[[pod_association]]\nsources = [{ from = 'resource_attribute', name = 'k8s.pod.uid' }]",
    )
    .pod(&web());
    let request = request(vec![
        resource(&[("k8s.pod.uid", "unknown")]),
        resource(&[("k8s.pod.uid", UID)]),
        resource(&[]),
    ]);
    let passed = cluster.pass(PEER, Signal::Traces, &[bytes(&request)]);
    let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
    let all: Vec<_> = passed
        .resource_spans
        .iter()
        .map(|one| shown(one.resource.as_ref().unwrap()))
        .collect();
    assert_eq!(
        all,
        [
            pairs(&[("k8s.pod.uid", "unknown")]),
            pairs(&[("k8s.pod.uid", UID), ("k8s.pod.name", "web-6c45f8d6f6-x2v9k")]),
            Vec::new(),
        ]
    );
}

#[test]
fn what_the_resource_says_itself_is_kept_unless_told_otherwise() {
    let said = [("k8s.pod.name", "mine"), ("x", "y")];
    let config = "extract.metadata = ['k8s.pod.name', 'k8s.namespace.name']";
    let kept = Cluster::new(config).pod(&web());
    assert_eq!(
        kept.enriched(PEER, &said),
        pairs(&[
            ("k8s.pod.name", "mine"),
            ("x", "y"),
            ("k8s.namespace.name", "shop")
        ])
    );
    let replaced = Cluster::new(&format!("override = true\n{config}")).pod(&web());
    assert_eq!(
        replaced.enriched(PEER, &said),
        pairs(&[
            ("k8s.pod.name", "web-6c45f8d6f6-x2v9k"),
            ("x", "y"),
            ("k8s.namespace.name", "shop")
        ])
    );
}

#[test]
fn a_request_of_which_nothing_is_found_is_not_copied() {
    let cluster = names();
    let request = bytes(&request(vec![resource(&[("a", "1")]), resource(&[])]));
    for peer in [Some("10.9.9.9"), None] {
        let passed = cluster.pass(peer, Signal::Traces, std::slice::from_ref(&request));
        let [slice] = passed.slices() else {
            panic!("one slice")
        };
        assert_eq!(slice.as_ptr(), request.as_ptr());
        assert_eq!(slice.len(), request.len());
    }
    // Nor is one that says everything already.
    let said = [("k8s.pod.name", "a"), ("k8s.namespace.name", "b")];
    let request = bytes(&super::rig::request(vec![resource(&said)]));
    let passed = cluster.pass(PEER, Signal::Traces, std::slice::from_ref(&request));
    assert_eq!(passed.slices()[0].as_ptr(), request.as_ptr());
}

#[test]
fn a_request_in_pieces_is_enriched_as_one_in_one_piece() {
    let cluster = names();
    let whole = bytes(&request(vec![resource(&[("a", "1")]), resource(&[("b", "2")])]));
    let expected = cluster
        .pass(PEER, Signal::Traces, std::slice::from_ref(&whole))
        .contiguous();
    for place in 0..=whole.len() {
        let pieces = [whole.slice(..place), whole.slice(place..)];
        assert_eq!(cluster.pass(PEER, Signal::Traces, &pieces).contiguous(), expected);
    }
}

#[test]
fn an_agent_in_front_of_a_gateway_puts_the_address_of_the_sender() {
    let passthrough = Passthrough::default();
    let put = |peer: Option<&str>, present, attributes: &[(&str, &str)]| {
        let request = bytes(&request(vec![resource(attributes), resource(&[])]));
        let process = |batch, out: &mut Outputs| passthrough.process(batch, present, out);
        let passed = pass(process, peer, Signal::Traces, &[request]);
        let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
        let [first, second] = &passed.resource_spans[..] else {
            panic!("two resources")
        };
        [first, second].map(|one| shown(one.resource.as_ref().unwrap()))
    };
    let address = |address: &str| pairs(&[("k8s.pod.ip", address)]);
    let [kept, added] = put(PEER, Present::Keep, &[("k8s.pod.ip", "10.0.0.1")]);
    assert_eq!((kept, added), (address("10.0.0.1"), address("10.1.2.3")));
    let [replaced, _] = put(PEER, Present::Replace, &[("k8s.pod.ip", "10.0.0.1")]);
    assert_eq!(replaced, address("10.1.2.3"));
    let [_, mapped] = put(Some("::ffff:10.1.2.3"), Present::Keep, &[]);
    assert_eq!(mapped, address("10.1.2.3"));
    let [_, six] = put(Some("fd00::3"), Present::Keep, &[]);
    assert_eq!(six, address("fd00::3"));
    // Nobody's, or nobody knows whose.
    for peer in [None, Some("127.0.0.1"), Some("::1"), Some("0.0.0.0")] {
        let [first, second] = put(peer, Present::Keep, &[("a", "1")]);
        assert_eq!((first, second), (pairs(&[("a", "1")]), Vec::new()), "{peer:?}");
    }
    let metrics = exposed(&passthrough);
    assert!(
        metrics.contains("forebay_k8s_attributes_addresses_put_total{node=\"it\"} 7\n"),
        "{metrics}"
    );
}
