//! Reaching the API server: who it is, who we are, and one request.

use super::trouble::{Cause, Trouble};
use crate::wanted::Access;
use bytes::{Bytes, BytesMut};
use forebay_core::{Clock, ComponentError};
use forebay_transport::FollowedFile;
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who we say we are.
const USER_AGENT: &str = concat!("Forebay/", env!("CARGO_PKG_VERSION"));
/// The most that is read of the body of a failure.
const MOST_OF_FAILURE: usize = 64 << 10;
/// The most that a page of a list may have: 250 objects with the 1.5 MiB that an API server accepts would be more, and are none.
const MOST_OF_PAGE: usize = 128 << 20;
/// The most that one event may have. An API server accepts no object of more than 1.5 MiB.
const MOST_OF_LINE: usize = 8 << 20;
/// For how long an answer may be awaited, and each further part of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Sizes of files with tokens and certificates.
const MOST_OF_FILE: u64 = 1 << 20;

/// A way to the API server. It is made anew for each watch, which lasts for some minutes, so that tokens and certificates that were
/// replaced are read again; and whenever it leads nowhere.
pub(super) struct Connection {
    access: Access,
    clock: Clock,
    client: Option<Client>,
}

/// Checks what can be checked before anything is asked, so that a mistake in the config is an error at start.
///
/// # Errors
///
/// If the URL is none, a file that the config names cannot be used, or this is no pod of a cluster although it should be.
pub(super) fn check(access: &Access) -> Result<(), ComponentError> {
    match access {
        Access::InCluster => in_cluster(),
        Access::KubeConfig { path, context } => {
            if let Some(path) = path {
                readable("kube_config", path, |_| Ok(()))?;
            }
            // A file that is not there yet, or cannot be read as one, is what the connection complains of.
            let file = kubeconfig(path.as_deref());
            file.map_or(Ok(()), |file| without_proxy(&file, context.as_deref()))
                .map_err(ComponentError::new)
        }
        Access::Explicit {
            api_server,
            token_file,
            ca_file,
        } => {
            url(api_server).map_err(ComponentError::new)?;
            if let Some(path) = token_file {
                token(path).map_err(ComponentError::new)?;
            }
            let certificate = |text: &str| match text.contains("-----BEGIN CERTIFICATE-----") {
                false => Err("there is no certificate in PEM in it".to_owned()),
                true => Ok(()),
            };
            ca_file
                .as_deref()
                .map_or(Ok(()), |path| readable("ca_file", path, certificate))
        }
    }
}

fn in_cluster() -> Result<(), ComponentError> {
    let missing = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none());
    match missing {
        None => Ok(()),
        Some(name) => Err(ComponentError::new(format!(
            "the environment variable `{name}` is not set, so this process does not run in a pod. Set `auth_type` to `kube_config`, or \
             to `none` with `api_server`"
        ))),
    }
}

fn readable(
    key: &'static str,
    path: &Path,
    check: fn(&str) -> Result<(), String>,
) -> Result<(), ComponentError> {
    FollowedFile::load(key, path.to_owned(), MOST_OF_FILE, check).map(|_| ())
}

/// The token in a file. White space around it does not belong to it.
fn token(path: &Path) -> Result<String, String> {
    let read: Arc<Mutex<String>> = Arc::default();
    let found = Arc::clone(&read);
    let take = move |text: &str| {
        let text = text.trim();
        if text.is_empty() {
            return Err("there is no token in it".to_owned());
        }
        *found.lock().unwrap_or_else(PoisonError::into_inner) = text.to_owned();
        Ok(())
    };
    FollowedFile::load("token_file", path.to_owned(), MOST_OF_FILE, take)
        .map_err(|error| error.to_string())?;
    Ok(std::mem::take(
        &mut *read.lock().unwrap_or_else(PoisonError::into_inner),
    ))
}

fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("`api_server` is no URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err("`api_server` has to begin with `https://` or `http://`, and a host".to_owned()),
    }
}

fn kubeconfig(path: Option<&Path>) -> Result<Kubeconfig, String> {
    let file = path.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    file.map_err(|error| error.to_string())
}

/// Refuses a cluster that is to be reached through a proxy: going past it unseen would be worse.
fn without_proxy(file: &Kubeconfig, context: Option<&str>) -> Result<(), String> {
    let name = context.or(file.current_context.as_deref());
    let context = file.contexts.iter().find(|one| Some(&*one.name) == name);
    let of = context
        .and_then(|one| one.context.as_ref())
        .map(|context| &context.cluster);
    let named = file.clusters.iter().find(|one| Some(&one.name) == of);
    let proxied = named.filter(|one| {
        let cluster = one.cluster.as_ref();
        cluster.is_some_and(|cluster| cluster.proxy_url.is_some())
    });
    proxied.map_or(Ok(()), |one| {
        Err(format!(
            "the kubeconfig says that the cluster `{}` is reached through a proxy (`proxy-url`), which is not supported: name a context \
             without one, or give the API server by `api_server` with `auth_type = \"none\"`",
            one.name
        ))
    })
}

/// What the client is told.
async fn config(access: &Access) -> Result<Config, String> {
    let mut config = match access {
        Access::InCluster => Config::incluster().map_err(|error| error.to_string())?,
        Access::KubeConfig { path, context } => {
            let file = kubeconfig(path.as_deref())?;
            without_proxy(&file, context.as_deref())?;
            let options = KubeConfigOptions {
                context: context.clone(),
                ..KubeConfigOptions::default()
            };
            let config = Config::from_custom_kubeconfig(file, &options);
            config.await.map_err(|error| error.to_string())?
        }
        Access::Explicit {
            api_server,
            token_file,
            ca_file,
        } => {
            let mut config = Config::new(url(api_server)?);
            config.root_cert_file.clone_from(ca_file);
            config.auth_info.token = match token_file {
                Some(path) => Some(token(path)?.into()),
                None => None,
            };
            config
        }
    };
    // No proxy that only the environment knows of, and no attempts that we do not see.
    config.proxy_url = None;
    config.default_retry = false;
    let agent = HeaderValue::from_static(USER_AGENT);
    config.headers.push((header::USER_AGENT, agent));
    Ok(config)
}

/// Makes a client. Reads files, and runs the command that a kubeconfig may name.
async fn make(access: Access) -> Result<Client, String> {
    let config = config(&access).await?;
    let builder = ClientBuilder::try_from(config).map_err(|error| error.to_string())?;
    Ok(builder.build())
}

impl Connection {
    pub(super) const fn new(access: Access, clock: Clock) -> Connection {
        Connection {
            access,
            clock,
            client: None,
        }
    }

    /// Makes the next request over a new connection, with files read anew.
    pub(super) fn renew(&mut self) {
        self.client = None;
    }

    async fn client(&mut self) -> Result<Client, Trouble> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let access = self.access.clone();
        let runtime = tokio::runtime::Handle::current();
        let making = tokio::task::spawn_blocking(move || runtime.block_on(make(access)));
        let made = making.await.unwrap_or_else(|error| Err(error.to_string()));
        let client = made.map_err(|words| Trouble::new(Cause::Unreachable, words))?;
        Ok(self.client.insert(client).clone())
    }

    /// Makes a request, and gives the answer if its status is 200.
    pub(super) async fn ask(&mut self, request: Request<Vec<u8>>) -> Result<Answer, Trouble> {
        let client = self.client().await?;
        let sending = client.send(request.map(Body::from));
        let sent = within(&self.clock, PATIENCE, sending).await?;
        let response = sent.map_err(|error| Trouble::new(Cause::Unreachable, chain(&error)))?;
        let (parts, body) = Response::into_parts(response);
        let mut answer = Answer {
            body,
            buffer: BytesMut::new(),
            searched: 0,
            clock: self.clock.clone(),
        };
        if parts.status.is_success() {
            return Ok(answer);
        }
        // Whatever of it can be read: the status says enough.
        let _ = answer.fill(MOST_OF_FAILURE).await;
        Err(Trouble::answered(parts.status, &parts.headers, &answer.buffer))
    }
}

/// An error with those behind it, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        next = error.source();
    }
    words
}

/// What `future` comes to, unless that takes longer than `limit`.
async fn within<T>(clock: &Clock, limit: Duration, future: impl Future<Output = T>) -> Result<T, Trouble> {
    match select(std::pin::pin!(future), clock.sleep(limit)).await {
        Either::Left((outcome, _)) => Ok(outcome),
        Either::Right(_) => {
            let words = format!("nothing came for {} seconds", limit.as_secs());
            Err(Trouble::new(Cause::Silent, words))
        }
    }
}

/// An answer as it comes in.
pub(super) struct Answer {
    body: Body,
    buffer: BytesMut,
    /// So much of the buffer has no end of a line.
    searched: usize,
    clock: Clock,
}

impl Answer {
    /// The next part of it is in the buffer. False: there is none.
    async fn more(&mut self, limit: Duration, most: usize) -> Result<bool, Trouble> {
        let Some(frame) = within(&self.clock, limit, self.body.frame()).await? else {
            return Ok(false);
        };
        let frame = frame.map_err(|error| Trouble::new(Cause::CutOff, chain(&error)))?;
        if let Ok(data) = frame.into_data() {
            if self.buffer.len() + data.len() > most {
                let words = format!("what comes has more than the {most} bytes that are allowed");
                return Err(Trouble::new(Cause::Invalid, words));
            }
            self.buffer.extend_from_slice(&data);
        }
        Ok(true)
    }

    async fn fill(&mut self, most: usize) -> Result<(), Trouble> {
        while self.more(PATIENCE, most).await? {}
        Ok(())
    }

    /// All of it.
    pub(super) async fn whole(mut self) -> Result<Bytes, Trouble> {
        self.fill(MOST_OF_PAGE).await?;
        Ok(self.buffer.freeze())
    }

    /// The next line, waiting for `limit` for each part of it. Nothing: there is none, and nothing was begun.
    pub(super) async fn line(&mut self, limit: Duration) -> Result<Option<Bytes>, Trouble> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                let line = self.buffer.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if !self.more(limit, MOST_OF_LINE).await? {
                return match self.buffer.trim_ascii().is_empty() {
                    true => Ok(None),
                    false => Err(Trouble::new(
                        Cause::CutOff,
                        "the answer ended in the middle of an event",
                    )),
                };
            }
        }
    }
}
