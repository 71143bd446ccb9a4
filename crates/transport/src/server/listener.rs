//! The socket that connections come in by.

use super::connection::serve_stream;
use super::{ServerSettings, Service};
use forebay_core::component::NodeContext;
use forebay_core::{Origin, Reason};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How many connections the kernel may hold until they are accepted.
const BACKLOG: i32 = 1024;

/// How long to wait when the process or the machine has run out of something that accepting needs.
const BREATHER: Duration = Duration::from_millis(100);

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    /// Binds to `address`, `host:port` or `[v6]:port`; of a name with several addresses the first that can be bound. Port 0
    /// takes a free one. A name is looked up here, on the caller's thread.
    ///
    /// # Errors
    ///
    /// The last address's own, such as "address in use".
    pub fn bind(address: &str) -> io::Result<Listener> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for candidate in address.to_socket_addrs()? {
            match bind_one(candidate) {
                Ok(socket) => return Ok(Listener { socket }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The address that it listens on, with the port that it got.
    ///
    /// # Errors
    ///
    /// The system's own.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts and serves connections. Returns once the process drains and the last connection has ended.
    ///
    /// # Errors
    ///
    /// If the socket cannot be given to the runtime. Accepting itself never ends with an error: it waits and tries again.
    pub async fn serve<S: Service>(
        self,
        service: Arc<S>,
        node: NodeContext,
        settings: ServerSettings,
    ) -> io::Result<()> {
        let socket = tokio::net::TcpListener::from_std(self.socket)?;
        // `acquire_many` takes no more than fit 32 bits.
        let most = u32::try_from(settings.max_connections).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(most as usize));
        while let Some(accepted) = next(&socket, &node).await {
            match accepted {
                Ok((stream, peer)) => start(stream, peer, &room, (&service, &node, settings)),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections, trying again");
                    pause(&node).await;
                }
            }
        }
        drop(socket);

        // Each connection holds a permit until it ends. The semaphore is never closed, so this cannot fail.
        let _ = room.acquire_many(most).await;
        Ok(())
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The next connection; nothing once the process drains.
async fn next(
    socket: &tokio::net::TcpListener,
    node: &NodeContext,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    tokio::select! {
        biased;
        () = node.shutdown.draining() => None,
        accepted = socket.accept() => Some(accepted),
    }
}

async fn pause(node: &NodeContext) {
    tokio::select! {
        () = node.clock.sleep(BREATHER) => {}
        () = node.shutdown.draining() => {}
    }
}

/// Whether accepting failed for a connection that is gone already, and not for want of anything here.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn start<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    room: &Arc<Semaphore>,
    (service, node, settings): (&Arc<S>, &NodeContext, ServerSettings),
) {
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        tracing::debug!(%peer, "connection closed: there are as many as may be");
        service.turned_away(Reason::OverBudget);
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        // The peer may be gone already; then reading will say so.
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let (service, context) = (Arc::clone(service), node.clone());
    node.tasks.spawn("connection", async move {
        let origin = Origin {
            peer: Some(peer),
            identity: None,
        };
        serve_stream(stream, service, origin, &context, settings).await;
        drop(permit);
    });
}
