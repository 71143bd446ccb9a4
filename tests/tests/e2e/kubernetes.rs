//! `k8s_attributes` in the built binary, against an API server that speaks the real protocol.

mod attributes;
mod credentials;
mod history;
mod outage;
mod restart;

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Export, Forebay, Scrape, Sink, admin, eventually};
use forebay_core::Signal;
use forebay_testkit::kubernetes::FakeCluster;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Receivers wait for the cluster as long as they may, and pods are found by their uid and say their name and team. Pods that are gone
/// are forgotten at once.
const BY_UID: &str = r#"
    wait_for_metadata = true
    wait_for_metadata_timeout = "10m"
    pod_delete_grace_period = "0s"
    pod_association = [{ sources = [{ from = "resource_attribute", name = "k8s.pod.uid" }] }]
    [processors.pods.extract]
    metadata = ["k8s.pod.name"]
    labels = [{ key = "team", tag_name = "team" }]
"#;

/// A gateway that asks this cluster, with these keys of the processor.
fn config(cluster: &FakeCluster, sink: &Sink, keys: &str) -> String {
    config_of(RECEIVER, cluster, sink, &format!("auth_type = \"none\"\n{keys}"))
}

/// The same with a receiver of the test's own, and whatever the keys say of who asks.
fn config_of(receiver: &str, cluster: &FakeCluster, sink: &Sink, keys: &str) -> String {
    format!(
        "{ADMIN}{receiver}
        [processors.pods]
        type = \"k8s_attributes\"
        api_server = \"{}\"
        {keys}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"pods\"]
        to = [\"backend\"]",
        cluster.url(),
        sink.grpc()
    )
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

fn texts(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| text(key, value)).collect()
}

/// The resources of a request.
fn resources(export: &mut Export) -> Vec<&mut Option<Resource>> {
    match export {
        Export::Traces(all) => all
            .resource_spans
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
        Export::Metrics(all) => all
            .resource_metrics
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
        Export::Logs(all) => all
            .resource_logs
            .iter_mut()
            .map(|one| &mut one.resource)
            .collect(),
    }
}

/// A request with one item, of a resource with these attributes.
fn export(signal: Signal, number: u64, attributes: Vec<KeyValue>) -> Export {
    let mut export = Export::numbered(signal, number..number + 1);
    for resource in resources(&mut export) {
        *resource = Some(Resource {
            attributes: attributes.clone(),
            ..Resource::default()
        });
    }
    export
}

/// Sends a request, and gives what arrives of it.
async fn passed(forebay: &Forebay, sink: &Sink, export: &Export) -> Export {
    let before = sink.read(|taken| taken.requests.len());
    assert!(Client::grpc(forebay.grpc()).send(export).await.is_taken());
    sink.until("the request arrives", |taken| taken.requests.len() > before)
        .await;
    sink.read(|taken| taken.requests[before].clone())
}

/// What a request of the pod with this uid says of its resource once it has passed, apart from the uid.
async fn said_of(forebay: &Forebay, sink: &Sink, uid: &str) -> Vec<KeyValue> {
    let sent = export(Signal::Logs, 1, texts(&[("k8s.pod.uid", uid)]));
    let mut passed = passed(forebay, sink, &sent).await;
    let resource = resources(&mut passed).remove(0).take().unwrap();
    let mut attributes = resource.attributes;
    assert_eq!(attributes.remove(0), text("k8s.pod.uid", uid));
    attributes
}

/// What is said of a pod by its name alone.
fn named(name: &str) -> Vec<KeyValue> {
    texts(&[("k8s.pod.name", name)])
}

/// A sample of a metric about the pods that are followed.
async fn sample(forebay: &Forebay, name: &str, labels: &[(&str, &str)]) -> f64 {
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    let about = [&[("node", "pods"), ("kind", "pods")], labels].concat();
    scrape.sum(&format!("forebay_kubernetes_{name}"), &about)
}

/// How often a list or a watch of pods has failed, for this cause.
async fn restarts(forebay: &Forebay, cause: &str) -> f64 {
    sample(forebay, "watch_restarts_total", &[("cause", cause)]).await
}

/// Waits until the API server tells of pods.
async fn until_watched(forebay: &Forebay) {
    eventually("a watch stands", async || {
        sample(forebay, "watch_up", &[]).await == 1.0
    })
    .await;
}

/// Waits until `/status` says this.
async fn until_said(forebay: &Forebay, words: &str) {
    eventually(words, async || {
        admin::status(forebay.admin()).await.to_string().contains(words)
    })
    .await;
}

/// Waits until `/status` has nothing to say of the cluster.
async fn until_well(forebay: &Forebay) {
    eventually("nothing is wrong", async || {
        let status = admin::status(forebay.admin()).await.to_string();
        !status.contains("the API server") && !status.contains("not all of the cluster")
    })
    .await;
}

/// The status of `/readyz`.
async fn readiness(forebay: &Forebay) -> u16 {
    admin::page(forebay.admin(), "/readyz").await.unwrap().0
}
