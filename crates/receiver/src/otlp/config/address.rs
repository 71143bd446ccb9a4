//! Where a server listens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The scheme of a unix socket's path.
const UNIX: &str = "unix://";

/// `host:port`, `1.2.3.4:port`, `[v6]:port`, or `unix:///path/of/socket`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Address(String);

impl Address {
    pub(super) fn local(port: u16) -> Self {
        Address(format!("127.0.0.1:{port}"))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only this machine can connect: a loopback address or a unix socket. A name other than `localhost` may be any
    /// address.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.0.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.0.starts_with(UNIX)
            || host == "localhost"
            || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            return match path.starts_with('/') && path.len() > 1 {
                true => Ok(Address(text)),
                false => Err(format!(
                    "`{text}` is not the path of a unix socket: write it from the root, such as \"unix:///run/forebay.sock\""
                )),
            };
        }
        let port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Address(text)),
            _ => Err(format!(
                "`{text}` is not an address to listen on: write host and port, such as \"0.0.0.0:4317\", or \"unix:///path\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        let is_local = |text: &str| Address::try_from(text.to_owned()).unwrap().is_local();
        for local in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "localhost:1",
            "unix:///run/a.sock",
        ] {
            assert!(is_local(local), "{local}");
        }
        for open in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "gateway.example:1"] {
            assert!(!is_local(open), "{open}");
        }
    }

    #[test]
    fn a_socket_has_a_path_from_the_root() {
        for wrong in ["unix://", "unix:///", "unix://run/a.sock", "unix:run"] {
            assert!(Address::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
