//! The tables in a config: one for each detector, and that of retries.

use forebay_core::settings::Period;
use forebay_detection::Place;
use forebay_detection::local::kubernetes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// When a detector that has failed tries again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionRetryConfig {
    /// Whether it does, before the next refresh.
    pub enabled: bool,
    /// The bound of the first wait: more than `0s`. Each wait is drawn at random from the upper half below its bound.
    pub initial_interval: Period,
    /// How much the bound grows with each attempt: at least 1.
    pub multiplier: f64,
    /// Where the bound stops growing: at least `initial_interval`.
    pub max_interval: Period,
}

impl Default for DetectionRetryConfig {
    fn default() -> Self {
        DetectionRetryConfig {
            enabled: true,
            initial_interval: Period(Duration::from_secs(1)),
            multiplier: 2.0,
            max_interval: Period(Duration::from_secs(300)),
        }
    }
}

/// What can be said of any detector.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorTable {
    /// Attributes to be switched on or off, by name. Where many have a common beginning, as labels do, `<key>` stands for any of them,
    /// and each can be named by itself.
    pub attributes: BTreeMap<String, bool>,
}

/// What can be said of the detector `os`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OsTable {
    /// Where the root of the machine's files is: an absolute path. In a container that is to tell of its host, where that is mounted.
    pub root_path: PathBuf,
    /// Attributes to be switched on or off, by name.
    pub attributes: BTreeMap<String, bool>,
}

impl Default for OsTable {
    fn default() -> Self {
        OsTable {
            root_path: PathBuf::from("/"),
            attributes: BTreeMap::new(),
        }
    }
}

/// What can be said of the detector `host`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostTable {
    /// Where the root of the machine's files is: an absolute path. In a container that is to tell of its host, where that is mounted;
    /// the name of the host is then that in `/etc/hostname` there.
    pub root_path: PathBuf,
    /// Attributes to be switched on or off, by name.
    pub attributes: BTreeMap<String, bool>,
}

impl Default for HostTable {
    fn default() -> Self {
        HostTable {
            root_path: PathBuf::from("/"),
            attributes: BTreeMap::new(),
        }
    }
}

/// What can be said of the detector `kubernetes`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesTable {
    /// Which environment variable tells an attribute, by the attribute's name, in the place of those that usually do.
    pub variables: BTreeMap<String, String>,
    /// Where the downward API volume is mounted: an absolute path. Its files are `name`, `namespace`, `uid`, `labels`, `annotations`.
    pub directory: PathBuf,
    /// Attributes to be switched on or off, by name. `<key>` stands for any label or annotation, and each can be named by itself.
    pub attributes: BTreeMap<String, bool>,
}

impl Default for KubernetesTable {
    fn default() -> Self {
        KubernetesTable {
            variables: BTreeMap::new(),
            directory: PathBuf::from(kubernetes::DIRECTORY),
            attributes: BTreeMap::new(),
        }
    }
}

/// What can be said of a detector that asks a metadata service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetadataTable {
    /// Where the service is, in the place of the address that its provider has fixed: plain `http://`, without credentials. What is
    /// there is trusted.
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Place>,
    /// Attributes to be switched on or off, by name. Where many have a common beginning, as tags do, `<key>` stands for any of them,
    /// and each can be named by itself.
    pub attributes: BTreeMap<String, bool>,
}

/// What can be said of a detector that makes out a cluster in a cloud.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterTable {
    /// Where the metadata service is, in the place of the address that its provider has fixed: plain `http://`, without credentials.
    /// What is there is trusted.
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Place>,
    /// The name of the cluster, where it cannot be found out for certain.
    pub cluster_name: Option<String>,
    /// Attributes to be switched on or off, by name.
    pub attributes: BTreeMap<String, bool>,
}
