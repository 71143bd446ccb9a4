//! HTTP/1.1 connections to one destination: kept open between requests, made when all are in use.

use super::CallError;
use super::body::OneFrame;
use super::dial::{Dialer, Surroundings};
use forebay_core::Time;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The largest header block that is taken, and the least that the read buffer may grow to.
const HEAD_MAX: usize = 32 << 10;
/// How long an idle connection is trusted. Servers and proxies close idle connections, the strictest after a minute.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// Idle connections, and the way to new ones.
#[derive(Debug)]
pub(super) struct Pool {
    dialer: Dialer,
    surroundings: Surroundings,
    idle: Mutex<VecDeque<Idle>>,
    capacity: usize,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<OneFrame>,
    since: Time,
}

/// A connection, for one request at a time.
#[derive(Debug)]
pub(super) struct Loan {
    pub(super) sender: SendRequest<OneFrame>,
    /// Whether it has carried a request before: then the server may have closed it meanwhile.
    pub(super) used: bool,
}

impl Pool {
    /// A pool that keeps at most `capacity` idle connections.
    pub(super) fn new(dialer: Dialer, surroundings: Surroundings, capacity: usize) -> Self {
        Pool {
            dialer,
            surroundings,
            idle: Mutex::default(),
            capacity,
        }
    }

    /// The idle connection that was used last, or a new one.
    pub(super) async fn lend(&self) -> Result<Loan, CallError> {
        while let Some(mut idle) = self.take() {
            if idle.sender.ready().await.is_ok() {
                return Ok(Loan {
                    sender: idle.sender,
                    used: true,
                });
            }
        }
        self.open().await
    }

    /// A new connection, whatever is idle.
    pub(super) async fn open(&self) -> Result<Loan, CallError> {
        let socket = self.dialer.dial().await?;
        let (sender, connection) = http1::Builder::new()
            .writev(true)
            .max_buf_size(HEAD_MAX)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| self.dialer.failed(&super::words("HTTP/1.1 handshake", &error)))?;
        let shutdown = self.surroundings.shutdown.clone();
        self.surroundings.tasks.spawn("http_connection", async move {
            tokio::select! {
                // How it ended is told to the request on it; between requests nobody needs to know.
                _ = connection => {}
                () = shutdown.stopped() => {}
            }
        });
        Ok(Loan { sender, used: false })
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn give_back(&self, sender: SendRequest<OneFrame>) {
        if sender.is_closed() {
            return;
        }
        let since = self.surroundings.clock.now();
        let mut idle = self.idle();
        if idle.len() >= self.capacity {
            idle.pop_front();
        }
        idle.push_back(Idle { sender, since });
    }

    /// Notes that the destination has answered a request.
    pub(super) fn answered(&self) {
        self.dialer.answered();
    }

    /// Closes what is idle.
    pub(super) fn close(&self) {
        self.idle().clear();
    }

    fn take(&self) -> Option<Idle> {
        let now = self.surroundings.clock.now();
        let mut idle = self.idle();
        idle.retain(|idle| now.since(idle.since) < IDLE_MAX && !idle.sender.is_closed());
        idle.pop_back()
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
