//! Amazon's instance metadata service, version 2 (EC2 User Guide, "Use the Instance Metadata Service to access instance metadata").
//! Version 1, which answers whoever can make this machine send a GET, is never used.

use super::facts::{document, identifier};
use super::machine::Maker;
use crate::fetch::{Content, FetchError, Place, Service};
use crate::{Outcome, Surroundings};
use http::HeaderValue;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The service's addresses (the same guide).
const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254));

const TOKEN: &str = "/latest/api/token";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// How long a token is good for, in seconds: as long as a round of questions takes, with room.
const TOKEN_TTL: &str = "60";
/// The longest token that is sent back. They have 56 bytes.
const TOKEN_MAX: usize = 512;
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";

/// The instance identity document (EC2 User Guide, "Instance identity documents"), as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) instance_id: String,
    pub(super) region: String,
    pub(super) account_id: Option<String>,
    pub(super) availability_zone: Option<String>,
    pub(super) instance_type: Option<String>,
    pub(super) image_id: Option<String>,
}

/// The service, and which instance it says that this is.
#[derive(Debug)]
pub(super) struct Instance<'a> {
    pub(super) service: Service<'a>,
    pub(super) identity: Identity,
}

/// The places where the service may be, best first.
pub(super) fn places(given: Option<&Place>) -> Vec<Place> {
    match given {
        Some(place) => vec![place.clone()],
        None => vec![Place::fixed(IPV4), Place::fixed(IPV6)],
    }
}

/// The instance that this is, by the first of `places` where anybody is. Else what that means.
pub(super) async fn instance<'a>(
    surroundings: &'a Surroundings,
    places: &'a [Place],
) -> Result<Instance<'a>, Outcome> {
    let mut outcome = Outcome::Absent;
    for place in places {
        let open = Service::new(surroundings, place);
        match token(&open).await {
            Ok(first) => return identify((open, first), place).await,
            Err(error) if is_foreign(&error) => return Err(Outcome::Absent),
            Err(error) => {
                let elsewhere = error.is_nobody();
                // An instance without IPv4 has the other address only; one without IPv6 says nothing new about it.
                let meaning = Maker::Amazon.without_answer(surroundings, place, error).await;
                if outcome == Outcome::Absent {
                    outcome = meaning;
                }
                if !elsewhere {
                    break;
                }
            }
        }
    }
    Err(outcome)
}

/// A token, which every other question has to carry.
async fn token(service: &Service<'_>) -> Result<HeaderValue, FetchError> {
    let asking = service
        .clone()
        .with(TOKEN_TTL_HEADER, HeaderValue::from_static(TOKEN_TTL));
    let answer = asking.put(TOKEN, Content::Text).await?;
    let token = answer.text.trim();
    let plausible =
        !token.is_empty() && token.len() <= TOKEN_MAX && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::from_str(token).ok().filter(|_| plausible);
    if let Some(value) = &mut value {
        value.set_sensitive(true);
    }
    value.ok_or_else(|| FetchError::Unusable("what is given as a token is none".to_owned()))
}

/// Whether it is another's service that does not know what a token is. One that forbids it is Amazon's, which is switched off,
/// unless it says that it is Google's.
fn is_foreign(error: &FetchError) -> bool {
    match error {
        FetchError::Missing(_) | FetchError::Unauthorized(_) | FetchError::Declined(..) => true,
        FetchError::Forbidden(headers) => headers.contains_key("metadata-flavor"),
        _ => false,
    }
}

async fn identify<'a>(
    (open, first): (Service<'a>, HeaderValue),
    place: &Place,
) -> Result<Instance<'a>, Outcome> {
    let failed = |why: &dyn std::fmt::Display| Outcome::Failed(format!("{place}: {why}"));
    let with = |token| open.clone().with(TOKEN_HEADER, token);
    let mut service = with(first);
    let mut answer = service.get(DOCUMENT, Content::JsonAsText).await;
    if let Err(FetchError::Unauthorized(_)) = answer {
        // The token was for the machine that this one was a moment ago: an instance may be moved, or wake up again.
        service = with(token(&open).await.map_err(|error| failed(&error))?);
        answer = service.get(DOCUMENT, Content::JsonAsText).await;
    }
    let answer = answer.map_err(|error| failed(&format!("identity document: {error}")))?;
    let identity: Identity = document(&answer.text).map_err(|wrong| failed(&wrong))?;
    identifier("instanceId", &identity.instance_id).map_err(|wrong| failed(&wrong))?;
    identifier("region", &identity.region).map_err(|wrong| failed(&wrong))?;
    Ok(Instance { service, identity })
}

/// The partition that ARNs of a region begin with (AWS General Reference, "Amazon Resource Names").
pub(super) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
