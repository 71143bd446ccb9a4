//! What the user writes.

use super::tables::{
    ClusterTable, DetectionRetryConfig, DetectorTable, HostTable, KubernetesTable, MetadataTable, OsTable,
};
use forebay_core::diagnostic::closest;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::Period;
use forebay_detection::Kind;
use forebay_detection::local::kubernetes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The shortest time between two looks at the same place.
const REFRESH_MIN: Duration = Duration::from_secs(1);

/// The config of a `resource_detection` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceDetectionConfig {
    /// Who looks, each at most once. Of several that find an attribute the first one here wins.
    pub detectors: Vec<DetectorKind>,
    /// Whether an attribute that is found takes the place of the one that a resource has already. If not, the resource keeps its own.
    #[serde(rename = "override")]
    pub replace: bool,
    /// The longest that one attempt of one detector may take, and so the longest that the start is held up: more than `0s`.
    pub timeout: Period,
    /// How long after its answer a detector looks again: at least `1s`. `0s`: never.
    pub refresh_interval: Period,
    /// When a detector that has failed tries again.
    pub retry: DetectionRetryConfig,
    /// Of the detector `env`: attributes that are written in this process' environment.
    pub env: DetectorTable,
    /// Of the detector `process`: this process, which is not the one that made the data.
    pub process: DetectorTable,
    /// Of the detector `os`: the operating system.
    pub os: OsTable,
    /// Of the detector `host`: the machine.
    pub host: HostTable,
    /// Of the detector `container`: the container that this process runs in.
    pub container: DetectorTable,
    /// Of the detector `kubernetes`: what the downward API tells the pod that this process runs in.
    pub kubernetes: KubernetesTable,
    /// Of the detector `ec2`: the instance of Amazon EC2.
    pub ec2: MetadataTable,
    /// Of the detector `ecs`: the task of Amazon ECS and the container of this process in it.
    pub ecs: MetadataTable,
    /// Of the detector `eks`: the cluster of Amazon EKS and its node.
    pub eks: ClusterTable,
    /// Of the detector `gce`: the instance of Google Compute Engine.
    pub gce: MetadataTable,
    /// Of the detector `gke`: the cluster of Google Kubernetes Engine and its node.
    pub gke: MetadataTable,
    /// Of the detector `azure`: the virtual machine of Azure.
    pub azure: MetadataTable,
    /// Of the detector `aks`: the cluster of Azure Kubernetes Service and its node.
    pub aks: ClusterTable,
}

impl Default for ResourceDetectionConfig {
    fn default() -> Self {
        ResourceDetectionConfig {
            detectors: vec![DetectorKind::Env],
            replace: true,
            timeout: Period(Duration::from_secs(5)),
            refresh_interval: Period(Duration::ZERO),
            retry: DetectionRetryConfig::default(),
            env: DetectorTable::default(),
            process: DetectorTable::default(),
            os: OsTable::default(),
            host: HostTable::default(),
            container: DetectorTable::default(),
            kubernetes: KubernetesTable::default(),
            ec2: MetadataTable::default(),
            ecs: MetadataTable::default(),
            eks: ClusterTable::default(),
            gce: MetadataTable::default(),
            gke: MetadataTable::default(),
            azure: MetadataTable::default(),
            aks: ClusterTable::default(),
        }
    }
}

/// Who looks at what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DetectorKind {
    /// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` of this process.
    Env,
    /// This process itself: `process.*`.
    Process,
    /// The operating system: `os.*`.
    Os,
    /// The machine: `host.*`.
    Host,
    /// The container that this process runs in: `container.id`.
    Container,
    /// The pod that this process runs in, as far as its manifest tells it: `k8s.*`.
    Kubernetes,
    /// The instance of Amazon EC2, as its metadata service (IMDSv2) tells.
    Ec2,
    /// The task of Amazon ECS, as the endpoint of its agent tells.
    Ecs,
    /// The cluster of Amazon EKS.
    Eks,
    /// The instance of Google Compute Engine, as its metadata server tells.
    Gce,
    /// The cluster of Google Kubernetes Engine.
    Gke,
    /// The virtual machine of Azure, as its metadata service tells.
    Azure,
    /// The cluster of Azure Kubernetes Service.
    Aks,
}

impl From<DetectorKind> for Kind {
    fn from(kind: DetectorKind) -> Kind {
        match kind {
            DetectorKind::Env => Kind::Env,
            DetectorKind::Process => Kind::Process,
            DetectorKind::Os => Kind::Os,
            DetectorKind::Host => Kind::Host,
            DetectorKind::Container => Kind::Container,
            DetectorKind::Kubernetes => Kind::Kubernetes,
            DetectorKind::Ec2 => Kind::Ec2,
            DetectorKind::Ecs => Kind::Ecs,
            DetectorKind::Eks => Kind::Eks,
            DetectorKind::Gce => Kind::Gce,
            DetectorKind::Gke => Kind::Gke,
            DetectorKind::Azure => Kind::Azure,
            DetectorKind::Aks => Kind::Aks,
        }
    }
}

impl ResourceDetectionConfig {
    /// Which attributes of a detector are switched on and off.
    pub(super) fn switches(&self, kind: Kind) -> &BTreeMap<String, bool> {
        match kind {
            Kind::Env => &self.env.attributes,
            Kind::Process => &self.process.attributes,
            Kind::Os => &self.os.attributes,
            Kind::Host => &self.host.attributes,
            Kind::Container => &self.container.attributes,
            Kind::Kubernetes => &self.kubernetes.attributes,
            Kind::Ec2 => &self.ec2.attributes,
            Kind::Ecs => &self.ecs.attributes,
            Kind::Eks => &self.eks.attributes,
            Kind::Gce => &self.gce.attributes,
            Kind::Gke => &self.gke.attributes,
            Kind::Azure => &self.azure.attributes,
            Kind::Aks => &self.aks.attributes,
        }
    }

    /// The table of a detector, which has the detector's name, as it is written.
    pub(super) fn table(&self, kind: Kind) -> String {
        let tables = serde_json::to_value(self).unwrap_or_default();
        tables
            .get(kind.name())
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    fn check_detectors(&self, problems: &mut Vec<Problem>) {
        if self.detectors.is_empty() {
            problems.push(problem(
                ["detectors"],
                "without detectors nothing is found out".to_owned(),
            ));
        }
        for (index, kind) in self.detectors.iter().enumerate() {
            let earlier = self.detectors.get(..index).unwrap_or_default();
            if earlier.contains(kind) {
                let words = format!("`{}` is named twice", Kind::from(*kind).name());
                problems.push(problem(["detectors".to_owned(), index.to_string()], words));
            }
        }
    }

    fn check_tables(&self, problems: &mut Vec<Problem>) {
        let silent = ResourceDetectionConfig::default();
        for kind in Kind::ALL {
            let name = kind.name();
            let looks = self
                .detectors
                .iter()
                .any(|detector| Kind::from(*detector) == kind);
            if !looks && self.table(kind) != silent.table(kind) {
                let words = format!("`{name}` is not among the detectors, and so this does nothing");
                let mut unused = problem([name], words);
                unused.help = Some(format!("add \"{name}\" to `detectors`, or take the table out"));
                problems.push(unused);
            }
            let specs = kind.specs();
            let known = |key: &str| specs.iter().any(|spec| spec.key == key || spec.is_about(key));
            for key in self.switches(kind).keys().filter(|key| !known(key)) {
                let keys: Vec<&str> = specs.iter().map(|spec| spec.key).collect();
                let words = format!("`{name}` finds no attribute `{key}`");
                problems.push(unknown([name, "attributes", key], words, &keys));
            }
        }
    }

    fn check_times(&self, problems: &mut Vec<Problem>) {
        if self.timeout.0.is_zero() {
            problems.push(problem(
                ["timeout"],
                "nothing can be found out in no time".to_owned(),
            ));
        }
        let refresh = self.refresh_interval.0;
        if !refresh.is_zero() && refresh < REFRESH_MIN {
            problems.push(problem(
                ["refresh_interval"],
                "looking again is worth it once in a second at most".to_owned(),
            ));
        }
        let retry = &self.retry;
        if retry.initial_interval.0.is_zero() {
            problems.push(problem(
                ["retry", "initial_interval"],
                "without a wait a detector that fails would never rest".to_owned(),
            ));
        }
        if retry.max_interval < retry.initial_interval {
            problems.push(problem(
                ["retry", "max_interval"],
                "this is less than `initial_interval`".to_owned(),
            ));
        }
        if retry.multiplier.is_nan() || retry.multiplier < 1.0 {
            problems.push(problem(
                ["retry", "multiplier"],
                "waits do not get shorter: write 1 or more".to_owned(),
            ));
        }
    }

    fn check_paths(&self, problems: &mut Vec<Problem>) {
        let paths: [([&'static str; 2], &Path); 3] = [
            (["os", "root_path"], &self.os.root_path),
            (["host", "root_path"], &self.host.root_path),
            (["kubernetes", "directory"], &self.kubernetes.directory),
        ];
        for (key, path) in paths.into_iter().filter(|(_, path)| !path.is_absolute()) {
            problems.push(problem(
                key,
                format!("`{}` is not an absolute path", path.display()),
            ));
        }
        let known: Vec<&str> = kubernetes::told_by_variables().collect();
        for (key, variable) in &self.kubernetes.variables {
            let place = ["kubernetes", "variables", key];
            if !known.contains(&key.as_str()) {
                problems.push(unknown(
                    place,
                    format!("`{key}` is no attribute that a variable can tell"),
                    &known,
                ));
            } else if variable.is_empty() || variable.contains(['=', '\0']) {
                problems.push(problem(
                    place.map(str::to_owned),
                    format!("`{variable}` cannot be the name of a variable"),
                ));
            }
        }
    }
}

impl Config for ResourceDetectionConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_detectors(&mut problems);
        self.check_times(&mut problems);
        self.check_tables(&mut problems);
        self.check_paths(&mut problems);
        problems
    }
}

fn problem<const N: usize>(path: [impl Into<Cow<'static, str>>; N], message: String) -> Problem {
    Problem {
        path: path.into_iter().map(Into::into).collect(),
        message,
        help: None,
    }
}

/// A name that is not among those that are known.
fn unknown(path: [&str; 3], message: String, known: &[&str]) -> Problem {
    let help = match path.last().and_then(|written| closest(written, known)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: {}", known.join(", ")),
    };
    Problem {
        help: Some(help),
        ..problem(path.map(str::to_owned), message)
    }
}
