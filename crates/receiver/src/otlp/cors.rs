//! Cross-Origin Resource Sharing: which web pages' scripts may send (Fetch standard, "CORS protocol").

use super::config::CorsConfig;
use ::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use ::http::{HeaderMap, Method, Request, Response};
use forebay_transport::server::{Reply, http};

/// The headers that a page may set wherever it may send at all.
const ALWAYS_ALLOWED: [&str; 5] = [
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
];

/// The rules of one server.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<Pattern>,
    headers: Vec<String>,
    any_header: bool,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

/// The origins that an entry of the list stands for.
#[derive(Debug)]
enum Pattern {
    Any,
    One(String),
    /// What stands before and after the `*`.
    Between(String, String),
}

/// What the page that sent a request may do.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    origin: HeaderValue,
    /// Whether the browser may send cookies and the like: not to whom `*` alone lets in.
    credentials: bool,
}

impl Pattern {
    fn of(text: &str) -> Self {
        match text.split_once('*') {
            Some(("", "")) => Pattern::Any,
            Some((before, after)) => {
                Pattern::Between(before.to_ascii_lowercase(), after.to_ascii_lowercase())
            }
            None => Pattern::One(text.to_ascii_lowercase()),
        }
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::One(one) => one == origin,
            Pattern::Between(before, after) => {
                let rest = origin.strip_prefix(before.as_str());
                // What the `*` stands for is never empty, and never reaches from the scheme into the host.
                let inner = rest.and_then(|rest| rest.strip_suffix(after.as_str()));
                inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('/'))
            }
        }
    }
}

impl Cors {
    pub(super) fn new(config: &CorsConfig) -> Self {
        let age = config.max_age.0.as_secs();
        let exposed = config.exposed_headers.join(", ");
        Cors {
            origins: config
                .allowed_origins
                .iter()
                .map(|text| Pattern::of(text))
                .collect(),
            headers: config
                .allowed_headers
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            any_header: config.allowed_headers.iter().any(|name| name == "*"),
            exposed: HeaderValue::from_str(&exposed)
                .ok()
                .filter(|_| !exposed.is_empty()),
            max_age: (age > 0).then(|| HeaderValue::from(age)),
        }
    }

    /// What the sender may do, if it is a page that may send. Nothing for what does not come from a page.
    pub(super) fn grant(&self, headers: &HeaderMap) -> Option<Grant> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        let mut matching = self
            .origins
            .iter()
            .filter(|pattern| pattern.matches(&text))
            .peekable();
        matching.peek()?;
        Some(Grant {
            origin: origin.clone(),
            credentials: matching.any(|pattern| !matches!(pattern, Pattern::Any)),
        })
    }

    /// The answer to a browser that asks whether a page may send; nothing for any other request. A page that may not is
    /// answered without the headers that would allow it.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Reply>> {
        let headers = request.headers();
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method() != Method::OPTIONS {
            return None;
        }
        let mut response = http::no_content();
        let answer = response.headers_mut();
        let vary = "origin, access-control-request-method, access-control-request-headers";
        answer.insert(VARY, HeaderValue::from_static(vary));
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let allowed = self.grant(headers).filter(|_| wanted == Method::POST.as_str());
        if let Some(grant) = allowed.filter(|_| self.allows(asked)) {
            grant.write(answer);
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            if let Some(asked) = asked {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            if let Some(age) = &self.max_age {
                answer.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
            }
        }
        Some(response)
    }

    /// Adds to an answer that the page that sent the request may read it.
    pub(super) fn share(&self, grant: Option<Grant>, answer: &mut HeaderMap) {
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(grant) = grant else { return };
        grant.write(answer);
        if let Some(exposed) = &self.exposed {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    /// Whether a page may set all headers of a list.
    fn allows(&self, asked: Option<&HeaderValue>) -> bool {
        let Some(asked) = asked else { return true };
        let Ok(names) = asked.to_str() else { return false };
        self.any_header
            || names.split(',').all(|name| {
                let name = name.trim().to_ascii_lowercase();
                ALWAYS_ALLOWED.contains(&name.as_str()) || self.headers.contains(&name)
            })
    }
}

impl Grant {
    fn write(&self, answer: &mut HeaderMap) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}
