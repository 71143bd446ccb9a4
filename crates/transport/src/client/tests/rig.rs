//! A network in memory, a clock that tokio can pause, and clients on both.

use crate::client::{BoxStream, ConnectSettings, GrpcClient, GrpcMethod, GrpcReply, GrpcSettings, Network};
use crate::client::{CallError, HttpClient, HttpReply, HttpRoute, HttpSettings, Surroundings, Target};
use bytes::Bytes;
use forebay_core::{Clock, Ledger, ShutdownTrigger, Spawn, Tasks, Time, TimeSource};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// tokio's clock, which a test can pause.
pub(super) struct TokioClock(pub(super) Instant);

impl TimeSource for TokioClock {
    fn now(&self) -> Time {
        Time(self.0.elapsed())
    }

    fn unix_nanos(&self) -> u64 {
        7
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        let far = Duration::from_secs(1 << 32);
        Box::pin(tokio::time::sleep_until(self.0 + until.0.min(far)))
    }
}

/// Runs tasks on the test's runtime, and ends them with the test.
#[derive(Default)]
pub(super) struct TestTasks(pub(super) Mutex<JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

/// What becomes of connections to an address.
enum Host {
    /// They are served.
    Serves(mpsc::Sender<DuplexStream>),
    /// They are never answered.
    Silent,
}

/// A network in memory. Addresses that have no host refuse connections.
#[derive(Default)]
pub(super) struct Simulated {
    names: Mutex<HashMap<String, Vec<SocketAddr>>>,
    hosts: Mutex<HashMap<SocketAddr, Host>>,
    variables: Mutex<HashMap<String, String>>,
    /// Every attempt to connect.
    pub(super) attempts: Mutex<Vec<SocketAddr>>,
    pub(super) lookups: AtomicUsize,
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulated")
    }
}

impl Simulated {
    pub(super) fn name(&self, name: &str, addresses: &[SocketAddr]) {
        self.names
            .lock()
            .unwrap()
            .insert(name.to_owned(), addresses.to_vec());
    }

    pub(super) fn set_variable(&self, name: &str, value: &str) {
        self.variables
            .lock()
            .unwrap()
            .insert(name.to_owned(), value.to_owned());
    }

    /// Connections to `address` come to what is given back.
    pub(super) fn listen(&self, address: SocketAddr) -> mpsc::Receiver<DuplexStream> {
        let (sender, receiver) = mpsc::channel(64);
        self.hosts.lock().unwrap().insert(address, Host::Serves(sender));
        receiver
    }

    pub(super) fn silence(&self, address: SocketAddr) {
        self.hosts.lock().unwrap().insert(address, Host::Silent);
    }

    pub(super) fn attempts_at(&self, address: SocketAddr) -> usize {
        self.attempts
            .lock()
            .unwrap()
            .iter()
            .filter(|at| **at == address)
            .count()
    }

    /// A gRPC server at `address` that answers every call with success.
    pub(super) fn serve_grpc(&self, address: SocketAddr) -> Arc<Served> {
        let mut incoming = self.listen(address);
        let served = Arc::new(Served::default());
        let all = Arc::clone(&served);
        tokio::spawn(async move {
            while let Some(io) = incoming.recv().await {
                all.opened.fetch_add(1, Ordering::Relaxed);
                let served = Arc::clone(&all);
                tokio::spawn(async move {
                    served.open.fetch_add(1, Ordering::Relaxed);
                    serve_calls(io, &served).await;
                    served.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        served
    }
}

/// What a server has seen.
#[derive(Default)]
pub(super) struct Served {
    pub(super) calls: AtomicUsize,
    pub(super) opened: AtomicUsize,
    pub(super) open: AtomicUsize,
}

impl Served {
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn serve_calls(io: DuplexStream, served: &Served) {
    let mut connection = h2::server::handshake(io).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        served.calls.fetch_add(1, Ordering::Relaxed);
        let _ = respond.send_response(head(&[("grpc-status", "0")]), true);
    }
}

/// The head of an answer of gRPC.
pub(super) fn head(headers: &[(&'static str, &str)]) -> Response<()> {
    let mut head = Response::builder().header("content-type", "application/grpc");
    for (name, value) in headers {
        head = head.header(*name, *value);
    }
    head.body(()).unwrap()
}

impl Network for Simulated {
    fn resolve<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let found = self.names.lock().unwrap().get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        self.attempts.lock().unwrap().push(address);
        Box::pin(async move {
            let to = match self.hosts.lock().unwrap().get(&address) {
                Some(Host::Serves(to)) => Some(to.clone()),
                Some(Host::Silent) => None,
                None => return Err(io::ErrorKind::ConnectionRefused.into()),
            };
            let Some(to) = to else {
                return std::future::pending().await;
            };
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            to.send(theirs)
                .await
                .map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(ours) as BoxStream)
        })
    }

    fn connect_unix<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.lock().unwrap().get(name).cloned()
    }
}

/// Where a client lives in these tests.
pub(super) struct World {
    pub(super) network: Arc<Simulated>,
    _tasks: Arc<TestTasks>,
    pub(super) surroundings: Surroundings,
    _shutdown: ShutdownTrigger,
}

impl World {
    pub(super) fn new() -> World {
        let network = Arc::new(Simulated::default());
        let tasks = Arc::new(TestTasks::default());
        let (trigger, shutdown) = ShutdownTrigger::new();
        let surroundings = Surroundings {
            clock: Clock::new(Arc::new(TokioClock(Instant::now()))),
            tasks: Tasks::new(Arc::clone(&tasks) as Arc<dyn Spawn>),
            shutdown,
            ledger: Ledger::new(64 << 20),
            network: Arc::clone(&network) as Arc<dyn Network>,
        };
        World {
            network,
            _tasks: tasks,
            surroundings,
            _shutdown: trigger,
        }
    }

    /// Simulated time passes.
    pub(super) async fn time(&self, duration: Duration) {
        self.surroundings.clock.sleep(duration).await;
    }

    pub(super) fn grpc(&self, host: &str, connect: ConnectSettings) -> Caller {
        let settings = GrpcSettings {
            connect,
            ..GrpcSettings::to(tcp(host, 4317))
        };
        let client = GrpcClient::new(settings, &self.surroundings).unwrap();
        let method = client.method("/a.B/C").unwrap();
        Caller { client, method }
    }

    pub(super) fn http(&self, host: &str, connect: ConnectSettings) -> Poster {
        let settings = HttpSettings {
            connect,
            idle_connections: 8,
            ..HttpSettings::to(tcp(host, 4318))
        };
        Poster(HttpClient::new(settings, &self.surroundings).unwrap())
    }
}

/// A gRPC client and its method.
pub(super) struct Caller {
    pub(super) client: GrpcClient,
    method: GrpcMethod,
}

impl Caller {
    pub(super) async fn call(&self) -> Result<GrpcReply, CallError> {
        self.client
            .call(&self.method, &[Bytes::from_static(b"x")], None)
            .await
    }
}

/// An HTTP client.
pub(super) struct Poster(pub(super) HttpClient);

impl Poster {
    pub(super) async fn post(&self) -> Result<HttpReply, CallError> {
        let route = HttpRoute::new("/v1/traces").unwrap();
        self.0.post(&route, &[Bytes::from_static(b"x")], None).await
    }
}

pub(super) fn tcp(host: &str, port: u16) -> Target {
    Target::Tcp {
        host: host.to_owned(),
        port,
    }
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The words of a call that failed.
pub(super) fn failure<T>(outcome: Result<T, CallError>) -> String {
    match outcome {
        Ok(_) => panic!("it succeeds"),
        Err(error) => error.to_string(),
    }
}

/// The headers of an HTTP/1.1 head, by their names in lower case.
pub(super) fn headers_of(head: &str) -> HeaderMap {
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse().unwrap(), value.parse().unwrap())
    };
    let lines = head.split("\r\n").skip(1).filter(|line| !line.is_empty());
    lines
        .map(pair)
        .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
        .into_iter()
        .collect()
}
