//! The seam between the clients and the network: names, connections, and nothing more. Tests put a simulated one in.

use futures_util::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long sent bytes may stay unacknowledged by the peer's kernel, and probes unanswered, before ours gives the
/// connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// How long a connection is quiet before the kernel probes it.
const QUIET: Duration = Duration::from_secs(10);
/// How far probes are apart.
const PROBES: Duration = Duration::from_secs(2);

/// A connected stream of bytes, of any kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream behind one pointer: a read or a write is one virtual call.
pub type BoxStream = Box<dyn Stream>;

/// What reaches other machines. The clients use nothing else for it, so that they can be run over a simulated network
/// with simulated names. Limits in time are the clients' own affair, by their clock.
pub trait Network: fmt::Debug + Send + Sync {
    /// The addresses that `host` (a name or an address) has now, each with `port`, in the order to prefer.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// A connection to `address`, ready for small writes (without Nagle's delay).
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>>;

    /// A connection to the unix domain socket at `path`.
    fn connect_unix<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>>;

    /// The value of an environment variable that says by which proxy the network is reached (`HTTPS_PROXY` and the like).
    /// A simulated network has none unless it says so.
    fn variable(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

/// The machine's own network: the system's name lookup, TCP and unix sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            tune(&stream)?;
            Ok(Box::new(stream) as BoxStream)
        })
    }

    fn connect_unix<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move { Ok(Box::new(UnixStream::connect(path).await?) as BoxStream) })
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Sets what every TCP connection has: no delay, and limits after which the kernel notices that the peer is gone, which
/// together are 15 s: a half-open connection is found within that time also where the protocol has no pings.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(QUIET).with_interval(PROBES);
    #[cfg(target_os = "linux")]
    let keepalive = keepalive.with_retries(2);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
