//! A destination that answers each request as a script says, and keeps what it got.

use super::answer::Answer;
use bytes::Bytes;
use http::HeaderMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The most requests that are kept; later ones are counted.
const KEPT_MAX: usize = 65_536;
/// The longest body that is taken.
pub(super) const BODY_MAX: usize = 256 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its number, from 0, over all connections.
    pub number: u64,
    /// When it was whole.
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body: for gRPC with the frame.
    pub body: Bytes,
}

impl Received {
    /// The message: the body, for gRPC without the frame. Nothing if the body is no single frame. Compressed as it came.
    pub fn message(&self) -> Option<Bytes> {
        let is_grpc = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/grpc");
        if !self.headers.get("content-type").is_some_and(is_grpc) {
            return Some(self.body.clone());
        }
        let (prefix, message) = self.body.split_at_checked(5)?;
        let length = u32::from_be_bytes(*prefix.last_chunk()?);
        (usize::try_from(length) == Ok(message.len())).then(|| self.body.slice(5..))
    }
}

type Script = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// The script and what came of it: shared by all connections of a backend, whatever they run over.
pub struct Scripted {
    script: Mutex<Script>,
    kept: Mutex<Vec<Received>>,
    count: watch::Sender<u64>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").field("count", &self.count).finish()
    }
}

impl Scripted {
    /// A script.
    pub fn new(script: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Scripted {
            script: Mutex::new(Arc::new(script)),
            kept: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    /// Answers by another script from now on, and forgets what came before.
    pub fn restart(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(script);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.count.send_replace(0);
    }

    /// The requests that came, up to 65,536.
    pub fn received(&self) -> Vec<Received> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests came.
    pub fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// Ready once so many requests have come.
    pub async fn until(&self, count: u64) {
        // The sender lives as long as this.
        let _ = self.count.subscribe().wait_for(|came| *came >= count).await;
    }

    /// Keeps a request and gives the answer to it.
    pub(super) fn answer(&self, mut request: Received) -> Answer {
        self.count.send_modify(|count| {
            request.number = *count;
            *count += 1;
        });
        let script = Arc::clone(&self.script.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = script(&request);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(request);
        }
        answer
    }
}

/// A [`Scripted`] on two ports of the loopback interface, one for HTTP/2 (with gRPC in it), one for HTTP/1.1. It ends, with
/// all of its connections, when it is dropped.
#[derive(Debug)]
pub struct Backend {
    /// What it does.
    pub scripted: Arc<Scripted>,
    http2: SocketAddr,
    http1: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Backend {
    /// Begins to listen, on the runtime that it is called on.
    pub async fn start(scripted: Arc<Scripted>) -> io::Result<Backend> {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let (second, first) = (TcpListener::bind(any).await?, TcpListener::bind(any).await?);
        let (http2, http1) = (second.local_addr()?, first.local_addr()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(second, Arc::clone(&scripted), true));
        tasks.spawn(accept(first, Arc::clone(&scripted), false));
        Ok(Backend {
            scripted,
            http2,
            http1,
            _tasks: tasks,
        })
    }

    /// Where it takes HTTP/2: OTLP/gRPC.
    pub fn http2(&self) -> SocketAddr {
        self.http2
    }

    /// Where it takes HTTP/1.1.
    pub fn http1(&self) -> SocketAddr {
        self.http1
    }
}

async fn accept(listener: TcpListener, scripted: Arc<Scripted>, is_http2: bool) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = connections.join_next(), if !connections.is_empty() => continue,
            // What cannot be taken now may be the next time.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        // Answers are to leave as they are. A socket that is gone says so when it is used.
        let _ = stream.set_nodelay(true);
        let scripted = Arc::clone(&scripted);
        if is_http2 {
            connections.spawn(super::http2::serve(stream, scripted));
        } else {
            connections.spawn(super::http1::serve(stream, scripted));
        }
    }
}
