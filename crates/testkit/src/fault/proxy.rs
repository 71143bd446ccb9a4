//! A TCP proxy on this machine that does to connections what it is told.

use super::{Abort, Conditions, Door, Fate, State, link};
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The most connections at once. Further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 4096;
/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 1024;

impl Abort for TcpStream {
    fn abort(&self) {
        // With a linger of zero, closing sends RST (tcp(7)). On a socket that is broken already there is nothing to do.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

/// What a proxy has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that it took.
    pub taken: u64,
    /// Those of them that have ended in good order.
    pub closed: u64,
    /// Those of them that were broken, by an end or by the conditions.
    pub broken: u64,
}

/// A TCP proxy. It ends, with all of its connections, when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    target: watch::Sender<SocketAddr>,
    counters: Arc<Counters>,
    acceptor: JoinHandle<()>,
    /// Holds the port while nobody listens, so that no other socket gets it.
    _keeper: Socket,
}

#[derive(Debug, Default)]
struct Counters {
    taken: AtomicU64,
    closed: AtomicU64,
    broken: AtomicU64,
}

impl FaultProxy {
    /// A proxy to `target` on a free port of the loopback interface. Needs a tokio runtime, on which it runs. `seed` decides
    /// the jitter.
    pub fn start(target: SocketAddr, seed: u64) -> io::Result<Self> {
        FaultProxy::listen((Ipv4Addr::LOCALHOST, 0).into(), target, seed)
    }

    /// The same at `address`.
    pub fn listen(address: SocketAddr, target: SocketAddr, seed: u64) -> io::Result<Self> {
        let keeper = bound(address)?;
        let address = keeper.local_addr()?.as_socket().unwrap_or(address);
        let listener = listening(address)?;
        let state = watch::Sender::new(State::default());
        let target = watch::Sender::new(target);
        let counters = Arc::new(Counters::default());
        let acceptor = Acceptor {
            address,
            state: state.subscribe(),
            target: target.subscribe(),
            counters: Arc::clone(&counters),
            seeds: fastrand::Rng::with_seed(seed),
        };
        Ok(FaultProxy {
            address,
            state,
            target,
            counters,
            acceptor: tokio::spawn(acceptor.run(listener)),
            _keeper: keeper,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What holds now.
    pub fn conditions(&self) -> Conditions {
        self.state.borrow().conditions
    }

    /// Sets what holds from now on, for the connections that there are too.
    pub fn set(&self, conditions: Conditions) {
        self.state.send_modify(|state| state.conditions = conditions);
    }

    /// From now on nothing is done to anybody. What was broken stays broken.
    pub fn heal(&self) {
        self.set(Conditions::default());
    }

    /// Breaks all connections that there are (RST to both ends).
    pub fn break_all(&self) {
        self.state.send_modify(|state| state.breaks += 1);
    }

    /// Lets the peers of all connections that there are vanish: nothing passes any more, and neither end hears of it. New
    /// connections are as good as ever.
    pub fn vanish_all(&self) {
        self.state.send_modify(|state| state.vanishings += 1);
    }

    /// Joins new connections to another target.
    pub fn retarget(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        Counts {
            taken: self.counters.taken.load(Ordering::Relaxed),
            closed: self.counters.closed.load(Ordering::Relaxed),
            broken: self.counters.broken.load(Ordering::Relaxed),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// A socket with this address that does not listen.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Two sockets may have one address as long as at most one of them listens (socket(7), SO_REUSEADDR).
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listening(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

struct Acceptor {
    address: SocketAddr,
    state: watch::Receiver<State>,
    target: watch::Receiver<SocketAddr>,
    counters: Arc<Counters>,
    seeds: fastrand::Rng,
}

impl Acceptor {
    /// Takes connections until the proxy is gone. While they are refused there is no listener.
    async fn run(mut self, first: TcpListener) {
        let mut listener = Some(first);
        let mut links = JoinSet::new();
        loop {
            let door = self.state.borrow_and_update().conditions.door;
            if door == Door::Refuse {
                listener = None;
            } else if listener.is_none() {
                // The keeper has the port: it is free.
                listener = listening(self.address).ok();
            }
            let room = links.len() < CONNECTIONS_MAX;
            tokio::select! {
                changed = self.state.changed() => if changed.is_err() { return },
                _ = links.join_next(), if !links.is_empty() => {}
                Ok(stream) = accept(listener.as_ref()), if room => self.take(stream, door, &mut links),
            }
        }
    }

    fn take(&mut self, near: TcpStream, door: Door, links: &mut JoinSet<()>) {
        self.counters.taken.fetch_add(1, Ordering::Relaxed);
        let counters = Arc::clone(&self.counters);
        let (state, target, seed) = (self.state.clone(), *self.target.borrow(), self.seeds.u64(..));
        links.spawn(async move {
            let fate = match door {
                Door::Open | Door::Refuse => join(near, target, state, seed).await,
                Door::Reset => broken(&near),
                Door::Swallow => swallow(near, state).await,
            };
            let counter = match fate {
                Fate::Closed => &counters.closed,
                Fate::Broken => &counters.broken,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        });
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

fn broken(near: &TcpStream) -> Fate {
    near.abort();
    Fate::Broken
}

/// Connects to the target and links the two. A target that cannot be reached breaks the connection.
async fn join(near: TcpStream, target: SocketAddr, state: watch::Receiver<State>, seed: u64) -> Fate {
    let Ok(far) = TcpStream::connect(target).await else {
        return broken(&near);
    };
    // Slices are to leave as they are. A socket that is gone already says so when it is used.
    let _ = near.set_nodelay(true).and(far.set_nodelay(true));
    link(near, far, state, seed).await
}

/// Reads and forgets until the door is another one or the client gives up; then the connection breaks.
async fn swallow(mut near: TcpStream, mut state: watch::Receiver<State>) -> Fate {
    let breaks = state.borrow().breaks;
    let mut sink = [0; 4096];
    loop {
        tokio::select! {
            read = near.read(&mut sink) => if matches!(read, Ok(0) | Err(_)) {
                return Fate::Closed;
            },
            _ = state.wait_for(|state| state.conditions.door != Door::Swallow || state.breaks != breaks) => {
                return broken(&near);
            }
        }
    }
}
