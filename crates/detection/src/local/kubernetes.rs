//! `kubernetes`: what the downward API tells a pod of itself, by environment variables and by the files of a volume.
//!
//! Nobody is asked: no API server, no token. What a pod is not told by its manifest it does not know.

use super::Look;
use super::quoted;
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, Value, ValueType, Wanted};
use std::collections::BTreeMap;

/// What it can find (semantic conventions, "Kubernetes").
pub const SPECS: &[Spec] = &[
    spec(
        "k8s.namespace.name",
        "`K8S_NAMESPACE`, `K8S_POD_NAMESPACE` or `K8S_NAMESPACE_NAME`; the file `namespace`; that of the service account",
        true,
    ),
    spec(
        "k8s.pod.name",
        "`K8S_POD_NAME` or `OTEL_RESOURCE_ATTRIBUTES_POD_NAME`; the file `name`",
        true,
    ),
    spec(
        "k8s.pod.uid",
        "`K8S_POD_UID` or `OTEL_RESOURCE_ATTRIBUTES_POD_UID`; the file `uid`; where `/etc/hosts` is mounted from",
        true,
    ),
    spec(
        "k8s.node.name",
        "`K8S_NODE_NAME`, `KUBE_NODE_NAME` or `OTEL_RESOURCE_ATTRIBUTES_NODE_NAME`",
        true,
    ),
    spec("k8s.container.name", "`K8S_CONTAINER_NAME`", true),
    spec("k8s.cluster.name", "`K8S_CLUSTER_NAME`", true),
    spec("k8s.pod.ip", "`K8S_POD_IP`", false),
    spec(LABEL, "the file `labels`", false),
    spec(ANNOTATION, "the file `annotations`", false),
];

const LABEL: &str = "k8s.pod.label.<key>";
const ANNOTATION: &str = "k8s.pod.annotation.<key>";

const fn spec(key: &'static str, source: &'static str, default: bool) -> Spec {
    Spec {
        key,
        value: ValueType::String,
        source,
        stability: Stability::Stable,
        default,
    }
}

/// Which variables tell an attribute where nothing else is said, the first that is set: what manifests of the Collector, its Helm chart
/// and the OpenTelemetry operator call them. Names without a prefix (`NODE_NAME`) are in use for other things.
const VARIABLES: [(&str, &[&str]); 7] = [
    (
        "k8s.namespace.name",
        &["K8S_NAMESPACE", "K8S_POD_NAMESPACE", "K8S_NAMESPACE_NAME"],
    ),
    (
        "k8s.pod.name",
        &["K8S_POD_NAME", "OTEL_RESOURCE_ATTRIBUTES_POD_NAME"],
    ),
    (
        "k8s.pod.uid",
        &["K8S_POD_UID", "OTEL_RESOURCE_ATTRIBUTES_POD_UID"],
    ),
    (
        "k8s.node.name",
        &[
            "K8S_NODE_NAME",
            "KUBE_NODE_NAME",
            "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME",
        ],
    ),
    ("k8s.container.name", &["K8S_CONTAINER_NAME"]),
    ("k8s.cluster.name", &["K8S_CLUSTER_NAME"]),
    ("k8s.pod.ip", &["K8S_POD_IP"]),
];

/// Which file of the volume tells an attribute.
const FILES: [(&str, &str); 3] = [
    ("k8s.namespace.name", "namespace"),
    ("k8s.pod.name", "name"),
    ("k8s.pod.uid", "uid"),
];

/// Where the volume is where nothing else is said, as the documentation of Kubernetes has it.
pub const DIRECTORY: &str = "/etc/podinfo";
/// What every pod with a service account is told of its namespace.
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
const MOUNTS: &str = "/proc/self/mountinfo";

/// The attributes that an environment variable may tell.
pub fn told_by_variables() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(key, _)| *key)
}

/// Looks at what the downward API tells.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// Which variable tells an attribute, in the place of those that it is usually told by.
    pub variables: BTreeMap<String, String>,
    /// Where the volume with the files is: an absolute path.
    pub directory: String,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Kubernetes {
            variables: BTreeMap::new(),
            directory: DIRECTORY.to_owned(),
        }
    }
}

impl Look for Kubernetes {
    fn look(&self, surroundings: &Surroundings, wanted: &Wanted) -> Outcome {
        let mut told = Told::default();
        for (key, usual) in VARIABLES {
            told.add(key, Ok(self.variable(surroundings, key, usual)));
        }
        for (key, name) in FILES {
            if told.lacks(key) && wanted.has(key) {
                told.add(key, surroundings.read(&self.file(name)));
            }
        }
        if told.lacks("k8s.namespace.name") && wanted.has("k8s.namespace.name") {
            told.add("k8s.namespace.name", surroundings.read(NAMESPACE));
        }
        if told.lacks("k8s.pod.uid") && wanted.has("k8s.pod.uid") {
            let mounts = surroundings.read(MOUNTS);
            told.add("k8s.pod.uid", mounts.map(|mounts| pod_of_mounts(&mounts?)));
        }
        for (spec, name) in [(LABEL, "labels"), (ANNOTATION, "annotations")] {
            if wanted.has_any(spec) {
                told.add_all(spec, &self.file(name), surroundings);
            }
        }
        Outcome::of(told.attributes, &told.failures)
    }
}

impl Kubernetes {
    fn variable(&self, surroundings: &Surroundings, key: &str, usual: &[&str]) -> Option<String> {
        let value = match self.variables.get(key) {
            Some(name) => surroundings.variable(name),
            None => usual.iter().find_map(|name| surroundings.variable(name)),
        };
        value.map(str::to_owned)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.directory.trim_end_matches('/'))
    }
}

/// What was told so far.
#[derive(Default)]
struct Told {
    attributes: Vec<Attribute>,
    failures: Vec<String>,
}

impl Told {
    fn lacks(&self, key: &str) -> bool {
        self.attributes.iter().all(|attribute| attribute.key != key)
    }

    fn add(&mut self, key: &str, value: Result<Option<String>, String>) {
        match value {
            Ok(value) => {
                let value = value.unwrap_or_default();
                let value = value.trim();
                if !value.is_empty() {
                    self.attributes.push(Attribute::new(key, value));
                }
            }
            Err(failure) => self.failures.push(failure),
        }
    }

    /// Adds what the file at `path` tells: names that begin as those of `spec` do.
    fn add_all(&mut self, spec: &str, path: &str, surroundings: &Surroundings) {
        let beginning = spec.trim_end_matches("<key>");
        let read = surroundings.read(path).and_then(|text| {
            let text = text.unwrap_or_default();
            quoted::pairs(&text).map_err(|why| format!("{path} is passed over as a whole: {why}"))
        });
        match read {
            Ok(pairs) => self
                .attributes
                .extend(pairs.into_iter().map(|(key, value)| Attribute {
                    key: format!("{beginning}{key}"),
                    value: Value::Text(value),
                })),
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// The pod that the kubelet has written `/etc/hosts` for, which it does in every pod with a network of its own:
/// `/var/lib/kubelet/pods/UID/etc-hosts`.
fn pod_of_mounts(text: &str) -> Option<String> {
    let mounted = |line: &str| {
        let mut fields = line.split(' ').skip(3);
        let (from, to) = (fields.next()?, fields.next()?);
        let (before, uid) = from.strip_suffix("/etc-hosts")?.rsplit_once('/')?;
        let is_uid = uid.len() == 36 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        (to == "/etc/hosts" && before.ends_with("/pods") && is_uid).then(|| uid.to_owned())
    };
    text.lines().find_map(mounted)
}
