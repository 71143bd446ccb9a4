//! HTTP/1.1 connections to one destination: kept open between requests, made when all are in use.

use super::CallError;
use super::addresses::Address;
use super::body::OneFrame;
use super::dial::{Connected, Dialer, Surroundings};
use super::meter::{AnswerBytes, Metered};
use crate::tls::Alpn;
use forebay_core::Time;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The largest header block that is taken, and the least that the read buffer may grow to.
const HEAD_MAX: usize = 32 << 10;
/// How long an idle connection is trusted. Servers and proxies close idle connections, the strictest after a minute.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// Idle connections, and the way to new ones.
#[derive(Debug)]
pub(super) struct Pool {
    dialer: Arc<Dialer>,
    surroundings: Surroundings,
    shelf: Mutex<Shelf>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: VecDeque<Idle>,
    /// The addresses that take turns, of this generation.
    addresses: Vec<Address>,
    generation: u64,
    turn: usize,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<OneFrame>,
    since: Time,
    address: Address,
}

/// A connection, for one request at a time. One that is dropped without an answer casts suspicion on its like.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    pool: &'a Pool,
    /// Until it is given back.
    sender: Option<SendRequest<OneFrame>>,
    address: Address,
    /// Whether it has carried a request before: then the server may have closed it meanwhile.
    pub(super) used: bool,
    has_answered: bool,
}

/// What is there for the next request.
enum Choice {
    /// This connection.
    Idle(Idle),
    /// A new one should be made. If that fails, an idle one will do.
    New,
}

impl Pool {
    /// A pool that keeps at most `capacity` idle connections.
    pub(super) fn new(dialer: Arc<Dialer>, surroundings: Surroundings, capacity: usize) -> Self {
        Pool {
            dialer,
            surroundings,
            shelf: Mutex::default(),
            capacity,
        }
    }

    /// An idle connection, or a new one: the addresses take turns, and of the connections to one address the one that was
    /// used last is taken.
    pub(super) async fn lend(&self) -> Result<Loan<'_>, CallError> {
        self.dialer.refresh();
        while let Choice::Idle(idle) = self.choose() {
            if let Some(loan) = self.ready(idle).await {
                return Ok(loan);
            }
        }
        match self.open().await {
            Ok(loan) => Ok(loan),
            Err(error) => {
                let idle = self.shelf().idle.pop_back();
                match idle {
                    Some(idle) => self.ready(idle).await.ok_or(error),
                    None => Err(error),
                }
            }
        }
    }

    /// A new connection, whatever is idle.
    pub(super) async fn open(&self) -> Result<Loan<'_>, CallError> {
        let in_use: Vec<Address> = {
            let shelf = self.shelf();
            shelf.idle.iter().map(|idle| idle.address.clone()).collect()
        };
        let connected = self.dialer.dial(&in_use, Alpn::Http1).await?;
        self.adopt(connected).await
    }

    /// Makes a loan of a connection that speaks HTTP/1.1.
    pub(super) async fn adopt(&self, connected: Connected) -> Result<Loan<'_>, CallError> {
        let address = connected.address;
        let io = TokioIo::new(Metered::new(connected.io, AnswerBytes::default()));
        let made = http1::Builder::new()
            .writev(true)
            .max_buf_size(HEAD_MAX)
            .handshake(io)
            .await;
        let (sender, connection) = made.map_err(|error| {
            let why = super::words("HTTP/1.1 handshake", &error);
            self.dialer.addresses().failed(&address, &why)
        })?;
        let (shutdown, dialer) = (self.surroundings.shutdown.clone(), Arc::clone(&self.dialer));
        self.surroundings.tasks.spawn("http1_connection", async move {
            tokio::select! {
                // How it ended is told to the request on it; between requests nobody needs to know.
                _ = connection => dialer.addresses().ended(),
                () = shutdown.stopped() => {}
            }
        });
        Ok(Loan {
            pool: self,
            sender: Some(sender),
            address,
            used: false,
            has_answered: false,
        })
    }

    /// Closes what is idle.
    pub(super) fn close(&self) {
        self.shelf().idle.clear();
    }

    async fn ready(&self, mut idle: Idle) -> Option<Loan<'_>> {
        idle.sender.ready().await.ok()?;
        Some(Loan {
            pool: self,
            sender: Some(idle.sender),
            address: idle.address,
            used: true,
            has_answered: false,
        })
    }

    fn choose(&self) -> Choice {
        let now = self.surroundings.clock.now();
        let addresses = self.dialer.addresses();
        let generation = addresses.generation();
        let mut shelf = self.shelf();
        shelf
            .idle
            .retain(|idle| now.since(idle.since) < IDLE_MAX && !idle.sender.is_closed());
        if shelf.generation != generation {
            let active = addresses.active();
            shelf.generation = generation;
            shelf.addresses = active.into_iter().map(|(address, _)| address).collect();
            let Shelf { idle, addresses, .. } = &mut *shelf;
            idle.retain(|idle| addresses.contains(&idle.address));
        }
        if shelf.addresses.len() < 2 {
            return shelf.idle.pop_back().map_or(Choice::New, Choice::Idle);
        }
        shelf.next_in_turn(|address| addresses.is_free(address))
    }

    /// Takes a connection back whose answer was read to its end.
    fn give_back(&self, (sender, address): (SendRequest<OneFrame>, Address)) {
        if sender.is_closed() {
            return;
        }
        let since = self.surroundings.clock.now();
        let mut shelf = self.shelf();
        if shelf.idle.len() >= self.capacity {
            shelf.idle.pop_front();
        }
        shelf.idle.push_back(Idle {
            sender,
            since,
            address,
        });
    }

    /// A request to `address` was given up unanswered: the idle connections to it may lead nowhere as well.
    fn suspect(&self, address: &Address) {
        self.shelf().idle.retain(|idle| idle.address != *address);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// A connection to the address whose turn it is. One without an idle connection gets a new one, if it can be tried now.
    fn next_in_turn(&mut self, is_free: impl Fn(&Address) -> bool) -> Choice {
        self.turn = self.turn.wrapping_add(1);
        let Some(wanted) = self.addresses.get(self.turn % self.addresses.len().max(1)) else {
            return Choice::New;
        };
        match self.idle.iter().rposition(|idle| idle.address == *wanted) {
            Some(at) => self.idle.remove(at).map_or(Choice::New, Choice::Idle),
            None if is_free(wanted) => Choice::New,
            None => self.idle.pop_back().map_or(Choice::New, Choice::Idle),
        }
    }
}

impl Loan<'_> {
    /// What requests are sent with.
    pub(super) fn sender(&mut self) -> Option<&mut SendRequest<OneFrame>> {
        self.sender.as_mut()
    }

    /// The server has answered.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
        if !self.used {
            self.pool.dialer.addresses().answered(&self.address);
        }
    }

    /// Puts the connection back: the answer was read to its end.
    pub(super) fn give_back(mut self) {
        if let Some(sender) = self.sender.take() {
            self.pool.give_back((sender, self.address.clone()));
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if !self.has_answered {
            self.pool.suspect(&self.address);
        }
    }
}
