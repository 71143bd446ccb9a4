//! Every attribute: a pod as the API server has it, and what a resource of it gets.

use super::super::config::Metadata;
use super::rig::{Cluster, ID, OLD_ID, UID, owned_by, owner, pairs, web};
use crate::Kind;
use serde_json::{Value as Json, json};

/// Attributes as they are written here.
type Written<'a> = &'a [(&'a str, &'a str)];

const PEER: Option<&str> = Some("10.1.2.3");

fn only(metadata: &str) -> String {
    format!("extract.metadata = ['{metadata}']")
}

/// What a resource without attributes gets whose sender is the pod.
fn of(config: &str, pod: &Json) -> Vec<(String, String)> {
    Cluster::new(config).pod(pod).added(PEER, &[])
}

#[test]
fn each_attribute_of_a_pod_is_what_its_object_says() {
    let cases: [(&str, Json, Option<&str>); 27] = [
        ("k8s.namespace.name", web(), Some("shop")),
        ("k8s.pod.name", web(), Some("web-6c45f8d6f6-x2v9k")),
        ("k8s.pod.uid", web(), Some(UID)),
        ("k8s.pod.ip", web(), Some("10.1.2.3")),
        ("k8s.pod.hostname", web(), Some("web-host")),
        ("k8s.pod.start_time", web(), Some("2026-01-31T10:20:30Z")),
        ("k8s.node.name", web(), Some("node-1")),
        ("k8s.deployment.name", web(), Some("web")),
        ("k8s.replicaset.name", web(), Some("web-6c45f8d6f6")),
        ("k8s.replicaset.uid", web(), Some("rs-uid")),
        (
            "k8s.statefulset.name",
            owned_by("StatefulSet", "db", "u1"),
            Some("db"),
        ),
        (
            "k8s.statefulset.uid",
            owned_by("StatefulSet", "db", "u1"),
            Some("u1"),
        ),
        ("k8s.statefulset.name", web(), None),
        (
            "k8s.daemonset.name",
            owned_by("DaemonSet", "agent", "u2"),
            Some("agent"),
        ),
        (
            "k8s.daemonset.uid",
            owned_by("DaemonSet", "agent", "u2"),
            Some("u2"),
        ),
        (
            "k8s.job.name",
            owned_by("Job", "backup-29825760", "u3"),
            Some("backup-29825760"),
        ),
        (
            "k8s.job.uid",
            owned_by("Job", "backup-29825760", "u3"),
            Some("u3"),
        ),
        (
            "k8s.cronjob.name",
            owned_by("Job", "backup-29825760", "u3"),
            Some("backup"),
        ),
        ("k8s.cronjob.name", owned_by("Job", "migrate", "u3"), None),
        ("k8s.deployment.name", owned_by("ReplicaSet", "bare", "u4"), None),
        ("k8s.deployment.name", owned_by("Rollout", "web", "u4"), None),
        ("k8s.container.name", web(), Some("app")),
        ("k8s.container.restart_count", web(), Some("1")),
        ("container.id", web(), Some(ID)),
        ("container.image.name", web(), Some("ghcr.io/shop/web")),
        ("container.image.tag", web(), Some("1.4.2")),
        (
            "container.image.repo_digests",
            web(),
            Some("[ghcr.io/shop/web@sha256:aa]"),
        ),
    ];
    for (name, pod, value) in cases {
        let expected: Vec<_> = value
            .iter()
            .map(|value| (name.to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(of(&only(name), &pod), expected, "{name} of {pod}");
    }
    assert_eq!(
        of(&only("container.image.tags"), &web()),
        pairs(&[("container.image.tags", "[1.4.2]")])
    );
}

#[test]
fn what_needs_no_question_is_extracted_unless_told_otherwise() {
    let cluster = Cluster::new("");
    assert!(cluster.extraction.kinds().is_empty());
    let expected = pairs(&[
        ("k8s.deployment.name", "web"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "node-1"),
        ("k8s.pod.name", "web-6c45f8d6f6-x2v9k"),
        ("k8s.pod.start_time", "2026-01-31T10:20:30Z"),
        ("k8s.pod.uid", UID),
    ]);
    assert_eq!(cluster.pod(&web()).added(PEER, &[]), expected);
}

#[test]
fn what_a_pod_lacks_is_left_out() {
    let pod = json!({
        "metadata": { "name": "bare", "namespace": "shop", "uid": UID },
        "status": { "podIP": "10.1.2.3" }
    });
    let all: Vec<String> = Metadata::ALL
        .iter()
        .map(|metadata| format!("'{}'", metadata.as_str()))
        .collect();
    let config = format!("extract.metadata = [{}]", all.join(", "));
    let expected = pairs(&[
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.ip", "10.1.2.3"),
        ("k8s.pod.name", "bare"),
        ("k8s.pod.uid", UID),
        ("service.name", "bare"),
        ("service.namespace", "shop"),
    ]);
    assert_eq!(of(&config, &pod), expected);
}

/// What is watched, and what a pod gets by it.
#[test]
fn what_owners_know_is_asked_of_them() {
    let deployment = json!({
        "name": "web-6c45f8d6f6", "namespace": "shop", "uid": "rs-uid", "ownerReferences": [owner("Deployment", "real-web", "d-uid")]
    });
    let bare = json!({ "name": "web-6c45f8d6f6", "namespace": "shop", "uid": "rs-uid" });
    let job = json!({ "name": "run", "namespace": "shop", "uid": "u3", "ownerReferences": [owner("CronJob", "backup", "c-uid")] });
    let by_owner = "deployment_name_from_replicaset = false";
    let names = "metadata = ['k8s.deployment.name', 'k8s.deployment.uid', 'service.name']";
    let cases: [(String, Json, Kind, &Json, Written<'_>); 7] = [
        (
            format!("[extract]\n{by_owner}\nmetadata = ['k8s.deployment.name']"),
            web(),
            Kind::ReplicaSet,
            &deployment,
            &[("k8s.deployment.name", "real-web")],
        ),
        (
            format!("[extract]\n{by_owner}\nmetadata = ['service.name']"),
            web(),
            Kind::ReplicaSet,
            &deployment,
            &[("service.name", "real-web")],
        ),
        (
            format!("[extract]\n{by_owner}\n{names}"),
            web(),
            Kind::ReplicaSet,
            &bare,
            &[("service.name", "web-6c45f8d6f6")],
        ),
        (
            format!("[extract]\n{names}"),
            web(),
            Kind::ReplicaSet,
            &deployment,
            &[
                ("k8s.deployment.name", "real-web"),
                ("k8s.deployment.uid", "d-uid"),
                ("service.name", "real-web"),
            ],
        ),
        (
            "extract.metadata = ['k8s.cronjob.name', 'k8s.cronjob.uid', 'service.name']".to_owned(),
            owned_by("Job", "run", "u3"),
            Kind::Job,
            &job,
            &[
                ("k8s.cronjob.name", "backup"),
                ("k8s.cronjob.uid", "c-uid"),
                ("service.name", "backup"),
            ],
        ),
        (
            only("k8s.node.uid"),
            web(),
            Kind::Node,
            &json!({ "name": "node-1", "uid": "n-uid" }),
            &[("k8s.node.uid", "n-uid")],
        ),
        (
            "extract = { metadata = [], labels = [{ key = 'tier', from = 'namespace' }] }".to_owned(),
            web(),
            Kind::Namespace,
            &json!({ "name": "shop", "uid": "s-uid", "labels": { "tier": "gold" } }),
            &[("k8s.namespace.label.tier", "gold")],
        ),
    ];
    for (config, pod, kind, object, expected) in cases {
        let cluster = Cluster::new(&config);
        assert_eq!(
            cluster.extraction.kinds().iter().collect::<Vec<_>>(),
            [&kind],
            "{config}"
        );
        // Whichever comes first.
        assert_eq!(
            cluster.object(kind, object).pod(&pod).added(PEER, &[]),
            pairs(expected),
            "{config}"
        );
        let cluster = Cluster::new(&config).pod(&pod);
        assert_eq!(cluster.added(PEER, &[]), [], "{config}");
        assert_eq!(
            cluster.object(kind, object).added(PEER, &[]),
            pairs(expected),
            "{config}"
        );
    }
}

#[test]
fn the_cluster_has_a_uid() {
    let cluster = Cluster::new(&only("k8s.cluster.uid")).pod(&web());
    assert!(cluster.extraction.wants_cluster());
    assert_eq!(cluster.added(PEER, &[]), []);
    assert_eq!(
        cluster.cluster("k-uid").added(PEER, &[]),
        pairs(&[("k8s.cluster.uid", "k-uid")])
    );
}

#[test]
fn labels_and_annotations_of_each_object_are_extracted() {
    let objects = [
        (Kind::Namespace, "namespace", "shop", "s-uid", web()),
        (Kind::Node, "node", "node-1", "n-uid", web()),
        (
            Kind::StatefulSet,
            "statefulset",
            "db",
            "u1",
            owned_by("StatefulSet", "db", "u1"),
        ),
        (
            Kind::DaemonSet,
            "daemonset",
            "agent",
            "u2",
            owned_by("DaemonSet", "agent", "u2"),
        ),
        (Kind::Job, "job", "run", "u3", owned_by("Job", "run", "u3")),
    ];
    for (kind, word, name, uid, pod) in objects {
        let config = format!(
            "[extract]\nmetadata = []\nlabels = [{{ key_regex = 'a/(.*)', from = '{word}', tag_name = 'l.$1' }}]\n\
             annotations = [{{ key = 'b', from = '{word}' }}]"
        );
        let object = json!({ "name": name, "uid": uid, "labels": { "a/x": "1", "a/y": "2", "z": "3" }, "annotations": { "b": "4" } });
        let usual = format!("k8s.{word}.annotation.b");
        let cluster = Cluster::new(&config).pod(&pod).object(kind, &object);
        assert_eq!(
            cluster.added(PEER, &[]),
            pairs(&[(&usual, "4"), ("l.x", "1"), ("l.y", "2")]),
            "{word}"
        );
    }
}

#[test]
fn labels_of_a_deployment_are_found_by_way_of_the_replica_set() {
    let config = "[extract]\nmetadata = []\nlabels = [{ key = 'tier', from = 'deployment' }]";
    let set = json!({ "name": "web-6c45f8d6f6", "namespace": "shop", "uid": "rs-uid", "ownerReferences": [owner("Deployment", "web", "d-uid")] });
    let deployment =
        json!({ "name": "web", "namespace": "shop", "uid": "d-uid", "labels": { "tier": "gold" } });
    let cluster = Cluster::new(config).pod(&web());
    let cluster = cluster
        .object(Kind::Deployment, &deployment)
        .object(Kind::ReplicaSet, &set);
    assert_eq!(
        cluster.added(PEER, &[]),
        pairs(&[("k8s.deployment.label.tier", "gold")])
    );
}

#[test]
fn labels_and_annotations_of_pods_get_names() {
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (
            "labels = [{ key = 'team' }]",
            &[("k8s.pod.label.team", "checkout")],
        ),
        (
            "labels = [{ key = 'team', tag_name = 'owner' }]",
            &[("owner", "checkout")],
        ),
        ("labels = [{ key = 'none', tag_name = 'owner' }]", &[]),
        (
            "labels = [{ key_regex = 'app([.]kubernetes[.]io/.*)?' }]",
            &[
                ("k8s.pod.label.app", "web"),
                ("k8s.pod.label.app.kubernetes.io/component", "frontend"),
            ],
        ),
        (
            "annotations = [{ key_regex = 'example[.]com/(.*)', tag_name = 'a.$1' }]",
            &[("a.commit", "abc"), ("a.owner", "jo")],
        ),
        // The first entry that gives an attribute counts, labels before annotations.
        (
            "labels = [{ key = 'team', tag_name = 'x' }]\nannotations = [{ key = 'example.com/owner', tag_name = 'x' }]",
            &[("x", "checkout")],
        ),
    ];
    for (fields, expected) in cases {
        let config = format!("[extract]\nmetadata = []\n{fields}");
        assert_eq!(of(&config, &web()), pairs(expected), "{fields}");
    }
}

#[test]
fn an_attribute_of_the_pod_comes_before_that_of_its_namespace() {
    let config = "[extract]\nmetadata = []\nlabels = [{ key = 'team', tag_name = 'team', from = 'namespace' }, { key = 'team', tag_name = 'team' }]";
    let namespace = json!({ "name": "shop", "uid": "s-uid", "labels": { "team": "all" } });
    let mut other = web();
    other["metadata"]["labels"] = json!({});
    let cluster = Cluster::new(config)
        .object(Kind::Namespace, &namespace)
        .pod(&web());
    assert_eq!(cluster.added(PEER, &[]), pairs(&[("team", "checkout")]));
    let cluster = Cluster::new(config)
        .object(Kind::Namespace, &namespace)
        .pod(&other);
    assert_eq!(cluster.added(PEER, &[]), pairs(&[("team", "all")]));
}

/// By the semantic conventions, "Service attributes" of Kubernetes.
#[test]
fn services_are_called_as_the_conventions_say() {
    let with = |labels: Json, annotations: Json, mut pod: Json| {
        pod["metadata"]["labels"] = labels;
        pod["metadata"]["annotations"] = annotations;
        pod
    };
    let hash = json!({ "pod-template-hash": "6c45f8d6f6" });
    let none = json!({});
    let labels = json!({ "app.kubernetes.io/instance": "i", "app.kubernetes.io/name": "n", "app.kubernetes.io/version": "v" });
    let name = json!({ "app.kubernetes.io/name": "n" });
    let said = json!({
        "resource.opentelemetry.io/service.name": "said", "resource.opentelemetry.io/service.namespace": "said-ns",
        "resource.opentelemetry.io/service.version": "said-v", "resource.opentelemetry.io/service.instance.id": "said-i"
    });
    let image = "1.4.2@sha256:aa";
    let instance = "shop.web-6c45f8d6f6-x2v9k.app";
    let cases: [(Json, [&str; 4]); 9] = [
        (
            with(labels.clone(), said, web()),
            ["said", "said-ns", "said-v", "said-i"],
        ),
        (with(labels, none.clone(), web()), ["i", "shop", "v", instance]),
        (with(name, none.clone(), web()), ["n", "shop", image, instance]),
        (with(hash, none.clone(), web()), ["web", "shop", image, instance]),
        (
            with(none.clone(), none.clone(), web()),
            ["web-6c45f8d6f6", "shop", image, instance],
        ),
        (
            owned_by("StatefulSet", "db", "u"),
            ["db", "shop", image, instance],
        ),
        (
            owned_by("DaemonSet", "agent", "u"),
            ["agent", "shop", image, instance],
        ),
        (
            owned_by("Job", "backup-29825760", "u"),
            ["backup", "shop", image, instance],
        ),
        (
            owned_by("Node", "node-1", "u"),
            ["web-6c45f8d6f6-x2v9k", "shop", image, instance],
        ),
    ];
    let config =
        "extract.metadata = ['service.name', 'service.namespace', 'service.version', 'service.instance.id']";
    for (pod, [name, namespace, version, instance]) in cases {
        let expected = [
            ("service.instance.id", instance),
            ("service.name", name),
            ("service.namespace", namespace),
            ("service.version", version),
        ];
        assert_eq!(of(config, &pod), pairs(&expected), "{pod}");
    }
}

#[test]
fn annotations_may_be_attributes_but_not_identities() {
    let mut pod = web();
    pod["metadata"]["annotations"] = json!({
        "resource.opentelemetry.io/deployment.environment.name": "prod",
        "resource.opentelemetry.io/k8s.pod.name": "liar",
        "resource.opentelemetry.io/": "nothing",
        "opentelemetry.io/other": "x"
    });
    let config = "extract = { metadata = ['k8s.pod.name'], otel_annotations = true }";
    let expected = pairs(&[
        ("deployment.environment.name", "prod"),
        ("k8s.pod.name", "web-6c45f8d6f6-x2v9k"),
    ]);
    assert_eq!(of(config, &pod), expected);
    assert_eq!(of(&only("k8s.pod.name"), &pod).len(), 1);
}

#[test]
fn the_container_is_the_one_that_the_resource_names() {
    let mut pod = web();
    pod["spec"]["containers"] =
        json!([{ "name": "app", "image": "a:1" }, { "name": "proxy", "image": "p:2" }]);
    let config = "extract.metadata = ['k8s.container.name', 'container.image.tag', 'container.id']";
    let cluster = Cluster::new(config).pod(&pod);
    let app = [
        ("container.id", ID),
        ("container.image.tag", "1"),
        ("k8s.container.name", "app"),
    ];
    let scheme = format!("containerd://{ID}");
    let cases: [(Written<'_>, Written<'_>); 9] = [
        (&[("k8s.container.name", "app")], &app[..2]),
        (
            &[("k8s.container.name", "proxy")],
            &[("container.image.tag", "2")],
        ),
        (&[("k8s.container.name", "other")], &[]),
        (&[("container.id", ID)], &app[1..]),
        (&[("container.id", &scheme)], &app[1..]),
        (&[("container.id", OLD_ID)], &app[1..]),
        (&[("container.id", "unknown")], &[]),
        (
            &[
                ("k8s.container.name", "app"),
                ("k8s.container.restart_count", "0"),
            ],
            &[("container.id", OLD_ID), app[1]],
        ),
        (
            &[
                ("k8s.container.name", "app"),
                ("k8s.container.restart_count", "7"),
            ],
            &app[1..2],
        ),
    ];
    for (attributes, expected) in cases {
        assert_eq!(cluster.added(PEER, attributes), pairs(expected), "{attributes:?}");
    }
    assert_eq!(cluster.added(PEER, &[]), [], "which of two it is cannot be told");
    let metrics = cluster.metrics();
    for sample in ["found\"} 7", "missed\"} 2", "ambiguous\"} 1"] {
        let line = format!("forebay_k8s_attributes_containers_total{{node=\"it\",result=\"{sample}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[test]
fn the_only_container_is_meant_unless_a_sidecar_runs_beside_it() {
    let cluster = |init: Json| {
        let mut pod = web();
        pod["spec"]["initContainers"] = json!([init]);
        Cluster::new(&only("k8s.container.name")).pod(&pod)
    };
    let before = cluster(json!({ "name": "migrate", "image": "m:1" }));
    assert_eq!(before.added(PEER, &[]), pairs(&[("k8s.container.name", "app")]));
    let beside = cluster(json!({ "name": "mesh", "image": "m:1", "restartPolicy": "Always" }));
    assert_eq!(beside.added(PEER, &[]), []);
}

#[test]
fn pods_that_are_excluded_are_not_found() {
    let mut ignored = web();
    ignored["metadata"]["annotations"] = json!({ "opentelemetry.io/k8s-processor/ignore": " True" });
    assert_eq!(of("", &ignored), []);
    ignored["metadata"]["annotations"] = json!({ "opentelemetry.io/k8s-processor/ignore": "false" });
    assert_eq!(of("", &ignored).len(), 6);
    assert_eq!(of("exclude.pods = [{ name = '^web-' }]", &web()), []);
    assert_eq!(of("exclude.pods = [{ name = '^eb-' }]", &web()).len(), 6);
}
