//! What data says of where it came from, once it has passed.

use super::{config, export, passed, resources, texts};
use crate::support::{Forebay, Scrape, Sink, eventually};
use forebay_core::Signal;
use forebay_testkit::kubernetes::{FakeCluster, PodSpec, container_id, labelled, object, owned, uid};
use opentelemetry_proto::tonic::common::v1::KeyValue;

const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

/// The pod `web`, and all that it belongs to.
fn shop(cluster: &FakeCluster) -> PodSpec {
    let web = PodSpec::new("shop", "web-6c45f8d6f6-x2v9k", 7)
        .label("team", "checkout")
        .label("pod-template-hash", "6c45f8d6f6")
        .owned_by("ReplicaSet", "web-6c45f8d6f6", &uid(2, 1));
    let set = object("ReplicaSet", "shop", "web-6c45f8d6f6", &uid(2, 1));
    cluster.put("replicasets", owned(set, "Deployment", "web", &uid(3, 1)));
    let deployment = object("Deployment", "shop", "web", &uid(3, 1));
    cluster.put("deployments", labelled(deployment, &[("tier", "gold")]));
    let namespace = object("Namespace", "", "shop", &uid(4, 1));
    cluster.put("namespaces", labelled(namespace, &[("cost-centre", "4711")]));
    cluster.put("namespaces", object("Namespace", "", "kube-system", &uid(4, 2)));
    let node = object("Node", "", "node-0", &uid(5, 1));
    cluster.put("nodes", labelled(node, &[("topology.kubernetes.io/zone", "a")]));
    cluster.put("pods", web.object());
    web
}

const EVERYTHING: &str = r#"
    wait_for_metadata = true
    wait_for_metadata_timeout = "1m"
    pod_association = [
      { sources = [{ from = "resource_attribute", name = "container.id" }] },
      { sources = [{ from = "resource_attribute", name = "k8s.pod.uid" }] },
    ]
    [processors.pods.extract]
    metadata = [
      "k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.pod.ip", "k8s.node.name", "k8s.node.uid", "k8s.cluster.uid",
      "k8s.deployment.name", "k8s.deployment.uid", "k8s.replicaset.name", "k8s.container.name", "container.image.name",
      "container.image.tag", "service.name", "service.instance.id",
    ]
    labels = [
      { key = "team", tag_name = "team" },
      { key_regex = "topology[.]kubernetes[.]io/(.*)", tag_name = "cloud.$1", from = "node" },
      { key = "tier", from = "deployment" },
      { key = "cost-centre", tag_name = "cost_centre", from = "namespace" },
    ]
"#;

/// What the pod `web` is known to be, sorted by name.
fn everything() -> Vec<KeyValue> {
    let mut all = texts(&[
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "web-6c45f8d6f6-x2v9k"),
        ("k8s.pod.uid", &uid(1, 7)),
        ("k8s.pod.ip", "10.0.0.7"),
        ("k8s.node.name", "node-0"),
        ("k8s.node.uid", &uid(5, 1)),
        ("k8s.cluster.uid", &uid(4, 2)),
        ("k8s.deployment.name", "web"),
        ("k8s.deployment.uid", &uid(3, 1)),
        ("k8s.replicaset.name", "web-6c45f8d6f6"),
        ("k8s.container.name", "app"),
        ("container.image.name", "registry.example.com/team/app"),
        ("container.image.tag", "1.4.2"),
        ("service.name", "web"),
        ("service.instance.id", "shop.web-6c45f8d6f6-x2v9k.app"),
        ("team", "checkout"),
        ("cloud.zone", "a"),
        ("k8s.deployment.label.tier", "gold"),
        ("cost_centre", "4711"),
    ]);
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

#[tokio::test]
async fn data_says_of_which_pod_node_and_workload_it_is_and_is_as_it_was_otherwise() {
    let cluster = FakeCluster::start().await.unwrap();
    shop(&cluster);
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, EVERYTHING)).await;
    // The cluster's uid is asked for beside.
    eventually("the cluster is known", async || {
        let probe = export(Signal::Logs, 1000, texts(&[("container.id", &container_id(7))]));
        let mut passed = passed(&forebay, &sink, &probe).await;
        let resource = resources(&mut passed).remove(0).clone().unwrap();
        resource.attributes.iter().any(|one| one.key == "k8s.cluster.uid")
    })
    .await;
    for (number, signal) in (1..).zip(SIGNALS) {
        let own = texts(&[("zone", "z"), ("container.id", &container_id(7)), ("app", "a")]);
        let sent = export(signal, number, own.clone());
        let mut arrived = passed(&forebay, &sink, &sent).await;
        let resource = resources(&mut arrived).remove(0).as_mut().unwrap();
        let mut added = resource.attributes.split_off(own.len());
        added.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(added, everything(), "{signal}");
        assert_eq!(arrived, sent, "{signal}: all else is as it was");
    }
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let found = [("node", "pods"), ("result", "found"), ("rule", "1")];
    assert!(scrape.sum("forebay_k8s_attributes_resources_total", &found) >= 4.0);
}

#[tokio::test]
async fn a_pod_that_comes_is_found_and_one_that_is_not_known_passes_as_it_is() {
    let cluster = FakeCluster::start().await.unwrap();
    shop(&cluster);
    let sink = Sink::start();
    let keys = "wait_for_metadata = true\n\
        pod_association = [{ sources = [{ from = \"resource_attribute\", name = \"k8s.pod.ip\" }] }]\n\
        extract.metadata = [\"k8s.pod.name\"]";
    let forebay = Forebay::start(&config(&cluster, &sink, keys)).await;
    let sent = export(Signal::Traces, 1, texts(&[("k8s.pod.ip", "10.0.0.8")]));
    assert_eq!(passed(&forebay, &sink, &sent).await, sent);
    cluster.put("pods", PodSpec::new("shop", "late", 8).object());
    eventually("the new pod is found", async || {
        let mut passed = passed(&forebay, &sink, &sent).await;
        let resource = resources(&mut passed).remove(0).clone().unwrap();
        resource.attributes == texts(&[("k8s.pod.ip", "10.0.0.8"), ("k8s.pod.name", "late")])
    })
    .await;
    Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
}
