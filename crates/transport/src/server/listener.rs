//! The socket that connections come in by.

use super::connection::Terms;
use super::reception::Reception;
use super::socket::Bound;
use super::stream::{Door, Stream};
use super::{ServerSettings, Service};
use forebay_core::component::{ListenAddress, NodeContext};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
        let reception = Reception::new(Terms {
            service,
            node: node.clone(),
            settings,
        });
        while let Some(accepted) = next(&door, &node).await {
            match accepted {
                Ok((stream, peer)) => reception.receive(stream, peer).await,
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections, trying again");
                    reception.make_room().await;
                    pause(&node).await;
                }
            }
        }
        drop(door);
        reception.empty().await;
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
