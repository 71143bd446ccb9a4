//! Objects as a cluster has them, with all that nobody asks for.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A pod in the making. Its fields may be set as a test needs them.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The node it is on; empty: none yet.
    pub node: String,
    /// Its addresses, the first one first.
    pub ips: Vec<String>,
    /// `Running`, `Succeeded`, ...
    pub phase: String,
    /// Whether it is on the host's network.
    pub host_network: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Who owns it: kind, name, uid.
    pub owner: Option<(String, String, String)>,
    /// When it was made, as RFC 3339.
    pub created: String,
    /// Its containers: name, image, id without the runtime's name, how often started anew.
    pub containers: Vec<(String, String, String, u32)>,
}

/// A uid that is made of a number, and looks like one.
pub fn uid(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// A container's id that is made of a number, and looks like one.
pub fn container_id(number: u64) -> String {
    format!("{:064x}", u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c_0c64)
}

impl PodSpec {
    /// A running pod with one container, made of a number: another number is another pod with another address.
    pub fn new(namespace: &str, name: &str, number: u64) -> PodSpec {
        let [.., a, b, c] = number.to_be_bytes();
        PodSpec {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid(1, number),
            node: "node-0".to_owned(),
            ips: vec![format!("10.{a}.{b}.{c}")],
            phase: "Running".to_owned(),
            host_network: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            owner: None,
            created: "2026-03-01T08:00:00Z".to_owned(),
            containers: vec![(
                "app".to_owned(),
                "registry.example.com/team/app:1.4.2".to_owned(),
                container_id(number),
                0,
            )],
        }
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> PodSpec {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets its owner.
    #[must_use]
    pub fn owned_by(mut self, kind: &str, name: &str, uid: &str) -> PodSpec {
        self.owner = Some((kind.to_owned(), name.to_owned(), uid.to_owned()));
        self
    }

    /// As the API has it, without a version.
    pub fn object(&self) -> Value {
        let mut metadata = metadata(&self.namespace, &self.name, &self.uid);
        metadata.insert("labels".into(), json!(self.labels));
        metadata.insert("annotations".into(), json!(self.annotations));
        metadata.insert("creationTimestamp".into(), json!(self.created));
        metadata.insert("managedFields".into(), managed_fields(&self.labels));
        if let Some((kind, name, uid)) = &self.owner {
            metadata.insert("ownerReferences".into(), owner(kind, name, uid));
        }
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": self.spec(), "status": self.status(),
        })
    }

    fn spec(&self) -> Value {
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|(name, image, _, _)| container(name, image))
            .collect();
        let mut spec = json!({
            "containers": containers,
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority", "priority": 0,
            "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {"runAsNonRoot": true, "fsGroup": 2000},
            "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
            "tolerations": [{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
                {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300}],
            "volumes": [{"name": "kube-api-access-x2b7q", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}}]}}],
        });
        if !self.node.is_empty() {
            set(&mut spec, "nodeName", json!(self.node));
        }
        if self.host_network {
            set(&mut spec, "hostNetwork", json!(true));
        }
        spec
    }

    fn status(&self) -> Value {
        let statuses: Vec<Value> = self
            .containers
            .iter()
            .map(|(name, image, id, restarts)| {
                json!({
                    "containerID": format!("containerd://{id}"), "image": image,
                    "imageID": format!("{}@sha256:{id}", image.split(':').next().unwrap_or_default()),
                    "lastState": {}, "name": name, "ready": true, "restartCount": restarts, "started": true,
                    "state": {"running": {"startedAt": self.created}},
                })
            })
            .collect();
        let conditions: Vec<Value> = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .iter()
            .map(|kind| json!({"lastProbeTime": null, "lastTransitionTime": self.created, "status": "True", "type": kind}))
            .collect();
        let mut status = json!({
            "conditions": conditions, "containerStatuses": statuses, "hostIP": "192.168.1.10",
            "phase": self.phase, "qosClass": "Burstable", "startTime": self.created,
        });
        if let Some(first) = self.ips.first() {
            let all: Vec<Value> = self.ips.iter().map(|ip| json!({"ip": ip})).collect();
            set(&mut status, "podIP", json!(first));
            set(&mut status, "podIPs", json!(all));
        }
        status
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn metadata(namespace: &str, name: &str, uid: &str) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("name".into(), json!(name));
    metadata.insert("uid".into(), json!(uid));
    if !namespace.is_empty() {
        metadata.insert("namespace".into(), json!(namespace));
    }
    metadata
}

fn owner(kind: &str, name: &str, uid: &str) -> Value {
    let group = match kind {
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    };
    json!([{"apiVersion": group, "blockOwnerDeletion": true, "controller": true, "kind": kind, "name": name, "uid": uid}])
}

fn container(name: &str, image: &str) -> Value {
    let env: Vec<Value> = (0..6)
        .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("value of the setting {number}")}))
        .collect();
    let probe = json!({"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": 5,
        "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1});
    json!({
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "env": env, "livenessProbe": probe, "readinessProbe": probe,
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access-x2b7q", "readOnly": true}],
    })
}

/// What every object has and nobody reads: who has set which field, and when.
fn managed_fields(labels: &BTreeMap<String, String>) -> Value {
    let named = |name: &str| (format!("f:{name}"), json!({}));
    let labels: Map<String, Value> = labels.keys().map(|key| named(key)).collect();
    let container: Map<String, Value> = [
        "env",
        "image",
        "imagePullPolicy",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resources",
        "terminationMessagePath",
        "terminationMessagePolicy",
    ]
    .iter()
    .map(|key| named(key))
    .collect();
    let status: Map<String, Value> = [
        "conditions",
        "containerStatuses",
        "hostIP",
        "phase",
        "podIP",
        "podIPs",
        "startTime",
    ]
    .iter()
    .map(|key| named(key))
    .collect();
    let entry = |manager: &str, fields: Value| {
        json!({"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": manager, "operation": "Update",
            "time": "2026-03-01T08:00:00Z"})
    };
    json!([
        entry(
            "kube-controller-manager",
            json!({"f:metadata": {"f:generateName": {}, "f:labels": labels, "f:ownerReferences": {}},
            "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": container}, "f:dnsPolicy": {}, "f:enableServiceLinks": {},
            "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {}, "f:terminationGracePeriodSeconds": {}}})
        ),
        entry("kubelet", json!({"f:status": status})),
    ])
}

/// An object of another kind: `metadata` is what matters of it. `kind` is that of the object: `Deployment`.
pub fn object(kind: &str, namespace: &str, name: &str, uid: &str) -> Value {
    let mut metadata = metadata(namespace, name, uid);
    metadata.insert("managedFields".into(), managed_fields(&BTreeMap::new()));
    metadata.insert("creationTimestamp".into(), json!("2026-03-01T07:00:00Z"));
    let version = match kind {
        "Job" | "CronJob" => "batch/v1",
        "Namespace" | "Node" | "Pod" => "v1",
        _ => "apps/v1",
    };
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {"replicas": 3}, "status": {}})
}

/// `object` with these labels.
pub fn labelled(mut object: Value, labels: &[(&str, &str)]) -> Value {
    let labels: Map<String, Value> = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    if let Some(metadata) = object.get_mut("metadata") {
        set(metadata, "labels", Value::Object(labels));
    }
    object
}

/// `object`, owned by another.
pub fn owned(mut object: Value, kind: &str, name: &str, uid: &str) -> Value {
    if let Some(metadata) = object.get_mut("metadata") {
        set(metadata, "ownerReferences", owner(kind, name, uid));
    }
    object
}
