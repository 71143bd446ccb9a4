//! Accepts connections while the mode allows it.

use super::mode::{self, Condition};
use super::{Shared, service};
use crate::Result;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

const WINDOW: u32 = 8 << 20;
const FRAME: u32 = 1 << 20;

/// Binds and starts to accept. A port once found is kept when the sink refuses connections for a while.
pub(super) fn start(shared: &Arc<Shared>, address: SocketAddr) -> Result<SocketAddr> {
    let listener = bind(address)?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(Arc::clone(shared), listener, address));
    Ok(address)
}

pub(super) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(1024)?)
}

async fn serve(shared: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut mode = shared.mode.subscribe();
    let mut listener = Some(listener);
    loop {
        let Some(open) = listener.take().or_else(|| bind(address).ok()) else {
            // The port may still be closing.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut connections = JoinSet::new();
        tokio::select! {
            () = mode::until(&mut mode, |condition| condition == Condition::Refuse) => {}
            () = accept(&shared, &open, &mut connections) => {}
        }
        drop(open);
        connections.shutdown().await;
        mode::until(&mut mode, |condition| condition != Condition::Refuse).await;
    }
}

async fn accept(shared: &Arc<Shared>, listener: &TcpListener, connections: &mut JoinSet<()>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(Arc::clone(shared), stream));
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    // Without it answers are only slower.
    let _late = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(4096);
    let service = service_fn(move |request| service::answer(Arc::clone(&shared), request));
    // A connection that breaks is the sender's to notice.
    let _broken = builder.serve_connection(TokioIo::new(stream), service).await;
}
