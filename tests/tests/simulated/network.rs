//! A network in memory: names that change, hosts behind paths that fail, time that is simulated.

use forebay_testkit::fault::{Abort, Conditions, Door, State, link};
use forebay_testkit::scripted::{Scripted, serve_http1, serve_http2};
use forebay_transport::client::{BoxStream, Network};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What one direction of a pipe holds.
const PIPE: usize = 64 << 10;
/// How long a connection takes to be made, and to be refused.
const ROUND_TRIP: Duration = Duration::from_millis(1);

/// The network.
pub(crate) struct SimulatedNetwork {
    names: Mutex<BTreeMap<String, Vec<IpAddr>>>,
    hosts: BTreeMap<IpAddr, Host>,
    connections: Mutex<JoinSet<()>>,
    seeds: AtomicU64,
    /// Connections that were asked for.
    dials: AtomicU64,
}

/// A machine, and the path to it.
struct Host {
    path: watch::Sender<State>,
    scripted: Arc<Scripted>,
    is_http2: bool,
}

impl std::fmt::Debug for SimulatedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedNetwork")
            .field("names", &self.names)
            .finish()
    }
}

impl SimulatedNetwork {
    /// A network of machines, each with what answers there.
    pub(crate) fn new(hosts: &[(IpAddr, &Arc<Scripted>)], is_http2: bool, seed: u64) -> Arc<Self> {
        let host = |(address, scripted): &(IpAddr, &Arc<Scripted>)| {
            let host = Host {
                path: watch::Sender::default(),
                scripted: Arc::clone(scripted),
                is_http2,
            };
            (*address, host)
        };
        Arc::new(SimulatedNetwork {
            names: Mutex::default(),
            hosts: hosts.iter().map(host).collect(),
            connections: Mutex::default(),
            seeds: AtomicU64::new(seed),
            dials: AtomicU64::new(0),
        })
    }

    /// What a name stands for from now on. Nothing: the name is not found.
    pub(crate) fn name(&self, name: &str, addresses: &[IpAddr]) {
        self.names
            .lock()
            .unwrap()
            .insert(name.to_owned(), addresses.to_vec());
    }

    /// What holds from now on on the path to a host.
    pub(crate) fn set(&self, host: IpAddr, conditions: Conditions) {
        self.hosts[&host]
            .path
            .send_modify(|state| state.conditions = conditions);
    }

    /// Breaks all connections to a host.
    pub(crate) fn break_all(&self, host: IpAddr) {
        self.hosts[&host].path.send_modify(|state| state.breaks += 1);
    }

    /// The peers of all connections to a host are gone without a word; new connections are as good as ever.
    pub(crate) fn vanish(&self, host: IpAddr) {
        self.hosts[&host].path.send_modify(|state| state.vanishings += 1);
    }

    /// Connections that were asked for so far.
    pub(crate) fn dials(&self) -> u64 {
        self.dials.load(Ordering::Relaxed)
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<BoxStream> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(ROUND_TRIP).await;
        let host = self
            .hosts
            .get(&address.ip())
            .ok_or(io::ErrorKind::HostUnreachable)?;
        let door = host.path.borrow().conditions.door;
        match door {
            Door::Open => Ok(Box::new(self.join(host))),
            Door::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
            Door::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            // Nothing comes back from there.
            Door::Swallow => std::future::pending().await,
        }
    }

    fn join(&self, host: &Host) -> Pipe {
        let ((client, near), (far, server)) = (Pipe::pair(), Pipe::pair());
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        let (path, scripted) = (host.path.subscribe(), Arc::clone(&host.scripted));
        let mut connections = self.connections.lock().unwrap();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            link(near, far, path, seed).await;
        });
        if host.is_http2 {
            connections.spawn(serve_http2(server, scripted));
        } else {
            connections.spawn(serve_http1(server, scripted));
        }
        client
    }
}

impl Network for SimulatedNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            tokio::time::sleep(ROUND_TRIP).await;
            let names = self.names.lock().unwrap();
            let found = names.get(host).filter(|found| !found.is_empty());
            let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))?;
            Ok(found
                .iter()
                .map(|address| SocketAddr::new(*address, port))
                .collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(self.dial(address))
    }

    fn connect_unix<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
    }
}

/// One end of a connection in memory that can be broken.
struct Pipe {
    stream: DuplexStream,
    /// Whether either end was broken rather than closed.
    broken: Arc<AtomicBool>,
}

impl Pipe {
    fn pair() -> (Pipe, Pipe) {
        let (one, other) = tokio::io::duplex(PIPE);
        let broken = Arc::new(AtomicBool::new(false));
        let pipe = |stream| Pipe {
            stream,
            broken: Arc::clone(&broken),
        };
        (pipe(one), pipe(other))
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Abort for Pipe {
    fn abort(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        // What was sent before the break is read before the break is seen.
        if polled.is_ready() && into.filled().len() == before {
            self.check()?;
        }
        polled
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
