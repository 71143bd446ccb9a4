//! The server: who listens, what is known of who asked, and what tests do with it.

use super::answer;
use super::fault::{Fault, Seen, Verb};
use super::store::Store;
use super::tls::Tls;
use crate::own_address;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// So many requests are remembered.
const REMEMBERED: usize = 20_000;

/// What changes who is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signal {
    /// The version of the store.
    pub(super) version: u64,
    /// How often bookmarks were asked for.
    pub(super) bookmarks: u64,
    /// How often watches were ended.
    pub(super) ends: u64,
    /// How often all connections were broken.
    pub(super) breaks: u64,
    /// Whether nobody is there.
    pub(super) away: bool,
}

/// What the server and its connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Mutex<Store>,
    pub(super) signal: watch::Sender<Signal>,
    faults: Mutex<VecDeque<(Verb, String, Fault)>>,
    seen: Mutex<Vec<Seen>>,
    tokens: Mutex<Option<Vec<String>>>,
    forbidden: Mutex<BTreeSet<String>>,
    /// Whom it says it is, with TLS.
    tls: Mutex<Option<Tls>>,
    connections: AtomicU64,
}

impl Shared {
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// What goes wrong with this request.
    pub(super) fn fault(&self, verb: Verb, plural: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let is = |(of, kind, _): &(Verb, String, Fault)| *of == verb && kind == plural;
        let at = faults.iter().position(is)?;
        faults.remove(at).map(|(_, _, fault)| fault)
    }

    /// Whether a request with this header `Authorization` is allowed.
    pub(super) fn allows(&self, authorization: &str) -> bool {
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default().trim();
        let tokens = lock(&self.tokens);
        tokens
            .as_ref()
            .is_none_or(|tokens| tokens.iter().any(|known| known == token))
    }

    /// Whether nobody has the right to ask for this kind.
    pub(super) fn forbids(&self, plural: &str) -> bool {
        lock(&self.forbidden).contains(plural)
    }

    pub(super) fn note(&self, seen: Seen) {
        let mut all = lock(&self.seen);
        if all.len() < REMEMBERED {
            all.push(seen);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cluster's API server. It is gone when it is dropped.
#[derive(Debug)]
pub struct FakeCluster {
    shared: Arc<Shared>,
    address: SocketAddr,
    secure: bool,
    /// Nothing: nobody listens.
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.abort();
        }
        self.break_connections();
    }
}

impl FakeCluster {
    /// An empty cluster behind HTTP without TLS, on a port of its own.
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub async fn start() -> io::Result<FakeCluster> {
        FakeCluster::with(false).await
    }

    /// An empty cluster behind TLS; [`FakeCluster::authority`] is to be trusted.
    ///
    /// # Errors
    ///
    /// If no port can be opened, or no certificate made.
    pub async fn start_with_tls() -> io::Result<FakeCluster> {
        FakeCluster::with(true).await
    }

    async fn with(secure: bool) -> io::Result<FakeCluster> {
        let listener = TcpListener::bind((own_address(), 0)).await?;
        let address = listener.local_addr()?;
        let tls = secure.then(|| Tls::new(address.ip())).transpose()?;
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            signal: watch::channel(Signal::default()).0,
            faults: Mutex::default(),
            seen: Mutex::default(),
            tokens: Mutex::default(),
            forbidden: Mutex::default(),
            tls: Mutex::new(tls),
            connections: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(FakeCluster {
            shared,
            address,
            secure,
            accepting: Mutex::new(Some(accepting)),
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate of the authority that has signed its own, in PEM; empty without TLS.
    pub fn authority(&self) -> String {
        let tls = lock(&self.shared.tls);
        let authority = tls.as_ref().map(|tls| tls.authority.clone());
        authority.unwrap_or_default()
    }

    /// Has a certificate of another authority from now on. Connections that stand go on. It has TLS afterwards if it had before.
    ///
    /// # Errors
    ///
    /// If no certificate can be made.
    pub fn renew_authority(&self) -> io::Result<()> {
        if self.secure {
            *lock(&self.shared.tls) = Some(Tls::new(self.address.ip())?);
        }
        Ok(())
    }

    /// Stores an object, or a new version of it. `plural` is what its kind is called in paths: `pods`.
    pub fn put(&self, plural: &str, object: Value) {
        let version = {
            let mut store = self.shared.store();
            store.put(plural, object);
            store.version
        };
        self.signal(|signal| signal.version = version);
    }

    /// Deletes an object. False: there was none.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) -> bool {
        let (deleted, version) = {
            let mut store = self.shared.store();
            (store.delete(plural, namespace, name), store.version)
        };
        self.signal(|signal| signal.version = version);
        deleted
    }

    /// The names of all objects of a kind, with their namespaces.
    pub fn names(&self, plural: &str) -> Vec<(String, String)> {
        self.shared.store().names(plural)
    }

    /// Forgets all versions but the last, and all lists that are not at their end: whoever wants to go on from them is told 410.
    pub fn compact(&self) {
        self.shared.store().compact();
    }

    /// Sends a bookmark to everybody who watches and wants them.
    pub fn bookmark(&self) {
        self.signal(|signal| signal.bookmarks += 1);
    }

    /// Ends all watches, as if their time were over.
    pub fn end_watches(&self) {
        self.signal(|signal| signal.ends += 1);
    }

    /// Breaks all connections.
    pub fn break_connections(&self) {
        self.signal(|signal| signal.breaks += 1);
    }

    /// Is gone: all connections break, and so does every new one.
    pub fn go_away(&self) {
        self.signal(|signal| (signal.away, signal.breaks) = (true, signal.breaks + 1));
    }

    /// Is there again.
    pub fn come_back(&self) {
        self.signal(|signal| signal.away = false);
    }

    /// Listens no more, and breaks all connections: whoever connects is refused.
    pub async fn close(&self) {
        let accepting = lock(&self.accepting).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // It has ended, and with it the socket, once this comes back.
            let _ = accepting.await;
        }
        self.break_connections();
    }

    /// Listens again where it did before [`FakeCluster::close`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn open(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&self.shared)));
        *lock(&self.accepting) = Some(accepting);
        Ok(())
    }

    fn signal(&self, change: impl FnOnce(&mut Signal)) {
        self.shared.signal.send_modify(change);
    }

    /// Only requests with one of these tokens are allowed from now on; on connections that stand as well, but watches go on.
    pub fn allow_only(&self, tokens: &[&str]) {
        *lock(&self.shared.tokens) = Some(tokens.iter().map(|token| (*token).to_owned()).collect());
    }

    /// Nobody has the right to ask for this kind from now on (403); watches go on. `plural` is what the kind is called in paths.
    pub fn forbid(&self, plural: &str) {
        lock(&self.shared.forbidden).insert(plural.to_owned());
    }

    /// Everybody may ask for this kind again.
    pub fn permit(&self, plural: &str) {
        lock(&self.shared.forbidden).remove(plural);
    }

    /// The next request of this kind that has no fault before it goes wrong like this. `plural` is what the kind is called in paths.
    pub fn fail(&self, verb: Verb, plural: &str, fault: Fault) {
        lock(&self.shared.faults).push_back((verb, plural.to_owned(), fault));
    }

    /// All requests so far, those that could not be read left out.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// How many requests of this kind there were.
    pub fn requests(&self, verb: Verb, plural: &str) -> usize {
        let seen = lock(&self.shared.seen);
        seen.iter()
            .filter(|seen| seen.verb == verb && seen.plural == plural)
            .count()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        if shared.signal.borrow().away {
            continue;
        }
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let tls = lock(&shared.tls).as_ref().map(|tls| tls.acceptor.clone());
        tokio::spawn(connection(stream, tls, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut signal = shared.signal.subscribe();
    let breaks = signal.borrow_and_update().breaks;
    // Small events are sent at once. That it cannot be set changes nothing that is tested.
    let _ = stream.set_nodelay(true);
    let broken = signal.wait_for(|signal| signal.breaks != breaks);
    tokio::select! {
        _ = broken => {}
        () = serve_any(stream, tls, Arc::clone(&shared)) => {}
    }
}

async fn serve_any(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    match tls {
        None => serve(stream, shared).await,
        Some(tls) => {
            // A client that does not trust the certificate goes away by itself.
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, shared).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer::answer(request, Arc::clone(&shared)));
    // A connection that breaks is what tests are about.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
