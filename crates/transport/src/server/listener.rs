//! The socket that connections come in by.

use super::connection::serve_stream;
use super::socket::Bound;
use super::stream::{Door, Stream};
use super::{ServerSettings, Service};
use forebay_core::component::{ListenAddress, NodeContext};
use forebay_core::{Origin, Reason};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long to wait when the process or the machine has run out of something that accepting needs.
const BREATHER: Duration = Duration::from_millis(100);

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
}

impl Listener {
    /// Binds to `address`:
    ///
    /// - `host:port` or `[v6]:port`; of a name with several addresses the first that can be bound. Port 0 takes a free one.
    ///   A name is looked up here, on the caller's thread.
    /// - `unix:///path`: a unix socket, whose file is made with the mode 0660, and removed when the server ends. A file that
    ///   a process left behind which is gone is replaced; a socket that another process listens on is an error, and so is
    ///   a file of another kind.
    ///
    /// # Errors
    ///
    /// The last address's own, such as "address in use".
    pub fn bind(address: &str) -> io::Result<Listener> {
        let socket = Bound::to(address)?;
        Ok(Listener { socket })
    }

    /// Where it listens, with the port that it got.
    ///
    /// # Errors
    ///
    /// The system's own.
    pub fn local_addr(&self) -> io::Result<ListenAddress> {
        self.socket.address()
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
        let door = Door::open(self.socket)?;
        // `acquire_many` takes no more than fit 32 bits.
        let most = u32::try_from(settings.limits.max_connections.0).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(most as usize));
        while let Some(accepted) = next(&door, &node).await {
            match accepted {
                Ok((stream, peer)) => start(stream, peer, &room, (&service, &node, &settings)),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections, trying again");
                    pause(&node).await;
                }
            }
        }
        drop(door);

        // Each connection holds a permit until it ends. The semaphore is never closed, so this cannot fail.
        let _ = room.acquire_many(most).await;
        Ok(())
    }
}

/// The next connection; nothing once the process drains.
async fn next(door: &Door, node: &NodeContext) -> Option<io::Result<(Stream, Option<SocketAddr>)>> {
    tokio::select! {
        biased;
        () = node.shutdown.draining() => None,
        accepted = door.accept() => Some(accepted),
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
    stream: Stream,
    peer: Option<SocketAddr>,
    room: &Arc<Semaphore>,
    (service, node, settings): (&Arc<S>, &NodeContext, &ServerSettings),
) {
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        tracing::debug!(?peer, "connection closed: there are as many as may be");
        service.turned_away(Reason::TooManyConnections);
        return;
    };
    let (service, context, settings) = (Arc::clone(service), node.clone(), settings.clone());
    node.tasks.spawn("connection", async move {
        let origin = Origin { peer, identity: None };
        serve_stream(stream, service, origin, &context, settings).await;
        drop(permit);
    });
}
