//! A cluster full of pods, and how they come and go.

use super::objects::{PodSpec, labelled, object, owned, uid};
use super::server::FakeCluster;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pods of one workload.
const REPLICAS: u64 = 10;
/// Workloads of one namespace.
const WORKLOADS: u64 = 25;
/// Pods on one node.
const ON_NODE: u64 = 50;

/// Pods of deployments, with 20 labels each, in namespaces and on nodes, all of which exist.
#[derive(Debug)]
pub struct Population {
    next: AtomicU64,
}

impl Population {
    /// Fills `cluster` with `pods` pods and all that belongs to them.
    pub fn settle(cluster: &FakeCluster, pods: u64) -> Population {
        for number in 0..pods.div_ceil(REPLICAS * WORKLOADS) {
            let name = format!("team-{number}");
            let namespace = object("Namespace", "", &name, &uid(2, number));
            cluster.put(
                "namespaces",
                labelled(namespace, &[("team", &name), ("stage", "production")]),
            );
        }
        for number in 0..pods.div_ceil(ON_NODE) {
            cluster.put(
                "nodes",
                object("Node", "", &format!("node-{number}"), &uid(3, number)),
            );
        }
        for number in 0..pods.div_ceil(REPLICAS) {
            let (namespace, name) = (namespace_of(number), format!("service-{number}"));
            cluster.put(
                "deployments",
                object("Deployment", &namespace, &name, &uid(4, number)),
            );
            let replicas = object(
                "ReplicaSet",
                &namespace,
                &format!("{name}-6d4cf56db"),
                &uid(5, number),
            );
            cluster.put(
                "replicasets",
                owned(replicas, "Deployment", &name, &uid(4, number)),
            );
        }
        let population = Population {
            next: AtomicU64::new(0),
        };
        for _ in 0..pods {
            cluster.put("pods", population.another().object());
        }
        population
    }

    /// The pod of this number.
    pub fn pod(number: u64) -> PodSpec {
        let workload = number / REPLICAS;
        let name = format!("service-{workload}");
        let replicas = format!("{name}-6d4cf56db");
        let mut pod = PodSpec::new(
            &namespace_of(workload),
            &format!("{replicas}-{number:05x}"),
            number + 1,
        )
        .owned_by("ReplicaSet", &replicas, &uid(5, workload))
        .label("app.kubernetes.io/name", &name)
        .label("app.kubernetes.io/instance", &format!("{name}-production"))
        .label("app.kubernetes.io/version", "1.4.2")
        .label("app.kubernetes.io/managed-by", "Helm")
        .label("pod-template-hash", "6d4cf56db");
        for extra in 0..15 {
            pod = pod.label(
                &format!("example.com/label-{extra:02}"),
                &format!("{name}-value-{extra}"),
            );
        }
        pod.node = format!("node-{}", number / ON_NODE);
        pod
    }

    /// A pod that was not there before.
    pub fn another(&self) -> PodSpec {
        Population::pod(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// One change as a cluster has them all the time: of five, three are new versions of a pod, one a new pod, one the end of
    /// the oldest one.
    pub fn churn(&self, cluster: &FakeCluster, turn: u64) {
        let born = self.next.load(Ordering::Relaxed);
        match turn % 5 {
            0 => cluster.put("pods", self.another().object()),
            1 => {
                let oldest = Population::pod(turn / 5);
                cluster.delete("pods", &oldest.namespace, &oldest.name);
            }
            _ => {
                let oldest = turn / 5 + 1;
                let span = born.saturating_sub(oldest).max(1);
                let mut pod = Population::pod(oldest + turn.wrapping_mul(7919) % span);
                pod.annotations
                    .insert("example.com/turn".to_owned(), turn.to_string());
                cluster.put("pods", pod.object());
            }
        }
    }
}

fn namespace_of(workload: u64) -> String {
    format!("team-{}", workload / WORKLOADS)
}
