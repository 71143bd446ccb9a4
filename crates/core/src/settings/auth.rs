//! Who may send, and how an exporter proves who it is, as users write it.

use super::tls::{check_reload, problem, reload_interval};
use super::{Period, Secret, TlsClientConfig};
use crate::registry::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Who may send to a receiver. A sender needs one of the credentials listed; all others are refused before their bodies are
/// read: UNAUTHENTICATED or 401. Where `bearer` or `basic` is set, a sender with an `authorization` header is judged by that
/// header alone, whatever certificate it has.
///
/// Files are read again when they change; if one cannot be used, its last good content stays, and the node says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Bearer tokens (RFC 6750).
    pub bearer: Vec<BearerConfig>,
    /// Users and passwords (RFC 7617). Over a connection without TLS a password can be read on the way.
    pub basic: Vec<BasicConfig>,
    /// Certificates of clients. The server needs `tls.client_ca_file`: the authority proves who a client is, this list says who
    /// of them may send.
    pub client_certificates: Vec<ClientCertificateConfig>,
    /// How often the files are looked at for changes. At least `100ms`.
    pub reload_interval: Period,
}

/// One token, or one file of tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearerConfig {
    /// The token, such as `"${env:TOKEN}"`. Never prints.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The file that holds the token, in place of `token`. With several lines each is a token of its own, so that an old one
    /// can go on being accepted while a new one is rolled out. At most `64KiB`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// What senders with this token are called in logs. Left out: `bearer`.
    #[serde(default)]
    pub name: Option<String>,
    /// The tenant on whose behalf they send.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// One user.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// The user's name: without a colon. Also what the sender is called in logs.
    pub username: String,
    /// The password. Never prints.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The file that holds the password on one line, in place of `password`. At most `64KiB`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The tenant on whose behalf the user sends.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// One kind of client certificate: by exactly one of its properties.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateConfig {
    /// A DNS name among the certificate's subject alternative names: the same one, without regard to case. A wildcard in the
    /// certificate stands for itself only.
    #[serde(default)]
    pub dns_name: Option<String>,
    /// A URI among the certificate's subject alternative names, such as a SPIFFE ID: the same one, to the letter.
    #[serde(default)]
    pub uri: Option<String>,
    /// The SHA-256 digest of the whole certificate (DER): 64 hexadecimal digits, with or without colons.
    #[serde(default)]
    pub fingerprint_sha256: Option<String>,
    /// What senders with such a certificate are called in logs. Left out: the property above.
    #[serde(default)]
    pub name: Option<String>,
    /// The tenant on whose behalf they send.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// How an exporter proves who it is: exactly one way.
///
/// Files are read again when they change; if one cannot be used, its last good content stays, and the node says so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialsConfig {
    /// A bearer token (RFC 6750). Never prints.
    pub bearer_token: Option<Secret>,
    /// The file that holds the bearer token on one line. At most `64KiB`.
    pub token_file: Option<PathBuf>,
    /// A user and a password (RFC 7617).
    pub basic: Option<BasicCredentialsConfig>,
    /// A token of an authorization server, fetched ahead of its expiry.
    pub oauth2: Option<OAuth2Config>,
    /// How often the files are looked at for changes. At least `100ms`.
    pub reload_interval: Period,
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicCredentialsConfig {
    /// The user's name: without a colon.
    pub username: String,
    /// The password. Never prints.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The file that holds the password on one line, in place of `password`. At most `64KiB`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4): the client proves itself to the authorization server with HTTP basic
/// authentication (section 2.3.1).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Config {
    /// The URL of the authorization server's token endpoint.
    pub token_url: String,
    /// The client's identifier.
    pub client_id: String,
    /// The client's secret. Never prints.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The file that holds the client's secret on one line, in place of `client_secret`. At most `64KiB`.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// The scopes that are asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Further parameters of the request, such as `audience` or `resource`. Values never print.
    #[serde(default)]
    pub endpoint_params: BTreeMap<String, Secret>,
    /// TLS to the authorization server, where `token_url` is `https`. Left out: the system's authorities are trusted.
    #[serde(default)]
    pub tls: Option<TlsClientConfig>,
    /// The longest that one request for a token may take. More than `0s`.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How long before its expiry a token is replaced. A token that does not live twice as long is replaced after half its life.
    #[serde(default = "default_expiry_buffer")]
    pub expiry_buffer: Period,
}

fn default_timeout() -> Period {
    Period(Duration::from_secs(10))
}

fn default_expiry_buffer() -> Period {
    Period(Duration::from_secs(300))
}

impl Default for AuthConfig {
    fn default() -> Self {
        AuthConfig {
            bearer: Vec::new(),
            basic: Vec::new(),
            client_certificates: Vec::new(),
            reload_interval: reload_interval(),
        }
    }
}

impl Default for CredentialsConfig {
    fn default() -> Self {
        CredentialsConfig {
            bearer_token: None,
            token_file: None,
            basic: None,
            oauth2: None,
            reload_interval: reload_interval(),
        }
    }
}

impl AuthConfig {
    /// The rules between the keys of this table, which stands at `path`. `certificates`: whether some server asks its clients
    /// for certificates, which it does with `tls.client_ca_file`.
    pub fn check(&self, path: &[&'static str], certificates: bool) -> Vec<Problem> {
        let mut found = Vec::new();
        if !certificates && !self.client_certificates.is_empty() {
            let wrong = "`client_certificates` has no effect: no server asks its clients for certificates";
            let help = "set `tls.client_ca_file` of the server";
            found.push(problem(path, Some("client_certificates"), wrong, help));
        }
        if self.bearer.is_empty() && self.basic.is_empty() && self.client_certificates.is_empty() {
            let help =
                "list credentials under `bearer`, `basic` or `client_certificates`, or remove the table";
            found.push(problem(
                path,
                None,
                "nobody could send: there is no credential",
                help,
            ));
        }
        for entry in &self.bearer {
            let secret = [("token", entry.token.as_ref())];
            let file = ("token_file", entry.token_file.is_some());
            found.extend(check_secret(&below(path, "bearer"), secret, file));
        }
        for user in &self.basic {
            let at = below(path, "basic");
            found.extend(check_user(&at, &user.username));
            let secret = [("password", user.password.as_ref())];
            let file = ("password_file", user.password_file.is_some());
            found.extend(check_secret(&at, secret, file));
        }
        for certificate in &self.client_certificates {
            found.extend(certificate.check(&below(path, "client_certificates")));
        }
        found.extend(check_reload(path, self.reload_interval));
        found
    }
}

impl ClientCertificateConfig {
    fn check(&self, path: &[&'static str]) -> Option<Problem> {
        let given = [&self.dns_name, &self.uri, &self.fingerprint_sha256];
        let mut given = given.into_iter().flatten();
        let (first, second) = (given.next(), given.next());
        if first.is_none() || second.is_some() {
            let wrong = "a client certificate is named by exactly one property";
            return Some(problem(
                path,
                None,
                wrong,
                "set one of `dns_name`, `uri` and `fingerprint_sha256`",
            ));
        }
        if first.is_some_and(|name| name.is_empty()) {
            return Some(problem(
                path,
                None,
                "the name of a client certificate is empty",
                "fill it in",
            ));
        }
        let digits = self.fingerprint()?;
        digits.is_none().then(|| {
            let wrong = "`fingerprint_sha256` is not 64 hexadecimal digits";
            let help = "`openssl x509 -in FILE -noout -fingerprint -sha256` prints it";
            problem(path, Some("fingerprint_sha256"), wrong, help)
        })
    }

    /// The digest that `fingerprint_sha256` means: the outer `None` where it is not set, the inner where it is no digest.
    pub fn fingerprint(&self) -> Option<Option<[u8; 32]>> {
        self.fingerprint_sha256.as_ref().map(|text| digest_of(text))
    }
}

/// The bytes of 64 hexadecimal digits, colons aside.
fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect();
    let digest: [u8; 32] = bytes.try_into().ok()?;
    (digits.len() == 64).then_some(digest)
}

impl CredentialsConfig {
    /// The rules between the keys of this table, which stands at `path`.
    pub fn check(&self, path: &[&'static str]) -> Vec<Problem> {
        let mut found = Vec::new();
        let bearer = self.bearer_token.is_some() || self.token_file.is_some();
        let ways = [bearer, self.basic.is_some(), self.oauth2.is_some()];
        if ways.iter().filter(|way| **way).count() != 1 {
            let wrong = "an exporter proves who it is in exactly one way";
            let help = "set one of `bearer_token`, `token_file`, `basic` and `oauth2`";
            found.push(problem(path, None, wrong, help));
        }
        if bearer {
            let secret = [("bearer_token", self.bearer_token.as_ref())];
            let file = ("token_file", self.token_file.is_some());
            found.extend(check_secret(path, secret, file));
        }
        if let Some(user) = &self.basic {
            let at = below(path, "basic");
            found.extend(check_user(&at, &user.username));
            let secret = [("password", user.password.as_ref())];
            let file = ("password_file", user.password_file.is_some());
            found.extend(check_secret(&at, secret, file));
        }
        if let Some(oauth2) = &self.oauth2 {
            found.extend(oauth2.check(&below(path, "oauth2")));
        }
        found.extend(check_reload(path, self.reload_interval));
        found
    }
}

impl OAuth2Config {
    fn check(&self, path: &[&'static str]) -> Vec<Problem> {
        let secret = [("client_secret", self.client_secret.as_ref())];
        let file = ("client_secret_file", self.client_secret_file.is_some());
        let mut found = check_secret(path, secret, file);
        if self.client_id.is_empty() {
            found.push(problem(
                path,
                Some("client_id"),
                "`client_id` is empty",
                "fill it in",
            ));
        }
        let own = ["grant_type", "scope", "client_id", "client_secret"];
        for name in self
            .endpoint_params
            .keys()
            .filter(|name| own.contains(&name.as_str()))
        {
            let wrong = format!("`{name}` is set by the protocol");
            let help = "scopes go into `scopes`";
            found.push(problem(path, Some("endpoint_params"), wrong, help));
        }
        if self.timeout.0.is_zero() {
            let wrong = "`timeout` must be more than 0s";
            found.push(problem(path, Some("timeout"), wrong, "leave it out for 10s"));
        }
        if let Some(tls) = &self.tls {
            found.extend(tls.check(&below(path, "tls")));
        }
        found
    }
}

fn below(path: &[&'static str], key: &'static str) -> Vec<&'static str> {
    path.iter().copied().chain([key]).collect()
}

/// A secret is said once, in the config or in a file, and it is not empty.
fn check_secret(
    path: &[&'static str],
    [(key, secret)]: [(&'static str, Option<&Secret>); 1],
    (file_key, file): (&'static str, bool),
) -> Vec<Problem> {
    let both = format!("`{key}` and `{file_key}` are both set");
    let neither = format!("neither `{key}` nor `{file_key}` is set");
    let found = match secret {
        Some(_) if file => problem(path, Some(key), both, "keep one of them"),
        Some(secret) if secret.reveal().trim().is_empty() => {
            let help = "an empty secret would let everybody in; if it comes from a variable, that is empty";
            problem(path, Some(key), format!("`{key}` is empty"), help)
        }
        None if !file => problem(path, None, neither, "set one of them"),
        _ => return Vec::new(),
    };
    vec![found]
}

/// A user's name ends at the first colon (RFC 7617, section 2).
fn check_user(path: &[&'static str], name: &str) -> Option<Problem> {
    let wrong = name.is_empty() || name.contains(':') || name.chars().any(char::is_control);
    wrong.then(|| {
        let what = "`username` is empty, or has a colon or a control character in it";
        problem(path, Some("username"), what, "choose another name")
    })
}
