//! Where a client connects to, as the user writes it.

use http::Uri;
use http::uri::{Authority, PathAndQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A destination: `http://host:4317`, `https://host/base/path`, `dns:///host:4317` or `unix:///run/agent.sock`.
///
/// It is read where the config is read, so that a mistake in it is shown with its position. A port that is left out is
/// the default port of the protocol, or 443 after `https`. `https` stands for TLS, the others for connections without it;
/// `dns:///` is how gRPC writes a name that stands for several addresses, and means the same as `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    text: String,
    place: Place,
    path: String,
    secure: bool,
}

/// The port of `https` (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// The socket's address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Host { host: String, port: Option<u16> },
    Unix(PathBuf),
}

/// What to connect to, with the port decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A TCP port; the host is a name or an address (IPv6 without brackets).
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix domain socket.
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Target::Tcp { host, port } => write!(f, "{host}:{port}"),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Target {
    /// The `:authority` or `Host` of requests to it (RFC 9110, 7.2).
    pub(super) fn authority(&self) -> Result<Authority, http::uri::InvalidUri> {
        match self {
            Target::Tcp { .. } => self.to_string().parse(),
            Target::Unix(_) => Ok(Authority::from_static("localhost")),
        }
    }
}

impl Endpoint {
    /// What to connect to; `default_port` where the endpoint names none, unless it is an `https` one.
    pub fn target(&self, default_port: u16) -> Target {
        let default_port = if self.secure { HTTPS_PORT } else { default_port };
        match &self.place {
            Place::Host { host, port } => Target::Tcp {
                host: host.clone(),
                port: port.unwrap_or(default_port),
            },
            Place::Unix(path) => Target::Unix(path.clone()),
        }
    }

    /// The path without a slash at its end: empty if there is none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether connections to it are under TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            "unix" => unix(text, rest),
            "http" | "https" => tcp(text, text),
            "dns" => match rest.strip_prefix("///") {
                Some(host) if !host.contains('/') => tcp(text, &format!("http://{host}")),
                _ => Err(format!(
                    "`{text}`: a name is written as `dns:///HOST:PORT`; name servers other than the system's are not asked"
                )),
            },
            _ => Err(format!(
                "`{text}` is not an endpoint: write `http://HOST:PORT`, `https://HOST:PORT` or `unix:///PATH`, such as \
                 \"http://localhost:4317\""
            )),
        }
    }
}

fn unix(text: &str, rest: &str) -> Result<Endpoint, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') || path.len() < 2 {
        return Err(format!(
            "`{text}`: a unix socket is named by its absolute path, such as \"unix:///run/otlp.sock\""
        ));
    }
    Ok(Endpoint {
        text: text.to_owned(),
        place: Place::Unix(PathBuf::from(path)),
        path: String::new(),
        secure: false,
    })
}

/// Reads `url`; `text` is what was written.
fn tcp(text: &str, url: &str) -> Result<Endpoint, String> {
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    let authority = uri.authority().ok_or_else(|| format!("`{text}` names no host"))?;
    if authority.as_str().contains('@') {
        return Err("an endpoint cannot hold a user and password: send them in `headers`".to_owned());
    }
    if uri.query().is_some() {
        return Err(format!("`{text}`: an endpoint has no query"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    Ok(Endpoint {
        text: text.to_owned(),
        place: Place::Host {
            host: host.to_owned(),
            port: port_of(authority).map_err(|wrong| format!("`{text}`: {wrong}"))?,
        },
        path: uri.path().trim_end_matches('/').to_owned(),
        secure: uri.scheme_str() == Some("https"),
    })
}

/// The port of an authority; nothing where there is none.
pub(super) fn port_of(authority: &Authority) -> Result<Option<u16>, &'static str> {
    let host_and_port = authority
        .as_str()
        .rsplit_once('@')
        .map_or(authority.as_str(), |(_, rest)| rest);
    let after_host = host_and_port.get(authority.host().len()..).unwrap_or_default();
    match after_host.strip_prefix(':') {
        None => Ok(None),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err("the port must be between 1 and 65535"),
        },
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(https?://|dns:///|unix:/)|\\$\\{" })
    }
}

/// A URI of `target` and `path`, as an HTTP/2 request carries it.
pub(super) fn absolute(target: &Target, secure: bool, path: &str) -> Result<Uri, http::Error> {
    let path: PathAndQuery = path.parse()?;
    Uri::builder()
        .scheme(if secure { "https" } else { "http" })
        .authority(target.authority()?)
        .path_and_query(path)
        .build()
}
