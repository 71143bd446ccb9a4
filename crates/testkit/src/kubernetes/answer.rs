//! One request and its answer.

use super::fault::{Fault, Seen, Verb};
use super::selector::Selector;
use super::server::{Shared, Signal};
use super::store::{Listed, Query, Stored, is_field, partial};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a request asks for.
struct Asked {
    verb: Verb,
    query: Query,
    /// For [`Verb::Get`].
    name: String,
    params: BTreeMap<String, String>,
    /// Whether metadata are asked for by themselves.
    partial: bool,
}

pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, io::Error> {
    let Some(asked) = Asked::read(&request) else {
        return Ok(status(
            StatusCode::NOT_FOUND,
            "NotFound",
            "the server could not find the requested resource",
        ));
    };
    let fault = shared.fault(asked.verb, &asked.query.plural);
    let text = |name| header_text(request.headers(), name);
    let mut seen = Seen {
        verb: asked.verb,
        plural: asked.query.plural.clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        accept: text(header::ACCEPT),
        user_agent: text(header::USER_AGENT),
        status: 0,
    };
    let response = if !shared.allows(&text(header::AUTHORIZATION)) {
        Ok(status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized"))
    } else if shared.forbids(&asked.query.plural) {
        Ok(asked.forbidden())
    } else {
        asked.answer(&shared, fault).await
    };
    seen.status = response.as_ref().map_or(0, |response| response.status().as_u16());
    shared.note(seen);
    response
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What `%XX` and `+` stand for in a query.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex(rest.next()).unwrap_or(0), hex(rest.next()).unwrap_or(0));
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Asked {
    fn read(request: &Request<Incoming>) -> Option<Asked> {
        let path = request.uri().path();
        let in_group = path.strip_prefix("/api/v1/").or_else(|| {
            let (_, rest) = path.strip_prefix("/apis/")?.split_once("/v1/")?;
            Some(rest)
        })?;
        let parts: Vec<&str> = in_group.split('/').collect();
        let (namespace, plural, name) = match *parts.as_slice() {
            ["namespaces", namespace, plural] => (namespace, plural, ""),
            ["namespaces", namespace, plural, name] => (namespace, plural, name),
            [plural] => ("", plural, ""),
            [plural, name] => ("", plural, name),
            _ => return None,
        };
        let pairs = request.uri().query().unwrap_or_default().split('&');
        let pairs = pairs.filter_map(|pair| pair.split_once('='));
        let params: BTreeMap<String, String> =
            pairs.map(|(key, value)| (decoded(key), decoded(value))).collect();
        let is_true = |key: &str| {
            params
                .get(key)
                .is_some_and(|value| value == "true" || value == "1")
        };
        let verb = match (name.is_empty(), is_true("watch")) {
            (false, _) => Verb::Get,
            (true, true) => Verb::Watch,
            (true, false) => Verb::List,
        };
        let accept = header_text(request.headers(), header::ACCEPT);
        let selector = |key: &str| Selector::read(params.get(key).map_or("", String::as_str));
        Some(Asked {
            verb,
            query: Query {
                plural: plural.to_owned(),
                namespace: namespace.to_owned(),
                labels: selector("labelSelector")?,
                fields: selector("fieldSelector")?,
            },
            name: name.to_owned(),
            partial: accept.contains("as=PartialObjectMetadata"),
            params,
        })
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.params.get(key).and_then(|value| value.parse().ok())
    }

    async fn answer(self, shared: &Arc<Shared>, fault: Option<Fault>) -> Result<Response<Body>, io::Error> {
        match &fault {
            Some(Fault::Status(code, after)) => return Ok(refused(*code, *after)),
            Some(Fault::Slow(delay)) => tokio::time::sleep(*delay).await,
            _ => {}
        }
        if let Some(unknown) = self.unknown_field() {
            let words = format!("\"{unknown}\" is not a known field selector");
            return Ok(status(StatusCode::BAD_REQUEST, "BadRequest", &words));
        }
        match self.verb {
            Verb::Get => Ok(self.get(shared)),
            Verb::List => Ok(self.list(shared, fault)),
            Verb::Watch => Ok(self.watch(shared, fault)),
        }
    }

    /// What somebody without the right is told.
    fn forbidden(&self) -> Response<Body> {
        let (verb, plural) = (self.verb.as_str(), &self.query.plural);
        let words = format!(
            "{plural} is forbidden: User \"system:serviceaccount:observability:forebay\" cannot {verb} resource \"{plural}\" in API \
             group \"\" at the cluster scope"
        );
        status(StatusCode::FORBIDDEN, "Forbidden", &words)
    }

    /// A field of the selector that the API server does not know.
    fn unknown_field(&self) -> Option<&str> {
        let text = self.params.get("fieldSelector")?;
        let names = text.split(',').filter_map(|part| part.split(['=', '!']).next());
        let known = |name: &str| match self.query.plural.as_str() {
            "pods" => is_field(name),
            _ => name == "metadata.name" || name == "metadata.namespace",
        };
        names.into_iter().find(|name| !name.is_empty() && !known(name))
    }

    fn text(&self, object: &Stored) -> String {
        match self.partial {
            true => partial(&object.text),
            false => object.text.clone(),
        }
    }

    fn get(&self, shared: &Shared) -> Response<Body> {
        let found = shared
            .store()
            .get(&self.query.plural, &self.query.namespace, &self.name);
        match found {
            Some(object) => json_body(self.text(&object)),
            None => status(
                StatusCode::NOT_FOUND,
                "NotFound",
                &format!("\"{}\" not found", self.name),
            ),
        }
    }

    fn list(&self, shared: &Shared, fault: Option<Fault>) -> Response<Body> {
        let limit = usize::try_from(self.number("limit").unwrap_or(0)).unwrap_or(0);
        let page = match self.params.get("continue").filter(|token| !token.is_empty()) {
            None => Some(shared.store().list(&self.query, limit)),
            Some(token) => {
                let number = token.strip_prefix("list-").and_then(|number| number.parse().ok());
                number.and_then(|number: u64| shared.store().go_on(number, limit))
            }
        };
        let Some(page) = page else {
            let words = "The provided continue parameter is too old to display a consistent list result.";
            return status(StatusCode::GONE, "Expired", words);
        };
        let text = self.page(&page);
        match fault {
            Some(Fault::CutOff) => broken(text.get(..text.len() / 2).unwrap_or_default().to_owned()),
            Some(Fault::Stall) => stalled(text.get(..text.len() / 2).unwrap_or_default().to_owned()),
            Some(Fault::Garbage) => json_body("<html>502</html>".to_owned()),
            _ => json_body(text),
        }
    }

    fn page(&self, page: &Listed) -> String {
        let items: Vec<String> = page.items.iter().map(|object| self.text(object)).collect();
        let mut metadata = json!({"resourceVersion": page.version.to_string()});
        if let (Some(number), Some(metadata)) = (page.continuation, metadata.as_object_mut()) {
            metadata.insert("continue".into(), json!(format!("list-{number}")));
            metadata.insert("remainingItemCount".into(), json!(page.left));
        }
        let kind = if self.partial {
            "PartialObjectMetadataList"
        } else {
            "List"
        };
        let items = items.join(",");
        format!(r#"{{"kind":"{kind}","apiVersion":"v1","metadata":{metadata},"items":[{items}]}}"#)
    }

    fn watch(self, shared: &Arc<Shared>, fault: Option<Fault>) -> Response<Body> {
        if self.params.contains_key("sendInitialEvents") {
            let words =
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
            return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", words);
        }
        let signal = shared.signal.subscribe();
        let last = *signal.borrow();
        let version = self
            .number("resourceVersion")
            .unwrap_or_else(|| shared.store().version);
        let seconds = self.number("timeoutSeconds").unwrap_or(3_600);
        let mut watching = Watching {
            bookmarks: self
                .params
                .get("allowWatchBookmarks")
                .is_some_and(|value| value == "true"),
            asked: self,
            shared: Arc::clone(shared),
            until: tokio::time::Instant::now() + Duration::from_secs(seconds),
            signal,
            last,
            version,
            pending: VecDeque::new(),
            fault,
            over: false,
        };
        watching.begin();
        let events = stream::unfold(watching, |mut watching| async move {
            let next = watching.next().await?;
            Some((next.map(Frame::data), watching))
        });
        Response::new(StreamBody::new(events).boxed_unsync())
    }
}

/// A watch that stands.
struct Watching {
    asked: Asked,
    shared: Arc<Shared>,
    bookmarks: bool,
    until: tokio::time::Instant,
    signal: watch::Receiver<Signal>,
    last: Signal,
    /// Up to which everything was told.
    version: u64,
    pending: VecDeque<Bytes>,
    fault: Option<Fault>,
    over: bool,
}

impl Watching {
    fn begin(&mut self) {
        let compacted = self.shared.store().compacted;
        let code = match self.fault.take() {
            Some(Fault::ErrorEvent(code)) => Some(code),
            Some(Fault::Ends) => {
                self.over = true;
                None
            }
            Some(Fault::Garbage) => {
                self.pending.push_back(Bytes::from_static(b"<html>502</html>\n"));
                None
            }
            other => {
                self.fault = other;
                (self.version < compacted).then_some(410)
            }
        };
        if let Some(code) = code {
            let reason = if code == 410 { "Expired" } else { "InternalError" };
            let words = format!("too old resource version: {} ({compacted})", self.version);
            let object = status_object(code, reason, &words, None);
            self.pending.push_back(line("ERROR", &object));
            self.over = true;
        }
    }

    /// The next part of the answer; nothing at its end.
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return self.given(event).await;
            }
            if self.over {
                return None;
            }
            self.look();
            if self.pending.is_empty() && !self.over {
                tokio::select! {
                    () = tokio::time::sleep_until(self.until) => self.over = true,
                    changed = self.signal.changed() => self.over = changed.is_err(),
                }
            }
        }
    }

    /// An event, or what becomes of it by what was to go wrong.
    async fn given(&mut self, event: Bytes) -> Option<Result<Bytes, io::Error>> {
        match self.fault {
            Some(Fault::CutOff) => {
                self.fault = None;
                self.pending.clear();
                self.over = true;
                // What comes next is the end, where more was promised.
                Some(Ok(event.slice(..event.len() / 2)))
            }
            Some(Fault::Stall) => std::future::pending().await,
            _ => Some(Ok(event)),
        }
    }

    /// Collects what there is to tell.
    fn look(&mut self) {
        let now = *self.signal.borrow_and_update();
        let (changes, compacted) = {
            let store = self.shared.store();
            (store.since(self.version), store.compacted)
        };
        for change in changes {
            self.version = change.version;
            if let Some((kind, object)) = self.asked.query.event(&change) {
                self.pending.push_back(line(kind, &self.asked.text(&object)));
            }
        }
        // One that stands has been told of everything that is forgotten.
        self.version = self.version.max(compacted);
        if now.bookmarks != self.last.bookmarks && self.bookmarks {
            let version = self.version.to_string();
            let bookmark = json!({"kind": "Bookmark", "metadata": {"resourceVersion": version, "creationTimestamp": null}});
            self.pending.push_back(line("BOOKMARK", &bookmark.to_string()));
        }
        self.over = now.ends != self.last.ends;
        self.last = now;
    }
}

fn line(kind: &str, object: &str) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}

fn status_object(code: u16, reason: &str, words: &str, after: Option<u64>) -> String {
    let details = after.map(|seconds| json!({"retryAfterSeconds": seconds}));
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": words, "reason": reason,
        "code": code, "details": details})
    .to_string()
}

fn status(code: StatusCode, reason: &str, words: &str) -> Response<Body> {
    let mut response = json_body(status_object(code.as_u16(), reason, words, None));
    *response.status_mut() = code;
    response
}

fn refused(code: u16, after: Option<u64>) -> Response<Body> {
    let reason = match code {
        403 => "Forbidden",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let mut response = json_body(status_object(code, reason, "as the test says", after));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json_body(text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An answer that ends in the middle. What comes before has been sent by then.
fn broken(text: String) -> Response<Body> {
    let first = stream::once(std::future::ready(Ok(Frame::data(Bytes::from(text)))));
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::other("as the test says"))
    });
    Response::new(StreamBody::new(futures_util::StreamExt::chain(first, end)).boxed_unsync())
}

/// An answer that has no end.
fn stalled(text: String) -> Response<Body> {
    let first = stream::once(std::future::ready(Ok(Frame::data(Bytes::from(text)))));
    let parts = futures_util::StreamExt::chain(first, stream::pending());
    Response::new(StreamBody::new(parts).boxed_unsync())
}
