//! Google's metadata server (Compute Engine documentation, "About VM metadata"): one small question for each fact. That it is
//! Google's it says with the header that it wants to be asked with: what answers without it is something else.

use super::machine::Maker;
use crate::fetch::{Content, FetchError, Place, Service, value};
use crate::{Outcome, Surroundings};
use http::HeaderValue;
use http::header::HeaderMap;
use std::net::{IpAddr, Ipv4Addr};

/// The server's address. It has names as well (`metadata.google.internal`), which would have to be looked up first, wherever this
/// process runs.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

const FLAVOR_HEADER: &str = "metadata-flavor";
const FLAVOR: &str = "Google";
const ROOT: &str = "/computeMetadata/v1/";

/// The place where the server is.
pub(super) fn place(given: Option<&Place>) -> Place {
    given.cloned().unwrap_or_else(|| Place::fixed(ADDRESS))
}

/// A server that has said that it is Google's.
#[derive(Debug)]
pub(super) struct Google<'a> {
    service: Service<'a>,
}

/// The server at `place`, and what it answers for `path`, which it is asked first. Else what that means.
pub(super) async fn open<'a>(
    surroundings: &'a Surroundings,
    place: &'a Place,
    path: &str,
) -> Result<(Google<'a>, Option<String>), Outcome> {
    let service = Service::new(surroundings, place).with(FLAVOR_HEADER, HeaderValue::from_static(FLAVOR));
    let google = Google { service };
    match google.ask(path).await {
        Ok(Said::Google(text)) => Ok((google, text)),
        Ok(Said::Other) => Err(Outcome::Absent),
        Err(error) => Err(Maker::Google.without_answer(surroundings, place, error).await),
    }
}

/// Who has answered.
enum Said {
    /// Google: this, or that there is no such thing.
    Google(Option<String>),
    /// Somebody else.
    Other,
}

impl Google<'_> {
    /// The value at `path`, if there is one.
    pub(super) async fn value(&self, path: &str) -> Result<Option<String>, FetchError> {
        match self.ask(path).await? {
            Said::Google(text) => Ok(text),
            Said::Other => Err(FetchError::Unusable(
                "this is not the answer of Google's metadata server".to_owned(),
            )),
        }
    }

    async fn ask(&self, path: &str) -> Result<Said, FetchError> {
        match self.service.get(&format!("{ROOT}{path}"), Content::Text).await {
            Ok(answer) if !is_google(&answer.headers) => Ok(Said::Other),
            Ok(answer) => {
                let text = value(&answer.text).map_err(FetchError::Unusable)?;
                Ok(Said::Google(text.map(str::to_owned)))
            }
            Err(error) if error.headers().is_some_and(|headers| !is_google(headers)) => Ok(Said::Other),
            Err(FetchError::Missing(_)) => Ok(Said::Google(None)),
            Err(error) => Err(error),
        }
    }
}

fn is_google(headers: &HeaderMap) -> bool {
    headers.get(FLAVOR_HEADER).is_some_and(|value| value == FLAVOR)
}

/// The end of `projects/NUMBER/zones/ZONE` and names like it.
pub(super) fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The region of a zone: `us-central1` of `us-central1-c`. Nothing: this is no zone.
pub(super) fn region_of_zone(zone: &str) -> Option<&str> {
    let (region, _) = zone.rsplit_once('-')?;
    region.contains('-').then_some(region)
}
