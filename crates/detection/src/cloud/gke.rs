//! A node of Google Kubernetes Engine, by the metadata server of its instance, or the one that GKE puts in its place for pods
//! (Workload Identity Federation), which knows less.

use super::facts::Facts;
use super::google::{self, Google, last_segment, region_of_zone};
use super::{is_in_kubernetes, spec, stable};
use crate::fetch::{FetchError, Place};
use crate::{Detector, Outcome, Spec, Surroundings, Wanted};
use futures_util::future::{BoxFuture, join4};

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`gcp`", true),
    spec("cloud.platform", "`gcp_kubernetes_engine`", true),
    spec("cloud.account.id", "`project/project-id`", true),
    spec("cloud.region", "`instance/attributes/cluster-location`", true),
    spec(
        "cloud.availability_zone",
        "the same, where the cluster is in one zone",
        true,
    ),
    stable("k8s.cluster.name", "`instance/attributes/cluster-name`"),
    spec("host.id", "`instance/id`", true),
    spec("host.name", "`instance/name`", true),
];

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Gke {
    /// Where the metadata server is; where Google says if nothing is said.
    pub endpoint: Option<Place>,
}

impl Detector for Gke {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if !is_in_kubernetes(surroundings) {
                return Outcome::Absent;
            }
            let place = google::place(self.endpoint.as_ref());
            match google::open(surroundings, &place, "instance/attributes/cluster-name").await {
                Ok((_, Some(cluster))) if !is_name(&cluster) => Outcome::Failed(format!(
                    "{place}: what is given as the name of the cluster is none"
                )),
                Ok((google, Some(cluster))) => describe(&google, &cluster, wanted).await,
                // Kubernetes on instances of Google, and not of GKE.
                Ok((_, None)) => Outcome::Absent,
                Err(outcome) => outcome,
            }
        })
    }
}

/// Whether clusters can be called so: small letters, digits and hyphens (GKE API, `Cluster.name`).
fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

async fn describe(google: &Google<'_>, cluster: &str, wanted: &Wanted) -> Outcome {
    let ask = async |path: &str, keys: &[&str]| -> Result<Option<String>, FetchError> {
        match keys.iter().any(|key| wanted.has(key)) {
            true => google.value(path).await,
            false => Ok(None),
        }
    };
    let (project, location, id, name) = join4(
        ask("project/project-id", &["cloud.account.id"]),
        ask(
            "instance/attributes/cluster-location",
            &["cloud.region", "cloud.availability_zone"],
        ),
        ask("instance/id", &["host.id"]),
        ask("instance/name", &["host.name"]),
    )
    .await;
    let mut facts = Facts::new(wanted);
    facts.text("cloud.provider", Some("gcp"));
    facts.text("cloud.platform", Some("gcp_kubernetes_engine"));
    facts.text("k8s.cluster.name", Some(cluster));
    facts.fetched("cloud.account.id", project);
    facts.fetched("host.id", id);
    facts.fetched("host.name", name);
    match location {
        Ok(location) => place(&mut facts, location.as_deref().map(last_segment)),
        Err(error) => facts.failed("cluster-location", &error),
    }
    facts.outcome()
}

/// A cluster is in a zone, or in all of a region.
fn place(facts: &mut Facts<'_>, location: Option<&str>) {
    match location.and_then(region_of_zone) {
        Some(region) => {
            facts.text("cloud.region", Some(region));
            facts.text("cloud.availability_zone", location);
        }
        None => facts.text("cloud.region", location),
    }
}
