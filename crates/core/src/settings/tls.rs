//! TLS, as users write it. The names are those of the OpenTelemetry Collector (`configtls`).

use super::{Period, Secret};
use crate::registry::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

/// The shortest interval at which files are looked at again.
const SHORTEST_RELOAD: Duration = Duration::from_millis(100);

/// TLS for a server: its certificate, and whom it asks for one. Files are read again when they change, and what is read is
/// used for new connections; if it cannot be used, the last good one stays, and the node says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsServerConfig {
    /// The PEM file with the server's certificate, followed by the intermediate ones. At most `1MiB`.
    pub cert_file: Option<PathBuf>,
    /// The PEM file with the key of the certificate: PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), not encrypted. At most `1MiB`.
    pub key_file: Option<PathBuf>,
    /// The certificates themselves, as PEM, in place of `cert_file`.
    pub cert_pem: Option<String>,
    /// The key itself, as PEM, in place of `key_file`. Never prints.
    pub key_pem: Option<Secret>,
    /// The PEM file with the authorities whose clients may connect. If it is set, every client must show a certificate that
    /// one of them has issued for client authentication, and TLS sessions are not resumed, so that each connection is
    /// checked. At most `1MiB`.
    pub client_ca_file: Option<PathBuf>,
    /// The oldest version of TLS that is spoken: `1.2` or `1.3`.
    pub min_version: TlsVersion,
    /// How often the files are looked at for changes. At least `100ms`.
    pub reload_interval: Period,
}

/// TLS for a client: whom it trusts, and what it shows of itself. Files are read again when they change, and what is read is
/// used for new connections; if it cannot be used, the last good one stays, and the node says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsClientConfig {
    /// The PEM file with the authorities that the server's certificate may come from. Left out: those that the system trusts.
    /// At most `1MiB`.
    pub ca_file: Option<PathBuf>,
    /// Trust the system's authorities besides those in `ca_file`.
    pub include_system_ca_certs_pool: bool,
    /// The PEM file with the certificate that is shown to the server, followed by the intermediate ones. At most `1MiB`.
    pub cert_file: Option<PathBuf>,
    /// The PEM file with the key of that certificate: PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), not encrypted. At most `1MiB`.
    pub key_file: Option<PathBuf>,
    /// The certificates themselves, as PEM, in place of `cert_file`.
    pub cert_pem: Option<String>,
    /// The key itself, as PEM, in place of `key_file`. Never prints.
    pub key_pem: Option<Secret>,
    /// The name that the server's certificate must be for, where that is not the host that is connected to.
    pub server_name_override: Option<String>,
    /// Take any certificate of the server. Whoever can come between can then read and change what is sent: for tests only.
    pub insecure_skip_verify: bool,
    /// The oldest version of TLS that is spoken: `1.2` or `1.3`.
    pub min_version: TlsVersion,
    /// How often the files are looked at for changes. At least `100ms`.
    pub reload_interval: Period,
}

/// A version of TLS. Older ones (SSL, TLS 1.0 and 1.1) are never spoken (RFC 8996).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

impl JsonSchema for TlsVersion {
    fn schema_name() -> Cow<'static, str> {
        "TlsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["1.2", "1.3"] })
    }
}

impl Default for TlsServerConfig {
    fn default() -> Self {
        TlsServerConfig {
            cert_file: None,
            key_file: None,
            cert_pem: None,
            key_pem: None,
            client_ca_file: None,
            min_version: TlsVersion::default(),
            reload_interval: reload_interval(),
        }
    }
}

impl Default for TlsClientConfig {
    fn default() -> Self {
        TlsClientConfig {
            ca_file: None,
            include_system_ca_certs_pool: false,
            cert_file: None,
            key_file: None,
            cert_pem: None,
            key_pem: None,
            server_name_override: None,
            insecure_skip_verify: false,
            min_version: TlsVersion::default(),
            reload_interval: reload_interval(),
        }
    }
}

impl TlsServerConfig {
    /// The rules between the keys of this table, which stands at `path`.
    pub fn check(&self, path: &[&'static str]) -> Vec<Problem> {
        let mut found = one_of_each(path, &self.given());
        if self.cert_file.is_none() && self.cert_pem.is_none() {
            let wrong = "a server with TLS needs a certificate";
            found.push(problem(path, None, wrong, "set `cert_file` and `key_file`"));
        }
        found.extend(check_reload(path, self.reload_interval));
        found
    }

    fn given(&self) -> Given {
        Given {
            cert_file: self.cert_file.is_some(),
            cert_pem: self.cert_pem.is_some(),
            key_file: self.key_file.is_some(),
            key_pem: self.key_pem.is_some(),
        }
    }
}

impl TlsClientConfig {
    /// The rules between the keys of this table, which stands at `path`.
    pub fn check(&self, path: &[&'static str]) -> Vec<Problem> {
        let given = Given {
            cert_file: self.cert_file.is_some(),
            cert_pem: self.cert_pem.is_some(),
            key_file: self.key_file.is_some(),
            key_pem: self.key_pem.is_some(),
        };
        let mut found = one_of_each(path, &given);
        if self.insecure_skip_verify && self.ca_file.is_some() {
            let wrong = "`ca_file` has no effect: `insecure_skip_verify` takes any certificate";
            let help = "remove `insecure_skip_verify`";
            found.push(problem(path, Some("insecure_skip_verify"), wrong, help));
        }
        found.extend(check_reload(path, self.reload_interval));
        found
    }
}

/// Which of the keys for a certificate and its key are set.
struct Given {
    cert_file: bool,
    cert_pem: bool,
    key_file: bool,
    key_pem: bool,
}

/// A certificate and a key go together, and each is said once.
fn one_of_each(path: &[&'static str], given: &Given) -> Vec<Problem> {
    let mut found = Vec::new();
    let (cert, key) = (given.cert_file || given.cert_pem, given.key_file || given.key_pem);
    if given.cert_file && given.cert_pem {
        let wrong = "`cert_file` and `cert_pem` are both set";
        found.push(problem(path, Some("cert_pem"), wrong, "keep one of them"));
    }
    if given.key_file && given.key_pem {
        let wrong = "`key_file` and `key_pem` are both set";
        found.push(problem(path, Some("key_pem"), wrong, "keep one of them"));
    }
    if cert && !key {
        let wrong = "there is a certificate and no key for it";
        found.push(problem(path, None, wrong, "set `key_file`"));
    }
    if key && !cert {
        let wrong = "there is a key and no certificate for it";
        found.push(problem(path, None, wrong, "set `cert_file`"));
    }
    found
}

/// What `reload_interval` is where nothing is said.
pub(super) fn reload_interval() -> Period {
    Period(Duration::from_secs(1))
}

pub(super) fn check_reload(path: &[&'static str], interval: Period) -> Option<Problem> {
    let wrong = "`reload_interval` must be at least 100ms";
    (interval.0 < SHORTEST_RELOAD).then(|| {
        problem(
            path,
            Some("reload_interval"),
            wrong,
            "leave it out for one second",
        )
    })
}

/// A problem with `key` of the table at `path`, or with the table.
pub(super) fn problem(
    path: &[&'static str],
    key: Option<&'static str>,
    message: impl Into<String>,
    help: &str,
) -> Problem {
    Problem {
        path: path.iter().copied().chain(key).map(Into::into).collect(),
        message: message.into(),
        help: Some(help.to_owned()),
    }
}
