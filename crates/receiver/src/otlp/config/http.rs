//! The HTTP server.

use super::{Address, problem};
use forebay_core::registry::Problem;
use forebay_core::settings::{Period, TlsServerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest time that browsers keep an answer about CORS.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The HTTP server. Calls of gRPC over HTTP/2 are served on its port, too.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// The address and port to listen on, or `unix:///path` for a unix socket.
    pub listen: Address,
    /// TLS. Left out: none; whoever can listen on the way can read all data and credentials.
    pub tls: Option<TlsServerConfig>,
    /// Which web pages may send from browsers. Left out: none, and `OPTIONS` is no method that is known.
    pub cors: Option<CorsConfig>,
    /// The path that takes traces. Begins with `/`, as the other two; all three differ.
    pub traces_url_path: String,
    /// The path that takes metrics.
    pub metrics_url_path: String,
    /// The path that takes logs.
    pub logs_url_path: String,
}

/// Which web pages may send from browsers (Cross-Origin Resource Sharing, of the Fetch standard). It keeps browsers from
/// letting pages of others send; it keeps nobody else from anything.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// The origins of the pages, as browsers name them: `https://app.example.com`. One `*` stands for anything in its place,
    /// `https://*.example.com`; alone it lets the pages of all origins send, but none with the browser's credentials.
    pub allowed_origins: Vec<String>,
    /// The headers that pages may set, besides `accept`, `accept-language`, `content-encoding`, `content-language` and
    /// `content-type`, in any case. `*` for any.
    pub allowed_headers: Vec<String>,
    /// The headers of answers that pages may read, besides those that they may read anyway.
    pub exposed_headers: Vec<String>,
    /// How long browsers may keep what they were told: at most `24h`. `0s`: as long as they do by themselves, mostly 5 seconds.
    pub max_age: Period,
}

impl Default for CorsConfig {
    fn default() -> Self {
        CorsConfig {
            allowed_origins: Vec::new(),
            allowed_headers: Vec::new(),
            exposed_headers: Vec::new(),
            max_age: Period(Duration::ZERO),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            enabled: true,
            listen: Address::local(4318),
            tls: None,
            cors: None,
            traces_url_path: "/v1/traces".into(),
            metrics_url_path: "/v1/metrics".into(),
            logs_url_path: "/v1/logs".into(),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut found = self.check_paths();
        found.extend(self.tls.iter().flat_map(|tls| tls.check(&["http", "tls"])));
        found.extend(self.cors.iter().flat_map(CorsConfig::check));
        found
    }

    fn check_paths(&self) -> Vec<Problem> {
        let paths = [
            ("traces_url_path", &self.traces_url_path),
            ("metrics_url_path", &self.metrics_url_path),
            ("logs_url_path", &self.logs_url_path),
        ];
        let mut found = Vec::new();
        for (index, (key, path)) in paths.into_iter().enumerate() {
            if !path.starts_with('/') || !path.bytes().all(is_path) {
                let help = "write a path that begins with `/`, such as \"/v1/traces\"";
                let words = format!("`{path}` is not a path of a URL");
                found.push(problem(&["http", key], words, Some(help)));
            }
            if paths.iter().take(index).any(|(_, other)| *other == path) {
                let words = format!("`{path}` is the path of two signals");
                found.push(problem(&["http", key], words, None));
            }
        }
        found
    }
}

impl CorsConfig {
    fn check(&self) -> Vec<Problem> {
        let at = |key| ["http", "cors", key];
        let mut found = Vec::new();
        if self.allowed_origins.is_empty() {
            let help = "list the origins of the pages, or remove `cors`";
            let words = "no web page may send: `allowed_origins` is empty".into();
            found.push(problem(&at("allowed_origins"), words, Some(help)));
        }
        for origin in &self.allowed_origins {
            if !is_origin(origin) {
                let help = "write scheme and host, and the port unless it is the usual one: \"https://app.example.com\"";
                let words = format!("`{origin}` is not the origin of a web page");
                found.push(problem(&at("allowed_origins"), words, Some(help)));
            }
        }
        let named = [
            ("allowed_headers", &self.allowed_headers),
            ("exposed_headers", &self.exposed_headers),
        ];
        for (key, names) in named {
            for name in names.iter().filter(|name| !is_header(name)) {
                let words = format!("`{name}` is not the name of a header");
                found.push(problem(&at(key), words, None));
            }
        }
        if self.max_age.0 > LONGEST_AGE {
            let words = "`max_age` must be at most 24h".into();
            found.push(problem(&at("max_age"), words, None));
        }
        found
    }
}

/// Whether a byte may stand in a path (RFC 3986, section 3.3).
fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}

/// Whether a text is an origin as browsers write it, with at most one `*`, or `*` alone.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return text == "*";
    };
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@".contains(&byte) && !byte.is_ascii_uppercase();
    let once = text.matches('*').count() <= 1;
    once && !scheme.is_empty() && !host.is_empty() && text.is_ascii() && host.bytes().all(plain)
}

fn is_header(name: &str) -> bool {
    name == "*" || http::HeaderName::from_bytes(name.as_bytes()).is_ok()
}
