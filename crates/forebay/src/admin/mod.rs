//! The admin endpoint: `/livez`, `/readyz`, `/metrics`, `/status`.
//!
//! It has a thread and a runtime of its own: it answers, and says that something is wrong, when nothing else moves. It
//! stays up until the process ends.

mod classic;
mod heart;
mod pages;
#[cfg(test)]
mod tests;

use forebay_engine::Running;
use heart::Heart;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Connections at once; more wait in the backlog.
const CONNECTIONS: usize = 32;
/// How long a client may take to send its request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last: a scrape that takes longer has failed long ago.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The stack of its thread.
const STACK_BYTES: usize = 512 << 10;

/// What the endpoint tells of.
pub(crate) struct Admin {
    running: Arc<Running>,
    began: Instant,
    heart: Heart,
}

impl Admin {
    /// Begins to watch over the runtime that it is called on.
    pub(crate) fn new(running: Arc<Running>, began: Instant) -> Self {
        Admin {
            running,
            began,
            heart: Heart::beat(),
        }
    }
}

/// Serves on a thread of its own until the process ends.
pub(crate) fn start(listener: TcpListener, admin: Admin) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let thread = std::thread::Builder::new()
        .name("admin".to_owned())
        .stack_size(STACK_BYTES);
    thread.spawn(move || runtime.block_on(serve(listener, Arc::new(admin))))?;
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, admin: Arc<Admin>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: they come back.
                tracing::warn!(%error, "the admin endpoint cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| {
                let response = admin.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .keep_alive(false);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle, or stays too long, is no news.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
        });
    }
}
