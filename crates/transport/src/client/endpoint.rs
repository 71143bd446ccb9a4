//! Where a client connects to, as the user writes it.

use http::Uri;
use http::uri::{Authority, PathAndQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A destination: `http://host:4317`, `http://host:4318/base/path` or `unix:///run/agent.sock`.
///
/// It is read where the config is read, so that a mistake in it is shown with its position. A port that is left out is
/// the default port of the protocol. `https` is refused: this version has no TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    text: String,
    place: Place,
    path: String,
}

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
    /// What to connect to; `default_port` where the endpoint names none.
    pub fn target(&self, default_port: u16) -> Target {
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
            "http" => tcp(text),
            "https" => Err(format!(
                "`{text}`: this version has no TLS. Use `http://` here and let a proxy on the same machine (envoy, stunnel, \
                 a service mesh) speak TLS to the destination"
            )),
            _ => Err(format!(
                "`{text}` is not an endpoint: write `http://HOST:PORT` or `unix:///PATH`, such as \"http://localhost:4317\""
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
    })
}

fn tcp(text: &str) -> Result<Endpoint, String> {
    let uri: Uri = text
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
    let after_host = authority
        .as_str()
        .get(authority.host().len()..)
        .unwrap_or_default();
    if host.is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    Ok(Endpoint {
        text: text.to_owned(),
        place: Place::Host {
            host: host.to_owned(),
            port: port_of(text, after_host)?,
        },
        path: uri.path().trim_end_matches('/').to_owned(),
    })
}

/// The port in `:4317`; nothing where there is none.
fn port_of(text: &str, after_host: &str) -> Result<Option<u16>, String> {
    match after_host.strip_prefix(':') {
        None => Ok(None),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(format!("`{text}`: the port must be between 1 and 65535")),
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
        json_schema!({ "type": "string", "pattern": "^(http://|unix:/)|\\$\\{" })
    }
}

/// A URI of `target` and `path`, as an HTTP/2 request carries it.
pub(super) fn absolute(target: &Target, path: &str) -> Result<Uri, http::Error> {
    let path: PathAndQuery = path.parse()?;
    Uri::builder()
        .scheme("http")
        .authority(target.authority()?)
        .path_and_query(path)
        .build()
}
