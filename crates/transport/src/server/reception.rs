//! Where connections are received: who gets a place, and who has to go.

use super::connection::{Accepted, Terms, serve};
use super::roster::{Full, Roster, Seat, Standing};
use super::stream::Stream;
use super::window::Window;
use super::{LimitsConfig, Service};
use forebay_core::{Origin, Reason, Time};
use rustix::process::{Resource, getrlimit};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection that has to make room may take to do so. It is closed as soon as its task runs.
const MAKE_ROOM: Duration = Duration::from_millis(100);
/// How many connections may be closed to make room for one: several may have to go until there is memory for its window.
const MOST_IN_FAVOUR: usize = 8;
/// The part of the open files that is kept back for the rest of the process: one in so many,
const KEPT_BACK_SHARE: u64 = 8;
/// and at least as many.
const KEPT_BACK_LEAST: u64 = 64;
/// The part of the other files that the connections of one server may take, as there are usually two servers: one in so many.
const SERVER_SHARE: u64 = 2;

/// How many files the process may have open for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Files {
    /// From this descriptor on a new one is for the rest of the process: the system always gives the lowest that is free.
    kept_back: u64,
}

impl Files {
    /// By the limit of the process as it is now; nothing if there is none.
    fn of_process() -> Option<Files> {
        getrlimit(Resource::Nofile).current.map(Files::with_limit)
    }

    fn with_limit(limit: u64) -> Files {
        let back = (limit / KEPT_BACK_SHARE).max(KEPT_BACK_LEAST).min(limit / 2);
        Files {
            kept_back: limit - back,
        }
    }

    /// The most connections of one server.
    fn for_one_server(self) -> u64 {
        (self.kept_back / SERVER_SHARE).max(1)
    }
}

/// Receives the connections of one server.
#[derive(Debug)]
pub(super) struct Reception<S> {
    terms: Arc<Terms<S>>,
    roster: Arc<Roster>,
    files: Option<Files>,
}

impl<S: Service> Reception<S> {
    /// For a server on these terms.
    pub(super) fn new(terms: Terms<S>) -> Self {
        let files = Files::of_process();
        let LimitsConfig {
            max_connections,
            max_connections_per_peer,
            ..
        } = &terms.settings.limits;
        let possible = files.map_or(u64::MAX, Files::for_one_server);
        let most = max_connections.0.min(possible);
        if most < max_connections.0 {
            let asked = max_connections.0;
            tracing::info!(
                asked,
                most,
                "fewer connections than configured: the process may open too few files"
            );
        }
        let count = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
        Reception {
            roster: Roster::new(count(most), count(max_connections_per_peer.0)),
            terms: Arc::new(terms),
            files,
        }
    }

    /// Starts to serve a connection, or closes it.
    pub(super) async fn receive(&self, stream: Stream, peer: Option<SocketAddr>) {
        let (seat, window) = match self.admit(&stream, peer).await {
            Ok(admitted) => admitted,
            Err(reason) => {
                tracing::debug!(?peer, %reason, "connection turned away");
                self.terms.service.turned_away(reason);
                return;
            }
        };
        let origin = Origin { peer, identity: None };
        let accepted = Accepted { origin, window, seat };
        let terms = Arc::clone(&self.terms);
        let task = async move { serve(stream, accepted, &terms).await };
        self.terms.node.tasks.spawn("connection", task);
    }

    /// Closes a connection that has shown nothing yet, if there is one, for want of something that the next one needs.
    pub(super) async fn make_room(&self) {
        if let Full::Asked(standing) = self.roster.make_room(None, self.now()) {
            self.see_off(&standing).await;
        }
    }

    /// Ready once the last connection has ended.
    pub(super) async fn empty(&self) {
        self.roster.empty().await;
    }

    /// A place and a window, if need be those of others that have shown nothing yet.
    async fn admit(&self, stream: &Stream, peer: Option<SocketAddr>) -> Result<(Seat, Window), Reason> {
        let seat = self.seat(peer).await?;
        let descriptor = u64::try_from(stream.as_raw_fd()).unwrap_or(0);
        if self.files.is_some_and(|files| descriptor >= files.kept_back) {
            self.in_favour_of(&seat, Reason::TooManyConnections).await?;
        }
        for _ in 0..MOST_IN_FAVOUR {
            match Window::open(&self.terms.node.ledger) {
                Ok(window) => return Ok((seat, window)),
                Err(_) => self.in_favour_of(&seat, Reason::OverBudget).await?,
            }
        }
        Err(Reason::OverBudget)
    }

    async fn seat(&self, peer: Option<SocketAddr>) -> Result<Seat, Reason> {
        let address = peer.map(|peer| peer.ip());
        for _ in 0..MOST_IN_FAVOUR {
            match self.roster.take(address, self.now()) {
                Ok(seat) => return Ok(seat),
                Err(Full::Proven) => break,
                Err(full) => self.until_there_is_room(full).await,
            }
        }
        Err(Reason::TooManyConnections)
    }

    /// Closes another connection in favour of the one at `seat`, or says that this one has to go.
    async fn in_favour_of(&self, seat: &Seat, reason: Reason) -> Result<(), Reason> {
        loop {
            match self.roster.make_room(Some(seat), self.now()) {
                Full::Proven => return Err(reason),
                Full::Asked(standing) => {
                    self.see_off(&standing).await;
                    return Ok(());
                }
                full @ Full::Until(_) => self.until_there_is_room(full).await,
            }
        }
    }

    /// Waits until there may be room. Others wait in the system's queue meanwhile.
    async fn until_there_is_room(&self, full: Full) {
        match full {
            Full::Proven => {}
            Full::Asked(standing) => self.see_off(&standing).await,
            Full::Until(time) => tokio::select! {
                () = self.roster.somebody_leaves() => {}
                () = self.terms.node.clock.sleep_until(time) => {}
            },
        }
    }

    fn now(&self) -> Time {
        self.terms.node.clock.now()
    }

    /// Waits until a connection that was asked to leave has left, so that there are never more than may be.
    async fn see_off(&self, standing: &Standing) {
        tokio::select! {
            () = standing.gone() => {}
            () = self.terms.node.clock.sleep(MAKE_ROOM) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_back() {
        assert_eq!(Files::with_limit(1024).kept_back, 896);
        assert_eq!(Files::with_limit(1024).for_one_server(), 448);
        assert_eq!(Files::with_limit(256).kept_back, 192);
        assert_eq!(Files::with_limit(1 << 20).kept_back, (1 << 20) - (1 << 17));
        assert_eq!(Files::with_limit(20).kept_back, 10);
        assert_eq!(Files::with_limit(1).for_one_server(), 1);
    }
}
