//! Who may send.

use super::secret::{digest, each, load, only};
use crate::tls::PeerCertificate;
use crate::watch::{Content, Following, Kept, Watched};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::component::NodeContext;
use forebay_core::settings::{AuthConfig, BasicConfig, BearerConfig, ClientCertificateConfig};
use forebay_core::{ComponentError, Identity, Phase};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Lets those in who have one of the credentials that the config lists. Cheap to clone: every clone is the same. The default
/// one lets everybody in.
#[derive(Clone, Debug, Default)]
pub struct Guard(Option<Arc<Rules>>);

struct Rules {
    bearer: Vec<Known>,
    basic: Vec<Known>,
    certificates: Vec<KnownCertificate>,
    interval: Duration,
    challenges: Vec<HeaderValue>,
}

/// Secrets, any one of which proves an identity: as digests.
struct Known {
    digests: Arc<Kept<Vec<[u8; 32]>>>,
    identity: Arc<Identity>,
}

struct KnownCertificate {
    property: Property,
    identity: Arc<Identity>,
}

enum Property {
    DnsName(String),
    Uri(String),
    Fingerprint([u8; 32]),
}

/// Somebody has not proved who they are: UNAUTHENTICATED, or 401 with the challenges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Denied {
    words: &'static str,
    challenges: Vec<HeaderValue>,
}

impl Denied {
    /// The values of `WWW-Authenticate` (RFC 9110, section 11.6.1), at least one: the ways that are open.
    pub fn challenges(&self) -> &[HeaderValue] {
        &self.challenges
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("bearer", &self.bearer.len())
            .field("basic", &self.basic.len())
            .field("certificates", &self.certificates.len())
            .finish()
    }
}

const NONE: &str = "credentials are required";
const UNKNOWN: &str = "the credentials are not accepted";
const AMBIGUOUS: &str = "there is more than one authorization header";

impl Guard {
    /// Reads the secrets. Blocks, for as long as reading small files takes.
    ///
    /// # Errors
    ///
    /// If there is no credential at all, a secret is empty, or a file cannot be read: then nobody is let in, rather than
    /// everybody. The words name the key or the file, and show nothing of its content.
    pub fn load(config: &AuthConfig) -> Result<Self, ComponentError> {
        let bearer: Vec<Known> = config.bearer.iter().map(bearer).collect::<Result<_, _>>()?;
        let basic: Vec<Known> = config.basic.iter().map(basic).collect::<Result<_, _>>()?;
        let certificates: Vec<KnownCertificate> = config
            .client_certificates
            .iter()
            .map(certificate)
            .collect::<Result<_, _>>()?;
        let ways = [
            ("Bearer realm=\"forebay\"", bearer.is_empty()),
            ("Basic realm=\"forebay\", charset=\"UTF-8\"", basic.is_empty()),
            ("Certificate realm=\"forebay\"", certificates.is_empty()),
        ];
        let open = ways.into_iter().filter(|(_, closed)| !closed);
        let challenges: Vec<HeaderValue> = open.map(|(way, _)| HeaderValue::from_static(way)).collect();
        if challenges.is_empty() {
            return Err(ComponentError::new(
                "nobody could send: there is no credential under `auth`",
            ));
        }
        Ok(Guard(Some(Arc::new(Rules {
            bearer,
            basic,
            certificates,
            interval: config.reload_interval.0,
            challenges,
        }))))
    }

    /// Whether a request with these headers, over a connection with this certificate, may be served, and who it is from. No
    /// identity where nobody is asked for one.
    ///
    /// # Errors
    ///
    /// If the sender has not proved to be one of those who may send.
    pub fn check(
        &self,
        headers: &HeaderMap,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Option<Arc<Identity>>, Denied> {
        let Some(rules) = &self.0 else {
            return Ok(None);
        };
        rules
            .check(headers, certificate)
            .map(Some)
            .map_err(|words| Denied {
                words,
                challenges: rules.challenges.clone(),
            })
    }

    /// Starts the task of `node` that follows the files until the process drains.
    pub fn watch(&self, node: &NodeContext) {
        let Some(rules) = &self.0 else { return };
        let known = rules.bearer.iter().chain(&rules.basic);
        let following = Following {
            interval: rules.interval,
            until: Phase::Draining,
            watched: known
                .map(|known| Arc::clone(&known.digests) as Arc<dyn Watched>)
                .collect(),
            renewed: Box::new(|| {}),
        };
        following.start(node);
    }
}

impl Rules {
    fn check(
        &self,
        headers: &HeaderMap,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Arc<Identity>, &'static str> {
        let judged_by_header = !self.bearer.is_empty() || !self.basic.is_empty();
        let mut values = headers.get_all(AUTHORIZATION).iter().filter(|_| judged_by_header);
        match (values.next(), values.next()) {
            (Some(value), None) => self.by_header(value).ok_or(UNKNOWN),
            (Some(_), Some(_)) => Err(AMBIGUOUS),
            (None, _) => match certificate {
                Some(certificate) => self.by_certificate(certificate).ok_or(NONE),
                None => Err(NONE),
            },
        }
    }

    fn by_header(&self, value: &HeaderValue) -> Option<Arc<Identity>> {
        let value = value.as_bytes();
        let space = value.iter().position(|byte| *byte == b' ')?;
        let (scheme, rest) = value.split_at_checked(space)?;
        let secret = rest.trim_ascii_start();
        if secret.is_empty() {
            return None;
        }
        if scheme.eq_ignore_ascii_case(b"bearer") {
            find(&self.bearer, &digest(&[secret]))
        } else if scheme.eq_ignore_ascii_case(b"basic") {
            let pair = STANDARD.decode(secret).ok()?;
            find(&self.basic, &digest(&[&pair]))
        } else {
            None
        }
    }

    fn by_certificate(&self, certificate: &PeerCertificate) -> Option<Arc<Identity>> {
        let known = self
            .certificates
            .iter()
            .find(|known| known.property.is_of(certificate))?;
        Some(Arc::clone(&known.identity))
    }
}

/// Compares with all that are known, whichever matches: how long it takes does not say how near a guess was.
fn find(known: &[Known], shown: &[u8; 32]) -> Option<Arc<Identity>> {
    let mut found = None;
    for candidate in known {
        for digest in candidate.digests.current().iter() {
            if bool::from(digest.ct_eq(shown)) {
                found = Some(&candidate.identity);
            }
        }
    }
    found.map(Arc::clone)
}

impl Property {
    fn is_of(&self, certificate: &PeerCertificate) -> bool {
        match self {
            Property::DnsName(name) => certificate
                .dns_names()
                .any(|shown| shown.eq_ignore_ascii_case(name)),
            Property::Uri(uri) => certificate.uris().any(|shown| shown == uri),
            Property::Fingerprint(digest) => certificate.fingerprint_sha256() == digest,
        }
    }
}

fn bearer(config: &BearerConfig) -> Result<Known, ComponentError> {
    let make = |content: &Content<'_>| {
        let tokens = each(content)?;
        Ok(tokens.iter().map(|token| digest(&[token.as_bytes()])).collect())
    };
    let digests = load(
        ("token", config.token.as_ref()),
        ("token_file", config.token_file.as_ref()),
        make,
    )?;
    let name = config.name.as_deref().unwrap_or("bearer");
    Ok(Known {
        digests,
        identity: identity(name, config.tenant.as_ref()),
    })
}

fn basic(config: &BasicConfig) -> Result<Known, ComponentError> {
    let user = config.username.clone();
    let make = move |content: &Content<'_>| {
        let password = only(content)?;
        Ok(vec![digest(&[user.as_bytes(), b":", password.as_bytes()])])
    };
    let digests = load(
        ("password", config.password.as_ref()),
        ("password_file", config.password_file.as_ref()),
        make,
    )?;
    Ok(Known {
        digests,
        identity: identity(&config.username, config.tenant.as_ref()),
    })
}

fn certificate(config: &ClientCertificateConfig) -> Result<KnownCertificate, ComponentError> {
    let fingerprint = config.fingerprint().flatten().map(Property::Fingerprint);
    let dns_name = config.dns_name.clone().map(Property::DnsName);
    let uri = config.uri.clone().map(Property::Uri);
    let Some(property) = dns_name.or(uri).or(fingerprint) else {
        return Err(ComponentError::new(
            "an entry of `client_certificates` names no property: set `dns_name`, `uri` or `fingerprint_sha256`",
        ));
    };
    let named = [
        &config.name,
        &config.dns_name,
        &config.uri,
        &config.fingerprint_sha256,
    ];
    let name = named.into_iter().flatten().next();
    Ok(KnownCertificate {
        property,
        identity: identity(name.map_or("certificate", String::as_str), config.tenant.as_ref()),
    })
}

fn identity(name: &str, tenant: Option<&String>) -> Arc<Identity> {
    Arc::new(Identity {
        name: name.into(),
        tenant: tenant.map(|tenant| tenant.as_str().into()),
    })
}
