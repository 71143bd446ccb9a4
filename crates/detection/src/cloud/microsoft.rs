//! Azure's instance metadata service (Azure documentation, "Azure Instance Metadata Service"): one document about the machine.

use super::facts::{document, identifier};
use super::machine::Maker;
use crate::fetch::{Content, FetchError, Place, Service};
use crate::{Outcome, Surroundings};
use http::HeaderValue;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};

/// The service's address (the same documentation).
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// The document about the machine, in the version that has all that is used.
const COMPUTE: &str = "/metadata/instance/compute?api-version=2021-02-01&format=json";

/// The document, as far as it is used. What a machine does not have is an empty string.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compute {
    pub(super) vm_id: String,
    pub(super) subscription_id: String,
    pub(super) location: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) name: Option<String>,
    pub(super) resource_id: Option<String>,
    pub(super) resource_group_name: Option<String>,
    pub(super) vm_size: Option<String>,
    pub(super) vm_scale_set_name: Option<String>,
    #[serde(default)]
    pub(super) os_profile: Profile,
    #[serde(default)]
    pub(super) tags_list: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    pub(super) computer_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) value: String,
}

/// The place where the service is.
pub(super) fn place(given: Option<&Place>) -> Place {
    given.cloned().unwrap_or_else(|| Place::fixed(ADDRESS))
}

/// The machine that this is. Else what it means that there is no answer.
pub(super) async fn compute(surroundings: &Surroundings, place: &Place) -> Result<Compute, Outcome> {
    let service = Service::new(surroundings, place).with("metadata", HeaderValue::from_static("true"));
    let failed = |why: &dyn std::fmt::Display| Outcome::Failed(format!("{place}: {why}"));
    let answer = match service.get(COMPUTE, Content::Json).await {
        Ok(answer) => answer,
        Err(error) if is_foreign(&error) => return Err(Outcome::Absent),
        Err(error) => return Err(Maker::Microsoft.without_answer(surroundings, place, error).await),
    };
    let compute: Compute = document(&answer.text).map_err(|wrong| failed(&wrong))?;
    identifier("vmId", &compute.vm_id).map_err(|wrong| failed(&wrong))?;
    identifier("subscriptionId", &compute.subscription_id).map_err(|wrong| failed(&wrong))?;
    Ok(compute)
}

/// Whether it is another's service: it does not know the path, or wants its own token or header. Azure answers 400 to what
/// it does not like, and other services of its own 403.
fn is_foreign(error: &FetchError) -> bool {
    match error {
        FetchError::Missing(_) | FetchError::Unauthorized(_) => true,
        FetchError::Declined(status, _) => *status != 400,
        FetchError::Forbidden(headers) => headers.contains_key("metadata-flavor"),
        _ => false,
    }
}
