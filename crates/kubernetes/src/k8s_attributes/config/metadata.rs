//! What is known of a pod, under the names of the semantic conventions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One attribute that can be extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Metadata {
    /// The namespace of the pod.
    #[serde(rename = "k8s.namespace.name")]
    NamespaceName,
    /// The name of the pod.
    #[serde(rename = "k8s.pod.name")]
    PodName,
    /// The unique id of the pod.
    #[serde(rename = "k8s.pod.uid")]
    PodUid,
    /// The address of the pod, the first one where it has one of each family.
    #[serde(rename = "k8s.pod.ip")]
    PodIp,
    /// The host name that the specification of the pod gives it; nothing where it gives none.
    #[serde(rename = "k8s.pod.hostname")]
    PodHostname,
    /// When a node took the pod on, in RFC 3339.
    #[serde(rename = "k8s.pod.start_time")]
    PodStartTime,
    /// The node that the pod runs on.
    #[serde(rename = "k8s.node.name")]
    NodeName,
    /// The unique id of the node. Watches nodes.
    #[serde(rename = "k8s.node.uid")]
    NodeUid,
    /// The unique id of the namespace `kube-system`, which stands for that of the cluster. Watches namespaces.
    #[serde(rename = "k8s.cluster.uid")]
    ClusterUid,
    /// The deployment that the pod belongs to: see `deployment_name_from_replicaset`.
    #[serde(rename = "k8s.deployment.name")]
    DeploymentName,
    /// The unique id of the deployment. Watches deployments, or replica sets where `deployment_name_from_replicaset` is off.
    #[serde(rename = "k8s.deployment.uid")]
    DeploymentUid,
    /// The replica set that the pod belongs to.
    #[serde(rename = "k8s.replicaset.name")]
    ReplicaSetName,
    /// The unique id of the replica set.
    #[serde(rename = "k8s.replicaset.uid")]
    ReplicaSetUid,
    /// The stateful set that the pod belongs to.
    #[serde(rename = "k8s.statefulset.name")]
    StatefulSetName,
    /// The unique id of the stateful set.
    #[serde(rename = "k8s.statefulset.uid")]
    StatefulSetUid,
    /// The daemon set that the pod belongs to.
    #[serde(rename = "k8s.daemonset.name")]
    DaemonSetName,
    /// The unique id of the daemon set.
    #[serde(rename = "k8s.daemonset.uid")]
    DaemonSetUid,
    /// The job that the pod belongs to.
    #[serde(rename = "k8s.job.name")]
    JobName,
    /// The unique id of the job.
    #[serde(rename = "k8s.job.uid")]
    JobUid,
    /// The cron job that made the job. Told from the name of the job, in which it stands with the minute that the job is for; by the job's
    /// owner where jobs are watched.
    #[serde(rename = "k8s.cronjob.name")]
    CronJobName,
    /// The unique id of the cron job. Watches jobs.
    #[serde(rename = "k8s.cronjob.uid")]
    CronJobUid,
    /// The name of the container in the pod: where a resource has `container.id`, or the pod has one container only.
    #[serde(rename = "k8s.container.name")]
    ContainerName,
    /// How many times the container has been started again.
    #[serde(rename = "k8s.container.restart_count")]
    ContainerRestartCount,
    /// The id of the container, without the name of the runtime: of the start that `k8s.container.restart_count` of the resource says, the
    /// last one where it says nothing.
    #[serde(rename = "container.id")]
    ContainerId,
    /// The image of the container without tag and digest.
    #[serde(rename = "container.image.name")]
    ContainerImageName,
    /// The tag of the image: `latest` where there is neither a tag nor a digest. Superseded by `container.image.tags`.
    #[serde(rename = "container.image.tag")]
    ContainerImageTag,
    /// The same as a list, as the semantic conventions have it now.
    #[serde(rename = "container.image.tags")]
    ContainerImageTags,
    /// The image with its digest as the runtime has it, in a list.
    #[serde(rename = "container.image.repo_digests")]
    ContainerImageRepoDigests,
    /// The annotation `resource.opentelemetry.io/service.namespace`, or the namespace (semantic conventions, "Service attributes" of
    /// Kubernetes, here and below).
    #[serde(rename = "service.namespace")]
    ServiceNamespace,
    /// The annotation `resource.opentelemetry.io/service.name`, the label `app.kubernetes.io/instance`, the label
    /// `app.kubernetes.io/name`, or the name of the workload: of the deployment, replica set, stateful set, daemon set, cron job, job or pod.
    #[serde(rename = "service.name")]
    ServiceName,
    /// The annotation `resource.opentelemetry.io/service.version`, the label `app.kubernetes.io/version`, or the tag and the digest of the
    /// container's image.
    #[serde(rename = "service.version")]
    ServiceVersion,
    /// The annotation `resource.opentelemetry.io/service.instance.id`, or `NAMESPACE.POD.CONTAINER`.
    #[serde(rename = "service.instance.id")]
    ServiceInstanceId,
}

impl Metadata {
    /// The name of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Metadata::NamespaceName => "k8s.namespace.name",
            Metadata::PodName => "k8s.pod.name",
            Metadata::PodUid => "k8s.pod.uid",
            Metadata::PodIp => "k8s.pod.ip",
            Metadata::PodHostname => "k8s.pod.hostname",
            Metadata::PodStartTime => "k8s.pod.start_time",
            Metadata::NodeName => "k8s.node.name",
            Metadata::NodeUid => "k8s.node.uid",
            Metadata::ClusterUid => "k8s.cluster.uid",
            Metadata::DeploymentName => "k8s.deployment.name",
            Metadata::DeploymentUid => "k8s.deployment.uid",
            Metadata::ReplicaSetName => "k8s.replicaset.name",
            Metadata::ReplicaSetUid => "k8s.replicaset.uid",
            Metadata::StatefulSetName => "k8s.statefulset.name",
            Metadata::StatefulSetUid => "k8s.statefulset.uid",
            Metadata::DaemonSetName => "k8s.daemonset.name",
            Metadata::DaemonSetUid => "k8s.daemonset.uid",
            Metadata::JobName => "k8s.job.name",
            Metadata::JobUid => "k8s.job.uid",
            Metadata::CronJobName => "k8s.cronjob.name",
            Metadata::CronJobUid => "k8s.cronjob.uid",
            Metadata::ContainerName => "k8s.container.name",
            Metadata::ContainerRestartCount => "k8s.container.restart_count",
            Metadata::ContainerId => "container.id",
            Metadata::ContainerImageName => "container.image.name",
            Metadata::ContainerImageTag => "container.image.tag",
            Metadata::ContainerImageTags => "container.image.tags",
            Metadata::ContainerImageRepoDigests => "container.image.repo_digests",
            Metadata::ServiceNamespace => "service.namespace",
            Metadata::ServiceName => "service.name",
            Metadata::ServiceVersion => "service.version",
            Metadata::ServiceInstanceId => "service.instance.id",
        }
    }

    /// Whether it differs between the containers of a pod, and no pod has it.
    pub const fn is_of_container(self) -> bool {
        matches!(
            self,
            Metadata::ContainerName
                | Metadata::ContainerRestartCount
                | Metadata::ContainerId
                | Metadata::ContainerImageName
                | Metadata::ContainerImageTag
                | Metadata::ContainerImageTags
                | Metadata::ContainerImageRepoDigests
                | Metadata::ServiceInstanceId
        )
    }

    /// All of them.
    pub const ALL: [Metadata; 32] = [
        Metadata::NamespaceName,
        Metadata::PodName,
        Metadata::PodUid,
        Metadata::PodIp,
        Metadata::PodHostname,
        Metadata::PodStartTime,
        Metadata::NodeName,
        Metadata::NodeUid,
        Metadata::ClusterUid,
        Metadata::DeploymentName,
        Metadata::DeploymentUid,
        Metadata::ReplicaSetName,
        Metadata::ReplicaSetUid,
        Metadata::StatefulSetName,
        Metadata::StatefulSetUid,
        Metadata::DaemonSetName,
        Metadata::DaemonSetUid,
        Metadata::JobName,
        Metadata::JobUid,
        Metadata::CronJobName,
        Metadata::CronJobUid,
        Metadata::ContainerName,
        Metadata::ContainerRestartCount,
        Metadata::ContainerId,
        Metadata::ContainerImageName,
        Metadata::ContainerImageTag,
        Metadata::ContainerImageTags,
        Metadata::ContainerImageRepoDigests,
        Metadata::ServiceNamespace,
        Metadata::ServiceName,
        Metadata::ServiceVersion,
        Metadata::ServiceInstanceId,
    ];

    /// What is extracted where a config does not say: the same as by the Collector.
    pub const DEFAULT: [Metadata; 6] = [
        Metadata::NamespaceName,
        Metadata::PodName,
        Metadata::PodUid,
        Metadata::PodStartTime,
        Metadata::DeploymentName,
        Metadata::NodeName,
    ];
}

/// The attributes that a container may have.
const OF_CONTAINERS: u64 = bit(Metadata::ContainerName)
    | bit(Metadata::ContainerRestartCount)
    | bit(Metadata::ContainerId)
    | bit(Metadata::ContainerImageName)
    | bit(Metadata::ContainerImageTag)
    | bit(Metadata::ContainerImageTags)
    | bit(Metadata::ContainerImageRepoDigests)
    | bit(Metadata::ServiceInstanceId)
    | bit(Metadata::ServiceVersion);

const fn bit(metadata: Metadata) -> u64 {
    1 << metadata as u8
}

/// A set of attributes to extract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants(u64);

impl Wants {
    /// Whether this attribute is wanted.
    pub const fn has(self, metadata: Metadata) -> bool {
        self.0 & bit(metadata) != 0
    }

    /// Whether any of these is wanted.
    pub fn any(self, of: &[Metadata]) -> bool {
        of.iter().any(|metadata| self.has(*metadata))
    }

    /// Whether something is wanted that differs between the containers of a pod.
    pub const fn containers(self) -> bool {
        self.0 & OF_CONTAINERS != 0
    }
}

impl FromIterator<Metadata> for Wants {
    fn from_iter<I: IntoIterator<Item = Metadata>>(all: I) -> Self {
        Wants(all.into_iter().fold(0, |bits, metadata| bits | bit(metadata)))
    }
}
