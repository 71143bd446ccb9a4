//! An instance of Amazon EC2, by its metadata service in version 2.

use super::amazon::{self, Instance};
use super::facts::Facts;
use super::spec;
use crate::fetch::{Content, FetchError, Place, Service, value};
use crate::{Detector, Outcome, Spec, Stability, Surroundings, ValueType, Wanted};
use futures_util::future::{BoxFuture, join};
use futures_util::{StreamExt, stream};

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`aws`", true),
    spec("cloud.platform", "`aws_ec2`", true),
    spec("cloud.account.id", "identity document, `accountId`", true),
    spec("cloud.region", "identity document, `region`", true),
    spec(
        "cloud.availability_zone",
        "identity document, `availabilityZone`",
        true,
    ),
    spec(
        "cloud.resource_id",
        "the instance's ARN, from the identity document",
        false,
    ),
    spec("host.id", "identity document, `instanceId`", true),
    spec("host.name", "`latest/meta-data/hostname`", true),
    spec("host.type", "identity document, `instanceType`", true),
    spec("host.image.id", "identity document, `imageId`", true),
    Spec {
        key: TAGS,
        value: ValueType::String,
        source: "`latest/meta-data/tags/instance`, where the instance lets its tags be read",
        stability: Stability::Unlisted,
        default: false,
    },
];

const HOSTNAME: &str = "/latest/meta-data/hostname";
const TAG_LIST: &str = "/latest/meta-data/tags/instance";
const TAGS: &str = "ec2.tag.<key>";
const TAG: &str = "ec2.tag.";
/// The most tags that are read: as many as an instance can have.
const TAGS_MAX: usize = 50;
/// How many tags are asked for side by side.
const TAGS_AT_ONCE: usize = 4;

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Ec2 {
    /// Where the service is; where Amazon says if nothing is said.
    pub endpoint: Option<Place>,
}

impl Detector for Ec2 {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let places = amazon::places(self.endpoint.as_ref());
            match amazon::instance(surroundings, &places).await {
                Ok(instance) => describe(&instance, wanted).await,
                Err(outcome) => outcome,
            }
        })
    }
}

async fn describe(instance: &Instance<'_>, wanted: &Wanted) -> Outcome {
    let mut facts = Facts::new(wanted);
    facts.text("cloud.provider", Some("aws"));
    facts.text("cloud.platform", Some("aws_ec2"));
    place(&mut facts, instance);
    let (hostname, tags) = join(hostname(instance, wanted), tags(instance, wanted)).await;
    facts.fetched("host.name", hostname);
    match tags {
        Ok(tags) => {
            for (key, outcome) in tags {
                facts.fetched(&format!("{TAG}{key}"), outcome);
            }
        }
        Err(error) => facts.failed("tags", &error),
    }
    let identity = &instance.identity;
    let arn = identity.account_id.as_ref().map(|account| {
        let (region, id) = (&identity.region, &identity.instance_id);
        format!(
            "arn:{}:ec2:{region}:{account}:instance/{id}",
            amazon::partition(region)
        )
    });
    facts.text("cloud.resource_id", arn.as_deref());
    facts.outcome()
}

/// What the identity document says of where and what the instance is.
pub(super) fn place(facts: &mut Facts<'_>, instance: &Instance<'_>) {
    let identity = &instance.identity;
    facts.text("cloud.account.id", identity.account_id.as_deref());
    facts.text("cloud.region", Some(&identity.region));
    facts.text("cloud.availability_zone", identity.availability_zone.as_deref());
    facts.text("host.id", Some(&identity.instance_id));
    facts.text("host.type", identity.instance_type.as_deref());
    facts.text("host.image.id", identity.image_id.as_deref());
}

/// The instance's name in its network, if that is wanted.
pub(super) async fn hostname(instance: &Instance<'_>, wanted: &Wanted) -> Result<Option<String>, FetchError> {
    match wanted.has("host.name") {
        true => instance.service.value(HOSTNAME).await,
        false => Ok(None),
    }
}

/// What came of asking for each tag that is wanted, by its key.
type Tags = Vec<(String, Result<Option<String>, FetchError>)>;

async fn tags(instance: &Instance<'_>, wanted: &Wanted) -> Result<Tags, FetchError> {
    if !wanted.has_any(TAGS) {
        return Ok(Tags::new());
    }
    let keys = tag_keys(&instance.service).await?;
    let asked = keys.into_iter().filter(|key| wanted.has(&format!("{TAG}{key}")));
    let asking = asked.take(TAGS_MAX).map(|key| async {
        let outcome = tag(&instance.service, &key).await;
        (key, outcome)
    });
    Ok(stream::iter(asking).buffered(TAGS_AT_ONCE).collect().await)
}

/// The keys of the instance's tags; none where it does not let them be read.
pub(super) async fn tag_keys(service: &Service<'_>) -> Result<Vec<String>, FetchError> {
    match service.get(TAG_LIST, Content::Text).await {
        Ok(answer) => {
            let keys = answer.text.lines().filter_map(|key| value(key).ok().flatten());
            Ok(keys.map(str::to_owned).collect())
        }
        Err(FetchError::Missing(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The value of one of the instance's tags.
pub(super) async fn tag(service: &Service<'_>, key: &str) -> Result<Option<String>, FetchError> {
    service.value(&format!("{TAG_LIST}/{}", in_path(key))).await
}

/// `text` as a segment of a path (RFC 3986, section 3.3).
fn in_path(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'@'
            | b'+'
            | b'=' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
