//! `kubernetes`: the downward API by environment and by files.

use super::{Place, Seen, UNREADABLE};
use crate::Kind;
use crate::local::kubernetes::{Kubernetes, told_by_variables};

const LABELS: &str = "k8s.pod.label.<key>";
const ANNOTATIONS: &str = "k8s.pod.annotation.<key>";
const UID: &str = "275ecb36-5aa8-4c2a-9c47-d8bb681b9aff";

fn look(place: &Place, switched: &[&str]) -> Seen {
    place.look(Kind::Kubernetes, &Kubernetes::default(), switched)
}

#[test]
fn a_pod_is_told_by_its_environment() {
    let place = Place::with(&[]).variables(&[
        ("K8S_NAMESPACE", "shop"),
        ("K8S_POD_NAME", "cart-0"),
        ("K8S_POD_UID", UID),
        ("K8S_NODE_NAME", "node-7"),
        ("K8S_CONTAINER_NAME", "agent"),
        ("K8S_CLUSTER_NAME", "blue"),
        ("K8S_POD_IP", "192.0.2.7"),
        ("NODE_NAME", "somebody's else"),
    ]);
    let always = [
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "cart-0"),
        ("k8s.pod.uid", UID),
        ("k8s.node.name", "node-7"),
        ("k8s.container.name", "agent"),
        ("k8s.cluster.name", "blue"),
    ];
    look(&place, &[]).is("found", &always, "");
    let seen = look(&place, &["k8s.pod.ip"]);
    assert_eq!(seen.get("k8s.pod.ip"), Some(&"192.0.2.7".into()));
}

#[test]
fn variables_have_several_names_and_any_other_that_is_configured() {
    let cases = [
        ("K8S_POD_NAMESPACE", "k8s.namespace.name"),
        ("K8S_NAMESPACE_NAME", "k8s.namespace.name"),
        ("OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "k8s.pod.name"),
        ("OTEL_RESOURCE_ATTRIBUTES_POD_UID", "k8s.pod.uid"),
        ("OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "k8s.node.name"),
        ("KUBE_NODE_NAME", "k8s.node.name"),
    ];
    for (variable, key) in cases {
        look(&Place::with(&[]).variables(&[(variable, "x")]), &[]).is("found", &[(key, "x")], "");
    }
    let two = Place::with(&[]).variables(&[("KUBE_NODE_NAME", "second"), ("K8S_NODE_NAME", "first")]);
    look(&two, &[]).is("found", &[("k8s.node.name", "first")], "");

    let place = Place::with(&[]).variables(&[("NODE_NAME", "mine"), ("K8S_NODE_NAME", "usual")]);
    let configured = Kubernetes {
        variables: [("k8s.node.name".to_owned(), "NODE_NAME".to_owned())].into(),
        ..Kubernetes::default()
    };
    place
        .look(Kind::Kubernetes, &configured, &[])
        .is("found", &[("k8s.node.name", "mine")], "");
    let known: Vec<&str> = told_by_variables().collect();
    assert!(known.contains(&"k8s.node.name") && known.len() == 7, "{known:?}");
}

#[test]
fn a_pod_is_told_by_files() {
    let files = [
        ("/etc/podinfo/namespace", "shop"),
        ("/etc/podinfo/name", "cart-0\n"),
        ("/etc/podinfo/uid", UID),
        (
            "/etc/podinfo/labels",
            "app=\"cart\"\nkubernetes.io/arch=\"x64\"\nempty=\"\"\n",
        ),
        (
            "/etc/podinfo/annotations",
            "note=\"two\\nlines, \\\"quoted\\\" = \\\\ \\u00e9\\x01\\U0001f600\"\n",
        ),
    ];
    let own = [
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "cart-0"),
        ("k8s.pod.uid", UID),
    ];
    look(&Place::with(&files), &[]).is("found", &own, "");
    let labels = [
        ("k8s.pod.label.app", "cart"),
        ("k8s.pod.label.kubernetes.io/arch", "x64"),
        ("k8s.pod.label.empty", ""),
    ];
    look(&Place::with(&files), &[LABELS]).is("found", &[&own[..], &labels].concat(), "");
    look(&Place::with(&files), &["k8s.pod.label.app"]).is("found", &[&own[..], &labels[..1]].concat(), "");
    let note = [(
        "k8s.pod.annotation.note",
        "two\nlines, \"quoted\" = \\ \u{e9}\u{1}\u{1f600}",
    )];
    look(&Place::with(&files), &[ANNOTATIONS]).is("found", &[&own[..], &note].concat(), "");
    // What the environment says comes first, and then the rest is not looked for.
    let place = Place::with(&files).variables(&[("K8S_POD_NAME", "other")]);
    assert_eq!(look(&place, &[]).get("k8s.pod.name"), Some(&"other".into()));

    let elsewhere = Kubernetes {
        directory: "/podinfo/".to_owned(),
        ..Kubernetes::default()
    };
    let place = Place::with(&[("/podinfo/name", "cart-0")]);
    place
        .look(Kind::Kubernetes, &elsewhere, &[])
        .is("found", &[("k8s.pod.name", "cart-0")], "");
}

#[test]
fn what_the_kubelet_mounts_tells_of_the_pod_as_well() {
    let mounts = format!(
        "1079 961 0:57 / / rw - overlay overlay rw\n\
         1080 1079 8:1 /var/lib/kubelet/pods/{UID}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw\n"
    );
    let files = [
        ("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "shop"),
        ("/proc/self/mountinfo", &mounts),
    ];
    let found = [("k8s.namespace.name", "shop"), ("k8s.pod.uid", UID)];
    look(&Place::with(&files), &[]).is("found", &found, "");
    let docker = "1 1 8:1 /var/lib/docker/containers/abc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n\n1 2 3\n";
    look(&Place::with(&[("/proc/self/mountinfo", docker)]), &[]).is("absent", &[], "");
}

#[test]
fn garbage_is_passed_over_and_said() {
    let cases = [
        "app=cart\n",
        "app=\"cart\n",
        "ok=\"1\"\napp\n",
        "=\"cart\"\n",
        "app=\"a\"b\"\n",
        "app=\"\\q\"\n",
        "app=\"\\x1\"\n",
        "app=\"\\ud800\"\n",
        "app=\"cart\\\"\n",
        "\u{0}\u{1}",
    ];
    for garbage in cases {
        let place = Place::with(&[("/etc/podinfo/labels", garbage), ("/etc/podinfo/name", "cart-0")]);
        look(&place, &[LABELS]).is(
            "partial",
            &[("k8s.pod.name", "cart-0")],
            "is not like `key=\"value\"`",
        );
        // Whoever does not ask for labels is not bothered.
        look(&place, &[]).is("found", &[("k8s.pod.name", "cart-0")], "");
    }
    let second = Place::with(&[("/etc/podinfo/labels", "ok=\"1\"\napp\n")]);
    look(&second, &[LABELS]).is(
        "failed",
        &[],
        "/etc/podinfo/labels is passed over as a whole: line 2",
    );
}

#[test]
fn what_cannot_be_read_is_said_and_elsewhere_there_is_nothing() {
    for path in [
        "/etc/podinfo/name",
        "/proc/self/mountinfo",
        "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
    ] {
        look(&Place::with(&[(path, UNREADABLE)]), &[]).is("failed", &[], &format!("cannot read {path}"));
    }
    look(&Place::with(&[("/etc/podinfo/labels", UNREADABLE)]), &[LABELS]).is(
        "failed",
        &[],
        "/etc/podinfo/labels",
    );
    look(&Place::with(&[]), &[LABELS, ANNOTATIONS]).is("absent", &[], "");
    look(&Place::with(&[("/etc/podinfo/name", " \n")]), &[]).is("absent", &[], "");
}
