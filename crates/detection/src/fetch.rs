//! Questions to metadata services, and what their answers are worth.
//!
//! A metadata service is one that nobody vouches for: plain HTTP to an address that means something else on every network. So
//! a question goes to an address that the provider has fixed, or that the config names, and nowhere else: through no proxy, after
//! no redirect, on a connection of its own. An answer is short, in time, of the type that the provider's documentation says, in
//! UTF-8 and without control characters, or it is none.

use crate::Surroundings;
use bytes::Bytes;
use forebay_transport::client::{AskError, AskLimits, Endpoint, Question, Target};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// The longest answer that is taken, in bytes.
pub(crate) const ANSWER_MAX: usize = 64 << 10;
/// The longest single value, in bytes: a name, an identifier, a tag.
pub(crate) const VALUE_MAX: usize = 2048;
/// How long connecting may take: a service on the link, or on this host, is there at once or not at all.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one question may take from its beginning to the last byte of the answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The port of plain HTTP (RFC 9110, section 4.2.1).
const HTTP_PORT: u16 = 80;
/// How much of what a server says is repeated.
const QUOTED_MAX: usize = 60;

/// Where a metadata service is: an address that its provider has fixed, one on this host or link that its agent has put into the
/// environment, or one that the config names.
///
/// In a config it is written as `http://HOST`, `http://HOST:PORT` or either with a path, and a mistake in it is shown with its
/// position.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place {
    target: Target,
    /// Before every path; empty or beginning with a slash.
    base: String,
    given: bool,
}

impl Place {
    /// Port 80 of an address that the provider has fixed.
    pub(crate) fn fixed(address: IpAddr) -> Self {
        Place {
            target: Target::Tcp {
                host: address.to_string(),
                port: HTTP_PORT,
            },
            base: String::new(),
            given: false,
        }
    }

    /// What a variable of the environment says, which an agent on this machine has put there. It must be plain HTTP to an address
    /// (not a name) of this host or link (RFC 3927, RFC 4291 section 2.5.6), or one of Amazon's for instances (`fd00:ec2::/32`).
    ///
    /// # Errors
    ///
    /// In words, without the value, which may be anything.
    pub(crate) fn of_variable(name: &str, value: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the variable {name} {why}");
        let place: Place = value
            .trim()
            .parse()
            .map_err(|_| wrong("is not a plain http:// URL"))?;
        let Target::Tcp { host, .. } = &place.target else {
            return Err(wrong("is not a plain http:// URL"));
        };
        match host.parse() {
            Ok(address) if is_near(address) => Ok(place),
            _ => Err(wrong(
                "does not name an address of this host or link, and is not followed",
            )),
        }
    }

    /// Whether the config or the environment names it, so that somebody is sure that there is a service.
    pub(crate) fn is_given(&self) -> bool {
        self.given
    }
}

/// Whether what is at `address` is on this host or on the link it is connected to.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            let amazon = matches!(address.segments(), [0xfd00, 0x0ec2, ..]);
            address.is_loopback() || address.is_unicast_link_local() || amazon
        }
    }
}

impl FromStr for Place {
    type Err = String;

    /// Reads `http://HOST[:PORT][/PATH]`. The error never repeats a user or password.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("http://") {
            return Err(
                "a metadata service is asked over plain HTTP: write `http://HOST` or `http://HOST:PORT`, such as \
                 \"http://169.254.169.254\""
                    .to_owned(),
            );
        }
        let endpoint: Endpoint = text.parse().map_err(|wrong: String| match text.contains('@') {
            true => {
                "the endpoint of a metadata service cannot hold a user and password: it takes none".to_owned()
            }
            false => wrong,
        })?;
        Ok(Place {
            target: endpoint.target(HTTP_PORT),
            base: endpoint.path().to_owned(),
            given: true,
        })
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "MetadataEndpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^http://|\\$\\{" })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.to_string();
        let target = target.strip_suffix(":80").unwrap_or(&target);
        write!(f, "http://{target}{}", self.base)
    }
}

/// What the body of an answer has to be, by its `content-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// JSON that says that it is: `application/json`.
    Json,
    /// Plain text: `text/plain`, or `application/text` as Google has it.
    Text,
    /// JSON that is sent as plain text, as Amazon does, or as what it is.
    JsonAsText,
}

impl Content {
    /// Whether a body of this type is what is expected. Nothing said is what is expected of text: not of JSON.
    fn admits(self, media_type: Option<&str>) -> bool {
        let json = media_type == Some("application/json");
        let text = matches!(media_type, None | Some("text/plain" | "application/text"));
        match self {
            Content::Json => json,
            Content::Text => text,
            Content::JsonAsText => json || text,
        }
    }
}

/// What a service was asked and did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// There is no such thing (404).
    #[error("status 404: there is no such thing")]
    Missing(Box<HeaderMap>),
    /// It wants to be asked in another way, or with a fresh token (401).
    #[error("status 401: the token is not taken")]
    Unauthorized(Box<HeaderMap>),
    /// It is there, and switched off, or closed to this machine (403).
    #[error("status 403: metadata is switched off, or closed to this process")]
    Forbidden(Box<HeaderMap>),
    /// It does not want this question (any other 4xx).
    #[error("status {0}: the question is not taken")]
    Declined(u16, Box<HeaderMap>),
    /// It cannot answer now (408, 410, 425, 429, 5xx).
    #[error("status {0}: it cannot answer now")]
    Busy(u16),
    /// It sends away to another place (3xx), which is not followed.
    #[error("status {0}: redirects are not followed")]
    Redirected(u16),
    /// It says something that is no answer: any other status than 200.
    #[error("status {0}: this is not the answer to the question")]
    Odd(u16),
    /// The answer is of another type, is not UTF-8, or holds control characters.
    #[error("{0}")]
    Unusable(String),
    /// There is no answer.
    #[error("{0}")]
    Silent(#[from] AskError),
}

impl FetchError {
    /// The headers of the answer, where they can tell who has answered.
    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        match self {
            FetchError::Missing(headers)
            | FetchError::Unauthorized(headers)
            | FetchError::Forbidden(headers)
            | FetchError::Declined(_, headers) => Some(headers),
            _ => None,
        }
    }

    /// Whether the network says that nobody is there.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, FetchError::Silent(AskError::Nobody(_)))
    }

    /// What a status other than 200 means.
    fn of(status: StatusCode, headers: HeaderMap) -> Self {
        let code = status.as_u16();
        match code {
            404 => FetchError::Missing(Box::new(headers)),
            401 => FetchError::Unauthorized(Box::new(headers)),
            403 => FetchError::Forbidden(Box::new(headers)),
            408 | 410 | 425 | 429 | 500..=599 => FetchError::Busy(code),
            400..=499 => FetchError::Declined(code, Box::new(headers)),
            300..=399 => FetchError::Redirected(code),
            _ => FetchError::Odd(code),
        }
    }
}

/// An answer of the expected type.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) text: String,
}

/// A metadata service, to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Service<'a> {
    surroundings: &'a Surroundings,
    place: &'a Place,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<'a> Service<'a> {
    /// What is at `place`.
    pub(crate) fn new(surroundings: &'a Surroundings, place: &'a Place) -> Self {
        Service {
            surroundings,
            place,
            headers: Vec::new(),
        }
    }

    /// With this header on every question.
    pub(crate) fn with(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// Asks for `path`.
    ///
    /// # Errors
    ///
    /// Where there is no answer of this type; see [`FetchError`].
    pub(crate) async fn get(&self, path: &str, content: Content) -> Result<Answer, FetchError> {
        self.ask(Method::GET, path, content).await
    }

    /// Puts nothing at `path`, and takes what comes back.
    ///
    /// # Errors
    ///
    /// As [`Service::get`].
    pub(crate) async fn put(&self, path: &str, content: Content) -> Result<Answer, FetchError> {
        self.ask(Method::PUT, path, content).await
    }

    /// One value in plain text: without space around it; nothing where there is no such thing or it is empty.
    ///
    /// # Errors
    ///
    /// As [`Service::get`], and if it is longer than [`VALUE_MAX`] or has control characters in it.
    pub(crate) async fn value(&self, path: &str) -> Result<Option<String>, FetchError> {
        match self.get(path, Content::Text).await {
            Ok(answer) => Ok(value(&answer.text)
                .map_err(FetchError::Unusable)?
                .map(str::to_owned)),
            Err(FetchError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, method: Method, path: &str, content: Content) -> Result<Answer, FetchError> {
        let path = format!("{}{path}", self.place.base);
        let question = Question::new(method, &self.place.target, &path);
        let mut question = question.map_err(|wrong| FetchError::Unusable(wrong.to_string()))?;
        for (name, value) in &self.headers {
            question = question.with(name.clone(), value.clone());
        }
        let limits = AskLimits {
            connect: CONNECT_TIMEOUT,
            whole: ANSWER_TIMEOUT,
            body: ANSWER_MAX,
        };
        let (network, clock) = (self.surroundings.network(), self.surroundings.clock());
        let answer = question.ask(&**network, clock, limits).await?;
        let (head, body) = answer.into_parts();
        match head.status {
            StatusCode::OK => read(head.headers, body, content),
            status => Err(FetchError::of(status, head.headers)),
        }
    }
}

/// The answer, if it is what it has to be.
fn read(headers: HeaderMap, body: Bytes, content: Content) -> Result<Answer, FetchError> {
    let said = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    let media_type = said.map(|said| {
        said.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    if !content.admits(media_type.as_deref()) {
        let shown: String = media_type
            .as_deref()
            .unwrap_or("of no type")
            .chars()
            .take(QUOTED_MAX)
            .collect();
        return Err(FetchError::Unusable(format!(
            "the answer is {shown}, which is not what this service answers"
        )));
    }
    match String::from_utf8(body.into()) {
        Ok(text) => Ok(Answer { headers, text }),
        Err(_) => Err(FetchError::Unusable("the answer is not UTF-8".to_owned())),
    }
}

/// `text` as the value of an attribute: without space around it; nothing if that leaves nothing.
///
/// # Errors
///
/// In words, without the text: if it is longer than [`VALUE_MAX`] or has control characters in it.
pub(crate) fn value(text: &str) -> Result<Option<&str>, String> {
    let text = text.trim();
    if text.len() > VALUE_MAX {
        return Err(format!("a value is longer than {VALUE_MAX} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("a value has control characters in it".to_owned());
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}
