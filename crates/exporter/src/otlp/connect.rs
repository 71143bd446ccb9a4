//! What the two OTLP exporters have in common in how they connect: TLS, proxies, name lookup, keepalive, credentials.

use forebay_core::Clock;
use forebay_core::component::{ComponentError, NodeContext};
use forebay_core::registry::Problem;
use forebay_core::settings::{CredentialsConfig, Period, Secret, TlsClientConfig};
use forebay_transport::auth::Credentials;
use forebay_transport::client::{
    CONNECT_TIMEOUT, CallError, ConnectSettings, Endpoint, Keepalive, ProxyUrl, Target,
};
use forebay_transport::tls::TlsConnector;
use http::HeaderValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The shortest interval of name lookups and of pings.
const SHORTEST: Duration = Duration::from_secs(1);

/// When a connection is tested with a ping, and when it is given up. There are no pings while no request waits. Together the
/// two say within which time a connection that leads nowhere is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeepaliveConfig {
    /// How long requests may wait with nothing coming from the server before there is a ping: at least `1s`; `0s`: no pings.
    /// It is doubled each time a server complains of too many.
    pub time: Period,
    /// How long the answer to a ping may take: more than `0s`.
    pub timeout: Period,
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        let Keepalive { time, timeout } = Keepalive::default();
        KeepaliveConfig {
            time: Period(time),
            timeout: Period(timeout),
        }
    }
}

impl KeepaliveConfig {
    fn check(self) -> Option<Problem> {
        let wrong = |key, message: &str| {
            let message = message.to_owned();
            let path = vec!["keepalive", key];
            Some(Problem {
                path: path.into_iter().map(Into::into).collect(),
                message,
                help: None,
            })
        };
        if !self.time.0.is_zero() && self.time.0 < SHORTEST {
            return wrong("time", "pings are at least 1s apart; 0s switches them off");
        }
        if self.timeout.0.is_zero() {
            return wrong("timeout", "the answer to a ping takes more than 0s");
        }
        None
    }
}

/// The keys for connections, as one of the configs has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectKeys<'a> {
    pub(crate) endpoints: &'a [&'a Endpoint],
    pub(crate) headers: &'a BTreeMap<String, Secret>,
    pub(crate) tls: Option<&'a TlsClientConfig>,
    pub(crate) auth: Option<&'a CredentialsConfig>,
    pub(crate) proxy_url: Option<&'a ProxyUrl>,
    pub(crate) dns_refresh_interval: Period,
    pub(crate) keepalive: KeepaliveConfig,
}

impl ConnectKeys<'_> {
    /// What is wrong with them.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let problem = |path: &'static str, message: &str, help: &str| Problem {
            path: vec![path.into()],
            message: message.to_owned(),
            help: Some(help.to_owned()),
        };
        let mut found = Vec::new();
        found.extend(self.keepalive.check());
        found.extend(self.tls.iter().flat_map(|tls| tls.check(&["tls"])));
        found.extend(self.auth.iter().flat_map(|auth| auth.check(&["auth"])));
        if self.tls.is_some() && !self.is_secure() {
            let help = "write `https://` in place of `http://`, or remove the table";
            found.push(problem(
                "tls",
                "`tls` has no effect: the endpoint is without TLS",
                help,
            ));
        }
        let named = |name: &String| name.eq_ignore_ascii_case("authorization");
        if self.auth.is_some() && self.headers.keys().any(named) {
            let help = "remove the header, or the table `auth`";
            found.push(problem(
                "headers",
                "the header `authorization` is set by `auth`",
                help,
            ));
        }
        if self.dns_refresh_interval.0 < SHORTEST {
            let help = "use at least 1s";
            found.push(problem(
                "dns_refresh_interval",
                "names are not looked up that often",
                help,
            ));
        }
        found
    }

    fn is_secure(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.is_secure())
    }

    /// The settings that they mean, certificates and credentials read and followed.
    pub(crate) fn open(&self, context: &NodeContext) -> Result<Opened, ComponentError> {
        let connector = match self.is_secure() {
            true => Some(TlsConnector::load(&self.tls.cloned().unwrap_or_default())?),
            false => None,
        };
        if let Some(connector) = &connector {
            connector.watch(context);
        }
        let credentials = self.auth.map(Credentials::load).transpose()?;
        if let Some(credentials) = &credentials {
            credentials.watch(context)?;
            self.warn_of_plain_credentials();
        }
        Ok(Opened {
            plain: ConnectSettings {
                timeout: CONNECT_TIMEOUT,
                tls: None,
                proxy: self.proxy_url.cloned(),
                dns_refresh_interval: self.dns_refresh_interval.0,
                keepalive: Keepalive {
                    time: self.keepalive.time.0,
                    timeout: self.keepalive.timeout.0,
                },
            },
            connector,
            credentials,
        })
    }

    fn warn_of_plain_credentials(&self) {
        let leaks = |endpoint: &&&Endpoint| !endpoint.is_secure() && !is_local(&endpoint.target(0));
        if let Some(endpoint) = self.endpoints.iter().find(leaks) {
            tracing::warn!(%endpoint, "credentials are sent without TLS: whoever is on the way can read them");
        }
    }
}

fn is_local(target: &Target) -> bool {
    match target {
        Target::Unix(_) => true,
        Target::Tcp { host, .. } => {
            host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

/// What [`ConnectKeys`] mean. Clones share certificates and credentials.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    plain: ConnectSettings,
    connector: Option<TlsConnector>,
    /// Who we are to the destination.
    pub(crate) credentials: Option<Credentials>,
}

impl Opened {
    /// How connections to `endpoint` come to be.
    pub(crate) fn to(&self, endpoint: &Endpoint) -> ConnectSettings {
        ConnectSettings {
            tls: self.connector.clone().filter(|_| endpoint.is_secure()),
            ..self.plain.clone()
        }
    }
}

/// What one request proves itself with: the header that the credentials give and, once, a newer one if that is refused.
#[derive(Debug)]
pub(crate) struct Proof<'a> {
    credentials: Option<&'a Credentials>,
    clock: &'a Clock,
    renewed: bool,
}

impl<'a> Proof<'a> {
    pub(crate) fn new(credentials: Option<&'a Credentials>, clock: &'a Clock) -> Self {
        Proof {
            credentials,
            clock,
            renewed: false,
        }
    }

    /// The value of `authorization`, waited for where there is none yet.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, CallError> {
        match self.credentials {
            Some(credentials) => credentials.obtain(self.clock).await.map(Some),
            None => Ok(None),
        }
    }

    /// The destination has refused the header. Whether it is worth trying once more with a newer one.
    pub(crate) fn renew(&mut self) -> bool {
        let may = !self.renewed && self.credentials.is_some_and(Credentials::refused);
        self.renewed = true;
        may
    }
}
