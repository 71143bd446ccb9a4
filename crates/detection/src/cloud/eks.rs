//! A node of Amazon EKS, without any right in the cluster or the account.
//!
//! That Kubernetes runs on an instance of EC2 does not make it EKS. What does is the token that Kubernetes gives to this pod: its
//! issuer is the cluster's own at `oidc.eks.REGION.amazonaws.com`. The token is read for its issuer alone, and it goes nowhere.
//! Where there is none (`automountServiceAccountToken: false`), the tags of the instance say it, where they can be read.
//!
//! The name of the cluster can be learned from the tags only, or be told by the config: the token has a number in its place.
//! In a pod that is not on the network of its host the metadata service is often out of reach: its answers do not live longer
//! than one hop, unless the node says otherwise. What the token says is then all there is.

use super::amazon::{self, Instance};
use super::facts::Facts;
use super::{ec2, is_in_kubernetes, spec, stable};
use crate::fetch::Place;
use crate::{Detector, Outcome, Spec, Surroundings, Wanted};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{BoxFuture, join};
use serde::Deserialize;

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`aws`", true),
    spec("cloud.platform", "`aws_eks`", true),
    spec("cloud.account.id", "identity document, `accountId`", true),
    spec(
        "cloud.region",
        "the issuer of the pod's token, else the identity document, `region`",
        true,
    ),
    spec(
        "cloud.availability_zone",
        "identity document, `availabilityZone`",
        true,
    ),
    spec("host.id", "identity document, `instanceId`", true),
    spec("host.name", "`latest/meta-data/hostname`", true),
    spec("host.type", "identity document, `instanceType`", true),
    spec("host.image.id", "identity document, `imageId`", true),
    stable(
        "k8s.cluster.name",
        "the key `cluster_name`, else a tag of the instance: `aws:eks:cluster-name`, `eks:cluster-name` or the one that \
         begins with `kubernetes.io/cluster/`",
    ),
    spec(
        "aws.eks.cluster.arn",
        "from region, account and name of the cluster, where all are known",
        true,
    ),
];

/// Where Kubernetes puts the token of a pod (Kubernetes documentation, "Accessing the API from within a Pod").
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The tags that say which cluster an instance belongs to, by their keys; the last one has the name in its key.
const NAME_TAGS: [&str; 2] = ["aws:eks:cluster-name", "eks:cluster-name"];
const OWNER_TAG: &str = "kubernetes.io/cluster/";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Eks {
    /// Where the metadata service is; where Amazon says if nothing is said.
    pub endpoint: Option<Place>,
    /// The name of the cluster, where it cannot be found out.
    pub cluster_name: Option<String>,
}

/// The payload of a token (RFC 7519), as far as it is used.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
}

impl Detector for Eks {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if !is_in_kubernetes(surroundings) {
                return Outcome::Absent;
            }
            let issuer = region_of_issuer(surroundings).await;
            let places = amazon::places(self.endpoint.as_ref());
            match (amazon::instance(surroundings, &places).await, issuer) {
                (Ok(instance), issuer) => self.of_instance(&instance, issuer, wanted).await,
                (Err(outcome), Some(region)) => self.of_token(&outcome, &region, wanted),
                (Err(outcome), None) => outcome,
            }
        })
    }
}

impl Eks {
    async fn of_instance(&self, instance: &Instance<'_>, issuer: Option<String>, wanted: &Wanted) -> Outcome {
        let (hostname, named) = join(ec2::hostname(instance, wanted), cluster_tag(instance)).await;
        let mut facts = Facts::new(wanted);
        let tag = match named {
            Ok(tag) => tag,
            // Whether this is EKS hangs on the tags, and they could not be read.
            Err(error) if issuer.is_none() => return Outcome::Failed(format!("tags: {error}")),
            Err(error) => {
                facts.failed("tags", &error);
                None
            }
        };
        if issuer.is_none() && !tag.as_ref().is_some_and(|tag| tag.is_eks) {
            return Outcome::Absent;
        }
        self.begin(&mut facts);
        ec2::place(&mut facts, instance);
        facts.fetched("host.name", hostname);
        let identity = &instance.identity;
        let name = self.cluster_name.clone().or(tag.map(|tag| tag.name));
        let arn = name
            .as_ref()
            .zip(identity.account_id.as_ref())
            .map(|(name, account)| {
                let region = &identity.region;
                format!(
                    "arn:{}:eks:{region}:{account}:cluster/{name}",
                    amazon::partition(region)
                )
            });
        facts.text("k8s.cluster.name", name.as_deref());
        facts.text("aws.eks.cluster.arn", arn.as_deref());
        facts.outcome()
    }

    /// What is known without the metadata service. That nobody has answered for it is the rule in a pod, and no failure.
    fn of_token(&self, instance: &Outcome, region: &str, wanted: &Wanted) -> Outcome {
        let mut facts = Facts::new(wanted);
        self.begin(&mut facts);
        facts.text("cloud.region", Some(region));
        facts.text("k8s.cluster.name", self.cluster_name.as_deref());
        if let Some(failure) = instance.failure() {
            facts.failed("metadata service", &failure);
        }
        facts.outcome()
    }

    fn begin(&self, facts: &mut Facts<'_>) {
        facts.text("cloud.provider", Some("aws"));
        facts.text("cloud.platform", Some("aws_eks"));
    }
}

/// What a tag says of the instance's cluster.
#[derive(Debug)]
struct ClusterTag {
    name: String,
    /// Whether it is a tag that EKS sets. Others mark their clusters by [`OWNER_TAG`] as well.
    is_eks: bool,
}

async fn cluster_tag(instance: &Instance<'_>) -> Result<Option<ClusterTag>, crate::fetch::FetchError> {
    let keys = ec2::tag_keys(&instance.service).await?;
    for key in NAME_TAGS {
        if keys.iter().any(|other| other == key) {
            let name = ec2::tag(&instance.service, key).await?;
            return Ok(name.map(|name| ClusterTag { name, is_eks: true }));
        }
    }
    let owner = keys.iter().find_map(|key| key.strip_prefix(OWNER_TAG));
    let name = owner.filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(name.map(|name| ClusterTag { name, is_eks: false }))
}

/// The region that the issuer of this pod's token is in, if it is one of EKS.
async fn region_of_issuer(surroundings: &Surroundings) -> Option<String> {
    let around = surroundings.clone();
    let reading = tokio::task::spawn_blocking(move || around.read(TOKEN_FILE).ok().flatten());
    region(&issuer(reading.await.ok()??.trim())?)
}

fn issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Some(claims.iss)
}

/// The region of `https://oidc.eks.REGION.amazonaws.com/id/ID`.
fn region(issuer: &str) -> Option<String> {
    let host = issuer.strip_prefix("https://oidc.eks.")?.split('/').next()?;
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_suffix(".amazonaws.com")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.bytes().all(plain)).then(|| region.to_owned())
}
