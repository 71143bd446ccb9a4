//! A backend, as configs and files write it.

use crate::otlp_grpc::config::DEFAULT_PORT;
use forebay_transport::client::{Endpoint, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A backend: `HOST:PORT`, or `HOST` for port 4317. An IPv6 address stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Backend(String);

impl Backend {
    /// `HOST:PORT`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for one address for ever.
    pub(super) fn is_address(&self) -> bool {
        let host = self.0.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("`{text}` is not a backend{why}: write `HOST:PORT`, such as \"gateway-1:4317\"")
        };
        if text.contains("//") || text.contains(char::is_whitespace) {
            return Err(wrong(""));
        }
        let endpoint: Endpoint = format!("http://{text}").parse().map_err(|_| wrong(""))?;
        match endpoint.target(DEFAULT_PORT) {
            target @ Target::Tcp { .. } if endpoint.path().is_empty() => Ok(Backend(target.to_string())),
            _ => Err(wrong(", as it has a path")),
        }
    }
}

impl TryFrom<String> for Backend {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Backend> for String {
    fn from(backend: Backend) -> String {
        backend.0
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
