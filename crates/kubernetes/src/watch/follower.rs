//! Following one kind: a list, then a watch from where the list ends, and what becomes of either when it fails.

use super::connection::Connection;
use super::trouble::{Backoff, Cause, StatusObject, Stop, Trouble};
use crate::known::Writer;
use crate::meter::{Change, KindMeter};
use crate::objects::{MetaObject, Page, PodObject, Text, each_item};
use crate::wanted::{Kind, Scope, Wanted};
use bytes::Bytes;
use forebay_core::component::NodeContext;
use http::Request;
use kube::core::params::{ListParams, WatchParams};
use kube::core::request::Request as Api;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Objects on a page, and the most there are after pages have expired while they were asked for.
pub(super) const PAGE: u32 = 250;
const LARGEST_PAGE: u32 = 4_000;
/// For how long the API server is to keep a watch open, at least; up to half as long again, so that not all come back at once.
const WATCH_SECONDS: u32 = 240;
/// For how long a watch may be silent. Bookmarks come about once a minute.
const SILENCE: Duration = Duration::from_secs(150);
/// A watch that has lasted for so long works: what failed before does not count any more. One that does not last is not begun again
/// and again without a pause.
const SETTLED: Duration = Duration::from_secs(5);

/// Follows one kind.
pub(super) struct Follower {
    pub(super) kind: Kind,
    pub(super) wanted: Wanted,
    pub(super) writer: Arc<Writer>,
    pub(super) connection: Connection,
    pub(super) node: NodeContext,
    pub(super) meter: Arc<KindMeter>,
    /// Where the next watch begins; nothing: a list is needed first.
    pub(super) version: Option<String>,
    pub(super) backoff: Backoff,
    pub(super) page: u32,
}

/// The type of an event; its object is read by that.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// An event with its object.
#[derive(Deserialize)]
struct Event<T> {
    object: T,
}

/// Reads an event's object.
fn object<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, Trouble> {
    let event: Event<T> = serde_json::from_slice(line).map_err(invalid)?;
    Ok(event.object)
}

fn invalid(error: serde_json::Error) -> Trouble {
    let cause = match error.is_eof() {
        true => Cause::CutOff,
        false => Cause::Invalid,
    };
    Trouble::new(cause, error)
}

fn unbuilt(error: impl std::fmt::Display) -> Trouble {
    Trouble::new(Cause::Invalid, error)
}

impl Follower {
    /// Follows until the shutdown, or until another follows in its place.
    pub(super) async fn run(mut self) {
        let shutdown = self.node.shutdown.clone();
        tokio::select! {
            () = shutdown.draining() => {}
            () = self.follow() => {}
        }
        self.meter.set_up(false);
    }

    async fn follow(&mut self) {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(Stop::Superseded) => return,
                Err(Stop::Trouble(trouble)) => self.bear(trouble).await,
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Stop> {
        self.connection.renew();
        let version = match self.version.take() {
            // What there was no room for comes back, once there is, when the next watch would begin: they last for some minutes.
            Some(version) if !self.writer.misses(self.kind)? => version,
            _ => self.list().await?,
        };
        self.version = Some(version);
        self.watch().await
    }

    /// Says what went wrong, and keeps still.
    async fn bear(&mut self, trouble: Trouble) {
        self.meter.set_up(false);
        self.meter.restarted(trouble.cause);
        let first = self.backoff.failures() == 0;
        let pause = self.backoff.failed(trouble.after);
        if trouble.cause == Cause::Gone {
            self.version = None;
        }
        let serious = matches!(trouble.cause, Cause::Forbidden | Cause::Invalid);
        if !first || serious {
            self.complain(&trouble);
        }
        // What has expired, a token that was replaced, and a connection that has broken once are no reason to wait.
        let at_once = matches!(trouble.cause, Cause::Gone | Cause::Unauthorized | Cause::CutOff);
        if !(first && at_once) {
            self.node.clock.sleep(pause).await;
        }
    }

    fn complain(&self, trouble: &Trouble) {
        let plural = self.kind.plural();
        let remedy = match trouble.cause {
            Cause::Forbidden => format!(". Let the service account get, list and watch {plural}"),
            _ => String::new(),
        };
        let words = format!(
            "the API server does not tell of {plural} ({}: {}){remedy}; what is known of them may be out of date",
            trouble.cause.as_str(),
            trouble.words
        );
        if self.meter.complain(true) {
            tracing::warn!(node = &*self.node.name, "{words}");
        }
        self.node.health.concern(self.meter.about(), Some(words.into()));
    }

    /// Something came from the API server: all is well.
    fn heard(&self) {
        self.meter.heard(self.node.clock.now());
        if self.meter.complain(false) {
            tracing::info!(
                node = &*self.node.name,
                "the API server tells of {} again",
                self.kind.plural()
            );
            self.node.health.concern(self.meter.about(), None);
        }
    }

    /// Whether only metadata are asked for.
    const fn by_metadata(&self) -> bool {
        !matches!(self.kind, Kind::Pod) || self.wanted.pods_by_metadata
    }

    fn api(&self) -> Api {
        let kind = self.kind;
        let (group, plural) = (kind.group_path(), kind.plural());
        Api::new(match &self.wanted.scope.namespace {
            Some(namespace) if kind.is_namespaced() => format!("{group}/namespaces/{namespace}/{plural}"),
            _ => format!("{group}/{plural}"),
        })
    }

    /// All objects, page by page. The version that they are of.
    async fn list(&mut self) -> Result<String, Stop> {
        self.writer.begin_list(self.kind)?;
        let selectors = Selectors::of(self.kind, &self.wanted.scope);
        let mut continuation = String::new();
        loop {
            let request = self.list_request(&selectors, &continuation).map_err(unbuilt)?;
            let page = match self.page(request).await {
                Err(Stop::Trouble(trouble)) if trouble.cause == Cause::Gone => {
                    // What has expired before its end is asked for in larger pieces.
                    self.page = (self.page * 2).min(LARGEST_PAGE);
                    return Err(trouble.into());
                }
                page => page?,
            };
            self.heard();
            if page.continuation.is_empty() {
                self.writer.end_list(self.kind)?;
                self.page = PAGE;
                self.meter.listed();
                self.writer.note_version(self.kind, &page.version)?;
                return Ok(page.version);
            }
            continuation = page.continuation;
        }
    }

    fn list_request(
        &self,
        selectors: &Selectors,
        continuation: &str,
    ) -> Result<Request<Vec<u8>>, kube::core::request::Error> {
        let params = ListParams {
            label_selector: selectors.labels.clone(),
            field_selector: selectors.fields.clone(),
            limit: Some(self.page),
            continue_token: (!continuation.is_empty()).then(|| continuation.to_owned()),
            ..ListParams::default()
        };
        match self.by_metadata() {
            true => self.api().list_metadata(&params),
            false => self.api().list(&params),
        }
    }

    async fn page(&mut self, request: Request<Vec<u8>>) -> Result<Listed, Stop> {
        let answer = self.connection.ask(request).await?;
        let body = answer.whole().await?;
        let mut outcome = Ok(());
        let page = match self.kind {
            Kind::Pod => each_item(&body, &mut |pod: PodObject<'_>| {
                if outcome.is_ok() {
                    outcome = self.writer.put_pod(&pod);
                }
            }),
            kind => each_item(&body, &mut |object: MetaObject<'_>| {
                if outcome.is_ok() {
                    outcome = self.writer.put_object(kind, &object.metadata);
                }
            }),
        };
        outcome?;
        Ok(Listed::from(page.map_err(invalid)?))
    }

    /// What happens from the version on that is known, until the API server ends it.
    async fn watch(&mut self) -> Result<(), Stop> {
        let request = self.watch_request().map_err(unbuilt)?;
        let mut answer = self.connection.ask(request).await?;
        let began = self.node.clock.now();
        let lasts = |follower: &Follower| follower.node.clock.now().since(began) >= SETTLED;
        self.meter.set_up(true);
        self.heard();
        loop {
            match answer.line(SILENCE).await {
                Ok(Some(line)) => self.event(&line)?,
                // Nothing may have happened. If nothing can come any more, the next request will tell.
                Err(trouble) if trouble.cause == Cause::Silent => {
                    self.backoff.reset();
                    return Ok(());
                }
                Ok(None) if lasts(self) => return Ok(()),
                Ok(None) => return Err(Trouble::new(Cause::CutOff, "a watch ended early").into()),
                Err(trouble) => return Err(trouble.into()),
            }
            self.heard();
            if lasts(self) {
                self.backoff.reset();
            }
        }
    }

    fn watch_request(&self) -> Result<Request<Vec<u8>>, kube::core::request::Error> {
        let selectors = Selectors::of(self.kind, &self.wanted.scope);
        let params = WatchParams {
            label_selector: selectors.labels,
            field_selector: selectors.fields,
            timeout: Some(WATCH_SECONDS + fastrand::u32(..WATCH_SECONDS / 5)),
            bookmarks: true,
            send_initial_events: false,
        };
        let version = self.version.as_deref().unwrap_or_default();
        match self.by_metadata() {
            true => self.api().watch_metadata(&params, version),
            false => self.api().watch(&params, version),
        }
    }

    fn event(&mut self, line: &Bytes) -> Result<(), Stop> {
        let head: Head<'_> = serde_json::from_slice(line).map_err(invalid)?;
        if head.kind == "ERROR" {
            let status: StatusObject<'_> = object(line)?;
            return Err(Trouble::of_event(&status).into());
        }
        let version = match self.kind {
            Kind::Pod => self.pod_event(&head.kind, object(line)?)?,
            kind => self.object_event(&head.kind, kind, object(line)?)?,
        };
        if !version.is_empty() {
            self.writer.note_version(self.kind, &version)?;
            self.version = Some(version);
        }
        Ok(())
    }

    fn change(&self, event: &str) -> Option<Change> {
        let change = Change::of(event);
        change.into_iter().for_each(|change| self.meter.changed(change));
        change
    }

    fn pod_event(&self, event: &str, pod: PodObject<'_>) -> Result<String, Stop> {
        match self.change(event) {
            Some(Change::Added | Change::Modified) => self.writer.put_pod(&pod)?,
            Some(Change::Deleted) => self.writer.pod_gone(&pod.metadata.uid)?,
            // A bookmark: only the version is news.
            None => {}
        }
        Ok(pod.metadata.resource_version.to_string())
    }

    fn object_event(&self, event: &str, kind: Kind, object: MetaObject<'_>) -> Result<String, Stop> {
        match self.change(event) {
            Some(Change::Added | Change::Modified) => self.writer.put_object(kind, &object.metadata)?,
            Some(Change::Deleted) => self.writer.object_gone(kind, &object.metadata)?,
            None => {}
        }
        Ok(object.metadata.resource_version.to_string())
    }
}

/// What a page says beside its items.
struct Listed {
    version: String,
    continuation: String,
}

impl From<Page<'_>> for Listed {
    fn from(page: Page<'_>) -> Self {
        Listed {
            version: page.resource_version.to_string(),
            continuation: page.continuation.to_string(),
        }
    }
}

/// What is selected of a kind.
struct Selectors {
    labels: Option<String>,
    fields: Option<String>,
}

impl Selectors {
    fn of(kind: Kind, scope: &Scope) -> Selectors {
        let one = |name: &Option<String>| name.as_ref().map(|name| format!("metadata.name={name}"));
        match kind {
            Kind::Pod => {
                let node = scope.node.as_ref().map(|node| format!("spec.nodeName={node}"));
                let fields: Vec<String> = node.into_iter().chain(scope.fields.clone()).collect();
                Selectors {
                    labels: scope.labels.clone(),
                    fields: (!fields.is_empty()).then(|| fields.join(",")),
                }
            }
            Kind::Namespace => Selectors {
                labels: None,
                fields: one(&scope.namespace),
            },
            Kind::Node => Selectors {
                labels: None,
                fields: one(&scope.node),
            },
            _ => Selectors {
                labels: None,
                fields: None,
            },
        }
    }
}
