//! What is asked of the cluster: which objects, by whom, and how much of them may be kept.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The kinds of objects that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pods: always watched.
    Pod,
    /// Namespaces, found by name.
    Namespace,
    /// Nodes, found by name.
    Node,
    /// Replica sets, found by uid.
    ReplicaSet,
    /// Deployments, found by uid.
    Deployment,
    /// Stateful sets, found by uid.
    StatefulSet,
    /// Daemon sets, found by uid.
    DaemonSet,
    /// Jobs, found by uid.
    Job,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Kind::Pod,
        Kind::Namespace,
        Kind::Node,
        Kind::ReplicaSet,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
    ];

    /// Its name in paths of the API, in RBAC rules and in metrics.
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Pod => "pods",
            Kind::Namespace => "namespaces",
            Kind::Node => "nodes",
            Kind::ReplicaSet => "replicasets",
            Kind::Deployment => "deployments",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::Job => "jobs",
        }
    }

    /// Where its group begins in paths of the API.
    pub(crate) const fn group_path(self) -> &'static str {
        match self {
            Kind::Pod | Kind::Namespace | Kind::Node => "/api/v1",
            Kind::ReplicaSet | Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => "/apis/apps/v1",
            Kind::Job => "/apis/batch/v1",
        }
    }

    /// Whether its objects are in namespaces.
    pub(crate) const fn is_namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node)
    }

    /// The kind that an owner reference names, if it is one of those that own pods and are watched.
    pub(crate) fn of_owner(kind: &str) -> Option<Kind> {
        match kind {
            "ReplicaSet" => Some(Kind::ReplicaSet),
            "Deployment" => Some(Kind::Deployment),
            "StatefulSet" => Some(Kind::StatefulSet),
            "DaemonSet" => Some(Kind::DaemonSet),
            "Job" => Some(Kind::Job),
            _ => None,
        }
    }
}

/// Which pods are asked for: all of these must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only those on this node, and of nodes only this one.
    pub node: Option<String>,
    /// Only what is in this namespace, and of namespaces only this one.
    pub namespace: Option<String>,
    /// Only pods that this label selector selects, as the API writes it: `app=a,tier in (b,c),!d`.
    pub labels: Option<String>,
    /// Only pods that this field selector selects, as the API writes it: `status.phase!=Pending`. `node` is added to it.
    pub fields: Option<String>,
}

/// What is asked of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The kinds watched beside pods. Of these only metadata are ever asked for.
    pub kinds: BTreeSet<Kind>,
    /// Whether metadata of pods are enough: there are no addresses, nodes, containers or phases then.
    pub pods_by_metadata: bool,
    /// Whether the cluster's uid is needed, which is that of its namespace `kube-system`. It is asked for until it is known.
    pub cluster_uid: bool,
    /// Which pods.
    pub scope: Scope,
    /// For how long a pod that has ended or was deleted can still be found.
    pub grace: Duration,
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            kinds: BTreeSet::new(),
            pods_by_metadata: false,
            cluster_uid: false,
            scope: Scope::default(),
            grace: Duration::from_secs(120),
        }
    }
}

impl Wanted {
    /// All kinds that are watched: pods, and those that were asked for.
    pub(crate) fn all_kinds(&self) -> Vec<Kind> {
        let mut kinds = self.kinds.clone();
        kinds.insert(Kind::Pod);
        kinds.into_iter().collect()
    }
}

/// Which cluster is asked, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How the API server is reached.
    pub access: Access,
    /// What it is asked for.
    pub wanted: Wanted,
}

/// How the API server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As pods do: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, and the service account's files.
    InCluster,
    /// As `kubectl` does.
    KubeConfig {
        /// The file; else what `KUBECONFIG` names, else `~/.kube/config`.
        path: Option<PathBuf>,
        /// The context; else the one that the file says is current.
        context: Option<String>,
    },
    /// As the config says.
    Explicit {
        /// The URL: `https://10.0.0.1:6443`, or `http://...` without encryption.
        api_server: String,
        /// A file with a bearer token, read again when it has changed. Without it nothing is said about who asks.
        token_file: Option<PathBuf>,
        /// A file with the certificates of the authorities that are trusted, in PEM, read again when it has changed. Without it those
        /// of the system are.
        ca_file: Option<PathBuf>,
    },
}
