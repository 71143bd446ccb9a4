//! From the config to detectors.

use super::config::ResourceDetectionConfig;
use super::tables::KubernetesTable;
use forebay_detection::cloud::{aks::Aks, azure::Azure, ec2::Ec2, ecs::Ecs, eks::Eks, gce::Gce, gke::Gke};
use forebay_detection::local::{
    Local, RootPath, container::Container, env::Env, host::Host, kubernetes::Kubernetes, os::Os,
    process::Process,
};
use forebay_detection::{Detector, Kind, Pace, Planned, Retry, Wanted};
use std::path::Path;
use std::sync::Arc;

/// The detectors that the config names, in its order.
pub(super) fn detectors(config: &ResourceDetectionConfig) -> Vec<Planned> {
    let planned = |kind: Kind| Planned {
        kind,
        detector: detector(config, kind),
        wanted: Wanted::new(kind.specs(), config.switches(kind).clone()),
        identity: config.table(kind),
    };
    config
        .detectors
        .iter()
        .map(|kind| planned((*kind).into()))
        .collect()
}

/// How often and how long they are tried.
pub(super) fn pace(config: &ResourceDetectionConfig) -> Pace {
    let retry = &config.retry;
    Pace {
        timeout: config.timeout.0,
        refresh_interval: Some(config.refresh_interval.0).filter(|interval| !interval.is_zero()),
        retry: retry.enabled.then_some(Retry {
            initial_interval: retry.initial_interval.0,
            multiplier: retry.multiplier,
            max_interval: retry.max_interval.0,
        }),
    }
}

fn detector(config: &ResourceDetectionConfig, kind: Kind) -> Arc<dyn Detector> {
    match kind {
        Kind::Env => Arc::new(Local::new(Env)),
        Kind::Process => Arc::new(Local::new(Process)),
        Kind::Os => Arc::new(Local::new(Os {
            root_path: root(&config.os.root_path),
        })),
        Kind::Host => Arc::new(Local::new(Host {
            root_path: root(&config.host.root_path),
        })),
        Kind::Container => Arc::new(Local::new(Container)),
        Kind::Kubernetes => Arc::new(Local::new(kubernetes(&config.kubernetes))),
        Kind::Ec2 => Arc::new(Ec2 {
            endpoint: config.ec2.endpoint.clone(),
        }),
        Kind::Ecs => Arc::new(Ecs {
            endpoint: config.ecs.endpoint.clone(),
        }),
        Kind::Eks => Arc::new(Eks {
            endpoint: config.eks.endpoint.clone(),
            cluster_name: config.eks.cluster_name.clone(),
        }),
        Kind::Gce => Arc::new(Gce {
            endpoint: config.gce.endpoint.clone(),
        }),
        Kind::Gke => Arc::new(Gke {
            endpoint: config.gke.endpoint.clone(),
        }),
        Kind::Azure => Arc::new(Azure {
            endpoint: config.azure.endpoint.clone(),
        }),
        Kind::Aks => Arc::new(Aks {
            endpoint: config.aks.endpoint.clone(),
            cluster_name: config.aks.cluster_name.clone(),
        }),
    }
}

fn kubernetes(table: &KubernetesTable) -> Kubernetes {
    Kubernetes {
        variables: table.variables.clone(),
        directory: text(&table.directory),
    }
}

fn root(path: &Path) -> RootPath {
    RootPath::new(&text(path))
}

/// It was read from a text, so that nothing is lost.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
