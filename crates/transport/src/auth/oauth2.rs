//! OAuth 2.0 client credentials (RFC 6749, section 4.4): one task fetches tokens, ahead of their expiry; requests take what is
//! there.

use super::credentials::follow;
use super::secret::{load, only};
use crate::client::{
    CallError, ConnectSettings, Endpoint, HttpClient, HttpReply, HttpRoute, HttpSettings, Surroundings,
};
use crate::tls::TlsConnector;
use crate::watch::Kept;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use forebay_core::component::NodeContext;
use forebay_core::settings::{OAuth2Config, Secret};
use forebay_core::{Clock, ComponentError, Time};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use std::fmt::Write;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The bound of the first wait after a failed request for a token.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Where the bound stops growing.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A token that is refused at this age is not replaced: another one would be refused too.
const TOO_NEW_TO_REPLACE: Duration = Duration::from_secs(10);
/// For how long a token is taken to be good whose answer does not say.
const UNSAID_LIFETIME: Duration = Duration::from_secs(3_600);
/// The longest lifetime that is believed.
const LONGEST_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// The shortest: an authorization server that gives tokens for no time at all is not asked without a pause.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(2);

/// Fetches tokens and holds the last one.
pub(super) struct OAuth2 {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
    client_id: String,
    secret: Arc<Kept<Secret>>,
    /// The body of each request.
    form: Secret,
    timeout: Duration,
    expiry_buffer: Duration,
    interval: Duration,
    state: Mutex<State>,
    /// There is a new token, or none could be fetched.
    fetched: Notify,
    /// One is wanted at once.
    wanted: Notify,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Why the last request for a token failed, and when the next one is made.
    failure: Option<(Arc<str>, Time)>,
}

/// A token.
struct Held {
    header: HeaderValue,
    fetched: Time,
    expires: Time,
    clock: Clock,
}

impl OAuth2 {
    pub(super) fn load(config: &OAuth2Config, interval: Duration) -> Result<Self, ComponentError> {
        let endpoint: Endpoint = config
            .token_url
            .parse()
            .map_err(|error| ComponentError::new(format!("`token_url`: {error}")))?;
        let tls = match endpoint.is_secure() {
            true => Some(TlsConnector::load(&config.tls.clone().unwrap_or_default())?),
            false => None,
        };
        let secret = load(
            ("client_secret", config.client_secret.as_ref()),
            ("client_secret_file", config.client_secret_file.as_ref()),
            |content| only(content).map(Secret::new),
        )?;
        Ok(OAuth2 {
            endpoint,
            tls,
            client_id: config.client_id.clone(),
            secret,
            form: form(config),
            timeout: config.timeout.0,
            expiry_buffer: config.expiry_buffer.0,
            interval,
            state: Mutex::default(),
            fetched: Notify::new(),
            wanted: Notify::new(),
        })
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        let state = self.state();
        let good = state.held.as_ref().filter(|held| held.clock.now() < held.expires);
        good.map(|held| held.header.clone())
    }

    pub(super) async fn obtain(&self, clock: &Clock) -> Result<HeaderValue, CallError> {
        loop {
            let mut fetched = pin!(self.fetched.notified());
            fetched.as_mut().enable();
            if let Some(header) = self.header() {
                return Ok(header);
            }
            if let Some((why, next)) = self.state().failure.clone() {
                let after = next.since(clock.now());
                return Err(CallError::Unreachable {
                    message: why,
                    after: (!after.is_zero()).then_some(after),
                });
            }
            fetched.await;
        }
    }

    pub(super) fn refused(&self) -> bool {
        let mut state = self.state();
        let too_new = |held: &Held| held.clock.now().since(held.fetched) < TOO_NEW_TO_REPLACE;
        if state.held.as_ref().is_some_and(too_new) {
            return false;
        }
        state.held = None;
        self.wanted.notify_one();
        true
    }

    pub(super) fn start(this: &Arc<Self>, node: &NodeContext) -> Result<(), ComponentError> {
        follow(Arc::clone(&this.secret) as _, this.interval, node);
        if let Some(tls) = &this.tls {
            tls.watch(node);
        }
        let fetcher = Fetcher {
            oauth2: Arc::clone(this),
            surroundings: Surroundings::from(node),
            about: "oauth2".into(),
            node: node.clone(),
            random: fastrand::Rng::with_seed(node.clock.unix_nanos()),
            failures: 0,
        };
        fetcher.client()?;
        node.tasks.spawn("oauth2", fetcher.run());
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's identifier and secret (RFC 6749, section 2.3.1: form-encoded before they are put together).
    fn authorization(&self) -> Result<HeaderValue, ComponentError> {
        let mut pair = String::new();
        encode(&self.client_id, &mut pair);
        pair.push(':');
        encode(self.secret.current().reveal(), &mut pair);
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| ComponentError::new("the client's secret cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The body of the request for a token.
fn form(config: &OAuth2Config) -> Secret {
    let mut text = String::from("grant_type=client_credentials");
    if !config.scopes.is_empty() {
        text.push_str("&scope=");
        encode(&config.scopes.join(" "), &mut text);
    }
    for (name, value) in &config.endpoint_params {
        text.push('&');
        encode(name, &mut text);
        text.push('=');
        encode(value.reveal(), &mut text);
    }
    Secret::new(text)
}

/// As `application/x-www-form-urlencoded` has it.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                into.push(char::from(byte))
            }
            b' ' => into.push('+'),
            // Writing to a string does not fail.
            _ => drop(write!(into, "%{byte:02X}")),
        }
    }
}

/// The task that fetches.
struct Fetcher {
    oauth2: Arc<OAuth2>,
    surroundings: Surroundings,
    about: Arc<str>,
    node: NodeContext,
    random: fastrand::Rng,
    failures: u32,
}

/// The answer (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    token_type: String,
    expires_in: Option<Seconds>,
}

/// A number, which some servers write as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// The answer where there is no token (section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Fetcher {
    async fn run(mut self) {
        let clock = self.node.clock.clone();
        loop {
            let wait = match self.fetch().await {
                Ok(wait) => wait,
                Err(why) => self.failed(&why),
            };
            tokio::select! {
                () = self.node.shutdown.stopped() => return,
                () = clock.sleep(wait) => {}
                () = self.oauth2.wanted.notified(), if self.failures == 0 => {}
            }
        }
    }

    /// Gets a token; gives the time until the next is to be fetched.
    async fn fetch(&mut self) -> Result<Duration, String> {
        let asked = self.node.clock.now();
        let granted = granted(&self.ask_in_time().await?)?;
        let lifetime = lifetime(granted.expires_in);
        let mut header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token.reveal()))
            .map_err(|_| "the token cannot stand in a header".to_owned())?;
        header.set_sensitive(true);
        let held = Held {
            header,
            fetched: self.node.clock.now(),
            expires: asked.after(lifetime),
            clock: self.node.clock.clone(),
        };
        *self.oauth2.state() = State {
            held: Some(held),
            failure: None,
        };
        // Who wanted one while this was under way has it.
        let _ = self.oauth2.wanted.notified().now_or_never();
        self.oauth2.fetched.notify_waiters();
        if self.failures > 0 {
            tracing::info!(node = &*self.node.name, "a token was fetched again");
        }
        self.failures = 0;
        self.node.health.concern(&self.about, None);
        Ok(self.until_renewal(lifetime))
    }

    /// A tenth of the time is random, so that a fleet that began as one does not ask as one.
    fn until_renewal(&mut self, lifetime: Duration) -> Duration {
        let ahead = self.oauth2.expiry_buffer.min(lifetime / 2);
        (lifetime - ahead).mul_f64(1.0 - 0.1 * self.random.f64())
    }

    /// The wait after a failure: its bound doubles each time, and half of it is random.
    fn failed(&mut self, why: &str) -> Duration {
        let bound = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        let words = format!("no token from {}: {why}", self.oauth2.endpoint);
        tracing::warn!(node = &*self.node.name, error = %words, "a token could not be fetched");
        let (words, wait): (Arc<str>, _) = (words.into(), bound.mul_f64(0.5 + 0.5 * self.random.f64()));
        let next = self.node.clock.now().after(wait);
        self.oauth2.state().failure = Some((Arc::clone(&words), next));
        self.oauth2.fetched.notify_waiters();
        self.node.health.concern(&self.about, Some(words));
        wait
    }

    async fn ask_in_time(&self) -> Result<HttpReply, String> {
        let limit = self.node.clock.sleep(self.oauth2.timeout);
        match select(pin!(self.ask()), limit).await {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => Err(format!("no answer within {:?}", self.oauth2.timeout)),
        }
    }

    async fn ask(&self) -> Result<HttpReply, String> {
        let path = match self.oauth2.endpoint.path() {
            "" => "/",
            path => path,
        };
        let route = HttpRoute::new(path).map_err(|error| error.to_string())?;
        let client = self.client().map_err(|error| error.to_string())?;
        let form = Bytes::copy_from_slice(self.oauth2.form.reveal().as_bytes());
        client
            .post(&route, &[form], None)
            .await
            .map_err(|error| error.to_string())
    }

    /// A client for one request: there is an hour to the next one.
    fn client(&self) -> Result<HttpClient, ComponentError> {
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.oauth2.authorization()?);
        let port = if self.oauth2.tls.is_some() { 443 } else { 80 };
        let settings = HttpSettings {
            target: self.oauth2.endpoint.target(port),
            connect: ConnectSettings {
                timeout: self.oauth2.timeout,
                tls: self.oauth2.tls.clone(),
                ..ConnectSettings::default()
            },
            idle_connections: 0,
            headers,
        };
        HttpClient::new(settings, &self.surroundings).map_err(ComponentError::new)
    }
}

fn lifetime(said: Option<Seconds>) -> Duration {
    let seconds = said.and_then(|said| match said {
        Seconds::Number(seconds) => Some(seconds),
        Seconds::Text(text) => text.parse().ok(),
    });
    let said = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    said.unwrap_or(UNSAID_LIFETIME)
        .clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)
}

/// The token in an answer. Of an answer that has none only the status and the error's code are shown: it may repeat what was
/// sent.
fn granted(reply: &HttpReply) -> Result<Granted, String> {
    let status = reply.status.as_u16();
    let body = reply.body.as_ref().map_err(ToString::to_string)?;
    if !reply.status.is_success() {
        let code = serde_json::from_slice::<Refusal>(body)
            .ok()
            .map(|refusal| refusal.error);
        let plain =
            |code: &String| code.len() < 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        return Err(match code.filter(plain) {
            Some(code) => format!("it answered {status}, {code}"),
            None => format!("it answered {status}"),
        });
    }
    let granted: Granted = serde_json::from_slice(body).map_err(|_| {
        format!("it answered {status} with something other than a token (RFC 6749, section 5.1)")
    })?;
    if !granted.token_type.eq_ignore_ascii_case("bearer") {
        return Err("it gave a token of another type than `Bearer`".to_owned());
    }
    if granted.access_token.reveal().trim().is_empty() {
        return Err("it gave an empty token".to_owned());
    }
    Ok(granted)
}
