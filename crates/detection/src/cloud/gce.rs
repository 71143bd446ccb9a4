//! An instance of Google Compute Engine, by its metadata server.

use super::facts::Facts;
use super::google::{self, Google, last_segment, region_of_zone};
use super::spec;
use crate::fetch::{FetchError, Place};
use crate::{Detector, Outcome, Spec, Surroundings, Wanted};
use futures_util::future::{BoxFuture, join_all};

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`gcp`", true),
    spec("cloud.platform", "`gcp_compute_engine`", true),
    spec("cloud.account.id", "`project/project-id`", true),
    spec("cloud.region", "from `instance/zone`", true),
    spec("cloud.availability_zone", "`instance/zone`", true),
    spec(
        "cloud.resource_id",
        "the instance's full resource name, from project, zone and id",
        false,
    ),
    spec("host.id", "`instance/id`", true),
    spec("host.name", "`instance/name`", true),
    spec("host.type", "`instance/machine-type`", true),
    spec("gcp.gce.instance.name", "`instance/name`", false),
    spec("gcp.gce.instance.hostname", "`instance/hostname`", false),
    spec(
        "gcp.gce.instance_group_manager.name",
        "`instance/attributes/created-by`",
        false,
    ),
    spec(
        "gcp.gce.instance_group_manager.region",
        "the same, of a regional one",
        false,
    ),
    spec(
        "gcp.gce.instance_group_manager.zone",
        "the same, of a zonal one",
        false,
    ),
];

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Gce {
    /// Where the metadata server is; where Google says if nothing is said.
    pub endpoint: Option<Place>,
}

/// What is asked after the instance's id, and the attributes that each answer is good for.
const QUESTIONS: [(&str, &[&str]); 6] = [
    ("project/project-id", &["cloud.account.id", "cloud.resource_id"]),
    (
        "instance/zone",
        &["cloud.region", "cloud.availability_zone", "cloud.resource_id"],
    ),
    ("instance/name", &["host.name", "gcp.gce.instance.name"]),
    ("instance/machine-type", &["host.type"]),
    ("instance/hostname", &["gcp.gce.instance.hostname"]),
    ("instance/attributes/created-by", &MANAGER),
];

const MANAGER: [&str; 3] = [
    "gcp.gce.instance_group_manager.name",
    "gcp.gce.instance_group_manager.region",
    "gcp.gce.instance_group_manager.zone",
];

impl Detector for Gce {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let place = google::place(self.endpoint.as_ref());
            match google::open(surroundings, &place, "instance/id").await {
                Ok((_, Some(id))) if !id.bytes().all(|byte| byte.is_ascii_digit()) => Outcome::Failed(
                    format!("{place}: what is given as the id of the instance is none"),
                ),
                Ok((google, id)) => describe(&google, id, wanted).await,
                Err(outcome) => outcome,
            }
        })
    }
}

async fn describe(google: &Google<'_>, id: Option<String>, wanted: &Wanted) -> Outcome {
    let mut facts = Facts::new(wanted);
    facts.text("cloud.provider", Some("gcp"));
    facts.text("cloud.platform", Some("gcp_compute_engine"));
    let answers = join_all(
        QUESTIONS
            .iter()
            .map(|(path, keys)| ask(google, path, keys, wanted)),
    )
    .await;
    let mut known = [const { None }; QUESTIONS.len()];
    for (((path, _), answer), place) in QUESTIONS.iter().zip(answers).zip(&mut known) {
        match answer {
            Ok(answer) => *place = answer,
            Err(error) => facts.failed(path, &error),
        }
    }
    let [project, zone, name, machine, hostname, creator] = known;
    let zone = zone.as_deref().map(last_segment);
    facts.text("cloud.account.id", project.as_deref());
    facts.text("cloud.region", zone.and_then(region_of_zone));
    facts.text("cloud.availability_zone", zone);
    facts.text("host.id", id.as_deref());
    facts.text("host.name", name.as_deref());
    facts.text("host.type", machine.as_deref().map(last_segment));
    facts.text("gcp.gce.instance.name", name.as_deref());
    facts.text("gcp.gce.instance.hostname", hostname.as_deref());
    manager(&mut facts, creator.as_deref());
    if let (Some(project), Some(zone), Some(id)) = (project, zone, id) {
        let name = format!("//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{id}");
        facts.text("cloud.resource_id", Some(&name));
    }
    facts.outcome()
}

/// The value at `path`, if any of the attributes that it is good for is wanted.
async fn ask(
    google: &Google<'_>,
    path: &str,
    keys: &[&str],
    wanted: &Wanted,
) -> Result<Option<String>, FetchError> {
    match keys.iter().any(|key| wanted.has(key)) {
        true => google.value(path).await,
        false => Ok(None),
    }
}

/// What `projects/NUMBER/zones/ZONE/instanceGroupManagers/NAME` says, or the same with `regions/REGION`.
fn manager(facts: &mut Facts<'_>, creator: Option<&str>) {
    let parts: Vec<&str> = creator.unwrap_or_default().split('/').collect();
    let [.., kind, place, "instanceGroupManagers", name] = parts[..] else {
        return;
    };
    let [name_key, region_key, zone_key] = MANAGER;
    facts.text(name_key, Some(name));
    match kind {
        "regions" => facts.text(region_key, Some(place)),
        "zones" => facts.text(zone_key, Some(place)),
        _ => {}
    }
}
