//! What is kept of objects: attributes in wire form, made once for each version of an object.

use super::config::{ExtractConfig, FieldConfig, K8sAttributesConfig, Metadata, Owner, PodName, Wants};
use super::image::{self, Image};
use super::list;
use super::workload::{cron_job_of, deployment_of};
use crate::{ContainerObject, Extract, Extracted, Kind, Metadata as ObjectMeta, Pairs, PodObject};
use forebay_otlp::edit::{AttributeSet, AttributeValue};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What the keys of annotations begin with that are attributes (semantic conventions, Kubernetes, "Specify resource attributes using
/// Kubernetes annotations").
const ANNOTATED: &str = "resource.opentelemetry.io/";
/// The annotation by which a pod says that its data is to pass as it is.
const IGNORE: &str = "opentelemetry.io/k8s-processor/ignore";

/// Which attributes are made of which objects.
#[derive(Debug)]
pub(super) struct Extraction {
    wants: Wants,
    config: ExtractConfig,
    exclude: Vec<PodName>,
    /// The kinds watched beside pods.
    kinds: BTreeSet<Kind>,
}

/// Attributes in the making: a key and a text, or an encoded value.
#[derive(Default)]
struct Attributes<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    /// The body of an `AnyValue`.
    Encoded(Vec<u8>),
}

impl<'a> Attributes<'a> {
    /// A text, unless it is empty: then the object does not say.
    fn text(&mut self, key: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.0.push((key.into(), Value::Text(text)));
        }
    }

    fn finish(&self) -> AttributeSet {
        AttributeSet::new(self.0.iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => AttributeValue::String(text),
                Value::Number(number) => AttributeValue::Int(*number),
                Value::Encoded(body) => AttributeValue::Encoded(body),
            };
            (&**key, value)
        }))
    }
}

impl Extraction {
    pub(super) fn new(config: &K8sAttributesConfig) -> Self {
        let wants = config.extract.wants();
        Extraction {
            wants,
            config: config.extract.clone(),
            exclude: config.exclude.pods.iter().map(|pod| pod.name.clone()).collect(),
            kinds: kinds(&config.extract, wants),
        }
    }

    /// The kinds that have to be watched beside pods.
    pub(super) fn kinds(&self) -> &BTreeSet<Kind> {
        &self.kinds
    }

    /// Whether the uid of the cluster is wanted.
    pub(super) fn wants_cluster(&self) -> bool {
        self.wants.has(Metadata::ClusterUid)
    }

    /// Whether something is wanted that differs between the containers of a pod.
    pub(super) fn wants_containers(&self) -> bool {
        self.wants.containers()
    }

    /// Whether the metadata of pods say all that is wanted of them.
    pub(super) fn needs_metadata_only(&self) -> bool {
        let more = [
            Metadata::PodIp,
            Metadata::PodHostname,
            Metadata::PodStartTime,
            Metadata::NodeName,
        ];
        !self.wants.any(&more) && !self.wants_containers() && !self.kinds.contains(&Kind::Node)
    }

    fn put<'a>(&self, out: &mut Attributes<'a>, metadata: Metadata, text: impl Into<Cow<'a, str>>) {
        if self.wants.has(metadata) {
            out.text(metadata.as_str(), text);
        }
    }

    /// The attributes of labels and annotations of one object.
    fn fields<'a>(&self, out: &mut Attributes<'a>, owner: Owner, object: &'a ObjectMeta<'_>) {
        let mut list = |fields: &[FieldConfig], word: &str, pairs: &'a Pairs<'_>| {
            for field in fields.iter().filter(|field| field.from() == owner) {
                for (key, value) in pairs.iter() {
                    if let Some(name) = field.name_of(word, key) {
                        out.0.push((Cow::Owned(name), Value::Text(value.into())));
                    }
                }
            }
        };
        list(&self.config.labels, "label", &object.labels);
        list(&self.config.annotations, "annotation", &object.annotations);
    }

    /// The names of what the pod belongs to.
    fn workload<'a>(&self, out: &mut Attributes<'a>, pod: &'a ObjectMeta<'_>) {
        let Some(owner) = pod.controller() else { return };
        let (name, uid) = (owner.name.as_str(), owner.uid.as_str());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let deployment = self.deployment(name, &pod.labels).unwrap_or_default();
                self.put(out, Metadata::DeploymentName, deployment);
                self.put(out, Metadata::ReplicaSetName, name);
                self.put(out, Metadata::ReplicaSetUid, uid);
            }
            "StatefulSet" => {
                self.put(out, Metadata::StatefulSetName, name);
                self.put(out, Metadata::StatefulSetUid, uid);
            }
            "DaemonSet" => {
                self.put(out, Metadata::DaemonSetName, name);
                self.put(out, Metadata::DaemonSetUid, uid);
            }
            "Job" => {
                self.put(
                    out,
                    Metadata::CronJobName,
                    self.cron_job(name).unwrap_or_default(),
                );
                self.put(out, Metadata::JobName, name);
                self.put(out, Metadata::JobUid, uid);
            }
            _ => {}
        }
    }

    /// The deployment by the name of a replica set, where replica sets are not asked.
    fn deployment<'n>(&self, replica_set: &'n str, labels: &Pairs<'_>) -> Option<&'n str> {
        let asked = self.kinds.contains(&Kind::ReplicaSet);
        if asked {
            None
        } else {
            deployment_of(replica_set, labels)
        }
    }

    /// The cron job by the name of a job, where jobs are not asked.
    fn cron_job<'n>(&self, job: &'n str) -> Option<&'n str> {
        let asked = self.kinds.contains(&Kind::Job);
        if asked { None } else { cron_job_of(job) }
    }

    /// What the service of a pod is called, and whether that is what no other pod's is called. Nothing: its owner knows.
    fn service_name<'a>(&self, pod: &'a ObjectMeta<'_>) -> Option<(&'a str, bool)> {
        let label = |key: &str| pod.labels.get(key).filter(|value| !value.is_empty());
        let said = annotated(pod, "service.name")
            .or_else(|| label("app.kubernetes.io/instance"))
            .or_else(|| label("app.kubernetes.io/name"));
        if let Some(said) = said {
            return Some((said, false));
        }
        let owner = pod.controller();
        let (kind, name) = owner.map_or(("", ""), |owner| (owner.kind.as_str(), owner.name.as_str()));
        let of_owner = match kind {
            "ReplicaSet" if self.kinds.contains(&Kind::ReplicaSet) => return None,
            "Job" if self.kinds.contains(&Kind::Job) => return None,
            "ReplicaSet" => deployment_of(name, &pod.labels).unwrap_or(name),
            "Job" => cron_job_of(name).unwrap_or(name),
            "StatefulSet" | "DaemonSet" => name,
            _ => return Some((pod.name.as_str(), true)),
        };
        Some((of_owner, false))
    }

    /// What the pod says of its service, and what follows from its names. An instance of its own is in `own`.
    fn service<'a>(&self, own: &mut Attributes<'a>, shared: &mut Attributes<'a>, pod: &'a ObjectMeta<'_>) {
        if let Some((name, is_own)) = self.service_name(pod) {
            let out = if is_own { &mut *own } else { &mut *shared };
            self.put(out, Metadata::ServiceName, name);
        }
        let namespace = annotated(pod, "service.namespace").unwrap_or(pod.namespace.as_str());
        self.put(shared, Metadata::ServiceNamespace, namespace);
        self.put(
            shared,
            Metadata::ServiceVersion,
            said_version(pod).unwrap_or_default(),
        );
        let instance = annotated(pod, "service.instance.id").unwrap_or_default();
        self.put(own, Metadata::ServiceInstanceId, instance);
    }

    fn is_excluded(&self, pod: &ObjectMeta<'_>) -> bool {
        let ignore = pod.annotations.get(IGNORE);
        ignore.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
            || self.exclude.iter().any(|name| name.matches(&pod.name))
    }
}

impl Extract for Extraction {
    fn pod(&self, pod: &PodObject<'_>) -> Option<Extracted> {
        let object = &pod.metadata;
        if self.is_excluded(object) {
            return None;
        }
        let (mut own, mut shared) = (Attributes::default(), Attributes::default());
        self.put(&mut own, Metadata::PodName, object.name.as_str());
        self.put(&mut own, Metadata::PodUid, object.uid.as_str());
        self.put(&mut own, Metadata::PodIp, pod.status.pod_ip.as_str());
        self.put(&mut own, Metadata::PodHostname, pod.spec.hostname.as_str());
        self.put(&mut own, Metadata::PodStartTime, pod.status.start_time.as_str());
        self.put(&mut shared, Metadata::NamespaceName, object.namespace.as_str());
        self.workload(&mut shared, object);
        self.put(&mut shared, Metadata::NodeName, pod.spec.node_name.as_str());
        if self.config.otel_annotations {
            for (key, value) in object.annotations.iter() {
                if let Some(name) = key.strip_prefix(ANNOTATED).filter(|name| !name.is_empty()) {
                    shared.0.push((name.into(), Value::Text(value.into())));
                }
            }
        }
        self.service(&mut own, &mut shared, object);
        self.fields(&mut shared, Owner::Pod, object);
        Some(Extracted {
            own: own.finish(),
            shared: shared.finish(),
        })
    }

    fn container(&self, pod: &PodObject<'_>, container: &ContainerObject<'_, '_>) -> Extracted {
        let object = &pod.metadata;
        let name = container.spec.name.as_str();
        let (mut own, mut shared) = (Attributes::default(), Attributes::default());
        if annotated(object, "service.instance.id").is_none() {
            let instance = [object.namespace.as_str(), object.name.as_str(), name].join(".");
            self.put(&mut own, Metadata::ServiceInstanceId, instance);
        }
        if let Some(status) = container
            .status
            .filter(|_| self.wants.has(Metadata::ContainerRestartCount))
        {
            let key = Metadata::ContainerRestartCount.as_str();
            own.0
                .push((key.into(), Value::Number(status.restart_count.into())));
        }
        self.put(&mut shared, Metadata::ContainerName, name);
        if let Some(image) = Image::parse(&container.spec.image) {
            let tag = image.effective_tag();
            self.put(&mut shared, Metadata::ContainerImageName, image.name);
            self.put(&mut shared, Metadata::ContainerImageTag, tag.unwrap_or_default());
            self.put_list(&mut shared, Metadata::ContainerImageTags, tag);
            if said_version(object).is_none() {
                self.put(
                    &mut shared,
                    Metadata::ServiceVersion,
                    image.version().unwrap_or_default(),
                );
            }
        }
        let digest = container
            .status
            .and_then(|status| image::repo_digest(&status.image_id));
        self.put_list(&mut shared, Metadata::ContainerImageRepoDigests, digest);
        Extracted {
            own: own.finish(),
            shared: shared.finish(),
        }
    }

    fn run(&self, container_id: &str) -> AttributeSet {
        let mut out = Attributes::default();
        self.put(&mut out, Metadata::ContainerId, container_id);
        out.finish()
    }

    fn object(&self, kind: Kind, object: &ObjectMeta<'_>) -> AttributeSet {
        let mut out = Attributes::default();
        let owner = object.controller();
        let by = |kind: &str| owner.filter(|owner| owner.kind == *kind);
        match kind {
            Kind::ReplicaSet => {
                let deployment = by("Deployment");
                let name = deployment.map_or("", |owner| owner.name.as_str());
                self.put(&mut out, Metadata::DeploymentName, name);
                let uid = deployment.map_or("", |owner| owner.uid.as_str());
                self.put(&mut out, Metadata::DeploymentUid, uid);
                let service = if name.is_empty() {
                    object.name.as_str()
                } else {
                    name
                };
                self.put(&mut out, Metadata::ServiceName, service);
            }
            Kind::Job => {
                let cron_job = by("CronJob");
                let name = cron_job.map_or("", |owner| owner.name.as_str());
                self.put(&mut out, Metadata::CronJobName, name);
                let uid = cron_job.map_or("", |owner| owner.uid.as_str());
                self.put(&mut out, Metadata::CronJobUid, uid);
                let service = if name.is_empty() {
                    object.name.as_str()
                } else {
                    name
                };
                self.put(&mut out, Metadata::ServiceName, service);
                self.fields(&mut out, Owner::Job, object);
            }
            Kind::Node => {
                self.put(&mut out, Metadata::NodeUid, object.uid.as_str());
                self.fields(&mut out, Owner::Node, object);
            }
            Kind::Namespace => self.fields(&mut out, Owner::Namespace, object),
            Kind::Deployment => self.fields(&mut out, Owner::Deployment, object),
            Kind::StatefulSet => self.fields(&mut out, Owner::StatefulSet, object),
            Kind::DaemonSet => self.fields(&mut out, Owner::DaemonSet, object),
            Kind::Pod => {}
        }
        out.finish()
    }

    fn cluster(&self, uid: &str) -> AttributeSet {
        let mut out = Attributes::default();
        self.put(&mut out, Metadata::ClusterUid, uid);
        out.finish()
    }
}

impl Extraction {
    /// A list with one text in it; nothing where there is none.
    fn put_list(&self, out: &mut Attributes<'_>, metadata: Metadata, text: Option<&str>) {
        if let Some(text) = text.filter(|_| self.wants.has(metadata)) {
            let key = metadata.as_str();
            out.0.push((key.into(), Value::Encoded(list::of_texts(&[text]))));
        }
    }
}

/// What an annotation of the pod says that an attribute is.
fn annotated<'a>(pod: &'a ObjectMeta<'_>, attribute: &str) -> Option<&'a str> {
    let mut found = pod.annotations.iter();
    found
        .find_map(|(key, value)| (key.strip_prefix(ANNOTATED) == Some(attribute)).then_some(value))
        .filter(|value| !value.is_empty())
}

/// What annotations and labels of the pod say of its version.
fn said_version<'a>(pod: &'a ObjectMeta<'_>) -> Option<&'a str> {
    let label = pod.labels.get("app.kubernetes.io/version");
    annotated(pod, "service.version").or_else(|| label.filter(|value| !value.is_empty()))
}

/// The kinds that have to be watched for what is wanted.
fn kinds(config: &ExtractConfig, wants: Wants) -> BTreeSet<Kind> {
    let deployments = config.has_fields_of(Owner::Deployment);
    let by_owner = !config.deployment_name_from_replicaset
        && wants.any(&[Metadata::DeploymentName, Metadata::ServiceName]);
    let all = [
        (Kind::Namespace, config.has_fields_of(Owner::Namespace)),
        (
            Kind::Node,
            wants.has(Metadata::NodeUid) || config.has_fields_of(Owner::Node),
        ),
        (
            Kind::ReplicaSet,
            by_owner || deployments || wants.has(Metadata::DeploymentUid),
        ),
        (Kind::Deployment, deployments),
        (Kind::StatefulSet, config.has_fields_of(Owner::StatefulSet)),
        (Kind::DaemonSet, config.has_fields_of(Owner::DaemonSet)),
        (
            Kind::Job,
            wants.has(Metadata::CronJobUid) || config.has_fields_of(Owner::Job),
        ),
    ];
    all.into_iter()
        .filter_map(|(kind, needed)| needed.then_some(kind))
        .collect()
}
