//! Proxies: which one a connection goes through, as the config or the environment says, and the tunnel through it.

use super::endpoint::{Target, port_of};
use super::network::{BoxStream, Network};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::uri::{Authority, Uri};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest answer of a proxy to `CONNECT`.
const ANSWER_MAX: usize = 16 << 10;

/// A proxy: `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`; the port is 80 if it is left out.
///
/// User and password are sent to the proxy alone (`Proxy-Authorization: Basic`), and never print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ProxyUrl {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mask = if self.authorization.is_some() { "***@" } else { "" };
        write!(f, "http://{mask}{}", self.target())
    }
}

impl Serialize for ProxyUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ProxyUrl {
    fn schema_name() -> Cow<'static, str> {
        "ProxyUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

impl TryFrom<String> for ProxyUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for ProxyUrl {
    type Err = String;

    /// Reads a proxy's URL; without a scheme it is `http`. Errors do not repeat the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let whole = match text.contains("://") {
            true => Cow::Borrowed(text),
            false => Cow::Owned(format!("http://{text}")),
        };
        let uri: Uri = whole
            .parse()
            .map_err(|error| format!("the proxy is not a URL: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(
                "a proxy is reached by `http://HOST:PORT`: `https` and `socks5` proxies are not spoken to"
                    .to_owned(),
            );
        }
        let authority = uri.authority().ok_or("the proxy's URL names no host")?;
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let host = bare(authority.host());
        if host.is_empty() {
            return Err("the proxy's URL names no host".to_owned());
        }
        let port = port_of(authority).map_err(|wrong| format!("the proxy's URL: {wrong}"))?;
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        Ok(ProxyUrl {
            host,
            port: port.unwrap_or(80),
            authorization: user.map(basic).transpose()?,
        })
    }
}

/// `Basic` credentials from `USER:PASSWORD` as a URL holds it.
fn basic(user_info: &str) -> Result<HeaderValue, String> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut plain = unescaped(user);
    plain.push(b':');
    plain.extend(unescaped(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)))
        .map_err(|_| "the proxy's user and password cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// `%XX` as the byte that it stands for (RFC 3986, section 2.1).
fn unescaped(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| first == b'%');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(byte.unwrap_or(first));
        rest = if byte.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    plain
}

impl ProxyUrl {
    /// Where the proxy is.
    pub(super) fn target(&self) -> Target {
        Target::Tcp {
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// What it wants to know of us.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Makes a tunnel to `origin` out of a connection to the proxy (RFC 9110, section 9.3.6).
    pub(super) async fn tunnel(&self, mut io: BoxStream, origin: &Authority) -> io::Result<BoxStream> {
        let mut request = format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        io.write_all(&request).await?;
        io.flush().await?;
        let status = read_answer(&mut io).await?;
        match status {
            200..=299 => Ok(io),
            407 => Err(refused(
                "it wants a user and a password (status 407): put them into its URL",
            )),
            _ => Err(refused(&format!("it answered CONNECT with status {status}"))),
        }
    }
}

/// Reads the head of the answer to `CONNECT`, byte by byte: what follows it belongs to the tunnel. The status.
async fn read_answer(io: &mut BoxStream) -> io::Result<u16> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= ANSWER_MAX {
            return Err(refused("its answer to CONNECT does not end"));
        }
        head.push(io.read_u8().await?);
    }
    let status = head
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| refused("it does not answer as an HTTP proxy"))
}

fn refused(why: &str) -> io::Error {
    io::Error::other(format!("the proxy refuses: {why}"))
}

/// The proxy that the environment names for connections to `target`: `HTTPS_PROXY` for those that go through a tunnel
/// (TLS, and gRPC always), `HTTP_PROXY` for others, each in lower case too, except for what `NO_PROXY` names. Never for this
/// machine itself.
pub(super) fn of_environment(
    network: &dyn Network,
    target: &Target,
    tunnel: bool,
) -> Result<Option<ProxyUrl>, String> {
    let Target::Tcp { host, port } = target else {
        return Ok(None);
    };
    let either = |names: [&'static str; 2]| {
        let set = |name| network.variable(name).filter(|value| !value.trim().is_empty());
        names
            .into_iter()
            .find_map(|name| set(name).map(|value| (name, value)))
    };
    let names = if tunnel {
        ["HTTPS_PROXY", "https_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy"]
    };
    let Some((name, url)) = either(names) else {
        return Ok(None);
    };
    let exceptions = either(["NO_PROXY", "no_proxy"])
        .map(|(_, list)| list)
        .unwrap_or_default();
    if is_local(host) || is_excepted(&exceptions, host, *port) {
        return Ok(None);
    }
    let proxy = url
        .trim()
        .parse()
        .map_err(|error| format!("the variable {name} cannot be used: {error}"))?;
    Ok(Some(proxy))
}

fn is_local(host: &str) -> bool {
    let loopback = |address: IpAddr| address.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(loopback)
}

/// Whether `NO_PROXY` names the host: `*`, an address, a range of addresses (`10.0.0.0/8`), a domain (`example.com`, which
/// stands for the names below it too) or only what is below it (`.example.com`); each but `*` and ranges with a port or not.
fn is_excepted(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let entries = list.split(',').map(|entry| entry.trim().to_ascii_lowercase());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some(within) = within_range(&entry, &host) {
            return within;
        }
        let (name, only) = split_port(&entry);
        only.is_none_or(|only| only == port) && is_named(name, &host)
    })
}

/// Whether `host` is an address in the range `entry`; nothing if `entry` is not a range.
fn within_range(entry: &str, host: &str) -> Option<bool> {
    let (network, length) = entry.split_once('/')?;
    let (network, length): (IpAddr, u32) = (network.parse().ok()?, length.parse().ok()?);
    let Ok(address) = host.parse::<IpAddr>() else {
        return Some(false);
    };
    let high_bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((network, width), (address, same)) = (high_bits(network), high_bits(address));
    let different = (network ^ address).checked_shr(128_u32.saturating_sub(length));
    Some(width == same && length <= width && different.unwrap_or(0) == 0)
}

/// An entry's name, and its port if it has one. Brackets around an IPv6 address are taken away.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if entry.parse::<IpAddr>().is_ok() {
        return (entry, None);
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok()),
        None => (entry, None),
    };
    (name.trim_start_matches('[').trim_end_matches(']'), port)
}

fn is_named(name: &str, host: &str) -> bool {
    if let (Ok(named), Ok(address)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return named == address;
    }
    let below = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
    };
    match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(domain) => below(domain),
        None => host == name || below(name),
    }
}
